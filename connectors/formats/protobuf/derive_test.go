package protobuf

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/confluent"
	"github.com/cepd/cepd/connectors/formats/formattest"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/schemaregistry/registrytest"
)

// maker makes random types, and values of them.
type maker struct{ *rand.Rand }

func (r *maker) simple() event.Type {
	return []event.Type{event.TBool, event.TInt8, event.TInt32, event.TInt64, event.TFloat32, event.TFloat64, event.TString, event.TBytes,
		{Kind: event.TimestampLTZ, Precision: 6}}[r.IntN(9)]
}

func (r *maker) typ(depth int) event.Type {
	if depth == 0 {
		return r.simple()
	}
	switch r.IntN(6) {
	case 0:
		elem := r.single(depth - 1)
		return event.Type{Kind: event.Array, Elem: &elem}
	case 1:
		key, elem := []event.Type{event.TString, event.TInt32, event.TBool}[r.IntN(3)], r.single(depth-1)
		return event.Type{Kind: event.Map, Key: &key, Elem: &elem}
	}
	return r.single(depth)
}

func (r *maker) single(depth int) event.Type {
	if depth == 0 || r.IntN(3) > 0 {
		return r.simple()
	}
	t := event.Type{Kind: event.Row}
	for i := range 1 + r.IntN(3) {
		t.Fields = append(t.Fields, event.Field{Name: fmt.Sprintf("f%d", i), Type: r.typ(depth - 1)})
	}
	return t
}

func (r *maker) value(t event.Type, null bool) (v event.Value) {
	if null && t.Kind != event.Array && t.Kind != event.Map && r.IntN(4) == 0 {
		return event.NullValue
	}
	switch t.Kind {
	case event.Array:
		for range r.IntN(3) {
			v.L = append(v.L, r.value(*t.Elem, false))
		}
	case event.Map:
		if r.IntN(2) == 0 {
			v.L = []event.Value{r.value(*t.Key, false), r.value(*t.Elem, false)}
		}
	case event.Row:
		for _, f := range t.Fields {
			v.L = append(v.L, r.value(f.Type, true))
		}
	case event.Bool:
		return event.BoolValue(r.IntN(2) == 0)
	case event.Float32, event.Float64:
		return event.FloatValue(float64(r.IntN(100)-50) / 4)
	case event.String, event.Bytes:
		return event.StringValue([]string{"", "a", "日本語", strings.Repeat("long ", 40)}[r.IntN(4)])
	default:
		return event.IntValue(r.Int64N(256) - 128)
	}
	return v
}

// TestDerivedAgainstLibrary writes random rows of random columns: the library and
// the decoder, which derive the schema of the same columns, read them alike.
func TestDerivedAgainstLibrary(t *testing.T) {
	met := []uint64{18144500194978003769, 8164273518017746630} // NULL in a message in a map
	for i := range 200 {
		seed := rand.Uint64()
		if i < len(met) {
			seed = met[i]
		}
		if !t.Run(fmt.Sprint(seed), func(t *testing.T) { derived(t, seed) }) {
			return
		}
	}
}

func derived(t *testing.T, seed uint64) {
	r := &maker{rand.New(rand.NewPCG(seed, 3))}
	var columns []connectors.Column
	typ := event.Type{Kind: event.Row}
	for i := range 1 + r.IntN(6) {
		c := connectors.Column{Name: fmt.Sprintf("c%d", i), Type: r.typ(2), NotNull: r.IntN(3) == 0}
		columns, typ.Fields = append(columns, c), append(typ.Fields, event.Field{Name: c.Name, Type: c.Type})
	}
	b := formattest.Batch(columns)
	b.Reset(rows)
	for i := range rows {
		for c := range columns {
			b.Cols[c].Set(i, rows, r.value(columns[c].Type, !columns[c].NotNull))
		}
	}
	table := connectors.Table{Columns: columns, Physical: columns}
	desc, err := optionsOf(Plain, table, opts(), columns).message()
	if err != nil {
		t.Fatal(err)
	}
	checkWritten(t, desc, columns, typ, b)
	e, err := NewEncoder(table, opts())
	if err != nil {
		t.Fatal(err)
	}
	var out connectors.Encoded
	if err := e.Encode(b, &out); err != nil {
		t.Fatal(err)
	}
	var records []string
	for _, s := range out.Value {
		records = append(records, string(out.Buf[s.Off:s.Off+s.Len]))
	}
	d, err := NewDecoder(table, opts())
	if err != nil {
		t.Fatal(err)
	}
	got := decode(t, d, columns, records)
	for i := range rows {
		if x, y := rowText(got, i), rowText(b, i); x != y {
			t.Fatalf("read %s\nwritten %s", x, y)
		}
	}
}

const derivedText = `syntax = "proto3";
import "google/protobuf/timestamp.proto";
message Row {
  int64 card = 1;
  optional string city = 2;
  google.protobuf.Timestamp at = 3;
  message device_row {
    optional string id = 1;
    repeated int32 codes = 2;
  }
  device_row device = 4;
  map<string, double> scores = 5;
}
`

// TestDerivedIsRegistered has the registry take the schema of the columns.
func TestDerivedIsRegistered(t *testing.T) {
	device := event.Type{Kind: event.Row, Fields: []event.Field{{Name: "id", Type: event.TString}, {Name: "codes", Type: formattest.Type(t, "ARRAY<INT>")}}}
	columns := []connectors.Column{
		{Name: "card", Type: event.TInt64, NotNull: true}, {Name: "city", Type: event.TString}, {Name: "at", Type: event.Type{Kind: event.TimestampLTZ, Precision: 3}},
		{Name: "device", Type: device}, {Name: "scores", Type: formattest.Type(t, "MAP<DOUBLE>")}, {Name: "topic", Type: event.TString, Metadata: "topic"},
	}
	r := registrytest.New(t)
	e, err := NewConfluentEncoder(connectors.Table{Columns: columns, Options: map[string]string{"topic": "t"}}, opts("protobuf-confluent.url", r.URL))
	if err != nil {
		t.Fatal(err)
	}
	if err := connectors.OpenEncoder(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if v := r.Versions("t-value"); len(v) != 1 || v[0].Schema != derivedText || v[0].Type != sr.TypeProtobuf {
		t.Fatalf("%+v", v)
	}
	b := formattest.Batch(columns)
	b.Reset(1)
	b.Cols[0].Set(0, 1, event.IntValue(7))
	for c := range b.Cols[1:] {
		b.Cols[c+1].Set(0, 1, event.NullValue)
	}
	if got, want := formattest.Encode(t, e, b), string(confluent.AppendHead(nil, 1))+"\x00\x08\x07\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestWhatIsNotDerived has columns that Protobuf cannot hold.
func TestWhatIsNotDerived(t *testing.T) {
	for column, want := range map[string]string{
		"a:DECIMAL.9.2": "no type for DECIMAL(9, 2)", "a:DATE": "no type for DATE", "a b:INT": "cannot have this name", "a:ARRAY<ARRAY<INT>>": "no type for ARRAY<INT>",
		"a:ROW<x_DATE>": "column a: column x: Protobuf has no type",
	} {
		name, text, _ := strings.Cut(column, ":")
		columns := []connectors.Column{{Name: name, Type: formattest.Type(t, text)}}
		if _, err := NewEncoder(connectors.Table{Columns: columns}, opts()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", column, err)
		}
	}
}
