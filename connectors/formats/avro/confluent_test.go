package avro

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/confluent"
	"github.com/cepd/cepd/connectors/formats/formattest"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/schemaregistry/registrytest"
)

const (
	first  = `{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}`
	second = `{"type":"record","name":"R","fields":[{"name":"b","type":"string","default":""},{"name":"a","type":"long"}]}`
	other  = `{"type":"record","name":"R","fields":[{"name":"a","type":"string"}]}`
)

var confluentColumns = []connectors.Column{{Name: "a", Type: event.TInt64}, {Name: "b", Type: event.TString}, {Name: "p", Type: event.TInt32, Metadata: "partition"}}

func confluentTable(topic string) connectors.Table {
	return connectors.Table{Columns: confluentColumns, Options: map[string]string{"topic": topic}}
}

func record(t *testing.T, id int, schema, text string) string {
	t.Helper()
	s, err := parse(schema)
	if err != nil {
		t.Fatal(err)
	}
	return string(confluent.AppendHead(nil, id)) + encode(t, s.parsed, text)
}

// TestConfluent reads records of several schemas, known and unknown, mixed.
func TestConfluent(t *testing.T) {
	r := registrytest.New(t)
	one, two := r.Add("t-value", sr.Schema{Schema: first}), r.Add("t-value", sr.Schema{Schema: second})
	bad, proto := r.Add("x", sr.Schema{Schema: other}), r.Add("y", sr.Schema{Schema: "message M {}", Type: sr.TypeProtobuf})
	d, err := NewConfluentDecoder(confluentTable("t"), options("avro-confluent.url", r.URL))
	if err != nil {
		t.Fatal(err)
	}
	records := []string{
		record(t, one, first, `{"a":1}`), record(t, two, second, `{"b":"x","a":2}`), record(t, 99, first, `{"a":1}`), "\x01garbage", "\x00\x00",
		record(t, bad, other, `{"a":"s"}`), string(confluent.AppendHead(nil, proto)) + "??", record(t, two, second, `{"b":"y","a":3}`), string(confluent.AppendHead(nil, one)),
	}
	columns := confluentColumns[:2]
	got := formattest.Decode(t, d, columns, formattest.Raw(records...))
	want := `1 | NULL
2 | "x"
REJECT schema 99: the registry has no such schema
REJECT no schema id: expected byte 0, found 1 (is the format 'avro' without a registry?)
REJECT 2 bytes are too few for a schema id
REJECT schema 3: field a: string cannot be read as BIGINT
REJECT schema 4: it is of type PROTOBUF, not AVRO
3 | "y"
REJECT not valid Avro: field a: the record ends inside the value at byte 5
`
	if got != want {
		t.Errorf("%s", got)
	}
	calls := r.Calls.Load()
	formattest.Decode(t, d, columns, formattest.Raw(records...))
	if r.Calls.Load() != calls {
		t.Error("schemas are asked for again")
	}
}

// TestRegistryDown decodes while the registry fails: nothing is lost, and the
// query's end ends the waiting.
func TestRegistryDown(t *testing.T) {
	r := registrytest.New(t)
	id := r.Add("t-value", sr.Schema{Schema: first})
	r.Failing.Store(500)
	d, err := NewConfluentDecoder(confluentTable("t"), options("avro-confluent.url", r.URL))
	if err != nil {
		t.Fatal(err)
	}
	raw := formattest.Raw(record(t, id, first, `{"a":1}`))
	ctx, cancel := context.WithCancelCause(t.Context())
	d.Within(ctx)
	stopped := errors.New("stopped")
	go func() {
		for r.Calls.Load() < 2 && t.Context().Err() == nil {
		}
		cancel(stopped)
	}()
	b := formattest.Batch(confluentColumns[:2])
	b.Reset(1)
	if _, err := d.Decode(raw, b, nil); !errors.Is(err, stopped) {
		t.Fatal(err)
	}
	d.Within(t.Context())
	go func() {
		for r.Calls.Load() < 4 && t.Context().Err() == nil {
		}
		r.Failing.Store(0)
	}()
	if got := formattest.Decode(t, d, confluentColumns[:2], raw); got != "1 | NULL\n" {
		t.Error(got)
	}
}

// TestConfluentWrites registers a schema and writes records that name it.
func TestConfluentWrites(t *testing.T) {
	r := registrytest.New(t)
	r.Add("other", sr.Schema{Schema: first})
	e, err := NewConfluentEncoder(confluentTable("t"), options("avro-confluent.url", r.URL))
	if err != nil {
		t.Fatal(err)
	}
	if err := connectors.OpenEncoder(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	versions := r.Versions("t-value")
	if len(versions) != 1 || !strings.Contains(versions[0].Schema, `"name":"record"`) {
		t.Fatal(versions)
	}
	b := formattest.Batch(confluentColumns)
	b.Reset(2)
	for i := range b.N {
		b.Cols[0].Set(i, b.N, event.IntValue(int64(i)))
		b.Cols[1].Set(i, b.N, event.NullValue)
	}
	text := formattest.Encode(t, e, b)
	d, err := NewConfluentDecoder(confluentTable("t"), options("avro-confluent.url", r.URL))
	if err != nil {
		t.Fatal(err)
	}
	if got := formattest.Decode(t, d, confluentColumns[:2], formattest.Raw(strings.Split(strings.TrimSuffix(text, "\n"), "\n")...)); got != "0 | NULL\n1 | NULL\n" {
		t.Errorf("%s: %q", got, text)
	}
}

// TestReferences reads a schema that names another one of the registry.
func TestReferences(t *testing.T) {
	r := registrytest.New(t)
	r.Add("point", sr.Schema{Schema: `{"type":"record","name":"Point","namespace":"geo","fields":[{"name":"x","type":"int"}]}`})
	id := r.Add("t", sr.Schema{
		Schema:     `{"type":"record","name":"R","fields":[{"name":"p","type":"geo.Point"},{"name":"q","type":["null","geo.Point"]}]}`,
		References: []sr.SchemaReference{{Name: "geo.Point", Subject: "point", Version: 1}},
	})
	row := event.Type{Kind: event.Row, Fields: []event.Field{{Name: "x", Type: event.TInt64}}}
	columns := []connectors.Column{{Name: "p", Type: row}, {Name: "q", Type: row}}
	d, err := NewConfluentDecoder(connectors.Table{Columns: columns}, options("avro-confluent.url", r.URL))
	if err != nil {
		t.Fatal(err)
	}
	head := string(confluent.AppendHead(nil, id))
	if got := formattest.Decode(t, d, columns, formattest.Raw(head+"\x02\x02\x04", head+"\x03\x00")); got != "(1) | (2)\n(-2) | NULL\n" {
		t.Error(got)
	}
}

func TestWrongOptions(t *testing.T) {
	for want, opts := range map[string][]string{
		"'avro-confluent.url' is missing": {},
		"'avro-confluent.schema'":         {"avro-confluent.url", "http://x", "avro-confluent.schema", first},
		"exclude each other":              {"avro-confluent.url", "http://x", "avro-confluent.basic-auth.user-info", "u:p", "avro-confluent.bearer-auth.token", "t"},
		"no such file":                    {"avro-confluent.url", "http://x", "avro-confluent.ssl.truststore.location", "/none.pem"},
	} {
		if _, err := NewConfluentDecoder(confluentTable("t"), options(opts...)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := NewConfluentEncoder(confluentTable(""), options("avro-confluent.url", "http://x")); err == nil || !strings.Contains(err.Error(), "subject") {
		t.Error(err)
	}
}
