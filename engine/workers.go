package engine

import (
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/cepd/cepd/internal/expr"
)

// workers runs the units of a phase, in parallel where there is more than one.
// They are parked between phases.
type workers struct {
	wake []chan struct{}
	next atomic.Int64
	n    int
	fn   func(i int)
	done sync.WaitGroup // of a phase
	gone sync.WaitGroup // of the goroutines
}

// newWorkers starts n-1 goroutines: the caller of run is the n-th worker.
func newWorkers(n int) *workers {
	w := &workers{}
	for range n - 1 {
		wake := make(chan struct{}, 1)
		w.wake = append(w.wake, wake)
		w.gone.Add(1)
		go func() {
			defer w.gone.Done()
			for range wake {
				w.work()
				w.done.Done()
			}
		}()
	}
	return w
}

// run calls fn(0) … fn(n-1) and returns when all have returned.
func (w *workers) run(n int, fn func(i int)) {
	helpers := min(len(w.wake), n-1)
	if helpers <= 0 {
		for i := range n {
			fn(i)
		}
		return
	}
	w.n, w.fn = n, fn
	w.next.Store(0)
	w.done.Add(helpers)
	for _, wake := range w.wake[:helpers] {
		wake <- struct{}{}
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
	for _, wake := range w.wake {
		close(wake)
	}
	w.gone.Wait()
}

// PanicError is a panic in a query's operators, which failed that query only.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("internal error: %v", e.Value) }

// guard turns a panic into an error; call it deferred.
func guard(err *error) {
	v := recover()
	if f, ok := v.(*expr.Fatal); ok {
		*err = f
	} else if v != nil {
		*err = &PanicError{v, debug.Stack()}
	}
}
