package parse

import (
	"strings"

	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/parse/gen"
)

func (b *builder) query(ctx gen.IQueryContext) ast.Query {
	q := b.setQuery(ctx.SetQuery())
	if ctx.OrderBy() != nil || len(ctx.AllLimit()) > 0 {
		q = b.ordered(ctx, q)
	}
	if w := ctx.With(); w != nil {
		q = &ast.With{Base: baseOf(ctx), Tables: mapAll(w.AllCte(), b.cte), Query: q}
	}
	return q
}

func (b *builder) cte(ctx gen.ICteContext) ast.CTE {
	return ast.CTE{Base: baseOf(ctx), Name: b.ident(ctx.Ident()), Columns: b.columns(ctx.ColumnList()), Query: b.query(ctx.Query())}
}

func (b *builder) ordered(ctx gen.IQueryContext, q ast.Query) ast.Query {
	o := &ast.Ordered{Query: q, OrderBy: b.orderBy(ctx.OrderBy())}
	o.Span = spanOf(ctx.SetQuery()).To(spanOf(ctx))
	for _, l := range ctx.AllLimit() {
		if has(l.ALL()) {
			continue
		}
		target, what := &o.Limit, "LIMIT"
		if has(l.OFFSET()) {
			target, what = &o.Offset, "OFFSET"
		}
		if *target != nil {
			b.fail(spanOf(l), "%s is written twice", what)
		}
		*target = b.expr(l.Expr())
	}
	return o
}

func (b *builder) orderBy(ctx gen.IOrderByContext) []ast.OrderItem {
	if ctx == nil {
		return nil
	}
	return mapAll(ctx.AllOrderItem(), b.orderItem)
}

func (b *builder) orderItem(ctx gen.IOrderItemContext) ast.OrderItem {
	item := ast.OrderItem{Base: baseOf(ctx), Expr: b.expr(ctx.Expr()), Desc: has(ctx.DESC())}
	if has(ctx.NULLS()) {
		first := has(ctx.FIRST())
		item.NullsFirst = &first
	}
	return item
}

// setQuery applies the precedence of INTERSECT over UNION and EXCEPT.
func (b *builder) setQuery(ctx gen.ISetQueryContext) ast.Query {
	terms := mapAll(ctx.AllQueryTerm(), b.queryTerm)
	ops := mapAll(ctx.AllSetOp(), b.setOp)
	f := folder[ast.Query]{operands: terms}
	for i := range ops {
		level := 0
		if ops[i].Op == "INTERSECT" {
			level = 1
		}
		f.add(level, func(l, r ast.Query) ast.Query {
			op := ops[i]
			op.Left, op.Right, op.Span = l, r, b.extent(l).To(b.extent(r))
			return &op
		})
	}
	return f.fold()
}

func (b *builder) setOp(ctx gen.ISetOpContext) ast.SetOp {
	return ast.SetOp{Op: strings.ToUpper(b.tokenText(ctx.GetStart())), All: has(ctx.ALL()), ByName: has(ctx.NAME())}
}

func (b *builder) queryTerm(ctx gen.IQueryTermContext) ast.Query {
	switch ctx := ctx.(type) {
	case *gen.SelectTermContext:
		return b.selectQuery(ctx.SelectQuery())
	case *gen.ValuesTermContext:
		return &ast.Values{Base: baseOf(ctx), Rows: mapAll(ctx.AllExpr(), b.rowItems)}
	case *gen.NestedTermContext:
		q := b.query(ctx.Query())
		b.wrapped(q, spanOf(ctx))
		return q
	}
	panic("query term without a builder")
}

func (b *builder) rowItems(ctx gen.IExprContext) []ast.Expr { return itemsOf(b.expr(ctx)) }

// itemsOf is the items of (a, b), and a alone as one item.
func itemsOf(e ast.Expr) []ast.Expr {
	if row, ok := e.(*ast.Row); ok {
		return row.Items
	}
	return []ast.Expr{e}
}

