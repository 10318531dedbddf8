package exactlyonce

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// query finds two readings of a meter in a row of which the second is higher.
// About a third of the rows end one.
const query = `CREATE TABLE readings (meter BIGINT, n BIGINT, v BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts)
  WITH ('connector'='kafka', 'topic'='%[2]s', 'properties.bootstrap.servers'='%[1]s', 'format'='json',
        'properties.group.id'='%[2]s-group', 'scan.startup.mode'='earliest-offset', 'scan.watermark.idle-timeout'='1 h');
CREATE TABLE rises (meter BIGINT, a BIGINT, b BIGINT)
  WITH ('connector'='kafka', 'topic'='%[3]s', 'properties.bootstrap.servers'='%[1]s', 'format'='json', 'key.fields'='meter',
        'sink.delivery-guarantee'='%[4]s');
INSERT INTO rises SELECT * FROM readings MATCH_RECOGNIZE (PARTITION BY meter ORDER BY ts
  MEASURES A.n AS a, B.n AS b AFTER MATCH SKIP PAST LAST ROW PATTERN (A B) DEFINE B AS B.v > A.v);`

const (
	meters     = 40
	partitions = 4
)

type reading struct {
	Meter int64  `json:"meter"`
	N     int64  `json:"n"`
	V     int64  `json:"v"`
	TS    string `json:"ts"`
}

type rise struct {
	Meter int64 `json:"meter"`
	A     int64 `json:"a"`
	B     int64 `json:"b"`
}

// world plays readings and knows what is to be found in them.
type world struct {
	client *kgo.Client
	topic  string
	rng    *rand.Rand

	mu   sync.Mutex
	n    int64
	last [meters]*reading // not part of a rise
	want map[rise]bool
}

func newWorld(t testing.TB, bootstrap, topic string, seed uint64) *world {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(bootstrap, ",")...), kgo.DefaultProduceTopic(topic), kgo.ProducerLinger(time.Millisecond),
		kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return &world{client: c, topic: topic, rng: rand.New(rand.NewPCG(seed, 7)), want: map[rise]bool{}}
}

// play sends readings at a rate, in bursts, until the context ends, and then
// one to each partition that is much later, so that all before it are decided.
func (w *world) play(ctx context.Context, perSecond int) error {
	const tick = 250 * time.Millisecond
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			w.last = [meters]*reading{}
			for p := range int32(partitions) {
				w.send(reading{Meter: -1 - int64(p), N: -1, TS: "2099-01-01 00:00:00"}, p)
			}
			return w.client.Flush(context.Background())
		case <-ticker.C:
			for range perSecond * int(tick) / int(time.Second) {
				w.next()
			}
		}
	}
}

func (w *world) next() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n++
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(w.n) * time.Millisecond)
	r := reading{Meter: w.rng.Int64N(meters), N: w.n, V: w.rng.Int64N(1000), TS: at.Format("2006-01-02 15:04:05.000")}
	if a := w.last[r.Meter]; a != nil && r.V > a.V {
		w.want[rise{r.Meter, a.N, r.N}] = true
		w.last[r.Meter] = nil
	} else {
		w.last[r.Meter] = &r
	}
	w.send(r, int32(r.Meter%partitions))
}

func (w *world) send(r reading, part int32) {
	value, _ := json.Marshal(r) // numbers and a text
	w.client.Produce(context.Background(), &kgo.Record{Partition: part, Value: value}, nil)
}

func (w *world) wanted() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.want)
}

// reader counts the rises that are committed, with a client that is not ours.
type reader struct {
	client *kgo.Client
	seen   map[rise]int
	total  int
}

func newReader(t testing.TB, bootstrap, topic string) *reader {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(bootstrap, ",")...), kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return &reader{client: c, seen: map[rise]int{}}
}

// until reads until n rises have been seen, or the context ends.
func (r *reader) until(ctx context.Context, t testing.TB, n int) {
	t.Helper()
	for r.total < n && ctx.Err() == nil {
		r.client.PollFetches(ctx).EachRecord(func(rec *kgo.Record) {
			var x rise
			if err := json.Unmarshal(rec.Value, &x); err != nil {
				t.Errorf("record %q: %v", rec.Value, err)
			}
			r.seen[x]++
			r.total++
		})
	}
}

// rest reads until nothing has come for a while.
func (r *reader) rest(t testing.TB, quiet time.Duration) {
	t.Helper()
	for before := -1; before != r.total; {
		before = r.total
		ctx, cancel := context.WithTimeout(context.Background(), quiet)
		r.until(ctx, t, 1<<60)
		cancel()
	}
}

// compare says how what was seen differs from what there is to find.
func (w *world) compare(seen map[rise]int) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var missing, twice, wrong []string
	for x := range w.want {
		if seen[x] == 0 {
			missing = append(missing, fmt.Sprint(x))
		}
	}
	for x, n := range seen {
		if !w.want[x] {
			wrong = append(wrong, fmt.Sprint(x))
		} else if n > 1 {
			twice = append(twice, fmt.Sprintf("%v ×%d", x, n))
		}
	}
	if len(missing)+len(twice)+len(wrong) == 0 {
		return ""
	}
	return fmt.Sprintf("of %d: missing %s; more than once %s; wrong %s", len(w.want), some(missing), some(twice), some(wrong))
}

func some(list []string) string {
	slices.Sort(list)
	return fmt.Sprintf("%d [%s]", len(list), strings.Join(list[:min(len(list), 5)], ", "))
}
