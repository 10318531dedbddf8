package rises

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Partitions is the number of partitions of the topic of readings.
const Partitions = 4

const meters = 40

// Source is the table of readings, Match the query that finds the rises: about
// a third of the readings end one. The brokers stand for %[1]s, the topic of readings for %[2]s.
const (
	Source = `CREATE TABLE readings (meter BIGINT, n BIGINT, v BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts)
  WITH ('connector'='kafka', 'topic'='%[2]s', 'properties.bootstrap.servers'='%[1]s', 'format'='json',
        'properties.group.id'='%[2]s-group', 'scan.startup.mode'='earliest-offset', 'scan.watermark.idle-timeout'='1 h');
`
	Match = `SELECT * FROM readings MATCH_RECOGNIZE (PARTITION BY meter ORDER BY ts
  MEASURES A.n AS a, B.n AS b AFTER MATCH SKIP PAST LAST ROW PATTERN (A B) DEFINE B AS B.v > A.v);
`
)

type reading struct {
	Meter int64  `json:"meter"`
	N     int64  `json:"n"`
	V     int64  `json:"v"`
	TS    string `json:"ts"`
}

func (r reading) encode() []byte {
	value, _ := json.Marshal(r) // numbers and a text
	return value
}

// timeOf is the time of the nth reading: they are a millisecond apart.
func timeOf(n int64) string {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Millisecond)
	return at.Format("2006-01-02 15:04:05.000")
}

// Rise is two readings of a meter, by number.
type Rise struct {
	Meter int64 `json:"meter"`
	A     int64 `json:"a"`
	B     int64 `json:"b"`
}

// World plays readings and knows what is to be found in them.
type World struct {
	bootstrap, topic string
	client           *kgo.Client
	rng              *rand.Rand

	playing sync.Mutex // before mu
	held    bool

	mu     sync.Mutex
	n      int64
	last   [meters]*reading // not part of a rise
	want   map[Rise]bool
	played []played // by number, from 1
	err    error    // of a reading that was not taken
}

// played is a reading that was given: there may be millions.
type played struct{ meter, v int16 }

// New makes a world whose readings go to a topic of Partitions partitions. The
// seed decides their values. Close it.
func New(bootstrap, topic string, seed uint64) (*World, error) {
	c, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(bootstrap, ",")...), kgo.DefaultProduceTopic(topic),
		kgo.ProducerLinger(time.Millisecond), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return nil, err
	}
	return &World{bootstrap: bootstrap, topic: topic, client: c, rng: rand.New(rand.NewPCG(seed, 7)), want: map[Rise]bool{}}, nil
}

// Close ends the connections.
func (w *World) Close() { w.client.Close() }

// Play sends readings at a rate, in bursts, until the context ends, and then
// one to each partition that is much later, so that all before it are decided.
// The error is that of a reading that the brokers did not take.
func (w *World) Play(ctx context.Context, perSecond int) error {
	const tick = 250 * time.Millisecond
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			for p := range int32(Partitions) {
				w.send(reading{Meter: -1 - int64(p), N: -1, TS: "2099-01-01 00:00:00"}, p)
			}
			return w.flush()
		case <-ticker.C:
			w.burst(perSecond * int(tick) / int(time.Second))
		}
	}
}

// burst sends n readings, unless they are held.
func (w *World) burst(n int) {
	w.playing.Lock()
	defer w.playing.Unlock()
	if w.held {
		return
	}
	for range n {
		r := w.next()
		w.send(r, int32(r.Meter%Partitions))
	}
}

// Hold has Play send nothing until Release. All that was sent is in the topic
// when it returns.
func (w *World) Hold() error {
	w.playing.Lock()
	defer w.playing.Unlock()
	w.held = true
	return w.flush()
}

// Release has Play go on.
func (w *World) Release() {
	w.playing.Lock()
	defer w.playing.Unlock()
	w.held = false
}

func (w *World) flush() error {
	err := w.client.Flush(context.Background())
	w.mu.Lock()
	defer w.mu.Unlock()
	return errors.Join(err, w.err)
}

func (w *World) next() reading {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n++
	r := reading{Meter: w.rng.Int64N(meters), N: w.n, V: w.rng.Int64N(1000), TS: timeOf(w.n)}
	w.played = append(w.played, played{int16(r.Meter), int16(r.V)})
	if a := w.last[r.Meter]; a != nil && r.V > a.V {
		w.want[Rise{r.Meter, a.N, r.N}] = true
		w.last[r.Meter] = nil
	} else {
		w.last[r.Meter] = &r
	}
	return r
}

func (w *World) send(r reading, part int32) {
	w.client.Produce(context.Background(), &kgo.Record{Partition: part, Value: r.encode()}, func(_ *kgo.Record, err error) {
		if err != nil {
			w.mu.Lock()
			w.err = fmt.Errorf("reading %d was not taken: %w", r.N, err)
			w.mu.Unlock()
		}
	})
}

// Readings is the number of readings so far.
func (w *World) Readings() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.n
}

// Wanted is the number of rises so far.
func (w *World) Wanted() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.want)
}

// Rises are those that a query finds which begins at reading from and has read
// all so far, by their second reading. Overlapping: that may be the first of the
// next, as with AFTER MATCH SKIP TO NEXT ROW.
func (w *World) Rises(from int64, overlapping bool) map[int64]Rise {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := map[int64]Rise{}
	var last [meters]int64 // number of the reading, 0: none
	for n := max(from, 1); n <= w.n; n++ {
		r := w.played[n-1]
		a := last[r.meter]
		last[r.meter] = n
		if a == 0 || r.v <= w.played[a-1].v {
			continue
		}
		found[n] = Rise{int64(r.meter), a, n}
		if !overlapping {
			last[r.meter] = 0
		}
	}
	return found
}

// Decided is the number up to which the readings so far are decided: each
// partition has one of a later time.
func (w *World) Decided() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	var newest [Partitions]int64
	for i, r := range w.played {
		newest[r.meter%Partitions] = int64(i + 1)
	}
	return slices.Min(newest[:]) - 1
}
