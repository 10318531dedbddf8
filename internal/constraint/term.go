package constraint

import (
	"bytes"
	"math"
	"math/big"
	"strings"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
)

// logical says whether e is a condition, not a term.
func logical(e expr.Expr) bool { return e.Type().Kind == event.Bool }

// point is a value in the order of its type: a number, or bytes.
type point struct {
	num  *big.Rat // nil: bytes
	text []byte
}

func (p point) compare(q point) int {
	if p.num != nil && q.num != nil {
		return p.num.Cmp(q.num)
	}
	return bytes.Compare(p.text, q.text)
}

// pointOf is a constant as a point; false for NULL, for NaN and infinities, and
// for nested values.
func pointOf(t event.Type, v event.Value) (point, bool) {
	if v.Null {
		return point{}, false
	}
	switch t.Physical() {
	case event.PhysF64:
		if f := v.F(); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return point{num: new(big.Rat).SetFloat64(f)}, true
		}
		return point{}, false
	case event.PhysStr:
		return point{text: v.S}, true
	case event.PhysNone, event.PhysNested:
		return point{}, false
	}
	if t.Kind != event.Decimal {
		return number(v.I), true
	}
	d := function.Dec(t, v)
	n := new(big.Int).Lsh(big.NewInt(d.Hi), 64)
	n.Add(n, new(big.Int).SetUint64(d.Lo))
	return point{num: new(big.Rat).SetFrac(n, power10(t.Scale))}, true
}

func number(i int64) point { return point{num: new(big.Rat).SetInt64(i)} }

func power10(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// unwrapped is e without the casts around it that keep every number as it is.
func unwrapped(e expr.Expr) expr.Expr {
	for {
		c, ok := e.(*expr.Cast)
		if !ok || !lossless(c.X.Type(), c.T) {
			return e
		}
		e = c.X
	}
}

// digits are the decimal digits that hold every value of an integer type.
var digits = map[event.Kind]int{event.Int8: 3, event.Int16: 5, event.Int32: 10, event.Int64: 19}

// lossless says whether a cast keeps every number.
func lossless(from, to event.Type) bool {
	switch {
	case from.Integer() && to.Integer():
		return from.Kind <= to.Kind
	case from.Integer() && to.Kind == event.Decimal:
		return to.Precision-to.Scale >= digits[from.Kind]
	case from.Integer() && to.Kind == event.Float64:
		return from.Kind <= event.Int32
	case from.Integer() && to.Kind == event.Float32:
		return from.Kind <= event.Int16
	case from.Kind == event.Decimal && to.Kind == event.Decimal:
		return to.Scale >= from.Scale && to.Precision-to.Scale >= from.Precision-from.Scale
	}
	return from.Kind == event.Float32 && to.Kind == event.Float64
}

// grid is the distance between neighbours of a type; nil when there is none.
func grid(t event.Type) *big.Rat {
	switch t.Physical() {
	case event.PhysF64, event.PhysStr, event.PhysNone, event.PhysNested:
		return nil
	}
	if t.Kind == event.Decimal {
		return new(big.Rat).SetFrac(big.NewInt(1), power10(t.Scale))
	}
	return new(big.Rat).SetInt64(1)
}

// limits are the smallest and largest value of a term, where it has them.
func limits(e expr.Expr) (lo, hi *point) {
	between := func(a, b int64) (lo, hi *point) {
		x, y := number(a), number(b)
		return &x, &y
	}
	switch t := e.Type(); t.Kind {
	case event.Bool:
		return between(0, 1)
	case event.Int8:
		return between(math.MinInt8, math.MaxInt8)
	case event.Int16:
		return between(math.MinInt16, math.MaxInt16)
	case event.Int32:
		lo, hi = between(math.MinInt32, math.MaxInt32)
	case event.Int64:
		lo, hi = between(math.MinInt64, math.MaxInt64)
	case event.TimeOfDay:
		return between(0, 24*3600*1_000_000-1)
	case event.Decimal:
		most := new(big.Int).Sub(power10(t.Precision), big.NewInt(1))
		hi = &point{num: new(big.Rat).SetFrac(most, power10(t.Scale))}
		lo = &point{num: new(big.Rat).Neg(hi.num)}
	}
	if zero := number(0); neverNegative(e) {
		lo = &zero
	}
	return lo, hi
}

// neverNegative says whether e counts or measures.
func neverNegative(e expr.Expr) bool {
	switch e := e.(type) {
	case *expr.Agg:
		return e.Fn.Name == "COUNT"
	case *expr.Call:
		return e.Fn.Name == "ABS" || e.Fn.Name == "CHAR_LENGTH"
	}
	return false
}

// folds says whether e, a call of UPPER or LOWER, can have the value s.
func folds(e expr.Expr, s []byte) bool {
	c, ok := e.(*expr.Call)
	if !ok {
		return true
	}
	switch c.Fn.Name {
	case "UPPER":
		return strings.ToUpper(string(s)) == string(s)
	case "LOWER":
		return strings.ToLower(string(s)) == string(s)
	}
	return true
}
