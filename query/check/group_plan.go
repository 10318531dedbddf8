package check

import (
	"strings"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/query/plan"
)

// below is the column of the Aggregate's input that computes x.
func (g *grouping) below(x expr.Expr) int {
	for i, e := range g.in {
		if expr.Equal(e, x) {
			return i
		}
	}
	g.in = append(g.in, x)
	return len(g.in) - 1
}

// relation makes the plan: what the Aggregate reads, the Aggregate, HAVING and
// SELECT.
func (g *grouping) relation(having expr.Expr, list *selectList) *relation {
	g.aggregate()
	var node plan.Node = g.out
	if having != nil {
		node = &plan.Filter{Input: node, Cond: having}
	}
	n := len(g.keys)
	if plan.ChangelogOf(g.out) != plan.AppendOnly || g.window.Kind == plan.Unwindowed {
		rel := &relation{node: node, proctime: map[int]bool{}}
		return &relation{node: &plan.Project{Input: node, Exprs: list.exprs, Out: list.schema(rel)}, proctime: map[int]bool{}}
	}
	rel := &relation{node: node, proctime: map[int]bool{n + plan.OutTime: g.window.Proctime}}
	out := list.schema(rel)
	w := &windowed{start: n + plan.OutStart, end: n + plan.OutEnd, time: n + plan.OutTime, timed: !g.window.Proctime}
	return &relation{node: &plan.Project{Input: node, Exprs: list.exprs, Out: out}, proctime: list.proctime(rel), window: w.passed(list)}
}

func (g *grouping) aggregate() {
	in := g.rel.schema()
	out := &plan.Aggregate{Window: g.window, Sets: g.sets, Emit: g.policy}
	out.TwoPhases = g.cat.Settings["table.optimizer.agg-phase-strategy"] == "TWO_PHASE" && plan.ChangelogOf(g.input) == plan.AppendOnly
	w, rowtime := &out.Window, -1
	var t event.Type
	switch w.Kind {
	case plan.Unwindowed:
	case plan.Attached:
		w.Start = g.below(columnOf(in, g.window.Start, diag.Span{}))
		w.End = g.below(columnOf(in, g.window.End, diag.Span{}))
		t = in.Fields[g.window.End].Type
	default:
		t = in.Fields[g.window.Time].Type
		w.Time = g.below(columnOf(in, g.window.Time, diag.Span{}))
		rowtime = w.Time
	}
	if in.Rowtime >= 0 {
		rowtime = g.below(columnOf(in, in.Rowtime, diag.Span{}))
	}
	fields := g.keyFields(out)
	if w.Kind != plan.Unwindowed {
		fields = append(fields, windowFields(t)...)
	}
	fields = append(fields, event.Field{Name: "grouping", Type: event.TInt64})
	for _, a := range g.calls {
		out.Calls = append(out.Calls, g.planCall(a))
		fields = append(fields, event.Field{Name: callName(g.text(a.Pos())), Type: a.T})
	}
	if w.Kind == plan.Session && g.legacy {
		w.PartitionBy = append([]int(nil), out.Keys...)
	} else {
		w.PartitionBy = g.partition(in)
	}
	out.Out = &event.Schema{Fields: fields, Rowtime: len(g.keys) + plan.OutTime}
	if w.Proctime || w.Kind == plan.Unwindowed || out.Emit != nil {
		out.Out.Rowtime = -1
	}
	out.Input = g.project(rowtime)
	g.out = out
}

func (g *grouping) keyFields(out *plan.Aggregate) []event.Field {
	var fields []event.Field
	for _, k := range g.keys {
		out.Keys = append(out.Keys, g.below(k))
		fields = append(fields, event.Field{Name: g.nameOf(k), Type: k.Type()})
	}
	return fields
}

func (g *grouping) partition(in *event.Schema) []int {
	var columns []int
	for _, c := range g.window.PartitionBy {
		columns = append(columns, g.below(columnOf(in, c, diag.Span{})))
	}
	return columns
}

func (g *grouping) planCall(a *expr.Agg) plan.AggCall {
	call := plan.AggCall{Fn: a.Fn, Filter: -1, Distinct: a.Distinct}
	for _, x := range a.Args {
		call.Args = append(call.Args, g.below(x))
		call.Params = append(call.Params, x.Type())
	}
	if a.Filter != nil {
		call.Filter = g.below(a.Filter)
	}
	for _, k := range a.OrderBy {
		call.OrderBy = append(call.OrderBy, plan.OrderKey{Column: g.below(k.X), Desc: k.Desc, NullsFirst: k.NullsFirst})
	}
	return call
}

// project computes what the Aggregate reads.
func (g *grouping) project(rowtime int) plan.Node {
	if g.rel.schema().Rowtime < 0 {
		rowtime = -1
	}
	return &plan.Project{Input: g.input, Exprs: g.in, Out: g.schema(rowtime)}
}

// schema is the columns of g.in.
func (g *grouping) schema(rowtime int) *event.Schema {
	out := &event.Schema{Rowtime: rowtime}
	for _, x := range g.in {
		out.Fields = append(out.Fields, event.Field{Name: g.nameOf(x), Type: x.Type()})
	}
	return out
}

func (g *grouping) nameOf(x expr.Expr) string {
	if col, ok := x.(*expr.Column); ok {
		return col.Name
	}
	return callName(g.text(x.Pos()))
}

// callName is an expression's text on one line.
func callName(text string) string { return strings.Join(strings.Fields(text), " ") }
