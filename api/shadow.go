package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/parse"
)

// NewShadow is a text to run beside a query.
type NewShadow struct {
	File    string            `json:"file,omitempty" doc:"Name to show in errors" maxLength:"1024"`
	SQL     string            `json:"sql" doc:"One INSERT, CREATE QUERY or statement set; SET before it" minLength:"1" maxLength:"1048576"`
	Params  map[string]string `json:"params,omitempty" doc:"Values of :name in the text"`
	From    string            `json:"from,omitempty" doc:"now: where the query is, with no state. state: with a copy of the query's, as far as replacing it would keep that. A time (RFC 3339): it reads history from then on; files from the beginning. None is now" maxLength:"100"`
	Promote bool              `json:"promote,omitempty" doc:"It takes the query's place as soon as it has caught up, without a comparison"`

	By string `json:"-"` // who submits it
}

// Shadow is the text that runs beside a query.
type Shadow struct {
	Version Version `json:"version"`
	From    string  `json:"from"`
	Promote bool    `json:"promote,omitempty"`
}

// ShadowInfo is a shadow and how it does.
type ShadowInfo struct {
	Name string `json:"name" doc:"Of the query"`
	Shadow
	Error string `json:"error,omitempty" doc:"Why it does not run"`
	engine.ShadowStatus
}

// The beginnings of a shadow that are no time.
const (
	fromNow   = "now"
	fromState = "state"
)

// howOf reads where a shadow begins.
func (s *Shadow) howOf() (engine.ShadowStart, error) {
	how := engine.ShadowStart{Uncompared: s.Promote}
	switch s.From {
	case fromNow:
		return how, nil
	case fromState:
		how.State = true
		return how, nil
	}
	t, err := time.Parse(time.RFC3339, s.From)
	if err != nil {
		return how, badRequest("from: expected now, state or a time such as 2026-01-31T00:00:00Z, found %q", s.From)
	}
	how.History, how.From = true, t
	return how, nil
}

// compile compiles the shadow of a query.
func (s *Shadow) compile(name string, cat *catalog.Catalog) (*query.Query, error) {
	st := Statement{Kind: kindQuery, Name: name, SQL: s.Version.SQL, Params: s.Version.Params, Settings: s.Version.Settings}
	c, err := extend(cat, []Statement{st})
	if err != nil {
		return nil, err
	}
	if len(c.queries) != 1 {
		return nil, badRequest("a shadow is one query, and the text has %d", len(c.queries))
	}
	return &c.queries[0], nil
}

// StartShadow has a text run beside a query.
func (s *Service) StartShadow(name string, n *NewShadow) (*ShadowInfo, error) {
	s.changes.Lock()
	defer s.changes.Unlock()
	x, err := s.draft(n)
	if err != nil {
		return nil, err
	}
	return s.startShadow(name, x)
}

// draft reads the text of a shadow.
func (s *Service) draft(n *NewShadow) (*Shadow, error) {
	sub := &Submission{File: n.File, SQL: n.SQL, Params: n.Params}
	_, script, result, err := parseSubmission(s.definitions(), sub, s.runner.ReadFile)
	if err != nil {
		return nil, err
	}
	x := &Shadow{From: n.From, Promote: n.Promote}
	if x.From == "" {
		x.From = fromNow
	}
	for _, st := range script.Statements {
		switch st := st.(type) {
		case *ast.Set:
		case *ast.CreateQuery:
			x.Version.SQL = textOf(n.SQL, st.Insert) // without CREATE QUERY … SHADOW
		case *ast.Insert, *ast.StatementSet:
			x.Version.SQL = textOf(n.SQL, st)
		default:
			return nil, badRequest("a shadow is one query, with SET before it: submit definitions first")
		}
	}
	if len(result.Queries) != 1 {
		return nil, badRequest("a shadow is one query, and the text has %d", len(result.Queries))
	}
	x.Version.Params, x.Version.Settings = n.Params, result.Queries[0].Settings
	x.Version.Created, x.Version.By = s.now(), n.By
	return x, nil
}

