package engine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/state/memstore"
	"github.com/cepd/cepd/state/pebblestore"
	"github.com/cepd/cepd/state/savepoint"
)

// The disk is lost, and what comes back is a copy from some time before: the
// sources are read again, cut in another way, and each detection is in the sink
// once, through crashes of the restored query too.
func TestOldCopyDeduplicates(t *testing.T) {
	later := 0
	for seed := range cases(30, 6) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 9))
			input := randomPayments(rng, 3, 120)
			want, _ := copyRun(t, rng, input, 0)
			got, n := copyRun(t, rng, input, 1+rng.IntN(40))
			if later += n; !slices.Equal(want, got) {
				t.Errorf("%d rows, want %d: %v instead of %v", len(got), len(want), got, want)
			}
		})
	}
	if later < 3*int(cases(30, 6)) {
		t.Errorf("the copies lack only %d rows of their sinks", later)
	}
}

// copyRun runs probes exactly once; with rounds, a copy is made after so many,
// and after as many again, or more, the disk is replaced by it. Later is how many
// rows the sink had got in between.
func copyRun(t *testing.T, rng *rand.Rand, input [][]string, rounds int) (rows []enginetest.Row, later int) {
	w := enginetest.NewWorld()
	w.Poll = 1 + rng.IntN(4)
	w.Input("payments", slices.Clone(input)...)
	out := w.Output("alerts")
	out.Transactional()
	c := &crashRun{t: t, rng: rng, sql: probes, w: w, fs: vfs.NewCrashableMem(), time: &clock.Manual{}}
	c.time.Advance(time.Hour)
	if rounds > 0 && !c.life(rounds) {
		copied, had := c.fs.CrashClone(vfs.CrashCloneCfg{}), len(out.Rows())
		for done := false; !done && rng.IntN(4) > 0; {
			w.Poll = 1 + rng.IntN(6)
			done = c.life(rounds + rng.IntN(20))
		}
		later = len(out.Rows()) - had
		c.fs = copied
		chooseSinks(t, c.fs, engine.SinksDeduplicate)
	}
	for {
		w.Poll = 1 + rng.IntN(6)
		if rounds == 0 && c.life(1<<20) || rounds > 0 && c.life(1+rng.IntN(30)) {
			return sortRows(out.Rows()), later
		}
	}
}

