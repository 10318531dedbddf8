package protobuf

import (
	"context"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/twmb/franz-go/pkg/sr"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/confluent"
	"github.com/cepd/cepd/connectors/formats/formattest"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/schemaregistry/registrytest"
)

func opts(kv ...string) func(string) string {
	return func(key string) string {
		for i := 0; i < len(kv); i += 2 {
			if kv[i] == key {
				return kv[i+1]
			}
		}
		return ""
	}
}

// record is a message given as JSON, which the library writes, or as bytes: hex
// after "0x".
func record(t testing.TB, schema, message, text string) string {
	t.Helper()
	if digits, ok := strings.CutPrefix(text, "0x"); ok {
		b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	desc, err := (&options{format: Plain, get: opts("protobuf.schema", schema, "protobuf.message-class-name", message)}).message()
	if err != nil {
		t.Fatal(err)
	}
	m := dynamicpb.NewMessage(desc)
	if err := protojson.Unmarshal([]byte(text), m); err != nil {
		t.Fatal(err)
	}
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestDecode runs testdata/decode: "schema" sets the text of the .proto file,
// "decode" has a record per line.
func TestDecode(t *testing.T) {
	schema := ""
	datadriven.RunTest(t, "testdata/decode", func(t *testing.T, td *datadriven.TestData) string {
		if td.Cmd == "schema" {
			schema = td.Input
			return ""
		}
		columns, o := formattest.Args(t, td.CmdArgs)
		o["protobuf.schema"] = schema
		get := func(key string) string { return o[key] }
		table := connectors.Table{Columns: columns}
		d, err := NewDecoder(table, get)
		if err != nil {
			return err.Error()
		}
		var raw []string
		for _, line := range strings.Split(td.Input, "\n") {
			raw = append(raw, record(t, schema, o["protobuf.message-class-name"], line))
		}
		if td.Cmd == "decode" {
			return formattest.Decode(t, d, columns, formattest.Raw(raw...))
		}
		e, err := NewEncoder(table, get)
		if err != nil {
			return err.Error()
		}
		return encode(t, d, e, columns, raw)
	})
}

// encode prints the records as hex after they have been decoded and encoded.
func encode(t *testing.T, d *Decoder, e *Encoder, columns []connectors.Column, records []string) string {
	b := formattest.Batch(columns)
	raw := formattest.Raw(records...)
	b.Reset(raw.N())
	if rejects, err := d.Decode(raw, b, nil); err != nil || len(rejects) > 0 {
		t.Fatal(rejects, err)
	}
	var out connectors.Encoded
	if err := e.Encode(b, &out); err != nil {
		return err.Error()
	}
	text := ""
	for _, s := range out.Value {
		text += hex.EncodeToString(out.Buf[s.Off:s.Off+s.Len]) + "\n"
	}
	return text
}

const txSchema = `syntax = "proto3";
message Tx {
  int64 ts = 1; uint64 card = 2; double amount = 3; string country = 4; string kind = 5; string ref = 6;
  message Item { int32 n = 1; repeated int32 codes = 2; }
  repeated Item items = 7; map<string, int64> tags = 8; Tx parent = 9;
}`

var txColumns = []connectors.Column{
	{Name: "ts", Type: event.TInt64}, {Name: "card", Type: event.TInt64}, {Name: "country", Type: event.TString},
	{Name: "items", Type: event.Type{Kind: event.Array, Elem: &event.Type{Kind: event.Row, Fields: []event.Field{{Name: "n", Type: event.TInt8}, {Name: "codes", Type: event.Type{Kind: event.Array, Elem: &event.TInt32}}}}}},
	{Name: "tags", Type: event.Type{Kind: event.Map, Key: &event.TString, Elem: &event.TInt64}},
}

const goodTx = `{"ts":5,"card":7,"country":"FR","items":[{"n":1,"codes":[1,300]}],"tags":{"a":1}}`

// nest is a message inside n others, in field 9.
func nest(n int) (b []byte) {
	for range n {
		b = protowire.AppendBytes(protowire.AppendTag(nil, 9, protowire.BytesType), b)
	}
	return b
}

// TestHostile puts each record between two good ones.
func TestHostile(t *testing.T) {
	parent := event.Type{Kind: event.Row, Fields: []event.Field{{Name: "ts", Type: event.TInt64}}}
	for range 70 {
		inner := parent
		parent = event.Type{Kind: event.Row, Fields: []event.Field{{Name: "parent", Type: inner}}}
	}
	columns := append(txColumns[:5:5], connectors.Column{Name: "parent", Type: parent})
	get := opts("protobuf.schema", txSchema, "protobuf.message-class-name", "Tx")
	d, err := NewDecoder(connectors.Table{Columns: columns}, get)
	if err != nil {
		t.Fatal(err)
	}
	good := record(t, txSchema, "Tx", goodTx)
	const want = `5 | 7 | "FR" | [(1, [1, 300])] | ["a": 1] | NULL`
	for name, c := range map[string]struct{ record, reason string }{
		"empty":              {"", ""},
		"no field 0":         {"\x00\x01", "no field number 0"},
		"huge field number":  {"\xf8\xff\xff\xff\xff\x01\x01", "no field number"},
		"wire type 7":        {"\x0f\x01", "damaged"},
		"end of no group":    {"\x0c", "damaged"},
		"varint of 11 bytes": {"\x08" + strings.Repeat("\xff", 11), "more than 64 bits"},
		"truncated":          {"\x08\xff", "ends inside"},
		"huge length":        {"\x22\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x", "ends inside"},
		"invalid UTF-8":      {"\x22\x02\xff\xfe", "field country: the text is not valid UTF-8"},
		"over BIGINT":        {"\x10" + strings.Repeat("\xff", 9) + "\x01", "does not fit BIGINT"},
		"over TINYINT":       {"\x3a\x03\x08\x80\x01", "field items[0].n: the value does not fit TINYINT"},
		"bad packed":         {"\x3a\x04\x12\x02\x01\xff", "field items[0].codes[1]: the record ends inside"},
		"bad key":            {"\x42\x03\x0a\x01\xff", "field tags[0].key"},
		"deep":               {string(nest(70)), "64 levels"},
		"unknown fields":     {"\xa0\x06\x01\xa3\x06\xa4\x06\xad\x06abcd", ""},
		"wrong wire type":    {"\x0a\x01x\x21abcdefgh", ""},
		"open group":         {"\xa3\x06\x08\x01", "damaged"},
		"groups in groups":   {strings.Repeat("\xa3\x06", 20000), "damaged"},
		"too many elements":  {strings.Repeat("\x3a\x00", maxItems+1), "elements"},
	} {
		got := formattest.Decode(t, d, columns, formattest.Raw(good, c.record, good))
		lines := strings.Split(got, "\n")
		if lines[0] != want || lines[2] != want {
			t.Errorf("%s: neighbours: %.200s, %.200s", name, lines[0], lines[2])
		}
		reason, rejected := strings.CutPrefix(lines[1], "REJECT not valid Protobuf: ")
		if rejected != (c.reason != "") || !strings.Contains(reason, c.reason) {
			t.Errorf("%s: %.200s, want %q", name, lines[1], c.reason)
		}
	}
}

// FuzzDecode decodes bytes between two good records. What the library cannot
// read is rejected, but for what is passed over, which is not looked into.
func FuzzDecode(f *testing.F) {
	good := record(f, txSchema, "Tx", goodTx)
	f.Add([]byte(good))
	f.Add([]byte("\x3a\x04\x12\x02\x01\x02\x3a\x02\x10\x05\x22\x00"))
	f.Add([]byte("\xa3\x06\x08\x01\xa4\x06\x42\x00\x42\x05\x0a\x01k\x10\x01"))
	get := opts("protobuf.schema", txSchema, "protobuf.message-class-name", "Tx")
	columns := txColumns
	d, err := NewDecoder(connectors.Table{Columns: columns}, get)
	if err != nil {
		f.Fatal(err)
	}
	desc, err := (&options{format: Plain, get: get}).message()
	if err != nil {
		f.Fatal(err)
	}
	b := formattest.Batch(columns)
	f.Fuzz(func(t *testing.T, bytes []byte) {
		raw := formattest.Raw(good, string(bytes), good)
		raw.Flags[1] = 0
		b.Reset(raw.N())
		rejects, err := d.Decode(raw, b, nil)
		if err != nil {
			t.Fatal(err)
		}
		if rowText(b, 0) != rowText(b, 2) || b.Cols[0].Null(0) {
			t.Fatalf("neighbours: %s\n%s", rowText(b, 0), rowText(b, 2))
		}
		if len(rejects) > 0 || !readable(desc, bytes) {
			return
		}
		row := event.Type{Kind: event.Row}
		for _, c := range columns {
			row.Fields = append(row.Fields, event.Field{Name: c.Name, Type: c.Type})
		}
		expected := formattest.Batch(columns)
		expected.Reset(1)
		set(t, expected, 0, desc, string(bytes), row)
		if x, y := rowText(b, 1), rowText(expected, 0); x != y {
			t.Fatalf("%s\nthe library: %s", x, y)
		}
	})
}

// readable says whether the library reads a message. It panics on a key of a
// map that has a wire type other than the first: see the corpus.
func readable(desc protoreflect.MessageDescriptor, bytes []byte) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	return proto.Unmarshal(bytes, dynamicpb.NewMessage(desc)) == nil
}

// TestSchemas finds messages in files, sets of descriptors and imports.
func TestSchemas(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("point.proto", `syntax = "proto3"; package geo; message Point { int32 x = 1; }`)
	write("m.proto", `syntax = "proto3"; package p; import "point.proto"; message M { geo.Point at = 1; message In { int32 a = 1; } } message N { int64 b = 1; }`)
	file, err := compile(`syntax = "proto3"; package q; message Q { int64 b = 1; }`, nil)
	if err != nil {
		t.Fatal(err)
	}
	set, err := proto.Marshal(&descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{protodesc.ToFileDescriptorProto(file)}})
	if err != nil {
		t.Fatal(err)
	}
	write("set.pb", string(set))
	write("bad.pb", "\xff")
	point := connectors.Column{Name: "at", Type: event.Type{Kind: event.Row, Fields: []event.Field{{Name: "x", Type: event.TInt32}}}}
	number := connectors.Column{Name: "b", Type: event.TInt64}
	for _, c := range []struct {
		column connectors.Column
		want   string
		opts   []string
	}{
		{point, "", []string{"schema-file", "m.proto", "message-class-name", "p.M"}},
		{connectors.Column{Name: "a", Type: event.TInt32}, "", []string{"schema-file", "m.proto", "message-class-name", "p.M.In"}},
		{number, "", []string{"descriptor-file", "set.pb", "message-class-name", "q.Q"}},
		{number, "", []string{"schema", `syntax = "proto3"; message Q { int64 b = 1; }`}},
		{number, "no message q.R", []string{"descriptor-file", "set.pb", "message-class-name", "q.R"}},
		{number, "is missing", []string{"descriptor-file", "set.pb"}},
		{number, "no set of descriptors", []string{"descriptor-file", "bad.pb", "message-class-name", "q.R"}},
		{number, "the schema has 2 messages", []string{"schema-file", "m.proto"}},
		{number, "no message p.X", []string{"schema-file", "m.proto", "message-class-name", "p.X"}},
		{number, "", nil},
		{number, "goes with", []string{"message-class-name", "Q"}},
		{number, "exclude each other", []string{"schema", "x", "schema-file", "m.proto"}},
		{number, "no such file", []string{"schema-file", "none.proto"}},
		{number, "schema.proto:1:", []string{"schema", `message {`}},
		{number, "point.proto", []string{"schema", `syntax = "proto3"; import "point.proto"; message Q { int64 b = 1; }`}},
		{point, "message p.N has no such field", []string{"schema-file", "m.proto", "message-class-name", "p.N"}},
	} {
		for i := 0; i < len(c.opts); i += 2 {
			c.opts[i] = "protobuf." + c.opts[i]
		}
		_, err := NewDecoder(connectors.Table{Columns: []connectors.Column{c.column}, Dir: dir}, opts(c.opts...))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %q", c.opts, err, c.want)
		}
	}
}

