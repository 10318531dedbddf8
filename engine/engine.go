package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/cepd/cepd/internal/panics"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/plan"
	"github.com/cepd/cepd/state"
	"github.com/cepd/cepd/state/pebblestore"
)

// Engine runs queries, each on its own: one that fails leaves the others alone.
type Engine struct {
	options Options
	store   state.Store        // nil: nothing is kept
	disk    *pebblestore.Store // the store, if it is the engine's own
	metrics *metrics
	turns   *turns

	mu          sync.Mutex
	queries     map[string]*Query
	shadows     map[string]*Shadow     // by query; nil: being opened
	comparisons map[string]*comparison // by query
	closed      bool                   // nothing is started any more
	shut        bool                   // the store is closed
}

// New opens the data directory, if there is one.
func New(o Options) (*Engine, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	m, err := newMetrics(o.Metrics, o.Spans)
	if err != nil {
		return nil, err
	}
	e := &Engine{options: o, store: o.Store, metrics: m, turns: newTurns(o.Workers, o.Clock), queries: map[string]*Query{},
		shadows: map[string]*Shadow{}, comparisons: map[string]*comparison{}}
	if e.store == nil && o.DataDir != "" {
		if e.disk, err = pebblestore.Open(o.DataDir, pebblestore.Options{Full: e.diskFull}); err != nil {
			return nil, err
		}
		e.store = e.disk
	}
	e.options.pool = newPool(o.Workers - 1)
	e.options.memory = newMemory(o.MemoryLimit, o.MemoryBudget)
	e.options.arrivals = newArrivals(o.Clock.Now())
	return e, nil
}

func (e *Engine) diskFull(full bool) {
	if full {
		e.options.Log.Error("the disk is full: nothing can be committed, so nothing is read; queries go on when there is room", "dir", e.options.DataDir)
		return
	}
	e.options.Log.Info("the disk has room again", "dir", e.options.DataDir)
}

// Options are those of the engine, with their defaults.
func (e *Engine) Options() Options { return e.options }

// Store has the state of the queries, and what belongs with it; nil: none is kept.
// Keys of queries begin with 'q'. It is open as long as the engine.
func (e *Engine) Store() state.Store { return e.store }

// Start opens a query and runs it until its bounded input ends, it fails, or it
// is stopped; ctx limits the opening only. A query whose name has state goes on
// from there.
func (e *Engine) Start(ctx context.Context, root *plan.Insert, cat *catalog.Catalog) (*Query, error) {
	if err := panics.Call(func() error { return e.Validate(root, cat) }); err != nil {
		return nil, err
	}
	if len(root.Name) == 0 || len(root.Name) > 255 {
		return nil, fmt.Errorf("a query needs a name of 1 to 255 bytes, not %q", root.Name)
	}
	if err := e.reserve(root.Name); err != nil {
		return nil, err
	}
	p, err := e.openQuery(ctx, root, cat)
	e.mu.Lock()
	defer e.mu.Unlock()
	if err == nil && e.closed {
		err = errors.Join(errClosed, p.Close())
	}
	var q *Query
	if err == nil {
		q, err = newQuery(e, p)
	}
	if err != nil {
		delete(e.queries, root.Name)
		return nil, e.options.Access.RedactError(err)
	}
	e.queries[root.Name] = q
	go q.run()
	return q, nil
}

// openQuery opens a query, for its shadow to be compared with.
func (e *Engine) openQuery(ctx context.Context, root *plan.Insert, cat *catalog.Catalog) (*Pipeline, error) {
	p, err := OpenPipeline(ctx, e.options, root, cat, e.store)
	if err != nil {
		return nil, err
	}
	if err := e.compareAgain(p); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

var errClosed = errors.New("the engine is closed")

// reserve keeps a name for a query that is being opened.
func (e *Engine) reserve(name string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return errClosed
	}
	q, taken := e.queries[name]
	if taken && (q == nil || q.running()) {
		return fmt.Errorf("query %q is running already", name)
	}
	if q != nil {
		q.p.forgetRecent()
	}
	e.queries[name] = nil
	return nil
}

// Query finds a query that was started, running or not.
func (e *Engine) Query(name string) (*Query, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	q := e.queries[name]
	return q, q != nil
}

// Queries lists those that were started, by name.
func (e *Engine) Queries() []*Query {
	e.mu.Lock()
	defer e.mu.Unlock()
	list := make([]*Query, 0, len(e.queries))
	for _, q := range e.queries {
		if q != nil {
			list = append(list, q)
		}
	}
	slices.SortFunc(list, func(a, b *Query) int { return strings.Compare(a.name, b.name) })
	return list
}

// Halt stops all queries in order, as Query.Stop does, and takes no others; the store
// stays open. A second call does nothing.
func (e *Engine) Halt(ctx context.Context) error {
	e.mu.Lock()
	again := e.closed
	e.closed = true
	e.mu.Unlock()
	if again {
		return nil
	}
	if e.disk != nil { // a full disk must not hold up the end
		defer context.AfterFunc(ctx, e.disk.Abandon)()
	}
	queries := append(e.Queries(), e.endShadows()...)
	errs := make([]error, len(queries))
	var wg sync.WaitGroup
	for i, q := range queries {
		wg.Go(func() { errs[i] = q.Stop(ctx) })
	}
	wg.Wait()
	e.options.pool.close()
	return errors.Join(errs...)
}

// Close halts and closes the store. A second call does nothing.
func (e *Engine) Close(ctx context.Context) error {
	err := e.Halt(ctx)
	e.mu.Lock()
	again := e.shut
	e.shut = true
	e.mu.Unlock()
	if again || e.disk == nil {
		return err
	}
	defer context.AfterFunc(ctx, e.disk.Abandon)()
	return errors.Join(err, e.disk.Close())
}

// DropState deletes the state of a query that is not running.
func (e *Engine) DropState(name string) error {
	if err := e.reserve(name); err != nil {
		return err
	}
	defer e.release(name)
	return errors.Join(e.forgetShadow(name), e.dropState(name))
}

// dropState deletes a query's range.
func (e *Engine) dropState(name string) error {
	if e.store == nil {
		return nil
	}
	b := e.store.NewBatch()
	all := state.Under{W: b, Prefix: queryRange(name)}
	if err := all.DeleteRange(nil, nil); err != nil {
		return errors.Join(err, b.Close())
	}
	return b.Commit(true)
}
