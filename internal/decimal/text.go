package decimal

import (
	"errors"
	"math"
	"strconv"
)

// ErrSyntax says that a text is not a number.
var ErrSyntax = errors.New("not a number")

// number is the parts of [sign] digits [. digits] [e exponent].
type number struct {
	negative  bool
	digits    []byte // may hold one '.'
	intDigits int    // digits before the point
	exp       int
}

func scan(s []byte) (n number, err error) {
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		n.negative = s[0] == '-'
		s = s[1:]
	}
	i, count, point := 0, 0, -1
	for ; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			count++
		case c == '.' && point < 0:
			point = i
		case (c == 'e' || c == 'E') && count > 0:
			n.exp, err = strconv.Atoi(string(s[i+1:]))
			if err != nil || n.exp > 1<<20 || n.exp < -1<<20 {
				return n, ErrSyntax
			}
			return n.cut(s[:i], point, count), nil
		default:
			return n, ErrSyntax
		}
	}
	if count == 0 {
		return n, ErrSyntax
	}
	return n.cut(s, point, count), nil
}

func (n number) cut(s []byte, point, count int) number {
	n.digits, n.intDigits = s, count
	if point >= 0 {
		n.intDigits = point
	}
	return n
}

// Parse reads a number, with optional sign, point and exponent, as the
// unscaled value of DECIMAL(precision, scale). Digits beyond the scale are
// rounded once.
func Parse(s []byte, precision, scale int) (Int, error) {
	n, err := scan(s)
	if err != nil {
		return Int{}, err
	}
	x, err := n.unscaled(scale)
	if err != nil {
		return Int{}, err
	}
	if !x.Fits(precision) {
		return Int{}, ErrOverflow
	}
	return x, nil
}

func (n number) unscaled(scale int) (x Int, err error) {
	weight := n.intDigits - 1 + n.exp // of the next digit: 10^weight
	for _, c := range n.digits {
		if c == '.' {
			continue
		}
		if weight < -scale {
			if weight == -scale-1 && c >= '5' {
				x = addWrap(x, Int{Lo: 1})
			}
			return n.signed(x), nil
		}
		if !x.Fits(MaxDigits - 1) {
			return Int{}, ErrOverflow
		}
		x = x.push(c - '0')
		weight--
	}
	if zeros := weight + 1 + scale; zeros > 0 && x.Sign() != 0 {
		if zeros > MaxDigits {
			return Int{}, ErrOverflow
		}
		if x, err = Rescale(x, 0, zeros); err != nil {
			return Int{}, err
		}
	}
	return n.signed(x), nil
}

func (n number) signed(x Int) Int {
	if n.negative {
		return x.Neg()
	}
	return x
}

// push is x*10 + digit.
func (x Int) push(digit byte) Int {
	if x.Hi == 0 && x.Lo < math.MaxInt64/10 {
		return Int{Lo: x.Lo*10 + uint64(digit)}
	}
	x, _ = mul(x, pow10[1])
	return addWrap(x, Int{Lo: uint64(digit)})
}

// Shape is the precision and scale that a literal has as written, such as
// (4, 2) for 12.50.
func Shape(s []byte) (precision, scale int, err error) {
	n, err := scan(s)
	if err != nil {
		return 0, 0, err
	}
	digits, leading := 0, true
	for i, c := range n.digits {
		if c == '.' {
			continue
		}
		leading = leading && c == '0' && i < n.intDigits
		if !leading {
			digits++
		}
		if i > n.intDigits {
			scale++
		}
	}
	if scale -= n.exp; scale < 0 {
		digits, scale = digits-scale, 0
	}
	return max(digits, scale, 1), scale, nil
}

// Append appends x of the given scale as text, such as "-12.50".
func Append(dst []byte, x Int, scale int) []byte {
	if x.Hi < 0 {
		dst, x = append(dst, '-'), x.Neg()
	}
	var buf [MaxDigits + 2]byte
	i := len(buf)
	for n := 0; n <= scale || x.Sign() != 0; n++ {
		if n == scale && scale > 0 {
			i--
			buf[i] = '.'
		}
		var digit Int
		x, digit = divMod(x, pow10[1])
		i--
		buf[i] = byte('0' + digit.Lo)
	}
	return append(dst, buf[i:]...)
}

// Float64 is the nearest DOUBLE.
func Float64(x Int, scale int) float64 {
	if i, ok := x.Int64(); ok && scale <= 22 && i < 1<<53 && i > -1<<53 {
		return float64(i) / math.Pow10(scale) // both exact: rounded once
	}
	var buf [MaxDigits + 4]byte
	f, _ := strconv.ParseFloat(string(Append(buf[:0], x, scale)), 64)
	return f
}

// FromFloat64 is f, by its shortest decimal text, as the unscaled value of
// DECIMAL(precision, scale).
func FromFloat64(f float64, precision, scale int) (Int, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return Int{}, ErrOverflow
	}
	var buf [32]byte
	return Parse(strconv.AppendFloat(buf[:0], f, 'e', -1, 64), precision, scale)
}
