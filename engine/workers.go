package engine

import (
	"sync"
	"sync/atomic"
)

// pool is goroutines that help the steps of all queries of an engine, parked
// when there is nothing to do.
type pool struct {
	wake chan *workers // as many as are idle
	idle atomic.Int64
	gone sync.WaitGroup
}

func newPool(n int) *pool {
	p := &pool{wake: make(chan *workers, max(n, 0))}
	p.idle.Store(int64(n))
	for range n {
		p.gone.Go(p.help)
	}
	return p
}

func (p *pool) help() {
	for w := range p.wake {
		w.work()
		p.idle.Add(1) // before the phase ends: the next one finds it
		w.done.Done()
	}
}

// take wakes a helper, if one is idle.
func (p *pool) take(w *workers) bool {
	if p.idle.Add(-1) < 0 {
		p.idle.Add(1)
		return false
	}
	p.wake <- w
	return true
}

func (p *pool) close() {
	close(p.wake)
	p.gone.Wait()
}

// workers runs the units of a phase of one query: the caller, and what idle
// helpers there are.
type workers struct {
	pool  *pool
	owned bool // the pool is the query's own
	next  atomic.Int64
	n     int
	fn    func(i int)
	done  sync.WaitGroup // of a phase
}

// newWorkers takes helpers of the pool; nil makes one of n-1 goroutines.
func newWorkers(p *pool, n int) *workers {
	if p != nil {
		return &workers{pool: p}
	}
	return &workers{pool: newPool(n - 1), owned: true}
}

// run calls fn(0) … fn(n-1), which recover their panics, and returns when all
// have returned.
func (w *workers) run(n int, fn func(i int)) {
	w.n, w.fn = n, fn
	w.next.Store(0)
	for range n - 1 {
		w.done.Add(1)
		if !w.pool.take(w) {
			w.done.Done()
			break
		}
	}
	w.work()
	w.done.Wait()
}

func (w *workers) work() {
	for i := w.next.Add(1) - 1; i < int64(w.n); i = w.next.Add(1) - 1 {
		w.fn(int(i))
	}
}

func (w *workers) close() {
	if w.owned {
		w.owned = false
		w.pool.close()
	}
}
