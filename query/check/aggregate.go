package check

import (
	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/query/ast"
)

// aggregate binds an aggregate over the rows of the match.
func (b *binder) aggregate(fn *expr.AggFunc, e *ast.Call) expr.Expr {
	switch {
	case b.nav != nil:
		b.add(diag.AggregateNesting, e.Pos(), "the aggregate %s cannot stand inside the argument of %s", fn.Name, b.nav.fn)
		return nil
	case e.Semantics == "FINAL" && b.match.define:
		b.add(diag.RunningFinal, e.Pos(), "DEFINE sees the rows so far: FINAL cannot be used").WithHint("leave FINAL out")
		return nil
	case e.NullsIgnore != "":
		b.unsupported(e.Pos(), e.NullsIgnore+" NULLS")
		return nil
	}
	agg := &expr.Agg{Fn: fn, Star: e.Star, Distinct: e.Distinct, Final: b.semantics(e)}
	inner := &navigation{fn: fn.Name, aggregate: true}
	deeper := *b
	deeper.nav = inner
	args, ok := deeper.aggArguments(agg, e)
	ok = deeper.aggClauses(agg, e) && ok
	if !ok || !b.agrees(inner, e.Pos(), argSpan(e)) {
		return nil
	}
	agg.Vars = inner.vars()
	return b.typeAggregate(agg, args, e)
}

func argSpan(e *ast.Call) diag.Span {
	if len(e.Args) == 0 {
		return e.Pos()
	}
	return e.Args[0].Pos().To(e.Args[len(e.Args)-1].Pos())
}

// aggArguments binds the arguments; COUNT(A.*) becomes a Star over A.
func (b *binder) aggArguments(agg *expr.Agg, e *ast.Call) ([]expr.Expr, bool) {
	if len(e.Args) == 1 {
		if star, ok := e.Args[0].(*ast.VarStar); ok {
			set, known := b.match.set(star.Of)
			if !known {
				hint(b.add(diag.UnknownColumn, star.Pos(), "there is no pattern variable %s", star.Of.Name), star.Of.Name, b.match.allNames())
				return nil, false
			}
			agg.Star = true
			b.nav.mention(label{name: folded(star.Of), set: set})
		}
	}
	if !agg.Star {
		args := b.exprs(e.Args)
		return args, args != nil || len(e.Args) == 0
	}
	if agg.Fn.Name != "COUNT" || agg.Distinct {
		b.add(diag.FunctionArgument, e.Pos(), "only COUNT takes *, and without DISTINCT")
		return nil, false
	}
	return nil, true
}

func (b *binder) aggClauses(agg *expr.Agg, e *ast.Call) bool {
	ok := true
	if e.Filter != nil {
		agg.Filter = b.condition(e.Filter, "FILTER (WHERE …)")
		ok = agg.Filter != nil
	}
	for _, item := range e.OrderBy {
		x := b.expr(item.Expr)
		if x == nil {
			ok = false
			continue
		}
		agg.OrderBy = append(agg.OrderBy, expr.SortKey{X: x, Desc: item.Desc, NullsFirst: nullsFirst(item)})
	}
	return ok
}

// nullsFirst is where NULLs go: as in Flink SQL they are the smallest values.
func nullsFirst(item ast.OrderItem) bool {
	if item.NullsFirst != nil {
		return *item.NullsFirst
	}
	return !item.Desc
}

func (b *binder) typeAggregate(agg *expr.Agg, args []expr.Expr, e *ast.Call) expr.Expr {
	if agg.Star {
		agg.Base = typed(event.TInt64, e.Pos())
		return agg
	}
	types := make([]event.Type, len(args))
	for i, a := range args {
		types[i] = a.Type()
	}
	params, result, err := agg.Fn.Resolve(types)
	if err != nil {
		b.add(diag.FunctionArgument, e.Pos(), "%v", err)
		return nil
	}
	for i := range args {
		if args[i] = b.coerce(args[i], params[i]); args[i] == nil {
			return nil
		}
	}
	agg.Base, agg.Args = typed(result, e.Pos()), args
	return agg
}
