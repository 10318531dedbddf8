package build_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/state"
	"github.com/cepd/cepd/state/memstore"
)

// coldQueries are of the operators whose state can be let go of. Rows come in the
// order of time where the operator asks for it.
var coldQueries = []struct {
	sql     string
	ordered bool
	portion int  // groups reported at a time
	stays   bool // in memory: only the portions are tested
	told    bool // the query has a budget of its own
}{
	{sql: `SELECT k, window_end, COUNT(*) AS n, SUM(v) AS s, COUNT(DISTINCT v) AS d, LAST_VALUE(v) AS l FROM TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND) GROUP BY window_start, window_end, k;`},
	{sql: `SELECT k, v, window_end, COUNT(*) AS n, LISTAGG(k) AS l FROM TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '30' SECOND) GROUP BY window_start, window_end, GROUPING SETS ((k), (v, k), (k));`, portion: 7},
	{sql: `SELECT k, window_end, COUNT(*) AS n, SUM(v) AS s, MAX(v) AS m FROM HOP(TABLE t, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '20' SECOND) GROUP BY window_start, window_end, k;`, portion: 5, stays: true},
	{sql: `SELECT k, window_end, COUNT(*) AS n, SUM(v) AS s FROM CUMULATE(TABLE t, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '20' SECOND) GROUP BY window_start, window_end, k;`, portion: 4, stays: true},
	{sql: `SELECT k, window_end, COUNT(*) AS n, SUM(v) AS s, MAX(v) AS m, LAST_VALUE(v) AS l FROM HOP(TABLE t, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '20' SECOND) GROUP BY window_start, window_end, k;`, portion: 5, told: true},
	{sql: `SELECT k, window_end, COUNT(DISTINCT v) AS n, MIN(v) AS m FROM CUMULATE(TABLE t, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '20' SECOND) GROUP BY window_start, window_end, k;`, portion: 4, told: true},
	{sql: `SELECT k, window_start, window_end, COUNT(*) AS n, SUM(v) AS s, LISTAGG(CAST(v AS STRING)) AS l FROM SESSION(TABLE t PARTITION BY k, DESCRIPTOR(ts), INTERVAL '6' SECOND) GROUP BY window_start, window_end, k;`, portion: 2},
	{sql: `SELECT k, v, ts, COUNT(*) OVER (PARTITION BY k ORDER BY ts RANGE BETWEEN INTERVAL '20' SECOND PRECEDING AND CURRENT ROW) AS n, MAX(v) OVER (PARTITION BY k ORDER BY ts ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS m FROM t;`, ordered: true},
	{sql: `SELECT k, v, ts, SUM(v) OVER (PARTITION BY k ORDER BY ts RANGE BETWEEN INTERVAL '9' SECOND PRECEDING AND CURRENT ROW) AS s FROM t;`, ordered: true},
	{sql: `SELECT k, v, ts, SUM(v) OVER (PARTITION BY k ORDER BY ts RANGE UNBOUNDED PRECEDING) AS s FROM t;`, ordered: true},
}

// TestColdState runs random rows with keys let go of at random, the writes of
// snapshots late, results a few at a time, and crashes, and compares with a run
// that holds all.
func TestColdState(t *testing.T) {
	defer func() { portion, spill = 0, false }()
	seeds := uint64(15)
	if testing.Short() {
		seeds = 5
	}
	for _, q := range coldQueries {
		spilled, loaded := int64(0), int64(0)
		for seed := range seeds {
			rng := rand.New(rand.NewPCG(seed, 17))
			rows := randomRows(rng)
			if q.ordered {
				inOrder(rows)
			}
			portion, spill = 0, false
			whole := newStage(t, q.sql)
			for i := range rows {
				whole.take(t, rows[i])
			}
			must(t, whole.op.Advance(&whole.ctx, event.MaxTime, whole))
			portion, spill = q.portion, q.told
			c := &coldRun{t: t, sql: q.sql, store: memstore.New()}
			got := c.run(rng, rows)
			if q.told { // then a window's groups come in another order
				slices.Sort(got)
				slices.Sort(whole.rows)
			}
			if !slices.Equal(got, whole.rows) {
				t.Fatalf("seed %d of %s:\n%s\nand with all in memory\n%s", seed, q.sql, strings.Join(got, ""), strings.Join(whole.rows, ""))
			}
			spilled, loaded = spilled+c.size.Spilled, loaded+c.size.Loaded
		}
		if !q.stays && (spilled < 50*int64(seeds) || loaded < 25*int64(seeds)) {
			t.Errorf("%s: only %d groups were let go of, and %d read", q.sql, spilled, loaded)
		}
	}
}

