package check

import (
	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/plan"
)

// ofWindows says whether rows are partitioned by the bounds of their windows.
func (o *overScope) ofWindows(b *binder, spec *ast.Over) bool {
	w := o.rel.window
	if w == nil {
		return false
	}
	start, end := false, false
	for _, e := range spec.PartitionBy {
		ref, ok := e.(*ast.Ref)
		if !ok || len(ref.Parts) > 2 {
			continue
		}
		i, n := b.find(ref.Parts[len(ref.Parts)-1].Name)
		start, end = start || n == 1 && i == w.start, end || n == 1 && i == w.end
	}
	return start && end
}

// overRank binds ROW_NUMBER() over the rows of windows.
func (b *binder) overRank(e *ast.Call, spec *ast.Over) expr.Expr {
	o := b.over
	switch {
	case o.rank != nil || len(o.calls) > 0:
		b.mixedRank(e.Pos())
		return nil
	case len(spec.OrderBy) == 0 || spec.Unit != "" || len(e.Args) > 0:
		b.add(diag.WindowFunction, e.Pos(), "ROW_NUMBER() takes no arguments, and OVER (PARTITION BY … ORDER BY …) without a frame")
		return nil
	case !b.overPartition(spec):
		return nil
	}
	rank := &ranking{span: e.Pos()}
	for _, item := range spec.OrderBy {
		x := (&binder{Checker: b.Checker, rel: o.rel}).expr(item.Expr)
		if x == nil {
			return nil
		}
		if !sortable(x.Type()) {
			b.add(diag.TypeMismatch, item.Pos(), "%s has no order", x.Type())
			return nil
		}
		rank.keys = append(rank.keys, expr.SortKey{X: x, Desc: item.Desc, NullsFirst: nullsFirst(item)})
	}
	o.rank = rank
	return &expr.Column{Base: typed(event.TInt64, e.Pos()), Index: overBase, Name: "row_number"}
}

func (b *binder) mixedRank(span diag.Span) {
	b.unsupported(span, "ROW_NUMBER of windows beside other OVER in one SELECT").WithHint("compute one of them in a sub-query")
}

// rankNode puts the TopN between its input and the SELECT, whose columns it
// moves.
func (o *overScope) rankNode(c *Checker, input plan.Node, list *selectList) (plan.Node, *relation) {
	g, w := o.below(c), o.rel.window
	out := &plan.TopN{Start: w.start, End: w.end}
	for _, k := range o.partition {
		out.PartitionBy = append(out.PartitionBy, g.below(k))
	}
	for _, k := range o.rank.keys {
		out.OrderBy = append(out.OrderBy, plan.OrderKey{Column: g.below(k.X), Desc: k.Desc, NullsFirst: k.NullsFirst})
	}
	below := g.schema(o.rel.schema().Rowtime)
	out.Input = &plan.Project{Input: input, Exprs: g.in, Out: below}
	out.Out = &event.Schema{Rowtime: w.time, Fields: append(append([]event.Field(nil), below.Fields...), event.Field{Name: "row_number", Type: event.TInt64})}
	for i, x := range list.exprs {
		list.exprs[i] = moveOver(x, len(below.Fields), out.Out)
	}
	rel := *o.rel
	rel.node = out
	return out, &rel
}
