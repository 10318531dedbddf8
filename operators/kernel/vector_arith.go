package kernel

import (
	"github.com/cepd/cepd/internal/decimal"
	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
)

func compileArith(e *expr.Arith) (node, error) {
	tx, ty := e.X.Type(), e.Y.Type()
	if tx.Kind == event.Null || ty.Kind == event.Null {
		return &constantNode{vec: event.NewVec(e.T), value: event.NullValue}, nil
	}
	a, err := arithOf(e)
	if err != nil {
		return nil, err
	}
	if a.mixed != nil {
		return compileRow(e)
	}
	x, y, err := compilePair(e.X, e.Y)
	if err != nil {
		return nil, err
	}
	if a.floats != nil {
		return &floatArith{x: x, y: y, op: e.Op, f: a.floats, double: e.T.Kind == event.Float64, out: newColumn(e.T)}, nil
	}
	if a.decs != nil {
		return &decArith{x: x, y: y, f: a.decs, span: e.Span, out: newColumn(e.T)}, nil
	}
	return &intArith{x: x, y: y, f: a.ints, loop: intLoop(e), span: e.Span, out: newColumn(e.T)}, nil
}

// intArith is arithmetic on int64 columns. The loop computes all rows and
// gives a negative number if one may have overflowed; then, and for sparse
// selections, the checked function is applied row by row.
type intArith struct {
	x, y node
	f    func(a, b int64) (int64, error)
	loop func(x, y, out []int64) (bad int64) // nil: none
	span diag.Span
	out  column
}

func (n *intArith) eval(r *run, sel []int32) *event.Vec {
	x, y := n.x.eval(r, sel), n.y.eval(r, sel)
	out := n.out.reset(r.n)
	n.out.nullWhere(r.n, x.Nulls, y.Nulls)
	if n.loop != nil && dense(sel, r.n) && n.loop(x.I64[:r.n], y.I64[:r.n], out.I64[:r.n]) >= 0 {
		return out
	}
	for k := range r.count(sel) {
		i := row(sel, k)
		if out.Null(i) {
			continue
		}
		v, err := n.f(x.I64[i], y.I64[i])
		if err != nil {
			r.ctx.fail(i, r.n, err, n.span)
			out.SetNull(i, r.n)
		}
		out.I64[i] = v
	}
	return out
}

func intLoop(e *expr.Arith) func(x, y, out []int64) int64 {
	tx, ty := e.X.Type(), e.Y.Type()
	switch {
	case e.T.Kind == event.Decimal && e.Op == expr.Mul:
		return mulExact
	case e.T.Kind == event.Decimal:
		kx, ky := pow10(e.T.Scale-tx.Scale), pow10(e.T.Scale-ty.Scale)
		if e.Op == expr.Sub {
			ky = -ky
		}
		return func(x, y, out []int64) int64 { return addScaled(x, y, out, kx, ky) }
	case e.T.Integer():
		return integerLoop(e.Op, e.T)
	case e.T.Instant() && ty.Kind == event.IntervalDay && e.Op == expr.Add:
		return addWide
	case e.T.Instant() && ty.Kind == event.IntervalDay, e.T.Kind == event.IntervalDay && tx.Kind == ty.Kind && e.Op == expr.Sub && !isDated(tx):
		return subWide
	}
	return nil
}

func mulExact(x, y, out []int64) int64 {
	y, out = y[:len(x)], out[:len(x)]
	for i := range x {
		out[i] = x[i] * y[i]
	}
	return 0
}

func addScaled(x, y, out []int64, kx, ky int64) int64 {
	y, out = y[:len(x)], out[:len(x)]
	for i := range x {
		out[i] = x[i]*kx + y[i]*ky
	}
	return 0
}

func addWide(x, y, out []int64) (bad int64) {
	y, out = y[:len(x)], out[:len(x)]
	for i, a := range x {
		r := a + y[i]
		bad |= (a ^ r) & (y[i] ^ r)
		out[i] = r
	}
	return bad
}