const pairSchema = `syntax = "proto3"; message A { int64 a = 1; } message B { message C { int64 a = 1; string s = 2; } }`

// TestConfluent reads records of several messages and schemas, and of none.
func TestConfluent(t *testing.T) {
	r := registrytest.New(t)
	id := r.Add("t-value", sr.Schema{Schema: pairSchema, Type: sr.TypeProtobuf})
	text := r.Add("x", sr.Schema{Schema: `syntax = "proto3"; message A { string a = 1; }`, Type: sr.TypeProtobuf})
	avro, broken := r.Add("y", sr.Schema{Schema: `"long"`}), r.Add("z", sr.Schema{Schema: `nonsense`, Type: sr.TypeProtobuf})
	importing := r.Add("w", sr.Schema{Schema: `syntax = "proto3"; import "other.proto"; message A { O o = 1; int64 a = 2; }`, Type: sr.TypeProtobuf,
		References: []sr.SchemaReference{{Name: "other.proto", Subject: "o", Version: 1}}})
	r.Add("o", sr.Schema{Schema: `syntax = "proto3"; message O { int64 x = 1; }`, Type: sr.TypeProtobuf})
	columns := []connectors.Column{{Name: "a", Type: event.TInt64}}
	d, err := NewConfluentDecoder(connectors.Table{Columns: columns}, opts("protobuf-confluent.url", r.URL))
	if err != nil {
		t.Fatal(err)
	}
	head := func(id int) string { return string(confluent.AppendHead(nil, id)) }
	records := []string{
		head(id) + "\x00\x08\x05", head(id) + "\x04\x02\x00\x08\x06", head(id) + "\x02\x00\x08\x07", head(importing) + "\x00\x10\x08",
		head(77) + "\x00", head(id) + "\x02\x08", head(id) + "\xff", head(text) + "\x00", head(avro) + "\x00", head(broken) + "\x00", "\x01", head(id) + "\x00\x08",
	}
	got := formattest.Decode(t, d, columns, formattest.Raw(records...))
	want := `5
6
7
8
REJECT schema 77: the registry has no such schema
REJECT schema 1: it has no message at place [4]
REJECT not valid: the place of the message in its schema is damaged
REJECT schema 2: field a: string cannot be read as BIGINT
REJECT schema 3: it is of type AVRO, not PROTOBUF
REJECT schema 4: schema.proto:1:1: syntax error: unexpected identifier
REJECT 1 bytes are too few for a schema id
REJECT not valid Protobuf: field a: the record ends inside the value at byte 7
`
	if got != want {
		t.Errorf("%s", got)
	}
	calls := r.Calls.Load()
	formattest.Decode(t, d, columns, formattest.Raw(records...))
	if r.Calls.Load() != calls {
		t.Error("schemas are asked for again")
	}
	r.Failing.Store(500)
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped")
	cancel(stopped)
	d.Within(ctx)
	b := formattest.Batch(columns)
	b.Reset(1)
	if _, err := d.Decode(formattest.Raw(head(5)+"\x00"), b, nil); !errors.Is(err, stopped) && err != nil {
		t.Error(err)
	}
}

