package kernel

import (
	"bytes"
	"math"

	"github.com/cepd/cepd/internal/decimal"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

func compileCompare(e *expr.Compare) (node, error) {
	t := e.X.Type()
	if t.Kind == event.Null || e.Y.Type().Kind == event.Null {
		if e.Op < expr.Distinct {
			return &constantNode{vec: event.NewVec(event.TBool), value: event.NullValue}, nil
		}
		return compileRow(e)
	}
	if r, ok := rangeOf(e); ok {
		x, err := compileNode(r.x)
		return &rangeNode{x: x, lo: r.lo, width: r.width(), negate: b2i(r.negate), out: newColumn(event.TBool)}, err
	}
	if e.Op >= expr.Distinct || t.Physical() == event.PhysNested {
		return compileRow(e)
	}
	x, y, err := compilePair(e.X, e.Y)
	return &compareNode{x: x, y: y, op: e.Op, phys: t.Physical(), out: newColumn(event.TBool)}, err
}

// rangeNode tests an int64 column against a range.
type rangeNode struct {
	x      node
	lo     int64
	width  uint64
	negate int64
	out    column
}

func (n *rangeNode) eval(r *run, sel []int32) *event.Vec {
	in := n.x.eval(r, sel)
	out := n.out.reset(r.n)
	n.out.nullWhere(r.n, in.Nulls, nil)
	x, to := in.I64[:r.n], out.I64[:r.n]
	if dense(sel, r.n) {
		for i, v := range x {
			to[i] = b2i(uint64(v)-uint64(n.lo) <= n.width) ^ n.negate
		}
		return out
	}
	for _, i := range sel {
		to[i] = b2i(uint64(x[i])-uint64(n.lo) <= n.width) ^ n.negate
	}
	return out
}

// compareNode compares two columns.
type compareNode struct {
	x, y node
	op   expr.CompareOp
	phys event.Physical
	out  column
}

func (n *compareNode) eval(r *run, sel []int32) *event.Vec {
	x, y := n.x.eval(r, sel), n.y.eval(r, sel)
	out := n.out.reset(r.n)
	n.out.nullWhere(r.n, x.Nulls, y.Nulls)
	switch n.phys {
	case event.PhysI64:
		compareLoop(n.op, x.I64[:r.n], y.I64[:r.n], out.I64[:r.n])
	case event.PhysF64:
		compareLoop(n.op, x.F64[:r.n], y.F64[:r.n], out.I64[:r.n])
	case event.PhysStr:
		for k := range r.count(sel) {
			if i := row(sel, k); !out.Null(i) {
				out.I64[i] = b2i(holdsText(n.op, x.Bytes(i), y.Bytes(i)))
			}
		}
	default:
		for k := range r.count(sel) {
			i := row(sel, k)
			a, b := decimal.Int{Hi: x.Hi[i], Lo: uint64(x.I64[i])}, decimal.Int{Hi: y.Hi[i], Lo: uint64(y.I64[i])}
			out.I64[i] = b2i(holds(n.op, a.Cmp(b)))
		}
	}
	return out
}

func holdsText(op expr.CompareOp, a, b []byte) bool {
	switch op {
	case expr.Eq:
		return bytes.Equal(a, b)
	case expr.Ne:
		return !bytes.Equal(a, b)
	}
	return holds(op, bytes.Compare(a, b))
}

// compareLoop compares all rows: the work is so little that leaving rows out
// would cost more. Every comparison with NaN but <> is false.
func compareLoop[T int64 | float64](op expr.CompareOp, x, y []T, out []int64) {
	if op == expr.Gt || op == expr.Ge {
		op, x, y = flipped(op), y, x
	}
	y, out = y[:len(x)], out[:len(x)]
	switch op {
	case expr.Eq:
		for i, v := range x {
			out[i] = b2i(v == y[i])
		}
	case expr.Ne:
		for i, v := range x {
			out[i] = b2i(v != y[i])
		}
	case expr.Lt:
		for i, v := range x {
			out[i] = b2i(v < y[i])
		}
	default:
		for i, v := range x {
			out[i] = b2i(v <= y[i])
		}
	}
}

// floatRange is a comparison of a DOUBLE with a constant as lo <= x <= hi, or
// its negation for <>: no comparison with NaN but <> is true.
type floatRange struct {
	x      expr.Expr
	lo, hi float64
	negate bool
}

func floatRangeOf(e *expr.Compare) (floatRange, bool) {
	x, c, op := e.X, e.Y, e.Op
	if _, ok := x.(*expr.Const); ok {
		x, c, op = e.Y, e.X, flipped(op)
	}
	k, ok := c.(*expr.Const)
	if !ok || k.Value.Null || op >= expr.Distinct || !x.Type().Float() {
		return floatRange{}, false
	}
	f, inf := k.Value.F(), math.Inf(1)
	r := floatRange{x: x, lo: f, hi: f, negate: op == expr.Ne}
	switch op {
	case expr.Lt:
		r.lo, r.hi = -inf, math.Nextafter(f, -inf)
	case expr.Le:
		r.lo = -inf
	case expr.Gt:
		r.lo, r.hi = math.Nextafter(f, inf), inf
	case expr.Ge:
		r.hi = inf
	}
	// No number is below -Inf or above +Inf: Nextafter stays there.
	return r, !math.IsInf(f, 0)
}
