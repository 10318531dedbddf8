package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/state/pebblestore"
)

const probes = payments + `CREATE TABLE alerts (card BIGINT, probes BIGINT, amount DECIMAL(12,2), at TIMESTAMP(3)) WITH ('connector'='test');
INSERT INTO alerts SELECT * FROM payments MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts
 MEASURES COUNT(S.*) AS probes, B.amount AS amount, B.ts AS at
 AFTER MATCH SKIP PAST LAST ROW PATTERN (S{2,} B) WITHIN INTERVAL '1' MINUTE
 DEFINE S AS S.amount < 10, B AS B.amount > 5 * AVG(S.amount) AND B.amount > 50);`

// raced says that the race detector is on.
var raced bool

// cases is how many random cases of all are run: few in a short test, and under the
// race detector, which makes one some ten times dearer. make test runs all of them
// once more without it.
func cases(all, few uint64) uint64 {
	if raced || testing.Short() {
		return few
	}
	return all
}

// randomPayments is n payments in each of some partitions, up to some seconds
// out of order.
func randomPayments(rng *rand.Rand, partitions, n int) [][]string {
	out := make([][]string, partitions)
	for p := range out {
		for i := range n {
			amount := rng.IntN(12)
			if rng.IntN(3) == 0 {
				amount = 100
			}
			second := i + rng.IntN(4)
			out[p] = append(out[p], fmt.Sprintf(`{"card":%d,"amount":%d,"country":"DE","ts":"2026-01-01 00:%02d:%02d"}`,
				rng.IntN(5), amount, second/60, second%60))
		}
	}
	return out
}

func TestBatchSizeInvariance(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	input := randomPayments(rng, 1, 300)
	var want []string
	for i, poll := range []int{0, 1, 3, 7, 100} {
		w := enginetest.NewWorld()
		w.Poll = poll
		w.Input("payments", input...)
		got := enginetest.Sorted(w.Run(t, probes))
		if i == 0 {
			if want = got; len(want) < 5 {
				t.Fatalf("the test has only %d detections", len(want))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("polls of %d: %s", poll, diff)
		}
	}
}

// crashRun runs a query with a crash before each of some rounds, on a disk that
// keeps what was synced and any part of what was not.
type crashRun struct {
	t    *testing.T
	rng  *rand.Rand
	sql  string
	w    *enginetest.World
	fs   *vfs.MemFS
	time *clock.Manual
	more []connectors.Connector // beside the test's own

	rejected int64 // in all lives
	spilled  int64 // keys, in all lives
	loaded   int64
	skipped  int64 // files
}

// life does some of step, commit, deliver and snapshot, as production might
// have interleaved them.
//
// It returns true when all is delivered, and otherwise crashes the disk.
func (c *crashRun) life(rounds int) (finished bool) {
	store, err := pebblestore.Open("db", pebblestore.Options{FS: c.fs})
	if err != nil {
		c.t.Fatal(err)
	}
	defer store.Close()
	q, err := enginetest.Compile(c.sql)
	if err != nil {
		c.t.Fatal(err)
	}
	o := c.w.Options()
	o.Clock = c.time
	if c.more != nil {
		o.Registry = c.w.Registry(formats.Specs(), c.more...)
	}
	p := c.w.Pipeline(c.t, q, o, store)
	defer func() {
		for _, n := range p.Status().Rejected {
			c.rejected += n
		}
		for _, o := range p.Status().Operators {
			c.spilled += o.Spilled
			c.loaded += o.Loaded
		}
		for _, u := range p.Status().Partitions {
			if u.Files != nil {
				c.skipped += u.Files.Skipped
			}
		}
	}()
	var write func() error // of a snapshot that is not in the store
	for range rounds {
		c.must(p.Step(context.Background()))
		if c.rng.IntN(2) == 0 {
			c.must(false, p.Commit())
		}
		if c.rng.IntN(2) == 0 {
			_, err := p.Deliver(context.Background())
			c.must(false, err)
		}
		if write == nil && (p.Pressed() || c.rng.IntN(6) == 0) && p.Status().State == "running" {
			write, _, err = p.Snapshot()
			c.must(false, err)
		}
		if write != nil && c.rng.IntN(3) > 0 {
			c.must(false, write())
			write = nil
		}
		if p.Done() && p.Drained() {
			return true
		}
	}
	c.fs = c.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: c.rng.IntN(101), RNG: c.rng})
	return false
}

