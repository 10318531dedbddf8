package check

import (
	"strings"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/plan"
)

// groupCall binds the functions that exist only with GROUP BY; false when name
// is none.
func (b *binder) groupCall(name string, e *ast.Call) (x expr.Expr, done bool) {
	if name == "GROUPING" || name == "GROUPING_ID" {
		return b.groupingOf(name, e), true
	}
	if agg, ok := b.aggregateFunc(name); ok {
		return b.groupAggregate(agg, e), true
	}
	window, part, ok := strings.Cut(name, "_")
	form, known := forms[window]
	if !ok || !known || form.kind == plan.Cumulate {
		return nil, false
	}
	return b.windowPart(window, part, e)
}

// windowPart is TUMBLE_START(ts, INTERVAL …) and the like.
func (b *binder) windowPart(window, part string, e *ast.Call) (expr.Expr, bool) {
	g := b.group
	at, ok := map[string]int{"START": g.start, "END": g.end, "ROWTIME": g.time, "PROCTIME": g.time}[part]
	if !ok {
		return nil, false
	}
	w, ok := g.callWindow(window, e)
	if !ok {
		return nil, true
	}
	same := w.Kind == g.window.Kind && w.Time == g.window.Time && w.Size == g.window.Size && w.Slide == g.window.Slide && w.Offset == g.window.Offset
	if !g.legacy || !same || part == "PROCTIME" != w.Proctime && part != "START" && part != "END" {
		b.add(diag.WindowFunction, e.Pos(), "GROUP BY has no window %s", strings.Replace(callName(b.text(e.Pos())), "_"+part, "", 1))
		return nil, true
	}
	t := windowFields(g.rel.schema().Fields[w.Time].Type)[0].Type
	return &expr.Column{Base: typed(t, e.Pos()), Index: at, Name: strings.ToLower("window_" + part)}, true
}

// groupingOf is GROUPING(a), 1 where the row is not grouped by a, and
// GROUPING_ID(a, b, …), those bits together, the last one lowest.
func (b *binder) groupingOf(name string, e *ast.Call) expr.Expr {
	if len(e.Args) == 0 || name == "GROUPING" && len(e.Args) > 1 {
		b.add(diag.FunctionArgument, e.Pos(), "%s takes keys of GROUP BY", name)
		return nil
	}
	g, span := b.group, e.Pos()
	number := func(i int64) expr.Expr { return constant(event.TInt64, event.IntValue(i), span) }
	arith := func(op expr.ArithOp, x, y expr.Expr) expr.Expr {
		return &expr.Arith{Base: typed(event.TInt64, span), Op: op, X: x, Y: y}
	}
	var sum expr.Expr
	for _, a := range e.Args {
		k := g.keyOf(a)
		if k < 0 {
			b.add(diag.FunctionArgument, a.Pos(), "%s takes keys of GROUP BY", name)
			return nil
		}
		mask := &expr.Column{Base: typed(event.TInt64, span), Index: g.mask, Name: "grouping"}
		bit := arith(expr.Mod, arith(expr.Div, mask, number(1<<(len(g.keys)-1-k))), number(2))
		if sum != nil {
			bit = arith(expr.Add, arith(expr.Mul, sum, number(2)), bit)
		}
		sum = bit
	}
	return sum
}

// keyOf is the key that e is; -1: none.
func (g *grouping) keyOf(e ast.Expr) int {
	x := (&binder{Checker: g.Checker, rel: g.rel}).top(e)
	for i, k := range g.keys {
		if x != nil && expr.Equal(k, x) {
			return i
		}
	}
	return -1
}

// groupAggregate binds an aggregate over the rows of a group.
func (b *binder) groupAggregate(fn *expr.AggFunc, e *ast.Call) expr.Expr {
	switch {
	case e.Semantics != "":
		b.misplacedSemantics(fn.Name, e)
		return nil
	case e.NullsIgnore != "":
		b.unsupported(e.Pos(), e.NullsIgnore+" NULLS")
		return nil
	}
	agg := &expr.Agg{Fn: fn, Star: e.Star, Distinct: e.Distinct, Final: true}
	rows := &binder{Checker: b.Checker, rel: b.rel, outer: fn.Name}
	args, ok := rows.rowArguments(agg, e)
	ok = rows.aggClauses(agg, e) && ok
	if !ok {
		return nil
	}
	x := b.typeAggregate(agg, args, e)
	if x == nil || !b.sortedDistinct(agg) || !b.beforeWindow(agg) {
		return nil
	}
	return x
}

// rowArguments binds the arguments of an aggregate over rows.
func (b *binder) rowArguments(agg *expr.Agg, e *ast.Call) ([]expr.Expr, bool) {
	if agg.Star {
		if agg.Fn.Name == "COUNT" && !agg.Distinct {
			return nil, true
		}
		b.add(diag.FunctionArgument, e.Pos(), "only COUNT takes *, and without DISTINCT")
		return nil, false
	}
	args := b.exprs(e.Args)
	return args, args != nil || len(e.Args) == 0
}

// sortedDistinct refuses DISTINCT in an order of other columns, as the standard
// does: equal values may have different places in it.
func (b *binder) sortedDistinct(agg *expr.Agg) bool {
	if !agg.Distinct {
		return true
	}
	for _, k := range agg.OrderBy {
		found := false
		for _, a := range agg.Args {
			found = found || expr.Equal(a, k.X)
		}
		if !found {
			b.add(diag.FunctionArgument, k.X.Pos(), "with DISTINCT the keys of ORDER BY must be arguments of %s", agg.Fn.Name)
			return false
		}
	}
	return true
}

// beforeWindow refuses aggregates over columns of the window.
func (b *binder) beforeWindow(agg *expr.Agg) bool {
	if b.group == nil || !b.group.usesWindow(agg) {
		return true
	}
	b.unsupported(agg.Pos(), "an aggregate over the columns of the window")
	return false
}