// inOrder sorts rows by time, none before those of an earlier step.
func inOrder(steps [][]sampleRow) {
	least := int64(0)
	for _, rows := range steps {
		for i := range rows {
			rows[i].at = max(rows[i].at, least)
		}
		slices.SortStableFunc(rows, func(a, b sampleRow) int { return int(a.at - b.at) })
		least = rows[len(rows)-1].at
	}
}

// randomRows are steps: rows of some keys, and how far the time is then.
func randomRows(rng *rand.Rand) [][]sampleRow {
	at := int64(10)
	steps := make([][]sampleRow, 60)
	for i := range steps {
		for range 1 + rng.IntN(12) {
			if rng.IntN(8) == 0 {
				at += rng.Int64N(6)
			}
			steps[i] = append(steps[i], sampleRow{fmt.Sprint("key ", rng.IntN(30)), rng.Int64N(4), at + rng.Int64N(15)})
		}
		steps[i][len(steps[i])-1].at = at // the time up to which all is there
	}
	return steps
}

// take is one step.
func (s *stage) take(t *testing.T, rows []sampleRow) {
	next := collect(func(b *event.Batch) error { return s.op.Process(&s.ctx, b, s) })
	for _, op := range s.project[1:] {
		last := next
		next = func(b *event.Batch) error { return op.Process(&s.ctx, b, last) }
	}
	b := event.NewBatch(s.read)
	b.Reset(len(rows))
	for i, row := range rows {
		values := map[string]event.Value{"k": event.StringValue(row.k), "v": event.IntValue(row.v), "ts": event.IntValue(row.at * 1e6)}
		for c, f := range s.read.Fields {
			b.Cols[c].Set(i, len(rows), values[f.Name])
		}
		b.Time[i], b.ID[i] = row.at*1e6, event.ID{Lo: uint64(row.at)}
	}
	must(t, s.project[0].Process(&s.ctx, b, next))
	s.wm = rows[len(rows)-1].at * 1e6
	must(t, s.op.Advance(&s.ctx, s.wm, s))
}

// coldRun is one run.
type coldRun struct {
	t     *testing.T
	sql   string
	store *memstore.Store
	s     *stage
	size  operators.Size // of counts, in all lives
	write state.Batch    // of a snapshot that is not in the store
	next  coldPoint      // of that snapshot
	saved coldPoint      // … of the one that is
}

type coldPoint struct {
	step, rows int
	wm         event.Time
}

func (c *coldRun) run(rng *rand.Rand, steps [][]sampleRow) []string {
	c.open(nil)
	for i := 0; i < len(steps) || c.unfinished(); {
		switch {
		case c.unfinished():
			must(c.t, c.s.op.Advance(&c.s.ctx, c.s.wm, c.s))
		default:
			c.s.take(c.t, steps[i])
			if i++; i == len(steps) {
				c.s.wm = event.MaxTime
				must(c.t, c.s.op.Advance(&c.s.ctx, event.MaxTime, c.s))
			}
		}
		if c.between(rng, i) {
			i = c.saved.step
		}
	}
	c.note()
	return c.s.rows
}

func (c *coldRun) unfinished() bool {
	op, ok := c.s.op.(operators.Lasting)
	return ok && op.Unfinished()
}

// between does what the engine may do between two steps; true: it crashes.
func (c *coldRun) between(rng *rand.Rand, i int) bool {
	if c.write == nil && rng.IntN(3) > 0 {
		c.write, c.next = c.store.NewBatch(), coldPoint{i, len(c.s.rows), c.s.wm}
		must(c.t, c.s.op.Snapshot(c.write))
	}
	if c.write != nil && rng.IntN(3) > 0 {
		must(c.t, c.write.Commit(true))
		c.write, c.saved = nil, c.next
	}
	if c.write == nil {
		c.s.op.(operators.Spiller).Spill([]int64{0, 3000, 1 << 20}[rng.IntN(3)])
	}
	if rng.IntN(15) > 0 {
		return false
	}
	c.note()
	c.write = nil
	c.open(c.s.rows[:c.saved.rows])
	return true
}

func (c *coldRun) open(rows []string) {
	c.s = newStage(c.t, c.sql)
	c.s.rows, c.s.wm = rows, c.saved.wm
	must(c.t, c.s.op.Restore(c.store))
}

func (c *coldRun) note() {
	s := c.s.op.Size()
	c.size.Spilled += s.Spilled
	c.size.Loaded += s.Loaded
}
