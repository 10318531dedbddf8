package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/state/pebblestore"
)

const (
	orders = payments + `CREATE TABLE o (card BIGINT, a TIMESTAMP(3), b TIMESTAMP(3), c TIMESTAMP(3)) WITH ('connector'='test');
INSERT INTO o SELECT * FROM payments MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts
 MEASURES A.ts AS a, B.ts AS b, C.ts AS c`
	held = orders + ` AFTER MATCH SKIP TO NEXT ROW PATTERN (A -> B -> C) WITHIN INTERVAL '1' MINUTE
 DEFINE A AS A.amount < 6, B AS B.amount = A.amount, C AS C.amount = 100);`
	apart = orders + ` PATTERN (A -> B -> C) WITHIN INTERVAL '1' MINUTE DEFINE A AS A.amount < 6, B AS B.amount BETWEEN 6 AND 12, C AS C.amount = 100);`
	inRow = orders + ` AFTER MATCH SKIP TO NEXT ROW PATTERN (A{2,} B C?) WITHIN INTERVAL '1' MINUTE DEFINE A AS A.amount < 12, B AS B.amount = 100);`
)

// endingRun runs a query that reads one row in a step, and ends an open match
// before every fifth row, with a crash now and then, or none.
type endingRun struct {
	t      *testing.T
	rng    *rand.Rand
	w      *enginetest.World
	fs     *vfs.MemFS
	ended  int
	before map[int64]bool // positions before which one was ended, in this life
}

func (r *endingRun) run(sql string, input []string, crashes bool) []string {
	r.w = enginetest.NewWorld()
	r.w.Poll = 1
	r.w.Input("payments", input)
	for n := 0; !r.life(sql, crashes && n < 20); n++ {
	}
	var rows []string
	for _, x := range r.w.Output("o").Rows() {
		rows = append(rows, fmt.Sprint(x.ID, x.Text))
	}
	return unique(rows)
}

func (r *endingRun) life(sql string, crashes bool) (finished bool) {
	store, err := pebblestore.Open("db", pebblestore.Options{FS: r.fs})
	r.must(err)
	defer store.Close()
	q, err := enginetest.Compile(sql)
	r.must(err)
	o := r.w.Options()
	o.Clock = &clock.Manual{}
	p := r.w.Pipeline(r.t, q, o, store)
	r.before = map[int64]bool{}
	for n := r.rng.IntN(60); !crashes || n > 0; n-- {
		r.end(p)
		_, err := p.Step(context.Background())
		r.must(err)
		if r.rng.IntN(2) == 0 {
			r.must(p.Commit())
			_, err := p.Deliver(context.Background())
			r.must(err)
		}
		if r.rng.IntN(9) == 0 && p.Status().State == engine.StateRunning {
			write, _, err := p.Snapshot()
			r.must(err)
			r.must(write())
		}
		if p.Done() && p.Drained() {
			return true
		}
	}
	r.fs = r.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: r.rng.IntN(101), RNG: r.rng})
	return false
}

// end ends an open match where the position says so: if a crash undoes it, the
// row behind it is read again too, and so it is ended again.
func (r *endingRun) end(p *engine.Pipeline) {
	s := p.Status()
	at := s.Partitions[0].Position
	if s.State != engine.StateRunning || at%5 != 0 || r.before[at] || p.Done() {
		return
	}
	r.before[at] = true
	found, err := p.EndFirst()
	r.must(err)
	if found {
		r.ended++
	}
}

func (r *endingRun) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// TestEndingsSurviveCrashes: with crashes between, and replays of the journal,
// the output is the one of a run without.
func TestEndingsSurviveCrashes(t *testing.T) {
	for _, sql := range []string{held, apart, inRow} {
		for seed := range cases(4, 2) {
			rng := rand.New(rand.NewPCG(seed, 32))
			input := randomPayments(rng, 1, 120)[0]
			plain := endingRun{t: t, rng: rng, fs: vfs.NewMem()}
			want := plain.run(sql, input, false)
			for range 2 {
				r := endingRun{t: t, rng: rng, fs: vfs.NewCrashableMem()}
				if got := r.run(sql, input, true); !slices.Equal(got, want) {
					t.Fatalf("%s\nseed %d: got\n%s\nwant\n%s", sql, seed, strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
			}
			w := enginetest.NewWorld()
			w.Input("payments", input)
			if all := len(w.Run(t, sql)); plain.ended < 5 || len(want) >= all {
				t.Errorf("seed %d: %d ended, %d of %d detections left", seed, plain.ended, len(want), all)
			}
		}
	}
}

// TestEndInstance ends matches of a running query: they are gone when it
// returns, and after a restart.
func TestEndInstance(t *testing.T) {
	w := enginetest.NewWorld()
	w.Input("t", probed(20)).Open()
	dir := t.TempDir()
	e := newEngine(t, w, func(o *engine.Options) { o.DataDir = dir })
	q := start(t, e, probing)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	until(t, func() bool { return q.Status().Partitions[0].Position == 31 })
	page, err := q.Instances(ctx, engine.InstanceFilter{Key: "4"})
	if err != nil || len(page.Instances) != 1 {
		t.Fatal(page, err)
	}
	id := page.Instances[0].ID
	if x, err := q.Instance(ctx, id); err != nil || x.ID != id || string(x.Measures["large"]) != "500.0" {
		t.Errorf("%+v, %v", x, err)
	}
	if x, err := q.EndInstance(ctx, id); err != nil || x.ID != id {
		t.Errorf("%+v, %v", x, err)
	}
	for _, id := range []string{id, "0", "17", "zz", "", "-1", strings.Repeat("f", 17)} {
		if _, err := q.EndInstance(ctx, id); !errors.Is(err, engine.ErrNoInstance) {
			t.Errorf("%q: %v", id, err)
		}
	}
	if err := e.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := q.EndInstance(ctx, id); !errors.Is(err, engine.ErrEnded) {
		t.Errorf("after the end: %v", err)
	}
	q = start(t, newEngine(t, w, func(o *engine.Options) { o.DataDir = dir }), probing)
	page, err = q.Instances(ctx, engine.InstanceFilter{})
	if err != nil || page.Total != 19 || slices.ContainsFunc(page.Instances, func(x engine.Instance) bool { return x.ID == id }) {
		t.Errorf("%d after a restart: %v", page.Total, err)
	}
}
