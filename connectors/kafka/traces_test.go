package kafka_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/cepd/cepd/connectors/all"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/trace"
	"github.com/cepd/cepd/internal/trace/tracetest"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/state/memstore"
)

// TestTraces follows events from the header that another program gave them to
// that of the detection.
func TestTraces(t *testing.T) {
	forEachBroker(t, func(t *testing.T, to target) {
		t.Run("at least once", func(t *testing.T) { follow(t, to, "") })
	})
	forReal(t, func(t *testing.T, to target) {
		t.Run("exactly once", func(t *testing.T) {
			follow(t, to, ", 'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = 'traces'")
		})
	})
}

func follow(t *testing.T, to target, delivery string) {
	in, out := to.topic(t, 1), to.topic(t, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	parent := func(n int) string { return fmt.Sprintf("00-%032x-%016x-01", n, 0xa0+n) }
	client, err := kgo.NewClient(kgo.SeedBrokers(to.bootstrap), kgo.ConsumeTopics(out), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var records []*kgo.Record
	for i, v := range []int{2, 1, 8, 9} { // cards 1, 2, 1, 2
		r := &kgo.Record{Topic: in, Value: fmt.Appendf(nil, `{"k":%d,"v":%d,"ts":"2026-01-01 00:00:0%d"}`, 1+i%2, v, i)}
		r.Headers = []kgo.RecordHeader{{Key: "other", Value: []byte("x")}}
		if i%2 == 0 {
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: trace.Header, Value: []byte(parent(i + 1))}, kgo.RecordHeader{Key: trace.StateHeader, Value: []byte("vendor=7")})
		}
		records = append(records, r)
	}
	if err := client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	c := tracetest.Start(t)
	tracer := c.Tracer(t)
	with := func(topic, more string) string {
		return fmt.Sprintf("WITH ('connector' = 'kafka', 'topic' = '%s', 'properties.bootstrap.servers' = '%s', 'format' = 'json'%s)", topic, to.bootstrap, more)
	}
	run(ctx, t, engine.Options{Registry: all.New(), Spans: tracer, Store: memstore.New()}, `SET 'detections.explain' = 'events';
CREATE TABLE t (k BIGINT, v BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) `+with(in, ", 'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset'")+`;
CREATE TABLE o (k BIGINT, n BIGINT) `+with(out, delivery)+`;
INSERT INTO o SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY ts MEASURES B.v AS n PATTERN (A B) DEFINE A AS v < 5, B AS v > 5)`)
	tracer.Close(ctx)

	heads, made := map[string]string{}, map[string]string{} // by value
	for len(heads) < 2 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			head := ""
			for _, h := range r.Headers {
				if h.Key == trace.Header || h.Key == trace.StateHeader {
					head += string(h.Value) + " "
				}
				if h.Key == "cepd-detection" {
					made[string(r.Value)] = string(h.Value)
				}
			}
			heads[string(r.Value)] = head
		})
	}
	if head := heads[`{"k":2,"n":9}`]; head != "" {
		t.Errorf("of events without a trace the detection has %q", head)
	}
	const want = `{"query":"o","version":1,"events":[{"variable":"A","table":"t","partition":0,"offset":1,"time":"2026-01-01T00:00:01Z"},{"variable":"B","table":"t","partition":0,"offset":3,"time":"2026-01-01T00:00:03Z"}]}`
	if got := made[`{"k":2,"n":9}`]; got != want {
		t.Errorf("made of %s", got)
	}
	span := func(name string, n int) []tracetest.Span {
		list := slices.DeleteFunc(c.Spans(), func(s tracetest.Span) bool { return !strings.HasPrefix(s.Name, name) })
		if len(list) != n {
			t.Fatalf("%d spans %q: %+v", len(list), name, c.Spans())
		}
		return list
	}
	read, match, sent := span("process t", 2), span("match ", 1)[0], span("send o", 1)[0]
	if read[0].Parent != parent(1)[36:52] || read[1].Parent != parent(3)[36:52] || read[0].Attributes["messaging.destination.name"] != in || read[1].Attributes["messaging.kafka.offset"] != "2" {
		t.Errorf("read: %+v", read)
	}
	if match.Trace != parent(3)[3:35] || match.Parent != read[1].ID || len(match.Links) != 2 || match.Links[0].ID != read[0].ID || match.Links[0].Variable != "A" {
		t.Errorf("match: %+v", match)
	}
	if head := heads[`{"k":1,"n":8}`]; sent.Parent != match.ID || head != "00-"+sent.Trace+"-"+sent.ID+"-01 vendor=7 " {
		t.Errorf("sent: %+v; header %q", sent, head)
	}
}

// run runs a query to the end of its input.
func run(ctx context.Context, t *testing.T, o engine.Options, sql string) {
	t.Helper()
	cat := catalog.New()
	r, err := query.CompileText(cat, "test.sql", sql, nil)
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(o)
	if err != nil {
		t.Fatal(err)
	}
	q, err := e.Start(ctx, r.Queries[0].Insert, cat)
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(ctx); err != nil {
		t.Fatal(err)
	}
}
