package function

import (
	"encoding/hex"
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/cepd/cepd/internal/decimal"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

var mathFuncs = []*expr.Func{
	define("math", "ABS(x)", "Absolute value.", sameAs(1, pNumber), absolute, "ABS(-1.5)", "1.5"),
	define("math", "SIGN(x)", "-1, 0 or 1, in x's type.", derived(1, false, signType, pNumber), sign, "SIGN(-7)", "-1"),
	also(define("math", "CEIL(x [TO unit])", "Least integer that is not below x; of a time: the next start of a unit (YEAR … MILLISECOND).", resolveFloor, ceil,
		"CEIL(1.2)", "2", "CEIL(TIMESTAMP '2024-05-17 10:30:00' TO DAY)", "2024-05-18 00:00:00"), "CEILING"),
	define("math", "FLOOR(x [TO unit])", "Greatest integer that is not above x; of a time: the start of its unit (YEAR … MILLISECOND).", resolveFloor, floor,
		"FLOOR(-1.2)", "-2", "FLOOR(TIMESTAMP '2024-05-17 10:30:00' TO HOUR)", "2024-05-17 10:00:00"),
	define("math", "ROUND(x [, n])", "x rounded half away from zero to n digits (default 0); a DECIMAL has no more digits behind the point than a constant n.", resolveRound, roundTo(true),
		"ROUND(2.5)", "3", "ROUND(1250, -2)", "1300"),
	define("math", "TRUNCATE(x [, n])", "x cut to n digits (default 0); a DECIMAL has no more digits behind the point than a constant n.", resolveRound, roundTo(false),
		"TRUNCATE(42.9)", "42"),
	define("math", "MOD(x, y)", "Remainder of x / y, with the sign of x; also x % y.", resolveMod, mod, "MOD(7, 3)", "1", "MOD(-7.5, 2)", "-1.5"),
	define("math", "POWER(x, y)", "x to the power of y.", sig(event.TFloat64, 2, pDouble, pDouble), double2(math.Pow), "POWER(2, 10)", "1024.0"),
	define("math", "SQRT(x)", "Square root.", sig(event.TFloat64, 1, pDouble), double(math.Sqrt), "SQRT(2.25)", "1.5"),
	define("math", "CBRT(x)", "Cube root.", sig(event.TFloat64, 1, pDouble), double(math.Cbrt), "CBRT(27)", "3.0"),
	define("math", "EXP(x)", "e to the power of x.", sig(event.TFloat64, 1, pDouble), double(math.Exp), "EXP(0)", "1.0"),
	define("math", "LN(x)", "Natural logarithm.", sig(event.TFloat64, 1, pDouble), double(math.Log), "LN(1)", "0.0"),
	define("math", "LOG10(x)", "Logarithm to base 10.", sig(event.TFloat64, 1, pDouble), double(math.Log10), "LOG10(100)", "2.0"),
	define("math", "LOG2(x)", "Logarithm to base 2.", sig(event.TFloat64, 1, pDouble), double(math.Log2), "LOG2(8)", "3.0"),
	define("math", "LOG([base,] x)", "Logarithm to a base (default: e).", sig(event.TFloat64, 1, pDouble, pDouble), logarithm, "LOG(2, 8)", "3.0"),
	define("math", "SIN(x)", "Sine of an angle in radians.", sig(event.TFloat64, 1, pDouble), double(math.Sin), "SIN(0)", "0.0"),
	define("math", "COS(x)", "Cosine of an angle in radians.", sig(event.TFloat64, 1, pDouble), double(math.Cos), "COS(0)", "1.0"),
	define("math", "TAN(x)", "Tangent of an angle in radians.", sig(event.TFloat64, 1, pDouble), double(math.Tan), "TAN(0)", "0.0"),
	define("math", "COT(x)", "Cotangent of an angle in radians.", sig(event.TFloat64, 1, pDouble), double(func(x float64) float64 { return 1 / math.Tan(x) }), "ROUND(COT(1), 3)", "0.642"),
	define("math", "ASIN(x)", "Arc sine in radians.", sig(event.TFloat64, 1, pDouble), double(math.Asin), "ASIN(0)", "0.0"),
	define("math", "ACOS(x)", "Arc cosine in radians.", sig(event.TFloat64, 1, pDouble), double(math.Acos), "ACOS(1)", "0.0"),
	define("math", "ATAN(x)", "Arc tangent in radians.", sig(event.TFloat64, 1, pDouble), double(math.Atan), "ATAN(0)", "0.0"),
	define("math", "ATAN2(y, x)", "Angle of the point (x, y) in radians.", sig(event.TFloat64, 2, pDouble, pDouble), double2(math.Atan2), "ATAN2(0, 1)", "0.0"),
	define("math", "SINH(x)", "Hyperbolic sine.", sig(event.TFloat64, 1, pDouble), double(math.Sinh), "SINH(0)", "0.0"),
	define("math", "COSH(x)", "Hyperbolic cosine.", sig(event.TFloat64, 1, pDouble), double(math.Cosh), "COSH(0)", "1.0"),
	define("math", "TANH(x)", "Hyperbolic tangent.", sig(event.TFloat64, 1, pDouble), double(math.Tanh), "TANH(0)", "0.0"),
	define("math", "DEGREES(x)", "Radians as degrees.", sig(event.TFloat64, 1, pDouble), double(func(x float64) float64 { return x / math.Pi * 180 }), "DEGREES(PI())", "180.0"),
	define("math", "RADIANS(x)", "Degrees as radians.", sig(event.TFloat64, 1, pDouble), double(func(x float64) float64 { return x / 180 * math.Pi }), "RADIANS(180)", "3.141592653589793"),
	define("math", "PI()", "The number π.", sig(event.TFloat64, 0), constantDouble(math.Pi), "PI()", "3.141592653589793"),
	define("math", "E()", "Euler's number.", sig(event.TFloat64, 0), constantDouble(math.E), "E()", "2.718281828459045"),
	define("math", "BIN(n)", "The integer in binary, as text.", sig(event.TString, 1, pInt),
		text(func(dst []byte, a []event.Value) []byte { return strconv.AppendUint(dst, uint64(a[0].I), 2) }), "BIN(4)", "100"),
	define("math", "HEX(x)", "The integer, or the bytes of the text, in hexadecimal.", resolveHex, hexadecimal, "HEX(255)", "FF", "HEX('AB')", "4142"),
	define("math", "UNHEX(s)", "The bytes written in hexadecimal; NULL when s is not.", sig(event.TBytes, 1, pString), unhex, "UNHEX('4142')", "AB"),
	define("conditional", "GREATEST(x, …)", "The greatest of the arguments; NULL when one is NULL.", common(1), extreme(1), "GREATEST(1, 3, 2)", "3"),
	define("conditional", "LEAST(x, …)", "The least of the arguments; NULL when one is NULL.", common(1), extreme(-1), "LEAST('b', 'a')", "a"),
}

func double2(f func(x, y float64) float64) evalFunc {
	return func(_ *expr.Context, a []event.Value, out *event.Value) error {
		*out = event.FloatValue(f(a[0].F(), a[1].F()))
		return nil
	}
}

func constantDouble(f float64) evalFunc {
	return func(_ *expr.Context, _ []event.Value, out *event.Value) error {
		*out = event.FloatValue(f)
		return nil
	}
}

func logarithm(_ *expr.Context, a []event.Value, out *event.Value) error {
	x := a[len(a)-1].F()
	f := math.Log(x)
	switch {
	case len(a) == 1:
	case a[0].F() == 2:
		f = math.Log2(x)
	case a[0].F() == 10:
		f = math.Log10(x)
	default:
		f /= math.Log(a[0].F())
	}
	*out = event.FloatValue(f)
	return nil
}

func absolute(c *expr.Context, a []event.Value, out *event.Value) error {
	t := c.Args[0]
	if t.Float() {
		*out = event.FloatValue(math.Abs(a[0].F()))
		return nil
	}
	*out = DecValue(Dec(t, a[0]).Abs())
	if lo, _ := IntRange(t); t.Integer() && a[0].I == lo {
		return overflow(t)
	}
	return nil
}

// signType has room for a digit before the point.
func signType(p []event.Type) (event.Type, error) {
	if t := p[0]; t.Kind == event.Decimal {
		return event.TDecimal(min(event.MaxPrecision, max(t.Precision, t.Scale+1)), t.Scale), nil
	}
	return p[0], nil
}

func sign(c *expr.Context, a []event.Value, out *event.Value) error {
	t := c.Args[0]
	if t.Float() {
		*out = event.FloatValue(float64(CompareFloats(a[0].F(), 0)))
		return nil
	}
	s := int64(Dec(t, a[0]).Sign())
	x, err := decimal.Rescale(decimal.FromInt64(s), 0, t.Scale)
	*out = DecValue(x)
	return err
}

// resolveFloor takes a number, or a date or time and a unit.
func resolveFloor(args []event.Type) ([]event.Type, event.Type, error) {
	if len(args) == 2 {
		return sameAs(2, pDated, pString)(args)
	}
	return derived(1, false, func(p []event.Type) (event.Type, error) {
		if p[0].Kind == event.Decimal {
			return event.TDecimal(p[0].Precision, 0), nil
		}
		return p[0], nil
	}, pNumber)(args)
}

func floor(c *expr.Context, a []event.Value, out *event.Value) error {
	if len(a) == 2 {
		return roundTime(c, a, out, false)
	}
	return whole(c, a[0], out, math.Floor, -1)
}

func ceil(c *expr.Context, a []event.Value, out *event.Value) error {
	if len(a) == 2 {
		return roundTime(c, a, out, true)
	}
	return whole(c, a[0], out, math.Ceil, 1)
}

// whole rounds a number towards the infinity of sign toward.
func whole(c *expr.Context, v event.Value, out *event.Value, f func(float64) float64, toward int) error {
	t := c.Args[0]
	switch {
	case t.Float():
		*out = event.FloatValue(f(v.F()))
	case t.Integer():
		out.I = v.I
	default:
		x, unit := Dec(t, v), decimal.Pow10(t.Scale)
		q, _ := decimal.Quo(x, unit)
		if r, _ := decimal.Mod(x, unit); r.Sign() == toward {
			q, _ = decimal.Add(q, decimal.FromInt64(int64(toward)))
		}
		return setDec(c.Result, q, out)
	}
	return nil
}

func resolveRound(args []event.Type) ([]event.Type, event.Type, error) {
	return derived(1, false, func(p []event.Type) (event.Type, error) {
		t := p[0]
		switch {
		case t.Kind == event.Decimal && len(p) == 1:
			return event.TDecimal(min(event.MaxPrecision, t.Precision-t.Scale+1), 0), nil
		case t.Kind == event.Decimal:
			return event.TDecimal(min(event.MaxPrecision, t.Precision+1), t.Scale), nil
		}
		return t, nil
	}, pNumber, pInt)(args)
}

// roundTo rounds (or cuts) at a decimal digit; integers at negative digits.
func roundTo(half bool) evalFunc {
	return func(c *expr.Context, a []event.Value, out *event.Value) error {
		t, n := c.Args[0], argInt(a, 1, 0)
		switch {
		case t.Float():
			*out = event.FloatValue(roundFloat(a[0].F(), n, half))
			return nil
		case t.Integer():
			out.I, _ = roundDec(decimal.FromInt64(a[0].I), -n, half).Int64()
			if lo, hi := IntRange(t); out.I < lo || out.I > hi {
				return overflow(t)
			}
			return nil
		}
		x := roundDec(Dec(t, a[0]), int64(t.Scale)-n, half)
		x, err := decimal.Rescale(x, t.Scale, c.Result.Scale)
		if err != nil {
			return overflow(c.Result)
		}
		return setDec(c.Result, x, out)
	}
}

// roundDec makes the last drop digits zero.
func roundDec(x decimal.Int, drop int64, half bool) decimal.Int {
	switch {
	case drop <= 0:
		return x
	case drop > decimal.MaxDigits:
		return decimal.Int{}
	}
	unit := decimal.Pow10(int(drop))
	rest, _ := decimal.Mod(x, unit)
	down, _ := decimal.Sub(x, rest)
	if !half {
		return down
	}
	if doubled, err := decimal.Add(rest, rest); err != nil || doubled.Abs().Cmp(unit) >= 0 {
		if x.Sign() < 0 {
			unit = unit.Neg()
		}
		if up, err := decimal.Add(down, unit); err == nil {
			return up
		}
	}
	return down
}

// roundFloat rounds the decimal text of f, so that 2.675 becomes 2.68.
func roundFloat(f float64, n int64, half bool) float64 {
	const scale = 20
	if n >= scale {
		return f
	}
	x, err := decimal.FromFloat64(f, decimal.MaxDigits, scale)
	if err != nil {
		return f
	}
	return decimal.Float64(roundDec(x, scale-n, half), scale)
}

func resolveMod(args []event.Type) ([]event.Type, event.Type, error) {
	params, _, err := sig(event.TInt32, 2, pNumber, pNumber)(args)
	if err != nil {
		return nil, event.TNull, err
	}
	result, x, y, err := Arith(expr.Mod, params[0], params[1])
	return []event.Type{x, y}, result, err
}

var errMod = errors.New("MOD: the operands have too many digits")

func mod(c *expr.Context, a []event.Value, out *event.Value) error {
	x, y := c.Args[0], c.Args[1]
	switch {
	case x.Float():
		*out = event.FloatValue(math.Mod(a[0].F(), a[1].F()))
		return nil
	case x.Integer() && a[1].I == 0:
		return ErrDivisionByZero
	case x.Integer():
		out.I = a[0].I % a[1].I
		return nil
	}
	p, err1 := decimal.Rescale(Dec(x, a[0]), x.Scale, c.Result.Scale)
	q, err2 := decimal.Rescale(Dec(y, a[1]), y.Scale, c.Result.Scale)
	if err1 != nil || err2 != nil {
		return errMod
	}
	r, err := decimal.Mod(p, q)
	*out = DecValue(r)
	return err
}

func resolveHex(args []event.Type) ([]event.Type, event.Type, error) {
	if len(args) == 1 && args[0].Physical() == event.PhysStr {
		return sig(event.TString, 1, pStrings)(args)
	}
	return sig(event.TString, 1, pInt)(args)
}

func hexadecimal(c *expr.Context, a []event.Value, out *event.Value) error {
	if c.Args[0].Physical() == event.PhysStr {
		out.S = append(out.S[:0], strings.ToUpper(hex.EncodeToString(a[0].S))...)
	} else {
		out.S = append(out.S[:0], strings.ToUpper(strconv.FormatUint(uint64(a[0].I), 16))...)
	}
	return nil
}

func unhex(_ *expr.Context, a []event.Value, out *event.Value) error {
	b, err := hex.AppendDecode(out.S[:0], a[0].S)
	out.S, out.Null = b, err != nil
	return nil
}

func extreme(sign int) evalFunc {
	return func(c *expr.Context, a []event.Value, out *event.Value) error {
		best := a[0]
		for _, v := range a[1:] {
			if Compare(c.Result, v, best)*sign > 0 {
				best = v
			}
		}
		out.I, out.Hi, out.L = best.I, best.Hi, best.L
		out.S = append(out.S[:0], best.S...)
		return nil
	}
}
