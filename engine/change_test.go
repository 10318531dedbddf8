package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/state"
	"github.com/cepd/cepd/state/pebblestore"
)

const changedSink = payments + "CREATE TABLE alerts (card BIGINT, n BIGINT, s DECIMAL(38,2), e TIMESTAMP(3)) WITH ('connector'='test');\nINSERT INTO alerts /*+ NAME('rule') */ "

// changedTexts are queries, each in texts that mean the same.
var changedTexts = map[string][]string{
	"threads": {
		`SELECT * FROM payments MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts MEASURES COUNT(S.*) AS n, B.amount AS s, B.ts AS e
 AFTER MATCH SKIP PAST LAST ROW PATTERN (S{2,} B) WITHIN INTERVAL '1' MINUTE DEFINE S AS S.amount < 10, B AS B.amount > 5 * AVG(S.amount) AND B.amount > 50)`,
		`SELECT kard, n, s, e FROM (SELECT card AS kard, amount AS betrag, ts AS zeit FROM payments) MATCH_RECOGNIZE (PARTITION BY kard ORDER BY zeit MEASURES B.betrag AS s, COUNT(S.*) AS n, LAST(S.betrag) AS more, B.zeit AS e
 ONE ROW PER MATCH AFTER MATCH SKIP PAST LAST ROW PATTERN (S{2,} B) WITHIN INTERVAL '60' SECOND DEFINE B AS B.betrag > 50 AND B.betrag > 5 * AVG(S.betrag), S AS S.betrag < 10)`,
	},
	"automaton": {
		`SELECT * FROM payments MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts MEASURES COUNT(S.*) AS n, SUM(B.amount) AS s, LAST(B.ts) AS e
 AFTER MATCH SKIP TO NEXT ROW PATTERN (S{1,9} B{2} X?) WITHIN INTERVAL '20' SECOND DEFINE S AS S.amount < 4, B AS B.amount > PREV(B.amount), X AS X.amount > 50)`,
		`SELECT q.* FROM payments MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts MEASURES COUNT(S.ts) AS n, SUM(B.amount) AS s, LAST(B.ts) AS e
 AFTER MATCH SKIP TO NEXT ROW PATTERN (S{1,9} B{2} X?) WITHIN INTERVAL '20' SECOND DEFINE X AS 50 < X.amount, S AS S.amount < 4, B AS B.amount > PREV(B.amount)) AS q`,
	},
	"edges": {
		`SELECT * FROM payments MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts MEASURES COUNT(*) AS n, B.amount AS s, C.ts AS e
 PATTERN (A -> B -> C) WITHIN INTERVAL '9' SECOND DEFINE A AS A.amount < 3, B AS B.amount > A.amount + 2, C AS C.amount > 50)`,
		`SELECT card, n, s, e FROM payments MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts MEASURES A.amount AS first, COUNT(*) AS n, B.amount AS s, C.ts AS e
 PATTERN (A -> B -> C) WITHIN INTERVAL '9' SECOND DEFINE C AS C.amount > 50, B AS B.amount > A.amount + 2, A AS A.amount < 3)`,
	},
	"shared": {
		`SELECT * FROM payments MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts MEASURES COUNT(*) AS n, B.amount AS s, C.ts AS e
 AFTER MATCH NO SKIP PATTERN (A ->> B -> C) WITHIN INTERVAL '9' SECOND DEFINE A AS A.amount < 3, B AS B.amount > 4, C AS C.amount > 50)`,
		`SELECT card, n, s, e FROM payments MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts MEASURES B.amount AS s, A.ts AS began, C.ts AS e, COUNT(*) AS n
 AFTER MATCH NO SKIP PATTERN (A ->> B -> C) WITHIN INTERVAL '9' SECOND DEFINE C AS C.amount > 50, A AS A.amount < 3, B AS B.amount > 4)`,
	},
	"tumble": {
		`SELECT card, COUNT(*) AS n, SUM(amount) AS s, window_end AS e FROM TABLE(TUMBLE(TABLE payments, DESCRIPTOR(ts), INTERVAL '9' SECOND)) GROUP BY window_start, window_end, card`,
		`SELECT card, many, total, w FROM (SELECT card, COUNT(*) AS many, SUM(amount) AS total, window_end AS w FROM TABLE(TUMBLE(TABLE payments, DESCRIPTOR(ts), INTERVAL '9' SECOND)) GROUP BY card, window_start, window_end)`,
	},
	"session": {
		`SELECT card, COUNT(*) AS n, SUM(amount) AS s, window_end AS e FROM TABLE(SESSION(TABLE payments PARTITION BY card, DESCRIPTOR(ts), INTERVAL '2' SECOND)) GROUP BY window_start, window_end, card`,
		`SELECT card AS c, n, s, e FROM (SELECT card, window_end AS e, COUNT(*) AS n, SUM(amount) AS s FROM TABLE(SESSION(TABLE payments PARTITION BY card, DESCRIPTOR(ts), INTERVAL '2' SECOND)) GROUP BY card, window_start, window_end)`,
	},
	"over": {
		`SELECT card, COUNT(*) OVER w, SUM(amount) OVER w, ts FROM payments WINDOW w AS (PARTITION BY card ORDER BY ts RANGE BETWEEN INTERVAL '8' SECOND PRECEDING AND CURRENT ROW)`,
		`SELECT card, n, s, ts FROM (SELECT card, ts, COUNT(*) OVER w AS n, SUM(amount) OVER w AS s FROM payments WINDOW w AS (PARTITION BY card ORDER BY ts RANGE BETWEEN INTERVAL '8' SECOND PRECEDING AND CURRENT ROW))`,
	},
	"join": {
		`SELECT a.card, 1, b.amount, a.ts FROM payments AS a LEFT JOIN payments AS b ON a.card = b.card AND b.amount > 50 AND b.ts BETWEEN a.ts - INTERVAL '1' SECOND AND a.ts + INTERVAL '2' SECOND`,
		`SELECT x.card AS karte, 1 AS eins, y.amount, x.ts FROM payments AS x LEFT JOIN payments AS y ON x.card = y.card AND y.amount > 50 AND y.ts BETWEEN x.ts - INTERVAL '1' SECOND AND x.ts + INTERVAL '2' SECOND`,
	},
}

