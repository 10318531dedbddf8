package kafka

import (
	"context"
	"fmt"

	"github.com/cepd/cepd/connectors"
)

// source reads a topic. Its fetcher runs from the first Open to Close.
type source struct {
	config  *sourceConfig
	client  *client
	fetcher *fetcher
}

func newSource(c *sourceConfig, t connectors.Table) *source {
	cl := newClient(&c.config, t.Log)
	return &source{config: c, client: cl, fetcher: newFetcher(cl, c)}
}

func (s *source) isolation() int8 {
	if s.config.readCommitted {
		return 1
	}
	return 0
}

// Partitions implements connectors.Source.
func (s *source) Partitions(ctx context.Context) ([]int32, error) { return s.client.partitions(ctx) }

// Replayable implements connectors.Source: Kafka keeps what it gave.
func (s *source) Replayable() bool { return true }

// Bounded implements connectors.Source.
func (s *source) Bounded() bool { return s.config.stop.mode != modeUnbounded }

// Open implements connectors.Source.
func (s *source) Open(ctx context.Context, part int32, from int64, ready func()) (connectors.Reader, error) {
	if from == connectors.Start {
		var err error
		if from, err = s.resolve(ctx, s.config.start, part); err != nil {
			return nil, err
		}
	}
	stop, err := s.resolve(ctx, s.config.stop, part)
	if err != nil {
		return nil, err
	}
	r := newReader(s, part, from, stop, ready)
	if err := s.fetcher.add(r); err != nil {
		return nil, err
	}
	return r, nil
}

// Close implements connectors.Source. Readers end with an error.
func (s *source) Close() error {
	s.fetcher.close()
	return nil
}

// outOfRange decides where to go on when the broker has no record at the
// reader's offset any more, or not yet.
func (s *source) outOfRange(ctx context.Context, r *reader, at int64) (int64, error) {
	first, err := s.listOffset(ctx, r.part, earliest)
	if err != nil {
		return 0, err
	}
	end, err := s.listOffset(ctx, r.part, latest)
	if err != nil {
		return 0, err
	}
	to := end
	switch s.config.reset {
	case "earliest":
		to = first
	case "latest":
	default:
		return 0, fmt.Errorf("kafka: topic %q partition %d: offset %d is out of range, the broker has %d to %d; 'properties.auto.offset.reset' can say where to go on",
			r.client().topic, r.part, at, first, end)
	}
	s.client.log.Warn("offset out of range, records are lost", "partition", r.part, "offset", at, "goes_on_at", to)
	return to, nil
}
