package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/cepdtest"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state/memstore"
	"github.com/cepd/cepd/state/pebblestore"
)

// Through crashes at any point, and transactions of which nobody knows what
// has become of them, each detection is committed once. One time in three the
// query has several sinks.
func TestCrashesExactlyOnce(t *testing.T) {
	for seed := range cases(24, 6) {
		sql, tables := probes, []string{"alerts"}
		if seed%3 == 2 {
			sql, tables = setTables+set(), setSinks
		}
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { testCrashesExactlyOnce(t, seed, sql, tables) })
	}
}

func testCrashesExactlyOnce(t *testing.T, seed uint64, sql string, tables []string) {
	rng := rand.New(rand.NewPCG(seed, 3))
	input := randomPayments(rng, 3, 120)
	run := func(rounds func() int, outcome func() enginetest.Outcome) (got [][]enginetest.Row, lives int) {
		w := enginetest.NewWorld()
		w.Poll = 1 + rng.IntN(4)
		w.Input("payments", slices.Clone(input)...)
		for _, table := range tables {
			w.Output(table).Transactional().Before = outcome
		}
		c := &crashRun{t: t, rng: rng, sql: sql, w: w, fs: vfs.NewCrashableMem(), time: &clock.Manual{}}
		c.time.Advance(time.Hour)
		for lives = 1; !c.life(rounds()); lives++ {
			c.w.Poll = 1 + rng.IntN(4)
		}
		for _, table := range tables {
			m, rows := w.Output(table).Transactional().Mark(), w.Output(table).Rows()
			if m == nil || int(m.Rows) != len(rows) {
				t.Errorf("the mark of %s is %+v after %d rows", table, m, len(rows))
			}
			got = append(got, sortRows(rows))
		}
		return got, lives
	}
	want, _ := run(func() int { return 1 << 20 }, nil)
	got, lives := run(func() int { return 1 + rng.IntN(25) }, func() enginetest.Outcome {
		if rng.IntN(3) > 0 {
			return enginetest.Committed
		}
		return enginetest.InDoubtCommitted + enginetest.Outcome(rng.IntN(2))
	})
	if len(want[0]) < 10 || lives < 2 {
		t.Fatalf("the test has only %d detections and %d lives", len(want[0]), lives)
	}
	for i, table := range tables {
		if !slices.Equal(want[i], got[i]) {
			t.Errorf("%s: %d rows, want %d: %v instead of %v", table, len(got[i]), len(want[i]), got[i], want[i])
		}
	}
}

func sortRows(rows []enginetest.Row) []enginetest.Row {
	slices.SortFunc(rows, func(a, b enginetest.Row) int {
		return strings.Compare(fmt.Sprint(a.ID, a.Text), fmt.Sprint(b.ID, b.Text))
	})
	return rows
}

// exactly is a query that passes rows on, exactly once, and its disk.
type exactly struct {
	t  *testing.T
	w  *enginetest.World
	tx *enginetest.Transactions
	in *enginetest.Input
	fs *vfs.MemFS
}

func newExactly(t *testing.T, rows int) *exactly {
	w := enginetest.NewWorld()
	return &exactly{t: t, w: w, in: w.Input("payments", cards(rows)).Open(), tx: w.Output("o").Transactional(), fs: vfs.NewCrashableMem()}
}

// open opens the query on a disk.
func (x *exactly) open(fs *vfs.MemFS, sql string) (*engine.Pipeline, error) {
	x.t.Helper()
	store, err := pebblestore.Open("db", pebblestore.Options{FS: fs})
	if err != nil {
		x.t.Fatal(err)
	}
	x.t.Cleanup(func() { store.Close() })
	c, err := enginetest.Compile(sql)
	if err != nil {
		x.t.Fatal(err)
	}
	o := x.w.Options()
	now := &clock.Manual{}
	now.Advance(time.Hour)
	o.Clock = now
	p, err := engine.OpenPipeline(context.Background(), o, c.Root, c.Catalog, store)
	if err == nil {
		x.t.Cleanup(func() { _ = p.Close() })
	}
	return p, err
}

// life opens the query and runs it until it has nothing to do.
func (x *exactly) life() *engine.Pipeline {
	x.t.Helper()
	p, err := x.open(x.fs, pass)
	if err != nil {
		x.t.Fatal(err)
	}
	x.quiet(p)
	return p
}

