package pattern

import (
	"fmt"
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/operators/kernel"
	"github.com/cepd/cepd/query/plan"
)

func (c *compiler) variables() error {
	c.collect()
	for v, d := range c.p.match.Vars {
		c.p.vars = append(c.p.vars, variable{name: d.Name, label: event.StringValue(d.Name)})
		if d.Define == nil {
			continue
		}
		if err := c.classify(v, plan.Conjuncts(d.Define)); err != nil {
			return fmt.Errorf("DEFINE %s: %w", d.Name, err)
		}
	}
	for i := range c.p.vars { // contextual bits follow the local ones
		v := &c.p.vars[i]
		v.mask = v.local | v.ctx<<len(c.p.local)
	}
	return nil
}

func conjunction(list []expr.Expr) expr.Expr {
	if len(list) == 1 {
		return list[0]
	}
	return &expr.And{Base: expr.Base{T: event.TBool, Span: list[0].Pos()}, Args: list}
}

// local makes bits of v's conjuncts on the row alone: one of all together, and one
// of each that other variables have too, which is then evaluated once. One that
// may fail is not evaluated where another is false: then they stay together.
func (c *compiler) local(v int, list []expr.Expr) {
	var own []expr.Expr
	for _, e := range list {
		if bound := c.bindLocal(v, e); c.common(bound) && every(list, total) {
			c.p.vars[v].local |= c.localBit(bound)
		} else {
			own = append(own, e)
		}
	}
	if len(own) > 0 {
		c.p.vars[v].local |= c.localBit(c.bindLocal(v, conjunction(own)))
	}
}

func every(list []expr.Expr, f func(expr.Expr) bool) bool {
	return !slices.ContainsFunc(list, func(e expr.Expr) bool { return !f(e) })
}

// maxAtoms limits the conjuncts that get bits of their own.
const maxAtoms = 40

// common says whether a conjunct on the row alone is one of several variables.
func (c *compiler) common(bound expr.Expr) bool {
	n := 0
	for _, a := range c.atoms {
		if expr.Equal(a, bound) {
			n++
		}
	}
	return n > 1
}

// collect lists the conjuncts on the row alone of all variables; none when they
// are too many.
func (c *compiler) collect() {
	distinct := 0
	for v, d := range c.p.match.Vars {
		if d.Define == nil {
			continue
		}
		for _, e := range plan.Conjuncts(d.Define) {
			if c.class(v, e) != local {
				continue
			}
			bound := c.bindLocal(v, e)
			if !slices.ContainsFunc(c.atoms, func(a expr.Expr) bool { return expr.Equal(a, bound) }) {
				distinct++
			}
			c.atoms = append(c.atoms, bound)
		}
	}
	if distinct > maxAtoms {
		c.atoms = nil
	}
}

type conditionClass uint8

const (
	local conditionClass = iota
	contextual
	historical
)

// classify splits a condition by what its conjuncts read. A conjunct that may
// fail is not evaluated before one that stands to its left.
func (c *compiler) classify(v int, list []expr.Expr) error {
	var parts [3][]expr.Expr
	for _, e := range list {
		k := c.class(v, e)
		if k < historical && !total(e) {
			for later := k + 1; later <= historical; later++ {
				if len(parts[later]) > 0 {
					k = later
				}
			}
		}
		parts[k] = append(parts[k], e)
	}
	c.local(v, parts[local])
	if len(parts[contextual]) > 0 {
		if err := c.contextBit(v, conjunction(parts[contextual])); err != nil {
			return err
		}
	}
	if len(parts[historical]) > 0 {
		return c.residual(v, conjunction(parts[historical]))
	}
	return nil
}

// total says whether e cannot fail.
func total(e expr.Expr) bool {
	ok := true
	expr.Walk(e, func(x expr.Expr) bool {
		switch x := x.(type) {
		case *expr.Arith:
			ok = ok && x.T.Float() && x.Op != expr.Div && x.Op != expr.Mod
		case *expr.Cast:
			ok = ok && x.Try
		case *expr.Call, *expr.Neg, *expr.Element:
			ok = false
		}
		return ok
	})
	return ok
}

