package nats

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/trace"
)

// TestTracesGoThrough writes a message that is part of a trace, and reads it as part
// of it.
func TestTracesGoThrough(t *testing.T) {
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	c, ok := trace.Parse([]byte(parent), nil)
	if !ok {
		t.Fatal("it is no context")
	}
	b := start(t, nil)
	b.stream(nil)
	sink, err := New().Sink(b.table(optSubject, "s.traced"))
	if err != nil {
		t.Fatal(err)
	}
	if err := sink.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	rows := event.NewBatch(event.NewSchema(event.Field{Name: "i", Type: event.TInt64}))
	rows.Reset(2)
	for i := range 2 {
		rows.Cols[0].I64[i], rows.ID[i] = int64(i), event.Detection(1, uint64(i))
	}
	if err := sink.Write(connectors.WithTraced(t.Context(), []connectors.Traced{{Row: 1, Context: c}}), rows); err != nil {
		t.Fatal(err)
	}
	if err := sink.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	table := b.table(optBounded, modeLatest)
	table.Traced = true
	r, wake := follow(t, table)
	var traced []bool
	deadline := time.After(patience)
	for {
		var raw connectors.RawBatch
		if err := r.Poll(10, -1, &raw); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		for _, at := range raw.Headers {
			traced = append(traced, strings.Contains(string(raw.Buf[at.Off:at.Off+at.Len]), trace.Header) && strings.Contains(string(raw.Buf), parent))
		}
		if raw.N() > 0 {
			continue
		}
		select {
		case <-wake:
		case <-deadline:
			t.Fatal(traced)
		}
	}
	if !slices.Equal(traced, []bool{false, true}) {
		t.Error(traced)
	}
}
