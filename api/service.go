package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/why"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/plan"
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
	Start(q *query.Query, cat *catalog.Catalog) error
	// Drop stops the query and deletes its state.
	Drop(name string) error
	// Status is how the query does; false when it was never started.
	Status(name string) (engine.Status, bool)
	// Instances looks at the open matches of a query; engine.ErrEnded when it
	// does not run.
	Instances(ctx context.Context, name string, f engine.InstanceFilter) (*engine.Instances, error)
	// Why reads the history of a query, started or not, and answers from it.
	Why(ctx context.Context, q *query.Query, cat *catalog.Catalog, r why.Request) (*why.Report, error)
	// Close stops all queries, keeping their state.
	Close(ctx context.Context) error
}

// Service is the queries of a server.
type Service struct {
	runner Runner
	log    *slog.Logger
	now    func() time.Time
	asking chan struct{} // full while a history is read

	mu       sync.Mutex // held across a change: changes come one by one
	registry *registry
	catalog  *catalog.Catalog
	broken   map[string]error // queries that did not start
	ready    bool
}

// NewService opens the registry of a data directory (empty: nothing is kept)
// and starts its queries. A query that does not start is listed as failed; the
// server comes up all the same.
func NewService(dir string, runner Runner, log *slog.Logger) (*Service, error) {
	reg, err := openRegistry(dir)
	if err != nil {
		return nil, err
	}
	c, err := compileList(reg.statements)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", reg.file, err)
	}
	s := &Service{runner: runner, log: log, now: time.Now, asking: make(chan struct{}, 1), registry: reg, catalog: c.catalog, broken: map[string]error{}}
	s.resume(c, func(string) bool { return true })
	s.ready = true
	return s, nil
}

// resume starts the queries that are wanted.
func (s *Service) resume(c *compiled, wanted func(name string) bool) {
	for i := range c.queries {
		q := &c.queries[i]
		if !wanted(q.Name) {
			continue
		}
		if err := s.runner.Start(q, c.catalog); err != nil {
			s.broken[q.Name] = err
			s.log.Error("query did not start", "query", q.Name, "error", err)
			continue
		}
		delete(s.broken, q.Name)
		s.log.Info("query resumed", "query", q.Name)
	}
}

// retryEvery is how often queries are tried again that did not start with the
// server: their broker may have come up later than it.
const retryEvery = 10 * time.Second

// Retry tries them again until the context ends.
func (s *Service) Retry(ctx context.Context) {
	t := time.NewTicker(retryEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			s.retry()
		}
	}
}

func (s *Service) retry() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.broken) == 0 || !s.ready {
		return
	}
	if c, err := compileList(s.registry.statements); err == nil {
		s.resume(c, func(name string) bool { return s.broken[name] != nil })
	}
}

// Close stops the queries, keeping their state.
func (s *Service) Close(ctx context.Context) error {
	s.mu.Lock()
	s.ready = false
	s.mu.Unlock()
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
}

// Outcome is what a submission did.
type Outcome struct {
	Queries  []string     `json:"queries" doc:"Queries started"`
	Dropped  []string     `json:"dropped,omitempty" doc:"Queries dropped"`
	Answers  []Answer     `json:"answers,omitempty" doc:"Of EXPLAIN, DESCRIBE and SHOW"`
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
	s.mu.Lock()
	defer s.mu.Unlock()
	base, script, result, err := parseSubmission(s.registry.statements, sub)
	if err != nil {
		return nil, err
	}
	if sub.Name != "" && len(result.Queries) != 1 {
		return nil, badRequest("a name was given, but the text has %d queries", len(result.Queries))
	}
	ch, err := apply(s.registry.statements, sub, script, result, base, s.now())
	if err != nil {
		return nil, err
	}
	if err := s.validate(base, result); err != nil {
		return nil, err
	}
	if err := s.carryOut(ch); err != nil {
		return nil, err
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

// carryOut keeps the changed list, then starts and drops: what was promised is
// on disk before it runs.
func (s *Service) carryOut(ch *change) error {
	c, err := compileList(ch.list)
	if err != nil {
		return err
	}
	before := s.registry.statements
	if err := s.registry.replace(ch.list); err != nil {
		return err
	}
	for i, name := range ch.added {
		if err := s.start(c, name); err != nil {
			return errors.Join(err, s.undo(before, ch.added[:i]))
		}
	}
	s.catalog = c.catalog
	return s.dropAll(ch.dropped)
}

func (s *Service) undo(before []Statement, started []string) error {
	return errors.Join(s.dropAll(started), s.registry.replace(before))
}

func (s *Service) start(c *compiled, name string) error {
	for i := range c.queries {
		if q := &c.queries[i]; q.Name == name {
			s.log.Info("query starts", "query", name)
			return s.runner.Start(q, c.catalog)
		}
	}
	return fmt.Errorf("query %q is not in the registry", name)
}

func (s *Service) dropAll(names []string) error {
	var errs []error
	for _, name := range names {
		s.log.Info("query dropped", "query", name)
		delete(s.broken, name)
		errs = append(errs, s.runner.Drop(name))
	}
	return errors.Join(errs...)
}

// Drop drops a query and its state.
func (s *Service) Drop(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := find(s.registry.statements, kindQuery, name)
	if i < 0 {
		return notFound("there is no query %q", name)
	}
	name = s.registry.statements[i].Name
	list := append(append([]Statement{}, s.registry.statements[:i]...), s.registry.statements[i+1:]...)
	return s.carryOut(&change{list: list, dropped: []string{name}})
}

// Validate compiles a text and checks its queries without running anything.
func (s *Service) Validate(sub *Submission) *Validation {
	s.mu.Lock()
	defer s.mu.Unlock()
	base, _, result, err := parseSubmission(s.registry.statements, sub)
	if err != nil {
		return invalid(err)
	}
	if err := s.validate(base, result); err != nil {
		return invalid(err)
	}
	v := &Validation{Valid: true, Diagnostics: Diagnostics(result.Warnings)}
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
		for _, q := range s.list() {
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
