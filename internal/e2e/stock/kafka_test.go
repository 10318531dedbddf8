package stock

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/all"
	"github.com/cepd/cepd/connectors/memory"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/conformance"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/kafkatest"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
)

func TestMain(m *testing.M) { os.Exit(kafkatest.Main(m)) }

// TestStockThroughKafka sends the stream through a real broker as JSON, runs
// each query from topic to topic, reads the detections back and compares them
// with the naive matcher. A query by symbol reads a topic of four partitions; one
// over the whole stream needs its order, which only one partition keeps.
func TestStockThroughKafka(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a Kafka broker")
	}
	limit := 0
	if small {
		limit = 20_000
	}
	trades, err := Load(data, limit)
	if err != nil {
		t.Fatal(err)
	}
	k := kafkatest.Broker(t)
	topics := map[bool]string{false: k.Topic(t, 1), true: k.Topic(t, 4)}
	for _, topic := range topics {
		produce(t, k.Bootstrap, topic, trades)
	}
	for _, q := range Queries {
		t.Run(q.Name, func(t *testing.T) {
			c := Case(q, trades)
			want := naive(t, c)
			bySymbol := strings.Contains(q.SQL, "PARTITION BY name")
			got := throughKafka(t, k, topics[bySymbol], c)
			if difference := conformance.Compare(c, want, got); difference != "" {
				t.Error(difference)
			}
			t.Logf("%d rows", len(got.Rows))
		})
	}
}

func (t Trade) json() []byte {
	at := time.UnixMilli(t.Time).UTC().Format("2006-01-02 15:04:05.000")
	return fmt.Appendf(nil, `{"kind":%q,"id":%d,"name":%q,"volume":%d,"price":%v,"ts":%q}`, t.Kind, t.ID, t.Name, t.Volume, t.Price, at)
}

// TestStockInShards runs the queries by symbol with the shards in parallel, in
// memory: what one shard does must not show in another.
func TestStockInShards(t *testing.T) {
	limit := 30_000
	if small {
		limit = 10_000
	}
	trades, err := Load(data, limit)
	if err != nil {
		t.Fatal(err)
	}
	objects := make([]string, len(trades))
	for i, trade := range trades {
		objects[i] = string(trade.json())
	}
	for _, q := range Queries {
		if !strings.Contains(q.SQL, "PARTITION BY") {
			continue
		}
		t.Run(q.Name, func(t *testing.T) {
			c := Case(q, trades)
			want := naive(t, c)
			root, err := conformance.Compile(c)
			if err != nil {
				t.Fatal(err)
			}
			store := memory.NewStore(0)
			if err := store.Table("events").AppendJSON(objects...); err != nil {
				t.Fatal(err)
			}
			store.Table("events").Close()
			execute(t, all.New(memory.New(store)), eventsTable+" WITH ('connector' = 'memory');\nCREATE TABLE result "+
				columns(root.Schema())+" WITH ('connector' = 'memory');\nINSERT INTO result "+c.Query)
			_, rows := store.Table("result").Rows()
			if difference := conformance.Compare(c, want, conformance.NewResult(root.Schema(), rows)); difference != "" {
				t.Error(difference)
			}
		})
	}
}

const eventsTable = `CREATE TABLE events (kind STRING, id BIGINT, name STRING, volume BIGINT, price DOUBLE, ts TIMESTAMP(3),
 WATERMARK FOR ts AS ts - INTERVAL '0.001' SECOND)`

// produce writes the trades, keyed by symbol.
func produce(t *testing.T, bootstrap, topic string, trades []Trade) {
	t.Helper()
	connector, _ := all.New().Lookup("kafka")
	sink, err := connector.Sink(connectors.Table{
		Name: "fill", Query: "fill",
		Columns: []connectors.Column{{Name: "k", Type: event.TBytes}, {Name: "v", Type: event.TBytes}},
		Options: map[string]string{
			"topic": topic, "properties.bootstrap.servers": bootstrap, "format": "raw",
			"key.fields": "k", "key.format": "raw", "value.fields-include": "EXCEPT_KEY", "properties.compression.type": "lz4",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	if err := sink.Open(ctx); err != nil {
		t.Fatal(err)
	}
	b := event.NewBatch(event.NewSchema(event.Field{Name: "k", Type: event.TBytes}, event.Field{Name: "v", Type: event.TBytes}))
	for len(trades) > 0 {
		n := min(len(trades), 1000)
		b.Reset(n)
		for i, trade := range trades[:n] {
			b.Cols[0].SetBytes(i, []byte(trade.Name))
			b.Cols[1].SetBytes(i, trade.json())
		}
		if err := sink.Write(ctx, b); err != nil {
			t.Fatal(err)
		}
		trades = trades[n:]
	}
	if err := sink.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
}

// throughKafka runs a case from topic to a new topic, and reads that.
func throughKafka(t *testing.T, k *kafkatest.Kafka, topic string, c *conformance.Case) *conformance.Result {
	t.Helper()
	root, err := conformance.Compile(c)
	if err != nil {
		t.Fatal(err)
	}
	schema := root.Schema()
	with := func(topic, more string) string {
		return fmt.Sprintf(" WITH ('connector' = 'kafka', 'properties.bootstrap.servers' = '%s', 'topic' = '%s', 'format' = 'json'%s);\n", k.Bootstrap, topic, more)
	}
	const bounded = ", 'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset'"
	out := k.Topic(t, 1) // which keeps the order
	execute(t, all.New(), eventsTable+with(topic, bounded)+"CREATE TABLE found "+columns(schema)+with(out, "")+"INSERT INTO found "+c.Query)
	store := memory.NewStore(0)
	execute(t, all.New(memory.New(store)), "CREATE TABLE found "+columns(schema)+with(out, bounded)+
		"CREATE TABLE result "+columns(schema)+" WITH ('connector' = 'memory');\nINSERT INTO result SELECT * FROM found")
	_, rows := store.Table("result").Rows()
	return conformance.NewResult(schema, rows)
}

func columns(s *event.Schema) string {
	cols := make([]string, len(s.Fields))
	for i, f := range s.Fields {
		cols[i] = fmt.Sprintf("`%s` %s", f.Name, f.Type)
	}
	return "(" + strings.Join(cols, ", ") + ")"
}

// execute runs a script with one query to the end of its input.
func execute(t *testing.T, r *connectors.Registry, sql string) {
	t.Helper()
	ctx := context.Background()
	e, err := engine.New(engine.Options{Registry: r, DataDir: t.TempDir(), Workers: 4})
	if err != nil {
		t.Fatal(err)
	}
	cat := catalog.New()
	compiled, err := query.CompileText(cat, "", sql, nil)
	if err != nil {
		t.Fatal(err)
	}
	q, err := e.Start(ctx, compiled.Queries[0].Insert, cat)
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, p := range q.Status().Partitions {
		if p.Late > 0 || p.Rejects > 0 {
			t.Errorf("partition %d: %d rows late, %d rejected", p.Partition, p.Late, p.Rejects)
		}
	}
	if err := e.Close(ctx); err != nil {
		t.Fatal(err)
	}
}
