package parse

import (
	"strings"

	"github.com/antlr4-go/antlr/v4"

	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/parse/gen"
)

func (b *builder) exprList(ctx gen.IExprListContext) []ast.Expr {
	if ctx == nil {
		return nil
	}
	return mapAll(ctx.AllExpr(), b.expr)
}

// The levels of the operators, as in Flink: OR < AND < NOT < IS < comparison <
// BETWEEN, IN, LIKE < + - < * / % || < sign.
const (
	levelOr = iota
	levelAnd
	levelIs
	levelCompare
	levelRange
	levelAdd
	levelMultiply
)

func (b *builder) expr(ctx gen.IExprContext) ast.Expr {
	if ctx.GetChildCount() == 1 {
		return b.predicate(ctx.Predicate(0))
	}
	var f folder[ast.Expr]
	var prefix []antlr.Token
	for _, c := range ctx.GetChildren() {
		switch c := c.(type) {
		case gen.IPredicateContext:
			f.operands = append(f.operands, b.signed(prefix, b.predicate(c)))
			prefix = prefix[:0]
		case antlr.TerminalNode:
			t := c.GetSymbol()
			switch t.GetTokenType() {
			case gen.CEPParserNOT:
				prefix = append(prefix, t)
			case gen.CEPParserAND:
				f.add(levelAnd, b.binary("AND"))
			case gen.CEPParserOR:
				f.add(levelOr, b.binary("OR"))
			}
		}
	}
	return f.fold()
}

// signed puts prefix operators (NOT, or + and -) on x, the last one first.
func (b *builder) signed(prefix []antlr.Token, x ast.Expr) ast.Expr {
	for i := len(prefix) - 1; i >= 0; i-- {
		u := &ast.Unary{Op: strings.ToUpper(b.tokenText(prefix[i])), X: x}
		u.Span = tokenSpan(prefix[i]).To(b.extent(x))
		x = u
	}
	return x
}

func (b *builder) binary(op string) func(x, y ast.Expr) ast.Expr {
	return func(x, y ast.Expr) ast.Expr {
		e := &ast.Binary{Op: op, X: x, Y: y}
		e.Span = b.extent(x).To(b.extent(y))
		return e
	}
}

// ---- predicates

// predicate folds value and its tails. A tail with one operand (IS NULL, IN)
// is an operator whose right side is nothing.
func (b *builder) predicate(ctx gen.IPredicateContext) ast.Expr {
	x := b.value(ctx.Value())
	if ctx.GetChildCount() == 1 {
		return x
	}
	f := folder[ast.Expr]{operands: []ast.Expr{x}}
	for _, tail := range ctx.AllPredicateTail() {
		b.predicateTail(&f, tail)
	}
	return f.fold()
}

func (b *builder) predicateTail(f *folder[ast.Expr], ctx gen.IPredicateTailContext) {
	switch c := ctx.(type) {
	case *gen.ComparisonContext:
		op := b.tokenText(c.GetStart())
		if op == "!=" {
			op = "<>"
		}
		f.operands = append(f.operands, b.value(c.Value()))
		f.add(levelCompare, b.binary(op))
	case *gen.IsTailContext:
		b.isTail(f, c)
	case *gen.RangeTailContext:
		f.operands = append(f.operands, nil)
		f.add(levelRange, func(x, _ ast.Expr) ast.Expr { return b.rangeTail(x, c) })
	}
}

func (b *builder) isTail(f *folder[ast.Expr], c *gen.IsTailContext) {
	what := strings.TrimPrefix(strings.TrimPrefix(b.keywords(c), "IS "), "NOT ")
	var y ast.Expr
	level := levelIs
	if c.Value() != nil {
		y, level = b.value(c.Value()), levelCompare
	}
	f.operands = append(f.operands, y)
	f.add(level, func(x, y ast.Expr) ast.Expr {
		e := &ast.Is{X: x, Not: has(c.NOT()), What: what, Y: y}
		e.Span = b.extent(x).To(spanOf(c))
		return e
	})
}

func (b *builder) rangeTail(x ast.Expr, c *gen.RangeTailContext) ast.Expr {
	not, base := has(c.NOT()), ast.Base{Span: b.extent(x).To(spanOf(c))}
	if t := c.Between(); t != nil {
		return &ast.Between{Base: base, X: x, Not: not, Symmetric: has(t.SYMMETRIC()), Lo: b.value(t.Value(0)), Hi: b.value(t.Value(1))}
	}
	if t := c.InTail(); t != nil {
		in := &ast.In{Base: base, X: x, Not: not, List: b.exprList(t.ExprList())}
		if t.Query() != nil {
			in.Query = b.query(t.Query())
		}
		return in
	}
	t := c.LikeTail()
	like := &ast.Like{Base: base, X: x, Not: not, Similar: has(t.SIMILAR()), Pattern: b.value(t.Value(0))}
	if has(t.ESCAPE()) {
		like.Escape = b.value(t.Value(1))
	}
	return like
}

