package kernel

import (
	"math"

	"github.com/cepd/cepd/internal/decimal"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
)

// intRange is a comparison of an int64 column with a constant, as a test of
// being inside (or outside) of lo..hi: all six operators become one unsigned
// comparison, x - lo <= hi - lo.
type intRange struct {
	x      expr.Expr
	lo, hi int64
	negate bool
}

func (r intRange) width() uint64 { return uint64(r.hi) - uint64(r.lo) }

// rangeOf finds the range of a comparison with a constant. Casts that only
// widen X are taken off it by rescaling the constant once, here.
func rangeOf(e *expr.Compare) (intRange, bool) {
	x, c, op := e.X, e.Y, e.Op
	if _, ok := x.(*expr.Const); ok {
		x, c, op = e.Y, e.X, flipped(op)
	}
	k, ok := c.(*expr.Const)
	if !ok || k.Value.Null || op >= expr.Distinct {
		return intRange{}, false
	}
	wide := x.Type()
	x = unwiden(x)
	t := x.Type()
	if t.Physical() != event.PhysI64 {
		return intRange{}, false
	}
	floor, exact := decimal.FromInt64(k.Value.I), true
	if wide.Kind == event.Decimal {
		floor, exact = floorTo(function.Dec(wide, k.Value), wide.Scale-t.Scale)
	}
	return bounds(x, op, floor, exact)
}

func flipped(op expr.CompareOp) expr.CompareOp {
	switch op {
	case expr.Lt:
		return expr.Gt
	case expr.Le:
		return expr.Ge
	case expr.Gt:
		return expr.Lt
	case expr.Ge:
		return expr.Le
	}
	return op
}

// unwiden takes off casts that keep the value and cannot fail.
func unwiden(x expr.Expr) expr.Expr {
	for {
		c, ok := x.(*expr.Cast)
		if !ok {
			return x
		}
		from := c.X.Type()
		_, scales := scaleUp(from, c.T)
		if from.Physical() != event.PhysI64 || !scales && !sameBits(from, c.T) {
			return x
		}
		x = c.X
	}
}

// floorTo is floor(x / 10^digits), and whether nothing was lost.
func floorTo(x decimal.Int, digits int) (floor decimal.Int, exact bool) {
	unit := decimal.Pow10(digits)
	q, _ := decimal.Quo(x, unit)
	r, _ := decimal.Mod(x, unit)
	if r.Sign() < 0 {
		q, _ = decimal.Sub(q, decimal.FromInt64(1))
	}
	return q, r.Sign() == 0
}

// bounds is x op c as a range, where floor is the greatest value of x's type
// that is not above c, and equal to c if exact.
func bounds(x expr.Expr, op expr.CompareOp, floor decimal.Int, exact bool) (intRange, bool) {
	all := intRange{x: x, lo: math.MinInt64, hi: math.MaxInt64}
	none := all
	none.negate = true
	f, fits := floor.Int64()
	above := !fits && floor.Sign() > 0 // every x is below c
	switch op {
	case expr.Eq, expr.Ne:
		r := none
		if fits && exact {
			r = intRange{x: x, lo: f, hi: f}
		}
		r.negate = r.negate != (op == expr.Ne)
		return r, true
	case expr.Gt, expr.Le: // x <= c  <=>  x <= floor
		r := all
		switch {
		case fits:
			r.hi = f
		case !above:
			r = none
		}
		r.negate = r.negate != (op == expr.Gt)
		return r, true
	}
	// x < c  <=>  x <= floor, or x <= floor - 1 if exact
	r := all
	switch {
	case fits && !exact:
		r.hi = f
	case fits && f != math.MinInt64:
		r.hi = f - 1
	case fits, !above:
		r = none
	}
	r.negate = r.negate != (op == expr.Ge)
	return r, true
}
