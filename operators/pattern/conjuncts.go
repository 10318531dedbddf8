package pattern

import (
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/kernel"
	"github.com/cepd/cepd/query/plan"
)

// conjuncts is DEFINE once more, each conjunct of it by itself: what a trace
// tests to say which of them failed. They have registers of their own and decide
// nothing.
type conjuncts struct {
	frame frame
	of    [][]conjunct // per variable
}

// conjunct is one condition of a variable, and what it reads.
type conjunct struct {
	text   string
	test   *residual
	leaves []leaf
}

// leaf is a value that a conjunct reads.
type leaf struct {
	text string
	typ  event.Type
	slot int
}

// testable compiles the conjuncts.
func (c *compiler) testable() error {
	t := &conjuncts{of: make([][]conjunct, len(c.p.vars))}
	for v, d := range c.p.match.Vars {
		if d.Define == nil {
			continue
		}
		for _, e := range plan.Conjuncts(d.Define) {
			x, err := c.conjunct(&t.frame, v, e)
			if err != nil {
				return err
			}
			t.of[v] = append(t.of[v], x)
		}
	}
	t.frame.feed(len(c.p.vars))
	c.p.conjuncts = t
	return nil
}

func (c *compiler) conjunct(f *frame, v int, e expr.Expr) (x conjunct, err error) {
	x = conjunct{text: c.p.match.ExprString(e), test: &residual{text: e}}
	bound, err := c.bindFrame(f, e, v, func(s int) {
		if !slices.Contains(x.test.slots, s) {
			x.test.slots = append(x.test.slots, s)
		}
	})
	if err != nil {
		return x, err
	}
	if x.test.cond, err = kernel.CompileScalar(bound); err != nil {
		return x, err
	}
	expr.Walk(e, func(n expr.Expr) bool {
		if _, ok := c.slotOf(&frame{}, n, v); !ok {
			return err == nil
		}
		_, err = c.bindFrame(f, n, v, func(s int) {
			if !slices.ContainsFunc(x.leaves, func(l leaf) bool { return l.slot == s }) {
				x.leaves = append(x.leaves, leaf{c.p.match.ExprString(n), n.Type(), s})
			}
		})
		return false
	})
	return x, err
}

// test says how row does as variable v behind the steps of a partial match.
func (c *conjuncts) test(w *view, steps []step, row int, v int16) (out []operators.Conjunct) {
	f := &c.frame
	ints, vals := make([]int64, f.ints), make([]event.Value, f.vals)
	f.init(ints, vals)
	w.classes = append(slices.Clone(steps), step{v: v, row: int64(row)})
	var failed error
	for _, s := range w.classes {
		if err := f.apply(w, ints, vals, int(s.row), s.v); err != nil {
			failed = err
		}
	}
	for i := range c.of[v] {
		x := &c.of[v][i]
		o := operators.Conjunct{Text: x.text}
		for _, l := range x.leaves {
			value, err := w.read(f, &f.slots[l.slot], ints, vals, row, v)
			if err == nil {
				o.Values = append(o.Values, operators.NamedValue{Name: l.text, Type: l.typ, Value: cloneValue(value)})
			}
		}
		ok, err := w.holds(f, f.slots, x.test, ints, vals, row, v)
		if err == nil {
			err = failed
		}
		o.Holds, o.Err = ok && err == nil, err
		out = append(out, o)
	}
	return out
}
