package engine

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/internal/panics"
	"github.com/cepd/cepd/operators"
)

// InstanceFilter chooses open matches. The zero value chooses all.
type InstanceFilter struct {
	Key      string     // "17" or "card=17": the value of a partition column
	WaitsFor string     // a variable
	Reached  string     // the variable of the last row
	Before   event.Time // the first row is older; 0: any
	Row      *RowAt     // it has this row; nil: any
	After    string     // Next of the page before
	Again    bool       // what is at that place itself is wanted too
	Limit    int        // at most so many; 0: DefaultInstances
}

// The limits of a look at open matches. It stops the query meanwhile.
const (
	DefaultInstances = 100
	MaxInstances     = 1000
	maxVisited       = 1_000_000
)

// Instances is a page of open matches, the oldest first.
type Instances struct {
	Instances []Instance `json:"instances"`
	Total     int        `json:"total" doc:"Open matches that the filter chooses"`
	Partial   bool       `json:"partial,omitempty" doc:"There are more than a million open matches: the others were not looked at"`
	Cut       int        `json:"cut_keys,omitempty" doc:"Keys with more than 10,000 open matches, of which the others were not looked at"`
	Next      string     `json:"next,omitempty" doc:"The after of the next page"`
}

// Instance is a match that has begun and is not decided.
type Instance struct {
	ID       string                     `json:"id"`
	Stage    int                        `json:"stage"`
	Pattern  string                     `json:"pattern,omitempty" doc:"Name of the insert, of several whose patterns run together"`
	Key      map[string]json.RawMessage `json:"key" doc:"Values of PARTITION BY"`
	Since    string                     `json:"since" doc:"Time of its first row"`
	Expires  string                     `json:"expires,omitempty" doc:"When time decides it"`
	Rows     []InstanceRow              `json:"rows"`
	WaitsFor []string                   `json:"waits_for,omitempty" doc:"Variables of which a row may be next"`
	NoneOf   []string                   `json:"none_of,omitempty" doc:"Variables of which no row may come"`
	Complete bool                       `json:"complete,omitempty" doc:"It is a match already: it may grow, or waits for others that began earlier"`
	Measures map[string]json.RawMessage `json:"measures" doc:"The output columns as of now"`

	at instanceAt
}

// Compare is the order of lists: the oldest first.
func (x *Instance) Compare(y *Instance) int { return x.at.compare(y.at) }

// Place is where the match stands in that order, as an After.
func (x *Instance) Place() string { return x.at.String() }

// InstanceRow is a row of a match. A row that is itself a detection has no
// table, partition and offset.
type InstanceRow struct {
	Variable  string `json:"variable"`
	Time      string `json:"time"`
	Table     string `json:"table,omitempty"`
	Partition *int32 `json:"partition,omitempty"`
	Offset    *int64 `json:"offset,omitempty"`
}

