package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/state/savepoint"
)

// SavepointDir is where a data directory keeps its savepoints.
func SavepointDir(dataDir string) savepoint.Dir {
	return savepoint.Dir(filepath.Join(dataDir, "savepoints"))
}

// NewSavepoint asks for a savepoint.
type NewSavepoint struct {
	Name  string `json:"name,omitempty" doc:"Name of the savepoint; default: the query's and the time" maxLength:"100"`
	Query string `json:"query" doc:"Name of the query" minLength:"1" maxLength:"256"`
}

// Restoration asks for a query to go on from a savepoint.
type Restoration struct {
	Query string `json:"query,omitempty" doc:"Name of the query; default: the one it had" maxLength:"256"`
	Sinks string `json:"sinks,omitempty" enum:"refuse,deduplicate,redeliver" doc:"What becomes of rows that exactly-once sinks got after the savepoint: refuse to start (default), leave out those that are there, or deliver again"`
}

// Savepoints lists the savepoints by name; damaged files are told in broken.
func (s *Service) Savepoints() (list []savepoint.Entry, err error) {
	if s.dir == "" {
		return []savepoint.Entry{}, nil
	}
	list, broken, err := SavepointDir(s.dir).List()
	for _, b := range broken {
		s.log.Warn("a file is no savepoint", "error", b)
	}
	return list, err
}

// Savepoint describes one.
func (s *Service) Savepoint(name string) (savepoint.Entry, error) {
	if err := s.savepoints(name); err != nil {
		return savepoint.Entry{}, err
	}
	info, err := savepoint.Describe(SavepointDir(s.dir).Path(name))
	if errors.Is(err, savepoint.ErrNone) {
		return info, notFound("there is no savepoint %q", name)
	}
	return info, savepointProblem(err)
}

// savepoints says whether there can be a savepoint of a name.
func (s *Service) savepoints(name string) error {
	if s.dir == "" {
		return badRequest("savepoints need a data directory: start the server with --data-dir")
	}
	if err := savepoint.CheckName(name); err != nil {
		return badRequest("%v", err)
	}
	return nil
}

func savepointProblem(err error) error {
	switch {
	case errors.Is(err, savepoint.ErrNone):
		return notFound("%v", err)
	case errors.Is(err, savepoint.ErrTaken), errors.Is(err, engine.ErrHasState), errors.Is(err, engine.ErrRecovering), errors.Is(err, engine.ErrEnded):
		return conflict("%v", err)
	case errors.Is(err, savepoint.ErrDamaged), errors.Is(err, engine.ErrNoState):
		return badRequest("%v", err)
	}
	return err
}

// CreateSavepoint writes the state of a query, which goes on meanwhile.
func (s *Service) CreateSavepoint(ctx context.Context, n *NewSavepoint) (savepoint.Entry, error) {
	h, err := s.savepointHeader(n)
	if err != nil {
		return savepoint.Entry{}, err
	}
	dir := SavepointDir(s.dir)
	err = dir.Create(h.Name, func(w io.Writer) error { return s.runner.Savepoint(ctx, h.Query, w, h) })
	if err != nil {
		return savepoint.Entry{}, savepointProblem(err)
	}
	s.log.Info("savepoint written", "name", h.Name, "query", h.Query)
	return s.Savepoint(h.Name)
}

func (s *Service) savepointHeader(n *NewSavepoint) (*savepoint.Header, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := find(s.registry.statements, kindQuery, n.Query)
	if i < 0 {
		return nil, notFound("there is no query %q", n.Query)
	}
	st := &s.registry.statements[i]
	h := &savepoint.Header{Name: n.Name, Query: st.Name, Created: s.now().UTC()}
	if h.Name == "" {
		h.Name = fileName(st.Name) + "-" + h.Created.Format("20060102T150405")
	}
	if err := s.savepoints(h.Name); err != nil {
		return nil, err
	}
	for _, st := range needed(s.registry.statements, i) {
		h.Statements = append(h.Statements, savepoint.Statement{Kind: st.Kind, Name: st.Name, SQL: st.SQL, Params: st.Params, Settings: st.Settings, Module: st.Module})
	}
	return h, nil
}

