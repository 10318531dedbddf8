package window

import (
	"fmt"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/aggregate"
	"github.com/cepd/cepd/operators/group"
	"github.com/cepd/cepd/query/plan"
)

// Options of a Program.
type Options struct {
	Name            string // of the query and stage, for the identity of results
	ContinueOnError bool   // results that fail are rejected, instead of failing the query
	Aggregate       aggregate.Options
	// Portion is how many groups a call of Advance reports at most: what a step makes
	// is held until the sinks have it. 0: DefaultPortion.
	Portion int
	// Spill: HOP and CUMULATE rather need no memory than be as fast as can be.
	Spill bool
}

// DefaultPortion is how many groups a shard reports in a step.
const DefaultPortion = 1 << 13

// Program is a compiled Aggregate, shared by its shards.
type Program struct {
	plan  *plan.Aggregate
	opts  Options
	in    *event.Schema
	calls []aggregate.Call
	codec *group.Codec
	grid  grid
	phase phase
	seed  uint64
}

// Compile prepares an Aggregate.
func Compile(n *plan.Aggregate, o Options) (*Program, error) {
	in := n.Input.Schema()
	o.Aggregate.Retract = plan.ChangelogOf(n.Input) != plan.AppendOnly
	p := &Program{plan: n, opts: o, in: in, seed: xxh3.HashString(o.Name)}
	if len(n.Keys) > group.MaxKeys || len(n.Sets) > group.MaxSets {
		return nil, fmt.Errorf("%d keys in %d grouping sets: at most %d and %d", len(n.Keys), len(n.Sets), group.MaxKeys, group.MaxSets)
	}
	for i := range n.Calls {
		p.calls = append(p.calls, call(&n.Calls[i], n.Out.Fields[len(n.Keys)+plan.OutCalls+i].Type, in))
	}
	p.codec = newCodec(n, in)
	p.grid = newGrid(&n.Window)
	return p, nil
}

func newCodec(n *plan.Aggregate, in *event.Schema) *group.Codec {
	types := make([]event.Type, len(n.Keys))
	for i, c := range n.Keys {
		types[i] = in.Fields[c].Type
	}
	return group.NewCodec(n.Keys, types, membership(n.Sets, len(n.Keys)))
}

func call(c *plan.AggCall, result event.Type, in *event.Schema) aggregate.Call {
	out := aggregate.Call{Fn: c.Fn, Args: c.Args, Filter: c.Filter, Distinct: c.Distinct, Params: c.Params, Result: result}
	for _, k := range c.OrderBy {
		out.OrderBy = append(out.OrderBy, aggregate.Key{Column: k.Column, Type: in.Fields[k.Column].Type, Desc: k.Desc, NullsFirst: k.NullsFirst})
	}
	return out
}

// membership is, by grouping set, whether it has each key.
func membership(sets [][]int, keys int) [][]bool {
	has := make([][]bool, len(sets))
	for i, set := range sets {
		has[i] = make([]bool, keys)
		for _, k := range set {
			has[i][k] = true
		}
	}
	return has
}

// Prepared is the schema of the input.
func (p *Program) Prepared() *event.Schema { return p.in }

// Key is the columns that rows are divided by: those that all grouping sets have.
func (p *Program) Key() []int {
	var key []int
	for k, c := range p.plan.Keys {
		all := true
		for _, has := range p.codec.Sets {
			all = all && has[k]
		}
		if all {
			key = append(key, c)
		}
	}
	return key
}

// Proctime says whether windows are of the processing time.
func (p *Program) Proctime() bool { return p.plan.Window.Proctime }

// Ordered says whether rows must come in the order of time.
func (p *Program) Ordered() bool {
	for i := range p.calls {
		if p.calls[i].Ordered() {
			return true
		}
	}
	return false
}

// Deadline is the watermark from which on a row of time t is late: when the
// first window that it belongs to has been reported. Nil: t itself.
func (p *Program) Deadline() func(t event.Time) event.Time {
	if k := p.plan.Window.Kind; k == plan.Session || k == plan.Attached || p.phase == global {
		return nil
	}
	g := p.grid
	return func(t event.Time) event.Time { return g.firstEnd(g.paneEnd(t)) - 1 }
}

// New makes the operator of one shard.
func (p *Program) New(int) operators.Stateful {
	if p.plan.Window.Kind == plan.Session {
		return newSessions(p)
	}
	return newAligned(p)
}

// Explain says how the program works.
func (p *Program) Explain() string {
	var b strings.Builder
	fmt.Fprintf(&b, "windows: %s\n", p.grid.describe())
	if p.phase == local {
		b.WriteString("first of two phases: the states of groups go on\n")
		return b.String()
	}
	order := "as they come"
	if p.Ordered() {
		order = "in the order of time"
	}
	fmt.Fprintf(&b, "rows: %s\n", order)
	if len(p.Key()) == 0 && len(p.plan.Keys) > 0 {
		b.WriteString("one shard: no key is in every grouping set\n")
	}
	for i := range p.calls {
		how := "merged"
		switch {
		case p.gathers():
			how = "put together of panes, which can be let go of"
		case p.plan.Window.Kind == plan.Hop && p.calls[i].Invertible():
			how = "added and taken out"
		case p.plan.Window.Kind == plan.Hop:
			how = "two stacks"
		case p.plan.Window.Kind == plan.Tumble, p.plan.Window.Kind == plan.Attached:
			how = "one state a group"
		}
		fmt.Fprintf(&b, "%s: %s\n", p.plan.Out.Fields[len(p.plan.Keys)+plan.OutCalls+i].Name, how)
	}
	return b.String()
}
