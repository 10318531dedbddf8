package enginetest

import (
	"context"
	"fmt"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

// Transactions make an Output deliver exactly once. It then holds what has been
// committed.
type Transactions struct {
	out  *Output
	mark *connectors.Mark
	read map[string]map[int32]int64 // by table
	last *transactionalSink         // who may write
	// Before is called by Commit and says what becomes of the transaction.
	Before func() Outcome
}

// Outcome is what becomes of a transaction.
type Outcome uint8

// The outcomes. In doubt, the writer does not get to know it.
const (
	Committed Outcome = iota
	InDoubtCommitted
	InDoubtAborted
)

// Transactional makes the output's sinks transactional.
func (o *Output) Transactional() *Transactions {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.tx == nil {
		o.tx = &Transactions{out: o, read: map[string]map[int32]int64{}}
	}
	return o.tx
}

// Mark is the last mark; nil: none.
func (t *Transactions) Mark() *connectors.Mark {
	t.out.mu.Lock()
	defer t.out.mu.Unlock()
	return t.mark
}

// SetMark replaces the mark; nil forgets it.
func (t *Transactions) SetMark(m *connectors.Mark) {
	t.out.mu.Lock()
	defer t.out.mu.Unlock()
	t.mark = m
}

// Read is how far a table had been read, as committed with the rows.
func (t *Transactions) Read(table string) map[int32]int64 {
	t.out.mu.Lock()
	defer t.out.mu.Unlock()
	return t.read[table]
}

type transactionalSink struct {
	tx       *Transactions
	name     string
	rows     []Row // of the open transaction
	begun    bool  // it was the writer once
	finished bool  // the transaction is over, and the writer does not know how
}

var _ connectors.Recaller = (*transactionalSink)(nil)

// Gather implements connectors.Gatherer.
func (s *transactionalSink) Gather() (time.Duration, int64) { return s.tx.out.Wait, s.tx.out.Enough }

func (s *transactionalSink) Open(context.Context) error  { return nil }
func (s *transactionalSink) Close() error                { return nil }
func (s *transactionalSink) Flush(context.Context) error { return s.usable() }

// Identity implements connectors.Transactional.
func (s *transactionalSink) Identity() string { return s.name }

// Carries implements connectors.Transactional.
func (s *transactionalSink) Carries(c connectors.Source) bool { _, ok := c.(source); return ok }

func (s *transactionalSink) usable() error {
	s.tx.out.mu.Lock()
	defer s.tx.out.mu.Unlock()
	if s.finished || s.tx.last != s {
		return connectors.ErrInDoubt
	}
	return nil
}

// Write implements connectors.Sink.
func (s *transactionalSink) Write(_ context.Context, b *event.Batch) error {
	if err := s.usable(); err != nil {
		return err
	}
	for _, row := range b.LiveRows() {
		s.rows = append(s.rows, Row{b.ID[row], Text(b, int(row))})
	}
	return nil
}

// Recover implements connectors.Transactional.
func (s *transactionalSink) Recover(_ context.Context, state int64) (connectors.Mark, bool, error) {
	o := s.tx.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if s.begun && s.tx.last != s {
		return connectors.Mark{}, false, connectors.ErrFenced
	}
	s.rows = s.rows[:0]
	m := s.tx.mark
	if m != nil && m.State != state {
		return connectors.Mark{}, false, fmt.Errorf("%d rows were delivered by another state", m.Rows)
	}
	s.tx.last, s.begun, s.finished = s, true, false
	if m == nil {
		return connectors.Mark{}, false, nil
	}
	return *m, true, nil
}

// Commit implements connectors.Transactional.
func (s *transactionalSink) Commit(_ context.Context, m connectors.Mark, read []connectors.Progress) error {
	if err := s.usable(); err != nil {
		return err
	}
	outcome := Committed
	if s.tx.Before != nil {
		outcome = s.tx.Before()
	}
	o := s.tx.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if outcome != InDoubtAborted {
		o.rows = append(o.rows, s.rows...)
		s.tx.mark = &m
		for _, p := range read {
			s.tx.read[p.Source.(source).name] = p.Offsets
		}
	}
	s.rows, s.finished = s.rows[:0], outcome != Committed
	if s.finished {
		return connectors.ErrInDoubt
	}
	return nil
}

// Place implements connectors.Recaller.
func (s *transactionalSink) Place() map[int32]int64 {
	s.tx.out.mu.Lock()
	defer s.tx.out.mu.Unlock()
	return map[int32]int64{0: int64(len(s.tx.out.rows))}
}

// Recall implements connectors.Recaller.
func (s *transactionalSink) Recall(_ context.Context, place map[int32]int64, fn func(event.ID) error) error {
	for _, r := range s.tx.out.Rows()[place[0]:] {
		if err := fn(r.ID); err != nil {
			return err
		}
	}
	return nil
}

// Forget implements connectors.Transactional.
func (s *transactionalSink) Forget(context.Context) error {
	s.tx.SetMark(nil)
	return nil
}
