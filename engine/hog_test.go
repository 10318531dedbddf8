package engine_test

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/event"
)

type hookedDecoder struct {
	connectors.Decoder
	hook func()
}

func (d hookedDecoder) Decode(raw *connectors.RawBatch, dst *event.Batch, rejects []connectors.Reject) ([]connectors.Reject, error) {
	d.hook()
	return d.Decoder.Decode(raw, dst, rejects)
}

// TestHogTakesTurns has one processor, a query with more to do than it can, and
// one with little: a row of that one waits for the step at hand and no other. A
// step takes 10 ms by the clock, so that none is long.
func TestHogTakesTurns(t *testing.T) {
	w := enginetest.NewWorld()
	w.Poll = 10
	w.Input("hogged", cards(50_000)).Open()
	light := w.Input("payments", nil).Open()
	rows, begun, end := make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	w.Output("o").Before = func(*event.Batch) error { rows <- struct{}{}; return nil }
	over, c := make(chan struct{}), &clock.Manual{}
	step := func() { // of the hog: as long as the test says
		select {
		case begun <- struct{}{}:
			<-end
		case <-over:
		}
	}
	e := newEngine(t, w, func(o *engine.Options) {
		o.Workers, o.Clock = 1, c
		o.NewDecoder = func(table connectors.Table) (connectors.Decoder, error) {
			d, err := formats.NewDecoder(table)
			if table.Name == "hogged" {
				return hookedDecoder{d, step}, err
			}
			return d, err
		}
	})
	start(t, e, pass)
	start(t, e, strings.NewReplacer("payments", "hogged", "TABLE o ", "TABLE other ", "INTO o ", "INTO other ").Replace(pass))
	defer close(over)
	for round := range 50 {
		<-begun
		light.Append(0, cards(1)...)
		for e.TurnsWaited() == 0 {
			runtime.Gosched()
		}
		c.Advance(10 * time.Millisecond)
		end <- struct{}{}
		select {
		case <-rows:
		case <-time.After(time.Minute):
			t.Fatalf("round %d: the hog goes on while the other waits", round)
		}
	}
}
