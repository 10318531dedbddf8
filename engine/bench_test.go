package engine_test

import (
	"context"
	"io"
	"testing"

	"github.com/cepd/cepd/benchmarks/measure"
	"github.com/cepd/cepd/benchmarks/workload"
	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/blackhole"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/cepdtest"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/trace"
	"github.com/cepd/cepd/state"
	"github.com/cepd/cepd/state/pebblestore"
)

// cycle is a source of columns that lie in memory and are given again and
// again, with times that go on: what the engine costs, without a source's part.
type cycle struct {
	columns []int // of the table's columns in batch
	batches []*event.Batch
	at      int64
}

const cycleRows = 1 << 18

func newCycle() *cycle {
	g := workload.NewTransactions()
	c := &cycle{}
	for range cycleRows / event.MaxRows {
		b := event.NewBatch(workload.TransactionSchema)
		g.Fill(b, event.MaxRows)
		c.batches = append(c.batches, b)
	}
	return c
}

func (c *cycle) Name() string                                   { return "cycle" }
func (c *cycle) Options() []connectors.OptionSpec               { return nil }
func (c *cycle) Metadata() []connectors.MetadataSpec            { return nil }
func (c *cycle) Sink(connectors.Table) (connectors.Sink, error) { return nil, connectors.ErrNotSink }
func (c *cycle) Partitions(context.Context) ([]int32, error)    { return []int32{0}, nil }
func (c *cycle) Replayable() bool                               { return true }
func (c *cycle) Bounded() bool                                  { return false }
func (c *cycle) Close() error                                   { return nil }
func (c *cycle) Position() int64                                { return c.at }
func (c *cycle) End() int64                                     { return -1 }

func (c *cycle) Source(t connectors.Table) (connectors.Source, error) {
	for _, col := range t.Columns {
		c.columns = append(c.columns, workload.TransactionSchema.Index(col.Name))
	}
	return c, nil
}

func (c *cycle) Open(context.Context, int32, int64, func()) (connectors.Reader, error) { return c, nil }

func (c *cycle) PollColumns(limit int, until int64, dst *event.Batch) error {
	if limit < event.MaxRows || until >= 0 {
		return io.ErrShortBuffer
	}
	b := c.batches[int(c.at/event.MaxRows)%len(c.batches)]
	dst.Reset(event.MaxRows)
	dst.Time = dst.Time[:0]
	for i, from := range c.columns {
		dst.Cols[i] = b.Cols[from]
		if workload.TransactionSchema.Fields[from].Name == "ts" {
			times := b.Cols[from].I64
			for row := range times {
				times[row] = c.at*1000 + int64(row)*1000
			}
		}
	}
	for row := range dst.ID {
		dst.ID[row] = event.ID{Lo: uint64(c.at) + uint64(row)}
	}
	c.at += event.MaxRows
	return nil
}

