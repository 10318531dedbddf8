package parse

import (
	"strconv"
	"strings"

	"github.com/antlr4-go/antlr/v4"

	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/parse/gen"
)

func (b *builder) matchRecognize(input ast.TableExpr, ctx gen.IMatchRecognizeContext) ast.TableExpr {
	m := &ast.MatchRecognize{Input: input, OrderBy: b.orderBy(ctx.OrderBy()), Pattern: b.pattern(ctx.Pattern())}
	m.Span = b.extent(input).To(spanOf(ctx))
	if p := ctx.PartitionBy(); p != nil {
		m.PartitionBy = b.exprList(p.ExprList())
	}
	if ms := ctx.Measures(); ms != nil {
		m.Measures = mapAll(ms.AllMeasure(), func(c gen.IMeasureContext) ast.Measure {
			return ast.Measure{Base: baseOf(c), Expr: b.expr(c.Expr()), Name: b.ident(c.Ident())}
		})
	}
	if r := ctx.RowsPerMatch(); r != nil {
		m.Rows, m.RowsSpan, m.Timeout = rowsPerMatch(r), spanOf(r), r.ShowTimeouts() != nil
	}
	if a := ctx.AfterMatch(); a != nil {
		b.afterMatch(m, a)
	}
	for _, t := range []antlr.TerminalNode{ctx.INITIAL(), ctx.SEEK()} {
		if t != nil {
			m.SearchMod, m.SearchModSpan = strings.ToUpper(b.tokenText(t.GetSymbol())), tokenSpan(t.GetSymbol())
		}
	}
	for _, o := range ctx.AllPatternOption() {
		b.patternOption(m, o)
	}
	m.Subsets = mapAll(ctx.AllSubset(), func(c gen.ISubsetContext) ast.Subset {
		return ast.Subset{Base: baseOf(c), Name: b.ident(c.Ident()), Vars: b.columns(c.ColumnList())}
	})
	m.Define = mapAll(ctx.AllDefine(), func(c gen.IDefineContext) ast.Define {
		return ast.Define{Base: baseOf(c), Name: b.ident(c.Ident()), Cond: b.expr(c.Expr())}
	})
	return m
}

func rowsPerMatch(ctx gen.IRowsPerMatchContext) ast.RowsPerMatch {
	switch {
	case has(ctx.ONE()):
		return ast.OneRow
	case has(ctx.OMIT()):
		return ast.AllRowsOmit
	case has(ctx.UNMATCHED()):
		return ast.AllRowsUnmatch
	}
	return ast.AllRows
}

func (b *builder) afterMatch(m *ast.MatchRecognize, ctx gen.IAfterMatchContext) {
	if s := ctx.SkipTo(); s != nil {
		m.Skip = b.skip(s)
	}
	if s := ctx.MatchSelect(); s != nil {
		m.Select, m.SelectSpan = strings.TrimPrefix(b.keywords(s), "SELECT "), spanOf(s)
	}
	if c := ctx.MatchConsume(); c != nil {
		m.Consume, m.ConsumeSpan = strings.TrimPrefix(b.keywords(c), "CONSUME BY "), spanOf(c)
	}
}

func (b *builder) skip(ctx gen.ISkipToContext) ast.Skip {
	s := ast.Skip{Base: baseOf(ctx)}
	switch {
	case has(ctx.NO()):
		s.Mode = ast.NoSkip
	case has(ctx.PAST()):
		s.Mode = ast.SkipPastLast
	case has(ctx.NEXT()):
		s.Mode = ast.SkipToNext
	case has(ctx.FIRST()):
		s.Mode, s.To = ast.SkipToFirst, b.ident(ctx.Ident())
	default:
		s.Mode, s.To = ast.SkipToLast, b.ident(ctx.Ident())
	}
	return s
}

func (b *builder) patternOption(m *ast.MatchRecognize, ctx gen.IPatternOptionContext) {
	once := func(there bool, what string) {
		if there {
			b.fail(spanOf(ctx), "%s is written twice", what)
		}
	}
	switch ctx := ctx.(type) {
	case *gen.StrategyContext:
		once(m.Strategy != "", "SKIP TILL")
		m.Strategy, m.StrategySpan = strings.Fields(b.keywords(ctx))[2], spanOf(ctx)
	case *gen.WithinContext:
		if has(ctx.BETWEEN()) {
			once(m.Gap != nil, "WITHIN … BETWEEN ROWS")
			m.Gap = b.value(ctx.Value())
			return
		}
		once(m.Within != nil, "WITHIN")
		m.Within = b.value(ctx.Value())
	case *gen.EmitTimeoutsContext:
		once(m.EmitTimeouts, "EMIT TIMEOUTS")
		m.EmitTimeouts, m.EmitSpan = true, spanOf(ctx)
	case *gen.MatchLimitContext:
		once(m.Limit != nil, "LIMIT")
		m.Limit = b.value(ctx.Value())
	case *gen.SuppressContext:
		once(m.Suppress != nil, "SUPPRESS")
		m.Suppress = &ast.Suppress{Base: baseOf(ctx), By: b.exprList(ctx.ExprList()), For: b.value(ctx.Value())}
	}
}

// ---- PATTERN

