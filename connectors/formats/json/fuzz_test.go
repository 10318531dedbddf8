package json

import (
	"bytes"
	stdjson "encoding/json"
	"strconv"
	"testing"
	"unicode/utf8"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/formattest"
	"github.com/cepd/cepd/internal/event"
)

var fuzzColumns = []connectors.Column{
	{Name: "a", Type: event.TInt64}, {Name: "b", Type: event.TFloat64}, {Name: "c", Type: event.TString},
	{Name: "d", Type: event.TDecimal(30, 5)}, {Name: "e", Type: event.Type{Kind: event.Array, Elem: &event.TString}},
	{Name: "f", Type: event.Type{Kind: event.Row, Fields: []event.Field{{Name: "a", Type: event.TInt32}}}},
	{Name: "g", Type: event.Type{Kind: event.Map, Key: &event.TString, Elem: &event.TFloat64}}, {Name: "h", Type: event.TTimestamp},
}

// FuzzDecode holds the decoder against encoding/json: whether a record is JSON,
// and the values of a number and a text. The record is decoded twice, with and
// without the shape learned, and between good neighbours.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"a":1,"b":2.5,"c":"x","d":1.5,"e":["p","q\n"],"f":{"a":1},"g":{"k":1},"h":1700002800000}`,
		`{"c":"\u00e9\ud83d\ude00 \" text that is longer than eight"}`, `{"a":12345678901234567890}`, `{"b":1e-400}`, `{"a":1e3,"c":[1,{"x":null}]}`,
		"{\"c\":\"\xff\"}", `{"a":-0,"a":null,"z":[[[[]]]]}`, ` { "b" : 0.1 , "c" : null } `, `{"e":[null,["x"]],"f":[],"g":{"a":"b"}}`, `{"h":"2024-01-02 03:04:05"}`,
	} {
		f.Add([]byte(s))
	}
	d, err := NewDecoder(fuzzColumns, Options{IgnoreParseErrors: true})
	if err != nil {
		f.Fatal(err)
	}
	good := `{"a":7,"c":"good"}`
	b := formattest.Batch(fuzzColumns)
	f.Fuzz(func(t *testing.T, record []byte) {
		if depth(record) > maxDepth {
			return
		}
		raw := formattest.Raw(good, string(record), good, string(record), good)
		raw.Flags[1], raw.Flags[3] = 0, 0
		b.Reset(raw.N())
		rejects, err := d.Decode(raw, b, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < 5; i += 2 {
			if b.Cols[0].Null(i) || b.Cols[0].I64[i] != 7 || string(b.Cols[2].Bytes(i)) != "good" {
				t.Fatalf("neighbour %d: %s", i, formattest.Row(b, i))
			}
		}
		trimmed := bytes.TrimLeft(record, " \t\r\n")
		valid := stdjson.Valid(record) && utf8.Valid(record) && len(trimmed) > 0 && trimmed[0] == '{'
		if valid != (len(rejects) == 0) || formattest.Row(b, 1) != formattest.Row(b, 3) {
			t.Fatalf("valid %v, rejects %v\n%s%s", valid, rejects, formattest.Row(b, 1), formattest.Row(b, 3))
		}
		if valid {
			compare(t, record, b)
		}
	})
}

// compare checks columns b (DOUBLE) and c (STRING) of row 1.
func compare(t *testing.T, record []byte, b *event.Batch) {
	var fields map[string]stdjson.RawMessage
	if err := stdjson.Unmarshal(record, &fields); err != nil {
		t.Fatal(err)
	}
	var text string
	if raw := fields["c"]; len(raw) > 0 && raw[0] == '"' {
		if err := stdjson.Unmarshal(raw, &text); err != nil || text != string(b.Cols[2].Bytes(1)) {
			t.Fatalf("c = %q, want %q, %v", b.Cols[2].Bytes(1), text, err)
		}
	}
	if raw := fields["b"]; len(raw) > 0 && (raw[0] == '-' || raw[0]-'0' <= 9) {
		want, err := strconv.ParseFloat(string(raw), 64)
		if (err != nil) != b.Cols[1].Null(1) || err == nil && want != b.Cols[1].F64[1] {
			t.Fatalf("b = %v, want %v, %v", b.Cols[1].F64[1], want, err)
		}
	}
	if raw := fields["a"]; len(raw) > 0 && (raw[0] == '-' || raw[0]-'0' <= 9) {
		want, err := strconv.ParseInt(string(raw), 10, 64)
		if err == nil && (b.Cols[0].Null(1) || want != b.Cols[0].I64[1]) {
			t.Fatalf("a = %v, want %v", b.Cols[0].I64[1], want)
		}
	}
}

// depth is at least how deep the text nests.
func depth(p []byte) (deepest int) {
	n := 0
	for _, c := range p {
		switch c {
		case '{', '[':
			n++
			deepest = max(deepest, n)
		case '}', ']':
			n--
		}
	}
	return deepest
}