// ---- arithmetic

func (b *builder) value(ctx gen.IValueContext) ast.Expr {
	if ctx.GetChildCount() == 1 {
		return b.term(ctx.Term(0))
	}
	var f folder[ast.Expr]
	var prefix []antlr.Token
	operator := false // the next sign is an operator, not a prefix
	for _, c := range ctx.GetChildren() {
		switch c := c.(type) {
		case gen.ITermContext:
			f.operands = append(f.operands, b.signed(prefix, b.term(c)))
			prefix, operator = prefix[:0], true
		case antlr.TerminalNode:
			if t := c.GetSymbol(); operator {
				f.add(arithmeticLevel(t), b.binary(b.tokenText(t)))
				operator = false
			} else {
				prefix = append(prefix, t)
			}
		}
	}
	return f.fold()
}

func arithmeticLevel(t antlr.Token) int {
	switch t.GetTokenType() {
	case gen.CEPParserPLUS, gen.CEPParserMINUS:
		return levelAdd
	}
	return levelMultiply
}

func (b *builder) term(ctx gen.ITermContext) ast.Expr {
	switch c := ctx.(type) {
	case *gen.NameTermContext:
		return b.nameTerm(c)
	case *gen.PrimaryTermContext:
		return b.posts(b.primary(c.Primary()), c.AllPost())
	}
	panic("term without a builder")
}

func (b *builder) nameTerm(c *gen.NameTermContext) ast.Expr {
	parts := mapAll(c.AllIdent(), b.ident)
	base := ast.Base{Span: parts[0].Span.To(parts[len(parts)-1].Span)}
	switch {
	case c.DOT_STAR() != nil:
		b.fail(spanOf(c), "%s does not stand alone here", b.slice(spanOf(c))).WithHint("it is an item of SELECT, or the argument of COUNT")
		return &ast.VarStar{Base: baseOf(c), Of: parts[0]}
	case c.CallTail() != nil:
		return b.posts(b.call(ast.Name{Base: base, Parts: parts}, c.CallTail()), c.AllPost())
	case ast.Niladic(parts):
		return b.elementThenPosts(&ast.Call{Base: base, Name: ast.Name{Base: base, Parts: parts}}, c)
	}
	return b.elementThenPosts(&ast.Ref{Base: base, Parts: parts}, c)
}

func (b *builder) elementThenPosts(x ast.Expr, c *gen.NameTermContext) ast.Expr {
	if c.Element() != nil {
		x = b.element(x, c.Element())
	}
	return b.posts(x, c.AllPost())
}

func (b *builder) posts(x ast.Expr, posts []gen.IPostContext) ast.Expr {
	for _, p := range posts {
		if p.Element() != nil {
			x = b.element(x, p.Element())
			continue
		}
		f := &ast.Field{X: x, Name: b.ident(p.Ident())}
		f.Span = b.extent(x).To(spanOf(p))
		x = f
	}
	return x
}

func (b *builder) element(x ast.Expr, ctx gen.IElementContext) ast.Expr {
	base := ast.Base{Span: b.extent(x).To(spanOf(ctx))}
	if ctx.DataType() != nil {
		return &ast.Cast{Base: base, X: x, Type: b.dataType(ctx.DataType())}
	}
	return &ast.Index{Base: base, X: x, I: b.expr(ctx.Expr())}
}

// ---- primaries

