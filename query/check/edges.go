package check

import (
	"sort"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/plan"
)

// edges settles how the clause is matched: by the standard's preferment, or,
// when it uses what only event processing has, every match as it completes.
func (m *matcher) edges() {
	e := m.ast
	m.out.Timeouts = e.EmitTimeouts || e.Timeout
	m.out.Edges = m.out.Timeouts || e.Strategy != "" || e.Gap != nil || e.Skip.Mode == ast.NoSkip || selects(e) || hasEdges(e.Pattern)
	if m.out.Edges && e.Rows == ast.AllRowsUnmatch {
		m.refusePattern(e.RowsSpan, "WITH UNMATCHED ROWS in a pattern with edges")
	}
}

// hasEdges says whether the pattern itself asks for every match.
func hasEdges(p ast.Pattern) bool {
	switch p := p.(type) {
	case *ast.PatConcat:
		if p.Within != nil {
			return true
		}
		for i := range p.Steps {
			if p.Steps[i].Not || p.Steps[i].Edge != ast.EdgeDefault {
				return true
			}
		}
	case *ast.PatQuant:
		if p.Possessive {
			return true
		}
	}
	for _, sub := range subPatterns(p) {
		if hasEdges(sub) {
			return true
		}
	}
	return false
}

func (m *matcher) malformed(span diag.Span, format string, args ...any) *diag.Diagnostic {
	m.fail()
	return m.add(diag.MalformedPattern, span, format, args...)
}

// led gives a row the edge of the pattern's strategy. An edge written before
// it counts instead.
func (m *matcher) led(row plan.Pattern) plan.Pattern {
	switch m.ast.Strategy {
	case "NEXT":
		return plan.PatEdge{Edge: ast.EdgeRelaxed, Item: row}
	case "ANY":
		return plan.PatEdge{Edge: ast.EdgeAny, Item: row}
	}
	return row
}

// unled drops the strategy's edge from the row that begins the pattern.
func unled(p plan.Pattern) plan.Pattern {
	switch p := p.(type) {
	case plan.PatEdge:
		return p.Item
	case plan.PatConcat:
		p.Items[0] = unled(p.Items[0])
	case plan.PatAlt:
		for i := range p.Alts {
			p.Alts[i] = unled(p.Alts[i])
		}
	case plan.PatWithin:
		p.Item = unled(p.Item)
		return p
	case plan.PatQuant:
		if p.Max == 1 {
			p.Item = unled(p.Item)
		}
		return p
	}
	return p
}

// limited makes the WITHIN of the whole pattern that stands inside its
// parentheses the limit of the match.
func (m *matcher) limited(p plan.Pattern) plan.Pattern {
	if w, ok := p.(plan.PatWithin); ok {
		m.out.Within = w.Within
		return w.Item
	}
	return p
}

// ---- concatenation and negation

func (m *matcher) concat(p *ast.PatConcat, at place) plan.Pattern {
	items := make([]plan.Pattern, 0, len(p.Steps))
	for i := range p.Steps {
		here := place{first: at.first && i == 0, last: at.last && i == len(p.Steps)-1, repeat: at.repeat && i == 0}
		if p.Steps[i].Not {
			items = append(items, m.negation(p, i, here))
		} else {
			items = append(items, m.step(&p.Steps[i], here))
		}
	}
	var out plan.Pattern = plan.PatConcat{Items: items}
	if len(items) == 1 {
		out = items[0]
	}
	if p.Within == nil {
		return out
	}
	return plan.PatWithin{Item: out, Within: m.interval("WITHIN", p.Within)}
}

func (m *matcher) step(s *ast.PatStep, at place) plan.Pattern {
	if s.Edge == ast.EdgeDefault {
		return m.bind(s.Item, at)
	}
	if at.first && !at.repeat {
		m.malformed(s.Pos(), "%s cannot lead the first step: nothing precedes it", s.Edge).WithHint("leave %s out", s.Edge)
	}
	item := m.bind(s.Item, at)
	if e, ok := item.(plan.PatEdge); ok { // the edge of the strategy, or of a group in parentheses
		item = e.Item
	}
	return plan.PatEdge{Edge: s.Edge, Item: item}
}

// negation binds step i of p, a NOT x.
func (m *matcher) negation(p *ast.PatConcat, i int, at place) plan.Pattern {
	s := &p.Steps[i]
	switch {
	case s.Edge == ast.EdgeAny:
		m.malformed(s.Pos(), "->> cannot lead NOT: a row must be absent, or not").WithHint("write -> NOT")
	case at.first:
		m.malformed(s.Pos(), "NOT cannot be the first step: nothing precedes it").WithHint("begin the pattern with the row after which it must not come")
	case i == len(p.Steps)-1:
		m.finalNegation(p, s, at)
	}
	return plan.PatNot{Edge: s.Edge, Var: m.negated(s)}
}

// finalNegation checks a NOT that no step of its group follows.
func (m *matcher) finalNegation(p *ast.PatConcat, s *ast.PatStep, at place) {
	whole := p == m.ast.Pattern
	switch {
	case !at.last:
		m.malformed(s.Pos(), "NOT is no row of its own: a step must follow it in the same group").WithHint("write the step that follows into the parentheses")
	case p.Within != nil && !whole:
		m.refusePattern(s.Pos(), "NOT at the end of a part with WITHIN")
	case s.Edge == ast.EdgeRelaxed && p.Within == nil && m.ast.Within == nil && m.ast.Gap == nil:
		m.add(diag.UnboundedState, s.Pos(), "-> NOT at the end is decided when time runs out, and the pattern has no WITHIN").WithHint("add WITHIN INTERVAL '10' MINUTE after PATTERN (…)")
		m.fail()
	}
}

