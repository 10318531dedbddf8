package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/panics"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
)

// maxStarting is how many queries are opened at once: some reach their brokers
// while others find that theirs is down.
const maxStarting = 32

// starts opens queries and opens those again that fail, by their restart
// strategy.
//
//	begin --> opening --> runs --> failed --> waits --> opening ...
//	             |                                         |
//	             +---> did not open: waits <---------------+
//
// A query that ran and failed, or whose opening panicked, is tried so many times
// and stays failed then. One that could not be opened, because a broker is down,
// is tried for ever.
type starts struct {
	runner Runner
	log    *slog.Logger
	clock  func() time.Time
	room   chan struct{} // full: as many as may are being opened
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex
	queries map[string]*attempt
}

// attempt is where a query stands.
type attempt struct {
	query    *query.Query
	cat      *catalog.Catalog
	strategy engine.RestartStrategy
	cancel   context.CancelFunc
	opened   chan struct{} // closed when the opening has ended; nil: none is under way
	err      error         // of the opening
	began    time.Time     // of running
	restarts int           // since it last ran long enough
	next     time.Time     // of the next; zero: none is due
	over     bool          // no more
}

func newStarts(r Runner, log *slog.Logger, clock func() time.Time) *starts {
	s := &starts{runner: r, log: log, clock: clock, room: make(chan struct{}, maxStarting), queries: map[string]*attempt{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// begin opens a query in the background.
func (s *starts) begin(q *query.Query, cat *catalog.Catalog) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.attempt(q, cat)
	s.open(a)
}

// now opens a query and waits for the result; after an error it is as if nothing
// had been.
func (s *starts) now(q *query.Query, cat *catalog.Catalog) error {
	s.mu.Lock()
	a := s.attempt(q, cat)
	s.open(a)
	opened := a.opened
	s.mu.Unlock()
	<-opened
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.err != nil {
		delete(s.queries, q.Name)
	}
	return a.err
}

// attempt is the entry of a query; the lock is held.
func (s *starts) attempt(q *query.Query, cat *catalog.Catalog) *attempt {
	a := &attempt{query: q, cat: cat}
	if a.strategy, a.err = s.runner.Restarts(q); a.err != nil {
		a.strategy.None = true // Start says what is wrong
	}
	s.queries[q.Name] = a
	return a
}

// open opens a query in a goroutine; the lock is held.
func (s *starts) open(a *attempt) {
	ctx, cancel := context.WithCancel(s.ctx)
	a.cancel, a.opened, a.next = cancel, make(chan struct{}), time.Time{}
	s.wg.Go(func() {
		defer cancel()
		err := s.admit(ctx, a)
		s.mu.Lock()
		defer s.mu.Unlock()
		close(a.opened)
		a.opened, a.err, a.began = nil, err, s.clock()
		if err != nil {
			s.log.Error("query did not start", "query", a.query.Name, "error", err)
			s.plan(a, err, fatal(err))
			return
		}
		s.log.Info("query starts", "query", a.query.Name, "restarts", a.restarts)
	})
}

func (s *starts) admit(ctx context.Context, a *attempt) error {
	select {
	case s.room <- struct{}{}:
		defer func() { <-s.room }()
		return panics.Call(func() error { return s.runner.Start(ctx, a.query, a.cat) })
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fatal says whether trying again as often as one likes would help nobody.
func fatal(err error) bool {
	var p *engine.PanicError
	return errors.As(err, &p)
}

// plan says when a query is opened again; counted are failures that may come
// again each time. The lock is held.
func (s *starts) plan(a *attempt, err error, counted bool) {
	switch {
	case a.strategy.None || errors.Is(err, connectors.ErrFenced):
		a.over = true
		return
	case counted && int64(a.restarts) >= a.strategy.Attempts:
		a.over = true
		s.log.Error("query stays failed", "query", a.query.Name, "restarts", a.restarts)
		return
	}
	a.next = s.clock().Add(a.strategy.Backoff(a.restarts))
	a.restarts++
}

// look plans what has failed and opens what is due.
func (s *starts) look() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	for name, a := range s.queries {
		switch {
		case a.opened != nil || a.over || s.ctx.Err() != nil:
		case !a.next.IsZero():
			if !now.Before(a.next) {
				s.open(a)
			}
		default:
			s.check(name, a, now)
		}
	}
}

// check looks at a query that was opened; the lock is held.
func (s *starts) check(name string, a *attempt, now time.Time) {
	failure := s.runner.Failure(name)
	switch {
	case failure == nil:
		if a.restarts > 0 && now.Sub(a.began) >= a.strategy.Reset {
			a.restarts = 0
		}
	case failure.Kept:
		s.plan(a, failure.Err, true)
	default:
		a.over = true // without state it would begin anew
	}
}

// forget ends an opening that is under way, and lets go of the query.
func (s *starts) forget(name string) {
	s.mu.Lock()
	a := s.queries[name]
	delete(s.queries, name)
	var opened chan struct{}
	if a != nil && a.opened != nil {
		a.cancel()
		opened = a.opened
	}
	s.mu.Unlock()
	if opened != nil {
		<-opened
	}
}

// state completes a status; ok is false when the query has no other.
func (s *starts) state(name string, status engine.Status, ok bool) engine.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.queries[name]
	switch {
	case a == nil && !ok:
		return engine.Status{State: engine.StateStopped}
	case a == nil:
		return status
	case a.opened != nil && a.restarts == 0:
		return engine.Status{State: engine.StateRecovering, Hint: "the query is being opened"}
	case a.err != nil:
		status = engine.Status{State: engine.StateFailed, Error: a.err.Error(), Hint: "the query did not start", Failure: &engine.FailureStatus{}}
	}
	if status.State != engine.StateFailed {
		return status
	}
	f := engine.FailureStatus{}
	if status.Failure != nil {
		f = *status.Failure
	}
	f.Restarts = a.restarts
	switch {
	case !a.next.IsZero():
		f.NextRestart = a.next.UTC().Format(time.RFC3339)
		status.Hint = fmt.Sprintf("it is started again at %s, for the %d. time", f.NextRestart, a.restarts)
	case a.over:
		status.Hint = "it is not started again by itself: cepd query resume " + name
	}
	status.Failure = &f
	return status
}

// settled returns when no query is being opened.
func (s *starts) settled() { s.wg.Wait() }

func (s *starts) close() {
	s.cancel()
	s.wg.Wait()
}
