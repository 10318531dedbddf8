package engine

import (
	"cmp"
	"container/heap"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/operators"
)

// instanceAt orders open matches.
type instanceAt struct {
	since event.Time
	id    uint64
	stage int
	shard int    // number of the place
	name  []byte // of the key
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
	rows   []event.ID // with filter.Row: what it is in the query
	after  *instanceAt
	least  int          // of a comparison with after
	list   []instanceAt // a heap, the last on top
	more   bool
	out    *Instances
	each   func(at place, x *operators.Instance) bool // in place of the page; nil: it is wanted
}

func newInstancePage(f InstanceFilter) (*instancePage, error) {
	if f.Limit == 0 {
		f.Limit = DefaultInstances
	}
	if f.Limit < 0 || f.Limit > MaxInstances {
		return nil, fmt.Errorf("%w: limit=%d: want 1 to %d", ErrFilter, f.Limit, MaxInstances)
	}
	p := &instancePage{filter: f, value: f.Key, out: &Instances{}}
	if column, value, ok := strings.Cut(f.Key, "="); ok {
		p.column, p.value = column, value
	}
	if f.After != "" {
		after, err := parseInstanceAt(f.After)
		if err != nil {
			return nil, err
		}
		p.after, p.least = &after, 1
		if f.Again {
			p.least = 0
		}
	}
	return p, nil
}

// wants says whether the filter chooses an open match of a key that it chooses.
func (p *instancePage) wants(x *operators.Instance) bool {
	f := &p.filter
	if f.WaitsFor != "" && !slices.ContainsFunc(x.Waits, func(v string) bool { return strings.EqualFold(v, f.WaitsFor) }) {
		return false
	}
	if n := len(x.Rows); f.Reached != "" && (n == 0 || !strings.EqualFold(x.Rows[n-1].Variable, f.Reached)) {
		return false
	}
	return (f.Before == 0 || x.Since < f.Before) && (f.Row == nil || p.has(x))
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

// visit counts an open match, and takes it if it may be of the page. It says
// whether to go on.
func (p *instancePage) visit(at place, x *operators.Instance) bool {
	switch {
	case p.each != nil:
		return p.each(at, x)
	case !p.wants(x):
		return true
	}
	p.out.Total++
	p.offer(instanceAt{x.Since, x.ID, at.stage.index, at.number, x.Name})
	return true
}

// offer takes an open match if it is among the first behind after.
func (p *instancePage) offer(x instanceAt) {
	switch {
	case p.after != nil && x.compare(*p.after) < p.least:
	case len(p.list) < p.filter.Limit:
		x.name = slices.Clone(x.name)
		heap.Push(p, x)
	default:
		p.more = true
		if x.compare(p.list[0]) < 0 {
			x.name = append(p.list[0].name[:0], x.name...)
			p.list[0] = x
			heap.Fix(p, 0)
		}
	}
}

// sorted are those of the page. One whose key changed its place in between may
// have been visited twice.
func (p *instancePage) sorted() []instanceAt {
	slices.SortFunc(p.list, instanceAt.compare)
	p.list = slices.CompactFunc(p.list, func(a, b instanceAt) bool { return a.compare(b) == 0 })
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