func (x *exactly) quiet(p *engine.Pipeline) {
	x.t.Helper()
	for quiet := false; !quiet; {
		var err error
		if quiet, err = enginetest.Round(p); err != nil {
			x.t.Fatal(err)
		}
	}
}

func (x *exactly) refused(fs *vfs.MemFS, why string) {
	x.t.Helper()
	if _, err := x.open(fs.CrashClone(vfs.CrashCloneCfg{}), pass); err == nil || !strings.Contains(err.Error(), why) {
		x.t.Errorf("error %v, want %q", err, why)
	}
}

func (x *exactly) crash() *vfs.MemFS { return x.fs.CrashClone(vfs.CrashCloneCfg{}) }

func TestOldStateIsRefused(t *testing.T) {
	x := newExactly(t, 10)
	x.life()
	old := x.crash()
	x.fs = x.crash()
	x.in.Append(0, cards(5)...)
	x.life()
	x.refused(old, "15 rows have been delivered as o/o, but the state knows of 10 only: it is an old copy")
}

func TestLostMark(t *testing.T) {
	x := newExactly(t, 10)
	p, err := x.open(x.fs, pass)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := enginetest.Round(p); err != nil { // delivered, and the journal does not know of it
		t.Fatal(err)
	}
	m := *x.tx.Mark()
	if m.Rows != 10 {
		t.Fatalf("mark %+v", m)
	}
	unsure := x.crash()
	x.quiet(p)
	sure := x.crash()
	x.tx.SetMark(nil)
	x.refused(unsure, "is not recorded any more")
	x.tx.SetMark(&connectors.Mark{State: m.State, Rows: 9})
	x.refused(sure, "10 rows had been delivered as o/o, now only 9 are recorded there: the sink has lost data")
	x.tx.SetMark(&connectors.Mark{State: m.State + 1, Rows: 10})
	x.refused(sure, "another state")
}

// A mark that has been forgotten while everything was delivered is written again.
func TestForgottenMark(t *testing.T) {
	x := newExactly(t, 10)
	p := x.life()
	if err := p.Commit(); err != nil { // of what is acknowledged
		t.Fatal(err)
	}
	x.fs = x.crash()
	x.tx.SetMark(nil)
	x.in.Append(0, cards(3)...)
	x.life()
	if m := x.tx.Mark(); m == nil || m.Rows != 13 || len(x.w.Output("o").Rows()) != 13 {
		t.Errorf("mark %+v, %d rows", m, len(x.w.Output("o").Rows()))
	}
}

func TestExactlyOnceNeedsState(t *testing.T) {
	x := newExactly(t, 1)
	c, err := enginetest.Compile(pass)
	if err != nil {
		t.Fatal(err)
	}
	_, err = engine.OpenPipeline(context.Background(), x.w.Options(), c.Root, c.Catalog, nil)
	if err == nil || !strings.Contains(err.Error(), "--data-dir") {
		t.Errorf("error %v", err)
	}
}

// Two processes on copies of one state: the first is fenced by the second.
func TestSecondWriterFencesTheFirst(t *testing.T) {
	x := newExactly(t, 10)
	first := x.life()
	second, err := x.open(x.crash(), pass)
	if err != nil {
		t.Fatal(err)
	}
	x.in.Append(0, cards(5)...)
	for range 3 {
		if _, err = enginetest.Round(first); err != nil {
			break
		}
	}
	if !errors.Is(err, connectors.ErrFenced) {
		t.Errorf("the first: %v", err)
	}
	x.quiet(second)
	if n := len(x.w.Output("o").Rows()); n != 15 {
		t.Errorf("%d rows", n)
	}
}

// The offsets that go with a transaction are those behind its rows.
func TestTransactionsCarryOffsets(t *testing.T) {
	x := newExactly(t, 10)
	x.in.Show(0, 4)
	p := x.life()
	if got := x.tx.Read("payments")[0]; got != 4 {
		t.Errorf("offset %d, want 4", got)
	}
	x.tx.Before = func() enginetest.Outcome { return enginetest.InDoubtAborted }
	x.in.Show(0, -1)
	for range 3 {
		if _, err := enginetest.Round(p); err != nil {
			t.Fatal(err)
		}
	}
	if got := x.tx.Read("payments")[0]; got != 4 {
		t.Errorf("offset %d after a transaction that was aborted", got)
	}
	x.tx.Before = nil
	x.quiet(p)
	if got := x.tx.Read("payments")[0]; got != 10 {
		t.Errorf("offset %d, want 10", got)
	}
}

