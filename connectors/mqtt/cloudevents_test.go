package mqtt

import (
	"strconv"
	"strings"
	"testing"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

// TestEvents writes CloudEvents and reads them with what is beside the values.
func TestEvents(t *testing.T) {
	b := startBroker(t)
	x := read(t, New(newLogs(t)), b.table(optTopic, "events"), connectors.Start)
	b.subscribed(1)
	for i, mode := range []string{"binary", "structured"} {
		s, err := New(nil).Sink(b.table(optTopic, "events", "cloudevents.mode", mode, "cloudevents.type", "com.exämple.{i}"))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		rows := event.NewBatch(event.NewSchema(event.Field{Name: "i", Type: event.TInt64}))
		rows.Reset(1)
		rows.Cols[0].I64[0], rows.ID[0], rows.Time[0] = 7, event.Detection(1, uint64(i)), 1_000_000
		if err := s.Write(t.Context(), rows); err != nil {
			t.Fatal(err)
		}
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.Close()
		got := x.next(1, true)
		header := func(key, value string) string {
			one := connectors.AppendHeaders(nil, []connectors.Header{{Key: key, Value: []byte(value)}})[1:]
			quoted := strings.Trim(strings.ReplaceAll(strconv.Quote(string(one)), "\n", ""), `"`)
			return quoted
		}
		want := []string{`{"i":7}`, header("specversion", "1.0"), header("id", rows.ID[0].Hex()), header("source", "/cepd/q/t"), header("type", "com.exämple.7"),
			header("time", "1970-01-01T00:00:01.000Z"), header("\x00content-type", "application/json")}
		if mode == "structured" {
			want = []string{`{"specversion":"1.0","id":"` + rows.ID[0].Hex() + `"`, `"data":{"i":7}}`, header("\x00content-type", "application/cloudevents+json; charset=UTF-8")}
		}
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("no %s in %s", w, got)
			}
		}
	}
	_, err := New(nil).Sink(b.table(optTopic, "events", optVersion, version311, "cloudevents.mode", "binary", "cloudevents.type", "t"))
	if err == nil || !strings.Contains(err.Error(), "takes MQTT 5") {
		t.Error(err)
	}
}