// cyclePipeline runs a query over the columns without a store.
func cyclePipeline(t testing.TB, sql, delay string, store state.Store, more ...func(*engine.Options)) *engine.Pipeline {
	c := newCycle()
	types := map[string]string{}
	for _, f := range workload.TransactionSchema.Fields {
		types[f.Name] = f.Type.String()
	}
	q, err := enginetest.Compile(`CREATE TABLE tx (ts ` + types["ts"] + `, card BIGINT, amount ` + types["amount"] + `, country STRING, kind STRING, WATERMARK FOR ts AS ts` + delay + `)
		WITH ('connector'='cycle');
		CREATE TABLE q1 (card BIGINT, amount ` + types["amount"] + `, country STRING) WITH ('connector'='blackhole');
		CREATE TABLE q2 (card BIGINT, probed ` + types["ts"] + `, ts ` + types["ts"] + `, amount ` + types["amount"] + `) WITH ('connector'='blackhole');
		CREATE TABLE velocity (card BIGINT, m BIGINT, h BIGINT, d BIGINT, w BIGINT, total ` + types["amount"] + `, biggest ` + types["amount"] + `) WITH ('connector'='blackhole');
		CREATE TABLE totals (card BIGINT, n BIGINT, total ` + types["amount"] + `, biggest ` + types["amount"] + `) WITH ('connector'='blackhole');` + sql)
	if err != nil {
		t.Fatal(err)
	}
	o := engine.Options{Registry: connectors.NewRegistry(formats.Specs(), c, blackhole.New()), Clock: clock.Wall{}, Workers: 1}
	for _, change := range more {
		change(&o)
	}
	p, err := engine.OpenPipeline(context.Background(), o, q.Root, q.Catalog, store)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

const (
	fiveSeconds = " - INTERVAL '5' SECOND"
	q1          = `INSERT INTO q1 SELECT card, amount, country FROM tx WHERE amount > 1000 AND country <> 'US'`
	q2          = `INSERT INTO q2 SELECT * FROM tx MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts
	 MEASURES A.ts AS probed, B.ts AS ts, B.amount AS amount
	 PATTERN (A B) WITHIN INTERVAL '10' MINUTE DEFINE A AS A.amount < 10, B AS B.amount > 1000)`
)

// Counts over four frames, and two aggregates that are two stacks.
const (
	velocity = `INSERT INTO velocity SELECT card,
	 COUNT(*) OVER (PARTITION BY card ORDER BY ts RANGE BETWEEN INTERVAL '1' MINUTE PRECEDING AND CURRENT ROW),
	 COUNT(*) OVER (PARTITION BY card ORDER BY ts RANGE BETWEEN INTERVAL '3' MINUTE PRECEDING AND CURRENT ROW),
	 COUNT(*) OVER w,
	 COUNT(*) OVER (PARTITION BY card ORDER BY ts RANGE BETWEEN INTERVAL '20' MINUTE PRECEDING AND CURRENT ROW), `
	velocityCounts = velocity + `CAST(NULL AS DOUBLE), CAST(NULL AS DOUBLE) FROM tx WINDOW w AS (PARTITION BY card ORDER BY ts RANGE BETWEEN INTERVAL '10' MINUTE PRECEDING AND CURRENT ROW)`
	velocityStacks = velocity + `SUM(amount) OVER w, MAX(amount) OVER w FROM tx WINDOW w AS (PARTITION BY card ORDER BY ts RANGE BETWEEN INTERVAL '10' MINUTE PRECEDING AND CURRENT ROW)`
	q6             = `INSERT INTO totals SELECT card, COUNT(*), SUM(amount), MAX(amount) FROM TUMBLE(TABLE tx, DESCRIPTOR(ts), INTERVAL '60' SECOND) GROUP BY window_start, window_end, card`
)

func step(t testing.TB, p *engine.Pipeline) {
	if _, err := p.Step(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Deliver(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func benchmarkSteps(b *testing.B, sql, delay string, more ...func(*engine.Options)) {
	p := cyclePipeline(b, sql, delay, nil, more...)
	for range 2 * cycleRows / event.MaxRows {
		step(b, p)
	}
	b.ReportAllocs()
	b.ResetTimer()
	began := measure.CPUTime()
	for range b.N {
		step(b, p)
	}
	events := float64(b.N) * event.MaxRows
	b.ReportMetric(events/b.Elapsed().Seconds()/1e6, "Mevents/s")
	b.ReportMetric(float64((measure.CPUTime()-began).Nanoseconds())/events, "cpu-ns/event") // neighbours on the machine leave it alone
}

func BenchmarkQ1(b *testing.B)        { benchmarkSteps(b, q1, "") }
func BenchmarkQ2(b *testing.B)        { benchmarkSteps(b, q2, "") }
func BenchmarkQ6(b *testing.B)        { benchmarkSteps(b, q6, "") }
func BenchmarkQ6Delayed(b *testing.B) { benchmarkSteps(b, q6, fiveSeconds) }
func BenchmarkVelocity(b *testing.B)  { benchmarkSteps(b, velocityCounts, "") }
func BenchmarkStacks(b *testing.B)    { benchmarkSteps(b, velocityStacks, "") }
func BenchmarkQ2Delayed(b *testing.B) { benchmarkSteps(b, q2, fiveSeconds) }

// BenchmarkDetections is of a pattern that makes a detection of each event: what
// it costs to keep the last ones to be watched, and to tell what they are made of.
func BenchmarkDetections(b *testing.B) {
	const all = `INSERT INTO q1 SELECT card, amount, country FROM tx MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts
	 MEASURES A.amount AS amount, A.country AS country PATTERN (A) DEFINE A AS A.amount >= 0)`
	b.Run("unwatched", func(b *testing.B) { benchmarkSteps(b, all, "") })
	for _, level := range []string{"none", "events", "conditions"} {
		b.Run(level, func(b *testing.B) {
			benchmarkSteps(b, "SET 'detections.explain' = '"+level+"'; "+all, "", (*engine.Options).Watched)
		})
	}
}

// BenchmarkQ2Traced is Q2 with tracing on, of records of which none is part of a
// trace.
func BenchmarkQ2Traced(b *testing.B) {
	tracer, err := trace.New(b.Context(), trace.Options{Endpoint: "http://127.0.0.1:1"})
	if err != nil {
		b.Fatal(err)
	}
	defer tracer.Close(context.Background())
	benchmarkSteps(b, q2, "", func(o *engine.Options) { o.Spans = tracer })
}

// BenchmarkQ2Journal has a store on disk, commits every 25 steps and writes the
// changed state of 100,000 keys every 1,000 steps.
func BenchmarkQ2Journal(b *testing.B) {
	store, err := pebblestore.Open(b.TempDir(), pebblestore.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	p := cyclePipeline(b, q2, "", store)
	b.ResetTimer()
	for i := range b.N {
		step(b, p)
		if i%25 == 24 {
			err = p.Commit()
		}
		if i%1000 == 999 && err == nil {
			var write func() error
			if write, _, err = p.Snapshot(); err == nil {
				err = write()
			}
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*event.MaxRows/b.Elapsed().Seconds()/1e6, "Mevents/s")
}

// TestSteadyStateAllocations counts allocations per step of 4,096 events, once
// all keys are known and all buffers have grown.
func TestSteadyStateAllocations(t *testing.T) {
	if cepdtest.Raced {
		t.Skip("the race detector allocates too")
	}
	for _, c := range [][2]string{{q1, ""}, {q2, ""}, {q2, fiveSeconds}} {
		p := cyclePipeline(t, c[0], c[1], nil)
		for range 8 * cycleRows / event.MaxRows {
			step(t, p)
		}
		if n := testing.AllocsPerRun(200, func() { step(t, p) }); n >= 1 {
			t.Errorf("%v allocations per step of %s, delayed%s", n, c[0], c[1])
		}
	}
}
