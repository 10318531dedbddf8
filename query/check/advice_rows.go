package check

import (
	"slices"
	"strings"

	"github.com/cepd/cepd/internal/constraint"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/query/plan"
)

// unbound finds a condition on variables that never have a row when it is
// tested.
func (d *definition) unbound() bool {
	bound, set := d.substituted(false)
	if !constraint.Never(bound...) {
		return false
	}
	for i, c := range bound {
		if constraint.Never(c) && set[i] != nil {
			d.warn(d.conds[i].Pos(), "%s is always %s here, as no row of %s comes before", d.text(set[i].Pos()), map[bool]string{true: "0", false: "NULL"}[isCount(set[i])], d.rowsOf(set[i])).
				WithHint("put the condition on the variable that comes last")
			return true
		}
	}
	d.warn(d.ast.Cond.Pos(), "it needs rows of variables that only come later").WithHint("put the condition on the variable that comes last")
	return true
}

// others finds a condition that contradicts those of the rows that it reads.
func (d *definition) others() bool {
	facts, of := d.rowFacts()
	if len(facts) == 0 || !neverWith(facts, d.conds...) {
		return false
	}
	span := d.ast.Cond.Pos()
	for _, c := range d.conds {
		if neverWith(facts, c) {
			span = c.Pos()
			break
		}
	}
	d.warn(span, "%s contradicts what rows of %s fulfil", d.text(span), strings.Join(of, ", "))
	return true
}

// rowFacts is what rows of other variables have fulfilled to become that, where
// the conditions read their first or last.
func (d *definition) rowFacts() (facts []constraint.Assumption, of []string) {
	for _, c := range d.conds {
		expr.Walk(c, func(e expr.Expr) bool {
			nav, ok := e.(*expr.Nav)
			if !ok || nav.Physical != 0 || nav.Offset != 0 || len(nav.Vars) != 1 || !slices.Contains(d.sure, nav.Vars[0]) || nav.Vars[0] == d.v {
				return true
			}
			if name := d.out.Vars[nav.Vars[0]].Name; !slices.Contains(of, name) {
				of = append(of, name)
			}
			for _, known := range d.fulfilled(nav) {
				if len(facts) < maxAdvised {
					facts = append(facts, constraint.Assumption{Cond: known, Is: constraint.True})
				}
			}
			return true
		})
	}
	return facts, of
}

// fulfilled is the condition of the navigation's variable on the row that it
// leads to, as far as it is on that row alone.
func (d *definition) fulfilled(nav *expr.Nav) (list []expr.Expr) {
	cond := d.out.Condition(nav.Vars[0])
	if cond == nil {
		return nil
	}
	for _, c := range plan.Conjuncts(cond) {
		alone := true
		moved := expr.Rewrite(c, func(e expr.Expr) expr.Expr {
			switch e := e.(type) {
			case *expr.Nav, *expr.Agg, *expr.Classifier, *expr.MatchNumber:
				alone = false
			case *expr.Column:
				there := *nav
				there.X, there.T = e, e.T
				return &there
			}
			return e
		})
		if alone {
			list = append(list, moved)
		}
	}
	return list
}

// beginning finds a condition that the first row of its own variable cannot
// fulfil, so that there is no first row.
func (d *definition) beginning() bool {
	first, set := d.substituted(true)
	if !constraint.Never(first...) {
		return false
	}
	span, own := d.ast.Cond.Pos(), expr.Expr(nil)
	for i, c := range first {
		if set[i] != nil && (own == nil || constraint.Never(c)) {
			span, own = d.conds[i].Pos(), set[i]
		}
	}
	if own == nil {
		return false
	}
	d.warn(span, "its first row cannot fulfil %s, as %s reads only the rows of %s so far, with the one being tested", d.text(span), d.text(own.Pos()), d.name).
		WithHint("compare with PREV(…), or add OR COUNT(%s.*) = 1", d.name)
	return true
}

// substituted are the conditions with what they read of variables that have no
// row yet; with first, what they read of their own variable is of its first
// row. The second result has, per condition, a place that was replaced.
func (d *definition) substituted(first bool) (conds []expr.Expr, replaced []expr.Expr) {
	replaced = make([]expr.Expr, len(d.conds))
	for i, c := range d.conds {
		conds = append(conds, expr.Rewrite(c, func(e expr.Expr) expr.Expr {
			x := d.early(e, first)
			if x != e {
				replaced[i] = e
			}
			return x
		}))
	}
	return conds, replaced
}

// early is e when rows are missing that it asks for.
func (d *definition) early(e expr.Expr, first bool) expr.Expr {
	var set expr.VarSet
	switch e := e.(type) {
	case *expr.Nav:
		set = e.Vars
		if set == nil && !e.First && e.Offset == 0 { // PREV of the row being tested
			return e
		}
	case *expr.Agg:
		set = e.Vars
	default:
		return e
	}
	own := set.Has(d.v)
	for _, u := range d.prior {
		if u != d.v && set.Has(u) {
			return e
		}
	}
	switch {
	case !own:
		return noRow(e)
	case first:
		return firstRow(e)
	}
	return e
}

// noRow is a navigation or aggregate over no rows.
func noRow(e expr.Expr) expr.Expr {
	if a, ok := e.(*expr.Agg); ok {
		switch a.Fn.Name {
		case "COUNT":
			return &expr.Const{Base: a.Base, Value: event.IntValue(0)}
		case "MIN", "MAX", "SUM", "AVG":
		default:
			return e
		}
	}
	return null(e.Type(), e.Pos())
}

func isCount(e expr.Expr) bool {
	a, ok := e.(*expr.Agg)
	return ok && a.Fn.Name == "COUNT"
}

// firstRow is a navigation or aggregate over the row being tested alone.
func firstRow(e expr.Expr) expr.Expr {
	switch e := e.(type) {
	case *expr.Nav:
		switch {
		case e.Offset > 0:
			return null(e.T, e.Span)
		case e.Physical == 0 && !mentionsRow(e.X):
			return e.X
		}
	case *expr.Agg:
		return aggregateOfOne(e)
	}
	return e
}

// mentionsRow says whether e asks for the variable of its row.
func mentionsRow(e expr.Expr) bool {
	found := false
	expr.Walk(e, func(x expr.Expr) bool {
		switch x.(type) {
		case *expr.Classifier, *expr.MatchNumber:
			found = true
		}
		return !found
	})
	return found
}

func aggregateOfOne(e *expr.Agg) expr.Expr {
	if e.Filter != nil {
		return e
	}
	switch e.Fn.Name {
	case "COUNT":
		if e.Star {
			return &expr.Const{Base: e.Base, Value: event.IntValue(1)}
		}
	case "MIN", "MAX", "SUM", "AVG":
		if x := e.Args[0]; !mentionsRow(x) {
			if x.Type().Equal(e.T) {
				return x
			}
			return &expr.Cast{Base: e.Base, X: x}
		}
	}
	return e
}

// rowsOf names the variables of a navigation or aggregate.
func (d *definition) rowsOf(e expr.Expr) string {
	var set expr.VarSet
	switch e := e.(type) {
	case *expr.Nav:
		set = e.Vars
	case *expr.Agg:
		set = e.Vars
	}
	if len(set) != 1 {
		return "its variables"
	}
	return d.out.Vars[set[0]].Name
}
