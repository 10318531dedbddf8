package avro

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/formattest"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/schemaregistry/registrytest"
)

// TestWrittenFields: the types of columns for what a schema writes. Each column of such
// a type takes the field.
func TestWrittenFields(t *testing.T) {
	const text = `{"type":"record","name":"R","fields":[
{"name":"b","type":"boolean"},{"name":"i","type":"int"},{"name":"l","type":["null","long"]},{"name":"f","type":"float"},{"name":"d","type":"double"},
{"name":"s","type":"string"},{"name":"y","type":"bytes"},{"name":"e","type":{"type":"enum","name":"E","symbols":["A"]}},
{"name":"u","type":{"type":"string","logicalType":"uuid"}},{"name":"x","type":{"type":"fixed","name":"F","size":4}},
{"name":"m","type":{"type":"bytes","logicalType":"decimal","precision":12,"scale":2}},{"name":"wide","type":{"type":"bytes","logicalType":"decimal","precision":50,"scale":2}},
{"name":"day","type":{"type":"int","logicalType":"date"}},{"name":"time","type":{"type":"int","logicalType":"time-millis"}},{"name":"micros","type":{"type":"long","logicalType":"time-micros"}},
{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"nanos","type":{"type":"long","logicalType":"timestamp-nanos"}},
{"name":"here","type":{"type":"long","logicalType":"local-timestamp-micros"}},
{"name":"list","type":{"type":"array","items":["null","int"]}},{"name":"map","type":{"type":"map","values":"double"}},
{"name":"row","type":{"type":"record","name":"I","fields":[{"name":"a","type":"int"},{"name":"more","type":["null","R"]},{"name":"any","type":["int","string"]}]}},
{"name":"any","type":["int","string"]},{"name":"none","type":"null"},{"name":"self","type":["null","R"]}]}`
	const want = `b BOOLEAN
i INT
l BIGINT
f FLOAT
d DOUBLE
s STRING
y BYTES
e STRING
u STRING
x BYTES
m DECIMAL(12, 2)
wide BYTES
day DATE
time TIME(3)
micros TIME(6)
at TIMESTAMP_LTZ(3)
nanos TIMESTAMP_LTZ(6)
here TIMESTAMP(6)
list ARRAY<INT>
map MAP<STRING, DOUBLE>
row ROW<a INT>
any NULL
none NULL
self NULL
`
	s, err := parse(text)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	var columns []connectors.Column
	for _, f := range writtenFields(s, nil, nil) {
		fmt.Fprintf(&got, "%s %s\n", f.Name, f.Type)
		if f.Type.Kind != event.Null {
			columns = append(columns, connectors.Column{Name: f.Name, Type: f.Type})
		}
	}
	if got.String() != want {
		t.Errorf("%s", got.String())
	}
	if _, err := NewDecoder(columns, columns, options("avro.schema", text)); err != nil {
		t.Error(err)
	}
}

// TestManyTypes: a schema that holds records in records is not told of without end.
func TestManyTypes(t *testing.T) {
	inner, again := `"int"`, `"int"`
	for i := range 14 {
		inner = fmt.Sprintf(`{"type":"record","name":"R%d","fields":[{"name":"a","type":%s},{"name":"b","type":%s}]}`, i+1, inner, again)
		again = fmt.Sprintf(`"R%d"`, i+1)
	}
	s, err := parse(fmt.Sprintf(`{"type":"record","name":"R0","fields":[{"name":"a","type":%s}]}`, inner))
	if err != nil {
		t.Fatal(err)
	}
	ty := &typer{writer: s, left: maxTyped}
	ty.of(s.root)
	if ty.left > 0 {
		t.Errorf("%d types were enough", maxTyped-ty.left)
	}
}

// TestSchemas tells of each schema once, with the record that brought it; an alias of
// the reader's counts as the column, and with 'fail' a schema with more is refused.
func TestSchemas(t *testing.T) {
	r := registrytest.New(t)
	one, two := r.Add("t-value", sr.Schema{Schema: first}), r.Add("t-value", sr.Schema{Schema: second})
	records := formattest.Raw(record(t, one, first, `{"a":1}`), record(t, two, second, `{"b":"x","a":2}`), record(t, one, first, `{"a":3}`))
	table := confluentTable("t")
	for _, test := range []struct{ option, value, evolution, rows, schemas string }{
		{"", "", "ignore", "1 | NULL\n2 | \"x\"\n3 | NULL\n", "[{1 0 [{a INT}]} {2 1 [{b STRING} {a BIGINT}]}]"},
		{"avro-confluent.schema", `{"type":"record","name":"R","fields":[{"name":"b","type":"long","aliases":["a"]}]}`, "fail",
			"1\nREJECT schema 2: field a: no column takes it\n3\n", "[{1 0 [{b INT}]} {2 1 [{b STRING} {a BIGINT}]}]"},
	} {
		table.Options["schema.evolution"] = test.evolution
		table.Columns = confluentColumns[:2]
		if test.option != "" {
			table.Columns = []connectors.Column{{Name: "b", Type: event.TInt64}}
		}
		d, err := NewConfluentDecoder(table, options("avro-confluent.url", r.URL, test.option, test.value))
		if err != nil {
			t.Fatal(err)
		}
		if got := formattest.Decode(t, d, table.Columns, records); got != test.rows {
			t.Errorf("%s", got)
		}
		if got := fmt.Sprint(d.Schemas()); got != test.schemas {
			t.Errorf("%s, want %s", got, test.schemas)
		}
		formattest.Decode(t, d, table.Columns, records)
		if again := d.Schemas(); len(again) > 0 {
			t.Errorf("told again: %v", again)
		}
	}
}
