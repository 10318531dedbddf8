package formats

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/cepd/cepd/connectors/all"
	"github.com/cepd/cepd/connectors/formats/confluent"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/broker"
	"github.com/cepd/cepd/internal/schemaregistry/registrytest"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
)

// script reads transactions written with Avro schemas of a registry and writes
// detections as Protobuf, whose schema it registers.
const script = `
CREATE TABLE rejected (kind STRING, reason STRING, "offset" BIGINT)
  WITH ('connector' = 'kafka', 'topic' = 'rejected', 'properties.bootstrap.servers' = '%[1]s', 'format' = 'csv');
CREATE TABLE tx (card BIGINT NOT NULL, amount DOUBLE, at TIMESTAMP_LTZ(3), country STRING, WATERMARK FOR at AS at)
  WITH ('connector' = 'kafka', 'topic' = 'tx', 'properties.bootstrap.servers' = '%[1]s', 'scan.startup.mode' = 'earliest-offset',
    'scan.bounded.mode' = 'latest-offset', 'scan.dead-letter-table' = 'rejected', 'format' = 'avro-confluent', 'avro-confluent.url' = '%[2]s');
CREATE TABLE alerts (card BIGINT, amount DOUBLE, country STRING)
  WITH ('connector' = 'kafka', 'topic' = 'alerts', 'properties.bootstrap.servers' = '%[1]s',
    'format' = 'protobuf-confluent', 'protobuf-confluent.url' = '%[2]s',
    'protobuf-confluent.schema' = 'syntax = "proto3"; message Alert { int64 card = 1; double amount = 2; optional string country = 3; }');
INSERT INTO alerts SELECT card, amount, country FROM tx MATCH_RECOGNIZE (
  PARTITION BY card ORDER BY at
  MEASURES B.amount AS amount, B.country AS country
  PATTERN (A B) WITHIN INTERVAL '10' MINUTE
  DEFINE A AS A.amount < 10, B AS B.amount > 1000);
`

const (
	schemaV1 = `{"type":"record","name":"Tx","fields":[{"name":"card","type":"long"},{"name":"amount","type":"float"},{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}}]}`
	schemaV2 = `{"type":"record","name":"Tx","fields":[{"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}},{"name":"card","type":"int"},
		{"name":"amount","type":["null","double"]},{"name":"country","type":{"type":"enum","name":"Country","symbols":["FR","GB"]}},{"name":"note","type":"string"}]}`
)

func encode(t *testing.T, id int, schema string, fields map[string]any) []byte {
	t.Helper()
	record, err := avro.MustParse(schema).AppendEncode(confluent.AppendHead(nil, id), fields)
	if err != nil {
		t.Fatal(err)
	}
	return record
}

