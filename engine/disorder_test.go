package engine

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestBins(t *testing.T) {
	for i := 1; i < 60*binsPerOctave; i++ {
		end := binEnd(i)
		if end <= 0 {
			break
		}
		if bin(end) != i || bin(end+1) != i+1 {
			t.Fatalf("bin %d ends with %d, which is in bin %d, and %d in bin %d", i, end, bin(end), end+1, bin(end+1))
		}
	}
}

// TestDisorderOfKnownDistributions compares quantiles with those of the sorted
// values, and what the advice says with what its delay keeps.
func TestDisorderOfKnownDistributions(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for name, draw := range map[string]func() int64{
		"in order":    func() int64 { return 0 },
		"uniform":     func() int64 { return rng.Int64N(10_000_000) },
		"exponential": func() int64 { return int64(rng.ExpFloat64() * 2_000_000) },
		"two delays":  func() int64 { return []int64{300_000, 90_000_000}[rng.IntN(300)/299] },
		"rare":        func() int64 { return max(0, rng.Int64N(100_000)-99_990) * 3_600_000_000 },
	} {
		t.Run(name, func(t *testing.T) {
			var d disorder
			values := make([]int64, 100_000)
			for i := range values {
				values[i] = draw()
				d.rows++
				if values[i] > 0 {
					d.add(values[i])
				}
			}
			slices.Sort(values)
			for _, q := range []float64{0.5, 0.9, 0.99, 0.999, 1} {
				want, got := values[int(q*float64(len(values))+0.5)-1], d.quantile(q)
				if got < want || float64(got) > float64(want)*(1+1.0/binsPerOctave) {
					t.Errorf("quantile %g is %d, should be %d", q, got, want)
				}
			}
			need := roundUp(d.quantile(advised))
			kept, _ := slices.BinarySearch(values, need+1)
			if float64(kept) < advised*float64(len(values)) {
				t.Errorf("a delay of %d keeps %d of %d rows", need, kept, len(values))
			}
			if share := d.within(need); share > int64(kept) || share < int64(advised*float64(len(values))) {
				t.Errorf("%d rows are said to be kept, %d are", share, kept)
			}
			if text := d.advice(5_000_000); !strings.HasPrefix(text, fmt.Sprintf("a delay of %s would have kept ", showDelay(need))) {
				t.Error(text)
			}
		})
	}
}

func TestAdvice(t *testing.T) {
	var d disorder
	for i := range int64(100_000) {
		d.rows++
		if i%100 == 0 {
			d.add(11_500_000)
		}
	}
	if got, want := d.advice(5_000_000), "a delay of 12 s would have kept 100 % of rows; it is 5 s, which keeps 99 %"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
