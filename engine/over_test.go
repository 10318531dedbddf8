package engine_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/function"
)

// refFrame is a frame of OVER; n is seconds or rows, -1 without bound.
type refFrame struct {
	rows bool
	n    int64
}

func (f refFrame) sql() string {
	switch {
	case f.rows && f.n < 0:
		return "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
	case f.rows:
		return fmt.Sprintf("ROWS BETWEEN %d PRECEDING AND CURRENT ROW", f.n)
	case f.n < 0:
		return "RANGE UNBOUNDED PRECEDING"
	}
	return fmt.Sprintf("RANGE BETWEEN INTERVAL '%d' SECOND PRECEDING AND CURRENT ROW", f.n)
}

// of is the rows that row i of a key sees: list is in order.
func (f refFrame) of(list []refRow, i int) []refRow {
	from, to := 0, i+1
	if !f.rows {
		for to < len(list) && list[to].ts == list[i].ts {
			to++
		}
	}
	switch {
	case f.n < 0:
	case f.rows:
		from = max(0, i-int(f.n))
	default:
		for list[from].ts < list[i].ts-f.n*1e6 {
			from++
		}
	}
	return list[from:to]
}

// overCase is a random query with OVER, and its input.
type overCase struct {
	windowCase
	frames []refFrame
	ttl    int64 // s
}

func randomOverCase(rng *rand.Rand, partitions, n int) *overCase {
	c := &overCase{windowCase: *randomWindowCase(rng, partitions, n, 5, 5)}
	for range c.aggs {
		f := refFrame{rng.IntN(3) == 0, int64(rng.IntN(12))}
		if !f.rows {
			f.n = int64(1 + rng.IntN(30))
		}
		if rng.IntN(6) == 0 {
			f.n = -1
		}
		c.frames = append(c.frames, f)
	}
	c.ttl = 100_000
	if rng.IntN(2) == 0 {
		c.ttl = int64(1 + rng.IntN(40))
	}
	return c
}

// forgets is after how many µs without a row a key's rows are not seen.
func (c *overCase) forgets() int64 {
	ttl := c.ttl * 1e6
	for _, f := range c.frames {
		if !f.rows && f.n >= 0 {
			ttl = max(ttl, f.n*1e6+1)
		}
	}
	return ttl
}

func (c *overCase) sql() string {
	columns := []string{"k BIGINT", "ts TIMESTAMP(3)"}
	list := []string{"k", "ts"}
	for i := range c.aggs {
		columns = append(columns, fmt.Sprintf("a%d %s", i, c.aggs[i].typ))
		list = append(list, fmt.Sprintf("%s OVER (PARTITION BY k ORDER BY ts %s)", c.aggs[i].sql, c.frames[i].sql()))
	}
	return fmt.Sprintf("SET 'state.ttl' = '%d s';\n", c.ttl) + fmt.Sprintf(refTable, c.delay, strings.Join(columns, ", ")) + fmt.Sprintf("INSERT INTO o SELECT %s FROM t;", strings.Join(list, ", "))
}

func (c *overCase) want() []string {
	byKey := map[string][]refRow{}
	for _, rows := range c.parts {
		for _, r := range rows {
			key := show(event.TInt64, intOrNull(r.k))
			byKey[key] = append(byKey[key], r)
		}
	}
	var out []string
	for key, list := range byKey {
		slices.SortStableFunc(list, func(a, b refRow) int { return int(a.ts - b.ts) })
		start := 0
		for i := range list {
			if i > 0 && list[i].ts-list[i-1].ts >= c.forgets() {
				start = i
			}
			parts := []string{key, show(event.TTimestamp, event.IntValue(list[i].ts))}
			for a := range c.aggs {
				parts = append(parts, c.aggs[a].value(c.frames[a].of(list[start:], i-start)))
			}
			out = append(out, strings.Join(parts, " | "))
		}
	}
	slices.Sort(out)
	return out
}

// TestOverAgrees runs random queries with polls of several sizes.
func TestOverAgrees(t *testing.T) {
	for seed := range cases(60, 10) {
		rng := rand.New(rand.NewPCG(seed, 17))
		c := randomOverCase(rng, 1+rng.IntN(3), 1+rng.IntN(120))
		want := c.want()
		for _, poll := range []int{0, 1, 3, 50} {
			w := enginetest.NewWorld()
			w.Poll = poll
			w.Input("t", c.input()...)
			if diff := cmp.Diff(want, enginetest.Sorted(w.Run(t, c.sql()))); diff != "" {
				t.Fatalf("seed %d, polls of %d: %s\n%s", seed, poll, c.sql(), diff)
			}
		}
	}
}

