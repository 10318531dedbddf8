package avro

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/twmb/avro"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/formattest"
	"github.com/cepd/cepd/internal/event"
)

// hostileSchema has a value of every kind; all but w are columns.
const hostileSchema = `{"type":"record","name":"R","fields":[
 {"name":"i","type":"int"},{"name":"s","type":"string"},{"name":"w","type":["null",{"type":"record","name":"List","fields":[{"name":"next","type":["null","List"]}]}]},
 {"name":"a","type":{"type":"array","items":"null"}},{"name":"z","type":{"type":"array","items":"null"}},{"name":"m","type":{"type":"map","values":"double"}},
 {"name":"e","type":{"type":"enum","name":"E","symbols":["X","Y"]}},{"name":"b","type":"boolean"},
 {"name":"d","type":{"type":"bytes","logicalType":"decimal","precision":38,"scale":2}},{"name":"t","type":{"type":"long","logicalType":"timestamp-millis"}}]}`

var hostileColumns = []connectors.Column{
	{Name: "i", Type: event.TInt32}, {Name: "s", Type: event.TString}, {Name: "a", Type: event.Type{Kind: event.Array, Elem: &event.TInt32}},
	{Name: "m", Type: event.Type{Kind: event.Map, Key: &event.TString, Elem: &event.TFloat64}}, {Name: "e", Type: event.TString}, {Name: "b", Type: event.TBool},
	{Name: "d", Type: event.TDecimal(38, 2)}, {Name: "t", Type: event.TTimestamp},
}

// fields are the bytes of the fields of hostileSchema, of a good record.
func fields(change map[string]string) string {
	good := []struct{ name, bytes string }{
		{"i", "\x02"}, {"s", "\x04ok"}, {"w", "\x00"}, {"a", "\x02\x00"}, {"z", "\x00"}, {"m", "\x02\x02k\x00\x00\x00\x00\x00\x00\xf0\x3f\x00"},
		{"e", "\x02"}, {"b", "\x01"}, {"d", "\x04\x01\x00"}, {"t", "\x00"},
	}
	out := ""
	for _, f := range good {
		if bytes, ok := change[f.name]; ok {
			f.bytes = bytes
		}
		out += f.bytes
	}
	return out
}

func varint(v int64) string { return string(binary.AppendVarint(nil, v)) }

// TestHostile puts each record between two good ones.
func TestHostile(t *testing.T) {
	d, err := NewDecoder(hostileColumns, nil, options("avro.schema", hostileSchema))
	if err != nil {
		t.Fatal(err)
	}
	const want = `1 | "ok" | [NULL] | ["k": 1] | "Y" | true | 2.56 | 1970-01-01 00:00:00.000`
	for name, c := range map[string]struct {
		change map[string]string
		reason string
	}{
		"good":                   {nil, ""},
		"int of 33 bits":         {map[string]string{"i": varint(1 << 31)}, "more than 32 bits"},
		"integer without an end": {map[string]string{"i": strings.Repeat("\xff", 11)}, "more than 64 bits"},
		"negative length":        {map[string]string{"s": varint(-3)}, "negative"},
		"huge length":            {map[string]string{"s": varint(1<<62) + "x"}, "ends inside"},
		"invalid UTF-8":          {map[string]string{"s": "\x04\xff\xfe"}, "not valid UTF-8"},
		"deep":                   {map[string]string{"w": strings.Repeat("\x02", 100000)}, "64 levels"},
		"union branch 2":         {map[string]string{"w": "\x04"}, "no such branch"},
		"branch below 0":         {map[string]string{"w": "\x01"}, "no such branch"},
		"items of no bytes":      {map[string]string{"a": varint(1<<40) + "\x00"}, "more items"},
		"items passed over":      {map[string]string{"z": varint(1<<40) + "\x00"}, "more items"},
		"blocks of no bytes":     {map[string]string{"z": strings.Repeat(varint(1000), 5) + "\x00"}, "more items"},
		"count of minus 2^63":    {map[string]string{"a": varint(-1<<63) + "\x00"}, "more items"},
		"block length":           {map[string]string{"a": varint(-1) + varint(1<<40)}, "length of a block"},
		"block length below 0":   {map[string]string{"z": varint(-1) + varint(-1)}, "length of a block"},
		"null key's text":        {map[string]string{"m": "\x02\x02\xff"}, "not valid UTF-8"},
		"enum symbol 2":          {map[string]string{"e": "\x04"}, "no such symbol"},
		"boolean 2":              {map[string]string{"b": "\x02"}, "0 or 1"},
		"wide decimal":           {map[string]string{"d": "\x22\x01" + strings.Repeat("\x00", 16)}, "does not fit"},
		"39 digits":              {map[string]string{"d": "\x20\x7f" + strings.Repeat("\xff", 15)}, "does not fit"},
		"time":                   {map[string]string{"t": varint(1 << 62)}, "does not fit"},
		"more after the end":     {map[string]string{"t": "\x00\x00"}, "goes on"},
		"nothing":                {map[string]string{"i": "", "s": "", "w": "", "a": "", "z": "", "m": "", "e": "", "b": "", "d": "", "t": ""}, "ends inside"},
	} {
		lines := strings.Split(formattest.Decode(t, d, hostileColumns, formattest.Raw(fields(nil), fields(c.change), fields(nil))), "\n")
		if lines[0] != want || lines[2] != want {
			t.Errorf("%s: neighbours: %s, %s", name, lines[0], lines[2])
		}
		reason, rejected := strings.CutPrefix(lines[1], "REJECT not valid Avro: ")
		if rejected != (c.reason != "") || !strings.Contains(reason, c.reason) {
			t.Errorf("%s: %.200s, want %q", name, lines[1], c.reason)
		}
	}
}

