package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/state/pebblestore"
)

const twoSinks = payments + `CREATE TABLE o (card BIGINT) WITH ('connector'='test');
CREATE TABLE o2 (card BIGINT) WITH ('connector'='test');
EXECUTE STATEMENT SET BEGIN INSERT INTO o SELECT card FROM payments; INSERT INTO o2 SELECT card FROM payments; END`

// watching is a reader that is cut off and goes on, of a query that crashes and is
// started again.
type watching struct {
	t     *testing.T
	rng   *rand.Rand
	w     *enginetest.World
	fs    *vfs.MemFS
	store *pebblestore.Store
	e     *engine.Engine
	q     *engine.Query
	sql   string

	watch  *engine.Watch
	cursor string
	got    []string // "sink columns"
	ids    map[string]bool
}

func (x *watching) life() {
	x.t.Helper()
	store, err := pebblestore.Open("db", pebblestore.Options{FS: x.fs})
	if err != nil {
		x.t.Fatal(err)
	}
	x.store = store
	x.e = newEngine(x.t, x.w, func(o *engine.Options) {
		o.Store, o.CommitInterval, o.SnapshotInterval = store, time.Millisecond, 5*time.Millisecond
	})
	x.q = start(x.t, x.e, x.sql)
	x.resume()
}

func (x *watching) resume() {
	x.t.Helper()
	if x.watch != nil {
		x.watch.Close()
	}
	var err error
	if x.watch, err = x.e.Watch(x.q.Name(), x.cursor); err != nil {
		x.t.Fatal(err)
	}
}

// end ends the life, by a crash or in order.
func (x *watching) end(crash bool) {
	x.t.Helper()
	if crash {
		x.fs = x.fs.CrashClone(vfs.CrashCloneCfg{})
	}
	if err := x.e.Close(context.Background()); err != nil {
		x.t.Fatal(err)
	}
	x.watch = nil
	if err := x.store.Close(); err != nil {
		x.t.Fatal(err)
	}
}

func (x *watching) read(limit int) (n int) {
	x.t.Helper()
	page := x.watch.Next(limit, false)
	if len(page.Gaps) > 0 {
		x.t.Fatalf("gaps %+v behind %s", page.Gaps, x.cursor)
	}
	for _, d := range page.Detections {
		x.got = append(x.got, d.Sink+" "+string(d.Columns))
		if x.ids[d.Sink+d.ID] {
			x.t.Fatalf("%s came twice", d.Columns)
		}
		x.ids[d.Sink+d.ID] = true
		if x.cursor = d.Cursor; x.rng.IntN(200) == 0 { // cut off in the middle
			x.resume()
			return 1
		}
	}
	x.cursor = page.Next
	return len(page.Detections)
}

// A reader that is cut off at any point, and through any end of the query, gets
// every row once.
func TestWatchGoesOn(t *testing.T) {
	for seed := range cases(6, 2) {
		sql, sinks := pass, []string{"o"}
		if seed%3 == 2 {
			sql, sinks = twoSinks, []string{"o", "o2"}
		}
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 31))
			x := &watching{t: t, rng: rng, w: enginetest.NewWorld(), fs: vfs.NewCrashableMem(), sql: sql, cursor: engine.FromOldest, ids: map[string]bool{}}
			in := x.w.Input("payments", nil).Open()
			rows, lives := 0, 0
			for x.life(); lives < 6; {
				switch rng.IntN(6) {
				case 0, 1:
					n := 1 + rng.IntN(30)
					if rng.IntN(4) == 0 {
						n += 600 // more than are copied together
					}
					in.Append(0, cards(rows + n)[rows:]...)
					rows += n
				case 2:
					x.end(rng.IntN(2) == 0)
					x.life()
					lives++
				default:
					x.read(1 + rng.IntN(700))
				}
			}
			until(t, func() bool { x.read(1000); return len(x.got) == len(sinks)*rows })
			x.end(false)
			for _, sink := range sinks {
				var got []string
				for _, text := range x.got {
					if s, columns, _ := strings.Cut(text, " "); s == sink {
						got = append(got, columns)
					}
				}
				var want []string
				for i := range rows {
					want = append(want, fmt.Sprintf(`{"card":%d}`, i))
				}
				if !slices.Equal(got, want) {
					t.Errorf("%s: %d rows, want %d in order", sink, len(got), len(want))
				}
			}
		})
	}
}