// TestChangesOfText replaces queries in mid-stream by texts that mean the same,
// again and again, with crashes at every write: the output is that of a query
// that nobody touches, row by row.
func TestChangesOfText(t *testing.T) {
	seeds := cases(6, 1)
	for name, texts := range changedTexts {
		for seed := range seeds {
			t.Run(fmt.Sprintf("%s/seed=%d", name, seed), func(t *testing.T) { testChanges(t, seed, "", texts) })
		}
	}
}

func testChanges(t *testing.T, seed uint64, set string, texts []string) {
	rng := rand.New(rand.NewPCG(seed, 28))
	input := randomPayments(rng, 3, 120)
	undisturbed := enginetest.NewWorld()
	undisturbed.Input("payments", slices.Clone(input)...)
	want := enginetest.Sorted(undisturbed.Run(t, set+changedSink+texts[0]))

	w := enginetest.NewWorld()
	w.Poll = 1 + rng.IntN(3)
	w.Input("payments", slices.Clone(input)...)
	if seed%2 == 1 {
		set += "SET 'state.memory.budget' = '1 b';\n"
	}
	c := &changing{t: t, rng: rng, w: w, fs: vfs.NewCrashableMem(), time: &clock.Manual{}}
	for i := range texts {
		c.texts = append(c.texts, set+changedSink+texts[i])
	}
	for !c.life() {
		c.change()
	}
	if diff := cmp.Diff(want, enginetest.Sorted(w.Output("alerts").Texts())); diff != "" || len(want) < 10 {
		t.Errorf("%d rows: %s", len(want), diff)
	}
	if c.changes < 1 || c.changes+c.failed < 4 {
		t.Errorf("only %d changes, and %d that a crash undid", c.changes, c.failed)
	}
}

