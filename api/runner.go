package api

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/stream"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/infer"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/check"
	"github.com/cepd/cepd/state/intake"
	"github.com/cepd/cepd/state/savepoint"
)

// startTimeout limits how long a query may take to reach its sources.
const startTimeout = 30 * time.Second

// EngineRunner runs queries on an engine.
type EngineRunner struct {
	*engine.Engine
	Logs *intake.Logs // of tables that are posted to; nil: there are none
	Hub  *stream.Hub  // of tables that are followed; nil: there are none
}

// WithSettings is the catalog as a query saw it: with the SET statements before
// it and none of those after.
func WithSettings(cat *catalog.Catalog, q *query.Query) *catalog.Catalog {
	c := *cat
	c.Settings = q.Settings
	return &c
}

// Validate checks options and settings.
func (r EngineRunner) Validate(q *query.Query, cat *catalog.Catalog) error {
	return r.Engine.Validate(q.Insert, WithSettings(cat, q))
}

// ValidateTables checks the options of the tables that a text creates and does
// not use.
func (r EngineRunner) ValidateTables(result *query.Result) error {
	return r.Engine.ValidateTables(result.Tables, result.Roots())
}

// Start opens the query and lets it run.
func (r EngineRunner) Start(ctx context.Context, q *query.Query, cat *catalog.Catalog) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	_, err := r.Engine.Start(ctx, q.Insert, WithSettings(cat, q))
	return err
}

// ReadFile reads a file that a statement names, where queries may reach it.
func (r EngineRunner) ReadFile(name string) ([]byte, error) { return r.Engine.ReadFile(name) }

// Failure is the end of a query that has failed.
func (r EngineRunner) Failure(name string) *engine.Failure {
	if q, ok := r.Query(name); ok {
		return q.Failure()
	}
	return nil
}

// Restarts reads the query's settings.
func (r EngineRunner) Restarts(q *query.Query) (engine.RestartStrategy, error) {
	return r.Engine.Restarts(q.Settings)
}

// Stop ends the query in order, keeping its state.
func (r EngineRunner) Stop(ctx context.Context, name string) error {
	if q, ok := r.Query(name); ok {
		return q.Stop(ctx)
	}
	return nil
}

// Drop stops the query and deletes its state.
func (r EngineRunner) Drop(name string) error {
	drop := func() error { return r.DropState(name) }
	if q, ok := r.Query(name); ok {
		drop = q.Drop
	}
	err := drop()
	if err == nil && r.Logs != nil {
		err = r.Logs.Forget(name)
	}
	return err
}

// Close stops all queries, then the logs that they read and write, then the store.
func (r EngineRunner) Close(ctx context.Context) error {
	err := r.Halt(ctx)
	if r.Logs != nil {
		r.Logs.Close()
	}
	return errors.Join(err, r.Engine.Close(ctx))
}

// Streams are the tables that are followed; nil: there are none.
func (r EngineRunner) Streams() *stream.Hub { return r.Hub }

// Savepoint writes the state of a query.
func (r EngineRunner) Savepoint(ctx context.Context, name string, w io.Writer, h *savepoint.Header) error {
	q, ok := r.Query(name)
	if !ok {
		return errNoQuery(name)
	}
	return q.Savepoint(ctx, w, h)
}

// Infer looks at records where queries may reach.
func (r EngineRunner) Infer(ctx context.Context, q infer.Request) (*infer.Table, error) {
	return infer.Sampler{Engine: r.Engine}.Infer(ctx, q)
}

// TakeSample is query.Options.Sample.
func (r EngineRunner) TakeSample(ctx context.Context) func(check.SampleRequest) (*check.Sample, error) {
	return infer.Sampler{Engine: r.Engine}.Sample(ctx)
}

// Version is that of the program.
func (r EngineRunner) Version() string { return r.Options().Version }

// Connectors are those of the engine.
func (r EngineRunner) Connectors() *connectors.Registry { return r.Options().Registry }

// Status is how the query does.
func (r EngineRunner) Status(name string) (engine.Status, bool) {
	if q, ok := r.Query(name); ok {
		return q.Status(), true
	}
	return engine.Status{}, false
}
