package benchmarks

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/cepd/cepd/benchmarks/measure"
	"github.com/cepd/cepd/benchmarks/workload"
	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/all"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/murmur2"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
)

// kafkaScript reads transactions as JSON from one topic and writes the
// detections of Q1 or Q2 to another.
var kafkaScript = template.Must(template.New("pipe").Parse(`CREATE TABLE tx (
  ts BIGINT, card BIGINT, amount DOUBLE, country STRING,
  at AS TO_TIMESTAMP_LTZ(ts, 3),
  WATERMARK FOR at AS at
) WITH ('connector' = 'kafka', 'topic' = '{{.In}}', 'properties.bootstrap.servers' = '{{.Bootstrap}}', 'format' = 'json',
  'scan.startup.mode' = 'earliest-offset'{{if not .Live}}, 'scan.bounded.mode' = 'latest-offset'{{end}});
CREATE TABLE alerts (card BIGINT, at TIMESTAMP_LTZ(3), ts BIGINT, amount DOUBLE)
WITH ('connector' = 'kafka', 'topic' = '{{.Out}}', 'properties.bootstrap.servers' = '{{.Bootstrap}}', 'format' = 'json', 'key.fields' = 'card',
  'sink.delivery-guarantee' = '{{.Guarantee}}'{{if eq .Guarantee "exactly-once"}}, 'sink.transactional-id-prefix' = 'cepd-bench'{{end}});
INSERT INTO alerts {{if eq .Query "Q1"}}SELECT card, at, ts, amount FROM tx WHERE amount > 1000 AND country <> 'US'{{else}}SELECT * FROM tx MATCH_RECOGNIZE (
  PARTITION BY card ORDER BY at
  MEASURES B.at AS at, B.ts AS ts, B.amount AS amount
  PATTERN (A B) WITHIN INTERVAL '10' MINUTE
  DEFINE A AS A.amount < 10, B AS B.amount > 1000){{end}};
`))

// Filler writes transactions to a topic, in the Kafka form of the workload.
type Filler struct {
	sink       connectors.Sink
	stream     *workload.Transactions
	batch      *event.Batch
	key, value []byte
	bytes      int // of values, so far
}

// recordTime is the type of a record's timestamp, which is the event's time.
var recordTime = event.Type{Kind: event.TimestampLTZ, Precision: 3}

// NewFiller opens a topic for writing; records wait up to linger for others.
func NewFiller(ctx context.Context, bootstrap, topic string, linger time.Duration) (*Filler, error) {
	c, _ := all.New().Lookup("kafka")
	sink, err := c.Sink(connectors.Table{
		Name: "fill", Query: "fill",
		Columns: []connectors.Column{{Name: "k", Type: event.TBytes}, {Name: "v", Type: event.TBytes}, {Name: "t", Type: recordTime, Metadata: "timestamp"}},
		Options: map[string]string{
			"topic": topic, "properties.bootstrap.servers": bootstrap, "format": "raw",
			"key.fields": "k", "key.format": "raw", "value.fields-include": "EXCEPT_KEY", "properties.linger.ms": strconv.FormatInt(linger.Milliseconds(), 10),
		},
	})
	if err != nil {
		return nil, err
	}
	b := event.NewBatch(event.NewSchema(event.Field{Name: "k", Type: event.TBytes}, event.Field{Name: "v", Type: event.TBytes}, event.Field{Name: "t", Type: recordTime}))
	return &Filler{sink: sink, stream: workload.NewTransactions(), batch: b}, sink.Open(ctx)
}

// Write writes the next n events, a batch's worth at most.
func (f *Filler) Write(ctx context.Context, n int) error {
	var t workload.Transaction
	b := f.batch
	for b.Reset(n); n > 0; n-- {
		f.stream.Next(&t)
		f.key, f.value = t.AppendKey(f.key[:0]), t.AppendKafka(f.value[:0])
		b.Cols[0].SetBytes(b.N-n, f.key)
		b.Cols[1].SetBytes(b.N-n, f.value)
		b.Cols[2].I64[b.N-n] = t.TS * 1000
		f.bytes += len(f.value)
	}
	return f.sink.Write(ctx, b)
}

// Flush waits for the broker's word on all that was written.
func (f *Filler) Flush(ctx context.Context) error { return f.sink.Flush(ctx) }

// Close closes the topic.
func (f *Filler) Close() error { return f.sink.Close() }

// FillTopic writes the first n transactions to a topic, and says how many bytes
// the average value has.
func FillTopic(ctx context.Context, bootstrap, topic string, n int) (bytes float64, err error) {
	f, err := NewFiller(ctx, bootstrap, topic, 20*time.Millisecond)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for left := n; left > 0; {
		k := min(batchRows, left)
		if err := f.Write(ctx, k); err != nil {
			return 0, err
		}
		left -= k
	}
	return float64(f.bytes) / float64(n), f.Flush(ctx)
}

// Pipe is a query from a topic to another.
type Pipe struct {
	Bootstrap, In, Out string
	Query              string // Q1 or Q2
	Guarantee          string // none, at-least-once or exactly-once
	Events             int    // that In has
	Dir                string // where state is kept; "": nowhere
	Live               bool   // In has no end
}

func (p *Pipe) script() (string, error) {
	var b strings.Builder
	err := kafkaScript.Execute(&b, p)
	return b.String(), err
}

// How says what is guaranteed.
func (p *Pipe) How() string {
	where := "state in memory only"
	if p.Dir != "" {
		where = "state on disk"
	}
	return strings.ReplaceAll(p.Guarantee, "-", " ") + ", " + where
}

// Start starts the pipe on e.
func (p *Pipe) Start(ctx context.Context, e *engine.Engine) (*engine.Query, error) {
	text, err := p.script()
	if err != nil {
		return nil, err
	}
	cat := catalog.New()
	c, err := query.CompileText(cat, "", text, nil)
	if err != nil {
		return nil, err
	}
	return e.Start(ctx, c.Queries[0].Insert, cat)
}

// EndToEnd measures a pipe. All of the process's CPU counts: fetching, decoding,
// matching, journal and snapshots, sending.
func EndToEnd(ctx context.Context, p *Pipe) (r measure.Result, err error) {
	r.Events = p.Events
	e, err := engine.New(engine.Options{Registry: all.New(), DataDir: p.Dir})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, e.Close(ctx)) }()
	var q *engine.Query
	u, err := measure.Run(func() error {
		if q, err = p.Start(ctx, e); err != nil {
			return err
		}
		return q.Wait()
	})
	if err != nil {
		return r, err
	}
	r.Matches = int(q.Status().Sinks[0].Acknowledged)
	r.Take(u)
	r.Note = fmt.Sprintf("%s; %.2f allocations per event", p.How(), float64(u.Mallocs)/float64(p.Events))
	return r, nil
}

// Beginning is the transactions that n records of each of so many partitions
// hold from their beginning on: FillTopic leaves the partition to Kafka's hash
// of the key.
func Beginning(e *Transactions, partitions, n int) *Transactions {
	taken, out := make([]int, partitions), &Transactions{}
	var key []byte
	for i, card := range e.Card {
		key = (&workload.Transaction{Card: card}).AppendKey(key[:0])
		p := murmur2.Partition(key, partitions)
		if taken[p]++; taken[p] > n {
			continue
		}
		out.Time, out.Card, out.Amount = append(out.Time, e.Time[i]), append(out.Card, card), append(out.Amount, e.Amount[i])
		out.Country, out.Kind = append(out.Country, e.Country[i]), append(out.Kind, e.Kind[i])
	}
	return out
}
