package kafka

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/kafka/recordbatch"
	"github.com/cepd/cepd/internal/event"
)

var _ connectors.Recaller = (*transactionalSink)(nil)

// Place implements connectors.Recaller.
func (t *transactionalSink) Place() map[int32]int64 { return t.sender.ends() }

// recall configures a source that reads the topic to its end.
func (c *sinkConfig) recall() *sourceConfig {
	return &sourceConfig{config: c.config, readCommitted: true, reset: "earliest", headers: true,
		minBytes: 1, maxWait: 500 * time.Millisecond, fetchBytes: 4 << 20, memory: 32 << 20, batchLimit: 64 << 20,
		start: position{mode: modeEarliest}, stop: position{mode: modeLatest}}
}

// Recall implements connectors.Recaller: it reads the topic and looks at the
// header that every row carries. Records without it are not cepd's.
func (t *transactionalSink) Recall(ctx context.Context, place map[int32]int64, fn func(event.ID) error) error {
	s := newSource(t.config.recall(), connectors.Table{Name: t.client.topic, Log: t.client.log})
	parts, err := s.Partitions(ctx)
	for _, part := range parts {
		from, known := place[part]
		if !known {
			from = connectors.Start
		}
		if err == nil {
			err = recallPartition(ctx, s, part, from, fn)
		}
	}
	return errors.Join(err, s.Close())
}

func recallPartition(ctx context.Context, s *source, part int32, from int64, fn func(event.ID) error) error {
	more := make(chan struct{}, 1)
	opened, err := s.Open(ctx, part, from, func() { signal(more) })
	if err != nil {
		return err
	}
	r := opened.(*reader)
	defer r.Close()
	var raw connectors.RawBatch
	for {
		err := r.Poll(event.MaxRows, -1, &raw)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := eachID(&raw, fn); err != nil {
			return err
		}
		if raw.N() > 0 {
			continue
		}
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func eachID(raw *connectors.RawBatch, fn func(event.ID) error) error {
	var headers []recordbatch.RecordHeader
	for i := range raw.N() {
		span := raw.Headers[i]
		var err error
		if headers, err = recordbatch.Headers(raw.Buf[span.Off:span.Off+span.Len], headers[:0]); err != nil {
			return err
		}
		for _, h := range headers {
			if string(h.Key) != idHeader {
				continue
			}
			if id, err := event.ParseID(string(h.Value)); err == nil {
				if err := fn(id); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
