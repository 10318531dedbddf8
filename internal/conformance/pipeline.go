package conformance

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/build"
	"github.com/cepd/cepd/operators/order"
	"github.com/cepd/cepd/operators/relational"
	"github.com/cepd/cepd/query/plan"
	"github.com/cepd/cepd/state"
)

// Pipeline is the real operators of a query, or a statement set, with one source
// and patterns that read only it, in one shard, driven by hand:
//
//	Step(batch, wm):  scan - filter, project, prepare - order buffer - matcher - project - sink
type Pipeline struct {
	ctx     operators.Context
	read    *plan.Scan
	scan    *relational.Scan
	view    event.Batch           // of the batch at hand
	source  []operators.Collector // the ways of its rows
	keyed   []*keyed
	lenient bool // rows and matches that fail are dropped
}

// keyed is a pattern's stage. It takes prepared rows.
type keyed struct {
	buffer  *order.Buffer
	matcher operators.Stateful
	matches operators.Collector // what follows the pattern
	in      operators.Collector // of the matcher
	wm      event.Time          // of the step
	fed     bool                // in the step
	one     [1]event.Batch
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
	var outputs []build.Output
	for i, n := range root.All() {
		name := o.Pattern.Name
		if i > 0 {
			name = fmt.Sprintf("%s+%d", name, i)
		}
		outputs = append(outputs, build.Output{Name: name, Input: n.Input, Columns: columns})
	}
	g, err := build.Build(outputs, []*event.Schema{root.Schema()}, o)
	if err != nil {
		return nil, err
	}
	if len(g.Sources) != 1 || g.Sources[0].Scan == nil || slices.ContainsFunc(g.Stages, inner) {
		return nil, fmt.Errorf("a query with %d sources and %d patterns", len(g.Sources), len(g.Stages))
	}
	return g, nil
}

// inner says whether another stage takes rows of s.
func inner(s build.Stage) bool {
	return slices.ContainsFunc(s.Branches, func(r build.Branch) bool { return r.To >= 0 })
}

func newPipeline(g *build.Graph, sink operators.Collector, lenient bool) (p *Pipeline, err error) {
	p = &Pipeline{read: g.Sources[0].Scan, lenient: lenient}
	if p.scan, err = g.Sources[0].NewScan(); err != nil {
		return nil, err
	}
	for i := range g.Stages {
		k, err := p.newKeyed(&g.Stages[i], sink)
		if err != nil {
			return nil, err
		}
		p.keyed = append(p.keyed, k)
	}
	for _, r := range g.Sources[0].Branches {
		next := sink
		if r.To >= 0 {
			next = p.keyed[r.To]
		}
		c, err := newChain(&p.ctx, r.Chain, next)
		if err != nil {
			return nil, err
		}
		p.source = append(p.source, c)
	}
	return p, nil
}

func (p *Pipeline) newKeyed(m *build.Stage, sink operators.Collector) (*keyed, error) {
	k := &keyed{buffer: order.New(m.Prepared, m.Order), matcher: m.New(0)}
	var to ways
	for i := range m.Branches {
		c, err := newChain(&p.ctx, m.Branches[i].Chain, sink)
		if err != nil {
			return nil, err
		}
		to = append(to, c)
	}
	k.matches = to
	k.in = &link{ctx: &p.ctx, op: k.matcher, next: k.matches}
	return k, nil
}

// ways is where the rows of an operator go, by its outputs.
type ways []operators.Collector

func (w ways) Emit(b *event.Batch) error { return w[0].Emit(b) }

func (w ways) Output(i int) operators.Collector { return w[i] }

// Read is the scan whose columns Step takes.
func (p *Pipeline) Read() *plan.Scan { return p.read }

// Step takes a batch of the columns that the scan reads (nil: none), then moves
// the watermark.
func (p *Pipeline) Step(b *event.Batch, wm event.Time) error {
	for _, k := range p.keyed {
		k.wm, k.fed = wm, false
	}
	if b != nil {
		if err := p.take(p.scan.Finish(&p.ctx, b)); err != nil {
			return err
		}
	}
	for _, k := range p.keyed {
		if err := k.release(&p.ctx); err != nil {
			return err
		}
	}
	return p.rejected()
}

func (p *Pipeline) take(b *event.Batch) error {
	for _, c := range p.source {
		p.view = *b
		if err := c.Emit(&p.view); err != nil {
			return err
		}
	}
	return nil
}

// Emit hands prepared rows to the order buffer with the watermark of the step.
func (k *keyed) Emit(b *event.Batch) error {
	k.fed, k.one[0] = true, *b
	return k.buffer.Step(k.one[:], k.wm, k.in)
}

func (k *keyed) release(ctx *operators.Context) error {
	if !k.fed {
		if err := k.buffer.Step(nil, k.wm, k.in); err != nil {
			return err
		}
	}
	if err := k.matcher.Advance(ctx, k.wm, k.matches); err != nil {
		return err
	}
	for op, ok := k.matcher.(operators.Lasting); ok && op.Unfinished(); {
		if err := k.matcher.Advance(ctx, k.wm, k.matches); err != nil {
			return err
		}
	}
	return nil
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
func (p *Pipeline) Stateful() bool { return len(p.keyed) > 0 }

// Size is what the patterns hold.
func (p *Pipeline) Size() (buffer, matcher operators.Size) {
	for _, k := range p.keyed {
		buffer, matcher = buffer.Plus(k.buffer.Size()), matcher.Plus(k.matcher.Size())
	}
	return buffer, matcher
}

// bufferRange and matcherRange are where the operators of stage i are in a
// store.
func bufferRange(i int) []byte  { return []byte{'b', byte(i)} }
func matcherRange(i int) []byte { return []byte{'m', byte(i)} }

// Snapshot writes what changed since the last one.
func (p *Pipeline) Snapshot(w state.Writer) error {
	var errs []error
	for i, k := range p.keyed {
		errs = append(errs, k.buffer.Snapshot(&state.Under{Prefix: bufferRange(i), W: w}), k.matcher.Snapshot(&state.Under{Prefix: matcherRange(i), W: w}))
	}
	return errors.Join(errs...)
}

// Spill lets go of all state that the snapshots hold.
func (p *Pipeline) Spill() {
	for _, k := range p.keyed {
		if s, ok := k.matcher.(operators.Spiller); ok {
			s.Spill(0)
		}
	}
}

// Restore reads what the snapshots so far have left. Called before the first
// Step, also when there is nothing yet.
func (p *Pipeline) Restore(r state.Reader) error {
	var errs []error
	for i, k := range p.keyed {
		errs = append(errs, k.buffer.Restore(&state.Under{Prefix: bufferRange(i), R: r}), k.matcher.Restore(&state.Under{Prefix: matcherRange(i), R: r}))
	}
	return errors.Join(errs...)
}

// newChain is operators that feed each other, by the first.
func newChain(ctx *operators.Context, make build.Chain, out operators.Collector) (operators.Collector, error) {
	ops, err := make.New()
	if err != nil {
		return nil, err
	}
	for i := len(ops) - 1; i >= 0; i-- {
		out = &link{ctx: ctx, op: ops[i], next: out}
	}
	return out, nil
}

// link is an operator as the collector of the one before it.
type link struct {
	ctx  *operators.Context
	op   operators.Operator
	next operators.Collector
}

func (l *link) Emit(b *event.Batch) error { return l.op.Process(l.ctx, b, l.next) }
