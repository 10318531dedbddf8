package kernel

import (
	"github.com/cepd/cepd/internal/decimal"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

func compileCast(e *expr.Cast) (node, error) {
	from := e.X.Type()
	digits, scales := scaleUp(from, e.T)
	var convert func(in, out *event.Vec, n int)
	switch {
	case from.Kind == event.Null:
		return &constantNode{vec: event.NewVec(e.T), value: event.NullValue}, nil
	case sameBits(from, e.T):
		x, err := compileNode(e.X)
		return &retyped{x: x, t: e.T}, err
	case scales && !e.T.Wide():
		k := pow10(digits)
		convert = func(in, out *event.Vec, n int) { scaleLoop(in.I64[:n], out.I64[:n], k) }
	case scales && !from.Wide() && digits <= event.MaxNarrow:
		k := pow10(digits)
		convert = func(in, out *event.Vec, n int) { widenLoop(in.I64[:n], out.I64[:n], out.Hi[:n], k) }
	case from.Integer() && e.T.Kind == event.Float64:
		convert = func(in, out *event.Vec, n int) { floatsOf(in.I64[:n], out.F64[:n]) }
	default:
		return compileRow(e)
	}
	x, err := compileNode(e.X)
	return &converted{x: x, convert: convert, out: newColumn(e.T)}, err
}

func scaleLoop(x, out []int64, k int64) {
	out = out[:len(x)]
	for i := range x {
		out[i] = x[i] * k
	}
}

func widenLoop(x, lo, hi []int64, k int64) {
	lo, hi = lo[:len(x)], hi[:len(x)]
	for i := range x {
		v := decimal.MulInt64(x[i], k)
		lo[i], hi[i] = int64(v.Lo), v.Hi
	}
}

func floatsOf(x []int64, out []float64) {
	out = out[:len(x)]
	for i := range x {
		out[i] = float64(x[i])
	}
}

// converted is a cast that cannot fail, computed for all rows.
type converted struct {
	x       node
	convert func(in, out *event.Vec, n int)
	out     column
}

func (c *converted) eval(r *run, sel []int32) *event.Vec {
	in := c.x.eval(r, sel)
	out := c.out.reset(r.n)
	c.convert(in, out, r.n)
	out.Nulls = in.Nulls
	return out
}

// retyped is a cast that leaves the stored values as they are.
type retyped struct {
	x   node
	t   event.Type
	out event.Vec
}

func (c *retyped) eval(r *run, sel []int32) *event.Vec {
	c.out = *c.x.eval(r, sel)
	c.out.Type = c.t
	return &c.out
}