func (b *builder) primary(ctx gen.IPrimaryContext) ast.Expr {
	base := baseOf(ctx)
	switch c := ctx.(type) {
	case *gen.NullLiteralContext:
		return &ast.Literal{Base: base, Kind: "NULL", Text: "NULL"}
	case *gen.BooleanLiteralContext:
		return &ast.Literal{Base: base, Kind: "BOOLEAN", Text: b.keywords(c)}
	case *gen.NumberLiteralContext:
		return &ast.Literal{Base: base, Kind: "NUMBER", Text: b.slice(base.Span)}
	case *gen.StringLiteralContext:
		return &ast.Literal{Base: base, Kind: "STRING", Text: b.str(c.STRING())}
	case *gen.BytesLiteralContext:
		return b.bytes(base)
	case *gen.TimeLiteralContext:
		return &ast.Literal{Base: base, Kind: strings.ToUpper(b.tokenText(c.GetStart())), Text: b.str(c.STRING())}
	case *gen.IntervalLiteralContext:
		return b.interval(c)
	case *gen.ParameterContext:
		return b.param(base, c.Ident())
	case *gen.ParenthesizedContext:
		return b.parenthesized(c)
	case *gen.SubqueryContext:
		return &ast.Subquery{Base: base, Query: b.query(c.Query())}
	case *gen.ExistsContext:
		return &ast.Exists{Base: base, Query: b.query(c.Query())}
	case *gen.CaseContext:
		return b.caseExpr(c)
	case *gen.CastContext:
		return &ast.Cast{Base: base, X: b.expr(c.Expr()), Type: b.dataType(c.DataType()), Try: has(c.TRY_CAST())}
	case *gen.ArrayContext:
		return &ast.ArrayLit{Base: base, Items: b.exprList(c.ExprList())}
	case *gen.MapContext:
		return &ast.MapLit{Base: base, Items: b.exprList(c.ExprList())}
	case *gen.RowContext:
		return &ast.Row{Base: base, Items: b.exprList(c.ExprList())}
	case *gen.SemanticsCallContext:
		call := b.call(b.name(c.Name()), c.CallTail())
		call.Semantics, call.Span = strings.ToUpper(b.tokenText(c.GetStart())), base.Span
		return call
	case *gen.SpecialFormContext:
		return b.special(c.Special())
	}
	panic("primary without a builder")
}

func (b *builder) param(base ast.Base, ctx gen.IIdentContext) *ast.Param {
	name := b.ident(ctx)
	if name.Quoted {
		b.fail(base.Span, "the name of a parameter is not quoted")
	}
	return &ast.Param{Base: base, Name: name.Name}
}

// bytes is X'0a1B'; its text keeps the hexadecimal digits in upper case.
func (b *builder) bytes(base ast.Base) ast.Expr {
	digits := strings.ToUpper(strings.Trim(b.slice(base.Span)[1:], "'"))
	if len(digits)%2 != 0 || strings.Trim(digits, "0123456789ABCDEF") != "" {
		b.fail(base.Span, "bytes are written as pairs of hexadecimal digits: X'0A1B'")
	}
	return &ast.Literal{Base: base, Kind: "BYTES", Text: digits}
}

// parenthesized is x for (x), or a row.
func (b *builder) parenthesized(c *gen.ParenthesizedContext) ast.Expr {
	items := mapAll(c.AllExpr(), b.expr)
	if len(items) == 1 {
		b.wrapped(items[0], spanOf(c))
		return items[0]
	}
	return &ast.Row{Base: baseOf(c), Items: items}
}

func (b *builder) caseExpr(c *gen.CaseContext) ast.Expr {
	e := &ast.Case{Base: baseOf(c)}
	afterElse := false
	for _, child := range c.GetChildren() {
		switch child := child.(type) {
		case antlr.TerminalNode:
			afterElse = child.GetSymbol().GetTokenType() == gen.CEPParserELSE
		case gen.IWhenContext:
			e.When = append(e.When, ast.When{Base: baseOf(child), Cond: b.expr(child.Expr(0)), Then: b.expr(child.Expr(1))})
		case gen.IExprContext:
			if afterElse {
				e.Else = b.expr(child)
			} else {
				e.X = b.expr(child)
			}
		}
	}
	return e
}

func (b *builder) interval(c *gen.IntervalLiteralContext) ast.Expr {
	e := &ast.Interval{Base: baseOf(c), Negative: has(c.MINUS())}
	e.From, e.To = b.units(c.AllIdent())
	for _, p := range c.AllTypeParams() {
		b.precision(p)
	}
	amount := c.IntervalAmount()
	base := baseOf(amount)
	switch {
	case has(amount.STRING()):
		e.Text = b.str(amount.STRING())
	case has(amount.COLON()):
		e.Value = b.param(base, amount.Ident())
	case amount.Expr() != nil:
		e.Value = b.expr(amount.Expr())
	case amount.Name() != nil:
		e.Value = &ast.Ref{Base: base, Parts: b.name(amount.Name()).Parts}
	default:
		e.Value = &ast.Literal{Base: base, Kind: "NUMBER", Text: b.slice(base.Span)}
	}
	return e
}
