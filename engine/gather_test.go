package engine_test

import (
	"testing"
	"time"

	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/state/memstore"
)

// Rows for a sink that wants few large deliveries leave when they have waited, are
// enough, or the query ends.
func TestRowsAreGathered(t *testing.T) {
	for name, exactly := range map[string]bool{"at least once": false, "exactly once": true} {
		t.Run(name, func(t *testing.T) {
			w := enginetest.NewWorld()
			in := w.Input("payments", cards(30)).Open()
			in.Show(0, 5)
			out := w.Output("o")
			out.Wait, out.Enough = 100_000*time.Hour, 1<<20
			if exactly {
				out.Transactional()
			}
			now := &clock.Manual{}
			e := newEngine(t, w, func(o *engine.Options) { o.Store, o.Clock = memstore.New(), now })
			q := start(t, e, pass)
			read := func(n int64) {
				until(t, func() bool { now.Advance(time.Second); return q.Status().Partitions[0].Position == n })
			}
			read(5)
			for range 600 {
				now.Advance(time.Second)
			}
			in.Show(0, 10)
			read(10)
			if n := len(out.Rows()); n != 0 {
				t.Fatalf("%d rows have left", n)
			}
			until(t, func() bool { now.Advance(10_000 * time.Hour); return len(out.Rows()) == 10 })
			in.Show(0, 20)
			read(20)
			if err := q.Stop(t.Context()); err != nil || len(out.Rows()) != 20 {
				t.Errorf("%v, %d rows", err, len(out.Rows()))
			}
		})
	}
}

// Rows that are enough do not wait.
func TestEnoughRowsLeave(t *testing.T) {
	w := enginetest.NewWorld()
	w.Input("payments", cards(1000)).Open()
	out := w.Output("o")
	out.Wait, out.Enough = 100_000*time.Hour, 100
	now := &clock.Manual{}
	e := newEngine(t, w, func(o *engine.Options) { o.Clock = now })
	start(t, e, pass)
	until(t, func() bool { now.Advance(time.Second); return len(out.Rows()) >= 900 })
}
