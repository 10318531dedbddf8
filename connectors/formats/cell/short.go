package cell

import (
	"encoding/binary"
	"math/bits"

	"github.com/cepd/cepd/internal/event"
)

// maxShort is the most digits of a short number: any such number fits int64.
const maxShort = 18

// Short reads the JSON number at p[i] when it has at most 18 digits and no
// exponent, as nearly all have: v × 10^-frac. end is 0 for every other form
// and for minus zero, which are left to ScanNumber.
func Short(p []byte, i int) (v int64, frac, end int) {
	neg := i < len(p) && p[i] == '-'
	if neg {
		i++
	}
	from := i
	m, i := run(p, i, 0)
	n := i - from
	if n == 0 || n > 1 && p[from] == '0' {
		return 0, 0, 0
	}
	if i < len(p) && p[i] == '.' {
		point := i
		m, i = run(p, i+1, m)
		if frac = i - point - 1; frac == 0 {
			return 0, 0, 0
		}
	}
	if n+frac > maxShort || neg && m == 0 || i < len(p) && p[i]|0x20 == 'e' {
		return 0, 0, 0
	}
	v = int64(m)
	if neg {
		v = -v
	}
	return v, frac, i
}

// run reads the digits from p[i] on and appends them to those of m; of more
// than 19 the result is meaningless.
func run(p []byte, i int, m uint64) (uint64, int) {
	for i+8 <= len(p) {
		w := binary.LittleEndian.Uint64(p[i:])
		n := bits.TrailingZeros64(noDigits(w)) >> 3
		if n == 8 {
			m = m*1e8 + parseEight(w)
			i += 8
			continue
		}
		// The digits move to the end of the word, zeros before them.
		return m*pow10[n] + parseEight(w<<(64-8*n)), i + n
	}
	for i < len(p) && p[i]-'0' <= 9 {
		m = m*10 + uint64(p[i]-'0')
		i++
	}
	return m, i
}

// noDigits marks the bytes of w that are no digit in their highest bit.
func noDigits(w uint64) uint64 {
	const highs = 0x8080808080808080
	w ^= 0x3030303030303030
	return (w&^highs + 0x7676767676767676 | w) & highs
}

// parseEight adds neighbouring digits, then pairs, then fours.
func parseEight(w uint64) uint64 {
	w = w & 0x0F0F0F0F0F0F0F0F * (10<<8 + 1) >> 8
	w = w & 0x00FF00FF00FF00FF * (100<<16 + 1) >> 16
	return w & 0x0000FFFF0000FFFF * (10000<<32 + 1) >> 32
}

// SetShort writes row i of a DOUBLE or narrow DECIMAL column as x × 10^-frac;
// false: it does not fit, or takes the long way.
func SetShort(v *event.Vec, i int, x int64, frac int) bool {
	const exact = 1 << 53 // whole numbers up to here are doubles
	switch v.Type.Kind {
	case event.Float64:
		// One division of exact numbers rounds once.
		v.F64[i] = float64(x) / floatPow10[frac]
		return x >= -exact && x <= exact
	case event.Decimal:
		precision, up := v.Type.Precision, v.Type.Scale-frac
		if up < 0 || precision > event.MaxNarrow {
			return false
		}
		limit := int64(pow10[precision-up])
		v.I64[i] = x * int64(pow10[up])
		return x > -limit && x < limit
	}
	return false
}
