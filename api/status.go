package api

import (
	"slices"
	"strings"
	"time"

	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/plan"
)

// Info is a query as listed.
type Info struct {
	Name    string            `json:"name"`
	State   engine.State      `json:"state" enum:"recovering,running,finished,stopped,failed,paused"`
	Version int               `json:"version" doc:"Number of the text, from 1"`
	SQL     string            `json:"sql"`
	Params  map[string]string `json:"params,omitempty"`
	Created time.Time         `json:"created"`
	Error   string            `json:"error,omitempty" doc:"Why it failed"`
	Rule    map[string]string `json:"rule,omitempty" doc:"pack, severity, owner, runbook, tags, where SET 'rule.…' says them"`
}

// Totals are a status in a few numbers.
type Totals struct {
	Events     int64 // rows read since the process started
	Detections uint64
	Lag        int64 // records still to be read; -1: not known
	Late       int64
}

// Sum adds up a status.
func Sum(s *engine.Status) Totals {
	var t Totals
	for _, p := range s.Partitions {
		t.Events += p.Rows
		t.Late += p.Late
		if p.Lag < 0 || t.Lag < 0 {
			t.Lag = -1
		} else {
			t.Lag += p.Lag
		}
	}
	if len(s.Sinks) > 0 {
		t.Detections = s.Sinks[0].Rows
	}
	return t
}

// Queries lists the queries in the order they were accepted.
func (s *Service) Queries() []Info {
	infos := []Info{}
	list := s.statements()
	for i := range list {
		if st := &list[i]; st.Kind == kindQuery {
			infos = append(infos, s.info(st))
		}
	}
	return infos
}

func (s *Service) info(st *Statement) Info {
	status := s.statusOf(st.Name)
	return Info{Name: st.Name, State: status.State, Version: st.number(), SQL: st.SQL, Params: st.Params, Created: st.Created, Error: status.Error, Rule: st.rule()}
}

// rule is what the settings rule.… say of a query; nil: nothing.
func (s *Statement) rule() map[string]string {
	var rule map[string]string
	for key, value := range s.Settings {
		if name, ok := strings.CutPrefix(key, "rule."); ok {
			if rule == nil {
				rule = map[string]string{}
			}
			rule[name] = value
		}
	}
	return rule
}

// Query is one query.
func (s *Service) Query(name string) (Info, error) {
	list := s.statements()
	if i := find(list, kindQuery, name); i >= 0 {
		return s.info(&list[i]), nil
	}
	return Info{}, notFound("there is no query %q", name)
}

// Status is how a query does.
func (s *Service) Status(name string) (engine.Status, error) {
	if status, ok := s.status(name); ok {
		return status, nil
	}
	return engine.Status{}, notFound("there is no query %q", name)
}

func (s *Service) status(name string) (engine.Status, bool) {
	list := s.statements()
	i := find(list, kindQuery, name)
	if i < 0 {
		return engine.Status{}, false
	}
	return s.statusOf(list[i].Name), true
}

// shadowPhase is where the shadow of a query stands; "": there is none.
func (s *Service) shadowPhase(st *Statement) string {
	if st.Shadow == nil {
		return ""
	}
	if x, ok := s.runner.Shadow(st.Name); ok {
		return x.Phase
	}
	return engine.ShadowFailed
}

func (s *Service) statusOf(name string) engine.Status {
	list := s.statements()
	i := find(list, kindQuery, name)
	if i < 0 {
		return engine.Status{Name: name, State: engine.StateStopped}
	}
	if list[i].Paused {
		return engine.Status{Name: name, State: engine.StatePaused, Version: list[i].number(), Rule: list[i].rule(), Hint: "it goes on where it was: cepd query resume " + name}
	}
	status, ok := s.runner.Status(name)
	status = s.starts.state(name, status, ok)
	status.Name, status.Version, status.Rule = name, list[i].number(), list[i].rule()
	status.Shadow = s.shadowPhase(&list[i])
	s.since(&status)
	return status
}

// since tells fields apart that are columns by now, which the query does not know.
func (s *Service) since(status *engine.Status) {
	cat := s.definitions()
	cloned := false
	for i := range status.Sources {
		t, ok := cat.Table(status.Sources[i].Table)
		d := status.Sources[i].Difference
		if !ok || d == nil || t.Grown == 0 {
			continue
		}
		if !cloned { // others may have it too
			status.Sources, cloned = slices.Clone(status.Sources), true
		}
		status.Sources[i].Difference = d.Since(func(field string) bool { k := t.Column(field); return k >= 0 && t.Columns[k].Name == field })
	}
}

