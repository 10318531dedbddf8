package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/parse"
)

// Replacement is a new text for a query.
type Replacement struct {
	File     string            `json:"file,omitempty" doc:"Name to show in errors" maxLength:"1024"`
	SQL      string            `json:"sql" doc:"One INSERT, CREATE QUERY, statement set or ALTER QUERY … AS; SET before it, and definitions that the server has in the same words" minLength:"1" maxLength:"1048576"`
	Params   map[string]string `json:"params,omitempty" doc:"Values of :name in the text"`
	Settings map[string]string `json:"settings,omitempty" doc:"SET in effect before the text"`
	Mode     string            `json:"mode,omitempty" enum:"keep,drop,replay" doc:"What becomes of the state. keep: it is kept, or nothing happens. drop: the new version begins with none, where the running one has read to. replay: it is made from history. None: keep, if everything can be kept and what is open stays as it is; otherwise the answer alone"`
	From     string            `json:"from,omitempty" doc:"With replay: since when" maxLength:"100"`
	Mapping  map[string]string `json:"mapping,omitempty" doc:"Pattern variables that are renamed: new names by old ones"`
	DryRun   bool              `json:"dry_run,omitempty" doc:"Answer only"`
	Version  int               `json:"version,omitempty" doc:"The version that it is to replace; if another one runs meanwhile, nothing happens"`

	By string `json:"-"` // who submits it
}

// The modes of a replacement.
const (
	modeKeep   = "keep"
	modeDrop   = "drop"
	modeReplay = "replay"
)

// ReplaceAnswer is what a replacement does, or would do, to the state.
type ReplaceAnswer struct {
	Query      string          `json:"query"`
	Version    int             `json:"version" doc:"Number of the version that runs now"`
	Done       bool            `json:"done" doc:"The text has been replaced"`
	Replaying  bool            `json:"replaying,omitempty" doc:"A shadow reads history, and takes the query's place when it has caught up"`
	Advice     string          `json:"advice" enum:"keep,replay,drop" doc:"What loses least"`
	ReplayFrom string          `json:"replay_from,omitempty" doc:"With the advice to replay: since when the new text needs history"`
	Operators  []engine.Kept   `json:"operators"`
	Reasons    []ReplaceReason `json:"reasons,omitempty" doc:"Why state cannot be kept"`
	Notes      []string        `json:"notes,omitempty" doc:"What changes for what is open"`
	Warnings   []Diagnostic    `json:"warnings,omitempty"`
}

// ReplaceReason is why state cannot be kept, and where in the new text.
type ReplaceReason struct {
	engine.Reason
	Line   int `json:"line,omitempty" doc:"From 1"`
	Column int `json:"column,omitempty" doc:"From 1, in characters"`
}

// replacing is a replacement of which both texts are compiled.
type replacing struct {
	*Replacement
	statement *Statement
	next      Version
	change    engine.Change
	query     *query.Query
	verdict   *engine.Verdict
	answer    *ReplaceAnswer
}

// Replace answers what a new text does to the state of a query, and gives the query
// that text where the answer allows it. It happens or does not, whatever crashes.
func (s *Service) Replace(ctx context.Context, name string, r *Replacement) (*ReplaceAnswer, error) {
	s.changes.Lock()
	defer s.changes.Unlock()
	w, err := s.draw(name, r)
	if err != nil {
		return nil, err
	}
	if r.DryRun || r.Mode == "" && (!w.verdict.Keep || w.verdict.Anew || w.verdict.Fresh) {
		return w.answer, nil
	}
	switch {
	case w.statement.Shadow != nil:
		return nil, conflict("query %q has a shadow: promote it, or drop it first (cepd query unshadow %s)", w.statement.Name, w.statement.Name)
	case r.Mode == modeReplay:
		return s.replay(w)
	case r.Mode == modeKeep && !w.verdict.Keep:
		return nil, w.answer.undone()
	case r.Mode != modeDrop && s.statusOf(w.statement.Name).State == engine.StateRecovering:
		return nil, conflict("%v", engine.ErrRecovering)
	}
	if err := s.act(ctx, w); err != nil {
		return nil, err
	}
	w.answer.Done, w.answer.Version = true, w.next.Number
	return w.answer, nil
}

// replay has a shadow make the state from history, and take the query's place.
func (s *Service) replay(w *replacing) (*ReplaceAnswer, error) {
	from := cmp.Or(w.From, w.answer.ReplayFrom)
	if from == "" {
		return nil, badRequest("say since when history is to be read (from): the new text looks back without end, or nothing is known of the time yet")
	}
	w.next.State = "replayed from " + from
	if _, err := s.startShadow(w.statement.Name, &Shadow{Version: w.next, From: from, Promote: true}); err != nil {
		return nil, err
	}
	w.answer.Replaying, w.answer.ReplayFrom = true, from
	return w.answer, nil
}

