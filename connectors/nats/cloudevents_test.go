package nats

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

// TestEvents writes CloudEvents, looks at the messages, and reads them.
func TestEvents(t *testing.T) {
	b := start(t, nil)
	b.stream(nil)
	for seq, mode := range []string{"binary", "structured"} {
		s, err := New().Sink(b.table(optSubject, "s.events", "cloudevents.mode", mode, "cloudevents.type", "com.exämple.{i}"))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		rows := event.NewBatch(event.NewSchema(event.Field{Name: "i", Type: event.TInt64}))
		rows.Reset(1)
		rows.Cols[0].I64[0], rows.ID[0], rows.Time[0] = 7, event.Detection(1, uint64(seq)), 1_000_000
		if err := s.Write(t.Context(), rows); err != nil {
			t.Fatal(err)
		}
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.Close()
		stream, err := b.js.Stream(t.Context(), "s")
		if err != nil {
			t.Fatal(err)
		}
		m, err := stream.GetMsg(t.Context(), uint64(seq+1))
		if err != nil {
			t.Fatal(err)
		}
		check(t, mode, rows.ID[0].Hex(), m.Header, string(m.Data))
	}
	table := b.table(optBounded, modeLatest)
	text := event.TString
	bytes := event.TBytes
	table.Columns = append(table.Columns[:1:1], connectors.Column{Name: "headers", Type: event.Type{Kind: event.Map, Key: &text, Elem: &bytes}, Metadata: metaHeaders})
	if got, err := read(t, table, connectors.Start, -1, -1); err != io.EOF || !strings.HasPrefix(got, `1:{"i":7} 2:{"specversion"`) {
		t.Error(got, err)
	}
}

func check(t *testing.T, mode, id string, h nats.Header, data string) {
	t.Helper()
	if mode == "structured" {
		want := fmt.Sprintf(`{"specversion":"1.0","id":"%s","time":"1970-01-01T00:00:01.000Z","source":"/cepd/q/t","type":"com.exämple.7","datacontenttype":"application/json","data":{"i":7}}`, id)
		if data != want || h.Get("content-type") != "application/cloudevents+json; charset=UTF-8" || h.Get("ce-id") != "" {
			t.Errorf("%s\n%v", data, h)
		}
		return
	}
	for name, want := range map[string]string{"ce-specversion": "1.0", "ce-id": id, "ce-source": "/cepd/q/t", "ce-type": "com.ex%C3%A4mple.7", "ce-time": "1970-01-01T00:00:01.000Z", "ce-datacontenttype": "application/json"} {
		if h.Get(name) != want {
			t.Errorf("header %s is %q, not %q", name, h.Get(name), want)
		}
	}
	if data != `{"i":7}` {
		t.Error(data)
	}
}