// A reader that is slower than the ring is told how many rows it has missed, and
// one that wants only so many, how many it has skipped.
func TestWatchIsSlow(t *testing.T) {
	for _, size := range []int{7, 600, 4096} {
		w := enginetest.NewWorld()
		w.Poll = size
		w.Input("payments", cards(25_000))
		e := newEngine(t, w, nil)
		q := start(t, e, pass)
		oldest, err := e.Watch(q.Name(), engine.FromOldest)
		if err != nil {
			t.Fatal(err)
		}
		defer oldest.Close()
		if err := q.Wait(); err != nil {
			t.Fatal(err)
		}
		known, err := e.Watch(q.Name(), "1.17")
		if err != nil {
			t.Fatal(err)
		}
		defer known.Close()
		if page := known.Next(10, false); len(page.Gaps) != 1 || page.Gaps[0].Reason != "restarted" {
			t.Errorf("%+v", page.Gaps)
		}
		first := oldest.Next(100, false)
		place, _, _ := strings.Cut(first.Next, ".")
		known, err = e.Watch(q.Name(), place+".17")
		if err != nil {
			t.Fatal(err)
		}
		defer known.Close()
		var missed int64
		rows := 0
		for page := known.Next(900, false); len(page.Detections) > 0; page = known.Next(900, false) {
			rows += len(page.Detections)
			for _, g := range page.Gaps {
				missed += g.Missed
			}
		}
		if missed == 0 || 17+missed+int64(rows) != 25_000 || rows < engine.RecentRows/2 || rows > engine.RecentRows+4096 {
			t.Errorf("steps of %d: %d missed, %d read", size, missed, rows)
		}
		rest := oldest.Next(100, true)
		if len(rest.Gaps) != 1 || rest.Gaps[0].Reason != "rate" || int(rest.Gaps[0].Missed)+200 != rows || string(rest.Detections[99].Columns) != `{"card":24999}` {
			t.Errorf("%+v and %d of %d", rest.Gaps, len(rest.Detections), rows)
		}
	}
}

// All queries together: rows in the order of their arrival, which an orderly
// restart keeps.
func TestWatchAll(t *testing.T) {
	w, dir := enginetest.NewWorld(), t.TempDir()
	in := w.Input("payments", cards(100)).Open()
	other := strings.ReplaceAll(strings.Replace(pass, "INTO o", "INTO p", 1), "TABLE o", "TABLE p")
	cursor := ""
	got := map[string]int{}
	for life := range 3 {
		e := newEngine(t, w, func(o *engine.Options) { o.DataDir = dir })
		if cursor == "" {
			cursor = engine.FromOldest
		}
		watch, err := e.Watch("", cursor)
		if err != nil {
			t.Fatal(err)
		}
		start(t, e, pass)
		start(t, e, other)
		want := 2 * (100 + 10*life)
		until(t, func() bool {
			page := watch.Next(7, false)
			if cursor = page.Next; len(page.Gaps) > 0 {
				t.Fatalf("%+v", page.Gaps)
			}
			for _, d := range page.Detections {
				got[d.Query+string(d.Columns)]++
				if e := d.Events; len(e) != 1 || e[0].Table != "payments" || e[0].Partition != 0 {
					t.Fatalf("%+v", d)
				}
			}
			return len(got) == want
		})
		watch.Close()
		if err := e.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		in.Append(0, cards(110 + 10*life)[100+10*life:]...)
	}
	for what, n := range got {
		if n != 1 {
			t.Errorf("%s came %d times", what, n)
		}
	}
}

func TestCursorIsRefused(t *testing.T) {
	e := newEngine(t, enginetest.NewWorld(), nil)
	for _, c := range [][2]string{{"q", "x"}, {"q", "1"}, {"q", "1.x"}, {"q", "1.2,"}, {"", "1.2"}, {"", "-1"}} {
		if w, err := e.Watch(c[0], c[1]); err == nil || !strings.Contains(err.Error(), "want the next") {
			t.Errorf("%v: %+v, %v", c, w, err)
		}
	}
}