// fileName is a query's name with what names of files cannot have replaced.
func fileName(query string) string {
	name := strings.Map(func(r rune) rune {
		if r < 128 && (r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_' || r == '.') {
			return r
		}
		return '-'
	}, query)
	if name = strings.TrimLeft(name[:min(len(name), 80)], "-._"); name == "" {
		return "query"
	}
	return name
}

// needed is the definitions that statement i may use, and i: those whose names
// its text has, and those whose names theirs have.
func needed(list []Statement, i int) []Statement {
	in := make([]bool, i+1)
	in[i] = true
	for k := i; k >= 0; k-- {
		if !in[k] {
			continue
		}
		text := strings.ToLower(list[k].SQL)
		for j := range k {
			if list[j].Kind != kindQuery && strings.Contains(text, strings.ToLower(list[j].Name)) {
				in[j] = true
			}
		}
	}
	for j := range i { // a view does not name the columns that its table gets behind it
		in[j] = in[j] || isColumns(list[j]) && in[find(list, kindTable, list[j].Name)]
	}
	var out []Statement
	for k, ok := range in {
		if ok {
			out = append(out, list[k])
		}
	}
	return out
}

// DropSavepoint deletes one.
func (s *Service) DropSavepoint(name string) error {
	if err := s.savepoints(name); err != nil {
		return err
	}
	return savepointProblem(SavepointDir(s.dir).Drop(name))
}

// RestoreSavepoint starts the query of a savepoint with the definitions that it
// brings along, where the server has none of the name.
func (s *Service) RestoreSavepoint(name string, r *Restoration) (*Outcome, error) {
	info, err := s.Savepoint(name)
	if err != nil {
		return nil, err
	}
	if len(info.Statements) == 0 {
		return nil, badRequest("the savepoint has no text of its query: submit the text with --from-savepoint %s", name)
	}
	from, err := s.restorationOf(name, r.Sinks)
	if err != nil {
		return nil, err
	}
	s.changes.Lock()
	defer s.changes.Unlock()
	ch := &change{list: slices.Clone(s.statements()), from: from}
	for _, st := range info.Statements {
		if err := ch.bring(info.Statements, st, r.Query, s.now()); err != nil {
			return nil, err
		}
	}
	if err := ch.settle(info.Statements, len(s.statements())); err != nil {
		return nil, err
	}
	if err := s.validateAdded(ch); err != nil {
		return nil, err
	}
	if err := s.carryOut(ch); err != nil {
		return nil, savepointProblem(err)
	}
	return &Outcome{Queries: ch.added}, nil
}

// bring adds a statement of a savepoint.
func (c *change) bring(saved []savepoint.Statement, st savepoint.Statement, as string, now time.Time) error {
	own := Statement{Kind: st.Kind, Name: st.Name, SQL: st.SQL, Params: st.Params, Settings: st.Settings, Module: st.Module, Created: now}
	if own.Kind == kindQuery && as != "" {
		own.Name = as
	}
	if isColumns(own) {
		if !alike(c.list, saved, own.Name) || slices.ContainsFunc(c.list, func(s Statement) bool { return same(s, st) }) {
			return nil // another table has the columns that it has
		}
		return c.columns(own, own.Name)
	}
	i := find(c.list, own.Kind, own.Name)
	switch {
	case i < 0:
		c.list = append(c.list, own)
	case own.Kind == kindQuery:
		return conflict("there is a query %q already; drop it first or restore under another name", own.Name)
	}
	if own.Kind == kindQuery {
		c.added = append(c.added, own.Name)
	}
	return nil
}

