package engine_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state/memstore"
)

// TestRowsPerSecond holds a query to ten rows a second: none is lost, none leaves
// early, and reading waits when the queue is full.
func TestRowsPerSecond(t *testing.T) {
	w := enginetest.NewWorld()
	w.Poll = 7
	w.Input("payments", cards(500))
	c := &clock.Manual{}
	left := make(chan int, 1000)
	w.Output("o").Before = func(b *event.Batch) error { left <- len(b.LiveRows()); return nil }
	e := newEngine(t, w, func(o *engine.Options) { o.Clock = c })
	q := start(t, e, `SET 'sink.max-rows-per-second' = '10'; SET 'sink.buffer-max-bytes' = '2000';`+pass)
	total, full := 0, false
	for seconds := 0; total < 500; {
		select {
		case n := <-left:
			if total += n; total > 10*(seconds+1) {
				t.Fatalf("%d rows after %d seconds", total, seconds)
			}
		case <-time.After(10 * time.Millisecond): // nothing more comes before the clock moves
			full = full || strings.Contains(q.Status().Hint, "sink.max-rows-per-second")
			c.Advance(time.Second)
			seconds++
		}
	}
	for ended := false; !ended; {
		select {
		case <-q.Done():
			ended = true
		case <-time.After(10 * time.Millisecond):
			c.Advance(time.Second)
		}
	}
	if err := q.Wait(); err != nil || !full {
		t.Errorf("%v; the queue was full: %v", err, full)
	}
	if got := w.Output("o").Texts(); len(got) != 500 || got[0] != "0" || got[499] != "499" {
		t.Errorf("%d rows", len(got))
	}
}

// TestDiskBudget fails the query whose state is too large, and lets others be.
func TestDiskBudget(t *testing.T) {
	w := enginetest.NewWorld()
	w.Poll = 50
	w.Input("payments", manyCards(300)).Open()
	e := newEngine(t, w, func(o *engine.Options) {
		o.Store, o.SnapshotInterval = memstore.New(), time.Millisecond
		o.Maxima = map[string]string{"state.disk.budget": "1 mb"}
	})
	good := start(t, e, probes)
	bad := start(t, e, `SET 'state.disk.budget' = '4 kb';`+strings.ReplaceAll(strings.ReplaceAll(probes, "TABLE alerts", "TABLE mine"), "INTO alerts", "INTO mine"))
	if err := bad.Wait(); err == nil || !strings.Contains(err.Error(), "'state.disk.budget' = 4096") {
		t.Error(err)
	}
	if s := bad.Status(); s.Durability.StateBytes <= 4096 {
		t.Errorf("%+v", s.Durability)
	}
	if s := good.Status(); s.State != engine.StateRunning {
		t.Errorf("%+v", s)
	}
}

// TestServerBounds checks what a server says of its queries' settings.
func TestServerBounds(t *testing.T) {
	for _, c := range []struct{ set, want string }{
		{"", ""},
		{"SET 'state.max-rows-per-key' = '500';", ""},
		{"SET 'state.max-rows-per-key' = '501';", "SET 'state.max-rows-per-key': '501' is above what this server allows, which is '500'"},
		{"SET 'state.memory.budget' = '2 mb';", "SET 'state.memory.budget': '2 mb' is above what this server allows, which is '1 mb'"},
		{"SET 'state.memory.budget' = 'auto';", ""},
		{"SET 'sink.max-rows-per-second' = '0';", ""}, // no limit: that of the server
		{"SET 'sink.max-rows-per-second' = '1000001';", "above what this server allows"},
		{"SET 'cepd.cpu-share' = '0';", "expected a number from 1 to 10000, found '0'"},
		{"SET 'restart-strategy.type' = 'fixed-delay';", "expected 'exponential-delay' or 'none', found 'fixed-delay'"},
	} {
		w := enginetest.NewWorld()
		w.Input("payments", cards(3))
		e := newEngine(t, w, func(o *engine.Options) {
			o.Maxima = map[string]string{"state.max-rows-per-key": "500", "state.memory.budget": "1 mb", "sink.max-rows-per-second": "1000000"}
			o.Defaults = map[string]string{"cepd.shards": "4"}
		})
		q, err := enginetest.Compile(c.set + pass)
		if err != nil {
			t.Fatal(err)
		}
		_, err = e.Start(context.Background(), q.Root, q.Catalog)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", c.set, err)
		}
	}
	for _, bad := range []engine.Options{
		{Maxima: map[string]string{"state.ttl": "1 h"}},
		{Maxima: map[string]string{"state.disk.budget": "much"}},
		{Defaults: map[string]string{"cepd.shard": "4"}},
		{Defaults: map[string]string{"cepd.shards": "20"}, Maxima: map[string]string{"cepd.shards": "8"}},
	} {
		bad.Registry = enginetest.NewWorld().Registry(nil)
		if _, err := engine.New(bad); err == nil {
			t.Errorf("accepted: %v", fmt.Sprint(bad.Maxima, bad.Defaults))
		}
	}
}

// TestMemoryOfAll fails the query that holds most when all together hold too
// much, and no other.
func TestMemoryOfAll(t *testing.T) {
	w := enginetest.NewWorld()
	w.Poll = 50
	w.Input("payments", manyCards(300)).Open()
	w.Input("few", cards(2)).Open()
	e := newEngine(t, w, func(o *engine.Options) { o.MemoryLimit = 10_000 })
	small := start(t, e, strings.NewReplacer("payments", "few", "TABLE alerts", "TABLE mine", "INTO alerts", "INTO mine").Replace(probes))
	large := start(t, e, probes)
	if err := large.Wait(); err == nil || !strings.Contains(err.Error(), "this query has most of it") {
		t.Error(err)
	}
	if s := small.Status(); s.State != engine.StateRunning {
		t.Errorf("%+v", s)
	}
}