// How far the sources have been read can be told again after a restart, though
// nothing new has come.
func TestOffsetsAfterRestart(t *testing.T) {
	for name, end := range map[string]bool{"goes on": false, "has ended": true} {
		t.Run(name, func(t *testing.T) {
			x := newExactly(t, 10)
			if end {
				x.in.End()
			}
			p := x.life()
			if end {
				write, _, err := p.Snapshot()
				if err = errors.Join(err, write()); err != nil {
					t.Fatal(err)
				}
			}
			x.fs = x.crash()
			delete(x.tx.Read("payments"), 0)
			p = x.life()
			if err := p.Refresh(context.Background(), 0); err != nil {
				t.Fatal(err)
			}
			if got := x.tx.Read("payments")[0]; got != 10 {
				t.Errorf("offset %d, want 10", got)
			}
		})
	}
}

// Dropping a query forgets its mark: another may begin under the name.
func TestDropForgetsTheMark(t *testing.T) {
	w := enginetest.NewWorld()
	in := w.Input("payments", cards(10)).Open()
	tx := w.Output("o").Transactional()
	now := &clock.Manual{}
	now.Advance(time.Hour)
	e := newEngine(t, w, func(o *engine.Options) { o.Store, o.Clock = memstore.New(), now })
	q := start(t, e, pass)
	until(t, func() bool { now.Advance(time.Second); return len(w.Output("o").Rows()) == 10 })
	if err := q.Drop(); err != nil || tx.Mark() != nil {
		t.Fatalf("%v, mark %+v", err, tx.Mark())
	}
	now.Advance(time.Hour)
	in.End()
	q = start(t, e, pass)
	until(t, func() bool { now.Advance(time.Second); return !running(q) })
	if err := q.Wait(); err != nil || len(w.Output("o").Rows()) != 20 {
		t.Errorf("%v, %d rows", err, len(w.Output("o").Rows()))
	}
}

func running(q *engine.Query) bool {
	select {
	case <-q.Done():
		return false
	default:
		return true
	}
}

// until waits for a condition.
func until(t *testing.T, ok func() bool) {
	t.Helper()
	cepdtest.Await(t, ok)
}

// Offsets are published when the rows made of what was read are delivered, not
// before: a query without state goes on from them.
func TestPublishedOffsetsAreDelivered(t *testing.T) {
	w := enginetest.NewWorld()
	in := w.Input("payments", cards(10)).Open()
	blocked, free := make(chan struct{}), make(chan struct{})
	w.Output("o").Before = func(*event.Batch) error {
		close(blocked)
		<-free
		return nil
	}
	now := &clock.Manual{}
	e := newEngine(t, w, func(o *engine.Options) { o.Clock = now })
	q := start(t, e, pass)
	<-blocked
	until(t, func() bool { now.Advance(100 * time.Millisecond); return q.Status().Partitions[0].Position == 10 })
	told := in.Told()
	until(t, func() bool { now.Advance(time.Second); return in.Told() >= told+3 })
	if got := in.Committed()[0]; got != 0 {
		t.Errorf("offset %d is published, and nothing is delivered", got)
	}
	w.Output("o").Before = nil
	close(free)
	until(t, func() bool { now.Advance(time.Second); return in.Committed()[0] == 10 })
}

// A query that fails on a row has delivered what it made of those before.
func TestFailingQueryDeliversWhatIsMade(t *testing.T) {
	for name, data := range map[string]bool{"with state": true, "without": false} {
		w := enginetest.NewWorld()
		in := w.Input("payments", append(cards(10), "{ not json")).Open()
		in.Show(0, 5)
		blocked, free := make(chan struct{}), make(chan struct{})
		var first sync.Once
		w.Output("o").Before = func(*event.Batch) error {
			first.Do(func() { close(blocked) })
			<-free
			return nil
		}
		e := newEngine(t, w, func(o *engine.Options) {
			if data {
				o.Store = memstore.New()
			}
		})
		q := start(t, e, pass)
		<-blocked
		in.Show(0, 10)
		until(t, func() bool { return q.Status().Partitions[0].Position == 10 })
		in.Show(0, -1)
		until(t, func() bool { return in.Taken(0) == 11 })
		close(free)
		if err := q.Wait(); err == nil || !strings.Contains(err.Error(), "offset 10") {
			t.Errorf("%s: error %v", name, err)
		}
		if n := len(w.Output("o").Rows()); n != 10 {
			t.Errorf("%s: %d rows", name, n)
		}
	}
}
