package pushed

import (
	"context"
	"testing"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state"
	"github.com/cepd/cepd/state/intake"
	"github.com/cepd/cepd/state/memstore"
)

// patience bounds every wait of a test.
const patience = 2 * time.Minute

// gated is a store whose commits wait to be let through.
type gated struct {
	state.Store
	arrived, pass chan struct{}
}

func (g gated) NewBatch() state.Batch { return gatedBatch{g.Store.NewBatch(), g} }

type gatedBatch struct {
	state.Batch
	gate gated
}

func (b gatedBatch) Commit(sync bool) error {
	if sync {
		b.gate.arrived <- struct{}{}
		<-b.gate.pass
	}
	return b.Batch.Commit(sync)
}

// one receives one message, whose mark is its number, behind the mark of the log.
type one struct {
	marks chan string // as they were found
}

func (r one) Run(ctx context.Context, in *Inbox) error {
	mark, err := in.Mark()
	if err != nil {
		return err
	}
	r.marks <- string(mark)
	next := append(mark, 'x')
	if err := in.Put(ctx, Message{Value: next, Mark: next}); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

// TestStopWaitsForTheLog: who receives after a reader has left knows how far the log
// is, also when that was being written.
func TestStopWaitsForTheLog(t *testing.T) {
	g := gated{memstore.New(), make(chan struct{}), make(chan struct{})}
	logs := intake.New(clock.Wall{})
	if err := logs.Open(g); err != nil {
		t.Fatal(err)
	}
	columns := []connectors.Column{{Name: "a", Type: event.TString}}
	table := connectors.Table{Name: "t", Query: "q", Columns: columns, Physical: columns, Options: map[string]string{"connector": "mqtt", "format": "raw"}}
	hub, r := NewHub(logs), one{make(chan string, 1)}
	for _, want := range []string{"", "x", "xx"} {
		s, err := hub.Source(table, r)
		if err != nil {
			t.Fatal(err)
		}
		reader, err := s.Open(t.Context(), 0, connectors.Start, func() {})
		if err != nil {
			t.Fatal(err)
		}
		if got := <-r.marks; got != want {
			t.Fatalf("mark %q, want %q", got, want)
		}
		<-g.arrived
		left := make(chan struct{})
		go func() {
			_ = reader.Close()
			close(left)
		}()
		select {
		case <-left:
			t.Fatal("it has left while the log was being written")
		case <-time.After(50 * time.Millisecond): // long enough to see it, where it would
		}
		g.pass <- struct{}{}
		select {
		case <-left:
		case <-time.After(patience):
			t.Fatal("it does not leave")
		}
	}
	logs.Close()
}