// startShadow starts a shadow and keeps its text. The caller holds changes.
func (s *Service) startShadow(name string, x *Shadow) (*ShadowInfo, error) {
	list := s.statements()
	i := find(list, kindQuery, name)
	switch {
	case i < 0:
		return nil, notFound("there is no query %q", name)
	case s.dir == "":
		return nil, badRequest("a shadow has state of its own: start the server with --data-dir")
	case list[i].Shadow != nil:
		return nil, conflict("query %q has a shadow already: drop it first (cepd query unshadow %s)", list[i].Name, list[i].Name)
	}
	name = list[i].Name
	x.Version.Number = list[i].number() + 1
	q, err := x.compile(name, s.definitions())
	if err != nil {
		return nil, err
	}
	if _, err := x.howOf(); err != nil {
		return nil, err
	}
	if err := s.runner.Validate(q, s.definitions()); err != nil {
		return nil, err
	}
	if err := s.edit(name, func(st *Statement) { st.Shadow = x }); err != nil {
		return nil, err
	}
	if err := s.openShadow(name, x); err != nil {
		return nil, errors.Join(shadowProblem(err), s.edit(name, func(st *Statement) { st.Shadow = nil }))
	}
	s.log.Info("shadow started", "query", name, "from", x.From)
	return s.Shadow(name)
}

// openShadow starts a shadow whose text is kept.
func (s *Service) openShadow(name string, x *Shadow) error {
	q, err := x.compile(name, s.definitions())
	if err != nil {
		return err
	}
	how, err := x.howOf()
	if err != nil {
		return err
	}
	return s.runner.StartShadow(context.Background(), q, s.definitions(), how)
}

func shadowProblem(err error) error {
	var p *Problem
	switch {
	case err == nil, errors.As(err, &p):
		return err
	case errors.Is(err, engine.ErrNoShadow):
		return notFound("%v", err)
	case errors.Is(err, engine.ErrShadow), errors.Is(err, engine.ErrNotPromoted), errors.Is(err, engine.ErrEnded), errors.Is(err, engine.ErrRecovering):
		return conflict("%v", err)
	}
	return badRequest("%v", err)
}

// shadowOf is the statement of a query that has a shadow.
func (s *Service) shadowOf(name string) (*Statement, error) {
	list := s.statements()
	i := find(list, kindQuery, name)
	switch {
	case i < 0:
		return nil, notFound("there is no query %q", name)
	case list[i].Shadow == nil:
		return nil, notFound("query %q has no shadow", list[i].Name)
	}
	return &list[i], nil
}

// Shadow is the shadow of a query.
func (s *Service) Shadow(name string) (*ShadowInfo, error) {
	st, err := s.shadowOf(name)
	if err != nil {
		return nil, err
	}
	out := &ShadowInfo{Name: st.Name, Shadow: *st.Shadow}
	status, ok := s.runner.Shadow(st.Name)
	if out.ShadowStatus = status; !ok {
		out.Phase, out.Error = engine.ShadowFailed, s.shadows.why(st.Name)
	}
	out.Version.SQL, out.Version.Params = maskText(out.Version.SQL), maskParams(out.Version.Params)
	return out, nil
}

// DropShadow ends the shadow of a query, and forgets what was compared.
func (s *Service) DropShadow(name string) error {
	s.changes.Lock()
	defer s.changes.Unlock()
	st, err := s.shadowOf(name)
	if err != nil {
		return err
	}
	if err := s.edit(st.Name, func(st *Statement) { st.Shadow = nil }); err != nil {
		return err
	}
	s.log.Info("shadow dropped", "query", st.Name)
	return s.runner.DropShadow(st.Name)
}

// promoteTimeout limits how long a promotion waits for a cut.
const promoteTimeout = 50 * time.Second

