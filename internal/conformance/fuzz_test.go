package conformance

import (
	"errors"
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/reference"
)

var (
	seeds     = flag.Int("seeds", 0, "random cases of TestRandom; 0: 20,000, with the race detector 2,000")
	firstSeed = flag.Uint64("seed", 1, "first seed of TestRandom")
)

var defaultSeeds = 20_000

// judge runs a case through the naive matcher and through the real operators in
// one of the variants, which the seed picks. It returns the difference, or
// why there was nothing to compare.
func judge(c *Case, seed uint64) (difference, skipped string) {
	want, err := Reference{reference.Options{Steps: 30_000}}.Run(c)
	if errors.Is(err, reference.ErrBudget) {
		return "", "budget"
	}
	if list, refused := diag.As(err); refused {
		return "", "refused: " + list.Items[0].Message
	}
	d := append([]Direct{{}}, variants...)[seed%uint64(len(variants)+1)]
	if d.Restore > 0 {
		d.Restore = 1 + int(seed/7%5)
	}
	got, gotErr := d.Run(c)
	switch {
	case err != nil && gotErr != nil:
		return "", ""
	case err != nil || gotErr != nil:
		return fmt.Sprintf("%+v: error %v, expected error %v", d, gotErr, err), ""
	}
	if difference = Compare(c, want, got); difference != "" {
		difference = fmt.Sprintf("%+v: %s", d, difference)
	}
	return difference, ""
}

func check(t *testing.T, seed uint64) (skipped string) {
	t.Helper()
	c := Generate(seed)
	difference, skipped := judge(c, seed)
	if difference != "" {
		small := Minimise(c, func(c *Case) bool { d, _ := judge(c, seed); return d != "" })
		difference, _ = judge(small, seed)
		t.Errorf("%s\n%s\nagain: go test ./internal/conformance -run TestRandom -seeds 1 -seed %d", difference, small.YAML(), seed)
	}
	return skipped
}

// TestRandom compares the matcher with the naive one on random cases.
func TestRandom(t *testing.T) {
	n := *seeds
	if n == 0 {
		n = defaultSeeds
	}
	if testing.Short() {
		n /= 20
	}
	defer debug.SetGCPercent(debug.SetGCPercent(800))
	var mu sync.Mutex
	skips := map[string]int{}
	var group sync.WaitGroup
	for lane := range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for i := lane; i < n && !t.Failed(); i += runtime.GOMAXPROCS(0) {
				why := check(t, *firstSeed+uint64(i))
				mu.Lock()
				skips[why]++
				mu.Unlock()
			}
		})
	}
	group.Wait()
	t.Logf("%d compared", skips[""])
	for _, why := range sortedKeys(skips) {
		if why != "" {
			t.Logf("%5d not compared: %s", skips[why], why)
		}
	}
	if skips[""] < n*3/4 && !t.Failed() {
		t.Errorf("only %d of %d cases were compared", skips[""], n)
	}
}

// FuzzMatch is TestRandom with seeds chosen by the fuzzer.
func FuzzMatch(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { check(t, seed) })
}
