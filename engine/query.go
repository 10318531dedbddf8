package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/panics"
)

// Query is a running, or ended, query.
type Query struct {
	engine *Engine
	name   string
	p      *Pipeline // the run loop's
	log    *slog.Logger
	meter  *meter
	turn   *turn
	began  event.Time // of the turn; 0: it has none

	stirred   chan struct{}   // signalled when there may be something to commit
	ctx       context.Context // ends when the query must not go on
	cancel    context.CancelCauseFunc
	stop      chan struct{} // closed by Stop
	stopOnce  sync.Once
	left      chan struct{} // closed when no step is taken any more
	done      chan struct{} // closed when everything has ended
	helpers   sync.WaitGroup
	writes    chan func() error // snapshots to write; one at a time
	writing   atomic.Bool
	written   chan struct{} // signalled when writing turns false
	delivered chan struct{} // signalled by deliveries
	asks      chan func()   // looks at the pipeline between two steps
	saves     []saving      // wanted with the next snapshot; the run loop's
	whens     []*when       // awaited; the run loop's

	published atomic.Pointer[Status]
	next      *reading // the run loop's
	safe      atomic.Pointer[reading]
	lastShown event.Time
	lastSnap  event.Time

	late  atomic.Pointer[error] // of a helper, after ctx had ended
	mu    sync.Mutex
	state State
	err   error
	fault *FailureStatus
}

// newQuery takes over the pipeline: it is closed after an error.
func newQuery(e *Engine, p *Pipeline) (*Query, error) {
	q := &Query{
		engine: e, name: p.name, p: p, log: e.options.Log.With("query", p.name), meter: e.metrics.query(p), turn: newTurn(p.settings.cpuShare), stirred: make(chan struct{}, 1),
		stop: make(chan struct{}), left: make(chan struct{}), done: make(chan struct{}), writes: make(chan func() error, 1), written: make(chan struct{}, 1), delivered: make(chan struct{}, 1), asks: make(chan func()),
		state: StateRunning, lastSnap: p.now,
	}
	q.ctx, q.cancel = context.WithCancelCause(context.Background())
	p.within(q.ctx)
	err := callAt("the opening of the query", func() error { q.publish(); return nil })
	if err != nil {
		q.cancel(nil)
		q.meter.close()
		return nil, errors.Join(err, p.Close())
	}
	return q, nil
}

// Name is the query's name.
func (q *Query) Name() string { return q.name }

// Origin is the table, partition and offset of a row that a source gave; false
// for a detection.
func (q *Query) Origin(id event.ID) (table string, partition int32, offset int64, ok bool) {
	return q.p.origin(id)
}

func (p *Pipeline) origin(id event.ID) (table string, partition int32, offset int64, ok bool) {
	at := id.Hi >> 32
	if id.Detected() || at >= uint64(len(p.sources)) {
		return "", 0, 0, false
	}
	return p.sources[at].name, int32(uint32(id.Hi)), int64(id.Lo), true
}

// Wait returns when the query has ended; the error is why it failed.
func (q *Query) Wait() error {
	<-q.done
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}

// Done is closed when the query has ended.
func (q *Query) Done() <-chan struct{} { return q.done }

// Stop ends the query in order: the step at hand is finished, outputs are
// delivered, a snapshot is written. When ctx ends first, outputs that have not
// left are kept for the next start. Stopping a query that has ended does
// nothing.
func (q *Query) Stop(ctx context.Context) error {
	q.stopOnce.Do(func() { close(q.stop) })
	select {
	case <-q.done:
	case <-ctx.Done():
		q.cancel(errStopped)
		<-q.done
	}
	if err := q.Wait(); err != nil && !errors.Is(err, errStopped) {
		return err
	}
	return nil
}

var errStopped = errors.New("stopped before everything was delivered")

// Drop ends the query at once and deletes its state.
func (q *Query) Drop() error {
	q.cancel(errStopped)
	<-q.done
	e := q.engine
	e.mu.Lock()
	if e.queries[q.name] == q {
		delete(e.queries, q.name)
	}
	e.mu.Unlock()
	q.meter.forget()
	q.forgetMarks()
	q.p.forgetRecent()
	return errors.Join(e.forgetShadow(q.name), e.dropState(q.name))
}

