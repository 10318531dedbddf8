package engine

import (
	"container/heap"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/cepd/cepd/internal/clock"
)

// turns divides the processors among the queries of an engine, step by step, by
// weight (start-time fair queuing; Goyal, Vin and Cheng, SIGCOMM 1996): of those
// that wait, the one goes next that has had least for its weight. A query that
// rests does not save up.
//
// A step that takes long, because it waits for something outside or is just
// long, gives its place up: others do not wait for it.
type turns struct {
	clock clock.Clock

	mu      sync.Mutex
	free    int
	virtual float64 // start of the last turn that was given
	waiting turnQueue
	asked   uint64 // requests so far
	running []*turn
}

// turn is a query's part in it.
type turn struct {
	weight  float64
	start   float64 // virtual time, µs by weight, of its next turn
	number  uint64  // of its request: the older first
	since   int64   // when it got its turn, µs
	lent    bool    // its place has been given to another
	granted chan struct{}
	index   int // in waiting; -1: not
}

// longStep is after what time a step gives its place up.
const longStep = 100 * time.Millisecond

func newTurns(places int, c clock.Clock) *turns { return &turns{clock: c, free: places} }

func newTurn(weight int64) *turn {
	return &turn{weight: float64(weight), granted: make(chan struct{}, 1), index: -1}
}

// take waits for the query's turn; false when ctx has ended.
func (s *turns) take(ctx context.Context, t *turn) bool {
	return s.request(t) || s.await(ctx, t)
}

// again ends a turn that has taken so many µs and waits for the next, which may
// be at once; false, and the turn is over, when ctx has ended.
func (s *turns) again(ctx context.Context, t *turn, micros int64) bool {
	return s.exchange(t, micros) || s.await(ctx, t)
}

func (s *turns) await(ctx context.Context, t *turn) bool {
	for {
		tick, release := s.clock.After(longStep)
		select {
		case <-t.granted:
			release()
			return true
		case <-tick:
			s.lend()
		case <-ctx.Done():
			release()
			return !s.withdraw(t)
		}
	}
}

// request says whether there is a place at once; else t waits.
func (s *turns) request(t *turn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.start = max(t.start, s.virtual)
	if s.free > 0 {
		s.free--
		s.begin(t)
		return true
	}
	s.queue(t)
	return false
}

// exchange says whether t keeps its place for another turn; else it waits.
func (s *turns) exchange(t *turn, micros int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	lent := s.end(t, micros)
	switch {
	case !lent && (len(s.waiting) == 0 || t.start <= s.waiting[0].start):
	case lent && s.free > 0:
		s.free--
	default:
		s.queue(t)
		if !lent {
			s.next()
		}
		return false
	}
	s.begin(t)
	return true
}

// queue has t wait; the lock is held.
func (s *turns) queue(t *turn) {
	s.asked++
	t.number = s.asked
	heap.Push(&s.waiting, t)
}

// begin gives t a place; the lock is held.
func (s *turns) begin(t *turn) {
	s.virtual = max(s.virtual, t.start)
	t.since, t.lent = s.clock.Now(), false
	s.running = append(s.running, t)
}

// withdraw ends the waiting of t, unless it has its turn by now.
func (s *turns) withdraw(t *turn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.index < 0 {
		<-t.granted
		return false
	}
	heap.Remove(&s.waiting, t.index)
	return true
}

// give ends a turn that has taken so many µs.
func (s *turns) give(t *turn, micros int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.end(t, micros) {
		s.next()
	}
}

// end takes t out of those that run, and says whether its place is another's by
// now; the lock is held.
func (s *turns) end(t *turn, micros int64) (lent bool) {
	t.start += float64(max(micros, 1)) / t.weight
	i := slices.Index(s.running, t)
	s.running = slices.Delete(s.running, i, i+1)
	return t.lent
}

// lend gives the places of steps that take long to others.
func (s *turns) lend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	for _, t := range s.running {
		if !t.lent && now-t.since >= longStep.Microseconds() && len(s.waiting) > 0 {
			t.lent = true
			s.next()
		}
	}
}

// next passes a place on; the lock is held.
func (s *turns) next() {
	if len(s.waiting) == 0 {
		s.free++
		return
	}
	t := heap.Pop(&s.waiting).(*turn)
	s.begin(t)
	t.granted <- struct{}{}
}

// turnQueue is a heap by start, then by age.
type turnQueue []*turn

func (q turnQueue) Len() int { return len(q) }
func (q turnQueue) Less(i, j int) bool {
	if q[i].start != q[j].start {
		return q[i].start < q[j].start
	}
	return q[i].number < q[j].number
}

func (q turnQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

func (q *turnQueue) Push(x any) {
	t := x.(*turn)
	t.index = len(*q)
	*q = append(*q, t)
}

func (q *turnQueue) Pop() any {
	old := *q
	t := old[len(old)-1]
	t.index = -1
	*q = old[:len(old)-1]
	return t
}