// changing is a query whose text changes.
type changing struct {
	t       *testing.T
	rng     *rand.Rand
	w       *enginetest.World
	fs      *vfs.MemFS
	time    *clock.Manual
	texts   []string
	current int // of texts
	version int
	changes int
	failed  int
	drop    bool
}

func (c *changing) open() (*pebblestore.Store, engine.Options) {
	store, err := pebblestore.Open("db", pebblestore.Options{FS: c.fs})
	if err != nil {
		c.t.Fatal(err)
	}
	o := c.w.Options()
	o.Clock = c.time
	return store, o
}

// life runs the query for some rounds and stops it in order. It says whether the
// input has ended.
func (c *changing) life() bool {
	store, o := c.open()
	defer store.Close()
	q, err := enginetest.Compile(c.texts[c.current])
	if err != nil {
		c.t.Fatal(err)
	}
	p := c.w.Pipeline(c.t, q, o, store)
	defer p.Close()
	for range 1 + c.rng.IntN(8) {
		if _, err := p.Step(context.Background()); err != nil {
			c.t.Fatal(err)
		}
		c.time.Advance(1)
	}
	for !p.Drained() || p.Status().State == "recovering" {
		if _, err := enginetest.Round(p); err != nil {
			c.t.Fatal(err)
		}
	}
	if err := p.Commit(); err != nil {
		c.t.Fatal(err)
	}
	write, _, err := p.Snapshot()
	if err == nil {
		err = write()
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return p.Done()
}

// change replaces the query by its other text. The store fails at some write, and
// the disk crashes: what it then has is one version or the other.
func (c *changing) change() {
	store, o := c.open()
	next := (c.current + 1) % len(c.texts)
	faulty := &faultyStore{Store: store, left: c.rng.IntN(9)}
	o.Store = faulty
	e, err := engine.New(o)
	if err != nil {
		c.t.Fatal(err)
	}
	err = e.Replace(&engine.Change{From: c.revision(c.current), To: c.revision(next), Version: c.version + 2})
	if err != nil && !errors.Is(err, errFault) {
		c.t.Fatal(err)
	}
	c.fs = c.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: c.rng.IntN(101), RNG: c.rng})
	_ = store.Close()
	store, _ = c.open()
	defer store.Close()
	o.Store = store
	if e, err = engine.New(o); err != nil {
		c.t.Fatal(err)
	}
	found, err := e.StateVersion("rule")
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := engine.VerifyState(store); err != nil {
		c.t.Error(err)
	}
	switch found {
	case c.version + 2:
		c.version, c.current = c.version+2, next
		c.changes++
	case max(c.version, 1):
		c.failed++
	default:
		c.t.Fatalf("the state is of version %d, which is neither the old nor the new", found)
	}
}

func (c *changing) revision(i int) engine.Revision {
	q, err := enginetest.Compile(c.texts[i])
	if err != nil {
		c.t.Fatal(err)
	}
	return engine.Revision{Root: q.Root, Catalog: q.Catalog}
}

var errFault = errors.New("the disk fails")

// faultyStore fails after some writes.
type faultyStore struct {
	state.Store
	left int
}

type faultyBatch struct {
	state.Batch
	store *faultyStore
}

func (s *faultyStore) NewBatch() state.Batch { return &faultyBatch{s.Store.NewBatch(), s} }

func (b *faultyBatch) Commit(sync bool) error {
	if b.store.left--; b.store.left < 0 {
		return errors.Join(errFault, b.Close())
	}
	return b.Batch.Commit(sync)
}

