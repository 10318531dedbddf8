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
	"github.com/cepd/cepd/operators/pattern"
	"github.com/cepd/cepd/query/plan"
)

var (
	seeds     = flag.Int("seeds", 0, "random cases of TestRandom; 0: 20,000, with the race detector 1,000")
	firstSeed = flag.Uint64("seed", 1, "first seed of TestRandom")
)

var defaultSeeds = whole(20_000, 1_000)

// verdict is how one case went.
type verdict struct {
	difference string // empty: none
	skipped    string // why there was nothing to compare
	matches    bool   // the result has rows
}

// judge runs a case through the naive matcher and through the real operators in
// one of the variants, which the seed picks.
func judge(c *Case, seed uint64) verdict {
	want, err := Reference{reference.Options{Steps: 6_000, ContinueOnError: c.Lenient}}.Run(c)
	if errors.Is(err, reference.ErrBudget) {
		return verdict{skipped: "budget"}
	}
	if list, refused := diag.As(err); refused {
		return verdict{skipped: "refused: " + list.Items[0].Message}
	}
	d := append([]Direct{{}}, variants...)[seed%uint64(len(variants)+1)]
	if d.Restore > 0 {
		d.Restore = 1 + int(seed/7%5)
	}
	got, gotErr := d.Run(c)
	if limit := (*pattern.LimitError)(nil); errors.As(gotErr, &limit) {
		return verdict{skipped: "limit"}
	}
	switch {
	case err != nil && gotErr != nil:
		return verdict{}
	case err != nil || gotErr != nil:
		return verdict{difference: fmt.Sprintf("%+v: error %v, expected error %v", d, gotErr, err)}
	}
	v := verdict{matches: len(want.Rows) > 0}
	if v.difference = c.differs(want, got); v.difference != "" {
		v.difference = fmt.Sprintf("%+v: %s", d, v.difference)
	}
	return v
}

// differs compares results. Where every match counts, those that complete
// together come in no order that the naive matcher knows.
func (c *Case) differs(want, got *Result) string {
	if !c.edges() {
		return Compare(c, want, got)
	}
	if equalRows(want.Rows, got.Rows, false) {
		return ""
	}
	return fmt.Sprintf("expected\n%s    got\n%s", show(want.Rows), show(got.Rows))
}

// edges says whether the case's pattern has edges.
func (c *Case) edges() bool {
	for n := plan.Node(c.compiled.root); len(n.Inputs()) > 0; n = n.Inputs()[0] {
		if m, ok := n.(*plan.Match); ok {
			return m.Edges
		}
	}
	return false
}

func check(t *testing.T, c *Case, seed uint64) verdict {
	t.Helper()
	v := judge(c, seed)
	if v.difference != "" {
		small := Minimise(c, func(c *Case) bool { return judge(c, seed).difference != "" })
		t.Errorf("%s\n%s\nagain: go test ./internal/conformance -run TestRandom -seeds 1 -seed %d", judge(small, seed).difference, small.Text(), seed)
	}
	return v
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
	lanes := make([]tally, runtime.GOMAXPROCS(0))
	var group sync.WaitGroup
	for lane := range lanes {
		group.Go(func() { lanes[lane].run(t, *firstSeed, n, lane, len(lanes)) })
	}
	group.Wait()
	all := tally{}
	for i := range lanes {
		all.add(&lanes[i])
	}
	all.report(t, n)
}

// tally counts how cases went, of the standard's patterns and of those with
// edges.
type tally struct {
	compared, matches [2]int
	skipped           map[string]int
	failures          int
}

// run judges every lanes-th block of seeds that share a query.
func (y *tally) run(t *testing.T, first uint64, n, lane, lanes int) {
	y.skipped = map[string]int{}
	last := &Case{}
	for i := range n {
		seed := first + uint64(i)
		if int(seed/inputsPerQuery)%lanes != lane {
			continue
		}
		c := Generate(seed)
		if c.Query == last.Query {
			c.compiled = last.compiled
		}
		last = c
		if y.count(c, check(t, c, seed)); y.failures == maxFailures {
			return
		}
	}
}

// maxFailures is where a lane gives up.
const maxFailures = 5

func (y *tally) count(c *Case, v verdict) {
	if v.difference != "" {
		y.failures++
	}
	if v.skipped != "" {
		y.skipped[v.skipped]++
		return
	}
	kind := 0
	if c.edges() {
		kind = 1
	}
	y.compared[kind]++
	if v.matches {
		y.matches[kind]++
	}
}

func (y *tally) add(o *tally) {
	if y.skipped == nil {
		y.skipped = map[string]int{}
	}
	for i := range o.compared {
		y.compared[i] += o.compared[i]
		y.matches[i] += o.matches[i]
	}
	for why, n := range o.skipped {
		y.skipped[why] += n
	}
}

func (y *tally) report(t *testing.T, n int) {
	for i, kind := range []string{"without", "with"} {
		t.Logf("%d cases %s edges compared, %d of them with results", y.compared[i], kind, y.matches[i])
	}
	for _, why := range sortedKeys(y.skipped) {
		t.Logf("%5d not compared: %s", y.skipped[why], why)
	}
	if y.compared[0]+y.compared[1] < n*3/4 && !t.Failed() {
		t.Errorf("only %d of %d cases were compared", y.compared[0]+y.compared[1], n)
	}
}

// FuzzMatch is TestRandom with seeds chosen by the fuzzer.
func FuzzMatch(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { check(t, Generate(seed), seed) })
}
