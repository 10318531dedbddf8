package parse

import (
	"strings"

	"github.com/antlr4-go/antlr/v4"

	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/parse/gen"
)

func (b *builder) call(name ast.Name, ctx gen.ICallTailContext) *ast.Call {
	call := &ast.Call{Name: name}
	call.Span = name.Span.To(spanOf(ctx))
	b.callArgs(call, ctx.CallArgs())
	if within := ctx.OrderBy(); within != nil {
		if call.OrderBy != nil {
			b.fail(spanOf(within), "ORDER BY is written twice")
		}
		call.OrderBy = b.orderBy(within)
	}
	b.callSuffix(call, ctx.CallSuffix())
	return call
}

func (b *builder) callArgs(call *ast.Call, ctx gen.ICallArgsContext) {
	if ctx == nil {
		return
	}
	call.Star, call.Distinct = has(ctx.STAR()), has(ctx.DISTINCT())
	call.Args = mapAll(ctx.AllCallArg(), b.callArg)
	call.OrderBy = b.orderBy(ctx.OrderBy())
}

func (b *builder) callArg(ctx gen.ICallArgContext) ast.Expr {
	value := b.argValue(ctx.ArgValue())
	name := ctx.ARG_NAME()
	if name == nil {
		return value
	}
	id := ast.Ident{Base: ast.Base{Span: tokenSpan(name.GetSymbol())}, Name: b.tokenText(name.GetSymbol())}
	if strings.ContainsAny(id.Name[:1], "\"`") {
		id.Name, id.Quoted = unquote(id.Name), true
	}
	return &ast.NamedArg{Base: baseOf(ctx), Name: id, Value: value}
}

func (b *builder) argValue(ctx gen.IArgValueContext) ast.Expr {
	switch {
	case has(ctx.DESCRIPTOR()):
		return &ast.Descriptor{Base: baseOf(ctx), Columns: b.columns(ctx.ColumnList())}
	case has(ctx.TABLE()):
		return b.tableArg(ctx)
	}
	if term, ok := onlyTerm(ctx.Expr()).(*gen.NameTermContext); ok && term.DOT_STAR() != nil && len(term.AllIdent()) == 1 {
		return &ast.VarStar{Base: baseOf(ctx), Of: b.ident(term.Ident(0))}
	}
	return b.expr(ctx.Expr())
}

func (b *builder) tableArg(ctx gen.IArgValueContext) ast.Expr {
	ref := &ast.TableRef{Base: baseOf(ctx.Name()), Name: b.name(ctx.Name())}
	if ctx.TableAlias() != nil {
		b.setAlias(ref, b.alias(ctx.TableAlias()))
	}
	arg := &ast.TableArg{Base: baseOf(ctx), Table: ref}
	for _, v := range ctx.AllValue() {
		arg.PartitionBy = append(arg.PartitionBy, itemsOf(b.value(v))...)
	}
	return arg
}

func (b *builder) callSuffix(call *ast.Call, ctx gen.ICallSuffixContext) {
	if ctx.Expr() != nil {
		call.Filter = b.expr(ctx.Expr())
	}
	switch {
	case has(ctx.IGNORE()):
		call.NullsIgnore = "IGNORE"
	case has(ctx.RESPECT()):
		call.NullsIgnore = "RESPECT"
	}
	switch {
	case ctx.WindowSpec() != nil:
		call.Over = b.windowSpec(ctx.WindowSpec())
	case ctx.Ident() != nil:
		name := b.ident(ctx.Ident())
		call.Over = &ast.Over{Base: name.Base, Name: &name}
	}
}

func (b *builder) windowSpec(ctx gen.IWindowSpecContext) *ast.Over {
	over := &ast.Over{Base: baseOf(ctx), OrderBy: b.orderBy(ctx.OrderBy())}
	if p := ctx.PartitionBy(); p != nil {
		over.PartitionBy = b.exprList(p.ExprList())
	}
	f := ctx.Frame()
	if f == nil {
		return over
	}
	over.Unit = strings.ToUpper(b.tokenText(f.GetStart()))
	bounds := mapAll(f.AllBound(), b.frameBound)
	over.Start = bounds[0]
	if len(bounds) == 2 {
		over.End = bounds[1]
	}
	return over
}

func (b *builder) frameBound(ctx gen.IBoundContext) ast.Bound {
	bound := ast.Bound{Kind: b.keywords(ctx)}
	if ctx.Value() != nil {
		bound.Expr = b.value(ctx.Value())
	}
	return bound
}

// ---- special forms