// TestOverSurvivesCrashes compares lives that end at random with one that does
// not.
func TestOverSurvivesCrashes(t *testing.T) {
	for seed := range cases(40, 6) {
		rng := rand.New(rand.NewPCG(seed, 19))
		c := randomOverCase(rng, 1+rng.IntN(3), 80)
		compareCrashes(t, rng, c.sql(), "t", "o", c.input(), fmt.Sprintf("seed %d", seed))
	}
}

// TestOverOfManyPeers has more rows of one time than a batch holds.
func TestOverOfManyPeers(t *testing.T) {
	const n = 10_000
	records := make([]string, n)
	for i := range records {
		records[i] = fmt.Sprintf(`{"k":%d,"v":1,"ts":"2026-01-01 00:00:00"}`, i%3)
	}
	w := enginetest.NewWorld()
	w.Input("t", records)
	got := w.Run(t, "SET 'state.ttl' = '1 h';"+fmt.Sprintf(refTable, 0, "k BIGINT, n BIGINT, total INT, last BIGINT")+
		`INSERT INTO o SELECT k, COUNT(*) OVER w, SUM(v) OVER w, COUNT(*) OVER (PARTITION BY k ORDER BY ts ROWS BETWEEN 4 PRECEDING AND CURRENT ROW)
		FROM t WINDOW w AS (PARTITION BY k ORDER BY ts RANGE BETWEEN INTERVAL '1' MINUTE PRECEDING AND CURRENT ROW);`)
	counts := map[string]int{}
	for _, row := range got {
		counts[row]++
	}
	want := map[string]int{}
	for k, size := range []int{3334, 3333, 3333} {
		for last := 1; last <= 4; last++ {
			want[fmt.Sprintf("%d | %d | %d | %d", k, size, size, last)] = 1
		}
		want[fmt.Sprintf("%d | %d | %d | 5", k, size, size)] = size - 4
	}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Error(diff)
	}
}

// TestTopNAgrees numbers the rows of windows by another column, limited or not.
func TestTopNAgrees(t *testing.T) {
	for seed := range cases(40, 6) {
		rng := rand.New(rand.NewPCG(seed, 23))
		c := randomWindowCase(rng, 1+rng.IntN(3), 1+rng.IntN(120), 5, 5)
		c.window = refWindow{kind: "TUMBLE", size: int64(2 + rng.IntN(20))}
		limit := rng.IntN(4)
		sql := topNQuery(c, limit)
		for _, poll := range []int{0, 1, 50} {
			w := enginetest.NewWorld()
			w.Poll = poll
			w.Input("t", c.input()...)
			if diff := cmp.Diff(c.topN(limit), enginetest.Sorted(w.Run(t, sql))); diff != "" {
				t.Fatalf("seed %d, polls of %d: %s\n%s", seed, poll, sql, diff)
			}
		}
		compareCrashes(t, rng, sql, "t", "o", c.input(), fmt.Sprintf("seed %d", seed))
	}
}

func topNQuery(c *windowCase, limit int) string {
	where := ""
	if limit > 0 {
		where = fmt.Sprintf(" WHERE rn <= %d", limit)
	}
	return fmt.Sprintf(refTable, c.delay, "k BIGINT, e TIMESTAMP(3), v INT, s STRING, rn BIGINT") +
		`INSERT INTO o SELECT k, window_end, v, s, rn FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, k ORDER BY v DESC, s) AS rn FROM ` +
		c.window.from() + ")" + where + ";"
}

// topN sorts the rows of each window and key; NULL is the least.
func (c *windowCase) topN(limit int) []string {
	groups := map[string][]refRow{}
	for _, rows := range c.parts {
		for _, r := range rows {
			key := show(event.TInt64, intOrNull(r.k)) + " | " + show(event.TTimestamp, event.IntValue(c.window.of(r.ts)[0].end))
			groups[key] = append(groups[key], r)
		}
	}
	var out []string
	for key, list := range groups {
		slices.SortStableFunc(list, func(a, b refRow) int { return int(a.ts - b.ts) })
		slices.SortStableFunc(list, func(a, b refRow) int {
			if c := -function.Compare(event.TInt32, intOrNull(a.v), intOrNull(b.v)); c != 0 {
				return c
			}
			return strings.Compare(a.s, b.s)
		})
		for i, r := range list {
			if limit == 0 || i < limit {
				out = append(out, fmt.Sprintf("%s | %s | '%s' | %d", key, show(event.TInt32, intOrNull(r.v)), r.s, i+1))
			}
		}
	}
	slices.Sort(out)
	return out
}