// TestAvroToProtobuf has a schema change in the middle of the stream, records
// that nobody can read between good ones, and a registry that fails every other
// time.
func TestAvroToProtobuf(t *testing.T) {
	addr, stop, err := broker.Start([]string{"tx", "alerts", "rejected"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	registry := registrytest.New(t)
	registry.Flaky = true
	v1, v2 := registry.Add("tx-value", sr.Schema{Schema: schemaV1}), registry.Add("tx-value", sr.Schema{Schema: schemaV2})
	old := func(card, at int, amount float32) []byte {
		return encode(t, v1, schemaV1, map[string]any{"card": int64(card), "amount": amount, "at": int64(at)})
	}
	now := func(card, at int, amount float64) []byte {
		return encode(t, v2, schemaV2, map[string]any{"card": int32(card), "amount": amount, "at": int64(at) * 1000, "country": "GB", "note": "n"})
	}
	write(t, addr, old(1, 1000, 5), encode(t, 77, schemaV1, map[string]any{"card": int64(1), "amount": float32(1), "at": int64(1)}), now(2, 2000, 6),
		old(1, 3000, 2000)[:7], now(1, 3000, 5000), nil, []byte(`{"card":1}`), now(2, 4000, 7000), old(2, 5000, 1))

	q := start(t, fmt.Sprintf(script, addr, registry.URL))
	if err := q.Wait(); err != nil {
		t.Fatal(err)
	}
	alerts := read(t, addr, "alerts", 2)
	for i := range alerts {
		alerts[i] = alert(t, alerts[i])
	}
	slices.Sort(alerts)
	if want := []string{"1 5000 GB", "2 7000 GB"}; !slices.Equal(alerts, want) {
		t.Errorf("alerts %q, want %q", alerts, want)
	}
	rejected := strings.Join(read(t, addr, "rejected", 4), "\n")
	for _, want := range []string{"schema 77: the registry has no such schema", "ends inside the value", "null value", "no schema id"} {
		if !strings.Contains(rejected, want) {
			t.Errorf("no %q in:\n%s", want, rejected)
		}
	}
}

func start(t *testing.T, text string) *engine.Query {
	t.Helper()
	q, err := launch(t, text)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// tryStart is why a query does not start, or fails.
func tryStart(t *testing.T, text string) error {
	t.Helper()
	q, err := launch(t, text)
	if err != nil {
		return err
	}
	return q.Wait()
}

func launch(t *testing.T, text string) (*engine.Query, error) {
	t.Helper()
	cat := catalog.New()
	c, err := query.CompileText(cat, "", text, nil)
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(engine.Options{Registry: all.New()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close(context.Background()) })
	return e.Start(t.Context(), c.Queries[0].Insert, cat)
}

// TestStopWhileRegistryIsDown stops a query that waits for the registry: it
// reads nothing, loses nothing, and ends.
func TestStopWhileRegistryIsDown(t *testing.T) {
	addr, stop, err := broker.Start([]string{"tx"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	registry := registrytest.New(t)
	id := registry.Add("tx-value", sr.Schema{Schema: schemaV1})
	registry.Failing.Store(503)
	write(t, addr, encode(t, id, schemaV1, map[string]any{"card": int64(1), "amount": float32(1), "at": int64(1)}))
	q := start(t, fmt.Sprintf(`
CREATE TABLE tx (card BIGINT) WITH ('connector' = 'kafka', 'topic' = 'tx', 'properties.bootstrap.servers' = '%s', 'scan.startup.mode' = 'earliest-offset',
  'format' = 'avro-confluent', 'avro-confluent.url' = '%s');
CREATE TABLE o (card BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO o SELECT card FROM tx;`, addr, registry.URL))
	for registry.Calls.Load() < 2 && t.Context().Err() == nil {
		runtime.Gosched()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := q.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if s := q.Status(); len(s.Partitions) != 1 || s.Partitions[0].Rejects != 0 || s.Partitions[0].Rows != 0 {
		t.Errorf("%+v", s.Partitions)
	}
}

func write(t *testing.T, addr string, values ...[]byte) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.DefaultProduceTopic("tx"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, v := range values {
		if err := client.ProduceSync(t.Context(), &kgo.Record{Value: v}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

// read reads n records of a topic.
func read(t *testing.T, addr, topic string, n int) (values []string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for len(values) < n {
		fetches := client.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) { values = append(values, string(r.Value)) })
	}
	return values
}

// alert reads a record by hand: head, place of the message, then the fields.
func alert(t *testing.T, record string) string {
	t.Helper()
	p := []byte(record)
	if id, ok := confluent.Head(p); !ok || id != 3 || p[confluent.HeadLen] != 0 {
		t.Fatalf("head of %x", p)
	}
	p = p[confluent.HeadLen+1:]
	card, n := protowire.ConsumeVarint(p[1:])
	p = p[1+n:]
	amount, n := protowire.ConsumeFixed64(p[1:])
	p = p[1+n:]
	country, _ := protowire.ConsumeString(p[1:])
	return fmt.Sprint(card, " ", math.Float64frombits(amount), " ", country)
}
