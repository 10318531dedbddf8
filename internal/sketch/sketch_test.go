package sketch

import (
	"encoding/binary"
	"math"
	"testing"
)

// spread is a hash of i: the finalizer of SplitMix64.
func spread(i int) uint64 {
	h := uint64(i+1) * 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

func body(t *testing.T, p []byte) []byte {
	n, w := binary.Uvarint(p)
	if int(n) != len(p)-w {
		t.Fatalf("a length of %d before %d bytes", n, len(p)-w)
	}
	return p[w:]
}

func TestDistinct(t *testing.T) {
	for _, n := range []int{0, 1, 100, 5000, 200_000} {
		a, b := NewDistinct(), NewDistinct()
		for i := range n {
			if a.Add(spread(i)); i%2 == 0 {
				b.Add(spread(i))
			}
			b.Add(spread(i / 2))
		}
		if err := b.Merge(a); err != nil {
			t.Fatal(err)
		}
		p, err := b.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		c, err := ReadDistinct(body(t, p))
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Count(); got != b.Count() || math.Abs(float64(got)-float64(n)) > 0.03*float64(n) {
			t.Errorf("%d of %d distinct values, %d before it was stored", got, n, b.Count())
		}
	}
}

func TestQuantiles(t *testing.T) {
	a, b := NewQuantiles(), NewQuantiles()
	for i := range 10001 {
		q := a
		if i%3 == 0 {
			q = b
		}
		if err := q.Add(float64(i - 2000)); err != nil {
			t.Fatal(err)
		}
	}
	_ = a.Add(math.NaN())
	_ = a.Add(math.Inf(1))
	if err := a.Merge(b); err != nil {
		t.Fatal(err)
	}
	c, err := ReadQuantiles(body(t, a.Append(nil)))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []float64{0, 0.1, 0.5, 0.99, 1} {
		want := p*10000 - 2000
		got, err := c.At(p)
		if err != nil || math.Abs(got-want) > 0.011*math.Abs(want)+1 {
			t.Errorf("quantile %v is %v, %v; want %v", p, got, err, want)
		}
	}
}
