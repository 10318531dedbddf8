package pattern

import (
	"errors"
	"slices"

	"github.com/cepd/cepd/internal/constraint"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/plan"
)

// trial runs the pattern on rows that say themselves which variables they
// could be: each definition is a BOOLEAN column. All else is the clause's own,
// and so is the matcher.
type trial struct {
	program *Program
	truths  [][]bool // per variable, and last for a row of none: what a row meant as it could be
	columns []int    // per variable: its column; -1: any row
}

// trialRow is a row meant as one of a variable; len(vars) is one of none.
type trialRow struct {
	of int
	at event.Time
}

// outcome is a match of a trial.
type outcome struct {
	first event.Time
	vars  []string
}

const (
	trialStart   = event.Time(1_000_000) // time of the first row
	trialMatches = 1000                  // more are not looked at
)

var errManyMatches = errors.New("more matches than are looked at")

func (p *Program) newTrial() (*trial, error) {
	m := *p.match
	t := &trial{}
	schema := &event.Schema{Fields: []event.Field{{Name: "at", Type: event.TTimestamp}}}
	m.Vars = slices.Clone(p.match.Vars)
	for v := range m.Vars {
		t.columns = append(t.columns, -1)
		if m.Vars[v].Define == nil {
			continue
		}
		t.columns[v] = len(schema.Fields)
		m.Vars[v].Define = &expr.Column{Base: expr.Base{T: event.TBool}, Index: len(schema.Fields), Name: m.Vars[v].Name}
		schema.Fields = append(schema.Fields, event.Field{Name: m.Vars[v].Name, Type: event.TBool})
	}
	m.Input = &plan.Values{Out: schema}
	m.PartitionBy, m.OrderBy, m.Proctime = nil, []plan.OrderKey{{Column: 0}}, false
	m.Rows, m.Skip, m.SkipTo, m.Timeouts = ast.OneRow, ast.SkipToNext, nil, false
	m.WithinOf, m.Selection = nil, plan.Selection{}
	if m.Edges {
		m.Skip = ast.NoSkip
	}
	t.measures(&m)
	t.truths = truths(p.match)
	var err error
	t.program, err = Compile(&m, Options{Name: "trial", MaxRows: 1000, MaxThreads: 1000})
	return t, err
}

// measures asks for the time of the first row and the variables of all.
func (t *trial) measures(m *plan.Match) {
	list, _ := function.Aggregate("ARRAY_AGG")
	label := expr.Base{T: event.TString}
	m.Measures = []plan.Measure{
		{Name: "first", Expr: &expr.Nav{Base: expr.Base{T: event.TTimestamp}, First: true, Final: true, X: &expr.Column{Base: expr.Base{T: event.TTimestamp}, Name: "at"}}},
		{Name: "vars", Expr: &expr.Agg{Base: expr.Base{T: event.Type{Kind: event.Array, Elem: &event.TString}}, Fn: list, Final: true,
			Args: []expr.Expr{&expr.Classifier{Base: label}}}},
	}
	m.Out = &event.Schema{Rowtime: -1}
	for _, x := range m.Measures {
		m.Out.Fields = append(m.Out.Fields, event.Field{Name: x.Name, Type: x.Expr.Type()})
	}
}

// truths says of a row that is meant as one variable, or as none, which
// variables it could be: as few as the conditions allow, as far as that is known.
func truths(m *plan.Match) [][]bool {
	list := make([][]bool, len(m.Vars)+1)
	for v := range list {
		row := make([]bool, len(m.Vars))
		var known []constraint.Assumption
		for u := range m.Vars {
			row[u] = v < len(m.Vars) && m.Implies(v, u) || m.Vars[u].Define == nil
			if row[u] {
				known = assume(known, m, u, constraint.True)
			}
		}
		for u := range m.Vars {
			if row[u] {
				continue
			}
			if other := assume(known, m, u, constraint.NotTrue); constraint.Possible(other...) {
				known = other
			} else {
				row[u] = true
				known = assume(known, m, u, constraint.True)
			}
		}
		if constraint.Possible(known...) {
			list[v] = row
		}
	}
	return list
}

// assume adds what is said of a variable's condition, if the row decides it.
func assume(list []constraint.Assumption, m *plan.Match, v int, is constraint.Truth) []constraint.Assumption {
	c := m.Condition(v)
	if c == nil || !plan.OnRow(c) {
		return list
	}
	return append(slices.Clip(list), constraint.Assumption{Cond: c, Is: is})
}

// possible says whether there are rows meant as v.
func (t *trial) possible(v int) bool { return t.truths[v] != nil }

// run matches the rows as one whole partition.
func (t *trial) run(rows []trialRow) ([]outcome, error) {
	in := event.NewBatch(t.program.match.Input.Schema())
	for i, r := range rows {
		in.Cols[0].Append(event.IntValue(r.at))
		for v, c := range t.columns {
			if c >= 0 {
				in.Cols[c].Append(event.BoolValue(t.truths[r.of][v]))
			}
		}
		in.Time = append(in.Time, r.at)
		in.ID = append(in.ID, event.ID{Lo: uint64(i)})
		in.N++
	}
	var found outcomes
	ctx := &operators.Context{}
	matcher := t.program.NewMatcher(0)
	prepared := handOn(func(b *event.Batch) error { return matcher.Process(ctx, b, &found) })
	if err := t.program.NewPrepare().Process(ctx, in, prepared); err != nil {
		return nil, err
	}
	err := matcher.Advance(ctx, event.MaxTime, &found)
	return found.list, err
}

// handOn hands a batch on.
type handOn func(*event.Batch) error

func (f handOn) Emit(b *event.Batch) error { return f(b) }

// outcomes collects matches.
type outcomes struct{ list []outcome }

func (o *outcomes) Emit(b *event.Batch) error {
	for _, i := range b.LiveRows() {
		if len(o.list) == trialMatches {
			return errManyMatches
		}
		m := outcome{first: b.Cols[0].Value(int(i)).I}
		for _, v := range b.Cols[1].Value(int(i)).L {
			m.vars = append(m.vars, string(v.S))
		}
		o.list = append(o.list, m)
	}
	return nil
}
