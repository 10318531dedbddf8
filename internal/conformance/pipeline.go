package conformance

import (
	"errors"
	"fmt"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/build"
	"github.com/cepd/cepd/operators/order"
	"github.com/cepd/cepd/operators/relational"
	"github.com/cepd/cepd/query/plan"
	"github.com/cepd/cepd/state"
)

// Pipeline is the real operators of a query with one source and at most one
// pattern, in one shard, driven by hand:
//
//	Step(batch, wm):  scan - filter, project, prepare - order buffer - matcher - project - sink
type Pipeline struct {
	ctx     operators.Context
	scan    *relational.Scan
	source  *chain
	buffer  *order.Buffer       // nil: no pattern
	matcher operators.Stateful  // nil: no pattern
	matches *chain              // above the pattern
	in      operators.Collector // of the matcher
	step    stepCollector
	lenient bool // rows and matches that fail are dropped
}

// NewPipeline makes the operators of a plan; results go to sink.
func NewPipeline(root *plan.Insert, sink operators.Collector) (*Pipeline, error) {
	g, err := newGraph(root, build.Options{})
	if err != nil {
		return nil, err
	}
	return newPipeline(g, sink, false)
}

// newGraph is what several pipelines of one plan are made from.
func newGraph(root *plan.Insert, o build.Options) (*build.Graph, error) {
	columns := make([]int, len(root.Schema().Fields))
	for i := range columns {
		columns[i] = i
	}
	out := build.Output{Name: o.Pattern.Name, Input: root.Input, Columns: columns}
	g, err := build.Build([]build.Output{out}, []*event.Schema{root.Schema()}, o)
	if err != nil {
		return nil, err
	}
	if len(g.Sources) != 1 || len(g.Stages) > 1 || g.Sources[0].Scan == nil || len(g.Sources[0].Branches) > 1 {
		return nil, fmt.Errorf("a query with %d sources and %d patterns", len(g.Sources), len(g.Stages))
	}
	return g, nil
}

func newPipeline(g *build.Graph, sink operators.Collector, lenient bool) (p *Pipeline, err error) {
	p = &Pipeline{lenient: lenient}
	if p.scan, err = g.Sources[0].NewScan(); err != nil {
		return nil, err
	}
	next := sink
	if len(g.Stages) == 1 {
		if err := p.pattern(&g.Stages[0], sink); err != nil {
			return nil, err
		}
		next = &p.step
	}
	p.source, err = newChain(&p.ctx, g.Sources[0].Branches[0].Chain, next)
	return p, err
}

func (p *Pipeline) pattern(m *build.Stage, sink operators.Collector) (err error) {
	p.buffer = order.New(m.Prepared, m.Order)
	p.matcher = m.New(0)
	p.matches, err = newChain(&p.ctx, m.Chain, sink)
	if err == nil {
		p.in = &link{ctx: &p.ctx, op: p.matcher, next: p.matches.head}
		p.step.p = p
	}
	return err
}

// Step takes a batch of the columns that the scan reads (nil: none), then moves
// the watermark.
func (p *Pipeline) Step(b *event.Batch, wm event.Time) error {
	p.step.wm, p.step.fed = wm, false
	if b != nil {
		if err := p.source.head.Emit(p.scan.Finish(&p.ctx, b)); err != nil {
			return err
		}
	}
	if p.matcher != nil {
		if err := p.release(wm); err != nil {
			return err
		}
	}
	return p.rejected()
}

func (p *Pipeline) release(wm event.Time) error {
	if !p.step.fed {
		if err := p.buffer.Step(nil, wm, p.in); err != nil {
			return err
		}
	}
	return p.matcher.Advance(&p.ctx, wm, p.matches.head)
}

// rejected makes an error of the first row that was dropped.
func (p *Pipeline) rejected() error {
	if p.lenient {
		p.ctx.Rejects = nil
	}
	if len(p.ctx.Rejects) == 0 {
		return nil
	}
	return errors.New(p.ctx.Rejects[0].Reason)
}

// Stateful says whether there is a pattern.
func (p *Pipeline) Stateful() bool { return p.matcher != nil }

// Size is what the pattern holds.
func (p *Pipeline) Size() (buffer, matcher operators.Size) {
	return p.buffer.Size(), p.matcher.Size()
}

// The ranges of the two stateful operators in a store.
var bufferRange, matcherRange = []byte{'b'}, []byte{'m'}

// Snapshot writes what changed since the last one.
func (p *Pipeline) Snapshot(w state.Writer) error {
	if p.matcher == nil {
		return nil
	}
	return errors.Join(p.buffer.Snapshot(&state.Under{Prefix: bufferRange, W: w}), p.matcher.Snapshot(&state.Under{Prefix: matcherRange, W: w}))
}

// Spill lets go of all state that the snapshots hold.
func (p *Pipeline) Spill() {
	if s, ok := p.matcher.(operators.Spiller); ok {
		s.Spill(0)
	}
}

// Restore reads what the snapshots so far have left. Called before the first
// Step, also when there is nothing yet.
func (p *Pipeline) Restore(r state.Reader) error {
	if p.matcher == nil {
		return nil
	}
	return errors.Join(p.buffer.Restore(&state.Under{Prefix: bufferRange, R: r}), p.matcher.Restore(&state.Under{Prefix: matcherRange, R: r}))
}

// stepCollector hands prepared rows to the order buffer with the watermark of
// the step.
type stepCollector struct {
	p   *Pipeline
	wm  event.Time
	fed bool
	one [1]event.Batch
}

func (c *stepCollector) Emit(b *event.Batch) error {
	c.fed, c.one[0] = true, *b
	return c.p.buffer.Step(c.one[:], c.wm, c.p.in)
}

// chain is operators that feed each other.
type chain struct{ head operators.Collector }

func newChain(ctx *operators.Context, make build.Chain, out operators.Collector) (*chain, error) {
	ops, err := make.New()
	if err != nil {
		return nil, err
	}
	for i := len(ops) - 1; i >= 0; i-- {
		out = &link{ctx: ctx, op: ops[i], next: out}
	}
	return &chain{out}, nil
}

// link is an operator as the collector of the one before it.
type link struct {
	ctx  *operators.Context
	op   operators.Operator
	next operators.Collector
}

func (l *link) Emit(b *event.Batch) error { return l.op.Process(l.ctx, b, l.next) }
