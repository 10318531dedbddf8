package check

import (
	"strings"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/plan"
)

// overScope collects the calls with OVER of one SELECT. They are bound to
// columns beyond those of the input, numbered from base.
type overScope struct {
	rel       *relation
	windows   []ast.NamedWindow
	time      *expr.Column
	partition []expr.Expr
	frames    []plan.Frame
	calls     []*expr.Agg
	frameOf   []int
	rank      *ranking // the one call, where it is ROW_NUMBER of windows
}

// ranking is ROW_NUMBER over the rows of a window, or by an order of its own.
type ranking struct {
	keys     []expr.SortKey
	span     diag.Span
	windowed bool
	last     bool // the only key is the time, descending
}

// overBase is above any column of an input.
const overBase = 1 << 20

// overCall binds a call with OVER.
func (b *binder) overCall(name string, e *ast.Call) expr.Expr {
	o := b.over
	spec := o.spec(b, e.Over)
	if spec == nil {
		return nil
	}
	if name == "ROW_NUMBER" && (o.ofWindows(b, spec) || !o.asTheyCome(b, spec)) {
		return b.overRank(e, spec)
	}
	if !b.final(o.rel.node, e.Pos(), "OVER") {
		return nil
	}
	if o.rank != nil {
		b.mixedRank(e.Pos())
		return nil
	}
	agg := b.overAggregate(name, e)
	if agg == nil || !b.overTime(name, spec) || !b.overPartition(spec) {
		return nil
	}
	frame, ok := b.overFrame(name, e, spec)
	if !ok {
		return nil
	}
	return o.add(agg, frame)
}

// spec is the window of OVER: written there or by name.
func (o *overScope) spec(b *binder, over *ast.Over) *ast.Over {
	if over.Name == nil {
		return over
	}
	var names []string
	for i := range o.windows {
		if strings.EqualFold(o.windows[i].Name.Name, over.Name.Name) {
			return &o.windows[i].Over
		}
		names = append(names, o.windows[i].Name.Name)
	}
	hint(b.add(diag.UnknownTable, over.Pos(), "there is no window %q", over.Name.Name), over.Name.Name, names)
	return nil
}

// overAggregate binds the aggregate; ROW_NUMBER() counts the rows so far.
func (b *binder) overAggregate(name string, e *ast.Call) *expr.Agg {
	rowNumber := name == "ROW_NUMBER"
	if rowNumber {
		name = "COUNT"
	}
	fn, ok := b.aggregateFunc(name)
	switch {
	case !ok:
		b.unsupported(e.Pos(), name+" with OVER").WithHint("aggregates and ROW_NUMBER() can have OVER")
		return nil
	case e.NullsIgnore != "":
		b.unsupported(e.Pos(), e.NullsIgnore+" NULLS")
		return nil
	case rowNumber:
		if len(e.Args) > 0 || e.Star || e.Distinct || e.Filter != nil {
			b.add(diag.FunctionArgument, e.Pos(), "ROW_NUMBER takes no arguments")
			return nil
		}
		return &expr.Agg{Base: typed(event.TInt64, e.Pos()), Fn: fn, Star: true}
	}
	x := b.groupAggregate(fn, e)
	if x == nil {
		return nil
	}
	return x.(*expr.Agg)
}

// overTime demands that the order is that of time.
func (b *binder) overTime(name string, spec *ast.Over) bool {
	o := b.over
	m := &matcher{Checker: b.Checker, in: o.rel}
	if len(spec.OrderBy) == 0 {
		b.add(diag.MissingTime, spec.Pos(), "OVER needs ORDER BY the time of its input").WithHint("%s", m.timeHint())
		return false
	}
	item := spec.OrderBy[0]
	x := (&binder{Checker: b.Checker, rel: o.rel}).expr(item.Expr)
	if x == nil {
		return false
	}
	col, ok := x.(*expr.Column)
	time := ok && (col.Index == o.rel.schema().Rowtime || o.rel.proctime[col.Index])
	switch {
	case !time || item.Desc:
		d := b.add(diag.MissingTime, item.Pos(), "rows of OVER are in the order of time, ascending")
		if name == "ROW_NUMBER" {
			d.WithHint("the first rows by another order are taken of windows: FROM TUMBLE(…), PARTITION BY window_start, window_end, …")
		} else {
			d.WithHint("%s", m.timeHint())
		}
		return false
	case len(spec.OrderBy) > 1:
		b.unsupported(spec.OrderBy[1].Pos(), "a second key of ORDER BY in OVER")
		return false
	case o.time != nil && o.time.Index != col.Index:
		b.unsupported(item.Pos(), "OVER by different times in one SELECT").WithHint("compute one of them in a sub-query")
		return false
	}
	o.time = col
	return true
}

// overPartition binds PARTITION BY, which all OVER of a SELECT share.
func (b *binder) overPartition(spec *ast.Over) bool {
	o := b.over
	keys := (&binder{Checker: b.Checker, rel: o.rel}).exprs(spec.PartitionBy)
	if keys == nil && len(spec.PartitionBy) > 0 {
		return false
	}
	for i, k := range keys {
		if !sortable(k.Type()) {
			b.add(diag.TypeMismatch, spec.PartitionBy[i].Pos(), "PARTITION BY takes simple values, not %s", k.Type())
			return false
		}
	}
	if len(o.calls) == 0 {
		o.partition = keys
		return true
	}
	same := len(keys) == len(o.partition)
	for i := range keys {
		same = same && expr.Equal(keys[i], o.partition[i])
	}
	if !same {
		b.unsupported(spec.Pos(), "OVER with different PARTITION BY in one SELECT").WithHint("compute one of them in a sub-query: FROM (SELECT *, … OVER (…) AS x FROM …)")
	}
	return same
}

