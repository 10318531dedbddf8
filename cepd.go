package cepd

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cepd/cepd/connectors/all"
	"github.com/cepd/cepd/connectors/http"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/infer"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/parse"
	"github.com/cepd/cepd/state/intake"
)

// Options of an Engine; all have a default.
type Options struct {
	DataDir    string // where state is kept, so that queries go on after a crash; "": nowhere
	Log        *slog.Logger
	Functions  []Function
	Connectors []Connector
	// Metrics takes the metrics cepd_… of the queries, as docs/operations.md lists them;
	// nil: nobody does.
	Metrics prometheus.Registerer
	// Queue is how many rows Push puts into a table before it waits; default 1024.
	Queue int
}

// Engine runs queries. Its methods may be called from any goroutine.
type Engine struct {
	engine *engine.Engine
	logs   *intake.Logs // of tables that are received
	own    *tables
	asked  map[string]bool // connectors that are asked for rows

	mu      sync.Mutex
	cat     *catalog.Catalog
	posters map[*catalog.Table]*poster
}

// Query is a running, or ended, query.
type Query struct {
	q    *engine.Query
	logs *intake.Logs
}

// Open makes an engine.
func Open(o Options) (*Engine, error) {
	e := &Engine{logs: intake.New(clock.Wall{}), own: newTables(o.Queue), cat: catalog.New(), posters: map[*catalog.Table]*poster{}, asked: map[string]bool{"http": true, "jdbc": true}}
	extra := []connector{{goConnector(e.own)}}
	for _, c := range o.Connectors {
		if err := c.validate(); err != nil {
			return nil, err
		}
		extra = append(extra, connector{c})
		e.asked[c.Name] = c.Lookup != nil
	}
	for _, f := range o.Functions {
		if err := f.register(e.cat); err != nil {
			return nil, err
		}
	}
	received := append(all.Received(e.logs), http.New(e.logs))
	var err error
	e.engine, err = engine.New(engine.Options{DataDir: o.DataDir, Log: o.Log, Metrics: o.Metrics, Registry: all.New(append(received, asConnectors(extra)...)...)})
	if err != nil {
		return nil, err
	}
	if err := e.logs.Open(e.engine.Store()); err != nil {
		return nil, errors.Join(err, e.engine.Close(context.Background()))
	}
	return e, nil
}

// Exec carries out statements: definitions hold for what follows, also in later calls,
// and each INSERT starts a query. params are the values of :name, as SQL literals. Where
// one statement is wrong, none is carried out; the error tells line, column and remedy.
func (e *Engine) Exec(ctx context.Context, sql string, params map[string]string) ([]*Query, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	script, err := parse.Parse("", sql)
	if err != nil {
		return nil, err
	}
	cat := e.cat.Clone()
	r, err := query.Compile(cat, script, query.Options{Text: sql, Params: params, Asked: e.asks, Sample: infer.Sampler{Engine: e.engine}.Sample(ctx)})
	if err != nil {
		return nil, err
	}
	if err := e.check(cat, r); err != nil {
		return nil, err
	}
	started, err := e.start(ctx, cat, r)
	if err != nil {
		return nil, err
	}
	e.cat.Become(cat)
	return started, nil
}

func (e *Engine) asks(t *catalog.Table) bool { return e.asked[t.Option("connector", "")] }

// check finds what only connectors know, before anything starts.
func (e *Engine) check(cat *catalog.Catalog, r *query.Result) error {
	for _, a := range r.Actions {
		if _, ok := a.Statement.(*ast.Set); !ok {
			return errors.New("Exec carries out definitions, SET and INSERT; for questions there is the command line")
		}
	}
	for i := range r.Queries {
		if r.Queries[i].Print {
			return errors.New("a SELECT alone has nowhere to send its rows: write INSERT INTO table SELECT …")
		}
		if err := e.engine.Validate(r.Queries[i].Insert, settingsOf(cat, &r.Queries[i])); err != nil {
			return err
		}
	}
	return nil
}

// start starts the queries; after an error those that were started are stopped.
func (e *Engine) start(ctx context.Context, cat *catalog.Catalog, r *query.Result) ([]*Query, error) {
	var started []*Query
	for i := range r.Queries {
		q, err := e.engine.Start(ctx, r.Queries[i].Insert, settingsOf(cat, &r.Queries[i]))
		if err != nil {
			for _, other := range started {
				err = errors.Join(err, other.Stop(ctx))
			}
			return nil, err
		}
		started = append(started, &Query{q, e.logs})
	}
	return started, nil
}

// settingsOf is the catalog with the settings of a query.
func settingsOf(cat *catalog.Catalog, q *query.Query) *catalog.Catalog {
	c := cat.Clone()
	c.Settings = q.Settings
	return c
}

// Push puts rows into a table with 'connector' = 'go', and waits while its queue is
// full. What was pushed and not yet read is lost with the process: a source that has to
// go on after a crash is a Connector that can read again.
func (e *Engine) Push(ctx context.Context, table string, rows ...Row) error {
	return e.own.table(table).push(ctx, rows)
}

// End says that no more rows come for a table, when no Push to it is under way: queries
// that read it then end.
func (e *Engine) End(table string) { e.own.table(table).end() }

// On has f called with each row that is written to a table with 'connector' = 'go', one
// at a time, in order. Its error fails the query. Set it before the query starts.
func (e *Engine) On(table string, f func(Row) error) { e.own.table(table).on(f) }

// Close stops all queries in order and closes the data directory.
func (e *Engine) Close(ctx context.Context) error {
	err := e.engine.Halt(ctx)
	e.logs.Close()
	return errors.Join(err, e.engine.Close(ctx))
}

// Name is the query's name: of CREATE QUERY, or that of the table it writes.
func (q *Query) Name() string { return q.q.Name() }

// Wait returns when the query has ended; the error is why it failed.
func (q *Query) Wait() error { return q.q.Wait() }

// Stop ends the query in order: what it has read is delivered, and its state kept.
func (q *Query) Stop(ctx context.Context) error { return q.q.Stop(ctx) }

// Drop ends the query and forgets its state.
func (q *Query) Drop() error { return errors.Join(q.q.Drop(), q.logs.Forget(q.q.Name())) }

// Status is how a query stands, at most a fraction of a second ago.
type Status struct {
	State     string // recovering, running, finished, stopped or failed
	Read      int64  // rows that are processed, of all its tables since the query was first started
	Delivered int64  // rows that are where they belong, likewise
	Watermark string // RFC 3339; "" where there is none
}

// Status looks at the query.
func (q *Query) Status() Status {
	s := q.q.Status()
	out := Status{State: string(s.State), Watermark: s.Watermark}
	for _, p := range s.Partitions {
		out.Read += p.Position
	}
	for _, k := range s.Sinks {
		out.Delivered += int64(k.Acknowledged)
	}
	return out
}
