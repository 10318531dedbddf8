package build

import (
	"fmt"
	"math"
	"time"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/join"
	"github.com/cepd/cepd/operators/lookup"
	"github.com/cepd/cepd/operators/order"
	"github.com/cepd/cepd/operators/over"
	"github.com/cepd/cepd/operators/pattern"
	"github.com/cepd/cepd/operators/relational"
	"github.com/cepd/cepd/operators/window"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/plan"
)

// Graph is a query's stages.
type Graph struct {
	Sources []Source
	Stages  []Stage         // each after those that feed it
	Sinks   []*event.Schema // of their rows
}

// A To is an index into Stages, or that of a sink below zero.
const toSink = -1

// ToSink is the To of what goes to sink i.
func ToSink(i int) int { return toSink - i }

// SinkOf is the sink that a To names.
func SinkOf(to int) (sink int, ok bool) { return toSink - to, to <= toSink }

// Source is a stage fed by a connector, read once for all that need it. One
// unit per partition.
type Source struct {
	Scan     *plan.Scan   // nil: Values
	Values   *plan.Values // nil: Scan
	NewScan  func() (*relational.Scan, error)
	Branches []Branch
	Files    *Files // nil: rows of any file may be taken
}

// Branch is where rows of a source or a stage go.
type Branch struct {
	Output int // index into the outputs of Build
	Chain  Chain
	To     int
	// Static: the rows have no time and come before all that have; the stage
	// takes no others until the source has ended.
	Static bool
	// Versions: the rows are versions of a table that others are joined with.
	Versions bool
}

// try makes the operators once.
func (r *Branch) try() error {
	_, err := r.Chain.New()
	return err
}

// KindWindow is the Kind of a stage of windows.
const KindWindow = "window"

// Stage is a keyed stage: an order buffer, a stateful operator, stateless
// operators. One unit per shard.
type Stage struct {
	Kind     string        // for EXPLAIN: Match …
	Nodes    []plan.Node   // what it carries out: one, or the patterns that run together
	Prepared *event.Schema // of its input
	Key      []int         // columns of Prepared; empty: one shard
	Order    []order.Key
	Spread   bool // rows are divided by their source's partition, whatever Key
	Proctime bool // rows get the processing time as their time
	// Unordered: rows go to the operator as they come, without waiting for the
	// watermark.
	Unordered bool
	// Deadline is the watermark from which on a row of time t is late; nil: t.
	Deadline func(t event.Time) event.Time
	New      func(shard int) operators.Stateful
	Explain  func() string
	Pattern  *pattern.Program // of a match alone; nil otherwise
	Window   *window.Program  // of windows of groups; nil otherwise
	Over     *over.Program    // of aggregates with OVER; nil otherwise
	Join     *join.Program    // of a join of streams; nil otherwise
	Members  []Member         // patterns that run together
	Lookup   *lookup.Program  // of a table that is asked; nil otherwise
	Branches []Branch         // by the outputs of the operator, which has one or is told of several (operators.Outputs)
}

// Member is a pattern that runs together with others.
type Member struct {
	Name  string
	Alone func() (*pattern.Program, error) // by itself, to be explained
}

// Chain makes the operators of a unit, in order of the rows' way.
type Chain []func() (operators.Operator, error)

// New makes the operators.
func (c Chain) New() ([]operators.Operator, error) {
	ops := make([]operators.Operator, len(c))
	for i, make := range c {
		op, err := make()
		if err != nil {
			return nil, err
		}
		ops[i] = op
	}
	return ops, nil
}

// Options of a build.
type Options struct {
	Zone    *time.Location // of the session; nil is UTC
	Pattern pattern.Options
	// TTL is after how long OVER forgets an idle key, where no frame says; µs, 0:
	// never.
	TTL int64
	// MaxSuppressed is how many keys a shard of SUPPRESS holds; 0: the default.
	MaxSuppressed int
	// MaxJoinRows is how many rows a shard of a join holds; 0: the default.
	MaxJoinRows int
	// Portion is how many groups of a window a shard reports in a step; 0: the default.
	Portion int
	// Spill: the query has a budget of its own and a store to let state go to.
	Spill bool
	// Lookup says how a table is asked; nil: none can be.
	Lookup func(*catalog.Table) (lookup.Options, error)
	// ToldByFiles says whether a column of a table has one value in all rows of a
	// file, which is known before it is opened; nil: none has.
	ToldByFiles func(*catalog.Table, plan.ReadColumn) bool
}

// Output is rows for a sink.
type Output struct {
	Name    string // part of its detections' IDs
	Input   plan.Node
	Columns []int // of Input, one per column of the sink; -1: NULL
	Sink    int   // index into Graph.Sinks
}

// Build makes the graph of a query with one or more outputs. Operators are
// compiled once here, so that what cannot run is refused before anything
// starts.
func Build(outputs []Output, sinks []*event.Schema, o Options) (*Graph, error) {
	b := &builder{options: o, graph: &Graph{Sinks: sinks}}
	b.findGroups(outputs)
	for i, out := range outputs {
		b.output, b.patterns, b.named, b.options.Pattern.Name = i, 0, 0, out.Name
		b.columns = out.Columns
		schema := sinks[out.Sink]
		arrange := func() (operators.Operator, error) { return relational.NewArrange(out.Columns, schema), nil }
		if err := b.node(out.Input, Chain{arrange}, ToSink(out.Sink)); err != nil {
			return nil, err
		}
	}
	if err := b.together(); err != nil {
		return nil, err
	}
	b.share()
	for i := range b.graph.Sources {
		b.graph.marks(&b.graph.Sources[i])
	}
	return b.graph, b.try()
}