// Instances looks at the open matches of the query, portion by portion: rows are
// read in between. So of more than a portion the page is not of one moment.
func (q *Query) Instances(ctx context.Context, f InstanceFilter) (*Instances, error) {
	survey, err := newSurvey(f)
	if err != nil {
		return nil, err
	}
	for more := true; more; {
		err := q.ask(ctx, func(p *Pipeline) error {
			more = survey.portion(p, portionMatches)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	err = q.ask(ctx, func(p *Pipeline) error { survey.describe(p); return nil })
	return survey.page.out, err
}

// ErrEnded says that a query does not run, ErrFilter that a filter makes no
// sense.
var (
	ErrEnded  = errors.New("it does not run")
	ErrFilter = errors.New("open matches")
	// ErrBusy says that a query cannot do it now, but will be able to.
	ErrBusy = errors.New("not now")
)

// ask lets the run loop call f between two steps.
func (q *Query) ask(ctx context.Context, f func(p *Pipeline) error) error {
	answer := make(chan error, 1)
	asked := func() {
		var err error
		defer func() { answer <- err }()
		defer panics.Recover(&err)
		err = f(q.p)
	}
	select {
	case q.asks <- asked:
	case <-q.done:
		return ErrEnded
	case <-ctx.Done():
		return ctx.Err()
	}
	return <-answer
}

// Instances looks at the open matches between two steps.
func (p *Pipeline) Instances(f InstanceFilter) (*Instances, error) {
	survey, err := newSurvey(f)
	if err != nil {
		return nil, err
	}
	for survey.portion(p, maxVisited) {
	}
	survey.describe(p)
	return survey.page.out, nil
}

// survey is a look at the open matches of a pipeline, on its way.
type survey struct {
	page    *instancePage
	shard   int // the next one, over all stages
	at      operators.Look
	visited int
}

// portionMatches is about how many open matches are looked at before the stream
// goes on: some milliseconds.
const portionMatches = 2000

func newSurvey(f InstanceFilter) (*survey, error) {
	page, err := newInstancePage(f)
	return &survey{page: page}, err
}

// portion looks at the next open matches, about so many, and says whether there
// are more.
func (l *survey) portion(p *Pipeline, matches int) bool {
	before, shards := l.visited, p.inspected()
	if row := l.page.filter.Row; row != nil {
		l.page.rows = p.rowIDs(*row)
	}
	for ; l.shard < len(shards); l.shard, l.at = l.shard+1, (operators.Look{}) {
		at := shards[l.shard]
		if l.page.filter.Key != "" {
			l.at.Keys = func(key []event.Value) bool { return l.page.ofKey(at.inspector.KeyFields(), key) }
		}
		at.inspector.Inspect(&l.at, matches-(l.visited-before), func(x *operators.Instance) bool {
			l.visited++
			return l.page.visit(at, x) && l.visited < maxVisited
		})
		switch {
		case l.visited >= maxVisited:
			l.page.out.Partial = true
			return false
		case !l.at.Done:
			return true
		}
		l.page.out.Cut += l.at.Cut
	}
	return false
}

// describe writes out the open matches of the page that are open still.
func (l *survey) describe(p *Pipeline) {
	shards := p.inspected()
	out := l.page.out
	out.Instances = []Instance{}
	chosen := l.page.sorted()
	for _, c := range chosen {
		at := shards[c.shard]
		at.inspector.InspectKey(c.name, func(x *operators.Instance) bool {
			if x.ID != c.id {
				return true
			}
			at.inspector.Measure(x)
			out.Instances = append(out.Instances, p.describe(at, x))
			return false
		})
	}
	if n := len(chosen); n > 0 && l.page.more {
		out.Next = chosen[n-1].String()
	}
}

// inspected are the shards whose open matches can be looked at.
func (p *Pipeline) inspected() (list []place) {
	for _, s := range p.stages {
		for _, h := range s.shards {
			if in, ok := h.op.(operators.Inspector); ok {
				list = append(list, place{s, h.index, len(list), in})
			}
		}
	}
	return list
}

// place is whose open matches are visited.
type place struct {
	stage     *stage
	shard     int // of the stage
	number    int // of all that can be looked at
	inspector operators.Inspector
}

// inspect visits the open matches of all stages until visit says no, which cut
// then tells.
func (p *Pipeline) inspect(visit func(at place, x *operators.Instance) bool, cut *bool) {
	for _, at := range p.inspected() {
		if *cut {
			return
		}
		at.inspector.Inspect(&operators.Look{}, math.MaxInt, func(x *operators.Instance) bool {
			*cut = !visit(at, x)
			return !*cut
		})
	}
}

// describe writes an open match out.
func (p *Pipeline) describe(at place, x *operators.Instance) Instance {
	out := Instance{
		ID: strconv.FormatUint(x.ID, 16), Stage: at.stage.index, Pattern: x.Pattern, Since: showTime(x.Since), Expires: showTime(x.Expires), Rows: []InstanceRow{},
		WaitsFor: slices.Clone(x.Waits), NoneOf: slices.Clone(x.Absent), Complete: x.Complete,
		Key: values(at.inspector.KeyFields(), x.Key), Measures: values(x.Out, x.Measures),
		at: instanceAt{since: x.Since, id: x.ID, stage: at.stage.index},
	}
	for _, r := range x.Rows {
		row := InstanceRow{Variable: r.Variable, Time: showTime(r.Time)}
		if table, partition, offset, ok := p.origin(r.ID); ok {
			row.Table, row.Partition, row.Offset = table, &partition, &offset
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

// values are the columns as JSON.
func values(fields []event.Field, list []event.Value) map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	for i, v := range list {
		out[fields[i].Name] = function.JSON(fields[i].Type, v)
	}
	return out
}