// draw compiles both texts and compares them.
func (s *Service) draw(name string, r *Replacement) (*replacing, error) {
	list := s.statements()
	i := find(list, kindQuery, name)
	if i < 0 {
		return nil, notFound("there is no query %q", name)
	}
	st := &list[i]
	if r.Version != 0 && r.Version != st.number() {
		return nil, conflict("the query %q is at version %d, not %d: look at what has changed first", st.Name, st.number(), r.Version)
	}
	w := &replacing{Replacement: r, statement: st, answer: &ReplaceAnswer{Query: st.Name, Version: st.number()}}
	cat, err := s.compileNext(w)
	if err != nil {
		return nil, err
	}
	old, err := recompile(s.definitions(), list, i)
	if err != nil {
		return nil, err
	}
	made, err := s.runner.StateVersion(st.Name)
	if err != nil {
		return nil, err
	}
	w.next.Number = max(st.number(), made) + 1
	w.change = engine.Change{From: revision(&old.queries[0], old.catalog), To: revision(w.query, cat), Version: w.next.Number, Renamed: r.Mapping, Drop: r.Mode == modeDrop}
	if w.verdict, err = s.runner.Compare(&w.change); err != nil {
		return nil, badRequest("%v", err)
	}
	w.tell(s.statusOf(st.Name).Watermark)
	return w, nil
}

func revision(q *query.Query, cat *catalog.Catalog) engine.Revision {
	return engine.Revision{Root: q.Insert, Catalog: WithSettings(cat, q)}
}

// compileNext compiles the new text, under the name of the old.
func (s *Service) compileNext(w *replacing) (*catalog.Catalog, error) {
	script, err := parse.Parse(w.File, w.SQL)
	if err != nil {
		return nil, err
	}
	if script, err = s.without(script, w.SQL); err != nil {
		return nil, err
	}
	cat := s.definitions().Clone()
	cat.Settings = (&Statement{Settings: w.Settings}).settings()
	result, err := query.Compile(cat, script, query.Options{File: w.File, Text: w.SQL, Params: w.Params, ReadFile: s.runner.ReadFile})
	if err != nil {
		return nil, err
	}
	if err := w.take(script, result); err != nil {
		return nil, err
	}
	w.query.Name = w.statement.Name
	w.answer.Warnings = Diagnostics(result.Warnings)
	if err := s.validate(cat, &query.Result{Queries: []query.Query{*w.query}}); err != nil {
		return nil, err
	}
	w.next.Params, w.next.Settings, w.next.By, w.next.Created = w.Params, w.query.Settings, w.By, s.now()
	return cat, nil
}

// without leaves out the definitions that the server has in the same words: the file
// of a query may have its tables.
func (s *Service) without(script *ast.Script, text string) (*ast.Script, error) {
	out := *script
	out.Statements = nil
	for _, st := range script.Statements {
		if a, ok := st.(*ast.AlterTable); ok {
			if err := s.grown(a); err != nil {
				return nil, err
			}
			continue
		}
		kind, name := defined(st)
		if kind == "" {
			out.Statements = append(out.Statements, st)
			continue
		}
		list := s.statements()
		i := find(list, kind, name)
		switch {
		case i < 0:
			return nil, badRequest("the %s %s is new: submit it first, then replace the query", kind, name)
		case list[i].SQL != textOf(text, st) && list[i].Written != textOf(text, st):
			return nil, badRequest("the server has another text of the %s %s: a query is replaced, what it reads and writes stays", kind, name)
		}
	}
	return &out, nil
}

// defined is the kind and name of what a statement defines.
func defined(st ast.Statement) (kind, name string) {
	switch st := st.(type) {
	case *ast.CreateTable:
		return kindTable, nameOf(st.Name)
	case *ast.CreateView:
		return kindView, nameOf(st.Name)
	case *ast.CreateFunction:
		return kindFunction, nameOf(st.Name)
	}
	return "", ""
}

// take finds the one query of a script.
func (w *replacing) take(script *ast.Script, result *query.Result) error {
	for i := range result.Actions {
		a := &result.Actions[i]
		switch st := a.Statement.(type) {
		case *ast.Set:
		case *ast.AlterQuery:
			if a.Plan == nil || !strings.EqualFold(st.Name.Name, w.statement.Name) {
				return badRequest("a replacement of %s has ALTER QUERY %s AS INSERT …, or the INSERT alone", w.statement.Name, w.statement.Name)
			}
			w.query = &query.Query{Insert: a.Plan, Settings: a.Settings, Span: st.Insert.Pos()}
			w.next.SQL = textOf(w.SQL, st.Insert)
		default:
			return badRequest("a replacement is one query: it has no EXPLAIN, SHOW, DESCRIBE or DROP")
		}
	}
	for _, st := range script.Statements {
		switch st.(type) {
		case *ast.Insert, *ast.CreateQuery, *ast.StatementSet:
			w.query, w.next.SQL = &result.Queries[0], textOf(w.SQL, st)
		}
	}
	if n := len(result.Queries); w.query == nil || n > 1 || n == 1 && w.query != &result.Queries[0] || w.query.Print {
		return badRequest("a replacement is one query that writes to a table, the text has %d", n)
	}
	return nil
}

