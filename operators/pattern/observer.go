package pattern

import (
	"fmt"
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
)

// Observer is a matcher with a tracer per key beside it, for coverage: which
// conditions rows have met and missed, and which steps matches have taken. The
// program must have been compiled with Options.Trace.
type Observer struct {
	*Matcher
	own      *Program
	shard    int
	tracers  map[string]*Tracer
	observed []string // keys of tracers, in the order in which they came
	ctx      operators.Context
	starts   []int16
	states   []State
	first    []int // per state: its first step in the coverage
	coverage operators.Coverage
}

// maxObserved is how many keys are looked at.
const maxObserved = 1000

// NewObserver makes the operator of one shard.
func (p *Program) NewObserver(shard int) *Observer {
	o := &Observer{Matcher: p.NewMatcher(shard).(*Matcher), own: p, shard: shard, tracers: map[string]*Tracer{}}
	for v := range p.vars {
		x := operators.VariableCoverage{Name: p.vars[v].name}
		for i := range p.conjuncts.of[v] {
			x.Conditions = append(x.Conditions, operators.ConditionCoverage{Text: p.conjuncts.of[v][i].text})
		}
		o.coverage.Variables = append(o.coverage.Variables, x)
	}
	o.states = p.Automaton().States
	for i, s := range o.states {
		o.first = append(o.first, len(o.coverage.Steps))
		for _, step := range s.Steps {
			if i == 0 {
				o.starts = append(o.starts, int16(step.Var))
			}
			o.coverage.Steps = append(o.coverage.Steps, operators.StepCoverage{Text: p.stepText(i, &step)})
		}
	}
	return o
}

func (p *Program) stepText(from int, s *Step) string {
	if s.Absent {
		return fmt.Sprintf("%d --no %s--> end", from, p.vars[s.Var].name)
	}
	return fmt.Sprintf("%d --%s--> %d", from, p.vars[s.Var].name, s.To)
}

// Process implements operators.Operator.
func (o *Observer) Process(ctx *operators.Context, b *event.Batch, out operators.Collector) error {
	for n := range b.Live() {
		i := n
		if b.Sel != nil {
			i = int(b.Sel[n])
		}
		o.encodeKey(b, i)
		if t := o.tracer(string(o.keyBuf)); t != nil {
			o.observe(t, b, i)
		}
	}
	return o.Matcher.Process(ctx, b, out)
}

func (o *Observer) tracer(key string) *Tracer {
	t := o.tracers[key]
	if t == nil && len(o.tracers) < maxObserved {
		t = o.own.NewTracer(o.shard, func([]event.Value) bool { return true })
		o.tracers[key] = t
		o.observed = append(o.observed, key)
	}
	return t
}

// observe lets the key's tracer have the row, and tests it as everything that it
// could be.
func (o *Observer) observe(t *Tracer, b *event.Batch, i int) {
	open := t.instances(0)
	one := *b
	one.Sel = []int32{int32(i)}
	rows := t.k.n
	if err := t.Process(&o.ctx, &one, nothingOut{}); err != nil || t.k.n == rows {
		return // the matcher tells of the error
	}
	t.book.look(t.k)
	for _, v := range o.starts {
		o.test(t, nil, rows, v)
	}
	for _, m := range open {
		for _, name := range slices.Concat(m.waits, m.absent) {
			o.test(t, m.steps, rows, t.variable(name))
		}
		o.follow(m.steps)
	}
}

func (o *Observer) test(t *Tracer, steps []step, row int32, v int16) {
	list := t.book.p.conjuncts.test(&t.book.view, steps, int(row), v)
	for i := range list {
		switch c := &o.coverage.Variables[v].Conditions[i]; {
		case list[i].Err != nil:
		case list[i].Holds:
			c.Held++
		default:
			c.Failed++
		}
	}
}

// Advance implements operators.Operator.
func (o *Observer) Advance(ctx *operators.Context, wm event.Time, out operators.Collector) error {
	for _, key := range o.observed {
		if err := o.tracers[key].Advance(&o.ctx, wm, nothingOut{}); err != nil {
			return err
		}
	}
	return o.Matcher.Advance(ctx, wm, out)
}

// Coverage is what the rows so far have shown.
func (o *Observer) Coverage() *operators.Coverage {
	for _, key := range o.observed {
		t := o.tracers[key]
		for i := range t.trace.Matches {
			m := &t.trace.Matches[i]
			var steps []step
			for _, r := range m.Rows {
				v := t.variable(r.Variable)
				steps = append(steps, step{v: v, row: int64(t.index[r.ID])})
				o.coverage.Variables[v].Rows++
			}
			for _, i := range o.follow(steps) {
				o.waited(i)
			}
		}
		t.trace.Matches = nil
	}
	return &o.coverage
}

// waited counts the step of a state that waits for no row: a match ends there.
func (o *Observer) waited(state int) {
	for k, x := range o.states[state].Steps {
		if x.Absent && !o.states[state].Accepts {
			o.coverage.Steps[o.first[state]+k].Taken++
		}
	}
}

// follow counts the steps that rows take through the automaton, all ways they
// may have gone, and gives the states where they end.
func (o *Observer) follow(steps []step) []int {
	live := []int{0}
	for _, s := range steps {
		var next []int
		for _, i := range live {
			for k, x := range o.states[i].Steps {
				if !x.Absent && x.Var == int(s.v) {
					o.coverage.Steps[o.first[i]+k].Taken++
					next = append(next, x.To)
				}
			}
		}
		slices.Sort(next)
		live = slices.Compact(next)
	}
	return live
}

// nothingOut drops rows.
type nothingOut struct{}

func (nothingOut) Emit(*event.Batch) error { return nil }
