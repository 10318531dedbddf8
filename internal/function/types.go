package function

import (
	"fmt"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

// integerDigits is the DECIMAL precision that holds each integer type.
var integerDigits = map[event.Kind]int{event.Int8: 3, event.Int16: 5, event.Int32: 10, event.Int64: 19}

// AsDecimal is the DECIMAL type that holds every value of an integer type; a
// DECIMAL stays as it is.
func AsDecimal(t event.Type) event.Type {
	if p, ok := integerDigits[t.Kind]; ok {
		return event.TDecimal(p, 0)
	}
	return t
}

// clampDecimal fits a derived precision and scale into 38 digits: integer
// digits are kept, of the scale at least 6 digits (or all there are).
func clampDecimal(p, s int) event.Type {
	if p <= event.MaxPrecision {
		return event.TDecimal(p, s)
	}
	return event.TDecimal(event.MaxPrecision, max(event.MaxPrecision-(p-s), min(s, 6)))
}

func decimalResult(op expr.ArithOp, x, y event.Type) event.Type {
	p1, s1, p2, s2 := x.Precision, x.Scale, y.Precision, y.Scale
	switch op {
	case expr.Mul:
		return clampDecimal(p1+p2+1, s1+s2)
	case expr.Div:
		s := max(6, s1+p2+1)
		return clampDecimal(p1-s1+s2+s, s)
	case expr.Mod:
		s := max(s1, s2)
		return clampDecimal(min(p1-s1, p2-s2)+s, s)
	}
	s := max(s1, s2)
	return clampDecimal(max(p1-s1, p2-s2)+s+1, s)
}

// Arith is the result type of x op y and the types that the operands must be
// cast to first.
func Arith(op expr.ArithOp, x, y event.Type) (result, px, py event.Type, err error) {
	x, y = untypedAs(x, y, op), untypedAs(y, x, op)
	switch {
	case x.Numeric() && y.Numeric():
		result, px, py = numericArith(op, x, y)
		return result, px, py, nil
	case temporal(x) || temporal(y):
		return temporalArith(op, x, y)
	}
	return result, px, py, arithError(op, x, y)
}

// untypedAs gives a NULL literal beside other the type it most likely means.
func untypedAs(t, other event.Type, op expr.ArithOp) event.Type {
	switch {
	case t.Kind != event.Null:
		return t
	case other.Numeric() || interval(other):
		return other
	case temporal(other) && (op == expr.Add || op == expr.Sub):
		return event.TDay
	}
	return event.TInt32
}

func numericArith(op expr.ArithOp, x, y event.Type) (result, px, py event.Type) {
	switch {
	case x.Float() || y.Float():
		return event.TFloat64, event.TFloat64, event.TFloat64
	case x.Integer() && y.Integer():
		t := event.Type{Kind: max(x.Kind, y.Kind)}
		if op == expr.Mod { // of the divisor's type, as in Flink SQL: it is less than the divisor
			return event.Type{Kind: y.Kind}, t, t
		}
		return t, t, t
	}
	x, y = AsDecimal(x), AsDecimal(y)
	return decimalResult(op, x, y), x, y
}

func interval(t event.Type) bool {
	return t.Kind == event.IntervalDay || t.Kind == event.IntervalYear
}

// dated says whether t is a place in time.
func dated(t event.Type) bool {
	return t.Instant() || t.Kind == event.Date || t.Kind == event.TimeOfDay
}

func temporal(t event.Type) bool { return interval(t) || dated(t) }

func temporalArith(op expr.ArithOp, x, y event.Type) (result, px, py event.Type, err error) {
	switch {
	case (op == expr.Add || op == expr.Sub) && dated(x) && shifts(x, y):
		return shifted(x), x, y, nil
	case op == expr.Add && dated(y) && shifts(y, x):
		return shifted(y), x, y, nil
	case op == expr.Sub && dated(x) && dated(y):
		if t, err := CommonType(x, y); err == nil {
			return event.TDay, t, t, nil
		}
	case (op == expr.Add || op == expr.Sub) && interval(x) && x.Kind == y.Kind:
		return x, x, y, nil
	case (op == expr.Mul || op == expr.Div) && interval(x) && y.Numeric():
		return x, x, factor(y), nil
	case op == expr.Mul && interval(y) && x.Numeric():
		return y, factor(x), y, nil
	}
	return result, px, py, arithError(op, x, y)
}

// shifts says whether interval i can be added to t.
func shifts(t, i event.Type) bool {
	return i.Kind == event.IntervalDay || i.Kind == event.IntervalYear && t.Kind != event.TimeOfDay
}

// shifted is t with room for the milliseconds of an interval.
func shifted(t event.Type) event.Type {
	if t.Kind != event.Date {
		t.Precision = max(t.Precision, 3)
	}
	return t
}

func factor(t event.Type) event.Type {
	if t.Integer() {
		return event.TInt64
	}
	return event.TFloat64
}

func arithError(op expr.ArithOp, x, y event.Type) error {
	hint := ""
	if x.Kind == event.String || y.Kind == event.String {
		hint = "; use CAST to turn a text into a number, || to join texts"
	}
	return fmt.Errorf("operator %s does not apply to %s and %s%s", op, x, y, hint)
}

// Neg is the type of -t.
func Neg(t event.Type) (event.Type, error) {
	switch {
	case t.Numeric() || interval(t):
		return t, nil
	case t.Kind == event.Null:
		return event.TInt32, nil
	}
	return t, fmt.Errorf("operator - does not apply to %s", t)
}

// Comparable is the type to which both operands of a comparison are cast.
// Beside a date or time, a text is read as one.
func Comparable(x, y event.Type) (event.Type, error) {
	if t, err := CommonType(x, y); err == nil {
		return t, nil
	}
	switch {
	case x.Kind == event.String && temporal(y):
		return fullPrecision(y), nil
	case y.Kind == event.String && temporal(x):
		return fullPrecision(x), nil
	}
	return event.Type{}, fmt.Errorf("cannot compare %s with %s; use CAST", x, y)
}

func fullPrecision(t event.Type) event.Type {
	if dated(t) && t.Kind != event.Date {
		t.Precision = 6
	}
	return t
}

// CommonType is the type that holds the values of all types: of CASE arms,
// set operations, IN lists, array elements.
func CommonType(types ...event.Type) (event.Type, error) {
	common := event.TNull
	for _, t := range types {
		c, ok := merge(common, t)
		if !ok {
			return event.TNull, fmt.Errorf("%s and %s have no common type; use CAST", common, t)
		}
		common = c
	}
	return common, nil
}

func merge(x, y event.Type) (event.Type, bool) {
	switch {
	case x.Kind == event.Null:
		return y, true
	case y.Kind == event.Null:
		return x, true
	case x.Numeric() && y.Numeric():
		return mergeNumeric(x, y), true
	case x.Kind == event.Date && y.Instant():
		return y, true
	case y.Kind == event.Date && x.Instant():
		return x, true
	case x.Instant() && y.Instant():
		return event.Type{Kind: max(x.Kind, y.Kind), Precision: max(x.Precision, y.Precision)}, true
	case x.Kind != y.Kind:
		return x, false
	}
	return mergeSame(x, y)
}

func mergeNumeric(x, y event.Type) event.Type {
	switch {
	case x.Kind == event.Float32 && y.Kind == event.Float32:
		return x
	case x.Float() || y.Float():
		return event.TFloat64
	case x.Integer() && y.Integer():
		return event.Type{Kind: max(x.Kind, y.Kind)}
	}
	x, y = AsDecimal(x), AsDecimal(y)
	s := max(x.Scale, y.Scale)
	return clampDecimal(max(x.Precision-x.Scale, y.Precision-y.Scale)+s, s)
}

// mergeSame merges types of one kind.
func mergeSame(x, y event.Type) (event.Type, bool) {
	switch x.Kind {
	case event.String, event.Bytes:
		return mergeText(x, y), true
	case event.TimeOfDay, event.IntervalDay:
		x.Precision = max(x.Precision, y.Precision)
	case event.Array:
		elem, ok := merge(*x.Elem, *y.Elem)
		return event.Type{Kind: event.Array, Elem: &elem}, ok
	case event.Map:
		key, ok1 := merge(*x.Key, *y.Key)
		elem, ok2 := merge(*x.Elem, *y.Elem)
		return event.Type{Kind: event.Map, Key: &key, Elem: &elem}, ok1 && ok2
	case event.Row:
		return mergeRow(x, y)
	}
	return x, true
}

func mergeText(x, y event.Type) event.Type {
	switch {
	case x.Precision == 0 || y.Precision == 0:
		return event.Type{Kind: x.Kind}
	case x.Fixed && y.Fixed && x.Precision == y.Precision:
		return x
	}
	return event.Type{Kind: x.Kind, Precision: max(x.Precision, y.Precision)}
}

func mergeRow(x, y event.Type) (event.Type, bool) {
	if len(x.Fields) != len(y.Fields) {
		return x, false
	}
	fields := make([]event.Field, len(x.Fields))
	for i := range fields {
		t, ok := merge(x.Fields[i].Type, y.Fields[i].Type)
		if !ok {
			return x, false
		}
		fields[i] = event.Field{Name: x.Fields[i].Name, Type: t}
	}
	return event.Type{Kind: event.Row, Fields: fields}, true
}
