package kafka_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	segment "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/kafka"
	"github.com/cepd/cepd/internal/murmur2"
)

const faultyTopic = "faulty"

func faultyCluster(t *testing.T, brokers, partitions int) (*kfake.Cluster, string) {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(brokers), kfake.SeedTopics(int32(partitions), faultyTopic))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, strings.Join(c.ListenAddrs(), ",")
}

// Leaders move while records are written and read: all arrive once, in order.
func TestLeadersMove(t *testing.T) {
	const partitions, n = 3, 3000
	c, addr := faultyCluster(t, 3, partitions)
	s := openSink(t, addr, faultyTopic, "key.fields", "user")
	source := openSource(t, table(addr, faultyTopic))
	var readers [partitions]*partition
	for i := range readers {
		readers[i] = openPartition(t, source, int32(i), connectors.Start)
	}
	var got [partitions][]string
	for round := range 6 {
		writeRows(t, s, round*n/6, (round+1)*n/6)
		for i, p := range readers {
			for p.r.Position() < c.PartitionInfo(faultyTopic, int32(i)).HighWatermark {
				got[i] = append(got[i], p.values(1)...)
			}
		}
		for i := range readers {
			if err := c.MoveTopicPartition(faultyTopic, int32(i), int32((i+round)%3)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range got {
		want := wantRows(0, n, func(n int) bool {
			return murmur2.Partition(fmt.Appendf(nil, "user-%d", n%10), partitions) == int32(i)
		})
		if !slices.Equal(got[i], want) {
			t.Errorf("partition %d: %d records, want %d in order", i, len(got[i]), len(want))
		}
	}
}

// failProduce answers the next produce requests with an error code.
func failProduce(c *kfake.Cluster, code int16, times int32) *atomic.Int32 {
	var left, asked atomic.Int32
	left.Store(times)
	c.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		asked.Add(1)
		if left.Add(-1) < 0 {
			return nil, nil, false
		}
		r := req.(*kmsg.ProduceRequest)
		response := r.ResponseKind().(*kmsg.ProduceResponse)
		for _, rt := range r.Topics {
			topic := kmsg.NewProduceResponseTopic()
			topic.Topic = rt.Topic
			for _, rp := range rt.Partitions {
				part := kmsg.NewProduceResponseTopicPartition()
				part.Partition, part.ErrorCode = rp.Partition, code
				topic.Partitions = append(topic.Partitions, part)
			}
			response.Topics = append(response.Topics, topic)
		}
		return response, nil, true
	})
	return &asked
}

func TestProduceErrors(t *testing.T) {
	for _, code := range []segment.Error{segment.NotLeaderForPartition, segment.NotEnoughReplicas, segment.RequestTimedOut,
		segment.NotEnoughReplicasAfterAppend, segment.KafkaStorageError, segment.LeaderNotAvailable} {
		c, addr := faultyCluster(t, 1, 1)
		asked := failProduce(c, int16(code), 3)
		writeRows(t, openSink(t, addr, faultyTopic), 0, 10)
		if got := asked.Load(); got != 4 {
			t.Errorf("%v: %d requests, want 4", code, got)
		}
		if got := len(readAll(t, addr, faultyTopic, 1)[0]); got != 10 {
			t.Errorf("%v: %d records", code, got)
		}
	}
	for _, code := range []segment.Error{segment.TopicAuthorizationFailed, segment.InvalidTimestamp, segment.InvalidRecord, segment.PolicyViolation} {
		c, addr := faultyCluster(t, 1, 1)
		asked := failProduce(c, int16(code), 1<<30)
		s := openSink(t, addr, faultyTopic)
		if err := s.Write(testContext(t), rows(0, 1)); err != nil {
			t.Fatal(err)
		}
		err := s.Flush(testContext(t))
		if err == nil || !strings.Contains(err.Error(), code.Title()) || !strings.Contains(err.Error(), faultyTopic) || asked.Load() != 1 {
			t.Errorf("%v: error %v after %d requests", code, err, asked.Load())
		}
		if again := s.Write(testContext(t), rows(0, 1)); again == nil {
			t.Errorf("%v: the sink takes records after it failed", code)
		}
	}
}

func TestDeliveryTimeout(t *testing.T) {
	c, addr := faultyCluster(t, 1, 1)
	failProduce(c, int16(segment.NotEnoughReplicas), 1<<30)
	s := openSink(t, addr, faultyTopic, "properties.delivery.timeout.ms", "200")
	if err := s.Write(testContext(t), rows(0, 1)); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(testContext(t)); err == nil || !strings.Contains(err.Error(), "not delivered within 200ms") {
		t.Errorf("error %v", err)
	}
}

// Writing waits while the broker does not take records, and ends with its
// context.
func TestWriteWaits(t *testing.T) {
	c, addr := faultyCluster(t, 1, 1)
	failProduce(c, int16(segment.NotEnoughReplicas), 1<<30)
	s := openSink(t, addr, faultyTopic, "properties.buffer.memory", "2000")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := s.Write(ctx, rows(0, 100)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := s.Write(ctx, rows(0, 1)); err != context.Canceled {
		t.Errorf("error %v", err)
	}
}

func TestFetchErrors(t *testing.T) {
	c, addr := faultyCluster(t, 1, 1)
	writeRows(t, openSink(t, addr, faultyTopic), 0, 10)
	var code atomic.Int32
	code.Store(int32(segment.NotLeaderForPartition))
	left := 2
	c.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if left--; left < 0 {
			return nil, nil, false
		}
		response := req.(*kmsg.FetchRequest).ResponseKind().(*kmsg.FetchResponse)
		topic, part := kmsg.NewFetchResponseTopic(), kmsg.NewFetchResponseTopicPartition()
		topic.Topic, part.ErrorCode = faultyTopic, int16(code.Load())
		topic.Partitions = append(topic.Partitions, part)
		response.Topics = append(response.Topics, topic)
		return response, nil, true
	})
	if got := openPartition(t, openSource(t, table(addr, faultyTopic)), 0, connectors.Start).values(10); len(got) != 10 {
		t.Errorf("%d records", len(got))
	}
}

