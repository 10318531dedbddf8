package plan

import (
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