// special makes a call of a special form: see ast.Call for the arguments.
func (b *builder) special(ctx gen.ISpecialContext) ast.Expr {
	call := specialCall(ctx, strings.ToUpper(b.tokenText(ctx.GetStart())))
	switch c := ctx.(type) {
	case *gen.ExtractContext:
		call.Args = []ast.Expr{b.keyword(c.Ident()), b.expr(c.Expr())}
	case *gen.TrimContext:
		call.Args = b.trimArgs(c.TrimArgs())
	case *gen.SubstringContext:
		call.Args = mapAll(c.AllExpr(), b.expr)
	case *gen.PositionContext:
		call.Args = []ast.Expr{b.value(c.Value()), b.expr(c.Expr())}
	case *gen.OverlayContext:
		call.Args = mapAll(c.AllExpr(), b.expr)
	case *gen.RoundingContext:
		call.Args = []ast.Expr{b.expr(c.Expr())}
		if c.Ident() != nil {
			call.Args = append(call.Args, b.keyword(c.Ident()))
		}
	case *gen.TimestampArithmeticContext:
		call.Args = []ast.Expr{b.keyword(c.Ident()), b.expr(c.Expr(0)), b.expr(c.Expr(1))}
	case *gen.JsonPathContext:
		call.Args = append(mapAll(c.AllExpr(), b.expr), mapAll(c.AllJsonClause(), b.jsonClause)...)
	case *gen.JsonObjectContext:
		b.jsonObject(call, c)
	case *gen.JsonArrayContext:
		call.Args = b.jsonNulls(b.exprList(c.ExprList()), c.JsonNulls())
		b.callSuffix(call, c.CallSuffix())
	}
	return call
}

func specialCall(ctx antlr.ParserRuleContext, name string) *ast.Call {
	word := ast.Base{Span: tokenSpan(ctx.GetStart())}
	return &ast.Call{Base: baseOf(ctx), Name: ast.Name{Base: word, Parts: []ast.Ident{{Base: word, Name: name}}}}
}

// keyword is a unit or other bare word as an argument; a plural unit is its singular.
func (b *builder) keyword(ctx gen.IIdentContext) ast.Expr {
	id := b.ident(ctx)
	word := strings.ToUpper(id.Name)
	if u := unitOf(word); u != "" {
		word = u
	}
	return &ast.Keyword{Base: id.Base, Word: word}
}

func (b *builder) trimArgs(ctx gen.ITrimArgsContext) []ast.Expr {
	args := mapAll(ctx.AllExpr(), b.expr)
	side := &ast.Keyword{Base: ast.Base{Span: tokenSpan(ctx.GetStart())}, Word: "BOTH"}
	switch {
	case has(ctx.BOTH()), has(ctx.LEADING()), has(ctx.TRAILING()):
		side.Word = strings.ToUpper(b.tokenText(ctx.GetStart()))
	case !has(ctx.FROM()):
		return args
	}
	return append([]ast.Expr{side}, args...)
}

func (b *builder) jsonObject(call *ast.Call, c *gen.JsonObjectContext) {
	for _, e := range c.AllJsonEntry() {
		call.Args = append(call.Args, b.expr(e.Expr(0)), b.expr(e.Expr(1)))
	}
	call.Args = b.jsonNulls(call.Args, c.JsonNulls())
	b.callSuffix(call, c.CallSuffix())
}

func (b *builder) jsonNulls(args []ast.Expr, ctx gen.IJsonNullsContext) []ast.Expr {
	if ctx == nil {
		return args
	}
	word := &ast.Keyword{Base: ast.Base{Span: tokenSpan(ctx.GetStart())}, Word: strings.ToUpper(b.tokenText(ctx.GetStart()))}
	return append(args, clauseArg(ctx, "ON NULL", word))
}

func clauseArg(ctx antlr.ParserRuleContext, name string, value ast.Expr) ast.Expr {
	base := baseOf(ctx)
	return &ast.NamedArg{Base: base, Name: ast.Ident{Base: base, Name: name}, Value: value}
}

func (b *builder) jsonClause(ctx gen.IJsonClauseContext) ast.Expr {
	switch c := ctx.(type) {
	case *gen.JsonReturningContext:
		t := b.dataType(c.DataType())
		return clauseArg(c, "RETURNING", &ast.TypeArg{Base: t.Base, Type: t})
	case *gen.JsonWrapperContext:
		return clauseArg(c, "WRAPPER", &ast.Keyword{Base: baseOf(c), Word: wrapperWord(c)})
	case *gen.JsonOnContext:
		return b.jsonOn(c)
	}
	panic("JSON clause without a builder")
}

func wrapperWord(c *gen.JsonWrapperContext) string {
	switch {
	case has(c.WITHOUT()):
		return "WITHOUT"
	case has(c.CONDITIONAL()):
		return "CONDITIONAL"
	}
	return "UNCONDITIONAL"
}

func (b *builder) jsonOn(c *gen.JsonOnContext) ast.Expr {
	words := b.keywords(c)
	behaviour, event, _ := strings.Cut(words, " ON ")
	if c.Expr() != nil {
		return clauseArg(c, "ON "+strings.TrimPrefix(words, "DEFAULT ON "), b.expr(c.Expr()))
	}
	if behaviour == "EMPTY" {
		behaviour = "EMPTY ARRAY"
	}
	return clauseArg(c, "ON "+event, &ast.Keyword{Base: baseOf(c), Word: behaviour})
}