func (b *builder) selectQuery(ctx gen.ISelectQueryContext) ast.Query {
	s := &ast.Select{
		Base: baseOf(ctx), Distinct: has(ctx.DISTINCT()), Hints: b.hints(ctx.Hints()), Items: mapAll(ctx.AllSelectItem(), b.selectItem),
	}
	if f := ctx.From(); f != nil {
		s.From = mapAll(f.AllTableExpr(), b.tableExpr)
	}
	if w := ctx.Where(); w != nil {
		s.Where = b.expr(w.Expr())
	}
	if g := ctx.GroupBy(); g != nil {
		s.GroupBy = mapAll(g.AllGroupItem(), b.groupItem)
	}
	if h := ctx.Having(); h != nil {
		s.Having = b.expr(h.Expr())
	}
	if w := ctx.Windows(); w != nil {
		s.Windows = mapAll(w.AllNamedWindow(), func(c gen.INamedWindowContext) ast.NamedWindow {
			return ast.NamedWindow{Base: baseOf(c), Name: b.ident(c.Ident()), Over: *b.windowSpec(c.WindowSpec())}
		})
	}
	if q := ctx.Qualify(); q != nil {
		s.Qualify = b.expr(q.Expr())
	}
	return s
}

func (b *builder) selectItem(ctx gen.ISelectItemContext) ast.SelectItem {
	item := ast.SelectItem{Base: baseOf(ctx), Star: has(ctx.STAR())}
	if item.Star {
		return item
	}
	if ctx.Ident() != nil {
		alias := b.ident(ctx.Ident())
		item.Alias = &alias
	}
	if of := b.tableStar(ctx.Expr()); of != nil && item.Alias == nil {
		item.Star, item.Of = true, of
		return item
	}
	item.Expr = b.expr(ctx.Expr())
	return item
}

// tableStar is the t of an expression that is t.* and nothing else.
func (b *builder) tableStar(ctx gen.IExprContext) *ast.Name {
	term, ok := onlyTerm(ctx).(*gen.NameTermContext)
	if !ok || term.DOT_STAR() == nil {
		return nil
	}
	parts := mapAll(term.AllIdent(), b.ident)
	name := &ast.Name{Parts: parts}
	name.Span = parts[0].Span.To(parts[len(parts)-1].Span)
	return name
}

// onlyTerm is the term an expression consists of, nil when there are operators.
func onlyTerm(ctx gen.IExprContext) gen.ITermContext {
	if ctx.GetChildCount() != 1 {
		return nil
	}
	predicate := ctx.Predicate(0)
	if predicate.GetChildCount() != 1 || predicate.Value().GetChildCount() != 1 {
		return nil
	}
	return predicate.Value().Term(0)
}

func (b *builder) groupItem(ctx gen.IGroupItemContext) ast.GroupItem {
	item := ast.GroupItem{Base: baseOf(ctx)}
	switch ctx := ctx.(type) {
	case *gen.PlainGroupContext:
		item.Expr = b.expr(ctx.Expr())
	case *gen.GrandTotalContext:
		item.Kind, item.Sets = "GROUPING SETS", [][]ast.Expr{{}}
	case *gen.GroupingSetsContext:
		item.Kind = strings.ToUpper(b.tokenText(ctx.GetStart()))
		if item.Kind == "GROUPING" {
			item.Kind = "GROUPING SETS"
		}
		item.Sets = mapAll(ctx.AllGroupSet(), b.groupSet)
	}
	return item
}

func (b *builder) groupSet(ctx gen.IGroupSetContext) []ast.Expr {
	if ctx.Expr() == nil {
		return []ast.Expr{}
	}
	return b.rowItems(ctx.Expr())
}

// ---- FROM

func (b *builder) tableExpr(ctx gen.ITableExprContext) ast.TableExpr {
	t := b.tableFactor(ctx.TableFactor())
	for _, j := range ctx.AllJoin() {
		t = b.join(t, j)
	}
	return t
}

func (b *builder) join(left ast.TableExpr, ctx gen.IJoinContext) ast.TableExpr {
	j := &ast.Join{Kind: "INNER", Left: left, Right: b.tableFactor(ctx.TableFactor()), Using: b.columns(ctx.ColumnList())}
	j.Span = b.extent(left).To(spanOf(ctx))
	if ctx.Expr() != nil {
		j.On = b.expr(ctx.Expr())
	}
	switch kind := ctx.JoinKind(); {
	case has(ctx.CROSS()):
		j.Kind = "CROSS"
	case kind != nil && has(kind.SEMI()):
		j.Kind = "SEMI"
	case kind != nil && has(kind.ANTI()):
		j.Kind = "ANTI"
	case kind != nil:
		j.Kind = strings.ToUpper(b.tokenText(kind.GetStart()))
	}
	return j
}

