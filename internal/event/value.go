package event

import "math"

// Value is one value outside a column: a constant, a function argument, a
// register of a partial match. Which fields are used follows from the type's
// Physical form; it does not carry its type.
type Value struct {
	Null bool
	I    int64   // PhysI64; low half of PhysI128; bits of PhysF64
	Hi   int64   // high half of PhysI128
	S    []byte  // PhysStr
	L    []Value // ARRAY: elements; MAP: key, value, key, value …; ROW: fields
}

// NullValue is NULL of any type.
var NullValue = Value{Null: true}

// IntValue, FloatValue, BoolValue and StringValue make values.
func IntValue(i int64) Value { return Value{I: i} }

// FloatValue is a FLOAT or DOUBLE.
func FloatValue(f float64) Value { return Value{I: int64(math.Float64bits(f))} }

// BoolValue is a BOOLEAN.
func BoolValue(b bool) Value {
	if b {
		return Value{I: 1}
	}
	return Value{}
}

// StringValue is a STRING.
func StringValue(s string) Value { return Value{S: []byte(s)} }

// F is the value as DOUBLE.
func (v Value) F() float64 { return math.Float64frombits(uint64(v.I)) }

// Bool is the value as BOOLEAN; NULL is false.
func (v Value) Bool() bool { return !v.Null && v.I != 0 }

// Value reads row i of the column. Strings are views into Buf.
func (v *Vec) Value(i int) Value {
	if v.Null(i) {
		return NullValue
	}
	switch v.Type.Physical() {
	case PhysNone:
		return NullValue
	case PhysI64:
		return Value{I: v.I64[i]}
	case PhysI128:
		return Value{I: v.I64[i], Hi: v.Hi[i]}
	case PhysF64:
		return FloatValue(v.F64[i])
	case PhysStr:
		return Value{S: v.Bytes(i)}
	}
	return Value{L: v.nested(i)}
}

func (v *Vec) nested(i int) []Value {
	if v.Type.Kind == Row {
		l := make([]Value, len(v.Kids))
		for k := range v.Kids {
			l[k] = v.Kids[k].Value(i)
		}
		return l
	}
	s := v.Str[i]
	l := make([]Value, 0, int(s.Len)*len(v.Kids))
	for e := s.Off; e < s.Off+s.Len; e++ {
		for k := range v.Kids {
			l = append(l, v.Kids[k].Value(int(e)))
		}
	}
	return l
}

// Set writes row i of n; the column must have been Reset to n rows, and rows
// of nested columns must be set in ascending order.
func (v *Vec) Set(i, n int, x Value) {
	if x.Null || v.Type.Kind == Null {
		v.SetNull(i, n)
		v.setEmpty(i, n)
		return
	}
	switch v.Type.Physical() {
	case PhysI64:
		v.I64[i] = x.I
	case PhysI128:
		v.I64[i], v.Hi[i] = x.I, x.Hi
	case PhysF64:
		v.F64[i] = x.F()
	case PhysStr:
		v.SetBytes(i, x.S)
	case PhysNested:
		v.setNested(i, n, x.L)
	}
}

func (v *Vec) setEmpty(i, n int) {
	switch {
	case v.Type.Kind == Row:
		for k := range v.Kids {
			v.Kids[k].Set(i, n, NullValue)
		}
	case v.Str != nil:
		v.Str[i] = Span{}
	}
}

func (v *Vec) setNested(i, n int, l []Value) {
	if v.Type.Kind == Row {
		for k := range v.Kids {
			v.Kids[k].Set(i, n, l[k])
		}
		return
	}
	count := len(l) / len(v.Kids)
	v.Str[i] = Span{uint32(v.Kids[0].Rows()), uint32(count)}
	for j, x := range l {
		v.Kids[j%len(v.Kids)].Append(x)
	}
}

// Rows is the number of rows the column has.
func (v *Vec) Rows() int {
	switch v.Type.Physical() {
	case PhysF64:
		return len(v.F64)
	case PhysI64, PhysI128:
		return len(v.I64)
	case PhysNested:
		if v.Type.Kind == Row {
			return v.Kids[0].Rows()
		}
	case PhysNone:
		return 0
	}
	return len(v.Str)
}

// Append adds a row. It is for tests, constants and nested elements, not for
// hot paths.
func (v *Vec) Append(x Value) {
	n := v.Rows()
	v.Grow(n + 1)
	v.Set(n, n+1, x)
}

// Grow makes the column n rows long, one more than it has or as many; the
// value of a new row is unspecified. It is for the elements of ARRAY and MAP.
func (v *Vec) Grow(n int) {
	if v.Nulls != nil && len(v.Nulls) < (n+63)>>6 {
		v.nulls = append(v.nulls, 0)
		v.Nulls = v.nulls
	}
	switch v.Type.Physical() {
	case PhysI64:
		v.I64 = resize(v.I64, n)
	case PhysI128:
		v.I64, v.Hi = resize(v.I64, n), resize(v.Hi, n)
	case PhysF64:
		v.F64 = resize(v.F64, n)
	case PhysStr:
		v.Str = resize(v.Str, n)
	case PhysNested:
		if v.Type.Kind == Row {
			for k := range v.Kids {
				v.Kids[k].Grow(n)
			}
			return
		}
		v.Str = resize(v.Str, n)
	}
}
