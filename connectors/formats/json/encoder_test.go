package json

import (
	stdjson "encoding/json"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/formattest"
	"github.com/cepd/cepd/internal/event"
)

// TestEncode decodes each line and writes it again.
func TestEncode(t *testing.T) {
	datadriven.RunTest(t, "testdata/encode", func(t *testing.T, td *datadriven.TestData) string {
		columns, options := formattest.Args(t, td.CmdArgs)
		opts, err := ParseOptions(func(k string) string { return options[k] })
		if err != nil {
			return err.Error()
		}
		d, err := NewDecoder(columns, Options{})
		if err != nil {
			return err.Error()
		}
		e, err := NewEncoder(columns, opts)
		if err != nil {
			return err.Error()
		}
		return formattest.Recode(t, d, e, columns, formattest.Raw(strings.Split(td.Input, "\n")...))
	})
}

func FuzzText(f *testing.F) {
	f.Add("plain")
	f.Add("\x00\x1f\"\\\n日本\xff\xed\xa0\x80 tail that is long enough for words")
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		if err := stdjson.Unmarshal(AppendText(nil, []byte(s)), &got); err != nil {
			t.Fatal(err)
		}
		b, _ := stdjson.Marshal(s)
		var want string
		_ = stdjson.Unmarshal(b, &want)
		if got != want {
			t.Fatalf("%q, want %q", got, want)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	raw := transactions(1, 1024)
	d, _ := NewDecoder(transactionColumns, Options{})
	e, _ := NewEncoder(transactionColumns, Options{})
	batch := formattest.Batch(transactionColumns)
	batch.Reset(raw.N())
	if _, err := d.Decode(raw, batch, nil); err != nil {
		b.Fatal(err)
	}
	dst := &connectors.Encoded{Buf: make([]byte, 0, 1<<18), Value: make([]event.Span, 0, 1024)}
	b.ReportAllocs()
	for b.Loop() {
		dst.Reset()
		if err := e.Encode(batch, dst); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1024, "ns/record")
}
