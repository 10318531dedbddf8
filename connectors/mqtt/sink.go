package mqtt

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"github.com/eclipse/paho.golang/packets"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/remote"
	"github.com/cepd/cepd/internal/event"
)

// maxPending and maxPendingBytes are what waits before Write sends it.
const (
	maxPending      = 4096
	maxPendingBytes = 4 << 20
)

// sink publishes rows. Those of one topic go through one lane, one after another,
// so that their order stays.
type sink struct {
	*config
	encoder connectors.Encoder
	topic   *remote.Route
	timeout time.Duration
	link    link
	rows    connectors.Encoded
	lanes   [][]outgoing
	seed    maphash.Seed
	pending int
	bytes   int
}

func newSink(c *config, encoder connectors.Encoder, topic *remote.Route) *sink {
	lanes := make([][]outgoing, c.table.Int(optInFlight, defaultInFlight))
	return &sink{config: c, encoder: encoder, topic: topic, timeout: span(c.table, optTimeout, 2*time.Minute), lanes: lanes, seed: maphash.MakeSeed()}
}

// Open implements connectors.Sink.
func (s *sink) Open(ctx context.Context) error {
	if err := connectors.OpenEncoder(ctx, s.encoder); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, remote.OpenBudget)
	defer cancel()
	open := s.open5
	if s.v3() {
		open = s.open3
	}
	var err error
	if s.link, err = open(ctx); err != nil {
		return fmt.Errorf("no connection to %s within %v: %w", s.url.Host, remote.OpenBudget, err)
	}
	return nil
}

// Write implements connectors.Sink.
func (s *sink) Write(ctx context.Context, b *event.Batch) error {
	s.rows.Reset()
	if err := s.encoder.Encode(b, &s.rows); err != nil {
		return err
	}
	for n, span := range s.rows.Value {
		row := n
		if b.Sel != nil {
			row = int(b.Sel[n])
		}
		m := outgoing{topic: s.topic.Of(b, row), value: append([]byte{}, s.rows.Buf[span.Off:span.Off+span.Len]...), id: b.ID[row].Hex()}
		s.attributes(&m, b, row)
		lane := maphash.String(s.seed, m.topic) % uint64(len(s.lanes))
		s.lanes[lane] = append(s.lanes[lane], m)
		s.pending, s.bytes = s.pending+1, s.bytes+len(m.value)
		if s.pending >= maxPending || s.bytes >= maxPendingBytes {
			if err := s.Flush(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// attributes are user properties of a message that is a CloudEvent, by the MQTT
// binding of the specification.
func (s *sink) attributes(m *outgoing, b *event.Batch, row int) {
	e, ok := s.encoder.(connectors.Attributed)
	if !ok {
		return
	}
	m.contentType = e.ContentType()
	for i, value := range e.AttributesOf(b, row) {
		if value != nil {
			m.attributes = append(m.attributes, connectors.Header{Key: e.Attributes()[i], Value: append([]byte{}, value...)})
		}
	}
}

// Flush implements connectors.Sink.
func (s *sink) Flush(ctx context.Context) error {
	if s.pending == 0 {
		return nil
	}
	errs := make([]error, len(s.lanes))
	var wg sync.WaitGroup
	for i := range s.lanes {
		if len(s.lanes[i]) > 0 {
			wg.Go(func() { errs[i] = s.send(ctx, i) })
		}
	}
	wg.Wait()
	s.pending, s.bytes = 0, 0
	return errors.Join(errs...)
}

// send publishes the messages of a lane.
func (s *sink) send(ctx context.Context, lane int) error {
	for i := range s.lanes[lane] {
		if err := s.publish(ctx, &s.lanes[lane][i]); err != nil {
			s.lanes[lane] = s.lanes[lane][i:]
			return err
		}
	}
	clear(s.lanes[lane])
	s.lanes[lane] = s.lanes[lane][:0]
	return nil
}

// errLost says that a message may not have come.
var errLost = errors.New("the connection was lost before the broker acknowledged it")

// refusedError says that the broker does not want a message.
type refusedError struct {
	topic string
	code  byte
}

func (e *refusedError) Error() string {
	return fmt.Sprintf("the broker refuses messages to '%s': reason code %d", e.topic, e.code)
}

// final says whether sending it again is of no use: the user may not, or the topic
// or the message is none that the broker takes.
func (e *refusedError) final() bool {
	return e.code == packets.PubackNotAuthorized || e.code == packets.PubackTopicNameInvalid || e.code == packets.PubackPayloadFormatInvalid
}

// publish sends a message until it is acknowledged.
func (s *sink) publish(ctx context.Context, m *outgoing) error {
	start := time.Now()
	var wait remote.Wait
	for {
		trying, cancel := context.WithTimeout(ctx, ackTimeout)
		err := s.link.publish(trying, m)
		cancel()
		var refused *refusedError
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &refused) && refused.final(), time.Since(start) > s.timeout:
			return fmt.Errorf("publish to %s: %w", m.topic, err)
		}
		s.log.Warn("a message is not acknowledged, sending it again", "topic", m.topic, "error", err)
		if err := wait.Wait(ctx); err != nil {
			return err
		}
	}
}

// Close implements connectors.Sink. What has not been flushed is lost.
func (s *sink) Close() error {
	if s.link != nil {
		s.link.close()
	}
	return nil
}