// tell fills the answer.
func (w *replacing) tell(watermark string) {
	a, v := w.answer, w.verdict
	a.Operators, a.Notes = v.Operators, v.Notes
	if a.Operators == nil {
		a.Operators = []engine.Kept{}
	}
	for _, r := range v.Reasons {
		if r.At == (diag.Span{}) {
			r.At = w.query.Span
		}
		line, col := diag.Position(w.SQL, r.At.Start)
		a.Reasons = append(a.Reasons, ReplaceReason{r, line, col})
	}
	a.Advice = modeKeep
	if !v.Keep {
		a.Advice = modeDrop
	}
	if !v.Keep || v.Fresh {
		if at, err := time.Parse(time.RFC3339Nano, watermark); err == nil && v.Reach >= 0 {
			a.Advice, a.ReplayFrom = modeReplay, at.Add(-time.Duration(v.Reach)*time.Microsecond).UTC().Format(time.RFC3339Nano)
		}
	}
	w.next.State = w.became()
}

// became is what the versions tell of the state.
func (w *replacing) became() string {
	switch {
	case w.Mode == modeDrop:
		return "dropped"
	case w.verdict.Anew:
		return "kept, open matches computed anew"
	case w.verdict.Fresh:
		return "kept, new aggregates begin with no rows"
	case len(w.Mapping) > 0:
		var pairs []string
		for _, old := range slices.Sorted(maps.Keys(w.Mapping)) {
			pairs = append(pairs, old+"="+w.Mapping[old])
		}
		return "kept with " + strings.Join(pairs, ", ")
	}
	return "kept"
}

// undone is why nothing has happened, as an error.
func (a *ReplaceAnswer) undone() error {
	lines := []string{"the state cannot be kept as it is, so the query stays as it is: choose a mode (cepd query replace --mode keep, drop or replay)"}
	for _, r := range a.Reasons {
		lines = append(lines, r.String())
	}
	lines = append(lines, a.Notes...)
	p := newProblem(http.StatusConflict, strings.Join(lines, "\n  "))
	for _, r := range a.Reasons {
		p.Diagnostics = append(p.Diagnostics, Diagnostic{Severity: "error", Code: string(diag.StateNotKept), Message: r.Text, Line: r.Line, Column: r.Column, Start: r.At.Start, End: r.At.End, Hint: r.Remedy})
	}
	return p
}

// String is a line for people.
func (r *ReplaceReason) String() string {
	text := r.Text
	if r.Line > 0 {
		text = fmt.Sprintf("%d:%d: %s", r.Line, r.Column, text)
	}
	if r.Remedy != "" {
		text += " (" + r.Remedy + ")"
	}
	return text
}

// act stops the query, changes its state, and starts the new version. What is
// pending is on disk before; the state says afterwards whether it holds.
func (s *Service) act(ctx context.Context, w *replacing) error {
	name, paused := w.statement.Name, w.statement.Paused
	if err := s.edit(name, func(st *Statement) { st.Pending = &w.next }); err != nil {
		return err
	}
	s.starts.forget(name)
	err := s.exchange(ctx, w)
	if err == nil {
		err = s.promote(name)
	} else {
		err = errors.Join(err, s.edit(name, func(st *Statement) { st.Pending = nil }))
	}
	if !paused {
		s.again(name)
	}
	if err != nil {
		return replaceProblem(err)
	}
	s.log.Info("query replaced", "query", name, "version", w.next.Number, "state", w.next.State)
	return s.forgetUnread(w.query)
}

// exchange is the stop of the running version and the commit of the new one.
func (s *Service) exchange(ctx context.Context, w *replacing) error {
	name := w.statement.Name
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	if err := s.runner.Stop(ctx, name); err != nil && w.Mode != modeDrop {
		return err
	}
	if s.dir == "" {
		return s.runner.Drop(name)
	}
	return s.runner.Replace(&w.change)
}

func replaceProblem(err error) error {
	if errors.Is(err, engine.ErrJournal) || errors.Is(err, engine.ErrUndelivered) {
		return conflict("%v", err)
	}
	return err
}

// promote makes the pending version of a query the current one. The query moves to
// the end of the list: its new text may use what was defined since.
func (s *Service) promote(name string) error {
	list := slices.Clone(s.statements())
	return s.keep(promoted(list, find(list, kindQuery, name)))
}

// promoted is the list with statement i at its pending version.
func promoted(list []Statement, i int) []Statement {
	st := list[i]
	st.become(st.Pending)
	return append(slices.Delete(list, i, i+1), st)
}

// again starts a query that was stopped; one that cannot be opened now is tried
// until it can.
func (s *Service) again(name string) {
	list := s.statements()
	i := find(list, kindQuery, name)
	c, err := recompile(s.definitions(), list, i)
	if err == nil {
		err = s.start(c, name)
	}
	if err == nil {
		return
	}
	s.log.Error("query did not start after a change", "query", name, "error", err)
	if c != nil {
		s.starts.begin(&c.queries[0], c.known[0])
	}
}