// Status is how the query stood at most a fraction of a second ago.
func (q *Query) Status() Status {
	s := *q.published.Load()
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.state != StateRunning {
		s.State = q.state
	}
	if q.err != nil {
		s.Error, s.Hint, s.Failure = q.err.Error(), "", q.fault
	}
	return s
}

func (q *Query) running() bool {
	select {
	case <-q.done:
		return false
	default:
		return true
	}
}

// run owns the query's goroutines: it returns when all have ended.
func (q *Query) run() {
	defer close(q.done)
	q.start()
	err := panics.Call(q.loop)
	close(q.left)
	whole := err == nil // the last step was finished
	if whole {
		err = panics.Call(q.drain)
	} else {
		q.rescue()
	}
	if cause := context.Cause(q.ctx); err != nil && cause != nil {
		err = cause
	}
	q.cancel(nil)
	close(q.writes)
	q.helpers.Wait()
	if late := q.late.Load(); err == nil && late != nil {
		err = *late
	}
	if whole && (err == nil || errors.Is(err, errStopped)) {
		err = errors.Join(err, panics.Call(q.lastSnapshot))
	}
	err = errors.Join(err, panics.Call(func() error { return q.farewell(whole && err == nil) }))
	q.end(errors.Join(err, q.p.Close()))
	q.engine.options.memory.forget(q)
	q.meter.close()
}

// farewell tells the last of the query, and, after an orderly end, its sources.
func (q *Query) farewell(orderly bool) error {
	q.publish()
	if orderly {
		q.lastOffsets()
	}
	return nil
}

func (q *Query) end(err error) {
	err = q.engine.options.Access.RedactError(err)
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case errors.Is(err, errStopped):
		q.state = StateStopped
		q.log.Info("query stopped", "reason", err)
	case err != nil:
		q.state, q.err, q.fault = StateFailed, fmt.Errorf("query %s: %w", q.name, err), failureOf(err, q.now())
		q.logFailure(err)
	case q.p.Done():
		q.state = StateFinished
	default:
		q.state = StateStopped
	}
}

func (q *Query) logFailure(err error) {
	var p *PanicError
	if errors.As(err, &p) {
		q.log.Error("query failed", "error", err, "at", p.Where, "stack", string(p.Stack))
		return
	}
	q.log.Error("query failed", "error", err)
}

// start starts the helpers. A helper's error fails the query.
func (q *Query) start() {
	q.helper("the writing of the journal", q.commits)
	q.helper("the writing of a snapshot", q.snapshots)
	for _, o := range q.p.boxes {
		q.helper("the delivery to "+o.table, func() error { return q.deliveries(o) })
	}
	for _, s := range q.p.sources {
		if c, ok := s.source.(connectors.Committer); ok && !s.carried {
			q.helper("the offsets of "+s.name, func() error { return q.tellOffsets(s, c) })
		}
	}
}

func (q *Query) helper(what string, f func() error) {
	q.helpers.Add(1)
	go func() {
		defer q.helpers.Done()
		err := callAt(what, f)
		switch {
		case err == nil:
		case q.ctx.Err() == nil:
			q.cancel(err)
		case !errors.Is(err, context.Canceled):
			q.late.Store(&err)
		}
	}()
}

// loop steps until the input ends, the query is stopped, or something fails.
func (q *Query) loop() error {
	defer q.rest()
	for {
		select {
		case <-q.stop:
			return nil
		case <-q.ctx.Done():
			return context.Cause(q.ctx)
		case ask := <-q.asks:
			ask()
		default:
		}
		idle, err := q.step()
		if err != nil {
			return err
		}
		if err := q.after(idle); err != nil {
			return err
		}
		if q.p.Done() {
			return nil
		}
		if idle {
			q.rest()
			q.wait()
		}
	}
}

// step takes a step when it is the query's turn, which lasts until the next step
// or rest.
func (q *Query) step() (idle bool, err error) {
	if !q.takeTurn() {
		return false, context.Cause(q.ctx)
	}
	if idle, err = q.p.Step(q.ctx); !idle {
		q.meter.step(q.now() - q.began)
	}
	return idle, err
}

