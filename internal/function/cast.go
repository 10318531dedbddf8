package function

import (
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/cepd/cepd/internal/decimal"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

// CastFunc converts one value that is not NULL. It appends texts to out.S[:0]
// and never keeps in; of the context it reads Zone.
type CastFunc func(c *expr.Context, in event.Value, out *event.Value) error

type family uint8

const (
	fNull family = iota
	fBool
	fInt
	fFloat
	fDecimal
	fString
	fBytes
	fDate
	fTime
	fTimestamp
	fLTZ
	fDay
	fYear
	fArray
	fMap
	fRow
)

var families = [...]family{
	event.Null: fNull, event.Bool: fBool, event.Int8: fInt, event.Int16: fInt, event.Int32: fInt, event.Int64: fInt,
	event.Float32: fFloat, event.Float64: fFloat, event.Decimal: fDecimal, event.String: fString, event.Bytes: fBytes,
	event.Date: fDate, event.TimeOfDay: fTime, event.Timestamp: fTimestamp, event.TimestampLTZ: fLTZ,
	event.IntervalDay: fDay, event.IntervalYear: fYear, event.Array: fArray, event.Map: fMap, event.Row: fRow,
}

// casts lists what each family casts to beside itself and STRING.
var casts = map[family][]family{
	fBool:      {fInt, fFloat, fDecimal},
	fInt:       {fBool, fFloat, fDecimal, fDay, fYear},
	fFloat:     {fBool, fInt, fDecimal},
	fDecimal:   {fBool, fInt, fFloat},
	fString:    {fBool, fInt, fFloat, fDecimal, fBytes, fDate, fTime, fTimestamp, fLTZ, fDay, fYear},
	fBytes:     {},
	fDate:      {fTimestamp, fLTZ},
	fTimestamp: {fDate, fTime, fLTZ},
	fLTZ:       {fDate, fTime, fTimestamp},
	fDay:       {fInt},
	fYear:      {fInt},
}

// CanCast says whether from can be cast to to by CAST, and whether the binder
// may do it unasked (because no information is lost).
func CanCast(from, to event.Type) (explicit, implicit bool) {
	a, b := families[from.Kind], families[to.Kind]
	if a == fNull {
		return true, true
	}
	if a == b && a >= fArray {
		return castParts(from, to)
	}
	explicit = a == b || b == fString
	for _, f := range casts[a] {
		explicit = explicit || f == b
	}
	if !explicit {
		return false, false
	}
	if from.Kind == event.String || from.Kind == event.Bytes {
		return true, a == b && !to.Fixed && (to.Precision == 0 || from.Precision > 0 && from.Precision <= to.Precision)
	}
	c, err := CommonType(from, to)
	return true, err == nil && c.Equal(to)
}

func castParts(from, to event.Type) (explicit, implicit bool) {
	pf, pt := parts(from), parts(to)
	if len(pf) != len(pt) {
		return false, false
	}
	explicit, implicit = true, true
	for i := range pf {
		e, im := CanCast(pf[i], pt[i])
		explicit, implicit = explicit && e, implicit && im
	}
	return explicit, implicit
}

// parts are the types inside a nested type.
func parts(t event.Type) []event.Type {
	switch t.Kind {
	case event.Array:
		return []event.Type{*t.Elem}
	case event.Map:
		return []event.Type{*t.Key, *t.Elem}
	}
	p := make([]event.Type, len(t.Fields))
	for i, f := range t.Fields {
		p[i] = f.Type
	}
	return p
}

// Cast makes the conversion from one type to another. A nil function means
// that values stay as they are.
func Cast(from, to event.Type) (CastFunc, error) {
	if explicit, _ := CanCast(from, to); !explicit {
		return nil, fmt.Errorf("cannot cast %s to %s", from, to)
	}
	if from.Equal(to) || from.Kind == event.Null {
		return nil, nil
	}
	switch families[to.Kind] {
	case fBool:
		return castToBool(from), nil
	case fInt:
		return castToInt(from, to), nil
	case fFloat:
		return castToFloat(from, to), nil
	case fDecimal:
		return castToDecimal(from, to), nil
	case fString:
		return castToString(from, to), nil
	case fBytes:
		return castToBytes(to), nil
	case fArray, fMap, fRow:
		return castNested(from, to)
	}
	return castTemporal(from, to), nil
}

func castToBool(from event.Type) CastFunc {
	return func(_ *expr.Context, in event.Value, out *event.Value) (err error) {
		truth := in.I != 0
		switch families[from.Kind] {
		case fFloat:
			truth = in.F() != 0
		case fDecimal:
			truth = Dec(from, in).Sign() != 0
		case fString:
			truth, err = parseBool(in.S)
		}
		out.I = int64(b2i(truth))
		return err
	}
}

// IntRange is the range of an integer type.
func IntRange(t event.Type) (lo, hi int64) {
	switch t.Kind {
	case event.Int8:
		return math.MinInt8, math.MaxInt8
	case event.Int16:
		return math.MinInt16, math.MaxInt16
	case event.Int32:
		return math.MinInt32, math.MaxInt32
	}
	return math.MinInt64, math.MaxInt64
}

func castToInt(from, to event.Type) CastFunc {
	lo, hi := IntRange(to)
	read := integerReader(from, to)
	return func(_ *expr.Context, in event.Value, out *event.Value) error {
		i, err := read(in)
		if err != nil {
			return err
		}
		if i < lo || i > hi {
			return overflow(to)
		}
		out.I = i
		return nil
	}
}

// integerReader reads a value as an integer, dropping what follows the point.
func integerReader(from, to event.Type) func(event.Value) (int64, error) {
	switch families[from.Kind] {
	case fFloat:
		return func(v event.Value) (int64, error) {
			f := math.Trunc(v.F())
			if !(f >= -(1<<63) && f < 1<<63) {
				return 0, overflow(to)
			}
			return int64(f), nil
		}
	case fDecimal:
		unit := decimal.Pow10(from.Scale)
		return func(v event.Value) (int64, error) {
			q, _ := decimal.Quo(Dec(from, v), unit)
			i, ok := q.Int64()
			if !ok {
				return 0, overflow(to)
			}
			return i, nil
		}
	case fString:
		return func(v event.Value) (int64, error) { return parseInt(v.S, to) }
	case fDay:
		return func(v event.Value) (int64, error) { return v.I / 1000, nil }
	}
	return func(v event.Value) (int64, error) { return v.I, nil }
}

func castToFloat(from, to event.Type) CastFunc {
	return func(_ *expr.Context, in event.Value, out *event.Value) (err error) {
		var f float64
		switch families[from.Kind] {
		case fFloat:
			f = in.F()
		case fDecimal:
			f = decimal.Float64(Dec(from, in), from.Scale)
		case fString:
			f, err = parseFloat(in.S, to)
		default:
			f = float64(in.I)
		}
		if to.Kind == event.Float32 {
			f = float64(float32(f))
		}
		out.I = int64(math.Float64bits(f))
		return err
	}
}

func castToDecimal(from, to event.Type) CastFunc {
	return func(_ *expr.Context, in event.Value, out *event.Value) error {
		x, err := toDecimal(from, to, in)
		if err != nil {
			return err
		}
		return setDec(to, x, out)
	}
}

func toDecimal(from, to event.Type, v event.Value) (x decimal.Int, err error) {
	switch families[from.Kind] {
	case fFloat:
		x, err = decimal.FromFloat64(v.F(), to.Precision, to.Scale)
	case fDecimal:
		x, err = decimal.Rescale(Dec(from, v), from.Scale, to.Scale)
	case fString:
		s := trimSpace(v.S)
		if x, err = decimal.Parse(s, to.Precision, to.Scale); err == decimal.ErrSyntax {
			return x, badText(v.S, to)
		}
	default:
		x, err = decimal.Rescale(decimal.FromInt64(v.I), 0, to.Scale)
	}
	if err != nil {
		return x, overflow(to)
	}
	return x, nil
}

func castToString(from, to event.Type) CastFunc {
	return func(c *expr.Context, in event.Value, out *event.Value) error {
		out.S = fitString(AppendText(out.S[:0], from, in, c.Zone), to)
		return nil
	}
}

// fitString cuts a text to the type's length in characters, and pads CHAR.
func fitString(s []byte, t event.Type) []byte {
	if t.Precision == 0 {
		return s
	}
	n := 0
	for i := 0; i < len(s); n++ {
		if n == t.Precision {
			return s[:i]
		}
		_, size := utf8.DecodeRune(s[i:])
		i += size
	}
	for ; t.Fixed && n < t.Precision; n++ {
		s = append(s, ' ')
	}
	return s
}

func castToBytes(to event.Type) CastFunc {
	return func(_ *expr.Context, in event.Value, out *event.Value) error {
		out.S = append(out.S[:0], in.S...)
		if to.Precision == 0 {
			return nil
		}
		if len(out.S) > to.Precision {
			out.S = out.S[:to.Precision]
		}
		for to.Fixed && len(out.S) < to.Precision {
			out.S = append(out.S, 0)
		}
		return nil
	}
}

func castNested(from, to event.Type) (CastFunc, error) {
	pf, pt := parts(from), parts(to)
	steps := make([]CastFunc, len(pf))
	for i := range pf {
		step, err := Cast(pf[i], pt[i])
		if err != nil {
			return nil, err
		}
		steps[i] = step
	}
	return func(c *expr.Context, in event.Value, out *event.Value) error {
		out.L = make([]event.Value, len(in.L))
		for i, part := range in.L {
			step := steps[i%len(steps)]
			if step == nil || part.Null {
				out.L[i] = part
			} else if err := step(c, part, &out.L[i]); err != nil {
				return err
			}
		}
		return nil
	}, nil
}