// TestConfluentWrites registers a schema and writes records that name it.
func TestConfluentWrites(t *testing.T) {
	r := registrytest.New(t)
	columns := []connectors.Column{{Name: "a", Type: event.TInt64}, {Name: "s", Type: event.TString}}
	table := connectors.Table{Columns: columns, Options: map[string]string{"topic": "t"}}
	get := opts("protobuf-confluent.url", r.URL, "protobuf-confluent.schema", pairSchema, "protobuf-confluent.message-class-name", "B.C")
	e, err := NewConfluentEncoder(table, get)
	if err != nil {
		t.Fatal(err)
	}
	if err := connectors.OpenEncoder(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if v := r.Versions("t-value"); len(v) != 1 || v[0].Schema != pairSchema || v[0].Type != sr.TypeProtobuf {
		t.Fatal(v)
	}
	b := formattest.Batch(columns)
	b.Reset(1)
	b.Cols[0].Set(0, 1, event.IntValue(9))
	b.Cols[1].Set(0, 1, event.StringValue("x"))
	text := strings.TrimSuffix(formattest.Encode(t, e, b), "\n")
	if text != "\x00\x00\x00\x00\x01\x04\x02\x00\x08\x09\x12\x01x" {
		t.Errorf("%x", text)
	}
	d, err := NewConfluentDecoder(table, get)
	if err != nil {
		t.Fatal(err)
	}
	if got := formattest.Decode(t, d, columns, formattest.Raw(text)); got != "9 | \"x\"\n" {
		t.Error(got)
	}
	get = opts("protobuf-confluent.url", r.URL, "protobuf-confluent.schema", `syntax = "proto3"; import "google/protobuf/timestamp.proto"; message M { int64 a = 1; string s = 2; google.protobuf.Timestamp t = 3; }`)
	if _, err := NewConfluentEncoder(table, get); err != nil {
		t.Error(err)
	}
}

func decodeRun(tb testing.TB) func() {
	records := make([]string, 1024)
	for i := range records {
		records[i] = record(tb, txSchema, "Tx", `{"ts":"1700002800000","card":60119,"amount":147.44,"country":"FR","kind":"withdraw","ref":"0123456789abcdef"}`)
	}
	columns := []connectors.Column{txColumns[0], txColumns[1], {Name: "amount", Type: event.TFloat64}}
	d, err := NewDecoder(connectors.Table{Columns: columns}, opts("protobuf.schema", txSchema))
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

func TestDecodeAllocatesNothing(t *testing.T) {
	run := decodeRun(t)
	run()
	if n := testing.AllocsPerRun(100, run); n != 0 {
		t.Errorf("%v allocations per 1024 records", n)
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
