package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	confluentkafka "github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"
)

const fetchBytes = 4 << 20

// kafkaGo has a Reader for each partition, as its documentation has it.
func kafkaGo(ctx context.Context, bootstrap, topic string, n int) (int64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var left, bytes atomic.Int64
	left.Store(int64(n))
	errs := make([]error, partitions)
	var wg sync.WaitGroup
	for p := range partitions {
		wg.Go(func() {
			r := kafka.NewReader(kafka.ReaderConfig{Brokers: brokers(bootstrap), Topic: topic, Partition: p, MinBytes: 1 << 16, MaxBytes: fetchBytes,
				QueueCapacity: 10_000, MaxWait: 100 * time.Millisecond})
			defer r.Close()
			for {
				m, err := r.ReadMessage(ctx)
				if err != nil {
					errs[p] = err
					return
				}
				bytes.Add(int64(len(m.Value)))
				if left.Add(-1) <= 0 {
					cancel()
					return
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			return 0, err
		}
	}
	return bytes.Load(), nil
}

func franzGo(ctx context.Context, bootstrap, topic string, n int) (bytes int64, err error) {
	offsets := map[int32]kgo.Offset{}
	for p := range int32(partitions) {
		offsets[p] = kgo.NewOffset().AtStart()
	}
	c, err := kgo.NewClient(kgo.SeedBrokers(brokers(bootstrap)...), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: offsets}),
		kgo.FetchMaxPartitionBytes(fetchBytes))
	if err != nil {
		return 0, err
	}
	defer c.Close()
	for left := n; left > 0; {
		fetches := c.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return 0, err
		}
		fetches.EachRecord(func(r *kgo.Record) { bytes += int64(len(r.Value)) })
		left -= fetches.NumRecords()
	}
	return bytes, nil
}

// confluent is librdkafka through its Go binding, a message a call.
func confluent(_ context.Context, bootstrap, topic string, n int) (bytes int64, err error) {
	c, err := confluentkafka.NewConsumer(&confluentkafka.ConfigMap{"bootstrap.servers": bootstrap, "group.id": "drain", "enable.auto.commit": false,
		"auto.offset.reset": "earliest", "fetch.message.max.bytes": fetchBytes})
	if err != nil {
		return 0, err
	}
	defer c.Close()
	var assigned []confluentkafka.TopicPartition
	for p := range int32(partitions) {
		assigned = append(assigned, confluentkafka.TopicPartition{Topic: &topic, Partition: p, Offset: confluentkafka.OffsetBeginning})
	}
	if err := c.Assign(assigned); err != nil {
		return 0, err
	}
	for left := n; left > 0; {
		switch e := c.Poll(1000).(type) {
		case *confluentkafka.Message:
			bytes += int64(len(e.Value))
			left--
		case confluentkafka.Error:
			return 0, fmt.Errorf("poll: %w", e)
		}
	}
	return bytes, nil
}
