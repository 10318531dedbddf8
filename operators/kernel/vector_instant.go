package kernel

import (
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

// instantNode is TO_TIMESTAMP_LTZ of a whole number, which most events need for
// their time: a multiplication. Where one is out of range, or few rows are
// selected, rows are computed one by one.
type instantNode struct {
	rows         *rowNode
	scale, limit int64 // µs of one; the largest number in range
}

// instantScale is how many µs one is in a call; 0: it is another call, or nil.
func instantScale(e *expr.Call) int64 {
	if e == nil || e.Fn.Name != "TO_TIMESTAMP_LTZ" || !e.Args[0].Type().Integer() {
		return 0
	}
	if len(e.Args) == 1 {
		return 1000
	}
	precision, ok := e.Args[1].(*expr.Const)
	switch {
	case !ok || precision.Value.Null:
	case precision.Value.I == 0:
		return 1_000_000
	case precision.Value.I == 3:
		return 1000
	}
	return 0
}

func (n *instantNode) eval(r *run, sel []int32) *event.Vec {
	if !dense(sel, r.n) {
		return n.rows.eval(r, sel)
	}
	x := n.rows.args[0].eval(r, sel)
	out := n.rows.out.reset(r.n)
	if !scaleWithin(x.I64[:r.n], out.I64[:r.n], n.scale, n.limit) {
		return n.rows.eval(r, sel)
	}
	out.Nulls = x.Nulls
	return out
}

// scaleWithin multiplies, and says whether all of x is from -limit to limit.
func scaleWithin(x, out []int64, scale, limit int64) bool {
	out = out[:len(x)]
	var bad int64
	for i, v := range x {
		bad |= (v + limit) | (limit - v)
		out[i] = v * scale
	}
	return bad >= 0
}
