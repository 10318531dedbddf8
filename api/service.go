package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/cepd/cepd/api/audit"
	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/stream"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/backtest"
	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/infer"
	"github.com/cepd/cepd/internal/why"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/check"
	"github.com/cepd/cepd/query/plan"
	"github.com/cepd/cepd/state/intake"
	"github.com/cepd/cepd/state/savepoint"
)

// Runner runs queries by name. The engine is one, see EngineRunner.
type Runner interface {
	// Validate says whether the query could start. The error has a *diag.List
	// when the text is to blame.
	Validate(q *query.Query, cat *catalog.Catalog) error
	// ValidateTables is about the tables that the text creates and none of its
	// queries uses.
	ValidateTables(result *query.Result) error
	// Start starts the query, from its state where there is one.
	Start(ctx context.Context, q *query.Query, cat *catalog.Catalog) error
	// Failure is the end of a query that has failed; nil when it has not.
	Failure(name string) *engine.Failure
	// Restarts says when the query is started again that has failed.
	Restarts(q *query.Query) (engine.RestartStrategy, error)
	// Stop ends the query in order, keeping its state; one that does not run is left
	// alone.
	Stop(ctx context.Context, name string) error
	// StateVersion is the version of the query's text that made its state; 0: there
	// is none.
	StateVersion(name string) (int, error)
	// Compare says what a change of the text does to the state.
	Compare(c *engine.Change) (*engine.Verdict, error)
	// Replace makes the state of a query that is stopped that of another version.
	Replace(c *engine.Change) error
	// StartShadow starts another text of a query beside it.
	StartShadow(ctx context.Context, q *query.Query, cat *catalog.Catalog, how engine.ShadowStart) error
	// Shadow is how the shadow of a query does; false when it was never started.
	Shadow(name string) (engine.ShadowStatus, bool)
	// DropShadow ends a shadow and deletes its state.
	DropShadow(name string) error
	// Promote makes the shadow's state the query's, of a version; both have then
	// ended. After an error, either may have.
	Promote(ctx context.Context, name string, version int) error
	// Drop stops the query and deletes its state, also of one that did not start.
	Drop(name string) error
	// Savepoint writes the state of a query that was started.
	Savepoint(ctx context.Context, name string, w io.Writer, h *savepoint.Header) error
	// Restore fills the state of a query that is to be started from a file.
	Restore(name, path string, sinks engine.Sinks) error
	// Checkpoint copies all state as it is now into a directory.
	Checkpoint(dir string) error
	// ReadFile reads a file that a statement names.
	ReadFile(name string) ([]byte, error)
	// Version is that of the program.
	Version() string
	// Connectors are those that tables may name.
	Connectors() *connectors.Registry
	// Status is how the query does; false when it was never started.
	Status(name string) (engine.Status, bool)
	// Instances looks at the open matches of a query; engine.ErrEnded when it
	// does not run.
	Instances(ctx context.Context, name string, f engine.InstanceFilter) (*engine.Instances, error)
	// Graph and Automata look at the operators and the patterns of a query;
	// engine.ErrEnded when it does not run.
	Graph(ctx context.Context, name string) (*engine.Graph, error)
	Automata(ctx context.Context, name string) (*engine.Automata, error)
	// Instance looks at one of them, EndInstance ends it.
	Instance(ctx context.Context, name, id string) (*engine.Instance, error)
	EndInstance(ctx context.Context, name, id string) (*engine.Instance, error)
	// Produce writes a row, a JSON object, to where a table is read from.
	Produce(ctx context.Context, t *catalog.Table, object []byte) error
	// EveryInstance describes open matches in no order, at most so many.
	EveryInstance(ctx context.Context, name string, most int) (list []engine.Instance, more bool, err error)
	// Why reads the history of a query, started or not, and answers from it.
	Why(ctx context.Context, q *query.Query, cat *catalog.Catalog, r why.Request) (*why.Report, error)
	// Backtest tries a query on history, beside those that run.
	Backtest(ctx context.Context, r backtest.Request) (*backtest.Report, error)
	// Intake is the logs of tables that are posted to; nil: there are none.
	Intake() *intake.Logs
	// Streams are the tables that are followed; nil: there are none.
	Streams() *stream.Hub
	// Connect is what the connector of a table gets.
	Connect(t *catalog.Table) (connectors.Table, error)
	// Event says what has become of a record in a query, which runs
	// (engine.ErrEnded); nil when it does not read the table.
	Event(ctx context.Context, name string, at engine.RowAt) (*engine.EventTrace, error)
	// Watch reads what a query (empty: any) delivers, behind a cursor.
	Watch(query, after string) (*engine.Watch, error)
	// Sample reads some rows of a table.
	Sample(ctx context.Context, cat *catalog.Catalog, table string, r engine.SampleRequest) (*engine.TableSample, error)
	// Infer proposes a table from records; TakeSample does so for LIKE SAMPLE.
	Infer(ctx context.Context, r infer.Request) (*infer.Table, error)
	TakeSample(ctx context.Context) func(check.SampleRequest) (*check.Sample, error)
	// Close stops all queries, keeping their state.
	Close(ctx context.Context) error
}

