package kernel

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/cepd/cepd/internal/decimal"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
)

// arith is the meaning of an Arith node on one pair of values; the function
// that fits the physical forms of operands and result is set.
type arith struct {
	ints   func(a, b int64) (int64, error)
	floats func(a, b float64) float64
	mixed  func(a int64, b float64) (int64, error) // interval with DOUBLE
	swap   bool                                    // mixed takes the operands the other way round
	decs   func(a, b decimal.Int) (decimal.Int, error)
}

func arithOf(e *expr.Arith) (arith, error) {
	x, y, t := e.X.Type(), e.Y.Type(), e.T
	switch {
	case t.Float() && x.Float() && y.Float():
		return arith{floats: floatOp(e.Op, t)}, nil
	case t.Integer() && x.Integer() && y.Integer():
		return arith{ints: intOp(e.Op, t)}, nil
	case t.Kind == event.Decimal && x.Kind == event.Decimal && y.Kind == event.Decimal:
		return decimalOp(e.Op, x, y, t), nil
	}
	if a, ok := temporalOp(e.Op, x, y, t); ok {
		return a, nil
	}
	return arith{}, fmt.Errorf("kernel: no %s of %s and %s giving %s", e.Op, x, y, t)
}

func floatOp(op expr.ArithOp, t event.Type) func(a, b float64) float64 {
	f := map[expr.ArithOp]func(a, b float64) float64{
		expr.Add: func(a, b float64) float64 { return a + b },
		expr.Sub: func(a, b float64) float64 { return a - b },
		expr.Mul: func(a, b float64) float64 { return a * b },
		expr.Div: func(a, b float64) float64 { return a / b },
		expr.Mod: math.Mod,
	}[op]
	if t.Kind == event.Float32 {
		return func(a, b float64) float64 { return float64(float32(f(a, b))) }
	}
	return f
}

func addInt(a, b int64) (int64, bool) {
	r := a + b
	return r, (a^r)&(b^r) >= 0
}

func subInt(a, b int64) (int64, bool) {
	r := a - b
	return r, (a^b)&(a^r) >= 0
}

func mulInt(a, b int64) (int64, bool) {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	signed := int64(hi) - (a>>63)&b - (b>>63)&a
	return int64(lo), signed == int64(lo)>>63
}

func divInt(a, b int64) (int64, bool) {
	return a / b, a != math.MinInt64 || b != -1
}

func modInt(a, b int64) (int64, bool) { return a % b, true }

// intOp is the checked operation in an integer type.
func intOp(op expr.ArithOp, t event.Type) func(a, b int64) (int64, error) {
	f := [...]func(a, b int64) (int64, bool){expr.Add: addInt, expr.Sub: subInt, expr.Mul: mulInt, expr.Div: divInt, expr.Mod: modInt}[op]
	lo, hi := function.IntRange(t)
	divides := op == expr.Div || op == expr.Mod
	return func(a, b int64) (int64, error) {
		if divides && b == 0 {
			return 0, function.ErrDivisionByZero
		}
		r, ok := f(a, b)
		if !ok || r < lo || r > hi {
			return 0, function.Overflow(t)
		}
		return r, nil
	}
}

// exactDecimal says whether operands and result of +, - or * fit one int64 by
// their types alone, so that nothing need be checked.
func exactDecimal(op expr.ArithOp, x, y, t event.Type) bool {
	return !x.Wide() && !y.Wide() && !t.Wide() && holdsAll(op, x, y, t)
}

// holdsAll says whether t holds every result of +, - or *, unrounded.
func holdsAll(op expr.ArithOp, x, y, t event.Type) bool {
	whole := t.Precision - t.Scale
	switch op {
	case expr.Add, expr.Sub:
		return t.Scale >= max(x.Scale, y.Scale) && whole > max(x.Precision-x.Scale, y.Precision-y.Scale)
	case expr.Mul:
		return t.Scale == x.Scale+y.Scale && t.Precision >= x.Precision+y.Precision
	}
	return false
}

func pow10(n int) int64 {
	i, _ := decimal.Pow10(n).Int64()
	return i
}

func decimalOp(op expr.ArithOp, x, y, t event.Type) arith {
	if !exactDecimal(op, x, y, t) {
		return arith{decs: checkedDecimal(op, x, y, t)}
	}
	if op == expr.Mul {
		return arith{ints: func(a, b int64) (int64, error) { return a * b, nil }}
	}
	kx, ky := pow10(t.Scale-x.Scale), pow10(t.Scale-y.Scale)
	if op == expr.Sub {
		ky = -ky
	}
	return arith{ints: func(a, b int64) (int64, error) { return a*kx + b*ky, nil }}
}

func checkedDecimal(op expr.ArithOp, x, y, t event.Type) func(a, b decimal.Int) (decimal.Int, error) {
	f := rawDecimal(op, x, y, t)
	if t.Precision == event.MaxPrecision || holdsAll(op, x, y, t) {
		return f
	}
	return func(a, b decimal.Int) (decimal.Int, error) {
		r, err := f(a, b)
		if err == nil && !r.Fits(t.Precision) {
			err = decimal.ErrOverflow
		}
		return r, err
	}
}

func rawDecimal(op expr.ArithOp, x, y, t event.Type) func(a, b decimal.Int) (decimal.Int, error) {
	switch op {
	case expr.Mul:
		drop := x.Scale + y.Scale - t.Scale
		return func(a, b decimal.Int) (decimal.Int, error) { return decimal.Mul(a, b, drop) }
	case expr.Div:
		up := t.Scale - x.Scale + y.Scale
		return func(a, b decimal.Int) (decimal.Int, error) { return decimal.Div(a, b, up) }
	}
	f := map[expr.ArithOp]func(a, b decimal.Int) (decimal.Int, error){expr.Add: decimal.Add, expr.Sub: decimal.Sub, expr.Mod: decimal.Mod}[op]
	scale := max(x.Scale, y.Scale)
	if scale == x.Scale && scale == y.Scale && scale == t.Scale {
		return f
	}
	return func(a, b decimal.Int) (r decimal.Int, err error) {
		if a, err = decimal.Rescale(a, x.Scale, scale); err != nil {
			return r, err
		}
		if b, err = decimal.Rescale(b, y.Scale, scale); err != nil {
			return r, err
		}
		if r, err = f(a, b); err != nil {
			return r, err
		}
		return decimal.Rescale(r, scale, t.Scale)
	}
}
