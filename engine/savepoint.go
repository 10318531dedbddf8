package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/state"
	"github.com/cepd/cepd/state/savepoint"
)

// A savepoint is what a snapshot has left in the store, without the journal: the
// state after one step. It is captured like any snapshot, between two steps, and
// copied from a view of the store while the query goes on.

// saving is a savepoint that waits for its snapshot. The channel has room for the
// answer.
type saving chan saved

type saved struct {
	view state.View
	head header
	err  error
}

// saved is the write of a snapshot that then gives a view of it to those who
// wait.
func (p *Pipeline) saved(write func() error, waiting []saving) func() error {
	if len(waiting) == 0 {
		return write
	}
	head := p.header()
	return func() error {
		err := write()
		for _, s := range waiting {
			if err != nil {
				s <- saved{err: err}
				continue
			}
			s <- saved{view: p.journal.store.NewView(), head: head}
		}
		return err
	}
}

// What a savepoint can fail with for good.
var (
	ErrNoState    = errors.New("the query keeps no state: it has no data directory")
	ErrRecovering = errors.New("the query is still repeating its journal: try again when it runs")
)

// Savepoint writes the state of the query to w, as it is after one step; h has
// the name and the statements, the rest is filled in. The query goes on
// meanwhile. Of a query that has ended it is what its last snapshot and its
// journal hold.
func (q *Query) Savepoint(ctx context.Context, w io.Writer, h *savepoint.Header) error {
	if q.p.journal.store == nil {
		return ErrNoState
	}
	s, err := q.save(ctx)
	live := err == nil
	if errors.Is(err, ErrEnded) {
		s, err = q.p.kept()
	}
	if err != nil {
		return err
	}
	err = q.p.export(w, s, h, live)
	return errors.Join(err, s.view.Close())
}

// save waits for a snapshot of the running query.
func (q *Query) save(ctx context.Context) (s saved, err error) {
	answer := make(saving, 1)
	err = q.ask(ctx, func(p *Pipeline) error {
		if p.recovery != nil {
			return ErrRecovering
		}
		q.saves = append(q.saves, answer)
		return nil
	})
	if err != nil {
		return s, err
	}
	select {
	case s = <-answer:
		return s, s.err
	case <-q.done:
	case <-ctx.Done():
		go q.discard(answer)
		return s, ctx.Err()
	}
	select {
	case s = <-answer:
		return s, s.err
	default:
		return s, ErrEnded
	}
}

// discard closes a view that nobody waits for any more.
func (q *Query) discard(answer saving) {
	select {
	case s := <-answer:
		if s.view != nil {
			_ = s.view.Close() // it was only read
		}
	case <-q.done:
	}
}

// kept is what the store has of a query that does not run.
func (p *Pipeline) kept() (s saved, err error) {
	s.view = p.journal.store.NewView()
	u := state.Under{R: s.view, Prefix: p.journal.root.Prefix}
	text, found, err := u.Get([]byte{sectionSnapshot})
	if err == nil && !found {
		err = errors.New("the query has no snapshot yet")
	}
	if err == nil {
		err = json.Unmarshal(text, &s.head)
	}
	if err != nil {
		return s, errors.Join(err, s.view.Close())
	}
	return s, nil
}

// export writes the query's range. Of a live query the journal is left out, and
// with it what has been delivered since.
func (p *Pipeline) export(w io.Writer, s saved, h *savepoint.Header, live bool) error {
	u := state.Under{R: s.view, Prefix: p.journal.root.Prefix}
	if err := p.describeState(&u, s.head, h, live); err != nil {
		return err
	}
	x, err := savepoint.NewWriter(w, h)
	if err != nil {
		return err
	}
	err = u.Scan(nil, nil, func(key, value []byte) error {
		switch {
		case live && key[0] == sectionJournal, key[0] == sectionGenerations, key[0] == sectionCarried:
			return nil
		case live && key[0] == sectionAcked:
			value = be64(min(fromBE64(value), s.head.Put[key[1]]))
		}
		return x.Put(key, value)
	})
	if err == nil {
		err = p.carryOut(x, s.head, live)
	}
	if err != nil {
		return err
	}
	return x.Close(w)
}

// carryOut writes what the sources' offsets need. Those that the journal has are
// behind the snapshot's.
func (p *Pipeline) carryOut(x *savepoint.Writer, head header, live bool) error {
	for i, s := range p.sources {
		c, ok := s.source.(connectors.Carried)
		if !ok {
			continue
		}
		var at []int64
		for _, u := range head.Units {
			if live && u.Source == i {
				at = append(at, u.Position)
			}
		}
		number := uint64(0)
		err := c.Carry(at, func(piece []byte) error {
			number++
			return x.Put(append([]byte{sectionCarried, byte(i >> 8), byte(i)}, be64(number)...), piece)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// carryIn gives a source what the savepoint has of it that the query was restored
// from.
func (p *Pipeline) carryIn(s *source) error {
	c, ok := s.source.(connectors.Carried)
	if !ok || p.journal.store == nil {
		return nil
	}
	var pieces [][]byte
	err := p.readUnder(sectionCarried, byte(s.index>>8), byte(s.index)).Scan(nil, nil, func(_, piece []byte) error {
		pieces = append(pieces, bytes.Clone(piece))
		return nil
	})
	if err == nil && len(pieces) > 0 {
		c.Adopt(pieces)
	}
	return err
}

func (p *Pipeline) describeState(u *state.Under, head header, h *savepoint.Header, live bool) error {
	text, _, err := u.Get([]byte{sectionMeta})
	if err != nil {
		return err
	}
	m, err := decodeMeta(p.name, text)
	if err != nil {
		return err
	}
	h.Query, h.Cepd, h.Format, h.Fingerprint, h.Step = p.name, p.version, m.Format, m.Fingerprint, head.Step
	h.Positions, h.Sinks, h.Journal = nil, nil, 0
	for _, unit := range head.Units {
		h.Positions = append(h.Positions, savepoint.Position{Table: p.sources[unit.Source].name, Partition: unit.Partition, Offset: unit.Position})
	}
	for i, rows := range head.Put {
		acked, _, err := u.Get([]byte{sectionAcked, byte(i)})
		if err != nil {
			return err
		}
		h.Sinks = append(h.Sinks, savepoint.Sink{Table: p.boxes[i].table, Rows: rows, Delivered: min(rows, fromBE64(acked))})
	}
	if live {
		return nil
	}
	return (&state.Under{R: u.R, Prefix: append(p.journal.root.Prefix[:len(p.journal.root.Prefix):len(p.journal.root.Prefix)], sectionJournal)}).
		Scan(be64(head.Step+1), nil, func(_, _ []byte) error {
			h.Journal++
			return nil
		})
}