func (c *crashRun) must(_ bool, err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func TestCrashes(t *testing.T) {
	for seed := range uint64(12) {
		for _, forgetful := range []bool{false, true} {
			t.Run(fmt.Sprintf("seed=%d/forgetful=%v", seed, forgetful), func(t *testing.T) { testCrashes(t, seed, forgetful, "", probes) })
		}
	}
}

// TestCrashesWithoutMemory lets go of every key as soon as a snapshot has it.
func TestCrashesWithoutMemory(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			testCrashes(t, seed, seed%4 == 0, "SET 'state.memory.budget' = '1 b';", probes)
		})
	}
}

// TestOperatorsCrashWithoutMemory is the same of the other operators.
func TestOperatorsCrashWithoutMemory(t *testing.T) {
	seeds := cases(5, 2)
	for name, query := range map[string]string{
		"session":  `SELECT card, COUNT(*) AS n, SUM(amount) AS s, window_end AS e FROM TABLE(SESSION(TABLE payments PARTITION BY card, DESCRIPTOR(ts), INTERVAL '2' SECOND)) GROUP BY window_start, window_end, card`,
		"tumble":   `SELECT card, COUNT(*) AS n, SUM(amount) AS s, window_end AS e FROM TABLE(TUMBLE(TABLE payments, DESCRIPTOR(ts), INTERVAL '9' SECOND)) GROUP BY window_start, window_end, card`,
		"hop":      `SELECT card, COUNT(*) AS n, MAX(amount) AS s, window_end AS e FROM TABLE(HOP(TABLE payments, DESCRIPTOR(ts), INTERVAL '3' SECOND, INTERVAL '9' SECOND)) GROUP BY window_start, window_end, card`,
		"cumulate": `SELECT card, COUNT(*) AS n, SUM(amount) AS s, window_end AS e FROM TABLE(CUMULATE(TABLE payments, DESCRIPTOR(ts), INTERVAL '3' SECOND, INTERVAL '12' SECOND)) GROUP BY window_start, window_end, card`,
		"over":     `SELECT card, COUNT(*) OVER (PARTITION BY card ORDER BY ts RANGE BETWEEN INTERVAL '8' SECOND PRECEDING AND CURRENT ROW), SUM(amount) OVER (PARTITION BY card ORDER BY ts RANGE BETWEEN INTERVAL '3' SECOND PRECEDING AND CURRENT ROW), ts FROM payments`,
		"join":     `SELECT a.card, 1, b.amount, a.ts FROM payments AS a LEFT JOIN payments AS b ON a.card = b.card AND b.amount > 50 AND b.ts BETWEEN a.ts - INTERVAL '1' SECOND AND a.ts + INTERVAL '2' SECOND`,
	} {
		text := payments + "CREATE TABLE alerts (card BIGINT, n BIGINT, s DECIMAL(38,2), e TIMESTAMP(3)) WITH ('connector'='test');\nINSERT INTO alerts " + query
		for seed := range seeds {
			t.Run(fmt.Sprintf("%s/seed=%d", name, seed), func(t *testing.T) {
				testCrashes(t, seed, seed%4 == 3, "SET 'state.memory.budget' = '1 b';\n", text)
			})
		}
	}
}

func testCrashes(t *testing.T, seed uint64, forgetful bool, set, sql string) {
	rng := rand.New(rand.NewPCG(seed, 1))
	input := randomPayments(rng, 3, 120)
	run := func(sql string, rounds func() int) (map[enginetest.Row]int, int, *crashRun) {
		w := enginetest.NewWorld()
		w.Poll, w.Stutter = 1+rng.IntN(4), seed%2 == 1
		in := w.Input("payments", slices.Clone(input)...)
		if forgetful {
			in.Forget()
		}
		c := &crashRun{t: t, rng: rng, sql: sql, w: w, fs: vfs.NewCrashableMem(), time: &clock.Manual{}}
		lives := 1
		for !c.life(rounds()) {
			lives++
			c.w.Poll = 1 + rng.IntN(4)
		}
		rows := map[enginetest.Row]int{}
		for _, r := range w.Output("alerts").Rows() {
			rows[r]++
		}
		return rows, lives, c
	}
	want, _, _ := run(sql, func() int { return 1 << 20 })
	got, lives, c := run(set+sql, func() int { return 1 + rng.IntN(30) })
	if set != "" && (c.spilled < 20 || c.loaded < 20) {
		t.Errorf("only %d keys were let go of, and %d read", c.spilled, c.loaded)
	}
	if len(want) < 10 || lives < 2 {
		t.Fatalf("the test has only %d detections and %d lives", len(want), lives)
	}
	for r := range want {
		if got[r] == 0 {
			t.Errorf("lost: %v", r)
		}
	}
	for r := range got {
		if want[r] == 0 {
			t.Errorf("not in the run without crashes: %v", r)
		}
	}
}
