package format

import (
	"strconv"
	"strings"

	"github.com/cepd/cepd/query/ast"
)

func (p *printer) matchRecognize(m *ast.MatchRecognize) {
	if _, join := m.Input.(*ast.Join); join {
		p.block(m.Input.Pos().Start, m.Input.Pos().End, func() { p.table(m.Input) })
	} else {
		p.table(m.Input)
	}
	p.line(m.Input.Pos().End)
	p.write("MATCH_RECOGNIZE ")
	end := m.Span.End - 1
	if m.Alias.Name != nil {
		end = m.Alias.Span.Start - 1
	}
	p.block(p.firstClause(m), end, func() { p.clauses(m) })
	p.alias(m.Alias)
}

// firstClause is where the first clause that is printed stands.
func (p *printer) firstClause(m *ast.MatchRecognize) int {
	switch {
	case len(m.PartitionBy) > 0:
		return m.PartitionBy[0].Pos().Start
	case len(m.OrderBy) > 0:
		return m.OrderBy[0].Span.Start
	case len(m.Measures) > 0:
		return m.Measures[0].Span.Start
	}
	return m.Input.Pos().End
}

func (p *printer) clauses(m *ast.MatchRecognize) {
	first := true
	clause := func(pos int, print func()) {
		if !first {
			p.line(pos)
		}
		first = false
		print()
	}
	if by := m.PartitionBy; len(by) > 0 {
		clause(by[0].Pos().Start, func() { list(p, "PARTITION BY", by, extent, (*printer).expr) })
	}
	if by := m.OrderBy; len(by) > 0 {
		clause(by[0].Span.Start, func() { list(p, "ORDER BY", by, extent, (*printer).orderItem) })
	}
	if ms := m.Measures; len(ms) > 0 {
		clause(ms[0].Span.Start, func() { list(p, "MEASURES", ms, extent, (*printer).measure) })
	}
	if m.RowsSpan.End > 0 {
		clause(m.RowsSpan.Start, func() {
			p.write(rows[m.Rows], " PER MATCH", rowsOption[m.Rows], exists(m.Timeout, " SHOW TIMEOUT MATCHES"))
		})
	}
	if after := afterMatch(m); after != "" {
		clause(afterStart(m), func() { p.write("AFTER MATCH", after) })
	}
	clause(m.Pattern.Pos().Start, func() { p.patternClause(m) })
	if len(m.Subsets) > 0 {
		clause(m.Subsets[0].Span.Start, func() { list(p, "SUBSET", m.Subsets, extent, (*printer).subset) })
	}
	clause(m.Define[0].Span.Start, func() { p.defines(m.Define) })
}

var (
	rows       = [...]string{ast.OneRow: "ONE ROW", ast.AllRows: "ALL ROWS", ast.AllRowsOmit: "ALL ROWS", ast.AllRowsUnmatch: "ALL ROWS"}
	rowsOption = [...]string{ast.OneRow: "", ast.AllRows: "", ast.AllRowsOmit: " OMIT EMPTY MATCHES", ast.AllRowsUnmatch: " WITH UNMATCHED ROWS"}
)

func (p *printer) measure(m ast.Measure) {
	p.expr(m.Expr)
	p.write(" AS ")
	p.ident(m.Name)
}

func afterStart(m *ast.MatchRecognize) int {
	if m.Skip.Mode != ast.SkipDefault {
		return m.Skip.Span.Start
	}
	if m.Select != "" {
		return m.SelectSpan.Start
	}
	return m.ConsumeSpan.Start
}

func afterMatch(m *ast.MatchRecognize) string {
	to := flatText(func(q *printer) { q.ident(m.Skip.To) })
	text := ""
	switch m.Skip.Mode {
	case ast.SkipPastLast:
		text = " SKIP PAST LAST ROW"
	case ast.SkipToNext:
		text = " SKIP TO NEXT ROW"
	case ast.SkipToFirst:
		text = " SKIP TO FIRST " + to
	case ast.SkipToLast:
		text = " SKIP TO LAST " + to
	case ast.NoSkip:
		text = " NO SKIP"
	}
	return text + exists(m.Select != "", " SELECT "+m.Select) + exists(m.Consume != "", " CONSUME BY "+m.Consume)
}

