package cell

import (
	"math"
	"math/bits"
	"strconv"
	"unsafe"

	"github.com/cepd/cepd/internal/decimal"
	"github.com/cepd/cepd/internal/event"
)

// maxExponent bounds the exponent that is kept; more only says "too large" or
// "zero".
const maxExponent = 1 << 20

// Number is a number taken apart: ± Mant × 10^(Exp − Frac).
type Number struct {
	Mant   uint64 // the digits, when there are at most 19
	Digits int    // digits, leading zeros excepted
	Frac   int    // digits after the point
	Exp    int
	Neg    bool
}

// ScanNumber reads the JSON number that starts at p[i] and returns where it
// ends; end < 0: the text stops being a number at p[^end].
func ScanNumber(p []byte, i int) (n Number, end int) {
	if i < len(p) && p[i] == '-' {
		n.Neg = true
		i++
	}
	from := i
	i = n.digits(p, i)
	if i == from || p[from] == '0' && i > from+1 {
		return n, ^from
	}
	if i < len(p) && p[i] == '.' {
		from = i + 1
		i = n.digits(p, from)
		n.Frac = i - from
		if n.Frac == 0 {
			return n, ^i
		}
	}
	if i < len(p) && p[i]|0x20 == 'e' {
		return n.exponent(p, i+1)
	}
	return n, i
}

func (n *Number) digits(p []byte, i int) int {
	mant, digits := n.Mant, n.Digits
	for i < len(p) {
		c := p[i] - '0'
		if c > 9 {
			break
		}
		if mant != 0 || c != 0 || digits != 0 {
			digits++
		}
		mant = mant*10 + uint64(c)
		i++
	}
	n.Mant, n.Digits = mant, digits
	return i
}

func (n Number) exponent(p []byte, i int) (Number, int) {
	neg := false
	if i < len(p) && (p[i] == '-' || p[i] == '+') {
		neg = p[i] == '-'
		i++
	}
	from := i
	for i < len(p) && p[i]-'0' <= 9 {
		if n.Exp < maxExponent {
			n.Exp = n.Exp*10 + int(p[i]-'0')
		}
		i++
	}
	if i == from {
		return n, ^i
	}
	if neg {
		n.Exp = -n.Exp
	}
	return n, i
}

var pow10 = [...]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19}

var floatPow10 = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// Int is n as a whole number of bits bits; 1.0 and 1e3 are whole.
func (n Number) Int(bitCount uint) (v int64, ok bool) {
	if n.Digits > 19 {
		return 0, false
	}
	m := n.Mant
	if e := n.Exp - n.Frac; e != 0 && m != 0 {
		if m, ok = shift(m, e); !ok {
			return 0, false
		}
	}
	limit := uint64(1) << (bitCount - 1)
	if n.Neg {
		return -int64(m), m <= limit
	}
	return int64(m), m < limit
}

// shift is m × 10^e when that is whole and fits.
func shift(m uint64, e int) (uint64, bool) {
	if e < -19 || e > 19 {
		return 0, false
	}
	if e < 0 {
		return m / pow10[-e], m%pow10[-e] == 0
	}
	over, m := bits.Mul64(m, pow10[e])
	return m, over == 0
}

// Float is the double nearest to n, whose text is s. Mantissa and power below
// 2^53 are exact, so that one division or multiplication rounds once.
func (n Number) Float(s []byte) (f float64, ok bool) {
	e := n.Exp - n.Frac
	if n.Digits > 19 || n.Mant > 1<<53 || e < -22 || e > 22 {
		f, err := strconv.ParseFloat(text(s), 64)
		return f, err == nil
	}
	f = float64(n.Mant)
	switch {
	case e < 0:
		f /= floatPow10[-e]
	case e > 0:
		f *= floatPow10[e]
	}
	if n.Neg {
		f = -f
	}
	return f, true
}

// Float32 is the FLOAT nearest to n, whose text is s.
func (n Number) Float32(s []byte) (f float64, ok bool) {
	e := n.Exp - n.Frac
	if n.Digits > 19 || n.Mant > 1<<24 || e < -10 || e > 0 {
		f, err := strconv.ParseFloat(text(s), 32)
		return f, err == nil
	}
	f = float64(float32(n.Mant) / float32(floatPow10[-e]))
	if n.Neg {
		f = -f
	}
	return f, true
}

