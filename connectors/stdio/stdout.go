package stdio

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/connectors/formats/cloudevents"
	"github.com/cepd/cepd/internal/event"
)

// stdout writes whole lines, one writer at a time.
type stdout struct{ mu *sync.Mutex }

// NewStdout is the connector 'stdout'. Sinks of one connector take turns.
func NewStdout() connectors.Connector { return stdout{new(sync.Mutex)} }

func (stdout) Name() string                        { return "stdout" }
func (stdout) Metadata() []connectors.MetadataSpec { return nil }

func (stdout) Options() []connectors.OptionSpec {
	return append([]connectors.OptionSpec{formats.Spec()}, cloudevents.StructuredSpecs()...)
}

func (stdout) Source(connectors.Table) (connectors.Source, error) {
	return nil, connectors.ErrNotSource
}

func (c stdout) Sink(t connectors.Table) (connectors.Sink, error) {
	encoder, err := formats.NewEncoder(t)
	if err != nil {
		return nil, err
	}
	framing, err := formats.NewFraming(t)
	if err != nil {
		return nil, err
	}
	if t.Stdout == nil {
		return nil, fmt.Errorf("there is no standard output here")
	}
	return &sink{out: t.Stdout, mu: c.mu, encoder: encoder, lines: framing.Head}, nil
}

type sink struct {
	out     io.Writer
	mu      *sync.Mutex
	encoder connectors.Encoder
	rows    connectors.Encoded
	lines   []byte
}

func (s *sink) Open(ctx context.Context) error { return connectors.OpenEncoder(ctx, s.encoder) }

// Write implements connectors.Sink. It does not buffer: somebody is watching.
func (s *sink) Write(_ context.Context, b *event.Batch) error {
	s.rows.Reset()
	if err := s.encoder.Encode(b, &s.rows); err != nil {
		return err
	}
	for _, v := range s.rows.Value {
		s.lines = append(append(s.lines, s.rows.Buf[v.Off:v.Off+v.Len]...), '\n')
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.out.Write(s.lines)
	s.lines = s.lines[:0]
	return err
}

func (s *sink) Flush(context.Context) error { return nil }
func (s *sink) Close() error                { return nil }