// Table is a table as listed.
type Table struct {
	Name      string            `json:"name"`
	Columns   []Column          `json:"columns"`
	Options   map[string]string `json:"options" doc:"WITH options; secrets are masked"`
	Watermark string            `json:"watermark,omitempty" doc:"Column with the event time"`
	Unknown   []UnknownField    `json:"unknown,omitempty" doc:"Of one table: fields that are no column, as the queries that read it have seen"`
	Missing   []string          `json:"missing,omitempty" doc:"Of one table: columns that a query has seen in no record"`
	Added     []string          `json:"added,omitempty" doc:"Statements that gave it columns since it was created"`
	Behind    []string          `json:"behind,omitempty" doc:"Of one table: queries that read it and do not know all of its columns, until they are replaced"`
	Note      string            `json:"note,omitempty" doc:"Of one table: why fields do not become columns"`
}

// UnknownField is a field that is no column.
type UnknownField struct {
	Name string `json:"name"`
	Type string `json:"type,omitempty" doc:"That its values show"`
}

// Column is a column of a table.
type Column struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	NotNull  bool   `json:"not_null,omitempty"`
	Metadata string `json:"metadata,omitempty" doc:"Key of the connector that fills it"`
	Computed bool   `json:"computed,omitempty"`
}

// Tables lists the tables by name.
func (s *Service) Tables() []Table {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []Table{}
	for _, t := range s.catalog.Tables() {
		list = append(list, tableOf(t))
	}
	return list
}

// Table is one table, with what is between its records and its columns.
func (s *Service) Table(name string) (Table, error) {
	t, ok := s.definitions().Table(name)
	if !ok {
		return Table{}, notFound("there is no table %q", name)
	}
	out := tableOf(t)
	for _, src := range s.sourcesOf(t.Name) {
		if src.Difference != nil {
			out.differ(src.Difference)
		}
	}
	out.Behind = s.behind(t)
	out.Note = s.evolution.noteOf(t.Name)
	return out, nil
}

// behind are the queries that read a table and were submitted before its last columns.
func (s *Service) behind(t *catalog.Table) (names []string) {
	list := s.statements()
	last := -1
	for i := range list {
		if isColumns(list[i]) && strings.EqualFold(list[i].Name, t.Name) {
			last = i
		}
	}
	before := slices.Clone(list[:last+1])
	for i := range before {
		before[i].Shadow = nil // of a later text
	}
	c, err := compileList(before)
	if err != nil {
		return nil // it was right when it was accepted
	}
	for i := range c.queries {
		q := &c.queries[i]
		if slices.ContainsFunc(q.All(), func(n *plan.Insert) bool { return reads(n.Input, t.Name) }) {
			names = append(names, q.Name)
		}
	}
	return names
}

// sourcesOf is how the queries that run read a table.
func (s *Service) sourcesOf(table string) (list []engine.SourceStatus) {
	for _, q := range s.Queries() {
		status := s.statusOf(q.Name)
		for i := range status.Sources {
			if strings.EqualFold(status.Sources[i].Table, table) {
				list = append(list, status.Sources[i])
			}
		}
	}
	return list
}

// differ adds what a query has seen.
func (t *Table) differ(d *engine.DifferenceStatus) {
	for _, f := range d.Unknown {
		if !slices.ContainsFunc(t.Unknown, func(u UnknownField) bool { return u.Name == f.Name }) {
			t.Unknown = append(t.Unknown, UnknownField{f.Name, f.Type})
		}
	}
	for _, name := range d.Missing {
		if !slices.Contains(t.Missing, name) {
			t.Missing = append(t.Missing, name)
		}
	}
}

func tableOf(t *catalog.Table) Table {
	out := Table{Name: t.Name, Options: map[string]string{}, Added: t.Added}
	for k, o := range t.Options {
		out.Options[k] = maskSecret(k, o.Value)
	}
	for _, c := range t.Columns {
		out.Columns = append(out.Columns, Column{Name: c.Name, Type: c.Type.String(), NotNull: c.NotNull, Metadata: c.Key, Computed: c.Kind == catalog.Computed})
	}
	if t.Rowtime >= 0 {
		out.Watermark = t.Columns[t.Rowtime].Name
	}
	return out
}
