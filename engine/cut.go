package engine

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/cepd/cepd/internal/panics"
)

const (
	holdTime   = 5 * time.Second        // a query stands still for its shadow, at most
	alignEvery = 250 * time.Millisecond // between two tries
	// nearOffsets is how far behind its query a shadow may be for that to wait.
	nearOffsets = 50_000
)

// when is somebody who waits for a state of the pipeline.
type when struct {
	ctx    context.Context
	so     func(p *Pipeline) bool
	answer chan error // has room
}

// when returns when the pipeline, between two steps, is so.
func (q *Query) when(ctx context.Context, so func(p *Pipeline) bool) error {
	w := &when{ctx, so, make(chan error, 1)}
	err := q.ask(ctx, func(*Pipeline) error {
		q.whens = append(q.whens, w)
		return nil
	})
	if err != nil {
		return err
	}
	select {
	case err := <-w.answer:
		return err
	case <-q.done:
		return ErrEnded
	case <-ctx.Done():
		return ctx.Err()
	}
}

// settleWhens answers those that wait no longer.
func (q *Query) settleWhens() {
	if len(q.whens) == 0 {
		return
	}
	q.whens = slices.DeleteFunc(q.whens, func(w *when) bool {
		so := w.ctx.Err() != nil
		err := panics.Call(func() error { so = so || w.so(q.p); return nil })
		if so || err != nil {
			w.answer <- errors.Join(err, w.ctx.Err())
			return true
		}
		return false
	})
}

// hold has the query rest where it is, and says where that is.
func (q *Query) hold(ctx context.Context) (at []Position, err error) {
	err = q.ask(ctx, func(p *Pipeline) error {
		if p.recovery != nil {
			return ErrRecovering
		}
		at = p.Positions()
		p.Until(at)
		return nil
	})
	return at, err
}

func (q *Query) release() {
	_ = q.ask(context.Background(), func(p *Pipeline) error { // one that has ended takes nothing
		p.Release()
		return nil
	})
}

// restAt has the query go on to a cut.
func (q *Query) restAt(ctx context.Context, cut []Position) error {
	err := q.ask(ctx, func(p *Pipeline) error {
		p.Until(cut)
		signal(p.ready)
		return nil
	})
	if err != nil {
		return err
	}
	return q.when(ctx, (*Pipeline).Rests)
}

// durable waits until the steps so far cannot be undone by a crash.
func (q *Query) durable(ctx context.Context) error {
	return q.when(ctx, func(p *Pipeline) bool {
		if p.journal.durableCut().step >= p.number {
			return true
		}
		signal(p.journal.due)
		return false
	})
}

// adopt makes the moment of another query this one's, and lets it make of it what
// there is to be made.
func (q *Query) adopt(ctx context.Context, m moment) error {
	err := q.ask(ctx, func(p *Pipeline) error {
		if p.ahead(m) {
			return fmt.Errorf("%w: the shadow's watermark is ahead", errNotAligned)
		}
		q.awaitWrite()
		p.adopt(m)
		write, _, err := p.Snapshot()
		if err != nil {
			return err
		}
		return write()
	})
	if err != nil {
		return err
	}
	return q.when(ctx, (*Pipeline).Rests)
}

// halt ends the query where it is, with a snapshot: what the sinks have not got
// is part of that.
func (q *Query) halt() error {
	q.stopOnce.Do(func() { close(q.stop) })
	select {
	case <-q.left:
	case <-q.done:
	}
	q.cancel(errStopped)
	<-q.done
	if err := q.Wait(); err != nil && !errors.Is(err, errStopped) {
		return err
	}
	return nil
}

// align brings the query and its shadow to one cut, calls then, and lets both go
// on. It fails with errNotAligned when it is to be tried again.
func (s *Shadow) align(ctx context.Context, old *Query, then func(cut []Position) error) error {
	s.aligning.Lock()
	defer s.aligning.Unlock()
	if err := s.near(old); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, holdTime)
	defer cancel()
	defer old.release()
	defer s.query.release()
	cut, err := s.meet(ctx, old)
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w within %v: a sink or a source is slow", errNotAligned, holdTime)
	}
	if err != nil {
		return err
	}
	return then(cut)
}

// near says whether the shadow is so little behind that the query can wait for it.
func (s *Shadow) near(old *Query) error {
	if n := s.behind(old); n > nearOffsets {
		return fmt.Errorf("%w: the shadow is %d records behind", errNotAligned, n)
	}
	return nil
}

func (s *Shadow) behind(old *Query) int64 {
	return published(s.query).behind(published(old))
}

