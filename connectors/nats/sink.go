package nats

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/cloudevents"
	"github.com/cepd/cepd/connectors/remote"
	"github.com/cepd/cepd/internal/event"
)

// idHeader has the row's id.
const idHeader = "cepd-id"

// ackTimeout is how long the server has for one acknowledgement.
const ackTimeout = 5 * time.Second

// sink publishes messages to a stream.
type sink struct {
	*client
	encoder connectors.Encoder
	subject *remote.Route
	prefix  string // of message ids
	expects string // stream that has to take the messages; "": any
	limit   int    // of messages in flight
	timeout time.Duration

	js      jetstream.JetStream
	rows    connectors.Encoded
	pending []inFlight // in order
}

// inFlight is a message that may not have been acknowledged.
type inFlight struct {
	message *nats.Msg
	ack     jetstream.PubAckFuture // nil: not sent
}

func newSink(c *client, t connectors.Table, encoder connectors.Encoder, subject *remote.Route) *sink {
	prefix := t.Query + "/" + t.Name + "/"
	if t.Writer > 0 {
		prefix = fmt.Sprintf("%s/%s-%d/", t.Query, t.Name, t.Writer+1)
	}
	return &sink{client: c, encoder: encoder, subject: subject, prefix: prefix, expects: t.Options[optStream],
		limit: int(t.Int(optInFlight, defaultInFlight)), timeout: timeout(t)}
}

// Open implements connectors.Sink.
func (s *sink) Open(ctx context.Context) error {
	if err := connectors.OpenEncoder(ctx, s.encoder); err != nil {
		return err
	}
	if _, _, err := s.stream(ctx, s.expects); err != nil {
		return err
	}
	var err error
	s.js, err = s.jetStream(jetstream.WithPublishAsyncMaxPending(s.limit), jetstream.WithPublishAsyncTimeout(ackTimeout))
	return err
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
		if len(s.pending) >= s.limit {
			if err := s.Flush(ctx); err != nil {
				return err
			}
		}
		s.publish(s.message(b, row, s.rows.Buf[span.Off:span.Off+span.Len]))
	}
	return nil
}

func (s *sink) message(b *event.Batch, row int, value []byte) *nats.Msg {
	m := nats.NewMsg(s.subject.Of(b, row))
	m.Data = append([]byte{}, value...)
	id := b.ID[row].Hex()
	m.Header.Set(idHeader, id)
	m.Header.Set(jetstream.MsgIDHeader, s.prefix+id)
	s.attributes(m.Header, b, row)
	if s.expects != "" {
		m.Header.Set(jetstream.ExpectedStreamHeader, s.expects)
	}
	return m
}

// attributes sets the headers of CloudEvents, by the NATS binding of the
// specification.
func (s *sink) attributes(h nats.Header, b *event.Batch, row int) {
	e, ok := s.encoder.(connectors.Attributed)
	if !ok {
		return
	}
	names := e.Attributes()
	if len(names) == 0 {
		h.Set("content-type", e.ContentType())
		return
	}
	h.Set("ce-datacontenttype", e.ContentType())
	for i, value := range e.AttributesOf(b, row) {
		if value != nil {
			h.Set("ce-"+names[i], string(cloudevents.AppendHeader(nil, value)))
		}
	}
}

// publish sends a message; if it cannot, Flush sees to it, and to those behind it.
func (s *sink) publish(m *nats.Msg) {
	p := inFlight{message: m}
	if last := len(s.pending) - 1; last < 0 || s.pending[last].ack != nil {
		if ack, err := s.js.PublishMsgAsync(m); err == nil {
			p.ack = ack
		}
	}
	s.pending = append(s.pending, p)
}

// Flush implements connectors.Sink: it waits for all acknowledgements. Where one
// does not come, that message and all behind it are sent again; the server drops
// those that it has, by their ids.
func (s *sink) Flush(ctx context.Context) error {
	start := time.Now()
	var wait remote.Wait
	for len(s.pending) > 0 {
		n, err := s.acknowledged(ctx)
		s.pending = append(s.pending[:0], s.pending[n:]...)
		if err == nil {
			break
		}
		if n > 0 {
			wait.Reset()
			start = time.Now()
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if refused(err) || time.Since(start) > s.timeout {
			return fmt.Errorf("publish to %s: %w", s.pending[0].message.Subject, err)
		}
		s.log.Warn("messages not acknowledged, sending them again", "messages", len(s.pending), "error", err)
		if err := wait.Wait(ctx); err != nil {
			return err
		}
		again := s.pending
		s.pending = make([]inFlight, 0, len(again))
		for _, p := range again {
			s.publish(p.message)
		}
	}
	return nil
}

var errNotSent = errors.New("the message could not be sent")

// acknowledged waits for the acknowledgements, up to the first that fails; n are
// there.
func (s *sink) acknowledged(ctx context.Context) (n int, err error) {
	for i := range s.pending {
		p := &s.pending[i]
		if p.ack == nil {
			return i, errNotSent
		}
		select {
		case <-p.ack.Ok():
		case err := <-p.ack.Err():
			return i, err
		case <-ctx.Done():
			return i, ctx.Err()
		}
	}
	return len(s.pending), nil
}

// refused says whether the server does not want a message, now or later.
func refused(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.Code == 400 || errors.Is(err, nats.ErrMaxPayload) || errors.Is(err, nats.ErrBadSubject)
}

// Close implements connectors.Sink. What has not been flushed is lost.
func (s *sink) Close() error {
	s.close()
	return nil
}
