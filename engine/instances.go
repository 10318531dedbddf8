package engine

import (
	"cmp"
	"container/heap"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/internal/panics"
	"github.com/cepd/cepd/operators"
)

// InstanceFilter chooses open matches. The zero value chooses all.
type InstanceFilter struct {
	Key      string     // "17" or "card=17": the value of a partition column
	WaitsFor string     // a variable
	Before   event.Time // the first row is older; 0: any
	Row      *RowAt     // it has this row; nil: any
	After    string     // Next of the page before
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
}

// InstanceRow is a row of a match. A row that is itself a detection has no
// table, partition and offset.
type InstanceRow struct {
	Variable  string `json:"variable"`
	Time      string `json:"time"`
	Table     string `json:"table,omitempty"`
	Partition *int32 `json:"partition,omitempty"`
	Offset    *int64 `json:"offset,omitempty"`
}

// Instances looks at the open matches of the query.
func (q *Query) Instances(ctx context.Context, f InstanceFilter) (out *Instances, err error) {
	err = q.ask(ctx, func(p *Pipeline) error {
		out, err = p.Instances(f)
		return err
	})
	return out, err
}

// ErrEnded says that a query does not run, ErrFilter that a filter makes no
// sense.
var (
	ErrEnded  = errors.New("it does not run")
	ErrFilter = errors.New("open matches")
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

// Instances looks at the open matches between two steps: twice, once to find
// those of the page and once to describe them.
func (p *Pipeline) Instances(f InstanceFilter) (*Instances, error) {
	page, err := newInstancePage(f)
	if err != nil {
		return nil, err
	}
	if f.Row != nil {
		page.rows = p.rowIDs(*f.Row)
	}
	out := &Instances{}
	p.inspect(func(at place, x *operators.Instance) bool {
		if !page.wants(at, x) {
			return true
		}
		out.Total++
		page.offer(instanceAt{x.Since, x.ID, at.stage.index})
		return out.Total < maxVisited
	}, &out.Partial)
	chosen := page.sorted()
	out.Instances = make([]Instance, len(chosen))
	left := len(chosen)
	p.inspect(func(at place, x *operators.Instance) bool {
		if i, ok := slices.BinarySearchFunc(chosen, instanceAt{x.Since, x.ID, at.stage.index}, instanceAt.compare); ok && out.Instances[i].ID == "" {
			at.inspector.Measure(x)
			out.Instances[i] = p.describe(at, x)
			left--
		}
		return left > 0
	}, new(bool))
	if n := len(chosen); n > 0 && page.more {
		out.Next = chosen[n-1].String()
	}
	return out, nil
}

// place is whose open matches are visited.
type place struct {
	stage     *stage
	inspector operators.Inspector
}

// inspect visits the open matches of all stages until visit says no, which cut
// then tells.
func (p *Pipeline) inspect(visit func(at place, x *operators.Instance) bool, cut *bool) {
	for _, s := range p.stages {
		for _, h := range s.shards {
			in, ok := h.op.(operators.Inspector)
			if !ok || *cut {
				continue
			}
			at := place{s, in}
			in.Inspect(func(x *operators.Instance) bool {
				*cut = !visit(at, x)
				return !*cut
			})
		}
	}
}

// instanceAt orders open matches.
type instanceAt struct {
	since event.Time
	id    uint64
	stage int
}

func (a instanceAt) compare(b instanceAt) int {
	return cmp.Or(cmp.Compare(a.since, b.since), cmp.Compare(a.id, b.id), cmp.Compare(a.stage, b.stage))
}

func (a instanceAt) String() string { return fmt.Sprintf("%d-%016x-%d", a.since, a.id, a.stage) }

func parseInstanceAt(s string) (a instanceAt, err error) {
	if _, err = fmt.Sscanf(s, "%d-%x-%d", &a.since, &a.id, &a.stage); err != nil || a.String() != s {
		return a, fmt.Errorf("%w: after=%q: want the next of an earlier page", ErrFilter, s)
	}
	return a, nil
}

// instancePage collects the first of the open matches that are wanted.
type instancePage struct {
	filter InstanceFilter
	column string // of the key; empty: any
	value  string
	rows   []event.ID // with filter.Row: what it is here
	after  *instanceAt
	list   []instanceAt // a heap, the last on top
	more   bool
}

func newInstancePage(f InstanceFilter) (*instancePage, error) {
	if f.Limit == 0 {
		f.Limit = DefaultInstances
	}
	if f.Limit < 0 || f.Limit > MaxInstances {
		return nil, fmt.Errorf("%w: limit=%d: want 1 to %d", ErrFilter, f.Limit, MaxInstances)
	}
	p := &instancePage{filter: f, value: f.Key}
	if column, value, ok := strings.Cut(f.Key, "="); ok {
		p.column, p.value = column, value
	}
	if f.After != "" {
		after, err := parseInstanceAt(f.After)
		if err != nil {
			return nil, err
		}
		p.after = &after
	}
	return p, nil
}

// wants says whether the filter chooses an open match.
func (p *instancePage) wants(at place, x *operators.Instance) bool {
	f := &p.filter
	if f.WaitsFor != "" && !slices.ContainsFunc(x.Waits, func(v string) bool { return strings.EqualFold(v, f.WaitsFor) }) {
		return false
	}
	if f.Before != 0 && x.Since >= f.Before {
		return false
	}
	if f.Row != nil && !p.has(x) {
		return false
	}
	return f.Key == "" || p.ofKey(at.inspector.KeyFields(), x.Key)
}

// has says whether an open match has the row of the filter.
func (p *instancePage) has(x *operators.Instance) bool {
	return slices.ContainsFunc(x.Rows, func(r operators.BoundRow) bool {
		return slices.ContainsFunc(p.rows, func(id event.ID) bool { return sameRow(r.ID, id) })
	})
}

func (p *instancePage) ofKey(fields []event.Field, key []event.Value) bool {
	for i, v := range key {
		if p.column != "" && !strings.EqualFold(p.column, fields[i].Name) {
			continue
		}
		if !v.Null && function.Text(fields[i].Type, v, time.UTC) == p.value {
			return true
		}
	}
	return false
}

// offer takes an open match if it is among the first behind after.
func (p *instancePage) offer(x instanceAt) {
	switch {
	case p.after != nil && x.compare(*p.after) <= 0:
	case len(p.list) < p.filter.Limit:
		heap.Push(p, x)
	default:
		p.more = true
		if x.compare(p.list[0]) < 0 {
			p.list[0] = x
			heap.Fix(p, 0)
		}
	}
}

func (p *instancePage) sorted() []instanceAt {
	slices.SortFunc(p.list, instanceAt.compare)
	return p.list
}

// Len, Less, Swap, Push and Pop are for the heap.
func (p *instancePage) Len() int           { return len(p.list) }
func (p *instancePage) Less(i, j int) bool { return p.list[i].compare(p.list[j]) > 0 }
func (p *instancePage) Swap(i, j int)      { p.list[i], p.list[j] = p.list[j], p.list[i] }
func (p *instancePage) Push(x any)         { p.list = append(p.list, x.(instanceAt)) }
func (p *instancePage) Pop() any {
	n := len(p.list) - 1
	x := p.list[n]
	p.list = p.list[:n]
	return x
}

// describe writes an open match out.
func (p *Pipeline) describe(at place, x *operators.Instance) Instance {
	out := Instance{
		ID: strconv.FormatUint(x.ID, 16), Stage: at.stage.index, Pattern: x.Pattern, Since: showTime(x.Since), Expires: showTime(x.Expires), Rows: []InstanceRow{},
		WaitsFor: slices.Clone(x.Waits), NoneOf: slices.Clone(x.Absent), Complete: x.Complete,
		Key: values(at.inspector.KeyFields(), x.Key), Measures: values(x.Out, x.Measures),
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
