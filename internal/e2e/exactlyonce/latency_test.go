package exactlyonce

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/cepd/cepd/internal/kafkatest"
)

// passThrough delivers every row, so that what is measured is reading, the
// journal and delivery, without a wait for the watermark.
const passThrough = `CREATE TABLE readings (meter BIGINT, n BIGINT, v BIGINT)
  WITH ('connector'='kafka', 'topic'='%[2]s', 'properties.bootstrap.servers'='%[1]s', 'format'='json', 'scan.startup.mode'='earliest-offset');
CREATE TABLE rises (meter BIGINT, n BIGINT)
  WITH ('connector'='kafka', 'topic'='%[3]s', 'properties.bootstrap.servers'='%[1]s', 'format'='json', 'key.fields'='meter',
        'sink.delivery-guarantee'='%[4]s', 'properties.linger.ms'='0');
INSERT INTO rises SELECT meter, n FROM readings;`

// passing is a record on its way through.
type passing struct {
	Meter int64 `json:"meter"`
	N     int64 `json:"n"`
}

const measureTime = 10 * time.Second

// BenchmarkLatency measures, for each delivery guarantee, the time from when a
// record was due to be written to the topic that is read until a reader of
// committed records has what became of it. A record that is sent late because
// those before it were slow counts from when it was due.
//
//	go test ./internal/e2e/exactlyonce -run '^$' -bench Latency -benchtime 1x
func BenchmarkLatency(b *testing.B) {
	for _, guarantee := range []string{"none", "at-least-once", "exactly-once"} {
		for _, perSecond := range []int{100, 2000} {
			b.Run(fmt.Sprintf("%s/rate=%d", guarantee, perSecond), func(b *testing.B) {
				latencies := measure(b, guarantee, perSecond)
				slices.Sort(latencies)
				for name, q := range map[string]float64{"p50-ms": .5, "p99-ms": .99, "p99.9-ms": .999} {
					at := min(int(q*float64(len(latencies))), len(latencies)-1)
					b.ReportMetric(float64(latencies[at].Microseconds())/1000, name)
				}
			})
		}
	}
}

// measure sends records for measureTime and gives the latency of each.
func measure(b *testing.B, guarantee string, perSecond int) []time.Duration {
	bed := prepare(b, kafkatest.Broker(b), guarantee, passThrough)
	c := bed.start("state")
	defer func() {
		_ = c.Kill()
		<-c.done
	}()
	total := int(measureTime.Seconds() * float64(perSecond))
	due := make([]time.Time, total)
	sent, err := kgo.NewClient(kgo.SeedBrokers(bed.broker.Bootstrap), kgo.DefaultProduceTopic(bed.in), kgo.ProducerLinger(0))
	if err != nil {
		b.Fatal(err)
	}
	defer sent.Close()
	r, err := kgo.NewClient(kgo.SeedBrokers(bed.broker.Bootstrap), kgo.ConsumeTopics(bed.out), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	bed.warm(b, sent, r)
	b.ResetTimer()
	begin := time.Now()
	for i := range due {
		due[i] = begin.Add(time.Duration(i) * time.Second / time.Duration(perSecond))
	}
	go func() {
		for i, at := range due {
			if wait := time.Until(at); wait > 0 {
				<-time.After(wait)
			}
			value, _ := json.Marshal(passing{Meter: int64(i % 40), N: int64(i)}) // numbers and a text
			sent.Produce(context.Background(), &kgo.Record{Value: value}, nil)
		}
	}()
	latencies := make([]time.Duration, 0, total)
	ctx, cancel := context.WithTimeout(context.Background(), catchUp)
	defer cancel()
	for len(latencies) < total && ctx.Err() == nil {
		r.PollFetches(ctx).EachRecord(func(rec *kgo.Record) {
			var x passing
			if json.Unmarshal(rec.Value, &x) == nil && x.N >= 0 {
				latencies = append(latencies, time.Since(due[x.N]))
			}
		})
	}
	if len(latencies) < total {
		b.Fatalf("%d of %d records have arrived\n%s", len(latencies), total, &c.stderr)
	}
	return latencies
}

// warm waits until a first record has gone all the way.
func (b *bed) warm(t testing.TB, c, r *kgo.Client) {
	t.Helper()
	c.Produce(context.Background(), &kgo.Record{Value: []byte(`{"meter":1,"n":-1}`)}, nil)
	ctx, cancel := context.WithTimeout(context.Background(), catchUp)
	defer cancel()
	if r.PollFetches(ctx).Empty() {
		t.Fatal("nothing arrives")
	}
}