// validateAdded asks the runner about the queries that a change adds.
func (s *Service) validateAdded(ch *change) error {
	c, err := compileList(ch.list)
	if err != nil {
		return err
	}
	for i := range c.queries {
		if q := &c.queries[i]; slices.Contains(ch.added, q.Name) {
			if err := s.runner.Validate(q, c.known[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// restoration is a savepoint that a query begins with.
type restoration struct {
	path  string
	sinks engine.Sinks
}

// restorationOf finds a savepoint; nil without a name.
func (s *Service) restorationOf(name, sinks string) (*restoration, error) {
	choice, err := engine.ParseSinks(sinks)
	if err != nil {
		return nil, badRequest("%v", err)
	}
	if name == "" {
		if sinks != "" {
			return nil, badRequest("sinks belongs to a savepoint to restore, and none is named")
		}
		return nil, nil
	}
	info, err := s.Savepoint(name)
	if err != nil {
		return nil, err
	}
	return &restoration{info.Path, choice}, nil
}

func maskSavepoint(i savepoint.Entry) savepoint.Entry {
	list := slices.Clone(i.Statements)
	for k := range list {
		list[k].SQL, list[k].Params = maskText(list[k].SQL), maskParams(list[k].Params)
	}
	i.Statements = list
	return i
}

type savepointNamed struct {
	Name string `path:"name" doc:"Name of the savepoint" maxLength:"128"`
}

func registerSavepoints(api huma.API, s *Service) {
	create := operation(http.MethodPost, "/v1/savepoints", "create-savepoint", "Write the state of a query into a file, while it goes on", http.StatusCreated)
	create.Middlewares = huma.Middlewares{unhurried}
	huma.Register(api, create, func(ctx context.Context, in *body[NewSavepoint]) (*body[savepoint.Entry], error) {
		info, err := s.CreateSavepoint(ctx, &in.Body)
		return answer(maskSavepoint(info), err)
	})
	huma.Register(api, operation(http.MethodGet, "/v1/savepoints", "list-savepoints", "List the savepoints", 0),
		func(_ context.Context, in *listQuery) (*pageOf[savepoint.Entry], error) {
			list, err := s.Savepoints()
			if err != nil {
				return nil, asProblem(err)
			}
			for i := range list {
				list[i] = maskSavepoint(list[i])
			}
			return paged("/v1/savepoints", in, list, func(e *savepoint.Entry) string { return e.Name })
		})
	huma.Register(api, operation(http.MethodGet, "/v1/savepoints/{name}", "show-savepoint", "One savepoint", 0),
		func(_ context.Context, in *savepointNamed) (*body[savepoint.Entry], error) {
			info, err := s.Savepoint(in.Name)
			return answer(maskSavepoint(info), err)
		})
	huma.Register(api, operation(http.MethodDelete, "/v1/savepoints/{name}", "drop-savepoint", "Delete a savepoint", http.StatusNoContent),
		func(_ context.Context, in *savepointNamed) (*struct{}, error) {
			return nil, asProblem(s.DropSavepoint(in.Name))
		})
	restore := operation(http.MethodPost, "/v1/savepoints/{name}/restore", "restore-savepoint", "Start the query of a savepoint where that left it", http.StatusCreated)
	restore.Middlewares = huma.Middlewares{unhurried}
	huma.Register(api, restore, func(_ context.Context, in *struct {
		Name string `path:"name" doc:"Name of the savepoint" maxLength:"128"`
		Body Restoration
	}) (*body[*Outcome], error) {
		return answer(s.RestoreSavepoint(in.Name, &in.Body))
	})
}

// unhurried lifts the limit on the time of an answer, for work that takes as
// long as there is state.
func unhurried(ctx huma.Context, next func(huma.Context)) {
	_, w := humago.Unwrap(ctx)
	_ = http.NewResponseController(w).SetWriteDeadline(time.Time{}) // where it cannot be lifted, it holds
	next(ctx)
}

// errNoQuery is for a runner that does not know a query.
func errNoQuery(name string) error { return fmt.Errorf("query %q: %w", name, engine.ErrEnded) }
