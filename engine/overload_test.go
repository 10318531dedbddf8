package engine_test

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state/memstore"
)

// overloadRows is how many rows an overloaded query has before it: more with
// CEPD_OVERLOAD_ROWS.
func overloadRows() int {
	n, err := strconv.Atoi(os.Getenv("CEPD_OVERLOAD_ROWS"))
	if err != nil {
		n = 30_000
	}
	return n
}

// heap is what lives, in bytes.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestOverload has ten times the input that the sink takes, and a small queue:
// memory stays, reading waits, the lag shows, everything comes out in the end, and
// it is what an unhurried run gives.
func TestOverload(t *testing.T) {
	const queue = 64 << 10
	n := overloadRows()
	input := manyCards(n)
	w := enginetest.NewWorld()
	w.Input("payments", input)
	want := w.Run(t, pass)

	w = enginetest.NewWorld()
	w.Poll = 100
	w.Input("payments", input)
	var written, grown atomic.Int64
	before := heap()
	var q *engine.Query
	started := make(chan struct{})
	behind := false
	w.Output("o").Before = func(b *event.Batch) error { // a sink that stops every tenth of the way
		<-started
		if at := written.Add(int64(len(b.LiveRows()))); at%int64(n/10) < 100 {
			for end := time.Now().Add(time.Minute); !behind && time.Now().Before(end); runtime.Gosched() {
				s := q.Status() // the query goes on as far as it may
				behind = s.Partitions[0].Lag > 0 && s.Sinks[0].QueuedBytes >= queue && s.Hint != ""
			}
			grown.Store(max(grown.Load(), heap()-before))
			if s := q.Status(); s.Sinks[0].QueuedBytes > 2*queue {
				t.Errorf("the queue has %d bytes", s.Sinks[0].QueuedBytes)
			}
		}
		return nil
	}
	q = start(t, newEngine(t, w, func(o *engine.Options) { o.Store = memstore.New() }), fmt.Sprintf("SET 'sink.buffer-max-bytes' = '%d';", queue)+pass)
	close(started)
	if err := q.Wait(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, w.Output("o").Texts()); diff != "" {
		t.Error(diff[:min(len(diff), 500)])
	}
	if s := q.Status(); !behind || s.Partitions[0].Lag != 0 || s.Sinks[0].QueuedBytes != 0 {
		t.Errorf("the lag was seen: %v; at the end it is %d, and %d bytes wait", behind, s.Partitions[0].Lag, s.Sinks[0].QueuedBytes)
	}
	// The rows that were written are the test's own: some 100 bytes each.
	if most := int64(8<<20) + int64(n)*150; grown.Load() > most {
		t.Errorf("the heap grew by %d bytes, more than %d", grown.Load(), most)
	}
}

// TestHotKey gives one key nine rows of ten. Its limit holds, its rows beyond are
// counted, and what the other keys give is what they give without it.
func TestHotKey(t *testing.T) {
	const most = 200
	sql := fmt.Sprintf("SET 'state.limit-policy' = 'drop-oldest'; SET 'state.max-rows-per-key' = '%d';", most) + probes
	var hot, others []string
	for i := range 20_000 {
		card, amount := 0, 5
		if i%10 == 0 {
			card = 1 + i/10%100
			if i/1000%3 == 2 {
				amount = 900
			}
		}
		row := fmt.Sprintf(`{"card":%d,"amount":%d,"country":"DE","ts":"2026-01-01 00:00:%02d"}`, card, amount, i/400)
		if hot = append(hot, row); card > 0 {
			others = append(others, row)
		}
	}
	run := func(input []string) (rows []string, s engine.Status) {
		w := enginetest.NewWorld()
		w.Poll = 500
		w.Input("payments", input)
		c, err := enginetest.Compile(sql)
		if err != nil {
			t.Fatal(err)
		}
		p := w.Pipeline(t, c, w.Options(), nil)
		rowsHeld := int64(0)
		for !p.Done() {
			if _, err := enginetest.Round(p); err != nil {
				t.Fatal(err)
			}
			if s = p.Status(); !p.Done() {
				rowsHeld = max(rowsHeld, s.Operators[0].Rows-s.Operators[0].Waiting)
			}
		}
		if err := enginetest.Finish(p); err != nil {
			t.Fatal(err)
		}
		if limit := int64(most + 100*40); rowsHeld > limit {
			t.Errorf("%d rows are held, more than %d", rowsHeld, limit)
		}
		return enginetest.Sorted(w.Output("alerts").Texts()), p.Status()
	}
	want, _ := run(others)
	got, s := run(hot)
	if diff := cmp.Diff(want, got); diff != "" || len(want) < 100 {
		t.Errorf("%d rows: %s", len(want), diff[:min(len(diff), 500)])
	}
	if s.Rejected["limit"] == 0 || !strings.HasPrefix(s.Partitions[0].Table, "payments") {
		t.Errorf("%v", s.Rejected)
	}
}

// TestSlowDisk has a source whose records the journal keeps, and a disk that takes
// nothing for a while: steps wait for it, and nothing is lost.
func TestSlowDisk(t *testing.T) {
	const limit, record = 16 << 20, 10_000
	w := enginetest.NewWorld()
	w.Poll = 50
	var input []string
	for i := range 3000 {
		input = append(input, fmt.Sprintf(`{"card":%d,"amount":1,"country":"%s","ts":"2026-01-01 00:00:00"}`, i, strings.Repeat("x", record)))
	}
	w.Input("payments", input).Forget()
	c, err := enginetest.Compile(strings.Replace(pass, "FROM payments", "FROM payments WHERE CHAR_LENGTH(country) < 5", 1))
	if err != nil {
		t.Fatal(err)
	}
	p := w.Pipeline(t, c, w.Options(), memstore.New())
	for waits := 0; !p.Done(); {
		idle, err := p.Step(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !idle {
			continue
		}
		if read := p.Status().Partitions[0].Position * record; read < limit/2 && waits == 0 || read > int64(waits+1)*(limit+60*record) {
			t.Fatalf("it waits after %d bytes", read)
		}
		if !strings.Contains(p.Status().Hint, "the disk is behind") {
			t.Fatal(p.Status().Hint)
		}
		waits++
		if err := p.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	if n := p.Status().Partitions[0].Position; n != 3000 {
		t.Errorf("%d records read", n)
	}
}