// tableFactor puts each alias on what it follows: the table or the
// MATCH_RECOGNIZE before it.
func (b *builder) tableFactor(ctx gen.ITableFactorContext) ast.TableExpr {
	var t ast.TableExpr
	for _, c := range ctx.GetChildren() {
		switch c := c.(type) {
		case gen.ITablePrimaryContext:
			t = b.tablePrimary(c)
		case gen.IMatchRecognizeContext:
			t = b.matchRecognize(t, c)
		case gen.ITableAliasContext:
			b.setAlias(t, b.alias(c))
		}
	}
	return t
}

func (b *builder) alias(ctx gen.ITableAliasContext) ast.Alias {
	name := b.ident(ctx.Ident())
	return ast.Alias{Base: baseOf(ctx), Name: &name, Columns: b.columns(ctx.ColumnList())}
}

func (b *builder) setAlias(t ast.TableExpr, alias ast.Alias) {
	var place *ast.Alias
	switch t := t.(type) {
	case *ast.TableRef:
		place, t.Span = &t.Alias, t.Span.To(alias.Span)
	case *ast.Derived:
		place, t.Span = &t.Alias, t.Span.To(alias.Span)
	case *ast.TableFunction:
		place, t.Span = &t.Alias, t.Span.To(alias.Span)
	case *ast.MatchRecognize:
		place, t.Span = &t.Alias, t.Span.To(alias.Span)
	}
	if place == nil || place.Name != nil {
		b.fail(alias.Span, "a name cannot be given here").WithHint("only a table, query, function or MATCH_RECOGNIZE takes one name")
		return
	}
	*place = alias
}

func (b *builder) tablePrimary(ctx gen.ITablePrimaryContext) ast.TableExpr {
	base := baseOf(ctx)
	switch ctx := ctx.(type) {
	case *gen.NamedTableContext:
		return b.namedTable(ctx)
	case *gen.FunctionTableContext:
		call := b.tableCall(ctx.Name(), ctx.CallArgs(), tokenSpan(ctx.RPAREN(0).GetSymbol()).End)
		return &ast.TableFunction{Base: base, Lateral: has(ctx.LATERAL()), Call: call}
	case *gen.UnnestTableContext:
		word := ast.Base{Span: tokenSpan(ctx.GetStart())}
		call := &ast.Call{Name: ast.Name{Base: word, Parts: []ast.Ident{{Base: word, Name: "UNNEST"}}}, Args: mapAll(ctx.AllExpr(), b.expr)}
		call.Span = word.Span.To(tokenSpan(ctx.RPAREN().GetSymbol()))
		return &ast.TableFunction{Base: base, Call: call, Ordinality: has(ctx.ORDINALITY())}
	case *gen.QueryTableContext:
		return &ast.Derived{Base: base, Lateral: has(ctx.LATERAL()), Query: b.query(ctx.Query())}
	case *gen.ParenTableContext:
		t := b.tableExpr(ctx.TableExpr())
		b.wrapped(t, spanOf(ctx))
		return t
	}
	panic("table without a builder")
}

func (b *builder) namedTable(ctx *gen.NamedTableContext) ast.TableExpr {
	if has(ctx.LPAREN()) {
		return &ast.TableFunction{Base: baseOf(ctx), Call: b.tableCall(ctx.Name(), ctx.CallArgs(), spanOf(ctx).End)}
	}
	t := &ast.TableRef{Base: baseOf(ctx), Name: b.name(ctx.Name())}
	for _, h := range ctx.AllHints() {
		t.Hints = append(t.Hints, b.hints(h)...)
	}
	if ctx.AsOf() != nil {
		t.AsOf = b.value(ctx.AsOf().Value())
	}
	return t
}

// tableCall is the call of a table function, where a query in parentheses is a table.
func (b *builder) tableCall(name gen.INameContext, args gen.ICallArgsContext, end int) *ast.Call {
	call := &ast.Call{Name: b.name(name)}
	call.Span = spanOf(name)
	call.Span.End = end
	b.callArgs(call, args)
	for i, a := range call.Args {
		call.Args[i] = queryAsTable(a)
	}
	return call
}

func queryAsTable(arg ast.Expr) ast.Expr {
	switch a := arg.(type) {
	case *ast.NamedArg:
		a.Value = queryAsTable(a.Value)
	case *ast.Subquery:
		return &ast.TableArg{Base: a.Base, Table: &ast.Derived{Base: a.Base, Query: a.Query}}
	}
	return arg
}