// FuzzDecode decodes bytes between two good records. What the library cannot
// read is rejected; the library takes less care of some things.
func FuzzDecode(f *testing.F) {
	for _, change := range []map[string]string{nil, {"w": "\x02\x02\x02\x00"}, {"a": varint(-1) + "\x00" + "\x00"}, {"m": "\x01\x14\x02k\x00\x00\x00\x00\x00\x00\xf0\x3f\x00"}, {"d": "\x02\xff"}} {
		f.Add([]byte(fields(change)))
	}
	d, err := NewDecoder(hostileColumns, nil, options("avro.schema", hostileSchema))
	if err != nil {
		f.Fatal(err)
	}
	schema := avro.MustParse(hostileSchema)
	b := formattest.Batch(hostileColumns)
	good := fields(nil)
	f.Fuzz(func(t *testing.T, record []byte) {
		raw := formattest.Raw(good, string(record), good)
		raw.Flags[1] = 0
		b.Reset(raw.N())
		rejects, err := d.Decode(raw, b, nil)
		if err != nil {
			t.Fatal(err)
		}
		if formattest.Row(b, 0) != formattest.Row(b, 2) || b.Cols[0].Null(0) {
			t.Fatalf("neighbours: %s%s", formattest.Row(b, 0), formattest.Row(b, 2))
		}
		var v any
		rest, err := schema.Decode(record, &v)
		if (err != nil || len(rest) > 0) && len(rejects) == 0 {
			t.Fatalf("accepted, the library says %v, %d bytes left", err, len(rest))
		}
	})
}

func TestDecodeAllocatesNothing(t *testing.T) {
	run := decodeRun(t)
	run()
	if n := testing.AllocsPerRun(100, run); n != 0 {
		t.Errorf("%v allocations per 1024 records", n)
	}
}

func decodeRun(tb testing.TB) func() {
	writer := avro.MustParse(`{"type":"record","name":"T","fields":[{"name":"ts","type":"long"},{"name":"card","type":"long"},{"name":"amount","type":"double"},{"name":"country","type":"string"},{"name":"kind","type":["null","string"]},{"name":"ref","type":"string"}]}`)
	columns := []connectors.Column{{Name: "ts", Type: event.TInt64}, {Name: "card", Type: event.TInt64}, {Name: "amount", Type: event.TFloat64}}
	records := make([]string, 1024)
	for i := range records {
		record, err := writer.Encode(map[string]any{"ts": int64(1700002800000 + i), "card": int64(i * 7919 % 100000), "amount": float64(i) / 100, "country": "US", "kind": "withdraw", "ref": "0123456789abcdef"})
		if err != nil {
			tb.Fatal(err)
		}
		records[i] = string(record)
	}
	d, err := NewDecoder(columns, nil, options("avro.schema", writer.String()))
	if err != nil {
		tb.Fatal(err)
	}
	raw, dst := formattest.Raw(records...), formattest.Batch(columns)
	return func() {
		dst.Reset(raw.N())
		rejects, err := d.Decode(raw, dst, nil)
		if err != nil || len(rejects) > 0 {
			tb.Fatal(rejects, err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	run := decodeRun(b)
	b.ReportAllocs()
	for b.Loop() {
		run()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1024, "ns/record")
}
