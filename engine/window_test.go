package engine_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	gocmp "github.com/google/go-cmp/cmp"

	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/clock"
)

// windowCase is a random query over windows, and its input.
type windowCase struct {
	window refWindow
	aggs   []refAgg
	delay  int
	parts  [][]refRow
}

func randomWindowCase(rng *rand.Rand, partitions, n, disorder, delay int) *windowCase {
	c := &windowCase{window: randomWindow(rng), delay: delay}
	for range 1 + rng.IntN(4) {
		c.aggs = append(c.aggs, refAggs[rng.IntN(len(refAggs))])
	}
	for range partitions {
		c.parts = append(c.parts, randomRows(rng, n, disorder))
	}
	return c
}

func (c *windowCase) sql() string {
	columns := []string{"k BIGINT", "s TIMESTAMP(3)", "e TIMESTAMP(3)"}
	list := []string{"k", "window_start", "window_end"}
	for i := range c.aggs {
		columns = append(columns, fmt.Sprintf("a%d %s", i, c.aggs[i].typ))
		list = append(list, c.aggs[i].sql)
	}
	return fmt.Sprintf(refTable, c.delay, strings.Join(columns, ", ")) +
		fmt.Sprintf("INSERT INTO o SELECT %s FROM %s GROUP BY window_start, window_end, k;", strings.Join(list, ", "), c.window.from())
}

func (c *windowCase) input() [][]string {
	in := make([][]string, len(c.parts))
	for p, rows := range c.parts {
		for i := range rows {
			in[p] = append(in[p], rows[i].json())
		}
	}
	return in
}

// want is the results by brute force: all rows in the order of time, ties by
// partition and offset.
func (c *windowCase) want() []string {
	var all []refRow
	for _, rows := range c.parts {
		all = append(all, rows...)
	}
	slices.SortStableFunc(all, func(a, b refRow) int { return int(a.ts - b.ts) })
	return c.window.results(all, c.aggs)
}

// TestWindowsAgree runs random queries over input within the watermark's delay,
// with polls of several sizes.
func TestWindowsAgree(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 7))
		c := randomWindowCase(rng, 1+rng.IntN(3), 1+rng.IntN(120), 5, 5)
		want := c.want()
		for _, poll := range []int{0, 1, 3, 50} {
			w := enginetest.NewWorld()
			w.Poll = poll
			w.Input("t", c.input()...)
			if diff := gocmp.Diff(want, enginetest.Sorted(w.Run(t, c.sql()))); diff != "" {
				t.Fatalf("seed %d, polls of %d: %s\n%s", seed, poll, c.sql(), diff)
			}
		}
	}
}

// TestWindowsAndLateRows has rows behind the watermark: those whose first window
// has been reported do not count, the others do, as the last of their pane by
// then.
func TestWindowsAndLateRows(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 8))
		c := randomWindowCase(rng, 1, 1+rng.IntN(150), 20, 2)
		want := c.window.results(c.onTime(), c.aggs)
		for _, poll := range []int{0, 1, 3, 50} {
			w := enginetest.NewWorld()
			w.Poll = poll
			w.Input("t", c.input()...)
			if diff := gocmp.Diff(want, enginetest.Sorted(w.Run(t, c.sql()))); diff != "" {
				t.Fatalf("seed %d, polls of %d: %s\n%s", seed, poll, c.sql(), diff)
			}
		}
	}
}

// onTime is the rows of the one partition that count, in the order in which
// they do.
func (c *windowCase) onTime() []refRow {
	type placed struct {
		refRow
		at int64
	}
	var list []placed
	mark := int64(-1 << 62)
	for _, r := range c.parts[0] {
		if c.window.due(r.ts) > mark {
			list = append(list, placed{r, max(r.ts, mark)})
		}
		mark = max(mark, r.ts-int64(c.delay)*1e6-1)
	}
	slices.SortStableFunc(list, func(a, b placed) int {
		return cmp.Or(cmp.Compare(c.window.pane(a.ts), c.window.pane(b.ts)), cmp.Compare(a.at, b.at))
	})
	rows := make([]refRow, len(list))
	for i := range list {
		rows[i] = list[i].refRow
	}
	return rows
}

// TestWindowsSurviveCrashes compares lives that end at random with one that does
// not: the same rows with the same identities.
func TestWindowsSurviveCrashes(t *testing.T) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 9))
		c := randomWindowCase(rng, 1+rng.IntN(3), 80, 5, 5)
		compareCrashes(t, rng, c.sql(), "t", "o", c.input(), fmt.Sprintf("seed %d", seed))
	}
}

// compareCrashes runs a query without and with crashes.
func compareCrashes(t *testing.T, rng *rand.Rand, sql, from, to string, input [][]string, name string) {
	run := func(rounds func() int) map[enginetest.Row]int {
		w := enginetest.NewWorld()
		w.Poll = 1 + rng.IntN(4)
		w.Input(from, input...)
		c := &crashRun{t: t, rng: rng, sql: sql, w: w, fs: vfs.NewCrashableMem(), time: &clock.Manual{}}
		for !c.life(rounds()) {
			c.w.Poll = 1 + rng.IntN(4)
		}
		rows := map[enginetest.Row]int{}
		for _, r := range w.Output(to).Rows() {
			rows[r]++
		}
		return rows
	}
	want := run(func() int { return 1 << 20 })
	got := run(func() int { return 1 + rng.IntN(40) })
	for r := range want {
		if got[r] == 0 {
			t.Errorf("%s: lost: %v", name, r)
		}
	}
	for r := range got {
		if want[r] == 0 {
			t.Errorf("%s: not in the run without crashes: %v", name, r)
		}
	}
	if t.Failed() {
		t.Fatal(sql)
	}
}
