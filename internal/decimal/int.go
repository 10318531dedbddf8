package decimal

import (
	"errors"
	"math/big"
	"math/bits"
)

// Errors of the operations.
var (
	ErrOverflow       = errors.New("numeric overflow: the DECIMAL result has too many digits")
	ErrDivisionByZero = errors.New("division by zero")
)

// Int is a 128-bit two's complement integer.
type Int struct {
	Hi int64
	Lo uint64
}

// MaxDigits is the most digits a DECIMAL has.
const MaxDigits = 38

var pow10 = makePow10()

func makePow10() (t [MaxDigits + 1]Int) {
	t[0] = Int{Lo: 1}
	for i := 1; i < len(t); i++ {
		hi, lo := bits.Mul64(t[i-1].Lo, 10)
		t[i] = Int{int64(hi) + t[i-1].Hi*10, lo}
	}
	return t
}

// Pow10 is 10^n for 0 <= n <= MaxDigits.
func Pow10(n int) Int { return pow10[n] }

// FromInt64 widens i.
func FromInt64(i int64) Int { return Int{i >> 63, uint64(i)} }

// Int64 narrows x; ok says whether it fits.
func (x Int) Int64() (i int64, ok bool) { return int64(x.Lo), x.narrow() }

func (x Int) narrow() bool { return x.Hi == int64(x.Lo)>>63 }

// Sign is -1, 0 or 1.
func (x Int) Sign() int {
	switch {
	case x.Hi < 0:
		return -1
	case x.Hi == 0 && x.Lo == 0:
		return 0
	}
	return 1
}

// Neg is -x.
func (x Int) Neg() Int {
	lo, borrow := bits.Sub64(0, x.Lo, 0)
	hi, _ := bits.Sub64(0, uint64(x.Hi), borrow)
	return Int{int64(hi), lo}
}

// Abs is |x|.
func (x Int) Abs() Int {
	if x.Hi < 0 {
		return x.Neg()
	}
	return x
}

// Cmp is -1, 0 or 1 as x is below, equal to or above y.
func (x Int) Cmp(y Int) int {
	switch {
	case x == y:
		return 0
	case x.Hi < y.Hi || x.Hi == y.Hi && x.Lo < y.Lo:
		return -1
	}
	return 1
}

// Less says whether x < y.
func (x Int) Less(y Int) bool {
	return x.Hi < y.Hi || x.Hi == y.Hi && x.Lo < y.Lo
}

// Fits says whether x has at most digits digits.
func (x Int) Fits(digits int) bool {
	p := pow10[digits]
	if x.Hi < 0 {
		return x.Cmp(p.Neg()) > 0
	}
	return x.Cmp(p) < 0
}

// Add is x + y of one scale.
func Add(x, y Int) (Int, error) {
	r := addWrap(x, y)
	if (x.Hi^r.Hi)&(y.Hi^r.Hi) < 0 || !r.Fits(MaxDigits) {
		return Int{}, ErrOverflow
	}
	return r, nil
}

// Sub is x - y of one scale.
func Sub(x, y Int) (Int, error) { return Add(x, y.Neg()) }

func addWrap(x, y Int) Int {
	lo, carry := bits.Add64(x.Lo, y.Lo, 0)
	hi, _ := bits.Add64(uint64(x.Hi), uint64(y.Hi), carry)
	return Int{int64(hi), lo}
}

// mul is x * y; ok is false when the product needs more than 127 bits.
func mul(x, y Int) (r Int, ok bool) {
	negative := (x.Hi < 0) != (y.Hi < 0)
	x, y = x.Abs(), y.Abs()
	if x.Hi != 0 && y.Hi != 0 {
		return Int{}, false
	}
	if x.Hi != 0 {
		x, y = y, x
	}
	over, crossLo := bits.Mul64(x.Lo, uint64(y.Hi))
	hi, lo := bits.Mul64(x.Lo, y.Lo)
	hi, carry := bits.Add64(hi, crossLo, 0)
	if over != 0 || carry != 0 || int64(hi) < 0 {
		return Int{}, false
	}
	r = Int{int64(hi), lo}
	if negative {
		r = r.Neg()
	}
	return r, true
}

// MulInt64 is x * y.
func MulInt64(x, y int64) Int {
	hi, lo := bits.Mul64(uint64(x), uint64(y))
	return Int{int64(hi) - (x>>63)&y - (y>>63)&x, lo}
}

// Mul is x * y with drop digits rounded away at the end.
func Mul(x, y Int, drop int) (Int, error) {
	if drop == 0 && x.narrow() && y.narrow() {
		return MulInt64(int64(x.Lo), int64(y.Lo)), nil // below 2^126: it fits
	}
	return mulRound(x, y, drop)
}

