package over

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/aggregate"
	"github.com/cepd/cepd/operators/group"
	"github.com/cepd/cepd/query/plan"
)

// Options of a Program.
type Options struct {
	ContinueOnError bool  // rows whose result fails are rejected, instead of failing the query
	MaxRows         int   // that a key keeps; 0: no limit
	TTL             int64 // µs without rows after which a key is forgotten, where no frame says; 0: never
	Aggregate       aggregate.Options
}

// Program is a compiled Over, shared by its shards.
type Program struct {
	plan   *plan.Over
	opts   Options
	in     *event.Schema
	codec  *group.Codec
	frames []frame
	calls  []aggregate.Call
	kinds  []aggregate.Call // the distinct calls of bounded frames: kept rows have a state of each
	kindOf []int            // of each call; -1: it needs none
	ranges bool             // some frame is RANGE: rows of one time are answered together
	keeps  bool             // some frame is bounded: rows are kept
	stacks bool             // some frame is two stacks
	ttl    int64            // µs without rows after which nothing of a key is needed; 0: never
}

// frame is one frame and the calls over it.
type frame struct {
	plan.Frame
	calls   []int // of the plan
	counts  []int // places in calls of COUNT(*)
	merged  []int // … of the others
	stacked []int // places in calls of those that are two stacks
	inverse []int // … that take rows out
}

// Compile prepares an Over.
func Compile(n *plan.Over, o Options) (*Program, error) {
	in := n.Input.Schema()
	p := &Program{plan: n, opts: o, in: in}
	if len(n.PartitionBy) > group.MaxKeys {
		return nil, fmt.Errorf("OVER is partitioned by %d columns, more than %d", len(n.PartitionBy), group.MaxKeys)
	}
	types, all := make([]event.Type, len(n.PartitionBy)), make([]bool, len(n.PartitionBy))
	for i, c := range n.PartitionBy {
		types[i], all[i] = in.Fields[c].Type, true
	}
	p.codec = group.NewCodec(n.PartitionBy, types, [][]bool{all})
	for _, f := range n.Frames {
		p.frames = append(p.frames, frame{Frame: f})
	}
	for i := range n.Calls {
		p.call(i)
	}
	p.retention()
	return p, nil
}

// call puts a call into its frame, and finds its kind.
func (p *Program) call(i int) {
	c := &p.plan.Calls[i]
	call := aggregate.Call{Fn: c.Fn, Args: c.Args, Filter: c.Filter, Distinct: c.Distinct, Params: c.Params,
		Result: p.plan.Out.Fields[len(p.in.Fields)+i].Type}
	for _, k := range c.OrderBy {
		call.OrderBy = append(call.OrderBy, aggregate.Key{Column: k.Column, Type: p.in.Fields[k.Column].Type, Desc: k.Desc, NullsFirst: k.NullsFirst})
	}
	f := &p.frames[c.Frame]
	at := len(f.calls)
	p.calls, f.calls = append(p.calls, call), append(f.calls, i)
	if f.Preceding == plan.Unbounded || call.CountsAll() {
		p.kindOf = append(p.kindOf, -1)
		if f.Preceding != plan.Unbounded {
			f.counts = append(f.counts, at)
		}
		return
	}
	kind := slices.IndexFunc(p.kinds, func(k aggregate.Call) bool { return k.Same(&call) })
	if kind < 0 {
		kind = len(p.kinds)
		p.kinds = append(p.kinds, call)
	}
	p.kindOf = append(p.kindOf, kind)
	f.merged = append(f.merged, at)
	switch {
	case call.Invertible():
		f.inverse = append(f.inverse, at)
	default:
		f.stacked, p.stacks = append(f.stacked, at), true
	}
}

// retention settles how long anything of a key is needed.
func (p *Program) retention() {
	endless := false
	for _, f := range p.frames {
		p.ranges = p.ranges || !f.Rows
		p.keeps = p.keeps || f.Preceding != plan.Unbounded
		if f.Rows || f.Preceding == plan.Unbounded {
			endless = true
			continue
		}
		p.ttl = max(p.ttl, f.Preceding+1)
	}
	switch {
	case endless && p.opts.TTL == 0:
		p.ttl = 0
	case endless:
		p.ttl = max(p.ttl, p.opts.TTL)
	}
}

// Prepared is the schema of the input.
func (p *Program) Prepared() *event.Schema { return p.in }

// Key is the columns that rows are divided by.
func (p *Program) Key() []int { return p.plan.PartitionBy }

// New makes the operator of one shard.
func (p *Program) New(int) operators.Stateful { return newOver(p) }

// Explain says how the program works.
func (p *Program) Explain() string {
	var b strings.Builder
	for i := range p.frames {
		f := &p.frames[i]
		for k, c := range f.calls {
			how := "running"
			if slices.Contains(f.stacked, k) {
				how = "two stacks"
			} else if slices.Contains(f.inverse, k) || slices.Contains(f.counts, k) {
				how = "added and taken out"
			}
			fmt.Fprintf(&b, "%s: %s\n", p.plan.Out.Fields[len(p.in.Fields)+c].Name, how)
		}
	}
	if p.keeps {
		fmt.Fprintf(&b, "kept of a row: time, and a state of each of %d aggregates\n", len(p.kinds))
	}
	return b.String()
}
