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
	"github.com/cepd/cepd/internal/event"
)

// windowCase is a random query over windows, and its input.
type windowCase struct {
	window refWindow
	phases string // ONE_PHASE or TWO_PHASE
	aggs   []refAgg
	delay  int
	parts  [][]refRow
}

func randomWindowCase(rng *rand.Rand, partitions, n, disorder, delay int) *windowCase {
	c := &windowCase{window: randomWindow(rng), delay: delay, phases: []string{"ONE_PHASE", "TWO_PHASE"}[rng.IntN(2)]}
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
	return "SET 'table.optimizer.agg-phase-strategy' = '" + c.phases + "';\n" + fmt.Sprintf(refTable, c.delay, strings.Join(columns, ", ")) +
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
	for seed := range cases(50, 8) {
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
	for seed := range cases(50, 8) {
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
	for seed := range cases(30, 6) {
		rng := rand.New(rand.NewPCG(seed, 9))
		c := randomWindowCase(rng, 1+rng.IntN(3), 80, 5, 5)
		compareCrashes(t, rng, c.sql(), "t", "o", c.input(), fmt.Sprintf("seed %d", seed))
	}
}

// compareCrashes runs a query without and with crashes.
func compareCrashes(t *testing.T, rng *rand.Rand, sql, from, to string, input [][]string, name string) {
	compareCrashesOf(t, rng, sql, to, func(w *enginetest.World) { w.Input(from, input...) }, name)
}

// compareCrashesOf does so over several inputs.
func compareCrashesOf(t *testing.T, rng *rand.Rand, sql, to string, inputs func(*enginetest.World), name string) {
	run := func(rounds func() int) map[enginetest.Row]int {
		w := enginetest.NewWorld()
		w.Poll = 1 + rng.IntN(4)
		inputs(w)
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

// TestWindowsOfWindows groups the results of windows by windows of their time:
// none may come too late for that.
func TestWindowsOfWindows(t *testing.T) {
	for seed := range cases(40, 6) {
		rng := rand.New(rand.NewPCG(seed, 11))
		c := randomWindowCase(rng, 1+rng.IntN(3), 1+rng.IntN(100), 5, 5)
		outer := int64(1 + rng.IntN(15))
		sql := fmt.Sprintf(refTable, c.delay, "s TIMESTAMP(3), results BIGINT, row_count BIGINT") + fmt.Sprintf(
			`INSERT INTO o SELECT window_start, COUNT(*), SUM(n)
			FROM TUMBLE((SELECT k, window_time AS wt, COUNT(*) AS n FROM %s GROUP BY window_start, window_end, k), DESCRIPTOR(wt), INTERVAL '%d' SECOND)
			GROUP BY window_start, window_end;`, c.window.from(), outer)
		for _, poll := range []int{0, 1, 20} {
			w := enginetest.NewWorld()
			w.Poll = poll
			w.Input("t", c.input()...)
			if diff := gocmp.Diff(c.outerWant(outer), enginetest.Sorted(w.Run(t, sql))); diff != "" {
				t.Fatalf("seed %d, polls of %d: %s\n%s", seed, poll, sql, diff)
			}
		}
		compareCrashes(t, rng, sql, "t", "o", c.input(), fmt.Sprintf("seed %d", seed))
	}
}

func (c *windowCase) outerWant(size int64) []string {
	var all []refRow
	for _, rows := range c.parts {
		all = append(all, rows...)
	}
	type group struct {
		key  string
		span span
	}
	inner := map[group]int64{}
	c.window.assign(all, func(r refRow, s span) { inner[group{show(event.TInt64, intOrNull(r.k)), s}]++ })
	results, rows := map[int64]int64{}, map[int64]int64{}
	outer := refWindow{kind: "TUMBLE", size: size}
	for g, n := range inner {
		start := outer.of(g.span.end - 1000)[0].start
		results[start]++
		rows[start] += n
	}
	var out []string
	for start, n := range results {
		out = append(out, fmt.Sprintf("%s | %d | %d", show(event.TTimestamp, event.IntValue(start)), n, rows[start]))
	}
	slices.Sort(out)
	return out
}

// TestGroupingSetsAgree compares grouping sets with a query per set.
func TestGroupingSetsAgree(t *testing.T) {
	for seed := range cases(30, 6) {
		rng := rand.New(rand.NewPCG(seed, 13))
		c := randomWindowCase(rng, 1+rng.IntN(3), 1+rng.IntN(100), 5, 5)
		for c.window.kind == "SESSION" {
			c.window = randomWindow(rng)
		}
		columns := "k BIGINT, s STRING, g BIGINT, e TIMESTAMP(3), n BIGINT, v INT"
		query := func(k, s, g, by string) []string {
			w := enginetest.NewWorld()
			w.Poll = 1 + rng.IntN(50)
			w.Input("t", c.input()...)
			return w.Run(t, fmt.Sprintf(refTable, c.delay, columns)+fmt.Sprintf(
				"INSERT INTO o SELECT %s, %s, %s, window_end, COUNT(*), SUM(v) FROM %s GROUP BY window_start, window_end%s;", k, s, g, c.window.from(), by))
		}
		null, nullS := "CAST(NULL AS BIGINT)", "CAST(NULL AS STRING)"
		both, k, s, all := query("k", "s", "0", ", k, s"), query("k", nullS, "1", ", k"), query(null, "s", "2", ", s"), query(null, nullS, "3", "")
		for by, want := range map[string][][]string{
			"CUBE (k, s)":                      {both, k, s, all},
			"ROLLUP (k, s)":                    {both, k, all},
			"GROUPING SETS ((k, s), (s))":      {both, s},
			"GROUPING SETS ((k), (s), ())":     {k, s, all},
			"k, GROUPING SETS ((s), ())":       {both, k},
			"GROUPING SETS ((s, k), (k)), k":   {both, k},
			"ROLLUP (s), GROUPING SETS ((k))":  {both, k},
			"CUBE ((k, s))":                    {both, all},
			"GROUPING SETS ((k, s), (k), (s))": {both, k, s},
		} {
			got := query("k", "s", "GROUPING_ID(k, s)", ", "+by)
			if diff := gocmp.Diff(enginetest.Sorted(slices.Concat(want...)), enginetest.Sorted(got)); diff != "" {
				t.Fatalf("seed %d, %s of %s: %s", seed, by, c.window.from(), diff)
			}
		}
	}
}

// TestWindowsLeaveNothing checks that reported windows hold no state.
func TestWindowsLeaveNothing(t *testing.T) {
	for seed := range cases(30, 6) {
		rng := rand.New(rand.NewPCG(seed, 14))
		c := randomWindowCase(rng, 1, 100, 5, 0)
		end := refRow{ts: 1e15, s: "end"}
		c.parts[0] = append(c.parts[0], end)
		for _, sql := range []string{c.sql(), (&overCase{windowCase: *c, frames: frames(c.aggs, rng), ttl: 5}).sql()} {
			w := enginetest.NewWorld()
			w.Input("t", c.input()...).Open()
			q, err := enginetest.Compile(sql)
			if err != nil {
				t.Fatal(err)
			}
			p := w.Pipeline(t, q, w.Options(), nil)
			for idle := false; !idle; {
				if idle, err = enginetest.Round(p); err != nil {
					t.Fatal(err)
				}
			}
			for _, s := range p.Status().Operators {
				if s.Keys > 1 || s.Rows > 1 { // of the row at the end
					t.Errorf("seed %d: %d keys, %d rows are left: %s", seed, s.Keys, s.Rows, sql)
				}
			}
		}
	}
}

func frames(aggs []refAgg, rng *rand.Rand) []refFrame {
	list := make([]refFrame, len(aggs))
	for i := range list {
		list[i] = refFrame{rng.IntN(2) == 0, int64(1 + rng.IntN(9))}
	}
	return list
}