// Promote has the shadow take the place of its query, at one cut.
func (s *Service) Promote(ctx context.Context, name string) (Info, error) {
	s.changes.Lock()
	defer s.changes.Unlock()
	st, err := s.shadowOf(name)
	if err != nil {
		return Info{}, err
	}
	name = st.Name
	v := st.Shadow.Version
	v.Number, v.State = st.number()+1, "made by a shadow from "+st.Shadow.From
	if err := s.edit(name, func(st *Statement) { st.Pending = &v }); err != nil {
		return Info{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, promoteTimeout)
	defer cancel()
	if err := s.runner.Promote(ctx, name, v.Number); err != nil {
		return Info{}, errors.Join(shadowProblem(err), s.edit(name, func(st *Statement) { st.Pending = nil }), s.revive(name))
	}
	if err := s.edit(name, func(st *Statement) { st.become(&v) }); err != nil {
		return Info{}, err
	}
	s.log.Info("shadow promoted", "query", name, "version", v.Number)
	if err := s.revive(name); err != nil {
		return Info{}, fmt.Errorf("the shadow is query %q now, which did not start: %w", name, err)
	}
	return s.Query(name)
}

// revive starts a query that does not run though it should.
func (s *Service) revive(name string) error {
	if state := s.statusOf(name).State; state != engine.StateStopped {
		return nil
	}
	list := s.statements()
	i := find(list, kindQuery, name)
	c, err := recompile(s.definitions(), list, i)
	if err != nil {
		return err
	}
	s.starts.forget(name)
	if err = s.start(c, name); err != nil {
		s.starts.begin(&c.queries[0], c.known[0]) // and again, until it starts
	}
	return err
}

func registerShadows(api huma.API, s *Service) {
	const path = "/v1/queries/{name}/shadow"
	create := operation(http.MethodPost, path, "create-shadow", "Run another text of a query beside it, and compare what both deliver", http.StatusCreated)
	create.Middlewares = huma.Middlewares{unhurried}
	huma.Register(api, create, func(ctx context.Context, in *struct {
		Name string `path:"name" doc:"Name of the query" maxLength:"256"`
		Body NewShadow
	}) (*body[*ShadowInfo], error) {
		in.Body.By = whoOf(ctx)
		return answer(s.StartShadow(in.Name, &in.Body))
	})
	huma.Register(api, operation(http.MethodGet, path, "show-shadow", "The shadow of a query, and how the two compare", 0),
		func(_ context.Context, in *named) (*body[*ShadowInfo], error) { return answer(s.Shadow(in.Name)) })
	huma.Register(api, operation(http.MethodDelete, path, "drop-shadow", "End the shadow of a query", http.StatusNoContent),
		func(_ context.Context, in *named) (*struct{}, error) { return nil, asProblem(s.DropShadow(in.Name)) })
	promote := operation(http.MethodPost, path+"/promote", "promote-shadow", "Have the shadow take the query's place: each detection is delivered by one of them", 0)
	promote.Middlewares = huma.Middlewares{unhurried}
	huma.Register(api, promote, func(ctx context.Context, in *named) (*body[Info], error) {
		q, err := s.Promote(ctx, in.Name)
		return answer(maskInfo(q), err)
	})
}

// shadowText is the shadow that a statement asks for; "": it asks for none.
func shadowText(script *ast.Script) (name string, ok bool) {
	i := slices.IndexFunc(script.Statements, func(st ast.Statement) bool {
		c, ok := st.(*ast.CreateQuery)
		return ok && c.Shadow
	})
	if i < 0 {
		return "", false
	}
	return script.Statements[i].(*ast.CreateQuery).Name.Name, true
}

// submitShadow carries out CREATE QUERY … SHADOW, which may have SET before it.
func (s *Service) submitShadow(sub *Submission) (out *Outcome, done bool, err error) {
	script, err := parse.Parse(sub.File, sub.SQL)
	if err != nil {
		return nil, true, err
	}
	name, ok := shadowText(script)
	if !ok {
		return nil, false, nil
	}
	_, err = s.StartShadow(name, &NewShadow{File: sub.File, SQL: sub.SQL, Params: sub.Params, By: sub.By})
	return &Outcome{Queries: []string{}, Shadows: []string{name}}, true, err
}