func (p *printer) patternClause(m *ast.MatchRecognize) {
	p.write(exists(m.SearchMod != "", m.SearchMod+" "), "PATTERN (")
	p.pattern(m.Pattern)
	p.write(")", exists(m.Strategy != "", " SKIP TILL "+m.Strategy+" MATCH"))
	if m.Within != nil {
		p.write(" WITHIN ")
		p.operandExpr(m.Within, levelAdd)
	}
	if m.Gap != nil {
		p.write(" WITHIN ")
		p.operandExpr(m.Gap, levelAdd)
		p.write(" BETWEEN ROWS")
	}
	p.write(exists(m.EmitTimeouts, " EMIT TIMEOUTS"))
	if m.Limit != nil {
		p.line(m.Limit.Pos().Start)
		p.write("LIMIT ")
		p.operandExpr(m.Limit, levelAdd)
	}
	if s := m.Suppress; s != nil {
		p.line(s.Span.Start)
		p.write("SUPPRESS BY ")
		commas(p, s.By, (*printer).expr)
		p.write(" FOR ")
		p.operandExpr(s.For, levelAdd)
	}
}

func (p *printer) subset(s ast.Subset) {
	p.ident(s.Name)
	p.write(" =")
	p.columns(s.Vars)
}

// defines prints each condition on a line of its own: they are what is read most.
func (p *printer) defines(list []ast.Define) {
	p.write("DEFINE")
	p.depth++
	for i, d := range list {
		if i > 0 {
			p.write(",")
		}
		p.line(d.Span.Start)
		p.ident(d.Name)
		p.write(" AS ")
		p.condition(d.Cond)
	}
	p.depth--
}

// ---- patterns

func (p *printer) pattern(n ast.Pattern) {
	switch n := n.(type) {
	case *ast.PatVar:
		p.ident(n.Name)
	case *ast.PatEmpty:
		p.write("()")
	case *ast.PatAnchor:
		p.write(exists(n.Start, "^"), exists(!n.Start, "$"))
	case *ast.PatGroup:
		p.write("(")
		p.pattern(n.Item)
		p.write(")")
	case *ast.PatExclude:
		p.write("{- ")
		p.pattern(n.Item)
		p.write(" -}")
	case *ast.PatNotSet:
		p.write("[^")
		p.ident(n.Name)
		p.write("]")
	case *ast.PatPermute:
		p.write("PERMUTE(")
		commas(p, n.Items, (*printer).pattern)
		p.write(")")
	case *ast.PatQuant:
		p.pattern(n.Item)
		p.quantifier(n)
	case *ast.PatAlt:
		for i, a := range n.Alts {
			p.write(exists(i > 0, " | "))
			p.pattern(a)
		}
	case *ast.PatConcat:
		p.concat(n)
	}
}

func (p *printer) concat(n *ast.PatConcat) {
	for i, s := range n.Steps {
		p.write(exists(i > 0, " "), exists(s.Edge != ast.EdgeDefault, s.Edge.String()+" "), exists(s.Not, "NOT "))
		p.pattern(s.Item)
	}
	if n.Within != nil {
		p.write(" WITHIN ")
		p.operandExpr(n.Within, levelAdd)
	}
}

func (p *printer) quantifier(q *ast.PatQuant) {
	if q.MinExpr == nil && q.MaxExpr == nil {
		p.write(q.Text)
		return
	}
	lo, hi := boundText(q.Min, q.MinExpr), boundText(q.Max, q.MaxExpr)
	if q.MinExpr != nil && q.MinExpr == q.MaxExpr {
		p.write("{", lo, "}")
	} else {
		p.write("{", lo, ",", hi, "}")
	}
	p.write(exists(q.Reluctant, "?"), exists(q.Possessive, "+"))
}

// boundText keeps a sign apart from the brace: "{-" opens an exclusion.
func boundText(n int, e ast.Expr) string {
	switch {
	case e != nil:
		text := flatText(func(q *printer) { q.operandExpr(e, levelAdd) })
		return exists(strings.HasPrefix(text, "-"), " ") + text
	case n < 0:
		return ""
	}
	return strconv.Itoa(n)
}
