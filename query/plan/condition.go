package plan

import (
	"slices"

	"github.com/cepd/cepd/internal/constraint"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

// Condition is what a row must fulfil to become one of variable v: its
// definition with plain columns in place of what reads the row being tested,
// which counts as the last row of v and of every set that has v. Nil: any row.
func (n *Match) Condition(v int) expr.Expr {
	if n.Vars[v].Define == nil {
		return nil
	}
	return expr.Rewrite(n.Vars[v].Define, func(e expr.Expr) expr.Expr {
		nav, ok := e.(*expr.Nav)
		if !ok || nav.First || nav.Offset > 0 || !nav.Vars.Has(v) {
			return e
		}
		x := expr.Rewrite(nav.X, func(e expr.Expr) expr.Expr {
			if _, ok := e.(*expr.Classifier); ok && nav.Physical == 0 {
				return &expr.Const{Base: expr.Base{T: event.TString, Span: nav.Span}, Value: event.StringValue(n.Vars[v].Name)}
			}
			return e
		})
		if nav.Physical == 0 {
			return at(x, nav)
		}
		near := *nav
		near.Vars = nil
		return &near
	})
}

// at is the column x with the place of the navigation around it.
func at(x expr.Expr, nav *expr.Nav) expr.Expr {
	if c, ok := x.(*expr.Column); ok {
		moved := *c
		moved.Span = nav.Span
		return &moved
	}
	return x
}

// Conjuncts are the operands of AND in e, or e itself.
func Conjuncts(e expr.Expr) []expr.Expr {
	and, ok := e.(*expr.And)
	if !ok {
		return []expr.Expr{e}
	}
	var list []expr.Expr
	for _, x := range and.Args {
		list = append(list, Conjuncts(x)...)
	}
	return list
}

// Implies says whether it is certain that a row which becomes one of v could
// become one of u at the same place of a match.
func (n *Match) Implies(v, u int) bool {
	if v == u || n.Vars[u].Define == nil {
		return true
	}
	if n.Vars[v].Define == nil {
		return false
	}
	a, b := n.Condition(v), n.Condition(u)
	return n.independent(a, v, u) && n.independent(b, v, u) && constraint.Implies(a, b)
}

// independent says whether a condition reads the same whether the row at hand
// counts as one of v or of u.
func (n *Match) independent(e expr.Expr, v, u int) bool {
	read := make([]bool, len(n.Vars))
	Distinguished(e, read)
	return !read[v] && !read[u]
}

// Distinguished marks the variables of which a condition reads which rows they
// have: by name, or, all of them, by CLASSIFIER().
func Distinguished(e expr.Expr, read []bool) {
	expr.Walk(e, func(x expr.Expr) bool {
		var set expr.VarSet
		switch x := x.(type) {
		case *expr.Nav:
			set = x.Vars
		case *expr.Agg:
			set = x.Vars
		case *expr.Classifier:
			for v := range read {
				read[v] = true
			}
		}
		for _, v := range set {
			read[v] = true
		}
		return true
	})
}

// OnRow says whether a condition is decided by the row being tested and its
// neighbours, whatever the match has so far.
func OnRow(e expr.Expr) bool {
	ok := true
	expr.Walk(e, func(x expr.Expr) bool {
		switch x := x.(type) {
		case *expr.Nav:
			ok = ok && x.Vars == nil && !x.First && x.Offset == 0 && x.Physical != 0
			return false
		case *expr.Agg, *expr.MatchNumber, *expr.Classifier:
			ok = false
		}
		return ok
	})
	return ok
}

// Preceding lists per variable those that may have rows in the match when a
// row is tested for it, ascending; itself only when it repeats.
func (n *Match) Preceding() [][]int {
	p := preceding{before: make([][]int, len(n.Vars))}
	p.walk(n.Pattern, nil)
	for v := range p.before {
		slices.Sort(p.before[v])
		p.before[v] = slices.Compact(p.before[v])
	}
	return p.before
}

type preceding struct{ before [][]int }

// walk enters what precedes the variables of p and returns those it binds.
func (c *preceding) walk(p Pattern, before []int) []int {
	switch p := p.(type) {
	case PatVar:
		c.before[p.Var] = append(c.before[p.Var], before...)
		return []int{p.Var}
	case PatNot:
		c.before[p.Var] = append(c.before[p.Var], before...)
	case PatConcat:
		return c.sequence(p.Items, before)
	case PatAlt:
		var bound []int
		for _, a := range p.Alts {
			bound = append(bound, c.walk(a, before)...)
		}
		return bound
	case PatPermute:
		for range 2 { // each item may stand before each other
			before = append(slices.Clip(before), c.sequence(p.Items, before)...)
		}
		return before
	case PatExclude:
		return c.walk(p.Item, before)
	case PatEdge:
		return c.walk(p.Item, before)
	case PatWithin:
		return c.walk(p.Item, before)
	case PatQuant:
		return c.quantified(p, before)
	}
	return nil
}

func (c *preceding) sequence(items []Pattern, before []int) []int {
	var bound []int
	for _, item := range items {
		bound = append(bound, c.walk(item, append(slices.Clip(before), bound...))...)
	}
	return bound
}

func (c *preceding) quantified(p PatQuant, before []int) []int {
	bound := c.walk(p.Item, before)
	if p.Max == 1 && !p.Possessive {
		return bound
	}
	inside := append(slices.Clip(before), bound...)
	c.walk(p.Item, inside)
	if p.Until != nil {
		c.before[p.Until.Var] = append(c.before[p.Until.Var], inside...)
	}
	return bound
}
