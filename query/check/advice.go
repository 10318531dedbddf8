package check

import (
	"slices"

	"github.com/cepd/cepd/internal/constraint"
	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/plan"
)

// advise warns of patterns that are right but likely not what is wanted.
func (m *matcher) advise() {
	m.adviseDefine()
	m.adviseReach(m.ast.Pattern, true)
	m.adviseTime()
	m.advisePartition()
	m.adviseState()
}

// adviseWhere warns of a filter that no row passes.
func (b *binder) adviseWhere(e ast.Expr, cond expr.Expr) {
	conds := plan.Conjuncts(cond)
	if _, constant := cond.(*expr.Const); constant || len(conds) > maxAdvised || !constraint.Never(conds...) {
		return
	}
	switch x, y := clash(conds); {
	case x == nil:
		b.list.Warn(diag.NeverTrue, e.Pos(), "no row passes: the conditions contradict each other")
	case y == nil:
		b.list.Warn(diag.NeverTrue, x.Pos(), "no row passes: %s never holds", b.text(x.Pos()))
	default:
		b.list.Warn(diag.NeverTrue, y.Pos(), "no row passes: %s contradicts %s", b.text(y.Pos()), b.text(x.Pos()))
	}
}

// adviseState warns of results without rows.
func (m *matcher) adviseState() {
	if !m.out.Edges && m.out.Rows != ast.AllRowsOmit && nullable(m.out.Pattern) {
		m.list.Warn(diag.Advice, m.ast.Pattern.Pos(), "the pattern can match no row at all, and then gives a result for every row without a match").
			WithHint("use + in place of *, or ALL ROWS PER MATCH OMIT EMPTY MATCHES")
	}
}

// bounded refuses a partial match that nothing bounds: neither time, nor the
// pattern itself, nor a quota with a policy.
func (m *matcher) bounded() {
	if m.out.Within > 0 || m.out.WithinOf != nil || m.out.Gap > 0 || m.timeToLive() || m.unbounded(m.in.node) == nil {
		return
	}
	tail, loop := m.endlessTail(m.ast.Pattern), unboundedLoop(m.ast.Pattern)
	switch {
	case m.out.Edges && !waits(m.out.Pattern):
	case m.out.Edges && !m.quota():
		m.add(diag.UnboundedState, m.ast.Pattern.Pos(), "a partial match may wait for its next row without end").WithHint(boundIt)
	case m.out.Edges:
	case tail != nil:
		report := m.list.Add
		if m.quota() {
			report = m.list.Warn
		}
		report(diag.UnboundedState, m.quantifierSpan(tail), "the pattern ends in a greedy loop over a variable that every row is: no match is ever certain").
			WithHint("add WITHIN INTERVAL …, make the loop reluctant (%s?), or define its variable", tail.Text)
	case loop != nil && !m.quota():
		m.add(diag.UnboundedState, m.quantifierSpan(loop), "the loop has no upper bound: a partial match may grow without end").WithHint(boundIt)
	}
}

const boundIt = "add WITHIN INTERVAL … after PATTERN (…); or SET 'state.ttl' = '1 h'; or a quota for each key: SET 'state.max-rows-per-key' = '10000' " +
	"and SET 'state.limit-policy' = 'drop-oldest' (or 'reject-new', 'fail')"

// quota says whether the settings bound a key and say what happens when it is
// full.
func (m *matcher) quota() bool {
	set := m.cat.Settings
	return set["state.limit-policy"] != "" && (set["state.max-rows-per-key"] != "" || set["state.max-partial-matches-per-key"] != "")
}

// waits says whether a partial match can stay while rows pass.
func waits(p plan.Pattern) bool {
	switch p := p.(type) {
	case plan.PatEdge:
		return p.Edge != ast.EdgeDefault || waits(p.Item)
	case plan.PatConcat:
		return slices.ContainsFunc(p.Items, waits)
	case plan.PatAlt:
		return slices.ContainsFunc(p.Alts, waits)
	case plan.PatPermute:
		return slices.ContainsFunc(p.Items, waits)
	case plan.PatExclude:
		return waits(p.Item)
	case plan.PatWithin:
		return waits(p.Item)
	case plan.PatQuant:
		return p.Max < 0 || waits(p.Item)
	}
	return false
}

// nullable says whether a pattern matches no rows.
func nullable(p plan.Pattern) bool {
	switch p := p.(type) {
	case plan.PatEmpty, plan.PatAnchor:
		return true
	case plan.PatConcat:
		return all(p.Items)
	case plan.PatPermute:
		return all(p.Items)
	case plan.PatAlt:
		for _, a := range p.Alts {
			if nullable(a) {
				return true
			}
		}
	case plan.PatExclude:
		return nullable(p.Item)
	case plan.PatQuant:
		return p.Min == 0 || nullable(p.Item)
	}
	return false
}

func all(list []plan.Pattern) bool {
	for _, p := range list {
		if !nullable(p) {
			return false
		}
	}
	return true
}

// unboundedLoop is the first quantifier without an upper bound.
func unboundedLoop(p ast.Pattern) *ast.PatQuant {
	if q, ok := p.(*ast.PatQuant); ok && q.Max < 0 {
		return q
	}
	for _, sub := range subPatterns(p) {
		if q := unboundedLoop(sub); q != nil {
			return q
		}
	}
	return nil
}

// endlessTail is a greedy unbounded loop at the end of the pattern over a
// variable that is always true.
func (m *matcher) endlessTail(p ast.Pattern) *ast.PatQuant {
	switch p := p.(type) {
	case *ast.PatGroup:
		return m.endlessTail(p.Item)
	case *ast.PatConcat:
		return m.endlessTail(p.Steps[len(p.Steps)-1].Item)
	case *ast.PatQuant:
		if v, ok := p.Item.(*ast.PatVar); ok && p.Max < 0 && !p.Reluctant && m.out.Vars[m.scope.vars[folded(v.Name)]].Define == nil {
			return p
		}
	}
	return nil
}
