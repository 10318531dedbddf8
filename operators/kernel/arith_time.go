package kernel

import (
	"errors"
	"math"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
)

const microsPerDay = 86_400_000_000

var errPartOfDay = errors.New("an interval added to a DATE must be whole days; cast the DATE to TIMESTAMP")

func isInterval(t event.Type) bool {
	return t.Kind == event.IntervalDay || t.Kind == event.IntervalYear
}

func isDated(t event.Type) bool {
	return t.Instant() || t.Kind == event.Date || t.Kind == event.TimeOfDay
}

func temporalOp(op expr.ArithOp, x, y, t event.Type) (arith, bool) {
	switch {
	case isDated(x) && isInterval(y):
		return arith{ints: shift(x, y, op == expr.Sub)}, true
	case isInterval(x) && isDated(y):
		f := shift(y, x, false)
		return arith{ints: func(a, b int64) (int64, error) { return f(b, a) }}, true
	case isDated(x) && x.Kind == y.Kind:
		unit := int64(1)
		if x.Kind == event.Date {
			unit = microsPerDay
		}
		return arith{ints: checked(t, func(a, b int64) (int64, bool) { return (a - b) * unit, true })}, true
	case isInterval(x) && x.Kind == y.Kind && op == expr.Add:
		return arith{ints: checked(t, addInt)}, true
	case isInterval(x) && x.Kind == y.Kind && op == expr.Sub:
		return arith{ints: checked(t, subInt)}, true
	case isInterval(x) && y.Numeric():
		return scaled(op, y, t), true
	case x.Numeric() && isInterval(y):
		a := scaled(op, x, t)
		a.swap = true
		return a, true
	}
	return arith{}, false
}

func checked(t event.Type, f func(a, b int64) (int64, bool)) func(a, b int64) (int64, error) {
	return func(a, b int64) (int64, error) {
		r, ok := f(a, b)
		if !ok {
			return 0, function.Overflow(t)
		}
		return r, nil
	}
}

// shift moves a date or time of type t by an interval of type i.
func shift(t, i event.Type, back bool) func(a, b int64) (int64, error) {
	move := shiftDay(t)
	if i.Kind == event.IntervalYear {
		move = shiftYear(t)
	}
	if !back {
		return move
	}
	return func(a, b int64) (int64, error) {
		if b == math.MinInt64 {
			return 0, function.Overflow(t)
		}
		return move(a, -b)
	}
}

func shiftYear(t event.Type) func(a, b int64) (int64, error) {
	if t.Kind == event.Date {
		return func(a, b int64) (int64, error) { return function.AddMonths(a, b), nil }
	}
	return func(a, b int64) (int64, error) { return function.AddMonthsMicros(a, b), nil }
}

func shiftDay(t event.Type) func(a, b int64) (int64, error) {
	switch t.Kind {
	case event.Date:
		return func(a, b int64) (int64, error) {
			if b%microsPerDay != 0 {
				return 0, errPartOfDay
			}
			return a + b/microsPerDay, nil
		}
	case event.TimeOfDay:
		return func(a, b int64) (int64, error) {
			r := (a + b%microsPerDay) % microsPerDay
			if r < 0 {
				r += microsPerDay
			}
			return r, nil
		}
	}
	return checked(t, addInt)
}

// scaled is an interval times or by a number of type y.
func scaled(op expr.ArithOp, y, t event.Type) arith {
	if y.Integer() {
		return arith{ints: intOp(op, event.TInt64)}
	}
	return arith{mixed: func(a int64, b float64) (int64, error) {
		f := float64(a) * b
		if op == expr.Div {
			if b == 0 {
				return 0, function.ErrDivisionByZero
			}
			f = float64(a) / b
		}
		f = math.Round(f)
		if !(f >= -(1<<63) && f < 1<<63) {
			return 0, function.Overflow(t)
		}
		return int64(f), nil
	}}
}