// overFrame is the frame of a call.
func (b *binder) overFrame(name string, e *ast.Call, spec *ast.Over) (plan.Frame, bool) {
	f := plan.Frame{Rows: spec.Unit == "ROWS", Preceding: plan.Unbounded}
	if name == "ROW_NUMBER" {
		f.Rows = true
		if spec.Unit != "" {
			b.add(diag.WindowFunction, e.Over.Pos(), "ROW_NUMBER has no frame").WithHint("leave RANGE or ROWS out")
			return f, false
		}
	}
	if end := spec.End.Kind; end != "" && end != "CURRENT ROW" || strings.HasSuffix(spec.Start.Kind, "FOLLOWING") {
		b.unsupported(spec.Pos(), "a frame that does not end at the current row")
		return f, false
	}
	ok := true
	switch spec.Start.Kind {
	case "CURRENT ROW":
		f.Preceding = 0
	case "PRECEDING":
		f.Preceding, ok = b.preceding(spec)
	}
	if !ok {
		return f, false
	}
	return f, b.overBounded(f, e)
}

// preceding is the n of n PRECEDING.
func (b *binder) preceding(spec *ast.Over) (int64, bool) {
	e := spec.Start.Expr
	if spec.Unit == "RANGE" {
		var us int64
		ok := b.span(e, "OVER", "RANGE", &us)
		return us, ok
	}
	x := (&binder{Checker: b.Checker}).top(e)
	if x == nil {
		return 0, false
	}
	k, ok := x.(*expr.Const)
	if !ok || !x.Type().Integer() || k.Value.Null || k.Value.I < 0 {
		b.add(diag.TypeMismatch, e.Pos(), "ROWS takes a constant number of rows").WithHint("write ROWS BETWEEN 10 PRECEDING AND CURRENT ROW")
		return 0, false
	}
	return k.Value.I, true
}

// overBounded refuses a frame that keeps something of every key for ever.
func (b *binder) overBounded(f plan.Frame, e *ast.Call) bool {
	if !f.Rows && f.Preceding != plan.Unbounded || b.unbounded(b.over.rel.node) == nil || b.timeToLive() {
		return true
	}
	b.add(diag.UnboundedState, e.Pos(), "OVER %s keeps a state of every key for ever", f).
		WithHint("SET 'state.ttl' = '1 d' forgets keys that are idle; or use RANGE BETWEEN INTERVAL '1' DAY PRECEDING AND CURRENT ROW")
	return false
}

// timeToLive says whether 'state.ttl' is set, and not to zero.
func (c *Checker) timeToLive() bool {
	return strings.ContainsAny(c.cat.Settings["state.ttl"], "123456789")
}

// add is the column of a call, new or old.
func (o *overScope) add(agg *expr.Agg, f plan.Frame) expr.Expr {
	frame := -1
	for i := range o.frames {
		if o.frames[i] == f {
			frame = i
		}
	}
	if frame < 0 {
		frame = len(o.frames)
		o.frames = append(o.frames, f)
	}
	for i, c := range o.calls {
		if o.frameOf[i] == frame && expr.Equal(c, agg) {
			return &expr.Column{Base: agg.Base, Index: overBase + i, Name: "over"}
		}
	}
	o.calls, o.frameOf = append(o.calls, agg), append(o.frameOf, frame)
	return &expr.Column{Base: agg.Base, Index: overBase + len(o.calls) - 1, Name: "over"}
}

// below collects the columns under an Over or TopN: first those of the input.
func (o *overScope) below(c *Checker) *grouping {
	in := o.rel.schema()
	exprs := make([]expr.Expr, len(in.Fields))
	for i := range exprs {
		exprs[i] = columnOf(in, i, diag.Span{})
	}
	return &grouping{Checker: c, rel: o.rel, in: exprs}
}

// node puts the Over between its input and the SELECT, whose columns it moves.
func (o *overScope) node(c *Checker, input plan.Node, list *selectList) (plan.Node, *relation) {
	g := o.below(c)
	out := &plan.Over{Time: o.time.Index, Proctime: o.rel.proctime[o.time.Index], Frames: o.frames}
	for _, k := range o.partition {
		out.PartitionBy = append(out.PartitionBy, g.below(k))
	}
	for i, a := range o.calls {
		out.Calls = append(out.Calls, plan.OverCall{AggCall: g.planCall(a), Frame: o.frameOf[i]})
	}
	below := g.schema(o.rel.schema().Rowtime)
	out.Input = &plan.Project{Input: input, Exprs: g.in, Out: below}
	out.Out = &event.Schema{Rowtime: below.Rowtime, Fields: append([]event.Field(nil), below.Fields...)}
	for i, a := range o.calls {
		name := out.Calls[i].Text(below) + " OVER " + o.frames[o.frameOf[i]].String()
		out.Out.Fields = append(out.Out.Fields, event.Field{Name: name, Type: a.T})
	}
	for i, x := range list.exprs {
		list.exprs[i] = moveOver(x, len(below.Fields), out.Out)
	}
	rel := *o.rel
	rel.node = out
	return out, &rel
}

// moveOver puts the columns of calls where the Over has them.
func moveOver(x expr.Expr, base int, out *event.Schema) expr.Expr {
	return expr.Rewrite(x, func(x expr.Expr) expr.Expr {
		col, ok := x.(*expr.Column)
		if !ok || col.Index < overBase {
			return x
		}
		i := base + col.Index - overBase
		return &expr.Column{Base: col.Base, Index: i, Name: out.Fields[i].Name}
	})
}
