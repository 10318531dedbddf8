package engine_test

import (
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/event"
)

// hog counts the steps of a query that always has more to do, beside a query
// that now and then has a row. It takes steps only while such a row is on its
// way, and none before the other waits for its turn.
type hog struct {
	engine  *engine.Engine
	asked   atomic.Bool // a row of the other is on its way
	over    atomic.Bool
	steps   atomic.Int64
	waited  atomic.Int64 // steps since the row came
	longest atomic.Int64 // the most of them
}

func (h *hog) step() {
	for !h.over.Load() && (!h.asked.Load() || h.engine.TurnsWaited() == 0) {
		runtime.Gosched()
	}
	if h.over.Load() {
		return
	}
	h.steps.Add(1)
	h.longest.Store(max(h.longest.Load(), h.waited.Add(1)))
}

func (h *hog) served() {
	h.asked.Store(false)
	h.waited.Store(0)
}

type hookedDecoder struct {
	connectors.Decoder
	hook func()
}

func (d hookedDecoder) Decode(raw *connectors.RawBatch, dst *event.Batch, rejects []connectors.Reject) ([]connectors.Reject, error) {
	d.hook()
	return d.Decoder.Decode(raw, dst, rejects)
}

// TestHogTakesTurns has one processor, a query with more to do than it can, and
// one with little: that one waits for the step at hand, and for another if it had
// just looked for rows when its row came.
func TestHogTakesTurns(t *testing.T) {
	h := &hog{}
	w := enginetest.NewWorld()
	w.Poll = 10
	w.Input("hogged", cards(50_000)).Open()
	light := w.Input("payments", nil).Open()
	rows := make(chan struct{}, 100)
	w.Output("o").Before = func(*event.Batch) error { rows <- struct{}{}; return nil }
	h.engine = newEngine(t, w, func(o *engine.Options) {
		o.Workers = 1
		o.NewDecoder = func(table connectors.Table) (connectors.Decoder, error) {
			d, err := formats.NewDecoder(table)
			if table.Name == "hogged" {
				return hookedDecoder{d, h.step}, err
			}
			return hookedDecoder{d, h.served}, err
		}
	})
	start(t, h.engine, strings.NewReplacer("payments", "hogged", "TABLE o ", "TABLE other ", "INTO o ", "INTO other ").Replace(pass))
	start(t, h.engine, pass)
	for range 50 {
		h.asked.Store(true)
		light.Append(0, cards(1)...)
		<-rows
	}
	h.over.Store(true)
	if n := h.steps.Load(); n == 0 {
		t.Error("the hog took no step")
	}
	if n := h.longest.Load(); n > 2 {
		t.Errorf("the hog took %d steps while a row of the other waited", n)
	}
}
