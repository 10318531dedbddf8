package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/state"
	"github.com/cepd/cepd/state/memstore"
)

const hops = payments + `CREATE TABLE o (card BIGINT, n BIGINT) WITH ('connector'='test');
INSERT INTO o SELECT card, COUNT(*) AS n FROM HOP(TABLE payments, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '1' HOUR) GROUP BY window_start, window_end, card;`

// manyCards has a small payment of each of n cards.
func manyCards(n int) (rows []string) {
	for i := range n {
		rows = append(rows, fmt.Sprintf(`{"card":%d,"amount":5,"country":"DE","ts":"2026-01-01 00:00:%02d"}`, i, i*59/n))
	}
	return rows
}

// TestBudgetThatCannotHold says what happens when state is above the budget and
// has nowhere to go.
func TestBudgetThatCannotHold(t *testing.T) {
	for _, c := range []struct {
		name, sql, want string
		store           state.Store
	}{
		{"no data directory", `SET 'state.memory.budget' = '4 kb';` + probes, "run the query with a data directory", nil},
		{"windows that overlap", `SET 'state.memory.budget' = '4 kb';` + hops, "stage 0 keeps its state in memory", memstore.New()},
		{"no budget of its own", hops, "", memstore.New()},
		{"a data directory", `SET 'state.memory.budget' = '4 kb';` + probes, "", memstore.New()},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := enginetest.NewWorld()
			w.Poll = 50
			w.Input("payments", manyCards(300))
			q := start(t, newEngine(t, w, func(o *engine.Options) { o.Store, o.MemoryBudget = c.store, 1 }), c.sql)
			err := q.Wait()
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "state.memory.budget")) {
				t.Error(err)
			}
		})
	}
}

// full is a store on a disk that is full at times.
type full struct {
	*memstore.Store
	commits  atomic.Int32
	from, to int32 // the snapshots from … to-1 are not written
}

type fullBatch struct {
	state.Batch
	store    *full
	snapshot bool
}

// snapshotHeader is the key that every snapshot of the query writes, and nothing
// else.
const snapshotHeader = "q\x00\x06alertss"

func (f *full) NewBatch() state.Batch { return &fullBatch{Batch: f.Store.NewBatch(), store: f} }

func (b *fullBatch) Put(key, value []byte) error {
	b.snapshot = b.snapshot || string(key) == snapshotHeader
	return b.Batch.Put(key, value)
}

func (b *fullBatch) Commit(sync bool) error {
	if f := b.store; b.snapshot {
		if n := f.commits.Add(1); n > f.from && n <= f.to {
			return errors.Join(syscall.ENOSPC, b.Close())
		}
	}
	return b.Batch.Commit(sync)
}

// TestDiskFull fails a query whose state does not fit the disk, and goes on when
// there is room, as if nothing had been.
func TestDiskFull(t *testing.T) {
	sql := `SET 'state.memory.budget' = '1 kb';` + probes
	input := manyCards(800)
	for i := range 800 { // each card's second small payment, then a large one
		for _, row := range []string{"5", "900"} {
			input = append(input, fmt.Sprintf(`{"card":%d,"amount":%s,"country":"DE","ts":"2026-01-01 00:00:59"}`, i, row))
		}
	}
	run := func(store state.Store) (rows []string, failures int) {
		w := enginetest.NewWorld()
		w.Poll = 50
		w.Input("payments", input)
		for {
			c, err := enginetest.Compile(sql)
			if err != nil {
				t.Fatal(err)
			}
			e := newEngine(t, w, func(o *engine.Options) { o.Store = store })
			q, err := e.Start(context.Background(), c.Root, c.Catalog)
			if err == nil {
				err = q.Wait()
			}
			if err == nil {
				return unique(w.Output("alerts").Texts()), failures
			}
			if failures++; failures > 5 || !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "write a snapshot") {
				t.Fatal(err)
			}
		}
	}
	want, _ := run(memstore.New())
	got, failures := run(&full{Store: memstore.New(), from: 2, to: 4})
	if len(want) != 800 || failures == 0 || strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%d of %d rows after %d failures", len(got), len(want), failures)
	}
}

// waiting is a store whose writes wait for room at times.
type waiting struct {
	*memstore.Store
	full bool
}

func (w *waiting) Full() bool { return w.full }

// Nothing is read while the disk is full, and the status says why.
func TestFullDiskHoldsUp(t *testing.T) {
	w := enginetest.NewWorld()
	w.Input("payments", cards(10))
	c, err := enginetest.Compile(pass)
	if err != nil {
		t.Fatal(err)
	}
	store := &waiting{memstore.New(), true}
	p := w.Pipeline(t, c, w.Options(), store)
	for range 5 {
		if idle, err := p.Step(context.Background()); err != nil || !idle {
			t.Fatal(idle, err)
		}
	}
	if s := p.Status(); s.Partitions[0].Position != 0 || !strings.Contains(s.Hint, "disk with the state is full") {
		t.Errorf("%+v", s)
	}
	store.full = false
	if err := enginetest.Finish(p); err != nil || len(w.Output("o").Rows()) != 10 {
		t.Error(err, w.Output("o").Texts())
	}
}

func unique(rows []string) []string {
	seen := map[string]bool{}
	var out []string
	for _, r := range enginetest.Sorted(rows) {
		if !seen[r] {
			seen[r] = true
			out = append(out, r)
		}
	}
	return out
}

// TestSnapshotsInQuarters has state grow to several budgets: no snapshot writes much
// more than a quarter of one at once, and memory stays about what is allowed.
func TestSnapshotsInQuarters(t *testing.T) {
	const budget = 400 << 10
	w := enginetest.NewWorld()
	w.Poll = 100
	w.Input("payments", manyCards(20_000))
	q, err := enginetest.Compile(`SET 'state.memory.budget' = '400 kb'; SET 'cepd.shards' = '1';` + payments + `CREATE TABLE o (card BIGINT, n BIGINT) WITH ('connector'='test');
INSERT INTO o SELECT card, COUNT(*) AS n FROM TUMBLE(TABLE payments, DESCRIPTOR(ts), INTERVAL '1' HOUR) GROUP BY window_start, window_end, card;`)
	if err != nil {
		t.Fatal(err)
	}
	p := w.Pipeline(t, q, w.Options(), memstore.New())
	due, largest, most := 0, 0, int64(0)
	for !p.Done() {
		if _, err := p.Step(context.Background()); err != nil {
			t.Fatal(err)
		}
		if err := p.Commit(); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Deliver(context.Background()); err != nil {
			t.Fatal(err)
		}
		most = max(most, p.Status().Operators[0].Bytes)
		if !p.Pressed() && !p.Grown() {
			continue
		}
		write, size, err := p.Snapshot()
		if err == nil {
			err = write()
		}
		if err != nil {
			t.Fatal(err)
		}
		due, largest = due+1, max(largest, size)
	}
	if s := p.Status().Operators[0]; due < 4 || largest > budget*2/3 || most > budget*3/2 || s.Spilled == 0 {
		t.Errorf("%d snapshots, the largest of %d bytes; %d bytes in memory at most, %d groups let go of", due, largest, most, s.Spilled)
	}
}
