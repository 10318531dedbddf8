package sim

import (
	"context"
	"errors"
	"fmt"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/event"
)

// table is what readers of committed rows see of an output, and who writes it.
type table struct {
	rows   []enginetest.Row
	mark   *connectors.Mark
	writer *transactionalSink // the last to take over
}

var errSinkDown = errors.New("the broker has lost the partition's leader for too long")

// sink delivers at least once: a flush that does not end has delivered the
// first rows.
type sink struct {
	x       *process
	table   *table
	pending []enginetest.Row
}

func (s *sink) Open(context.Context) error { return s.x.request("open a sink") }
func (s *sink) Close() error               { return nil }

func (s *sink) Write(_ context.Context, b *event.Batch) error {
	if err := s.x.request("write"); err != nil {
		return err
	}
	s.buffer(b)
	return nil
}

// buffer keeps rows until they are flushed; when all is calm they count as they
// are handed over.
func (s *sink) buffer(b *event.Batch) {
	for _, row := range b.LiveRows() {
		s.pending = append(s.pending, enginetest.Row{ID: b.ID[row], Text: enginetest.Text(b, int(row))})
	}
	if s.x.calm {
		s.append(len(s.pending))
	}
}

func (s *sink) Flush(context.Context) error {
	if err := s.x.request("flush"); err != nil {
		return err
	}
	s.append(s.x.lot(len(s.pending) + 1))
	if s.x.r.broker.broken {
		s.x.r.broker.broken = false
		return errSinkDown
	}
	if err := s.x.request("flush, the rest"); err != nil {
		return err
	}
	s.append(len(s.pending))
	return s.x.request("flushed")
}

// append makes the first n pending rows visible.
func (s *sink) append(n int) {
	for _, r := range s.pending[:n] {
		s.x.r.s.trace.add("    row %x-%x %s", r.ID.Hi, r.ID.Lo, r.Text)
	}
	s.table.rows = append(s.table.rows, s.pending[:n]...)
	s.pending = s.pending[n:]
}

// transactionalSink delivers exactly once, as connectors.Transactional says.
type transactionalSink struct {
	sink
	name  string
	begun bool // it was the writer once
	over  bool // the transaction has ended, the writer does not know how
}

var _ connectors.Transactional = (*transactionalSink)(nil)

func (s *transactionalSink) Identity() string { return s.name }

func (s *transactionalSink) Carries(c connectors.Source) bool { _, ok := c.(source); return ok }

// request is a request within a transaction.
func (s *transactionalSink) request(op string) error {
	if err := s.x.request(op); err != nil {
		return err
	}
	b := s.x.r.broker
	if b.elected && s.x == s.x.r.current {
		b.elected, s.over = false, true
	}
	if s.over || s.table.writer != s {
		return connectors.ErrInDoubt
	}
	return nil
}

func (s *transactionalSink) Write(_ context.Context, b *event.Batch) error {
	if err := s.request("write in a transaction"); err != nil {
		return err
	}
	s.buffer(b)
	return nil
}

func (s *transactionalSink) Flush(context.Context) error { return s.request("flush a transaction") }

// Recover is two requests: the new epoch, then the mark.
func (s *transactionalSink) Recover(_ context.Context, state int64) (connectors.Mark, bool, error) {
	none := connectors.Mark{}
	if err := s.x.request("take over " + s.name); err != nil {
		return none, false, err
	}
	if s.begun && s.table.writer != s {
		return none, false, connectors.ErrFenced
	}
	if m := s.table.mark; m != nil && m.State != state {
		return none, false, fmt.Errorf("%d rows were delivered by another state", m.Rows)
	}
	s.table.writer, s.begun, s.over, s.pending = s, true, false, nil
	if err := s.x.request("read the mark of " + s.name); err != nil {
		return none, false, err
	}
	m := s.table.mark
	if m == nil {
		return none, false, nil
	}
	return *m, true, nil
}

func (s *transactionalSink) Commit(_ context.Context, m connectors.Mark, read []connectors.Progress) error {
	if err := s.request("commit"); err != nil {
		return err
	}
	b, is := s.x.r.broker, committed
	if s.x == s.x.r.current && !s.x.calm {
		is, b.outcome = b.outcome, committed
	}
	s.x.r.s.trace.add("    commit of %d rows up to %d: outcome %d", len(s.pending), m.Rows, is)
	if is != inDoubtAborted {
		s.append(len(s.pending))
		s.table.mark = &m
		s.x.r.tell(read)
	}
	s.pending, s.over = nil, is != committed
	if s.over {
		return connectors.ErrInDoubt
	}
	return s.x.request("committed")
}

func (s *transactionalSink) Forget(context.Context) error { return nil }