func chooseSinks(t *testing.T, fs *vfs.MemFS, choice engine.Sinks) {
	t.Helper()
	store, err := pebblestore.Open("db", pebblestore.Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	_, err = engine.ChooseSinks(store, nil, choice, time.Unix(1, 0))
	if err = errors.Join(err, store.Close()); err != nil {
		t.Fatal(err)
	}
}

// Redelivering is as it says: what the copy does not know of comes twice, with
// the same ids.
func TestOldCopyRedelivers(t *testing.T) {
	x := newExactly(t, 10)
	x.life()
	old := x.crash()
	x.fs = x.crash()
	x.in.Append(0, cards(5)...)
	x.life()
	x.refused(old, "--sinks")
	chooseSinks(t, old, engine.SinksRefuse)
	x.refused(old, "15 rows have been delivered as o/o, but the state knows of 10 only")
	chooseSinks(t, old, engine.SinksRedeliver)
	x.fs = old
	x.life()
	rows := x.w.Output("o").Rows()
	if len(rows) != 20 || !slices.Equal(rows[10:15], rows[15:]) {
		t.Errorf("%d rows: %v", len(rows), rows)
	}
	x.in.Append(0, cards(3)...)
	x.fs = x.crash()
	x.life()
	if n := len(x.w.Output("o").Rows()); n != 23 {
		t.Errorf("%d rows after a restart", n)
	}
}

// A copy of a query whose mark is gone has to be told what to do, though it has
// delivered all it knows of.
func TestCopyWithoutMark(t *testing.T) {
	x := newExactly(t, 10)
	p := x.life()
	if err := p.Commit(); err != nil {
		t.Fatal(err)
	}
	x.fs = x.crash()
	x.in.Append(0, cards(5)...)
	x.tx.SetMark(nil)
	chooseSinks(t, x.fs, engine.SinksRefuse)
	x.refused(x.fs, "is not recorded, and the state is a copy")
	chooseSinks(t, x.fs, engine.SinksDeduplicate)
	x.life()
	if n := len(x.w.Output("o").Rows()); n != 15 {
		t.Errorf("%d rows", n)
	}
}

// A savepoint is taken while the query goes on, and restored into another
// engine.
func TestSavepoint(t *testing.T) {
	w := enginetest.NewWorld()
	in := w.Input("payments", cards(30)).Open()
	in.Show(0, 20)
	w.Output("o").Transactional()
	now := &clock.Manual{}
	now.Advance(time.Hour)
	options := func(o *engine.Options) { o.Store, o.Clock, o.Version = memstore.New(), now, "v9" }
	e := newEngine(t, w, options)
	q := start(t, e, pass)
	until(t, func() bool { now.Advance(time.Second); return len(w.Output("o").Rows()) == 20 })
	dir := savepoint.Dir(filepath.Join(t.TempDir(), "savepoints"))
	save := func(q *engine.Query, name string) savepoint.Entry {
		t.Helper()
		done := make(chan error, 1)
		go func() {
			done <- dir.Create(name, func(f io.Writer) error {
				return q.Savepoint(context.Background(), f, &savepoint.Header{Name: name, Statements: []savepoint.Statement{{Kind: "query", Name: "o", SQL: pass}}})
			})
		}()
		until(t, func() bool { now.Advance(time.Second); return len(done) == 1 })
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		info, err := savepoint.VerifyFile(dir.Path(name))
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	info := save(q, "live")
	if p, s := info.Positions, info.Sinks; len(p) != 1 || p[0] != (savepoint.Position{Table: "payments", Offset: 20}) || len(s) != 1 || s[0].Rows != 20 || info.Cepd != "v9" || info.Journal != 0 {
		t.Errorf("%+v", info)
	}
	in.Show(0, -1)
	in.End()
	until(t, func() bool { now.Advance(time.Second); return !running(q) })
	if n := len(w.Output("o").Rows()); n != 30 {
		t.Fatalf("%d rows", n)
	}
	if ended := save(q, "ended"); ended.Sinks[0].Rows != 30 || ended.Sinks[0].Delivered != 30 {
		t.Errorf("%+v", ended)
	}
	if err := e.Restore("o", dir.Path("live"), engine.SinksDeduplicate); !errors.Is(err, engine.ErrHasState) {
		t.Errorf("over its own state: %v", err)
	}
	other := newEngine(t, w, options)
	if err := other.Restore(q.Name(), dir.Path("live"), engine.SinksDeduplicate); err != nil {
		t.Fatal(err)
	}
	q = start(t, other, pass)
	until(t, func() bool { now.Advance(time.Second); return !running(q) })
	if err, n := q.Wait(), len(w.Output("o").Rows()); err != nil || n != 30 {
		t.Errorf("%v, %d rows", err, n)
	}
}

// A file that is damaged anywhere is refused, and nothing of it is kept as state.
func TestDamagedSavepoint(t *testing.T) {
	w := enginetest.NewWorld()
	w.Input("payments", cards(10))
	store := memstore.New()
	e := newEngine(t, w, func(o *engine.Options) { o.Store = store })
	q := start(t, e, pass)
	if err := q.Wait(); err != nil {
		t.Fatal(err)
	}
	var good bytes.Buffer
	if err := q.Savepoint(context.Background(), &good, &savepoint.Header{Name: "s"}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "s.savepoint")
	try := func(content []byte) error {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return newEngine(t, w, func(o *engine.Options) { o.Store = memstore.New() }).Restore("other", path, engine.SinksRefuse)
	}
	if err := try(good.Bytes()); err != nil {
		t.Fatal(err)
	}
	for i := range good.Bytes() {
		bad := bytes.Clone(good.Bytes())
		bad[i] ^= 1 << (i % 8)
		if try(bad) == nil {
			t.Errorf("no error with byte %d of %d changed", i, good.Len())
		}
		if try(good.Bytes()[:i]) == nil {
			t.Errorf("no error with %d of %d bytes", i, good.Len())
		}
	}
	newer := bytes.Replace(good.Bytes(), []byte(`"version":1`), []byte(`"version":7`), 1)
	if err := try(newer); err == nil || strings.Contains(err.Error(), "not a savepoint") {
		t.Error(err)
	}
}
