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

// isTime says whether x is the time of the input.
func (o *overScope) isTime(x expr.Expr) bool {
	col, ok := x.(*expr.Column)
	return ok && (col.Index == o.rel.schema().Rowtime || o.rel.proctime[col.Index])
}

// asTheyCome says whether rows are numbered in the order of time: what is numbered
// stays then.
func (o *overScope) asTheyCome(b *binder, spec *ast.Over) bool {
	if len(spec.OrderBy) == 0 {
		return true // which is told there
	}
	if len(spec.OrderBy) > 1 || spec.OrderBy[0].Desc || plan.ChangelogOf(o.rel.node) != plan.AppendOnly {
		return false
	}
	quiet := *b.Checker
	quiet.list = &diag.List{File: b.list.File, Source: b.list.Source}
	return o.isTime((&binder{Checker: &quiet, rel: o.rel}).expr(spec.OrderBy[0].Expr))
}

// rankBounded refuses numbers whose state nothing bounds.
func (b *binder) rankBounded(r *ranking) bool {
	if r.windowed {
		return b.final(b.over.rel.node, r.span, "ROW_NUMBER() of windows")
	}
	return b.keeps(b.over.rel.node, len(b.over.partition), r.span, "ROW_NUMBER() keeps the first rows of every key",
		"number the rows of windows: FROM TUMBLE(…), PARTITION BY window_start, window_end, …")
}

// placeRanks says of what a view has where that is to be reported: its own text is
// not at hand there.
func placeRanks(n plan.Node, at diag.Span) {
	if top, ok := n.(*plan.TopN); ok {
		top.At = at
	}
	for _, in := range n.Inputs() {
		placeRanks(in, at)
	}
}

// overRank binds ROW_NUMBER() over the rows of windows, or by an order other than
// that of time.
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
	rank := &ranking{span: e.Pos(), windowed: o.ofWindows(b, spec)}
	if !b.rankBounded(rank) {
		return nil
	}
	for _, item := range spec.OrderBy {
		x := (&binder{Checker: b.Checker, rel: o.rel}).expr(item.Expr)
		if x == nil {
			return nil
		}
		if !sortable(x.Type()) {
			b.add(diag.TypeMismatch, item.Pos(), "%s has no order", x.Type())
			return nil
		}
		rank.last = len(spec.OrderBy) == 1 && item.Desc && o.isTime(x)
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
	out := &plan.TopN{Start: none, End: none, Last: o.rank.last, At: o.rank.span}
	rowtime := none
	if o.rank.windowed {
		out.Start, out.End, rowtime = w.start, w.end, w.time
	}
	for _, k := range o.partition {
		out.PartitionBy = append(out.PartitionBy, g.below(k))
	}
	for _, k := range o.rank.keys {
		out.OrderBy = append(out.OrderBy, plan.OrderKey{Column: g.below(k.X), Desc: k.Desc, NullsFirst: k.NullsFirst})
	}
	below := g.schema(o.rel.schema().Rowtime)
	out.Input = &plan.Project{Input: input, Exprs: g.in, Out: below}
	out.Out = &event.Schema{Rowtime: rowtime, Fields: append(append([]event.Field(nil), below.Fields...), event.Field{Name: "row_number", Type: event.TInt64})}
	for i, x := range list.exprs {
		list.exprs[i] = moveOver(x, len(below.Fields), out.Out)
	}
	rel := *o.rel
	if rel.node = out; !o.rank.windowed {
		rel.window, rel.other, rel.proctime = nil, none, map[int]bool{}
	}
	return out, &rel
}