// Service is the queries of a server.
type Service struct {
	runner  Runner
	log     *slog.Logger
	now     func() time.Time
	asking  chan struct{} // full while a history is read
	testing chan struct{} // full while rule tests run
	starts  *starts
	shadows shadows
	posters posters

	Audit     *audit.Log // of what the server does by itself; nil: it is not written down
	evolution evolution

	backtests *backtests
	samples   chan struct{} // one per sample that is being read
	streams   chan struct{} // one per stream
	heartbeat time.Duration // of streams

	dir     string // data directory; empty: none
	backups string // where they go if nothing is said

	changes sync.Mutex // held across a change: they come one by one

	mu       sync.Mutex // of what follows, and for moments only
	registry *registry
	catalog  *catalog.Catalog
	ready    bool
}

// NewService opens the registry of a data directory (empty: nothing is kept)
// and starts its queries, in the background: the server comes up whatever becomes
// of them.
func NewService(dir string, runner Runner, log *slog.Logger) (*Service, error) {
	reg, err := openRegistry(dir)
	if err != nil {
		return nil, err
	}
	if dir != "" {
		if err := sweepCheckpoints(dir); err != nil {
			return nil, err
		}
	}
	if err := reg.settle(runner.StateVersion); err != nil {
		return nil, err
	}
	c, err := compileList(reg.statements)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", reg.file, err)
	}
	s := &Service{dir: dir, runner: runner, log: log, now: time.Now, asking: make(chan struct{}, 1), testing: make(chan struct{}, 1), streams: make(chan struct{}, maxStreams), samples: make(chan struct{}, maxSamples), heartbeat: heartbeatEvery, registry: reg, catalog: c.catalog}
	if err := errors.Join(s.makeLogs(c.catalog), s.dropLogs(c.catalog)); err != nil {
		return nil, err
	}
	if s.backtests, err = newBacktests(dir, runner, func() time.Time { return s.now() }, log); err != nil {
		return nil, err
	}
	s.starts = newStarts(runner, log, func() time.Time { return s.now() })
	for i := range c.queries {
		if !s.paused(c.queries[i].Name) {
			s.starts.begin(&c.queries[i], c.known[i])
		}
	}
	s.ready = true
	return s, nil
}

// lookEvery is how often the server looks for queries that have failed.
const lookEvery = time.Second

// Retry does what the server does by itself, until the context ends: it starts queries
// again that fail, or did not start, sees to shadows, and gives tables columns.
func (s *Service) Retry(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { each(ctx, lookEvery, func() { s.lookAtShadows(ctx) }) })
	wg.Go(func() { each(ctx, addEvery, func() { s.addFields(ctx) }) })
	each(ctx, lookEvery, s.starts.look)
	wg.Wait()
}

// each looks again and again until the context ends.
func each(ctx context.Context, every time.Duration, look func()) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			look()
		}
	}
}

// Close stops the queries, keeping their state.
func (s *Service) Close(ctx context.Context) error {
	s.mu.Lock()
	s.ready = false
	s.mu.Unlock()
	s.backtests.close()
	s.starts.close()
	return s.runner.Close(ctx)
}

// Ready says whether the server takes requests.
func (s *Service) Ready() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ready
}

// Submission is text to run.
type Submission struct {
	Name   string            `json:"name,omitempty" doc:"Name of the query, when the text has one" maxLength:"128"`
	File   string            `json:"file,omitempty" doc:"Name to show in errors" maxLength:"1024"`
	SQL    string            `json:"sql" doc:"Statements, separated by semicolons" minLength:"1" maxLength:"1048576"`
	Params map[string]string `json:"params,omitempty" doc:"Values of :name in the text"`

	FromSavepoint string `json:"from_savepoint,omitempty" doc:"Name of a savepoint that the query goes on from" maxLength:"100"`
	Sinks         string `json:"sinks,omitempty" enum:"refuse,deduplicate,redeliver" doc:"With from_savepoint: what becomes of rows that exactly-once sinks got after it"`

	By      string            `json:"-"` // who submits it
	written map[string]string // what tables that are pinned were written as
}

