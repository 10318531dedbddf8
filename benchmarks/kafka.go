package benchmarks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cepd/cepd/benchmarks/measure"
	"github.com/cepd/cepd/benchmarks/workload"
	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/all"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
)

// kafkaScript reads transactions as JSON from one topic and writes the
// detections of Q2 to another.
const kafkaScript = `CREATE TABLE tx (
  ts BIGINT, card BIGINT, amount DOUBLE,
  at AS TO_TIMESTAMP_LTZ(ts, 3),
  WATERMARK FOR at AS at - INTERVAL '1' SECOND
) WITH ('connector' = 'kafka', 'topic' = '%[2]s', 'properties.bootstrap.servers' = '%[1]s', 'format' = 'json',
  'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset');
CREATE TABLE alerts (card BIGINT, probed TIMESTAMP_LTZ(3), at TIMESTAMP_LTZ(3), amount DOUBLE)
WITH ('connector' = 'kafka', 'topic' = '%[3]s', 'properties.bootstrap.servers' = '%[1]s', 'format' = 'json', 'key.fields' = 'card');
INSERT INTO alerts SELECT * FROM tx MATCH_RECOGNIZE (
  PARTITION BY card ORDER BY at
  MEASURES A.at AS probed, B.at AS at, B.amount AS amount
  PATTERN (A B) WITHIN INTERVAL '10' MINUTE
  DEFINE A AS A.amount < 10, B AS B.amount > 1000);
`

// FillTopic writes the first n transactions to a topic, in the Kafka form of
// the workload, and says how many bytes the average value has.
func FillTopic(ctx context.Context, bootstrap, topic string, n int) (bytes float64, err error) {
	c, _ := all.New().Lookup("kafka")
	sink, err := c.Sink(connectors.Table{
		Name: "fill", Query: "fill",
		Columns: []connectors.Column{{Name: "k", Type: event.TBytes}, {Name: "v", Type: event.TBytes}},
		Options: map[string]string{
			"topic": topic, "properties.bootstrap.servers": bootstrap, "format": "raw",
			"key.fields": "k", "key.format": "raw", "value.fields-include": "EXCEPT_KEY", "properties.linger.ms": "20",
		},
	})
	if err != nil {
		return 0, err
	}
	if err := sink.Open(ctx); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, sink.Close()) }()
	total, err := writeAll(ctx, sink, n)
	if err != nil {
		return 0, err
	}
	return float64(total) / float64(n), sink.Flush(ctx)
}

func writeAll(ctx context.Context, sink connectors.Sink, n int) (total int, err error) {
	b := event.NewBatch(event.NewSchema(event.Field{Name: "k", Type: event.TBytes}, event.Field{Name: "v", Type: event.TBytes}))
	g := workload.NewTransactions()
	var t workload.Transaction
	var key, value []byte
	for done := 0; done < n; done += b.N {
		b.Reset(min(batchRows, n-done))
		for i := range b.N {
			g.Next(&t)
			key, value = t.AppendKey(key[:0]), t.AppendKafka(value[:0])
			b.Cols[0].SetBytes(i, key)
			b.Cols[1].SetBytes(i, value)
			total += len(value)
		}
		if err := sink.Write(ctx, b); err != nil {
			return 0, err
		}
	}
	return total, nil
}

// EndToEnd measures Q2 from a topic of n transactions to another topic, with
// state kept in dir. All of the process's CPU counts: fetching, decoding,
// matching, journal and snapshots, sending.
func EndToEnd(ctx context.Context, bootstrap, in, out, dir string, n int) (measure.Result, error) {
	r := measure.Result{Workload: "Q2", System: "cepd", Events: n}
	e, err := engine.New(engine.Options{Registry: all.New(), DataDir: dir})
	if err != nil {
		return r, err
	}
	cat := catalog.New()
	c, err := query.CompileText(cat, "", fmt.Sprintf(kafkaScript, bootstrap, in, out), nil)
	if err != nil {
		return r, errors.Join(err, e.Close(ctx))
	}
	var q *engine.Query
	u, err := measure.Run(func() error {
		if q, err = e.Start(ctx, c.Queries[0].Insert, cat); err != nil {
			return err
		}
		return q.Wait()
	})
	if err != nil {
		return r, errors.Join(err, e.Close(ctx))
	}
	r.Matches = int(q.Status().Sinks[0].Acknowledged)
	r.Take(u)
	r.Note = fmt.Sprintf("Kafka to Kafka, JSON, at least once, state on disk; %.2f allocations per event", float64(u.Mallocs)/float64(n))
	r.Stamp(time.Now())
	return r, e.Close(ctx)
}
