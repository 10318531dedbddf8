package formats

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/formattest"
	"github.com/cepd/cepd/internal/event"
)

func table(options ...string) connectors.Table {
	t := connectors.Table{Options: map[string]string{}, Columns: []connectors.Column{
		{Name: "b", Type: event.TInt64}, {Name: "m", Type: event.TString, Metadata: "topic"},
	}}
	for _, o := range options {
		k, v, _ := strings.Cut(o, "=")
		t.Options[k] = v
	}
	return t
}

func TestDecoderByName(t *testing.T) {
	physical := []connectors.Column{{Name: "a", Type: event.TString}, {Name: "b", Type: event.TInt64}}
	for _, c := range []struct {
		options []string
		record  string
		want    string
	}{
		{[]string{"format=json"}, `{"b":1}`, "1 | \"\"\n"},
		{[]string{"format=csv"}, `x,1`, "1 | \"\"\n"},
		{[]string{"value.format=json", "value.json.ignore-parse-errors=true", "format=csv"}, `{"b":"x"}`, "NULL | \"\"\n"},
		{[]string{"format=json", "value.json.ignore-parse-errors=true"}, `{"b":"x"}`, "REJECT field b: expected a number for BIGINT, found \"x\" at byte 5\n"},
	} {
		tab := table(c.options...)
		tab.Physical = physical
		d, err := NewDecoder(tab)
		if err != nil {
			t.Fatal(err)
		}
		dst := formattest.Batch(tab.Columns)
		raw := formattest.Raw(c.record)
		dst.Reset(1)
		dst.Cols[1].SetBytes(0, nil)
		rejects, err := d.Decode(raw, dst, nil)
		got := formattest.Row(dst, 0)
		if len(rejects) > 0 {
			got = "REJECT " + rejects[0].Reason + "\n"
		}
		if err != nil || got != c.want {
			t.Errorf("%v: %s, %v", c.options, got, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	for option, want := range map[string]string{
		"format=xml": "unknown format 'xml'", "none=": "option 'format' is missing", "format=raw": "exactly one column, of type STRING or BYTES",
	} {
		if _, err := NewDecoder(table(option)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", option, err)
		}
		if _, err := NewEncoder(table(option)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", option, err)
		}
	}
	for _, format := range []string{"json", "csv"} {
		tab := table("format=" + format)
		tab.Columns[0].Type = event.TDay
		if d, err := NewDecoder(tab); err == nil || d != nil {
			t.Errorf("%s reads INTERVAL: %v, %v", format, d, err)
		}
	}
}

func TestRaw(t *testing.T) {
	for _, kind := range []event.Type{event.TString, event.TBytes} {
		tab := table("format=raw")
		tab.Columns[0].Type = kind
		d, err := NewDecoder(tab)
		if err != nil {
			t.Fatal(err)
		}
		e, err := NewEncoder(tab)
		if err != nil {
			t.Fatal(err)
		}
		columns := tab.Columns[:1]
		raw := formattest.Raw("one", "", "<tombstone>", "\xff", "five")
		got := formattest.Decode(t, d, columns, raw)
		want := "\"one\"\n\"\"\nNULL\nREJECT not valid UTF-8\n\"five\"\n"
		if kind.Kind == event.Bytes {
			want = strings.Replace(want, "REJECT not valid UTF-8", `"\xff"`, 1)
		}
		if got != want {
			t.Errorf("%s: %s", kind, got)
		}
		if got := formattest.Recode(t, d, e, columns, formattest.Raw("a", "<tombstone>", "b")); got != "a\n\nb\n" {
			t.Errorf("%q", got)
		}
	}
}

// TestCutter cuts the same text read whole, byte by byte, and with the end
// announced with the last bytes.
func TestCutter(t *testing.T) {
	text := "h\n{}\n\n\r\n{\"a\":1}\r\n" + strings.Repeat("x", chunk) + "\nlast"
	for name, in := range map[string]io.Reader{
		"whole": strings.NewReader(text), "bytes": iotest.OneByteReader(strings.NewReader(text)), "early end": iotest.DataErrReader(strings.NewReader(text)),
	} {
		t.Run(name, func(t *testing.T) {
			c := NewCutter(in, Framing{Split: splitLines, Header: true}, 0)
			var got []string
			for {
				s, at, ok, err := c.Next()
				if err != nil {
					t.Fatal(err)
				}
				if ok {
					got = append(got, fmt.Sprintf("%d %.10s", at, c.Buf[s.Off:s.Off+s.Len]))
				} else if err := c.Fill(); err == io.EOF {
					break
				} else if err != nil {
					t.Fatal(err)
				}
			}
			want := fmt.Sprintf("2 {}|8 {\"a\":1}|17 xxxxxxxxxx|%d last", 17+chunk+1)
			if strings.Join(got, "|") != want || c.Position() != int64(len(text)) {
				t.Errorf("%q, position %d", got, c.Position())
			}
		})
	}
	broken := NewCutter(iotest.ErrReader(io.ErrUnexpectedEOF), Framing{Split: splitLines}, 0)
	if err := broken.Fill(); err != io.ErrUnexpectedEOF {
		t.Error(err)
	}
}

// TestEncodersAllocateNothing writes a batch again and again into the same memory.
func TestEncodersAllocateNothing(t *testing.T) {
	columns := map[string][]connectors.Column{
		"raw":  {{Name: "s", Type: event.TString}},
		"json": {{Name: "s", Type: event.TString}, {Name: "i", Type: event.TInt64}, {Name: "f", Type: event.TFloat64}, {Name: "d", Type: event.TDecimal(30, 2)}, {Name: "t", Type: event.TTimestamp}, {Name: "b", Type: event.TBool}},
	}
	columns["csv"], columns["avro"] = columns["json"], columns["json"]
	columns["protobuf"] = []connectors.Column{columns["json"][0], columns["json"][1], columns["json"][2], columns["json"][4], columns["json"][5]}
	for name, columns := range columns {
		e, err := NewEncoder(connectors.Table{Columns: columns, Physical: columns, Options: map[string]string{"format": name}})
		if err != nil {
			t.Fatal(err)
		}
		b := formattest.Batch(columns)
		b.Reset(100)
		for c := range b.Cols {
			for i := range b.N {
				b.Cols[c].Set(i, b.N, event.Value{I: int64(i) * 1234567, S: []byte("text, \"quoted\"")})
			}
		}
		var out connectors.Encoded
		if n := testing.AllocsPerRun(10, func() {
			out.Reset()
			if err := e.Encode(b, &out); err != nil {
				t.Fatal(err)
			}
		}); n != 0 || len(out.Value) != b.N {
			t.Errorf("%s: %v allocations for %d rows", name, n, len(out.Value))
		}
	}
}

// BenchmarkEncode writes the same rows in each format.
func BenchmarkEncode(b *testing.B) {
	columns := []connectors.Column{{Name: "card", Type: event.TInt64}, {Name: "amount", Type: event.TFloat64}, {Name: "country", Type: event.TString},
		{Name: "device", Type: event.TString}, {Name: "at", Type: event.Type{Kind: event.TimestampLTZ, Precision: 3}}}
	batch := formattest.Batch(columns)
	batch.Reset(1024)
	for i := range batch.N {
		for c, v := range []event.Value{event.IntValue(int64(i) * 7919), event.FloatValue(float64(i) / 4), event.StringValue("FR"), event.StringValue("device-0123456789"), event.IntValue(1772442001_500_000 + int64(i)*1000)} {
			batch.Cols[c].Set(i, batch.N, v)
		}
	}
	for _, name := range []string{"json", "csv", "avro", "protobuf", "json binary", "json structured", "avro structured"} {
		format, mode, _ := strings.Cut(name, " ")
		options := map[string]string{"format": format}
		if mode != "" {
			options["cloudevents.mode"], options["cloudevents.type"], options["cloudevents.subject"] = mode, "com.example.spent", "{card}"
		}
		b.Run(name, func(b *testing.B) {
			e, err := NewEncoder(connectors.Table{Name: "t", Query: "q", Columns: columns, Physical: columns, Options: options})
			if err != nil {
				b.Fatal(err)
			}
			a, beside := e.(connectors.Attributed)
			out := connectors.Encoded{Buf: make([]byte, 0, 1<<20), Value: make([]event.Span, 0, 1024)}
			b.ReportAllocs()
			for b.Loop() {
				out.Reset()
				if err := e.Encode(batch, &out); err != nil {
					b.Fatal(err)
				}
				for i := 0; beside && i < batch.N; i++ {
					a.AttributesOf(batch, i)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1024, "ns/row")
			b.ReportMetric(float64(len(out.Buf))/1024, "bytes/row")
		})
	}
}