// Outcome is what a submission did.
type Outcome struct {
	Queries  []string     `json:"queries" doc:"Queries started"`
	Dropped  []string     `json:"dropped,omitempty" doc:"Queries dropped"`
	Paused   []string     `json:"paused,omitempty" doc:"Queries paused"`
	Shadows  []string     `json:"shadows,omitempty" doc:"Queries that have got a shadow"`
	Answers  []Answer     `json:"answers,omitempty" doc:"Of EXPLAIN, DESCRIBE and SHOW"`
	Pinned   []string     `json:"pinned,omitempty" doc:"Statements with LIKE SAMPLE as they are kept, with the columns that their samples had"`
	Warnings []Diagnostic `json:"warnings,omitempty"`
}

// Answer is the table or text that a statement answers with.
type Answer struct {
	Columns []string   `json:"columns,omitempty"`
	Rows    [][]string `json:"rows,omitempty"`
	Text    string     `json:"text,omitempty" doc:"Of EXPLAIN"`
}

// Submit carries out the statements of a text: all of them, or, after an
// error, none.
func (s *Service) Submit(sub *Submission) (*Outcome, error) {
	pins, err := s.pin(sub)
	if err != nil {
		return nil, err
	}
	out, err := s.submit(pins.of(sub))
	if err == nil {
		pins.tell(out)
	}
	return out, err
}

// submit carries out a text without LIKE SAMPLE.
func (s *Service) submit(sub *Submission) (*Outcome, error) {
	if out, done, err := s.alter(sub); done || err != nil {
		return out, err
	}
	if out, done, err := s.submitShadow(sub); done {
		return out, err
	}
	s.changes.Lock()
	defer s.changes.Unlock()
	base, script, result, err := parseSubmission(s.definitions(), sub, s.runner.ReadFile)
	if err != nil {
		return nil, err
	}
	if sub.Name != "" && len(result.Queries) != 1 {
		return nil, badRequest("a name was given, but the text has %d queries", len(result.Queries))
	}
	ch, err := apply(s.statements(), sub, script, result, base, s.now())
	if err != nil {
		return nil, err
	}
	if ch.from, err = s.restorationOf(sub.FromSavepoint, sub.Sinks); err != nil {
		return nil, err
	}
	if ch.from != nil && len(ch.added) != 1 {
		return nil, badRequest("a savepoint is of one query, but the text has %d", len(ch.added))
	}
	if err := s.validate(base, result); err != nil {
		return nil, err
	}
	if err := s.carryOut(ch); err != nil {
		return nil, savepointProblem(err)
	}
	out := &Outcome{Queries: append([]string{}, ch.added...), Dropped: ch.dropped, Answers: s.answers(result)}
	if result.Warnings != nil {
		out.Warnings = Diagnostics(result.Warnings)
	}
	return out, nil
}

// validate asks the runner about the queries of a submission.
func (s *Service) validate(cat *catalog.Catalog, result *query.Result) error {
	for i := range result.Queries {
		err := s.runner.Validate(&result.Queries[i], cat)
		if _, ok := diag.As(err); err != nil && !ok {
			return badRequest("%v", err)
		}
		if err != nil {
			return err
		}
	}
	return s.runner.ValidateTables(result)
}

// definitions is the catalog as it is.
func (s *Service) definitions() *catalog.Catalog {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.catalog
}

// statements is the list as it is; nobody changes it.
func (s *Service) statements() []Statement {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.registry.statements
}

// carryOut keeps the changed list, then starts and drops: what was promised is
// on disk before it runs. Additions compile by themselves; after a drop the rest
// has to.
func (s *Service) carryOut(ch *change) error {
	before := s.statements()
	c, err := s.compile(ch, before)
	if err != nil {
		return err
	}
	if err := errors.Join(s.makeLogs(c.catalog), s.keep(ch.list)); err != nil {
		return err
	}
	for i, name := range ch.added {
		if err := s.begin(c, name, ch.from); err != nil {
			return errors.Join(err, s.undo(before, ch.added[:i]))
		}
	}
	s.mu.Lock()
	s.catalog = c.catalog
	s.mu.Unlock()
	s.evolution.forget(ch.gone)
	return errors.Join(s.dropAll(ch.dropped), s.dropLogs(c.catalog))
}

func (s *Service) compile(ch *change, before []Statement) (*compiled, error) {
	if ch.undone {
		return compileList(ch.list)
	}
	return extend(s.definitions(), ch.list[len(before):])
}