func subWide(x, y, out []int64) (bad int64) {
	y, out = y[:len(x)], out[:len(x)]
	for i, a := range x {
		r := a - y[i]
		bad |= (a ^ y[i]) & (a ^ r)
		out[i] = r
	}
	return bad
}

// integerLoop is the loop of an integer type. Below BIGINT, operands have at
// most 32 bits, so that only the range of the result needs a check.
func integerLoop(op expr.ArithOp, t event.Type) func(x, y, out []int64) int64 {
	if t.Kind == event.Int64 {
		switch op {
		case expr.Add:
			return addWide
		case expr.Sub:
			return subWide
		}
		return nil
	}
	lo, hi := function.IntRange(t)
	var loop func(x, y, out []int64)
	switch op {
	case expr.Add:
		loop = func(x, y, out []int64) { addScaled(x, y, out, 1, 1) }
	case expr.Sub:
		loop = func(x, y, out []int64) { addScaled(x, y, out, 1, -1) }
	case expr.Mul:
		loop = func(x, y, out []int64) { mulExact(x, y, out) }
	default:
		return nil
	}
	return func(x, y, out []int64) (bad int64) {
		loop(x, y, out)
		for _, r := range out {
			bad |= (r - lo) | (hi - r)
		}
		return bad
	}
}

// floatArith is arithmetic on DOUBLE columns; it never fails.
type floatArith struct {
	x, y   node
	op     expr.ArithOp
	f      func(a, b float64) float64
	double bool
	out    column
}

func (n *floatArith) eval(r *run, sel []int32) *event.Vec {
	x, y := n.x.eval(r, sel), n.y.eval(r, sel)
	out := n.out.reset(r.n)
	n.out.nullWhere(r.n, x.Nulls, y.Nulls)
	if n.double && n.op != expr.Mod && dense(sel, r.n) {
		floatLoop(n.op, x.F64[:r.n], y.F64[:r.n], out.F64[:r.n])
		return out
	}
	for k := range r.count(sel) {
		i := row(sel, k)
		out.F64[i] = n.f(x.F64[i], y.F64[i])
	}
	return out
}

func floatLoop(op expr.ArithOp, x, y, out []float64) {
	y, out = y[:len(x)], out[:len(x)]
	switch op {
	case expr.Add:
		for i := range x {
			out[i] = x[i] + y[i]
		}
	case expr.Sub:
		for i := range x {
			out[i] = x[i] - y[i]
		}
	case expr.Mul:
		for i := range x {
			out[i] = x[i] * y[i]
		}
	default:
		for i := range x {
			out[i] = x[i] / y[i]
		}
	}
}

// decArith is DECIMAL arithmetic with an operand or result of 128 bits, or one
// that may fail.
type decArith struct {
	x, y node
	f    func(a, b decimal.Int) (decimal.Int, error)
	span diag.Span
	out  column
}

func (n *decArith) eval(r *run, sel []int32) *event.Vec {
	x, y := n.x.eval(r, sel), n.y.eval(r, sel)
	out := n.out.reset(r.n)
	n.out.nullWhere(r.n, x.Nulls, y.Nulls)
	wideX, wideY, wideOut := x.Type.Wide(), y.Type.Wide(), out.Type.Wide()
	for k := range r.count(sel) {
		i := row(sel, k)
		if out.Null(i) {
			continue
		}
		v, err := n.f(decAt(x, wideX, i), decAt(y, wideY, i))
		if err != nil {
			r.ctx.fail(i, r.n, err, n.span)
			out.SetNull(i, r.n)
		}
		out.I64[i] = int64(v.Lo)
		if wideOut {
			out.Hi[i] = v.Hi
		}
	}
	return out
}

func decAt(v *event.Vec, wide bool, i int) decimal.Int {
	if wide {
		return decimal.Int{Hi: v.Hi[i], Lo: uint64(v.I64[i])}
	}
	return decimal.FromInt64(v.I64[i])
}
