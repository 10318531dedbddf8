package kernel

import (
	"github.com/cepd/cepd/internal/decimal"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
)

// wholeDigits is the most digits before the point, for exact numbers.
func wholeDigits(t event.Type) int {
	t = function.AsDecimal(t)
	return t.Precision - t.Scale
}

// sameBits says whether a cast leaves the stored value as it is, for every value.
func sameBits(from, to event.Type) bool {
	switch {
	case from.Equal(to):
		return true
	case from.Integer() && to.Integer():
		return from.Kind <= to.Kind
	case from.Kind == event.Float32 && to.Kind == event.Float64:
		return true
	case from.Kind != to.Kind:
		return false
	case from.Kind == event.Decimal:
		return from.Scale == to.Scale && from.Precision <= to.Precision && from.Wide() == to.Wide()
	case from.Instant() || from.Kind == event.TimeOfDay:
		return from.Precision <= to.Precision
	case from.Kind == event.String || from.Kind == event.Bytes:
		return !to.Fixed && (to.Precision == 0 || from.Precision > 0 && from.Precision <= to.Precision)
	}
	return isInterval(from)
}

// scaleUp says whether a cast between exact numbers only multiplies by a power
// of ten, with room for every value.
func scaleUp(from, to event.Type) (digits int, ok bool) {
	if to.Kind != event.Decimal || from.Kind != event.Decimal && !from.Integer() {
		return 0, false
	}
	digits = to.Scale - from.Scale
	return digits, digits >= 0 && wholeDigits(to) >= wholeDigits(from)
}

func scalarCast(e *expr.Cast) (operand, error) {
	x, err := compileScalar(e.X)
	if err != nil {
		return operand{}, err
	}
	from := e.X.Type()
	if x.phys == event.PhysNone {
		return constOperand(e.T, event.NullValue), nil
	}
	if sameBits(from, e.T) {
		x.t = e.T
		return x, nil
	}
	digits, scales := scaleUp(from, e.T)
	switch {
	case scales && !e.T.Wide():
		get, k := x.i, pow10(digits)
		return fromInt(e.T, func(m *machine) (int64, bool) { v, null := get(m); return v * k, null }), nil
	case scales && !from.Wide() && digits <= event.MaxNarrow:
		get, k := x.i, pow10(digits)
		return operand{t: e.T, phys: event.PhysI128, d: func(m *machine) (decimal.Int, bool) {
			v, null := get(m)
			return decimal.MulInt64(v, k), null
		}}, nil
	case scales:
		get := x.dec()
		return operand{t: e.T, phys: event.PhysI128, d: func(m *machine) (decimal.Int, bool) {
			v, null := get(m)
			if null {
				return v, true
			}
			r, _ := decimal.Rescale(v, 0, digits)
			return r, false
		}}, nil
	case from.Integer() && e.T.Kind == event.Float64:
		get := x.i
		return operand{t: e.T, phys: event.PhysF64, f: func(m *machine) (float64, bool) { v, null := get(m); return float64(v), null }}, nil
	}
	return scalarRow(e)
}