// negated is the variable of NOT x.
func (m *matcher) negated(s *ast.PatStep) int {
	item := s.Item
	for {
		g, ok := item.(*ast.PatGroup)
		if !ok {
			break
		}
		item = g.Item
	}
	switch p := item.(type) {
	case *ast.PatVar:
		m.defined(p.Name)
		return m.scope.vars[folded(p.Name)]
	case *ast.PatQuant:
		m.malformed(m.quantifierSpan(p), "what must not come has no quantifier").WithHint("leave %s out", p.Text)
	default:
		m.malformed(item.Pos(), "NOT takes one variable")
	}
	return 0
}

// defined refuses the negation of a variable that every row is.
func (m *matcher) defined(id ast.Ident) {
	for _, d := range m.ast.Define {
		if folded(d.Name) == folded(id) {
			return
		}
	}
	hint(m.add(diag.InvalidVariable, id.Pos(), "%s has no definition: every row is one, none is not", id.Name), id.Name, m.scope.names)
	m.fail()
}

// ---- loops

// until is the variable that ends the loop (-> NOT U -> B)+, and the step that
// it repeats; nil when p has not that form. A fixed number of repetitions
// cannot end early: there NOT is what it is elsewhere.
func (m *matcher) until(p *ast.PatQuant) (*plan.PatVar, *ast.PatStep) {
	g, ok := p.Item.(*ast.PatGroup)
	if !ok || p.Max == p.Min || p.Max == 1 {
		return nil, nil
	}
	c, ok := g.Item.(*ast.PatConcat)
	if !ok || len(c.Steps) != 2 || !c.Steps[0].Not || c.Steps[1].Not || c.Within != nil {
		return nil, nil
	}
	return &plan.PatVar{Var: m.negated(&c.Steps[0])}, &c.Steps[1]
}

// loop refuses the quantifiers that mean nothing where every match counts.
func (m *matcher) loop(p *ast.PatQuant, q plan.PatQuant) {
	switch {
	case m.out.Edges && p.Reluctant:
		m.refusePattern(m.quantifierSpan(p), "a reluctant quantifier in a pattern with edges").WithHint("leave the ? out: every length is a match")
	case p.Possessive && leadingEdge(q.Item) == ast.EdgeAny:
		m.malformed(m.quantifierSpan(p), "a possessive loop keeps every row it can take, and ->> passes over rows").WithHint("write -> inside the loop, or leave the last + out")
	case p.Possessive && !single(q.Item):
		m.refusePattern(m.quantifierSpan(p), "a possessive quantifier of a group")
	}
}

// leadingEdge is the edge of the first row of an item.
func leadingEdge(p plan.Pattern) ast.Edge {
	switch p := p.(type) {
	case plan.PatEdge:
		return p.Edge
	case plan.PatConcat:
		return leadingEdge(p.Items[0])
	}
	return ast.EdgeDefault
}

// single says whether p is one row.
func single(p plan.Pattern) bool {
	if e, ok := p.(plan.PatEdge); ok {
		return single(e.Item)
	}
	_, ok := p.(plan.PatVar)
	return ok
}

// ---- time-outs and complements

func (m *matcher) timeouts() {
	if !m.out.Timeouts || m.out.Within > 0 || m.out.WithinOf != nil || m.out.Gap > 0 || !m.ok {
		return
	}
	span := m.ast.EmitSpan
	if !m.ast.EmitTimeouts {
		span = m.ast.RowsSpan
	}
	m.malformed(span, "without WITHIN nothing runs out of time").WithHint("add WITHIN INTERVAL '10' MINUTE after PATTERN (…)")
}

// complements defines the ^B of [^B] as a row that is not B.
func (m *matcher) complements() {
	collectNotSets(m.ast.Pattern, func(id ast.Ident) {
		b, not := m.scope.vars[folded(id)], m.not[folded(id)]
		if m.out.Vars[not].Define != nil {
			return
		}
		cond := m.out.Vars[b].Define
		if cond == nil {
			if m.ok {
				m.defined(id)
			}
			return
		}
		m.out.Vars[not].Define = &expr.Is{Base: typed(event.TBool, id.Pos()), Test: expr.IsNotTrue, X: asVariable(cond, b, not)}
	})
}

// asVariable is a condition of variable b for rows that are labelled as not:
// what it says of b's last row it now says of the row at hand.
func asVariable(cond expr.Expr, b, not int) expr.Expr {
	widen := func(set expr.VarSet) expr.VarSet {
		if set == nil || !set.Has(b) {
			return set
		}
		out := append(append(expr.VarSet(nil), set...), not)
		sort.Ints(out)
		return out
	}
	return expr.Rewrite(cond, func(e expr.Expr) expr.Expr {
		switch e := e.(type) {
		case *expr.Nav:
			n := *e
			n.Vars = widen(e.Vars)
			return &n
		case *expr.Agg:
			n := *e
			n.Vars = widen(e.Vars)
			return &n
		}
		return e
	})
}