func (q *Query) takeTurn() bool {
	asked := q.now()
	if q.began == 0 {
		if !q.engine.turns.take(q.ctx, q.turn) {
			return false
		}
	} else if !q.engine.turns.again(q.ctx, q.turn, asked-q.began) {
		q.began = 0
		return false
	}
	q.began = max(q.now(), 1)
	q.meter.turn(q.began - asked)
	return true
}

// rest ends the query's turn, if it has one.
func (q *Query) rest() {
	if q.began > 0 {
		q.engine.turns.give(q.turn, q.now()-q.began)
		q.began = 0
	}
}

func (q *Query) now() event.Time { return q.engine.options.Clock.Now() }

// after does what is due between two steps.
func (q *Query) after(idle bool) error {
	now := q.now()
	q.settleWhens()
	if !idle {
		signal(q.stirred)
	}
	if now-q.lastShown >= publishInterval.Microseconds() {
		q.publish()
		if err := q.engine.options.memory.note(q, q.published.Load().held()); err != nil {
			return err
		}
	}
	if q.p.overdrawn() && q.writing.Load() {
		q.awaitWrite()
	}
	o := &q.engine.options
	due := now-q.lastSnap >= o.SnapshotInterval.Microseconds() || q.p.journal.bytesSince() >= o.SnapshotBytes || q.p.Pressed() || q.p.Grown() || len(q.saves) > 0
	if !due || q.p.recovery != nil || q.p.journal.store == nil || !q.writing.CompareAndSwap(false, true) {
		return nil
	}
	q.lastSnap = now
	return callAt("the taking of a snapshot", func() error {
		write, size, err := q.p.Snapshot()
		if err == nil {
			q.p.snapshots = snapshotInfo{now, int64(size)}
			q.writes <- q.p.saved(write, q.saves)
			q.saves = nil
		}
		return err
	})
}

// awaitWrite returns when the snapshot on its way is in the store.
func (q *Query) awaitWrite() {
	q.rest()
	for q.writing.Load() {
		select {
		case <-q.written:
		case <-q.ctx.Done():
			return
		}
	}
}

const (
	publishInterval = 100 * time.Millisecond
	idleInterval    = 100 * time.Millisecond // to notice silence
	restInterval    = time.Second            // when silence means nothing
)

// wait returns when a reader may have rows, a sink has room, or the clock has
// to be looked at.
func (q *Query) wait() {
	pause := idleInterval
	if q.p.resting() {
		pause = restInterval
	}
	tick, release := q.engine.options.Clock.After(pause)
	defer release()
	select {
	case <-q.p.ready:
	case <-tick:
	case ask := <-q.asks:
		ask()
	case <-q.stop:
	case <-q.ctx.Done():
	}
}

func (q *Query) publish() {
	s := q.p.Status()
	q.published.Store(&s)
	q.noteReading(&s)
	q.lastShown = q.now()
	q.meter.update(q.p, &s, q.lastShown)
}

// drain makes the last steps durable and waits for the sinks. The commit
// helper goes on meanwhile; journal.due makes it the only writer.
func (q *Query) drain() error {
	signal(q.p.journal.due)
	for !q.p.Drained() {
		select {
		case <-q.delivered:
		case <-q.ctx.Done():
			return context.Cause(q.ctx)
		}
	}
	return nil
}

// rescue delivers, before the query fails, what whole steps have made: without
// a store there is no other time for it.
func (q *Query) rescue() {
	signal(q.p.journal.due)
	for q.p.undelivered() {
		select {
		case <-q.delivered:
		case <-q.ctx.Done():
			return
		}
	}
}

// lastSnapshot makes the next start immediate.
func (q *Query) lastSnapshot() error {
	if q.p.recovery != nil {
		return nil
	}
	if err := q.p.Commit(); err != nil {
		return err
	}
	write, size, err := q.p.Snapshot()
	if err != nil || write == nil {
		return err
	}
	q.p.snapshots = snapshotInfo{q.now(), int64(size)}
	return write()
}
