package formats

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/formattest"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/schemaregistry/registrytest"
)

// bell is a log that rings.
type bell chan struct{}

func (b bell) Write(p []byte) (int, error) {
	select {
	case b <- struct{}{}:
	default:
	}
	return len(p), nil
}

// away does something that needs the registry, which is gone and comes back when it is
// missed.
func (b bell) away(t *testing.T, r *registrytest.Registry, do func()) {
	t.Helper()
	r.Down()
	done := make(chan struct{})
	go func() { defer close(done); do() }()
	select {
	case <-b:
	case <-done:
		t.Error("nobody misses the registry")
	case <-time.After(time.Minute):
		t.Error("that the registry is gone is not logged")
	}
	r.Up(t)
	<-done
}

// TestRegistryRestart encodes and decodes while the registry is gone: what needs a
// schema waits until it is back, what has one goes on, and no record is lost.
func TestRegistryRestart(t *testing.T) {
	columns := []connectors.Column{{Name: "i", Type: event.TInt64}, {Name: "f", Type: event.TFloat64}, {Name: "s", Type: event.TString}}
	for _, name := range []string{"avro-confluent", "protobuf-confluent"} {
		t.Run(name, func(t *testing.T) {
			r, b := registrytest.New(t), make(bell, 1)
			table := connectors.Table{Columns: columns, Physical: columns, Log: slog.New(slog.NewTextHandler(b, nil)), Options: map[string]string{"format": name, name + ".url": r.URL, "topic": "t"}}
			if name == "protobuf-confluent" {
				table.Options[name+".schema"] = `syntax = "proto3"; message M { int64 i = 1; double f = 2; string s = 3; }`
			}
			e, err := NewEncoder(table)
			if err != nil {
				t.Fatal(err)
			}
			b.away(t, r, func() { err = connectors.OpenEncoder(t.Context(), e) })
			if err != nil {
				t.Fatal(err)
			}
			rows := formattest.Batch(columns)
			rows.Reset(1)
			rows.Cols[0].Set(0, 1, event.IntValue(7))
			rows.Cols[1].Set(0, 1, event.FloatValue(0.5))
			rows.Cols[2].Set(0, 1, event.StringValue("text"))
			r.Down()
			raw := formattest.Raw(strings.TrimSuffix(formattest.Encode(t, e, rows), "\n"))
			r.Up(t)
			d, err := NewDecoder(table)
			if err != nil {
				t.Fatal(err)
			}
			d.(connectors.Waiter).Within(t.Context())
			const want = "7 | 0.5 | \"text\"\n"
			var got string
			b.away(t, r, func() { got = formattest.Decode(t, d, columns, raw) })
			r.Down()
			if again := formattest.Decode(t, d, columns, raw); got != want || again != want {
				t.Errorf("%q, with a schema that is known %q", got, again)
			}
			r.Up(t)
		})
	}
}