func (s *Service) keep(list []Statement) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.registry.replace(list)
}

func (s *Service) undo(before []Statement, started []string) error {
	return errors.Join(s.dropAll(started), s.keep(before))
}

// begin starts a query that is new, from a savepoint (nil: from nothing). State
// that it cannot go on from is deleted again.
func (s *Service) begin(c *compiled, name string, from *restoration) error {
	if from == nil {
		if err := s.start(c, name); err != nil {
			return badRequest("%v", err)
		}
		return nil
	}
	if err := s.runner.Restore(name, from.path, from.sinks); err != nil {
		return err
	}
	if err := s.start(c, name); err != nil {
		return errors.Join(err, s.runner.Drop(name))
	}
	return nil
}

func (s *Service) start(c *compiled, name string) error {
	for i := range c.queries {
		if q := &c.queries[i]; q.Name == name {
			return s.starts.now(q, c.known[i])
		}
	}
	return fmt.Errorf("query %q is not in the registry", name)
}

func (s *Service) dropAll(names []string) error {
	var errs []error
	for _, name := range names {
		s.log.Info("query dropped", "query", name)
		s.starts.forget(name)
		errs = append(errs, s.runner.Drop(name))
	}
	return errors.Join(errs...)
}

// Drop drops a query and its state.
func (s *Service) Drop(name string) error {
	s.changes.Lock()
	defer s.changes.Unlock()
	list := s.statements()
	i := find(list, kindQuery, name)
	if i < 0 {
		return notFound("there is no query %q", name)
	}
	name = list[i].Name
	rest := append(append([]Statement{}, list[:i]...), list[i+1:]...)
	if err := s.keep(rest); err != nil { // nothing depends on a query
		return err
	}
	return s.dropAll([]string{name})
}

// Validate compiles a text and checks its queries without running anything.
func (s *Service) Validate(sub *Submission) *Validation {
	pins, err := s.pin(sub)
	if err != nil {
		return invalid(err)
	}
	base, _, result, err := parseSubmission(s.definitions(), pins.of(sub), s.runner.ReadFile)
	if err != nil {
		return invalid(err)
	}
	if err := s.validate(base, result); err != nil {
		return invalid(err)
	}
	v := &Validation{Valid: true, Diagnostics: Diagnostics(result.Warnings)}
	if pins != nil {
		v.Diagnostics, v.Pinned = pins.warnings, pins.tables
	}
	for i := range result.Queries {
		v.Queries = append(v.Queries, Plan{Name: result.Queries[i].Name, Text: plan.Explain(result.Queries[i].Insert)})
	}
	return v
}

func invalid(err error) *Validation {
	p := problemOf(err)
	return &Validation{Diagnostics: p.Diagnostics, Message: p.Detail}
}

// Validation is what checking a text found.
type Validation struct {
	Valid       bool         `json:"valid"`
	Message     string       `json:"message,omitempty" doc:"The findings as for a terminal"`
	Diagnostics []Diagnostic `json:"diagnostics,omitempty"`
	Queries     []Plan       `json:"queries,omitempty"`
	Pinned      []string     `json:"pinned,omitempty" doc:"Statements with LIKE SAMPLE as they would be kept"`
}

// Plan is the logical plan of a query.
type Plan struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

func (s *Service) answers(result *query.Result) []Answer {
	var list []Answer
	for _, a := range result.Actions {
		switch st := a.Statement.(type) {
		case *ast.Explain:
			list = append(list, Answer{Text: plan.Explain(a.Plan)})
		case *ast.Show:
			list = append(list, s.show(st, a))
		case *ast.Describe:
			list = append(list, Answer{Columns: a.Columns, Rows: a.Rows})
		}
	}
	return list
}

func (s *Service) show(st *ast.Show, a query.Action) Answer {
	switch st.What {
	case "QUERIES":
		out := Answer{Columns: []string{"query", "state"}}
		for _, q := range s.Queries() {
			out.Rows = append(out.Rows, []string{q.Name, string(q.State)})
		}
		return out
	case "QUERY STATUS":
		status, ok := s.status(nameOf(*st.Name))
		if !ok {
			return Answer{Text: "there is no such query"}
		}
		return Answer{Text: strings.TrimSpace(string(status.State) + "\n" + status.Error + "\n" + status.Hint)}
	}
	out := Answer{Columns: a.Columns, Rows: a.Rows}
	for _, row := range out.Rows {
		for i := range row {
			row[i] = maskText(row[i])
		}
	}
	return out
}
