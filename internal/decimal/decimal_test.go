package decimal

import (
	"math/big"
	"math/rand/v2"
	"testing"
)

func TestParseAndFormat(t *testing.T) {
	for _, c := range []struct {
		in   string
		p, s int
		want string
	}{
		{"12.5", 12, 2, "12.50"}, {"-0.005", 5, 2, "-0.01"}, {"0.0049", 5, 2, "0.00"}, {"1e3", 10, 0, "1000"},
		{".5", 3, 1, "0.5"}, {"5.", 3, 1, "5.0"}, {"+7", 3, 0, "7"}, {"123456e-5", 10, 3, "1.235"},
		{"99999999999999999999999999999999999999", 38, 0, "99999999999999999999999999999999999999"},
		{"0.00000000000000000000000000000000000001", 38, 38, "0.00000000000000000000000000000000000001"},
		{"999.995", 5, 2, "error"}, {"100000000000000000000000000000000000000", 38, 0, "error"}, {"", 5, 2, "error"},
		{"1.2.3", 5, 2, "error"}, {"abc", 5, 2, "error"}, {"-", 5, 2, "error"}, {"1e", 5, 2, "error"}, {"0e99", 5, 2, "0.00"}, {"1e99", 5, 2, "error"},
	} {
		x, err := Parse([]byte(c.in), c.p, c.s)
		got := string(Append(nil, x, c.s))
		if err != nil {
			got = "error"
		}
		if got != c.want {
			t.Errorf("Parse(%q, %d, %d) = %s, want %s", c.in, c.p, c.s, got, c.want)
		}
	}
}

func TestShape(t *testing.T) {
	for in, want := range map[string][2]int{"12.50": {4, 2}, "0.5": {1, 1}, "7": {1, 0}, "0": {1, 0}, "0.05": {2, 2}, "1e3": {4, 0}, "1.5e-2": {3, 3}, "00012": {2, 0}} {
		p, s, err := Shape([]byte(in))
		if err != nil || p != want[0] || s != want[1] {
			t.Errorf("Shape(%q) = %d, %d, %v, want %v", in, p, s, err, want)
		}
	}
}

func randomInt(r *rand.Rand) Int {
	x := Int{Lo: r.Uint64() >> r.IntN(64)}
	if r.IntN(2) == 0 {
		x.Hi = int64(r.Uint64() >> (1 + r.IntN(63)))
	}
	if r.IntN(2) == 0 {
		x = x.Neg()
	}
	for !x.Fits(MaxDigits) {
		x.Hi /= 2
	}
	return x
}

// roundDiv is n/d rounded half away from zero, by math/big alone.
func roundDiv(n, d *big.Int) *big.Int {
	two := big.NewInt(2)
	num := new(big.Int).Add(new(big.Int).Mul(new(big.Int).Abs(n), two), new(big.Int).Abs(d))
	q := num.Quo(num, new(big.Int).Mul(new(big.Int).Abs(d), two))
	if n.Sign()*d.Sign() < 0 {
		q.Neg(q)
	}
	return q
}

func TestAgainstBig(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	limit := bigPow10(MaxDigits)
	check := func(what string, got Int, err error, want *big.Int) {
		t.Helper()
		fits := new(big.Int).Abs(want).Cmp(limit) < 0
		if fits != (err == nil) || fits && got.big().Cmp(want) != 0 {
			t.Fatalf("%s = %v, %v, want %v", what, got.big(), err, want)
		}
	}
	for range 100000 {
		x, y, k := randomInt(r), randomInt(r), r.IntN(MaxDigits+1)
		bx, by := x.big(), y.big()
		if x.Cmp(y) != bx.Cmp(by) || x.Sign() != bx.Sign() {
			t.Fatalf("Cmp(%v, %v) = %d", bx, by, x.Cmp(y))
		}
		sum, err := Add(x, y)
		check("Add", sum, err, new(big.Int).Add(bx, by))
		diff, err := Sub(x, y)
		check("Sub", diff, err, new(big.Int).Sub(bx, by))
		product, err := Mul(x, y, k)
		check("Mul", product, err, roundDiv(new(big.Int).Mul(bx, by), bigPow10(k)))
		if y.Sign() != 0 {
			q, err := Div(x, y, k)
			check("Div", q, err, roundDiv(new(big.Int).Mul(bx, bigPow10(k)), by))
			q, err = Div(x, y, -k)
			check("Div down", q, err, roundDiv(bx, new(big.Int).Mul(by, bigPow10(k))))
			m, err := Mod(x, y)
			check("Mod", m, err, new(big.Int).Rem(bx, by))
			q, err = Quo(x, y)
			check("Quo", q, err, new(big.Int).Quo(bx, by))
		}
		up, err := Rescale(x, 0, k)
		check("Rescale up", up, err, new(big.Int).Mul(bx, bigPow10(k)))
		down, err := Rescale(x, k, 0)
		check("Rescale down", down, err, roundDiv(bx, bigPow10(k)))
		back, err := Parse(Append(nil, x, k), MaxDigits, k)
		check("Parse(Append)", back, err, bx)
	}
}

func TestFloat(t *testing.T) {
	for in, want := range map[float64]string{1.1: "1.100", -2.0005: "-2.001", 1e15: "1000000000000000.000"} {
		x, err := FromFloat64(in, 38, 3)
		if err != nil || string(Append(nil, x, 3)) != want {
			t.Errorf("FromFloat64(%v) = %s, %v", in, Append(nil, x, 3), err)
		}
	}
	x, _ := Parse([]byte("123456789012345678901.25"), 38, 2)
	if f := Float64(x, 2); f != 123456789012345678901.25 {
		t.Errorf("Float64 = %v", f)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("-12.5e3"), 3)
	f.Fuzz(func(t *testing.T, s []byte, scale int) {
		scale = max(0, min(scale, MaxDigits))
		x, err := Parse(s, MaxDigits, scale)
		if err != nil {
			return
		}
		if y, err := Parse(Append(nil, x, scale), MaxDigits, scale); err != nil || x != y {
			t.Fatalf("%q: %v -> %v, %v", s, x, y, err)
		}
	})
}

func BenchmarkAddNarrow(b *testing.B) {
	x, y := FromInt64(123456), FromInt64(789)
	for b.Loop() {
		x, _ = Add(x, y)
	}
}

func BenchmarkMulWide(b *testing.B) {
	x, y := Int{Lo: 1 << 60}, FromInt64(789000000)
	for b.Loop() {
		_, _ = Mul(x, y, 6)
	}
}