// TestOpenMatchesKeepTheirRows changes a threshold: what is open keeps the rows
// that are bound, and rows from then on are judged by the new one.
func TestOpenMatchesKeepTheirRows(t *testing.T) {
	text := func(most int) string {
		return changedSink + fmt.Sprintf(`SELECT * FROM payments MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts MEASURES COUNT(S.*) AS n, B.amount AS s, B.ts AS e
 PATTERN (S{2,9} B) WITHIN INTERVAL '1' MINUTE DEFINE S AS S.amount < %d, B AS B.amount > 50)`, most)
	}
	row := func(card, amount, second int) string {
		return fmt.Sprintf(`{"card":%d,"amount":%d,"country":"DE","ts":"2026-01-01 00:00:%02d"}`, card, amount, second)
	}
	w := enginetest.NewWorld()
	in := w.Input("payments", []string{
		row(1, 5, 1), row(1, 6, 2), row(2, 5, 3), row(9, 1, 12),
		row(1, 60, 13), row(2, 6, 14), row(2, 60, 15), row(3, 2, 16), row(3, 2, 17), row(3, 60, 18),
	})
	in.Show(0, 4)
	in.Open()
	c := &changing{t: t, rng: rand.New(rand.NewPCG(1, 1)), w: w, fs: vfs.NewCrashableMem(), time: &clock.Manual{}, texts: []string{text(10), text(3)}}
	c.life()
	c.replace(1)
	in.Show(0, -1)
	in.End()
	for !c.life() {
	}
	got := strings.Join(enginetest.Sorted(w.Output("alerts").Texts()), "\n")
	want := "1 | 2 | 60.00 | TIMESTAMP '2026-01-01 00:00:13.000'\n3 | 2 | 60.00 | TIMESTAMP '2026-01-01 00:00:18.000'"
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// replace changes the text, as nothing goes wrong.
func (c *changing) replace(to int) {
	store, o := c.open()
	defer store.Close()
	o.Store = store
	e, err := engine.New(o)
	if err == nil {
		c.version++
		err = e.Replace(&engine.Change{From: c.revision(c.current), To: c.revision(to), Version: c.version + 1, Drop: c.drop})
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.current = to
}

// TestDropBeginsWithNothing replaces a query without its state: what was open is
// gone, no row is read twice, and those that are new are read.
func TestDropBeginsWithNothing(t *testing.T) {
	w := enginetest.NewWorld()
	row := func(amount, second int) string {
		return fmt.Sprintf(`{"card":1,"amount":%d,"country":"DE","ts":"2026-01-01 00:00:%02d"}`, amount, second)
	}
	in := w.Input("payments", []string{row(1, 1), row(2, 2), row(3, 30), row(4, 31), row(5, 50)})
	in.Show(0, 3)
	in.Open()
	c := &changing{t: t, rng: rand.New(rand.NewPCG(1, 1)), w: w, fs: vfs.NewCrashableMem(), time: &clock.Manual{}, drop: true, texts: []string{
		changedSink + `SELECT card, COUNT(*) AS n, SUM(amount) AS s, window_end AS e FROM TABLE(TUMBLE(TABLE payments, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, card`,
		changedSink + `SELECT card, COUNT(*) AS n, MAX(amount) AS s, window_end AS e FROM TABLE(TUMBLE(TABLE payments, DESCRIPTOR(ts), INTERVAL '20' SECOND)) GROUP BY window_start, window_end, card`,
	}}
	c.life()
	c.replace(1)
	in.Show(0, -1)
	in.End()
	for !c.life() {
	}
	got := strings.Join(enginetest.Sorted(w.Output("alerts").Texts()), "\n")
	want := "1 | 1 | 4.00 | TIMESTAMP '2026-01-01 00:00:40.000'\n1 | 1 | 5.00 | TIMESTAMP '2026-01-01 00:01:00.000'\n1 | 2 | 3.00 | TIMESTAMP '2026-01-01 00:00:10.000'"
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