func mulRound(x, y Int, drop int) (Int, error) {
	p, ok := mul(x, y)
	if !ok {
		b := new(big.Int).Mul(x.big(), y.big())
		return divBig(b, bigPow10(drop))
	}
	if drop > 0 {
		p = divRound(p, pow10[drop])
	}
	if !p.Fits(MaxDigits) {
		return Int{}, ErrOverflow
	}
	return p, nil
}

// Div is x * 10^up / y, rounded; up may be negative.
func Div(x, y Int, up int) (Int, error) {
	if y.Sign() == 0 {
		return Int{}, ErrDivisionByZero
	}
	if up >= 0 && up <= MaxDigits {
		if n, ok := mul(x, pow10[up]); ok {
			return checked(divRound(n, y))
		}
	}
	n, d := x.big(), y.big()
	if up >= 0 {
		n.Mul(n, bigPow10(up))
	} else {
		d.Mul(d, bigPow10(-up))
	}
	return divBig(n, d)
}

// Quo is x / y truncated towards zero.
func Quo(x, y Int) (Int, error) {
	if y.Sign() == 0 {
		return Int{}, ErrDivisionByZero
	}
	q, _ := divMod(x.Abs(), y.Abs())
	if (x.Hi < 0) != (y.Hi < 0) {
		q = q.Neg()
	}
	return q, nil
}

// Mod is the remainder of x / y of one scale, with the sign of x.
func Mod(x, y Int) (Int, error) {
	if y.Sign() == 0 {
		return Int{}, ErrDivisionByZero
	}
	_, r := divMod(x.Abs(), y.Abs())
	if x.Hi < 0 {
		r = r.Neg()
	}
	return r, nil
}

func checked(x Int) (Int, error) {
	if !x.Fits(MaxDigits) {
		return Int{}, ErrOverflow
	}
	return x, nil
}

// divRound is x / y rounded half away from zero; y is not 0.
func divRound(x, y Int) Int {
	negative := (x.Hi < 0) != (y.Hi < 0)
	y = y.Abs()
	q, r := divMod(x.Abs(), y)
	if r.Cmp(addWrap(y, r.Neg())) >= 0 { // r >= y - r
		q = addWrap(q, Int{Lo: 1})
	}
	if negative {
		return q.Neg()
	}
	return q
}

// divMod divides non-negative x by positive y.
func divMod(x, y Int) (q, r Int) {
	if y.Hi != 0 {
		bq, br := new(big.Int).QuoRem(x.big(), y.big(), new(big.Int))
		q, _ = fromBig(bq)
		r, _ = fromBig(br)
		return q, r
	}
	if x.Hi == 0 {
		return Int{Lo: x.Lo / y.Lo}, Int{Lo: x.Lo % y.Lo}
	}
	hi, rem := uint64(x.Hi)/y.Lo, uint64(x.Hi)%y.Lo
	lo, rem := bits.Div64(rem, x.Lo, y.Lo)
	return Int{int64(hi), lo}, Int{Lo: rem}
}

// Rescale takes x from one scale to another, rounding where digits are lost.
func Rescale(x Int, from, to int) (Int, error) {
	switch {
	case to == from:
		return x, nil
	case to < from:
		return divRound(x, pow10[from-to]), nil
	}
	if k := pow10[to-from]; x.narrow() && k.narrow() {
		return MulInt64(int64(x.Lo), int64(k.Lo)), nil
	}
	r, ok := mul(x, pow10[to-from])
	if !ok || !r.Fits(MaxDigits) {
		return Int{}, ErrOverflow
	}
	return r, nil
}

func (x Int) big() *big.Int {
	a := x.Abs()
	b := new(big.Int).SetUint64(uint64(a.Hi))
	b.Lsh(b, 64).Or(b, new(big.Int).SetUint64(a.Lo))
	if x.Hi < 0 {
		b.Neg(b)
	}
	return b
}

func fromBig(b *big.Int) (Int, bool) {
	if b.BitLen() > 127 {
		return Int{}, false
	}
	a := new(big.Int).Abs(b)
	x := Int{Lo: new(big.Int).And(a, new(big.Int).SetUint64(^uint64(0))).Uint64()}
	x.Hi = int64(a.Rsh(a, 64).Uint64())
	if b.Sign() < 0 {
		x = x.Neg()
	}
	return x, true
}

func bigPow10(n int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}

func divBig(n, d *big.Int) (Int, error) {
	negative := n.Sign()*d.Sign() < 0
	n, d = new(big.Int).Abs(n), new(big.Int).Abs(d)
	q, r := new(big.Int).QuoRem(n, d, new(big.Int))
	if r.Lsh(r, 1).Cmp(d) >= 0 {
		q.Add(q, big.NewInt(1))
	}
	if negative {
		q.Neg(q)
	}
	x, ok := fromBig(q)
	if !ok || !x.Fits(MaxDigits) {
		return Int{}, ErrOverflow
	}
	return x, nil
}
