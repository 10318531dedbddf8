package infer_test

import (
	"context"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/cepd/cepd/connectors/all"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/broker"
	"github.com/cepd/cepd/internal/infer"
	"github.com/cepd/cepd/internal/schemaregistry/registrytest"
)

func newSampler(t *testing.T) infer.Sampler {
	e, err := engine.New(engine.Options{Registry: all.New(), NewDecoder: formats.NewDecoder})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close(context.Background()) })
	return infer.Sampler{Engine: e}
}

// TestTopic infers from a topic whose other partitions are empty: the first records,
// the last, and none.
func TestTopic(t *testing.T) {
	addr, stop, err := broker.Start([]string{"in", "empty"}, 4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	c, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, value := range []string{`{"id": 1}`, `{"id": 2, "note": "x"}`, ``, `{"id": 3.5, "more": [1]}`} {
		if err := c.ProduceSync(t.Context(), &kgo.Record{Topic: "in", Partition: 2, Value: []byte(value)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	s := newSampler(t)
	options := map[string]string{"connector": "kafka", "topic": "in", "properties.bootstrap.servers": addr, "scan.startup.mode": "latest-offset"}
	for _, test := range []struct {
		rows int
		last bool
		want string
	}{
		{1000, false, "id DOUBLE,note STRING,more ARRAY<BIGINT>"},
		{4, false, "id BIGINT,note STRING"}, // two for each partition that is left
		{2, true, "id DOUBLE,more ARRAY<BIGINT>"},
	} {
		got, err := s.Infer(t.Context(), infer.Request{Name: "t", Options: options, Rows: test.rows, Last: test.last})
		if err != nil {
			t.Fatal(err)
		}
		var columns []string
		for _, c := range got.Columns {
			columns = append(columns, c.Name+" "+c.Type.String())
		}
		if s := strings.Join(columns, ","); s != test.want {
			t.Errorf("%d, last %v: %s, want %s", test.rows, test.last, s, test.want)
		}
	}
	options["topic"] = "empty"
	if _, err := s.Infer(t.Context(), infer.Request{Name: "t", Options: options}); err == nil || !strings.Contains(err.Error(), "no records yet") {
		t.Errorf("an empty topic: %v", err)
	}
}

// TestWritten infers from what a registry says of the records: of the latest schema
// among those that they name.
func TestWritten(t *testing.T) {
	addr, stop, err := broker.Start([]string{"avro", "proto", "none"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	r := registrytest.New(t)
	r.Add("avro-value", sr.Schema{Schema: `{"type":"record","name":"R","fields":[{"name":"id","type":"int"}]}`})
	r.Add("avro-value", sr.Schema{Schema: `{"type":"record","name":"R","fields":[{"name":"id","type":"int"},{"name":"at","type":["null",{"type":"long","logicalType":"timestamp-millis"}]},{"name":"any","type":["int","string"]}]}`})
	r.Add("proto-value", sr.Schema{Schema: `syntax = "proto3"; message A { uint64 id = 1; } message B { repeated string tags = 1; }`, Type: sr.TypeProtobuf})
	c, err := kgo.NewClient(kgo.SeedBrokers(addr))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, record := range []struct{ topic, value string }{
		{"avro", "\x00\x00\x00\x00\x02\x02\x00\x00\x02"}, {"avro", "\x00\x00\x00\x00\x01\x02"}, {"avro", "{}"}, // the latest is not the last
		{"proto", "\x00\x00\x00\x00\x03\x02\x02"}, {"none", "{}"},
	} {
		if err := c.ProduceSync(t.Context(), &kgo.Record{Topic: record.topic, Value: []byte(record.value)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	s := newSampler(t)
	for _, test := range []struct{ topic, format, option, want string }{
		{"avro", "avro-confluent", "", "id INT,at TIMESTAMP_LTZ(3); 1 of 3 records are none of the format and were passed over; a query will reject such; no column takes the fields any"},
		{"proto", "protobuf-confluent", "", "tags ARRAY<STRING>; "},
		{"none", "avro-confluent", "", "none of 1 records has a schema: 2 bytes are too few"},
		{"avro", "protobuf-confluent", "", "none of 3 records has a schema: schema 2: it is of type AVRO"},
		{"none", "avro", `{"type":"record","name":"R","fields":[{"name":"id","type":"long"}]}`, "id BIGINT; "},
		{"none", "protobuf", `syntax = "proto3"; message A { bool b = 1; }`, "b BOOLEAN; "},
		{"none", "avro", "", "give their schema, 'avro.schema'"},
		{"none", "protobuf", "", "give their schema, 'protobuf.schema'"},
	} {
		options := map[string]string{"connector": "kafka", "topic": test.topic, "properties.bootstrap.servers": addr, "format": test.format, "schema.evolution": "fail"}
		if strings.HasSuffix(test.format, "-confluent") {
			options[test.format+".url"] = r.URL
		} else if test.option != "" {
			options[test.format+".schema"] = test.option
		}
		if got := inferred(t, s, options); !strings.Contains(got, test.want) {
			t.Errorf("%s, %s: %s", test.topic, test.format, got)
		}
	}
}

// inferred is the columns and the note, or the error.
func inferred(t *testing.T, s infer.Sampler, options map[string]string) string {
	t.Helper()
	got, err := s.Infer(t.Context(), infer.Request{Name: "t", Options: options})
	if err != nil {
		return err.Error()
	}
	var columns []string
	for _, c := range got.Columns {
		columns = append(columns, c.Name+" "+c.Type.String())
	}
	return strings.Join(columns, ",") + "; " + got.Note()
}