func (b *builder) pattern(ctx gen.IPatternContext) ast.Pattern {
	alts := mapAll(ctx.AllPatternSequence(), b.sequence)
	if len(alts) == 1 {
		return alts[0]
	}
	return &ast.PatAlt{Base: baseOf(ctx), Alts: alts}
}

func (b *builder) sequence(ctx gen.IPatternSequenceContext) ast.Pattern {
	steps := mapAll(ctx.AllPatternStep(), b.step)
	if len(steps) == 1 && steps[0].Edge == ast.EdgeDefault && !steps[0].Not && ctx.Value() == nil {
		return steps[0].Item
	}
	seq := &ast.PatConcat{Base: baseOf(ctx), Steps: steps}
	if ctx.Value() != nil {
		seq.Within = b.value(ctx.Value())
	}
	return seq
}

func (b *builder) step(ctx gen.IPatternStepContext) ast.PatStep {
	s := ast.PatStep{Base: baseOf(ctx), Not: has(ctx.NOT()), Item: b.patternItem(ctx.PatternItem())}
	switch {
	case has(ctx.ARROW()):
		s.Edge = ast.EdgeRelaxed
	case has(ctx.ARROW_ANY()):
		s.Edge = ast.EdgeAny
	}
	if q := ctx.Quantifier(); q != nil {
		s.Item = b.quantified(s.Item, q)
	}
	return s
}

func (b *builder) patternItem(ctx gen.IPatternItemContext) ast.Pattern {
	base := baseOf(ctx)
	switch ctx := ctx.(type) {
	case *gen.PatternVariableContext:
		return &ast.PatVar{Base: base, Name: b.ident(ctx.Ident())}
	case *gen.PatternEmptyContext:
		return &ast.PatEmpty{Base: base}
	case *gen.PatternGroupContext:
		return &ast.PatGroup{Base: base, Item: b.pattern(ctx.Pattern())}
	case *gen.PatternAnchorContext:
		return &ast.PatAnchor{Base: base, Start: has(ctx.CARET())}
	case *gen.PatternExclusionContext:
		return &ast.PatExclude{Base: base, Item: b.pattern(ctx.Pattern())}
	case *gen.PatternPermutationContext:
		return &ast.PatPermute{Base: base, Items: mapAll(ctx.AllPattern(), b.pattern)}
	case *gen.PatternNotSetContext:
		return &ast.PatNotSet{Base: base, Name: b.ident(ctx.Ident())}
	}
	panic("pattern without a builder")
}

func (b *builder) quantified(item ast.Pattern, ctx gen.IQuantifierContext) ast.Pattern {
	q := &ast.PatQuant{Item: item, Max: -1, Text: b.quantifierText(ctx), QuantSpan: spanOf(ctx)}
	q.Span = item.Pos().To(spanOf(ctx))
	switch ctx.GetStart().GetTokenType() {
	case gen.CEPParserLBRACE:
		b.bounds(q, ctx)
	case gen.CEPParserPLUS:
		q.Min = 1
	case gen.CEPParserQUESTION:
		q.Max = 1
	}
	if how := ctx.GetHow(); how != nil {
		q.Possessive = how.GetTokenType() == gen.CEPParserPLUS
		q.Reluctant = !q.Possessive
	}
	return q
}

// quantifierText is the quantifier without spaces and comments.
func (b *builder) quantifierText(ctx gen.IQuantifierContext) string {
	var text strings.Builder
	for _, c := range ctx.GetChildren() {
		switch c := c.(type) {
		case antlr.TerminalNode:
			text.WriteString(b.tokenText(c.GetSymbol()))
		case antlr.ParserRuleContext:
			text.WriteString(b.slice(spanOf(c)))
		}
	}
	return text.String()
}

// bounds reads {n}, {n,}, {,m}, {n,m} and {,}.
func (b *builder) bounds(q *ast.PatQuant, ctx gen.IQuantifierContext) {
	values, leading := ctx.AllValue(), false
	if has(ctx.COMMA()) && len(values) > 0 {
		leading = ctx.COMMA().GetSymbol().GetStart() < values[0].GetStart().GetStart()
	}
	switch {
	case len(values) == 0:
	case leading:
		q.Max, q.MaxExpr = b.bound(values[0])
	case has(ctx.COMMA()):
		q.Min, q.MinExpr = b.bound(values[0])
		if len(values) == 2 {
			q.Max, q.MaxExpr = b.bound(values[1])
		}
	default:
		q.Min, q.MinExpr = b.bound(values[0])
		q.Max, q.MaxExpr = q.Min, q.MinExpr
	}
}

// outOfRange is the bound of a number that no int32 holds.
const outOfRange = -2

func (b *builder) bound(ctx gen.IValueContext) (int, ast.Expr) {
	e := b.value(ctx)
	lit, ok := e.(*ast.Literal)
	if !ok {
		return 0, e
	}
	if n, err := strconv.ParseInt(lit.Text, 10, 32); err == nil && lit.Kind == "NUMBER" {
		return int(n), nil
	}
	if lit.Kind != "NUMBER" || strings.Trim(lit.Text, "0123456789") != "" {
		b.fail(lit.Span, "a repetition needs a whole number, found %s", b.slice(lit.Span))
	}
	return outOfRange, nil
}
