package protobuf

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/confluent"
	"github.com/cepd/cepd/connectors/formats/formattest"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/schemaregistry/registrytest"
)

const manyFields = `syntax = "proto3";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
message M {
  bool b = 1; int32 i = 2; sint64 l = 3; uint32 u = 4; fixed64 x = 5; float f = 6; double d = 7; string s = 8; bytes y = 9;
  enum E { A = 0; } E e = 10;
  google.protobuf.Timestamp at = 11; google.protobuf.Int32Value w = 12;
  message I { int32 a = 1; M more = 2; } I row = 13; message Empty {} Empty empty = 14;
  repeated string list = 15; repeated I rows = 16; map<string, I> map = 17; M self = 18;
}`

// TestWrittenFields: the types of columns for the fields of a message. Each column of
// such a type takes the field.
func TestWrittenFields(t *testing.T) {
	const want = `b BOOLEAN
i INT
l BIGINT
u BIGINT
x DECIMAL(20, 0)
f FLOAT
d DOUBLE
s STRING
y BYTES
e STRING
at TIMESTAMP_LTZ(6)
w INT
row ROW<a INT>
empty NULL
list ARRAY<STRING>
rows ARRAY<ROW<a INT>>
map MAP<STRING, ROW<a INT>>
self NULL
`
	file, err := compile(manyFields, func(string) (string, error) { return "", os.ErrNotExist })
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	var columns []connectors.Column
	for _, f := range writtenFields(file.Messages().Get(0)) {
		fmt.Fprintf(&got, "%s %s\n", f.Name, f.Type)
		if f.Type.Kind != event.Null {
			columns = append(columns, connectors.Column{Name: f.Name, Type: f.Type})
		}
	}
	if got.String() != want {
		t.Errorf("%s", got.String())
	}
	if _, err := NewDecoder(connectors.Table{Columns: columns}, opts("protobuf.schema", manyFields)); err != nil {
		t.Error(err)
	}
}

// TestSchemasAreTold tells of each message once, with the record that brought it; with 'fail'
// one with more fields than columns is refused.
func TestSchemasAreTold(t *testing.T) {
	r := registrytest.New(t)
	id := r.Add("t-value", sr.Schema{Schema: pairSchema, Type: sr.TypeProtobuf})
	head := string(confluent.AppendHead(nil, id))
	records := formattest.Raw(head+"\x00\x08\x05", head+"\x04\x02\x00\x08\x06", head+"\x00\x08\x07")
	columns := []connectors.Column{{Name: "a", Type: event.TInt64}}
	for evolution, want := range map[string]string{"ignore": "5\n6\n7\n", "fail": "5\nREJECT schema 1: field s: no column takes it\n7\n"} {
		d, err := NewConfluentDecoder(connectors.Table{Columns: columns, Options: map[string]string{"schema.evolution": evolution}}, opts("protobuf-confluent.url", r.URL))
		if err != nil {
			t.Fatal(err)
		}
		if got := formattest.Decode(t, d, columns, records); got != want {
			t.Errorf("%s: %s", evolution, got)
		}
		if got := fmt.Sprint(d.Schemas(), d.Schemas()); got != "[{1 0 [{a BIGINT}]} {1 1 [{a BIGINT} {s STRING}]}] []" {
			t.Error(got)
		}
	}
}
