package cloudevents_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	sdk "github.com/cloudevents/sdk-go/v2/event"
	"github.com/cockroachdb/datadriven"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/connectors/formats/cloudevents"
	"github.com/cepd/cepd/connectors/formats/formattest"
	"github.com/cepd/cepd/internal/event"
)

// rowTime is the event time of the first row, in µs.
const rowTime = 1772442001_500_000

// decoded is a batch of rows read from JSON, with ids and times.
func decoded(t testing.TB, columns []connectors.Column, lines []string) *event.Batch {
	t.Helper()
	d, err := formats.NewDecoder(connectors.Table{Columns: columns, Physical: columns, Options: map[string]string{"format": "json"}})
	if err != nil {
		t.Fatal(err)
	}
	raw := formattest.Raw(lines...)
	b := formattest.Batch(columns)
	b.Reset(raw.N())
	if rejects, err := d.Decode(raw, b, nil); err != nil || len(rejects) > 0 {
		t.Fatal(rejects, err)
	}
	for i := range b.N {
		b.ID[i], b.Time[i] = event.Detection(0xabc, uint64(i)), rowTime+int64(i)
	}
	return b
}

// TestEvents writes rows; the arguments are columns and options.
func TestEvents(t *testing.T) {
	datadriven.RunTest(t, "testdata/events", func(t *testing.T, td *datadriven.TestData) string {
		columns, options := formattest.Args(t, td.CmdArgs)
		table := connectors.Table{Name: "alerts", Query: "big spender", Columns: columns, Physical: columns, Options: options}
		e, err := formats.NewEncoder(table)
		if err != nil {
			return err.Error()
		}
		b := decoded(t, columns, strings.Split(td.Input, "\n"))
		out := ""
		a, ok := e.(connectors.Attributed)
		if ok {
			out = "content type " + a.ContentType() + "\n"
		}
		values := strings.SplitAfter(formattest.Encode(t, e, b), "\n")
		for i := range b.N {
			if ok && len(a.Attributes()) > 0 {
				for k, v := range a.AttributesOf(b, i) {
					if v != nil {
						out += fmt.Sprintf("%s: %s\n", a.Attributes()[k], v)
					}
				}
			}
			out += values[i]
		}
		return out
	})
}

// TestAgainstTheSDK has CloudEvents' own library read events of random texts.
func TestAgainstTheSDK(t *testing.T) {
	columns := []connectors.Column{{Name: "s", Type: event.TString}, {Name: "n", Type: event.TInt64}}
	r := rand.New(rand.NewPCG(1, 2))
	for _, format := range []string{"json", "csv", "avro"} {
		table := connectors.Table{Name: "t", Query: "q", Columns: columns, Physical: columns, Options: map[string]string{"format": format, "cloudevents.mode": "structured",
			"cloudevents.type": "com.example.{s}", "cloudevents.source": "/a/{s}/b", "cloudevents.subject": "{s}{n}", "cloudevents.extension.kind": "k{n}"}}
		e, err := formats.NewEncoder(table)
		if err != nil {
			t.Fatal(err)
		}
		b := formattest.Batch(columns)
		b.Reset(200)
		for i := range b.N {
			text := make([]rune, r.IntN(5))
			for k := range text {
				text[k] = []rune{'a', '/', '%', ' ', '"', '\\', '\n', 0, 0x85, 'ü', '日', '😀'}[r.IntN(12)]
			}
			b.Cols[0].Set(i, b.N, event.StringValue(string(text)))
			b.Cols[1].Set(i, b.N, event.IntValue(int64(i)))
			b.ID[i], b.Time[i] = event.Detection(1, uint64(i)), rowTime+int64(i)
		}
		for i, line := range strings.Split(strings.TrimSuffix(formattest.Encode(t, e, b), "\n"), "\n") {
			var got sdk.Event
			if err := got.UnmarshalJSON([]byte(line)); err != nil {
				t.Fatalf("%s: %v\n%s", format, err, line)
			}
			if err := got.Validate(); err != nil {
				t.Errorf("%s: %v\n%s", format, err, line)
			}
			if want := b.ID[i].Hex(); got.ID() != want || !got.Time().Equal(time.UnixMicro(b.Time[i])) || got.Extensions()["kind"] != fmt.Sprintf("k%d", i) {
				t.Errorf("%s: id %s, time %v, %v", format, got.ID(), got.Time(), got.Extensions())
			}
			if want := plainValue(t, columns, format, b, i); string(got.Data()) != want {
				t.Errorf("%s: data %q, want %q", format, got.Data(), want)
			}
		}
	}
}

// plainValue is a row as the format writes it without CloudEvents.
func plainValue(t *testing.T, columns []connectors.Column, format string, b *event.Batch, row int) string {
	e, err := formats.NewEncoder(connectors.Table{Columns: columns, Physical: columns, Options: map[string]string{"format": format}})
	if err != nil {
		t.Fatal(err)
	}
	b.Sel = []int32{int32(row)}
	defer func() { b.Sel = nil }()
	return strings.TrimSuffix(formattest.Encode(t, e, b), "\n")
}

// slow is an encoder that has to be opened.
type slow struct{ connectors.Encoder }

var errClosed = errors.New("not open")

func (slow) Open(context.Context) error { return errClosed }

func TestOpensTheFormat(t *testing.T) {
	for _, mode := range []string{"binary", "structured"} {
		e, err := cloudevents.New(connectors.Table{Options: map[string]string{"cloudevents.mode": mode, "cloudevents.type": "t"}}, slow{}, cloudevents.Data{})
		if err != nil {
			t.Fatal(err)
		}
		if err := connectors.OpenEncoder(t.Context(), e); !errors.Is(err, errClosed) {
			t.Errorf("%s: %v", mode, err)
		}
	}
}

func TestAllocations(t *testing.T) {
	columns := []connectors.Column{{Name: "s", Type: event.TString}, {Name: "n", Type: event.TInt64}}
	lines := make([]string, 100)
	for i := range lines {
		lines[i] = fmt.Sprintf(`{"s":"text %d","n":%d}`, i, i)
	}
	b := decoded(t, columns, lines)
	for _, mode := range []string{"binary", "structured"} {
		e, err := formats.NewEncoder(connectors.Table{Columns: columns, Physical: columns, Options: map[string]string{"format": "json",
			"cloudevents.mode": mode, "cloudevents.type": "com.example.{n}", "cloudevents.source": "/{s}", "cloudevents.subject": "{s}"}})
		if err != nil {
			t.Fatal(err)
		}
		a := e.(connectors.Attributed)
		var out connectors.Encoded
		n := testing.AllocsPerRun(10, func() {
			out.Reset()
			if err := e.Encode(b, &out); err != nil {
				t.Error(err)
			}
			for i := range b.N {
				a.AttributesOf(b, i)
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations for %d rows", mode, n, b.N)
		}
	}
}
