package cepd

import (
	"errors"
	"time"

	"github.com/cepd/cepd/internal/event"
)

// codec brings values across.
type codec[T any] struct {
	t    event.Type
	null bool // T has a value for NULL
	get  func(event.Value) (T, error)
	set  func(x T, out *event.Value)
}

// give sets the result of a function.
func (c *codec[T]) give(x T, err error, out *event.Value) error {
	if errors.Is(err, ErrNull) {
		out.Null = true
		return nil
	}
	if err == nil {
		c.set(x, out)
	}
	return err
}

// codecOf is chosen once, so that a row costs two calls and no allocation, but for
// texts, which Go wants to own, pointers and slices.
func codecOf[T Value]() codec[T] {
	var c any
	switch any(*new(T)).(type) {
	case bool:
		c = boolCodec
	case int64:
		c = intCodec
	case float64:
		c = floatCodec
	case string:
		c = stringCodec
	case []byte:
		c = bytesCodec
	case time.Time:
		c = timeCodec
	case *bool:
		c = pointer(boolCodec)
	case *int64:
		c = pointer(intCodec)
	case *float64:
		c = pointer(floatCodec)
	case *string:
		c = pointer(stringCodec)
	case *time.Time:
		c = pointer(timeCodec)
	case []bool:
		c = list(boolCodec)
	case []int64:
		c = list(intCodec)
	case []float64:
		c = list(floatCodec)
	case []string:
		c = list(stringCodec)
	case []time.Time:
		c = list(timeCodec)
	}
	return c.(codec[T])
}

var (
	boolCodec = simple(event.TBool, func(v event.Value) bool { return v.I != 0 }, func(x bool, out *event.Value) { *out = event.BoolValue(x) })
	intCodec  = simple(event.TInt64, func(v event.Value) int64 { return v.I }, func(x int64, out *event.Value) { *out = event.IntValue(x) })

	floatCodec  = simple(event.TFloat64, event.Value.F, func(x float64, out *event.Value) { *out = event.FloatValue(x) })
	stringCodec = simple(event.TString, func(v event.Value) string { return string(v.S) }, func(x string, out *event.Value) { out.S = append(out.S[:0], x...) })
	bytesCodec  = simple(event.TBytes, func(v event.Value) []byte { return v.S }, func(x []byte, out *event.Value) { out.S = append(out.S[:0], x...) })
	timeCodec   = simple(event.Type{Kind: event.Timestamp, Precision: 6}, func(v event.Value) time.Time { return time.UnixMicro(v.I).UTC() },
		func(x time.Time, out *event.Value) { *out = event.IntValue(x.UnixMicro()) })
)

func simple[T any](t event.Type, get func(event.Value) T, set func(T, *event.Value)) codec[T] {
	return codec[T]{t: t, get: func(v event.Value) (T, error) { return get(v), nil }, set: set}
}

// pointer is nil for NULL.
func pointer[T any](c codec[T]) codec[*T] {
	return codec[*T]{t: c.t, null: true,
		get: func(v event.Value) (*T, error) {
			if v.Null {
				return nil, nil
			}
			x, err := c.get(v)
			return &x, err
		},
		set: func(x *T, out *event.Value) {
			if out.Null = x == nil; !out.Null {
				c.set(*x, out)
			}
		}}
}

var errNullElement = errors.New("the ARRAY has a NULL: a function that is made by Func can take it")

// list is an ARRAY without NULLs.
func list[T any](c codec[T]) codec[[]T] {
	elem := c.t
	return codec[[]T]{t: event.Type{Kind: event.Array, Elem: &elem},
		get: func(v event.Value) ([]T, error) {
			out := make([]T, len(v.L))
			for i := range out {
				if v.L[i].Null {
					return nil, errNullElement
				}
				x, err := c.get(v.L[i])
				if err != nil {
					return nil, err
				}
				out[i] = x
			}
			return out, nil
		},
		set: func(x []T, out *event.Value) {
			out.L = make([]event.Value, len(x))
			for i := range x {
				c.set(x[i], &out.L[i])
			}
		}}
}
