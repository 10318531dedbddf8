package check

import (
	"strings"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/query/ast"
)

// call binds a function of any sort.
func (b *binder) call(e *ast.Call) expr.Expr {
	name := strings.ToUpper(dotted(e.Name.Parts))
	if e.Over != nil && b.over != nil {
		return b.overCall(name, e)
	}
	if e.Over != nil {
		b.refuseOver(e)
		return nil
	}
	if b.group != nil && !e.Name.Parts[0].Quoted {
		if x, done := b.groupCall(name, e); done {
			return x
		}
	}
	if b.match != nil && !e.Name.Parts[0].Quoted {
		if x, done := b.patternCall(name, e); done {
			return x
		}
	}
	agg, isAgg := b.aggregateFunc(name)
	if e.Semantics != "" && (b.match == nil || !isAgg) {
		b.misplacedSemantics(name, e)
		return nil
	}
	if isAgg && b.match != nil {
		return b.aggregate(agg, e)
	}
	if x, done := b.conditional(name, e); done {
		return x
	}
	if _, isScalar := b.scalarFunc(name); isAgg && !isScalar {
		b.misplacedAggregate(name, e)
		return nil
	}
	return b.scalar(name, e)
}

func (b *binder) misplacedAggregate(name string, e *ast.Call) {
	if b.outer != "" {
		b.add(diag.AggregateNesting, e.Pos(), "the aggregate %s cannot stand inside the argument of %s", name, b.outer).
			WithHint("aggregate in a sub-query, and its result here")
		return
	}
	b.add(diag.AggregateNesting, e.Pos(), "the aggregate %s has no group to stand for", name).
		WithHint("group by windows: FROM TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE) … GROUP BY window_start, window_end, …; or aggregate the rows of a match in MEASURES")
}

func (b *binder) refuseOver(e *ast.Call) {
	if b.match != nil {
		b.add(diag.WindowFunction, e.Pos(), "OVER cannot be used inside MATCH_RECOGNIZE")
		return
	}
	d := b.add(diag.WindowFunction, e.Pos(), "OVER stands in the list of a SELECT without GROUP BY, not inside an aggregate or a condition")
	d.WithHint("compute it in a sub-query, and use the result here")
}

func (b *binder) misplacedSemantics(name string, e *ast.Call) {
	if b.match == nil {
		b.add(diag.RunningFinal, e.Pos(), "%s belongs to the measures of MATCH_RECOGNIZE", e.Semantics)
		return
	}
	b.add(diag.RunningFinal, e.Pos(), "%s does not apply to %s: only to FIRST, LAST and aggregates", e.Semantics, name)
}

// patternOnly names the functions that exist only inside MATCH_RECOGNIZE.
var patternOnly = map[string]bool{
	"FIRST": true, "LAST": true, "PREV": true, "NEXT": true, "CLASSIFIER": true, "MATCH_NUMBER": true,
	"MATCH_ROWTIME": true, "MATCH_PROCTIME": true, "MATCH_STATUS": true, "SUPPRESS_COUNT": true, "SUPPRESS_STATUS": true,
}

func (b *binder) scalar(name string, e *ast.Call) expr.Expr {
	switch {
	case e.Distinct || e.Star || e.Filter != nil || len(e.OrderBy) > 0 || e.NullsIgnore != "":
		if _, ok := b.scalarFunc(name); ok {
			b.add(diag.FunctionArgument, e.Pos(), "%s is no aggregate: DISTINCT, *, FILTER, ORDER BY and IGNORE NULLS do not apply", name)
			return nil
		}
	case patternOnly[name] && !e.Name.Parts[0].Quoted:
		b.add(diag.UnknownFunction, e.Pos(), "there is no function %s outside MATCH_RECOGNIZE", name).WithHint("use it in MEASURES or DEFINE")
		return nil
	}
	args, returning, ok := b.specialForm(name, e)
	if !ok {
		return nil
	}
	x := b.invoke(name, args, e.Pos(), e.Pos())
	if x == nil || !b.unitFits(x, e) {
		return nil
	}
	if returning == nil {
		return x
	}
	t, ok := b.resolveType(returning)
	if !ok {
		return nil
	}
	return b.convertTo(x, t, false, e.Pos())
}

// unitFits tries a call with a unit, such as EXTRACT(HOUR FROM d), on zeros in
// place of its columns: a unit that the type has not is told now, not for
// every row.
func (b *binder) unitFits(x expr.Expr, e *ast.Call) bool {
	call, ok := x.(*expr.Call)
	unit := firstKeyword(e.Args)
	if !ok || unit == nil || b.opts.Fold == nil {
		return true
	}
	zeros := make([]expr.Expr, len(call.Args))
	for i, a := range call.Args {
		zeros[i] = a
		if _, isConst := a.(*expr.Const); !isConst {
			zeros[i] = constant(a.Type(), event.Value{}, a.Pos())
		}
	}
	if _, _, err := b.opts.Fold(call.WithChildren(zeros)); err != nil {
		b.add(diag.FunctionArgument, unit.Pos(), "%v", err)
		return false
	}
	return true
}

func firstKeyword(args []ast.Expr) ast.Expr {
	for _, a := range args {
		if k, ok := a.(*ast.Keyword); ok {
			return k
		}
	}
	return nil
}

// patternCall binds the functions of MATCH_RECOGNIZE; false when name is none.
func (b *binder) patternCall(name string, e *ast.Call) (x expr.Expr, done bool) {
	switch name {
	case "FIRST", "LAST", "PREV", "NEXT":
		return b.navigate(name, e), true
	case "CLASSIFIER":
		return b.classifier(e), true
	case "MATCH_NUMBER":
		return b.matchNumber(e), true
	case "MATCH_ROWTIME":
		return b.matchRowtime(e), true
	case "MATCH_PROCTIME":
		return b.matchProctime(e), true
	case "MATCH_STATUS":
		return b.matchStatus(e), true
	case "SUPPRESS_COUNT", "SUPPRESS_STATUS":
		b.misplacedSuppress(name, e)
		return nil, true
	}
	return nil, false
}
