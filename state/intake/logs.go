package intake

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/state"
	"github.com/cepd/cepd/state/memstore"
)

// Logs is all logs of a server. Its methods may be called from any goroutine.
type Logs struct {
	clock   clock.Clock
	store   state.Store
	durable bool
	queue   chan *waiting
	stopped chan struct{} // closed when the committer has ended

	mu     sync.Mutex
	logs   map[string]*Log // by folded name
	closed bool
	failed error // of the store: nothing is taken any more
}

// maxQueue is how many posts wait to be committed, and maxGroup how many bytes
// are committed together.
const (
	maxQueue = 1024
	maxGroup = 16 << 20
)

// lookEvery is how often logs nobody posts to are looked at for what is too old.
const lookEvery = time.Minute

// New makes logs that take nothing before Open.
func New(c clock.Clock) *Logs {
	return &Logs{clock: c, queue: make(chan *waiting, maxQueue), logs: map[string]*Log{}}
}

// Open reads the logs of a store, and from then on takes posts. Without a store
// they are in memory.
func (s *Logs) Open(store state.Store) error {
	s.store, s.durable = store, store != nil
	if !s.durable {
		s.store = memstore.New()
	}
	list, err := names(s.store)
	if err != nil {
		return err
	}
	for _, name := range list {
		if _, err := s.Log(name); err != nil {
			return err
		}
	}
	s.stopped = make(chan struct{})
	go s.run()
	return nil
}

// Durable says whether there is a store.
func (s *Logs) Durable() bool { return s.durable }

// Find is the log of a table; nil when there is none.
func (s *Logs) Find(table string) *Log {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logs[strings.ToLower(table)]
}

// Log finds the log of a table, or begins it.
func (s *Logs) Log(table string) (*Log, error) {
	name := strings.ToLower(table)
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.logs[name]; l != nil {
		return l, nil
	}
	if s.store == nil {
		return nil, errors.New("there are no logs: it is no server")
	}
	l := &Log{logs: s, name: name, prefix: rangeOf(name), fresh: map[string]remembered{}, keep: map[string]int64{}, refused: map[string]int64{}, readers: map[*Reader]bool{}}
	l.Limit(Limits{})
	if err := l.load(); err != nil {
		return nil, err
	}
	s.logs[name] = l
	return l, nil
}

// All lists the logs by name.
func (s *Logs) All() []*Log {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*Log, 0, len(s.logs))
	for _, l := range s.logs {
		list = append(list, l)
	}
	slices.SortFunc(list, func(a, b *Log) int { return strings.Compare(a.name, b.name) })
	return list
}

// Drop deletes the log of a table, behind the posts that wait.
func (s *Logs) Drop(table string) error {
	l := s.Find(table)
	if l == nil {
		return nil
	}
	w := &waiting{Post: &Post{}, log: l, drop: true, done: make(chan struct{})}
	if err := s.enqueue(w); err != nil {
		return err
	}
	<-w.done
	if w.err != nil {
		return w.err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.logs, l.name)
	return nil
}

// Forget has a query, which is gone, hold nothing back any more.
func (s *Logs) Forget(query string) error {
	var errs []error
	for _, l := range s.All() {
		errs = append(errs, l.Forget(query))
	}
	return errors.Join(errs...)
}

// Close commits what waits and takes nothing more. The store stays open.
func (s *Logs) Close() {
	s.mu.Lock()
	again := s.closed
	s.closed = true
	if !again {
		close(s.queue)
	}
	s.mu.Unlock()
	if s.stopped != nil {
		<-s.stopped
	}
}

func (s *Logs) enqueue(w *waiting) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return s.failed
	}
	if s.closed || s.stopped == nil {
		return ErrClosed
	}
	select {
	case s.queue <- w:
		return nil
	default:
		return ErrBusy
	}
}

// noRoom says whether the disk of the store is full.
func (s *Logs) noRoom() bool {
	f, ok := s.store.(interface{ Full() bool })
	return ok && f.Full()
}

// run commits what comes until the queue is closed.
func (s *Logs) run() {
	defer close(s.stopped)
	var group []*waiting
	for {
		tick, release := s.clock.After(lookEvery)
		select {
		case w, ok := <-s.queue:
			release()
			if !ok {
				return
			}
			group = s.gather(append(group[:0], w))
			s.finish(group, s.commit(group))
		case <-tick:
			s.tidy()
		}
	}
}

// gather adds what waits already, up to maxGroup bytes.
func (s *Logs) gather(group []*waiting) []*waiting {
	size := group[0].size
	for size < maxGroup {
		select {
		case w, ok := <-s.queue:
			if !ok {
				return group
			}
			group, size = append(group, w), size+w.size
		default:
			return group
		}
	}
	return group
}

// commit keeps the posts of a group with one sync.
func (s *Logs) commit(group []*waiting) error {
	b := s.store.NewBatch()
	now := s.clock.Now()
	for _, w := range group {
		if err := w.log.place(b, w, now); err != nil {
			return errors.Join(err, b.Close())
		}
	}
	return b.Commit(true)
}

// finish answers the posts of a group. After an error of the store what it holds
// is not known, so nothing more is taken.
func (s *Logs) finish(group []*waiting, err error) {
	if err != nil {
		err = fmt.Errorf("keep events: %w", err)
		s.mu.Lock()
		s.failed = err
		s.mu.Unlock()
	}
	for _, w := range group {
		if err == nil {
			w.log.publish()
		} else {
			w.err = err
		}
	}
	for _, w := range group {
		close(w.done)
	}
}

// tidy lets go of what is too old.
func (s *Logs) tidy() {
	logs := s.All()
	b := s.store.NewBatch()
	now := s.clock.Now()
	var errs []error
	for _, l := range logs {
		w := &state.Under{W: b, Prefix: l.prefix}
		errs = append(errs, l.roll(w, now), l.trim(w, now, 0))
	}
	if err := errors.Join(errs...); err != nil {
		s.finish(nil, errors.Join(err, b.Close()))
		return
	}
	if b.Len() == 0 {
		_ = b.Close() // nothing is in it
		return
	}
	err := b.Commit(true)
	s.finish(nil, err)
	for _, l := range logs {
		if err == nil {
			l.publish()
		}
	}
}