// published is where a query was lately.
func published(q *Query) offsets {
	at := offsets{}
	for _, p := range q.published.Load().Partitions {
		if p.Position >= 0 {
			at[partition{p.Table, p.Partition}] = p.Position
		}
	}
	return at
}

func (s *Shadow) meet(ctx context.Context, old *Query) ([]Position, error) {
	a, err := old.hold(ctx)
	if err != nil {
		return nil, err
	}
	b, err := s.query.hold(ctx)
	if err != nil {
		return nil, err
	}
	cut := furthest(a, b)
	if err := errors.Join(old.restAt(ctx, cut), s.query.restAt(ctx, cut)); err != nil {
		return nil, err
	}
	var m moment
	err = old.ask(ctx, func(p *Pipeline) error { m = p.moment(); return nil })
	if err == nil {
		err = s.query.adopt(ctx, m)
	}
	return cut, errors.Join(err, old.durable(ctx), s.query.durable(ctx))
}

// run has what both deliver compared as soon as the shadow has caught up.
func (s *Shadow) run(ctx context.Context) {
	defer close(s.done)
	for s.compares && !s.comparison.begun() {
		tick, release := s.engine.options.Clock.After(alignEvery)
		select {
		case <-tick:
		case <-s.query.done:
			release()
			return
		case <-ctx.Done():
			release()
			return
		}
		old, ok := s.engine.Query(s.name)
		if !ok || !old.running() {
			continue
		}
		err := s.align(ctx, old, func([]Position) error { return s.begin(ctx, old) })
		note := ""
		if err != nil && ctx.Err() == nil {
			note = err.Error()
		}
		s.note.Store(&note)
	}
}

// begin begins the comparison behind the cut where both rest.
func (s *Shadow) begin(ctx context.Context, old *Query) error {
	c := s.comparison
	taken := make([][2]uint64, len(c.tables))
	for side, q := range []*Query{old, s.query} {
		err := q.ask(ctx, func(p *Pipeline) error {
			_, boxes := p.written()
			for i, box := range boxes {
				taken[i][side] = p.boxes[box].seq
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if err := c.begin(taken); err != nil {
		return err
	}
	c.tap(old.p, sideQuery)
	c.tap(s.query.p, sideShadow)
	return nil
}

// Promote has the shadow take the query's place at one cut: what is made of the
// records before it is the query's, also where a sink has not got it yet; what is
// made of those behind it is the shadow's. Afterwards both have ended, and Start
// with the shadow's plan goes on: StateVersion then gives version. After an error either may have ended; nothing
// else has changed.
func (e *Engine) Promote(ctx context.Context, name string, version int) error {
	s, ok := e.Shadow(name)
	if !ok {
		return fmt.Errorf("query %q: %w", name, ErrNoShadow)
	}
	for {
		old, ok := e.Query(name)
		if !ok || !old.running() {
			return fmt.Errorf("%w: query %q does not run", ErrNotPromoted, name)
		}
		err := s.align(ctx, old, func(cut []Position) error { return s.takeOver(old, cut, version) })
		if err == nil {
			<-s.done
		}
		if !errors.Is(err, errNotAligned) {
			return err
		}
		if s.near(old) != nil {
			return fmt.Errorf("%w: %w", ErrNotPromoted, err)
		}
		tick, release := e.options.Clock.After(alignEvery)
		select {
		case <-tick:
		case <-ctx.Done():
			release()
			return fmt.Errorf("%w: %w", ErrNotPromoted, err)
		}
		release()
	}
}

func (s *Shadow) takeOver(old *Query, cut []Position, version int) error {
	if err := errors.Join(old.halt(), s.query.halt()); err != nil {
		return fmt.Errorf("%w: %w", ErrNotPromoted, err)
	}
	t := &takeover{store: s.engine.store, query: s.name, generation: s.generation, version: version, cut: cut, from: s.query.p.successors(old.p)}
	if err := t.commit(); err != nil {
		return err
	}
	s.leave()
	return nil
}

// successors says for each outbox which of another pipeline it goes on from; -1:
// none.
func (p *Pipeline) successors(old *Pipeline) []int {
	from := make([]int, len(p.boxes))
	used := make([]bool, len(old.boxes))
	for i, o := range p.boxes {
		from[i] = -1
		for j, x := range old.boxes {
			if !used[j] && x.table == o.table && reflect.DeepEqual(x.columns, o.columns) {
				from[i], used[j] = j, true
				break
			}
		}
	}
	return from
}
