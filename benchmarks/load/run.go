package load

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cepd/cepd/benchmarks/measure"
	"github.com/cepd/cepd/engine"
)

// run is one measured run.
type run struct {
	o       Options
	engine  *engine.Engine
	queries []*queryRun
	running []*engine.Query

	began    atomic.Pointer[time.Time] // when the gate was opened; nil: closed
	measured time.Time                 // at a rate: when the first row after the warm-up is due
	cut      atomic.Bool               // no further row is given
	over     atomic.Bool               // readers may end
	rows     atomic.Int64              // given, of all readers
	warm     int64                     // rows at which measuring begins
	left     atomic.Int64              // readers that are not exhausted
	drained  chan struct{}             // closed when none is left

	start     measure.Sample // set before started is closed
	base      int64          // events at start
	beginOnce sync.Once
	started   chan struct{}

	result outcome
}

// Run carries out a run and reports on it. When ctx ends, what has been measured
// so far is reported.
func Run(ctx context.Context, o Options) (*Report, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	list, err := o.compile()
	if err != nil {
		return nil, err
	}
	r := &run{o: o, drained: make(chan struct{}), started: make(chan struct{}), result: newOutcome()}
	for _, c := range list {
		r.queries = append(r.queries, newQueryRun(c))
	}
	if r.engine, err = engine.New(engine.Options{Registry: r.registry(), DataDir: o.DataDir, Workers: o.Workers, SnapshotInterval: o.Snapshots}); err != nil {
		return nil, err
	}
	report, err := r.run(ctx)
	if closeErr := r.engine.Close(context.Background()); err == nil {
		err = closeErr // it tells of the query that failed too
	}
	return report, err
}

func (r *run) run(ctx context.Context) (*Report, error) {
	for _, q := range r.queries {
		running, err := r.engine.Start(context.Background(), q.root, q.cat)
		if err != nil {
			return nil, err
		}
		r.running = append(r.running, running)
	}
	if r.o.Started != nil {
		r.o.Started(r.statuses)
	}
	if err := r.schedule(); err != nil {
		return nil, err
	}
	r.openGate()
	if err := r.await(ctx); err != nil {
		return nil, err
	}
	return r.finish()
}

// schedule shares the rate out among the readers of each query, in proportion
// to their rows, so that all end together.
func (r *run) schedule() error {
	readers := int64(0)
	for _, q := range r.queries {
		if r.o.Rate > 0 && q.proctime {
			return fmt.Errorf("query %s is in processing time: latencies at a rate need event time; measure without --rate", q.root.Name)
		}
		total := 0.0
		for _, rd := range q.readers {
			total += float64(rd.limit)
		}
		for _, rd := range q.readers {
			if r.o.Rate > 0 {
				rd.perSecond = max(r.o.Rate*float64(rd.limit)/max(total, 1), 1e-9)
			}
		}
		readers += int64(len(q.readers))
	}
	r.left.Store(readers)
	r.warm = r.o.Warmup * int64(len(r.queries))
	return nil
}

// openGate lets the rows go.
func (r *run) openGate() {
	runtime.GC()
	measure.ResetPeakRSS()
	now := time.Now()
	if r.warm == 0 {
		r.begin()
	}
	if r.o.Rate > 0 {
		r.measured = now.Add(lead + time.Duration(float64(r.o.Warmup)/r.o.Rate*float64(time.Second)))
	}
	r.began.Store(&now)
	r.wake()
}

func (r *run) wake() {
	for _, q := range r.queries {
		for _, rd := range q.readers {
			rd.ready()
		}
	}
}

// open says since when rows may be given.
func (r *run) open() (began time.Time, ok bool) {
	if at := r.began.Load(); at != nil {
		return *at, true
	}
	return time.Time{}, false
}

// late says whether the time for giving rows is over.
func (r *run) late(began time.Time) bool {
	return r.cut.Load() || r.o.Duration > 0 && time.Since(began) >= r.o.Duration+lead
}

// begin starts the measuring.
func (r *run) begin() {
	r.beginOnce.Do(func() {
		r.base = r.events()
		r.start = measure.Now()
		close(r.started)
	})
}

// gave counts rows that a reader gave.
func (r *run) gave(n int) {
	if total := r.rows.Add(int64(n)); total >= r.warm && total-int64(n) < r.warm {
		r.begin()
	}
}

// exhaust counts a reader out.
func (r *run) exhaust() {
	if r.left.Add(-1) == 0 {
		close(r.drained)
	}
}

// await returns when all rows have been processed, or a query has failed.
func (r *run) await(ctx context.Context) error {
	ended := make(chan error, len(r.running))
	for _, q := range r.running {
		go func() { ended <- q.Wait() }()
	}
	for {
		select {
		case <-r.drained:
			return nil
		case err := <-ended:
			if err != nil {
				return err
			}
			ended <- nil
			return nil // a query without rows
		case <-ctx.Done():
			r.cut.Store(true)
			r.wake()
			ctx = context.WithoutCancel(ctx)
		}
	}
}

// settleTimeout is how long the state is waited for.
const settleTimeout = 2 * time.Second

// finish looks at the state while it is there, then ends the input.
func (r *run) finish() (*Report, error) {
	select {
	case <-r.started:
	default:
		return nil, fmt.Errorf("the input has %d events: a warm-up of %d leaves nothing to measure", r.events(), r.o.Warmup)
	}
	processed := measure.Now()
	state := r.state()
	resumed := measure.Now()
	r.over.Store(true)
	r.wake()
	for _, q := range r.running {
		if err := q.Wait(); err != nil {
			return nil, err
		}
	}
	return r.report(processed, resumed, measure.Now(), state), nil
}

// state is the queries' status when they have published that they have read
// everything.
func (r *run) state() []engine.Status {
	deadline := time.Now().Add(settleTimeout)
	for {
		list := r.statuses()
		rows := int64(0)
		for i := range list {
			for _, p := range list[i].Partitions {
				rows += p.Rows
			}
		}
		if rows >= r.rows.Load() || time.Now().After(deadline) {
			return list
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (r *run) statuses() []engine.Status {
	list := make([]engine.Status, len(r.running))
	for i, q := range r.running {
		list[i] = q.Status()
	}
	return list
}
