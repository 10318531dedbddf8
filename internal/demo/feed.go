package demo

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// speed is how much faster than the wall clock the world's time runs: ten
// minutes a second.
const speed = 600

const (
	tick       = 10 * time.Millisecond
	trimEvery  = 10 * time.Second
	keepEvents = 2_000_000 // per topic, in the embedded broker's memory
)

// Feed plays a World to a topic at its pace.
type Feed struct {
	client     *kgo.Client
	topic      string
	partitions int
	world      *World
	history    *History
	sent       atomic.Int64
	failed     atomic.Pointer[error]
}

// NewFeed connects a world to the topic of a broker.
func NewFeed(bootstrap, topic string, partitions int, w *World, h *History) (*Feed, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.DefaultProduceTopic(topic),
		kgo.ProducerLinger(2*time.Millisecond), kgo.MaxBufferedRecords(100_000))
	if err != nil {
		return nil, fmt.Errorf("payments: %w", err)
	}
	return &Feed{client: client, topic: topic, partitions: partitions, world: w, history: h}, nil
}

// Close gives up what is not sent.
func (f *Feed) Close() { f.client.Close() }

// Sent is the number of payments that the broker has acknowledged.
func (f *Feed) Sent() int64 { return f.sent.Load() }

// Play sends payments until the context ends, then lets the frauds under way
// come to their end, and returns when all is acknowledged.
func (f *Feed) Play(ctx context.Context) error {
	start, base := time.Now(), f.world.Now()
	ticker, trim := time.NewTicker(tick), time.NewTicker(trimEvery)
	defer ticker.Stop()
	defer trim.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-ticker.C:
			f.until(base.Add(time.Since(start) * speed))
		case <-trim.C:
			f.trim(ctx)
		}
		if err := f.failed.Load(); err != nil {
			return *err
		}
	}
	return f.finish()
}

// finish plays the rest of all scenarios, and enough ordinary life to move the
// watermark past them.
func (f *Feed) finish() error {
	f.world.Calm()
	f.until(f.world.Now().Add(quiet + between))
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := f.client.Flush(ctx); err != nil {
		return fmt.Errorf("payments: the broker does not take them: %w", err)
	}
	return nil
}

func (f *Feed) until(t time.Time) {
	for f.world.Now().Before(t) {
		p := f.world.Next()
		f.history.Add(p, time.Now())
		for _, plant := range f.world.TakePlanted() {
			f.history.Plant(plant)
		}
		f.client.Produce(context.Background(), f.record(p), f.acknowledge)
	}
}

func (f *Feed) acknowledge(_ *kgo.Record, err error) {
	if err != nil {
		err = fmt.Errorf("payments: %w", err)
		f.failed.CompareAndSwap(nil, &err)
		return
	}
	f.sent.Add(1)
}

func (f *Feed) record(p Payment) *kgo.Record {
	return &kgo.Record{Key: strconv.AppendInt(nil, p.Card, 10), Value: p.AppendJSON(make([]byte, 0, 160))}
}

// AppendJSON appends the payment as the payments table reads it.
func (p *Payment) AppendJSON(b []byte) []byte {
	b = strconv.AppendInt(append(b, `{"card":`...), p.Card, 10)
	b = append(b, `,"amount":`...)
	b = appendCents(b, p.Cents)
	b = strconv.AppendQuote(append(b, `,"country":`...), p.Country)
	b = strconv.AppendQuote(append(b, `,"merchant":`...), p.Merchant)
	b = strconv.AppendQuote(append(b, `,"kind":`...), p.Kind)
	b = p.Time.AppendFormat(append(b, `,"ts":"`...), sqlTime)
	return append(b, `"}`...)
}

// sqlTime is how JSON tables write TIMESTAMP(3).
const sqlTime = "2006-01-02 15:04:05.000"

func appendCents(b []byte, cents int64) []byte {
	b = strconv.AppendInt(b, cents/100, 10)
	return append(b, '.', byte('0'+cents/10%10), byte('0'+cents%10))
}

// trim deletes old payments: the embedded broker keeps all in memory.
func (f *Feed) trim(ctx context.Context) {
	ends, err := endOffsets(ctx, f.client, f.topic, f.partitions)
	if err != nil {
		return
	}
	topic := kmsg.NewDeleteRecordsRequestTopic()
	topic.Topic = f.topic
	for part, end := range ends {
		if to := end - keepEvents/int64(f.partitions); to > 0 {
			p := kmsg.NewDeleteRecordsRequestTopicPartition()
			p.Partition, p.Offset = int32(part), to
			topic.Partitions = append(topic.Partitions, p)
		}
	}
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.Topics = append(req.Topics, topic)
	_, _ = req.RequestWith(ctx, f.client) // tried again in ten seconds
}

// endOffsets lists the end of each partition.
func endOffsets(ctx context.Context, client *kgo.Client, topic string, partitions int) ([]int64, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	t := kmsg.NewListOffsetsRequestTopic()
	t.Topic = topic
	for part := range partitions {
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Partition, p.Timestamp = int32(part), -1
		t.Partitions = append(t.Partitions, p)
	}
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("end of %s: %w", topic, err)
	}
	ends := make([]int64, partitions)
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			ends[p.Partition] = p.Offset
		}
	}
	return ends, nil
}