// Decimal is n, whose text is s, as the unscaled value of DECIMAL(p, scale).
func (n Number) Decimal(s []byte, precision, scale int) (decimal.Int, bool) {
	up := scale - n.Frac
	if n.Exp != 0 || up < 0 || n.Digits+up > event.MaxNarrow {
		x, err := decimal.Parse(s, precision, scale)
		return x, err == nil
	}
	m := n.Mant * pow10[up]
	if precision <= event.MaxNarrow && m >= pow10[precision] {
		return decimal.Int{}, false
	}
	if n.Neg {
		return decimal.FromInt64(-int64(m)), true
	}
	return decimal.Int{Lo: m}, true
}

// SetNumber writes row i of a numeric column; false: it does not fit.
func SetNumber(v *event.Vec, i int, n Number, s []byte) (ok bool) {
	switch k := v.Type.Kind; k {
	case event.Decimal:
		x, ok := n.Decimal(s, v.Type.Precision, v.Type.Scale)
		v.I64[i] = int64(x.Lo)
		if v.Type.Wide() {
			v.Hi[i] = x.Hi
		}
		return ok
	case event.Float64:
		v.F64[i], ok = n.Float(s)
	case event.Float32:
		v.F64[i], ok = n.Float32(s)
	default:
		v.I64[i], ok = n.Int(intBits[k])
	}
	return ok
}

var intBits = [...]uint{event.Int8: 8, event.Int16: 16, event.Int32: 32, event.Int64: 64}

// setNumberText writes what people write for numbers: JSON's form, a plus, a
// point without digits on one side, leading zeros; for FLOAT and DOUBLE also
// NaN and Infinity.
func setNumberText(v *event.Vec, i int, s []byte) bool {
	n, end := ScanNumber(s, 0)
	if end == len(s) {
		return SetNumber(v, i, n, s)
	}
	if v.Type.Float() {
		if f, ok := special(s); ok {
			v.F64[i] = f
			return true
		}
	}
	x, err := plain(s)
	if err != nil {
		return false
	}
	if n, end = ScanNumber(x, 0); end != len(x) {
		return false
	}
	return SetNumber(v, i, n, x)
}

func special(s []byte) (float64, bool) {
	switch string(s) {
	case "NaN":
		return math.NaN(), true
	case "Infinity", "+Infinity":
		return math.Inf(1), true
	case "-Infinity":
		return math.Inf(-1), true
	}
	return 0, false
}

// plain rewrites +07.50 as 7.50 and .5 as 0.5.
func plain(s []byte) ([]byte, error) {
	if _, _, err := decimal.Shape(s); err != nil {
		return nil, err
	}
	var out []byte
	if s[0] == '+' || s[0] == '-' {
		if s[0] == '-' {
			out = append(out, '-')
		}
		s = s[1:]
	}
	for len(s) > 1 && s[0] == '0' && s[1]-'0' <= 9 {
		s = s[1:]
	}
	for i, c := range s {
		switch {
		case c == '.' && i == 0:
			out = append(out, '0')
		case c == '.' && (i+1 == len(s) || s[i+1]-'0' > 9):
			continue
		}
		out = append(out, c)
	}
	return out, nil
}

// text is s as a string without a copy, for functions that do not keep it.
func text(s []byte) string { return unsafe.String(unsafe.SliceData(s), len(s)) }

// BigEndian is a two's-complement big-endian integer; ok is false when it has
// more than 128 bits. No bytes at all are zero.
func BigEndian(s []byte) (x decimal.Int, ok bool) {
	if len(s) == 0 {
		return x, true
	}
	sign := int64(int8(s[0])) >> 63
	for len(s) > 16 {
		if s[0] != byte(sign) || int8(s[1])>>7 != int8(sign) {
			return x, false
		}
		s = s[1:]
	}
	x = decimal.Int{Hi: sign, Lo: uint64(sign)}
	for _, b := range s {
		x.Hi = x.Hi<<8 | int64(x.Lo>>56)
		x.Lo = x.Lo<<8 | uint64(b)
	}
	return x, true
}
