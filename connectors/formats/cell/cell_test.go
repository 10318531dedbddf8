package cell

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/cepd/cepd/internal/decimal"
	"github.com/cepd/cepd/internal/event"
)

// TestTimesAgainstStandardLibrary writes random instants and reads them back.
func TestTimesAgainstStandardLibrary(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	low := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	high := time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).UnixMicro()
	for range 100000 {
		us := low + r.Int64N(high-low)
		want := time.UnixMicro(us).UTC()
		for separator, layout := range map[byte]string{' ': "2006-01-02 15:04:05.000000", 'T': "2006-01-02T15:04:05.000000"} {
			text := AppendTimestamp(nil, us, 6, separator)
			if string(text) != want.Format(layout) {
				t.Fatalf("%d: %s, want %s", us, text, want.Format(layout))
			}
			if got, ok := ParseTimestamp(text, separator, false); !ok || got != us {
				t.Fatalf("%s: %d %v, want %d", text, got, ok, us)
			}
		}
	}
}

func TestAppendOutsideFourDigitYears(t *testing.T) {
	for us, want := range map[int64]string{
		math.MaxInt64: "294247-01-10 04:00:54.775", math.MinInt64: "-290308-12-21 19:59:05.224", -62198755200000000: "-0001-01-01 00:00:00.000",
	} {
		if got := string(AppendTimestamp(nil, us, 3, ' ')); got != want {
			t.Errorf("%d: %s, want %s", us, got, want)
		}
	}
}

func TestZones(t *testing.T) {
	for text, want := range map[string]string{
		"2024-01-02 03:04:05Z": "2024-01-02T03:04:05Z", "2024-01-02 03:04:05": "2024-01-02T03:04:05Z", "2024-01-02 03:04:05.5+02:00": "2024-01-02T01:04:05.5Z",
		"2024-01-02 03:04-00:30": "2024-01-02T03:34:00Z", "2024-01-02 03:04:05+25:00": "", "2024-01-02 03:04:05z": "", "2024-01-02 03:04:05 Z": "", "Z": "", "2024-01-02 03:4+1:00": "",
	} {
		us, ok := ParseTimestamp([]byte(text), ' ', true)
		if got := time.UnixMicro(us).UTC().Format(time.RFC3339Nano); ok != (want != "") || ok && got != want {
			t.Errorf("%s: %s %v, want %s", text, got, ok, want)
		}
	}
}

// FuzzNumber holds numbers against strconv.
func FuzzNumber(f *testing.F) {
	for _, s := range []string{"0", "-12.50", "9007199254740993", "1e22", "123456789012345678901", "0.000001e-300", "18446744073709551616", "1.7976931348623159e308", "+7", ".5", "00"} {
		f.Add(s)
	}
	ints, floats, singles := event.NewVec(event.TInt64), event.NewVec(event.TFloat64), event.NewVec(event.TFloat32)
	for _, v := range []*event.Vec{&ints, &floats, &singles} {
		v.Reset(1)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, end := ScanNumber([]byte(s), 0)
		if end != len(s) {
			return
		}
		if x, frac, end := Short([]byte(s), 0); end != 0 && (end != len(s) || shortText(x, frac) != s) {
			t.Fatalf("%d × 10^-%d up to %d", x, frac, end)
		}
		want, err := strconv.ParseFloat(s, 64)
		if ok := SetNumber(&floats, 0, n, []byte(s)); ok != (err == nil) || ok && math.Float64bits(floats.F64[0]) != math.Float64bits(want) {
			t.Fatalf("DOUBLE %v %v, want %v %v", floats.F64[0], ok, want, err)
		}
		want, err = strconv.ParseFloat(s, 32)
		if ok := SetNumber(&singles, 0, n, []byte(s)); ok != (err == nil) || ok && singles.F64[0] != want {
			t.Fatalf("FLOAT %v %v, want %v %v", singles.F64[0], ok, want, err)
		}
		if i, err := strconv.ParseInt(s, 10, 64); err == nil && (!SetNumber(&ints, 0, n, []byte(s)) || ints.I64[0] != i) {
			t.Fatalf("BIGINT %v, want %v", ints.I64[0], i)
		}
	})
}

// shortText is x × 10^-frac as JSON writes it with that many digits.
func shortText(x int64, frac int) string {
	return string(decimal.Append(nil, decimal.FromInt64(x), frac))
}

// TestShortAtEveryPlace reads numbers at the end of their buffer and with other
// bytes behind them.
func TestShortAtEveryPlace(t *testing.T) {
	for _, s := range []string{"0", "7", "-1", "12345678", "123456789", "123456789012345678", "-0.5", "1.25", "12345678.12345678", "99999999.9999999999"} {
		for _, tail := range []string{"", ",", "}", " 12345678", ",\"a\":123456789"} {
			x, frac, end := Short([]byte(s+tail), 0)
			if end != len(s) || shortText(x, frac) != s {
				t.Errorf("%s%s: %d × 10^-%d up to %d", s, tail, x, frac, end)
			}
		}
	}
	for _, s := range []string{"", "-", "-0", "-0.0", "01", "1.", ".5", "1e3", "1.5E3", "1234567890123456789", "1.123456789012345678", "x", "+1"} {
		if _, _, end := Short([]byte(s), 0); end != 0 {
			t.Errorf("%s: read up to %d", s, end)
		}
	}
}