// A reader knows whether its partition's leader answers.
func TestSilenceIsNoticed(t *testing.T) {
	c, addr := faultyCluster(t, 1, 1)
	writeRows(t, openSink(t, addr, faultyTopic), 0, 1)
	p := openPartition(t, openSource(t, table(addr, faultyTopic, "properties.fetch.max.wait.ms", "100")), 0, connectors.Start)
	p.values(1)
	r := p.r.(connectors.Listener)
	if !r.Heard() {
		t.Error("it has just answered")
	}
	c.Close()
	deadline := time.After(testTimeout)
	for r.Heard() {
		select {
		case <-time.After(50 * time.Millisecond):
		case <-deadline:
			t.Fatal("nobody answers, and it is not noticed")
		}
	}
}

func TestNothingIsLeftRunning(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, faultyTopic))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	addr := c.ListenAddrs()[0]
	for _, acks := range []string{"all", "0"} {
		tab := table(addr, faultyTopic, "sink.delivery-guarantee", "none", "properties.acks", acks)
		tab.Columns = sinkColumns
		sink, err := kafka.New(newLines).Sink(tab)
		if err != nil {
			t.Fatal(err)
		}
		if err := sink.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		writeRows(t, sink, 0, 10)
		if err := sink.Close(); err != nil {
			t.Fatal(err)
		}
	}
	source, err := kafka.New(nil).Source(table(addr, faultyTopic))
	if err != nil {
		t.Fatal(err)
	}
	p := openPartition(t, source, 0, 0)
	_ = p.r.Poll(10, -1, &p.raw)
	if err := p.r.Close(); err != nil {
		t.Fatal(err)
	}
	p = openPartition(t, source, 1, 0)
	if _, err := source.Open(t.Context(), 1, 0, func() {}); err == nil {
		t.Error("a partition is opened twice")
	}
	if err := source.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.next(10, -1); err == nil || !strings.Contains(fmt.Sprint(err), "closed") {
		t.Errorf("a reader of a closed source: %v", err)
	}
	if _, err := source.Open(t.Context(), 0, 0, func() {}); err == nil {
		t.Error("a closed source opens partitions")
	}
}