type builder struct {
	options  Options
	graph    *Graph
	output   int // at hand
	patterns int // of the output so far
	named    int // stages of the output that have a name of their own
	groups   []*group
	grouped  map[*plan.Match]*joined
	apart    map[*plan.Match]string // why a pattern runs alone, where there are several
	joined   []*joined              // in the order in which they came up
	above    []plan.Node            // of the node at hand, up to the sink …
	columns  []int                  // … and what that gets
}

// branch is the one way of the output at hand.
func (b *builder) branch(above Chain, to int) []Branch {
	return []Branch{{Output: b.output, Chain: above, To: to}}
}

// node builds n; above are the operators between it and the stage to.
func (b *builder) node(n plan.Node, above Chain, to int) error {
	b.above = append(b.above, n)
	defer func() { b.above = b.above[:len(b.above)-1] }()
	switch n := n.(type) {
	case *plan.Filter:
		return b.node(n.Input, push(above, func() (operators.Operator, error) {
			return relational.NewFilter(n.Cond, b.options.Zone)
		}), to)
	case *plan.Project:
		return b.node(n.Input, push(above, func() (operators.Operator, error) {
			return relational.NewProject(n.Exprs, n.Out, b.options.Zone)
		}), to)
	case *plan.Union:
		for _, in := range n.In {
			if err := b.node(in, above, to); err != nil {
				return err
			}
		}
		return nil
	case *plan.Match:
		return b.match(n, above, to)
	case *plan.Aggregate:
		return b.aggregate(n, above, to)
	case *phase:
		return b.firstPhase(n, above, to)
	case *plan.TopN:
		return b.topN(n, above, to)
	case *plan.Over:
		return b.over(n, above, to)
	case *plan.Suppress:
		return b.suppress(n, above, to)
	case *plan.Join:
		return b.join(n, above, to)
	case *plan.Unnest:
		return b.unnest(n, above, to)
	case *plan.Normalize:
		return b.normalize(n, above, to)
	case *plan.Scan:
		b.graph.Sources = append(b.graph.Sources, Source{Scan: n, Branches: b.branch(above, to), Files: b.files(n)})
		return nil
	case *plan.Values:
		b.graph.Sources = append(b.graph.Sources, Source{Values: n, Branches: b.branch(above, to)})
		return nil
	}
	return fmt.Errorf("no operator for %T", n)
}

func push(above Chain, op func() (operators.Operator, error)) Chain {
	return append(Chain{op}, above...)
}

// match builds the stage of a pattern.
func (b *builder) match(n *plan.Match, above Chain, to int) error {
	o := b.options.Pattern
	if b.patterns++; b.patterns > 1 { // their detections may be of the same rows
		o.Name = fmt.Sprintf("%s#%d", o.Name, b.patterns)
	}
	_, last := SinkOf(to)
	o.Ordered = !last
	if j := b.grouped[n]; j != nil {
		b.meet(j, o, above, to)
		return nil
	}
	return b.alone(n, o, above, to)
}

// alone builds the stage of a pattern that runs by itself.
func (b *builder) alone(n *plan.Match, o pattern.Options, above Chain, to int) error {
	program, err := pattern.Compile(n, o)
	if err != nil {
		return err
	}
	m := Stage{
		Kind:     "match",
		Nodes:    []plan.Node{n},
		Prepared: program.Prepared(),
		Key:      program.Key(),
		Proctime: n.Proctime,
		New:      program.NewMatcher,
		Explain:  func() string { return program.Explain() + b.apart[n] },
		Pattern:  program,
		Branches: b.branch(above, to),
	}
	if n.Consume == plan.ConsumeAny {
		m.Key = nil // a match of one key uses up the rows of all
	}
	for _, k := range program.Order() {
		m.Order = append(m.Order, order.Key(k))
	}
	prepare := func() (operators.Operator, error) { return program.NewPrepare(), nil }
	return b.stage(m, n.Input, Chain{prepare})
}

// stage adds a keyed stage and what feeds it: below are the operators between
// its input and it.
func (b *builder) stage(s Stage, input plan.Node, below Chain) error {
	return b.fed(s, func(to int) error { return b.node(input, below, to) })
}

// fed adds a keyed stage. Its inputs are built first, so that they come before
// it among the stages, and learn afterwards where they lead.
func (b *builder) fed(s Stage, inputs func(to int) error) error {
	sources, stages, joined := len(b.graph.Sources), len(b.graph.Stages), len(b.joined)
	const pending = math.MaxInt
	if err := inputs(pending); err != nil {
		return err
	}
	if len(s.Nodes) == 0 {
		s.Nodes = []plan.Node{b.above[len(b.above)-1]}
	}
	self := len(b.graph.Stages)
	for i := range b.graph.Sources[sources:] {
		if s := &b.graph.Sources[sources+i].Branches[0]; s.To == pending {
			s.To = self
		}
	}
	for i := range b.graph.Stages[stages:] {
		if s := &b.graph.Stages[stages+i].Branches[0]; s.To == pending {
			s.To = self
		}
	}
	for _, j := range b.joined[joined:] {
		if j.branch.To == pending {
			j.branch.To = self
		}
	}
	b.graph.Stages = append(b.graph.Stages, s)
	return nil
}

// try makes each operator once and checks what only operators know.
func (b *builder) try() error {
	for i := range b.graph.Sources {
		s := &b.graph.Sources[i]
		if s.NewScan != nil {
			if _, err := s.NewScan(); err != nil {
				return err
			}
		}
		for i := range s.Branches {
			if err := s.Branches[i].try(); err != nil {
				return err
			}
		}
	}
	for i := range b.graph.Stages {
		m := &b.graph.Stages[i]
		for i := range m.Branches {
			if err := m.Branches[i].try(); err != nil {
				return err
			}
		}
	}
	return nil
}