func (c *compiler) class(v int, e expr.Expr) conditionClass {
	k := local
	expr.Walk(e, func(x expr.Expr) bool {
		switch x := x.(type) {
		case *expr.Nav:
			k = max(k, navClass(v, x))
			return false
		case *expr.Agg, *expr.MatchNumber:
			k = historical
		}
		return k != historical
	})
	return k
}

func navClass(v int, n *expr.Nav) conditionClass {
	if !ofCurrent(v, n) || mentions[*expr.MatchNumber](n.X) {
		return historical
	}
	switch {
	case n.Physical == 0:
		return local
	case mentions[*expr.Classifier](n.X):
		return historical
	}
	return contextual
}

// ofCurrent says whether, in the definition of v, n starts from the row being
// tested, which is the last row of v and of every set that has v.
func ofCurrent(v int, n *expr.Nav) bool { return !n.First && n.Offset == 0 && n.Vars.Has(v) }

func mentions[T expr.Expr](e expr.Expr) bool {
	found := false
	expr.Walk(e, func(x expr.Expr) bool {
		_, ok := x.(T)
		found = found || ok
		return !found
	})
	return found
}

// bindLocal replaces the navigations of a local condition by what they read of
// the current row.
func (c *compiler) bindLocal(v int, e expr.Expr) expr.Expr {
	return expr.Rewrite(e, func(x expr.Expr) expr.Expr {
		switch x := x.(type) {
		case *expr.Nav:
			return x.X
		case *expr.Classifier:
			return &expr.Const{Base: x.Base, Value: c.p.vars[v].label}
		}
		return x
	})
}

func (c *compiler) localBit(e expr.Expr) uint64 {
	for i := range c.p.local {
		if expr.Equal(c.p.local[i].cond, e) {
			return 1 << i
		}
	}
	c.p.local = append(c.p.local, condition{cond: e})
	return 1 << (len(c.p.local) - 1)
}

func (c *compiler) contextBit(v int, e expr.Expr) error {
	r := &residual{text: e}
	slots := &c.p.define.context
	bound := expr.Rewrite(e, func(x expr.Expr) expr.Expr {
		switch x := x.(type) {
		case *expr.Nav:
			c.reach(x.Physical)
			*slots = append(*slots, slot{kind: slotCurrent, physical: x.Physical, typ: x.T, from: c.operand(x.X)})
			r.slots = append(r.slots, len(*slots)-1)
			return &expr.Column{Base: x.Base, Index: len(*slots) - 1}
		case *expr.Classifier:
			return &expr.Const{Base: x.Base, Value: c.p.vars[v].label}
		}
		return x
	})
	var err error
	if r.cond, err = kernel.CompileScalar(bound); err != nil {
		return err
	}
	c.p.vars[v].ctx |= 1 << len(c.p.context)
	c.p.context = append(c.p.context, condition{cond: e, needs: c.p.vars[v].local, eval: r})
	return nil
}

// reach notes how far from the current row conditions read.
func (c *compiler) reach(physical int) {
	c.p.history = max(c.p.history, -physical)
	c.p.ahead = max(c.p.ahead, physical)
}

func (c *compiler) residual(v int, e expr.Expr) error {
	r := &residual{text: e}
	used := map[int]bool{}
	bound, err := c.bindFrame(&c.p.define, e, v, func(s int) { used[s] = true })
	if err != nil {
		return err
	}
	for s := range c.p.define.slots {
		if used[s] {
			r.slots = append(r.slots, s)
			c.reach(c.p.define.slots[s].physical)
		}
	}
	if r.cond, err = kernel.CompileScalar(bound); err != nil {
		return err
	}
	c.p.vars[v].hist = r
	if c.p.match.Edges {
		c.p.vars[v].equal, err = c.equality(v, plan.Conjuncts(e), plan.Conjuncts(bound))
	}
	return err
}
