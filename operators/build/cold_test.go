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

// TestColdWindows runs random rows with groups let go of at random, the writes of
// snapshots late, and crashes, and compares with a run that holds all groups.
func TestColdWindows(t *testing.T) {
	for _, sql := range []string{
		`SELECT k, window_end, COUNT(*) AS n, SUM(v) AS s, COUNT(DISTINCT v) AS d, LAST_VALUE(v) AS l FROM TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND) GROUP BY window_start, window_end, k;`,
		`SELECT k, v, window_end, COUNT(*) AS n, LISTAGG(k) AS l FROM TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '30' SECOND) GROUP BY window_start, window_end, GROUPING SETS ((k), (v, k), (k));`,
	} {
		spilled, loaded := int64(0), int64(0)
		for seed := range uint64(40) {
			rng := rand.New(rand.NewPCG(seed, 17))
			rows := randomRows(rng)
			whole := newStage(t, sql)
			for i := range rows {
				whole.take(t, rows[i])
			}
			must(t, whole.op.Advance(&whole.ctx, event.MaxTime, whole))
			c := &coldWindow{t: t, sql: sql, store: memstore.New()}
			got := c.run(rng, rows)
			if !slices.Equal(got, whole.rows) {
				t.Fatalf("seed %d of %s:\n%s\nand with all in memory\n%s", seed, sql, strings.Join(got, ""), strings.Join(whole.rows, ""))
			}
			spilled, loaded = spilled+c.size.Spilled, loaded+c.size.Loaded
		}
		if spilled < 4000 || loaded < 2000 {
			t.Errorf("the test has only %d groups let go of, and %d read", spilled, loaded)
		}
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
	must(t, s.op.Advance(&s.ctx, rows[len(rows)-1].at*1e6, s))
}

// coldWindow is one run.
type coldWindow struct {
	t     *testing.T
	sql   string
	store *memstore.Store
	s     *stage
	size  operators.Size // of counts, in all lives
	write state.Batch    // of a snapshot that is not in the store
	next  [2]int         // step and rows at that snapshot
	saved [2]int         // … at the one that is
}

func (c *coldWindow) run(rng *rand.Rand, steps [][]sampleRow) []string {
	c.open(nil)
	for i := 0; i < len(steps); {
		c.s.take(c.t, steps[i])
		i++
		if c.write == nil && rng.IntN(3) > 0 {
			c.write, c.next = c.store.NewBatch(), [2]int{i, len(c.s.rows)}
			must(c.t, c.s.op.Snapshot(c.write))
		}
		if c.write != nil && rng.IntN(3) > 0 {
			must(c.t, c.write.Commit(true))
			c.write, c.saved = nil, c.next
		}
		if c.write == nil {
			c.s.op.(operators.Spiller).Spill([]int64{0, 3000, 1 << 20}[rng.IntN(3)])
		}
		if rng.IntN(15) == 0 {
			c.note()
			i, c.write = c.saved[0], nil
			c.open(c.s.rows[:c.saved[1]])
		}
	}
	must(c.t, c.s.op.Advance(&c.s.ctx, event.MaxTime, c.s))
	c.note()
	return c.s.rows
}

func (c *coldWindow) open(rows []string) {
	c.s = newStage(c.t, c.sql)
	c.s.rows = rows
	must(c.t, c.s.op.Restore(c.store))
}

func (c *coldWindow) note() {
	s := c.s.op.Size()
	c.size.Spilled += s.Spilled
	c.size.Loaded += s.Loaded
}
