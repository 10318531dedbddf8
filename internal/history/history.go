// Package history runs queries on what their sources have had: sources are read
// from where they are told to, to their end as it is found; sinks only count.
// Nothing is written, no offset is committed.
package history

import (
	"context"
	"fmt"
	"maps"
	"sync/atomic"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/pattern"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/plan"
)

// Query is a compiled query with the catalog it sees.
type Query struct {
	Root    *plan.Insert
	Catalog *catalog.Catalog
}

// Replay is how queries are run.
type Replay struct {
	Options  engine.Options // those that the query runs with; its state is left alone
	From, To time.Time      // of the records; zero: all there are
	// Trace makes the operators of patterns; nil: their matchers.
	Trace func(stage, shard int, p *pattern.Program) operators.Stateful
	// Rows takes what would go to a sink, one call at a time for each; nil: rows
	// are dropped.
	Rows func(t connectors.Table, b *event.Batch) error
	// Progress is told now and then how it stands; may be nil.
	Progress func(engine.Status)

	Took time.Duration // of the last Run

	clipped atomic.Bool
}

// Clipped says whether a source would go on behind its history.
func (r *Replay) Clipped() bool { return r.clipped.Load() }

const progressEvery = 200 * time.Millisecond

// Run runs the query to the end of its history.
func (r *Replay) Run(ctx context.Context, q Query) (*engine.Query, error) {
	o := r.Options
	o.Registry = o.Registry.Wrap(func(c connectors.Connector) connectors.Connector { return past{c, r} }, rows{r})
	o.DataDir, o.Store, o.Metrics, o.Trace, o.Spans = "", nil, nil, r.Trace, nil
	e, err := engine.New(o)
	if err != nil {
		return nil, err
	}
	run, err := e.Start(ctx, q.Root, q.Catalog)
	if err != nil {
		_ = e.Close(ctx) // it has nothing
		return nil, err
	}
	began := e.Options().Clock.Now()
	if err := r.wait(ctx, e, run); err != nil {
		_ = e.Close(ctx) // drops what it has
		return nil, err
	}
	r.Took = time.Duration(e.Options().Clock.Now()-began) * time.Microsecond
	return run, e.Close(ctx)
}

func (r *Replay) wait(ctx context.Context, e *engine.Engine, run *engine.Query) error {
	for {
		tick, release := e.Options().Clock.After(progressEvery)
		select {
		case <-run.Done():
			release()
			return nil
		case <-ctx.Done():
			release()
			return fmt.Errorf("the history was not read to its end: %w", ctx.Err())
		case <-tick:
			if r.Progress != nil {
				r.Progress(run.Status())
			}
		}
	}
}

// Sink is the connector of a table that only Rows takes.
const Sink = "rows"

// rows is that connector.
type rows struct{ replay *Replay }

func (rows) Name() string                                       { return Sink }
func (rows) Options() []connectors.OptionSpec                   { return nil }
func (rows) Metadata() []connectors.MetadataSpec                { return nil }
func (rows) Source(connectors.Table) (connectors.Source, error) { return nil, connectors.ErrNotSource }
func (c rows) Sink(t connectors.Table) (connectors.Sink, error) { return sink{t, c.replay.Rows}, nil }

// past is a connector whose tables are read again.
type past struct {
	connectors.Connector
	replay *Replay
}

// Source implements connectors.Connector.
func (p past) Source(t connectors.Table) (connectors.Source, error) {
	s, err := p.Connector.Source(t)
	if err != nil {
		return nil, err
	}
	if h, ok := p.Connector.(connectors.Historian); ok {
		if !s.Bounded() {
			p.replay.clipped.Store(true)
		}
		t.Options = maps.Clone(t.Options)
		h.History(t.Options, p.replay.From, p.replay.To)
		if s, err = p.Connector.Source(t); err != nil {
			return nil, err
		}
	}
	if !s.Replayable() || !s.Bounded() {
		return nil, fmt.Errorf("what '%s' has given cannot be read again", p.Name())
	}
	return s, nil
}

// Sink implements connectors.Connector.
func (p past) Sink(t connectors.Table) (connectors.Sink, error) { return sink{t, p.replay.Rows}, nil }

// sink gives rows to a function.
type sink struct {
	table connectors.Table
	rows  func(t connectors.Table, b *event.Batch) error
}

func (sink) Open(context.Context) error  { return nil }
func (sink) Flush(context.Context) error { return nil }
func (sink) Close() error                { return nil }

// Write implements connectors.Sink.
func (s sink) Write(_ context.Context, b *event.Batch) error {
	if s.rows == nil {
		return nil
	}
	return s.rows(s.table, b)
}
