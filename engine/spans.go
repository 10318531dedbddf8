package engine

import (
	"context"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/trace"
	"github.com/cepd/cepd/operators"
)

// spans follows the events of a query that are part of a sampled trace.
//
//	header ──▶ process table ──▶ match query ──▶ send table ──▶ header
//	                              │ links
//	                              └──▶ process table, of each event that is bound
//
// It is no part of the state: after a restart the rows that are read again are
// known by the header that they came with, others are not.
//
// A nil one follows nothing. All but sending and sent belongs to the goroutine of
// the steps.
type spans struct {
	tracer *trace.Tracer
	query  string
	clock  clock.Clock
	known  map[event.ID]trace.Context // rows and detections, by the span that made them
	order  []event.ID                 // of known, a ring
	oldest int                        // in order, when it is full
	fresh  int                        // how many of known are of this step
	replay bool                       // of steps that have been told of: no spans
	links  []trace.Link               // scratch
}

// maxFollowed is how many rows and detections of a query are known at most.
const maxFollowed = 10_000

// sampled is a row whose record is part of a sampled trace.
type sampled struct {
	id    event.ID
	topic string
	trace.Context
}

// newSpans is for a query; nil when there is no tracer.
func newSpans(t *trace.Tracer, query string, c clock.Clock) *spans {
	if t == nil {
		return nil
	}
	return &spans{tracer: t, query: query, clock: c, known: map[event.ID]trace.Context{}}
}

// findSampled notes which of the unit's records are part of a trace.
func (u *unit) findSampled() {
	for i, at := range u.raw.Headers {
		if at.Len <= 1 { // the count is 0
			continue
		}
		parent, state := traceHeaders(u.raw.Buf[at.Off : at.Off+at.Len])
		if c, ok := trace.Parse(parent, state); ok {
			id := event.ID{Hi: uint64(u.src.index)<<32 | uint64(uint32(u.part)), Lo: uint64(u.raw.Offset[i])}
			u.sampled = append(u.sampled, sampled{id, u.raw.Topic, c})
		}
	}
}

// traceHeaders finds the headers of a record that tell of its trace.
func traceHeaders(headers []byte) (parent, state []byte) {
	r := reader{src: headers}
	for n := r.varint(); n > 0 && !r.bad; n-- {
		key := r.bytes(uint64(r.varint()))
		size := r.varint()
		if size < 0 {
			continue
		}
		switch value := r.bytes(uint64(size)); string(key) {
		case trace.Header:
			parent = value
		case trace.StateHeader:
			state = value
		}
	}
	return parent, state
}

// begin takes what the units have read.
func (s *spans) begin(p *Pipeline, now event.Time) {
	if s == nil {
		return
	}
	s.fresh, s.replay = 0, p.recovery != nil
	for _, u := range p.units {
		for i := range u.sampled {
			s.read(u, &u.sampled[i], now)
		}
	}
}

// read makes the span of a row that was read in the step.
func (s *spans) read(u *unit, x *sampled, began event.Time) {
	if s.replay {
		s.know(x.id, x.Context)
		return
	}
	span := s.tracer.Start(x.Context, trace.Consumer, "process "+u.src.name, time.UnixMicro(began), nil,
		trace.String("messaging.system", u.src.connector), trace.String("messaging.operation.type", "process"),
		trace.String("messaging.destination.name", x.topic), trace.Int("messaging.destination.partition.id", u.part),
		trace.Int("messaging.kafka.offset", int64(x.id.Lo)), trace.String("cepd.query", s.query))
	span.End(time.UnixMicro(s.clock.Now()), nil)
	s.know(x.id, span.Context())
}

// know adds a row or a detection; of too many the oldest are forgotten.
func (s *spans) know(id event.ID, c trace.Context) {
	if _, again := s.known[id]; !again {
		if len(s.order) < maxFollowed {
			s.order = append(s.order, id)
		} else {
			delete(s.known, s.order[s.oldest])
			s.order[s.oldest] = id
			s.oldest = (s.oldest + 1) % maxFollowed
			s.tracer.Forgot(1)
		}
	}
	s.known[id] = c
	s.fresh++
}

// of is the span that made a row, whatever way the row has come.
func (s *spans) of(id event.ID) (trace.Context, bool) {
	if !id.Detected() {
		id.Hi &= 1<<48 - 1
	}
	c, ok := s.known[id]
	return c, ok
}

// active says whether there is anything to follow.
func (s *spans) active() bool { return s != nil && len(s.known) > 0 }

// matched makes the spans of what a stage has detected in the step.
func (s *spans) matched(st *stage, began event.Time) {
	if !s.active() {
		return
	}
	for _, h := range st.shards {
		last, span := -1, trace.Context{}
		for i := range h.lineage.Made() {
			m := &h.lineage.Made()[i]
			if m.From != last {
				last, span = m.From, s.match(m, h.lineage.Rows(m), began)
			}
			if span.IsValid() {
				s.know(m.ID, span)
			}
		}
	}
}

// match makes the span of a match, below that of the last of its rows that is
// known, with links to all of them. Where none is, there is no span.
func (s *spans) match(m *operators.Made, rows []operators.MadeRow, began event.Time) trace.Context {
	var parent trace.Context
	s.links = s.links[:0]
	for i := range rows {
		if c, ok := s.of(rows[i].ID); ok {
			parent = c
			s.links = append(s.links, trace.LinkTo(c, trace.String("cepd.variable", rows[i].Variable)))
		}
	}
	if len(s.links) == 0 || s.replay {
		return parent
	}
	span := s.tracer.Start(parent, trace.Internal, "match "+s.query, time.UnixMicro(began), s.links,
		trace.String("cepd.query", s.query), trace.String("cepd.detection.id", m.ID.Hex()), trace.Int("cepd.events", len(rows)+m.Left))
	span.End(time.UnixMicro(s.clock.Now()), nil)
	return span.Context()
}

// leaving appends the rows of an item that are followed: those of live, which
// lie from row on in the item. Rows of a source leave in the step that reads them.
func (s *spans) leaving(dst []connectors.Traced, b *event.Batch, live []int32, from int, detected bool) []connectors.Traced {
	if !s.active() || !detected && s.fresh == 0 {
		return dst
	}
	for i, row := range live {
		if c, ok := s.of(b.ID[row]); ok {
			dst = append(dst, connectors.Traced{Row: from + i, Context: c})
		}
	}
	return dst
}

// sending begins the spans of the rows of an item that are followed, and has the
// sink know of them.
func (o *outbox) sending(ctx context.Context, it *item) context.Context {
	if len(it.traced) == 0 {
		return ctx
	}
	s := o.spans
	rows := make([]connectors.Traced, 0, len(it.traced))
	first := it.b.Row(0)
	for _, x := range it.traced {
		if x.Row < first { // the sink has it already
			continue
		}
		span := s.tracer.Start(x.Context, trace.Producer, "send "+o.table, time.UnixMicro(s.clock.Now()), nil,
			trace.String("messaging.operation.type", "send"), trace.String("messaging.destination.name", o.table),
			trace.String("cepd.query", s.query), trace.String("cepd.detection.id", it.b.ID[x.Row].Hex()))
		o.sends = append(o.sends, span)
		rows = append(rows, connectors.Traced{Row: x.Row, Context: span.Context()})
	}
	return connectors.WithTraced(ctx, rows)
}

// sent ends the spans of what the sink has taken, or not.
func (o *outbox) sent(err error) error {
	for _, span := range o.sends {
		span.End(time.UnixMicro(o.spans.clock.Now()), err)
	}
	o.sends = o.sends[:0]
	return err
}
