package check

import (
	"slices"
	"strings"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/plan"
)

// requires says whether every match of p has a row of v.
func requires(p plan.Pattern, v int) bool {
	switch p := p.(type) {
	case plan.PatVar:
		return p.Var == v
	case plan.PatConcat:
		return anyRequires(p.Items, v)
	case plan.PatPermute:
		return anyRequires(p.Items, v)
	case plan.PatAlt:
		for _, a := range p.Alts {
			if !requires(a, v) {
				return false
			}
		}
		return true
	case plan.PatExclude:
		return requires(p.Item, v)
	case plan.PatEdge:
		return requires(p.Item, v)
	case plan.PatWithin:
		return requires(p.Item, v)
	case plan.PatQuant:
		return p.Min > 0 && requires(p.Item, v)
	}
	return false
}

func anyRequires(list []plan.Pattern, v int) bool {
	return slices.ContainsFunc(list, func(p plan.Pattern) bool { return requires(p, v) })
}

// binds says whether a match of p may have a row of v.
func binds(p plan.Pattern, v int) bool {
	switch p := p.(type) {
	case plan.PatVar:
		return p.Var == v
	case plan.PatConcat:
		return anyBinds(p.Items, v)
	case plan.PatPermute:
		return anyBinds(p.Items, v)
	case plan.PatAlt:
		return anyBinds(p.Alts, v)
	case plan.PatExclude:
		return binds(p.Item, v)
	case plan.PatEdge:
		return binds(p.Item, v)
	case plan.PatWithin:
		return binds(p.Item, v)
	case plan.PatQuant:
		return binds(p.Item, v)
	}
	return false
}

func anyBinds(list []plan.Pattern, v int) bool {
	return slices.ContainsFunc(list, func(p plan.Pattern) bool { return binds(p, v) })
}

// adviseReach warns of variables that no match has rows of.
func (m *matcher) adviseReach(p ast.Pattern, last bool) {
	switch p := p.(type) {
	case *ast.PatAlt:
		if !m.out.Edges { // elsewhere each alternative is a match
			m.shadowed(p, last)
		}
	case *ast.PatConcat:
		m.sequence(p, last)
		return
	case *ast.PatQuant:
		last = false
		if u, step := m.until(p); u != nil {
			m.untilFirst(u.Var, step)
			m.adviseReach(step.Item, last)
			return
		}
	case *ast.PatPermute:
		last = false
	}
	for _, sub := range subPatterns(p) {
		m.adviseReach(sub, last)
	}
}

func (m *matcher) unreachable(span diag.Span, format string, args ...any) *diag.Diagnostic {
	return m.list.Warn(diag.Unreachable, span, format, args...)
}

// shadowed finds alternatives that an earlier one is always preferred to.
func (m *matcher) shadowed(p *ast.PatAlt, last bool) {
	for j := range p.Alts[:min(len(p.Alts), maxAdvised)] {
		for _, earlier := range p.Alts[:j] {
			if m.shadows(earlier, p.Alts[j], last) {
				m.shadow(earlier, p.Alts[j])
				break
			}
		}
	}
}

func (m *matcher) shadow(earlier, later ast.Pattern) {
	w := m.unreachable(later.Pos(), "%s is never matched: what could be is matched as %s, which stands before it", m.text(later.Pos()), m.text(earlier.Pos()))
	x, _ := m.rows(earlier)
	y, _ := m.rows(later)
	if len(x) > 0 && !slices.Equal(x, y) {
		w.WithHint("put the more special alternative first")
	}
}

// shadows says whether alternative a, which is preferred, matches whenever b
// does, and goes on as b would. At the end of the pattern, where nothing goes
// on, a may be shorter.
func (m *matcher) shadows(a, b ast.Pattern, last bool) bool {
	x, ok := m.rows(a)
	y, also := m.rows(b)
	if !ok || !also || len(x) > len(y) || len(x) < len(y) && !last {
		return false
	}
	for i, v := range x {
		if !m.out.Implies(y[i], v) || m.readElsewhere(v) || m.readElsewhere(y[i]) {
			return false
		}
	}
	return true
}

// rows is a pattern of single rows as their variables.
func (m *matcher) rows(p ast.Pattern) ([]int, bool) {
	switch p := p.(type) {
	case *ast.PatVar:
		return []int{m.scope.vars[folded(p.Name)]}, true
	case *ast.PatGroup:
		return m.rows(p.Item)
	case *ast.PatEmpty:
		return nil, true
	case *ast.PatConcat:
		var list []int
		for i := range p.Steps {
			vars, ok := m.rows(p.Steps[i].Item)
			if !ok || p.Steps[i].Not || p.Steps[i].Edge != ast.EdgeDefault {
				return nil, false
			}
			list = append(list, vars...)
		}
		return list, p.Within == nil
	}
	return nil, false
}

// readElsewhere says whether a definition reads more of v than the row that is
// tested for it.
func (m *matcher) readElsewhere(v int) bool {
	if m.read == nil {
		m.read = make([]bool, len(m.out.Vars))
		for u := range m.out.Vars {
			if cond := m.out.Condition(u); cond != nil {
				plan.Distinguished(cond, m.read)
			}
		}
	}
	return m.read[v]
}

// sequence looks at the steps of a concatenation.
func (m *matcher) sequence(p *ast.PatConcat, last bool) {
	rows := false
	for i := range p.Steps {
		s := &p.Steps[i]
		if a, ok := s.Item.(*ast.PatAnchor); ok && a.Start && rows {
			m.unreachable(a.Pos(), "^ stands after a row, and is only before the first row of a partition: nothing matches")
		}
		if a, ok := s.Item.(*ast.PatAnchor); ok && !a.Start && m.rowFollows(p.Steps[i+1:]) {
			m.unreachable(a.Pos(), "$ stands before a row, and is only after the last row of a partition: nothing matches")
		}
		rows = rows || m.takesRow(s)
		if i+1 < len(p.Steps) {
			m.blocked(s, &p.Steps[i+1])
		}
		m.adviseReach(s.Item, last && i == len(p.Steps)-1)
	}
}

// takesRow says whether a step has a row in every match.
func (m *matcher) takesRow(s *ast.PatStep) bool {
	if s.Not {
		return false
	}
	switch p := s.Item.(type) {
	case *ast.PatVar, *ast.PatNotSet:
		return true
	case *ast.PatQuant:
		return p.Min > 0 && m.takesRow(&ast.PatStep{Item: p.Item})
	case *ast.PatGroup:
		return m.takesRow(&ast.PatStep{Item: p.Item})
	case *ast.PatConcat:
		return m.rowFollows(p.Steps)
	}
	return false
}

func (m *matcher) rowFollows(steps []ast.PatStep) bool {
	for i := range steps {
		if m.takesRow(&steps[i]) {
			return true
		}
	}
	return false
}

// blocked finds a step whose rows the step before it keeps away: NOT B, or a
// possessive loop over B, before a row that is a B too.
func (m *matcher) blocked(s, next *ast.PatStep) {
	v, ok := m.firstRow(next)
	if !ok {
		return
	}
	name := m.out.Vars[v].Name
	if s.Not && (s.Edge != ast.EdgeDefault || next.Edge == ast.EdgeDefault && m.ast.Strategy == "") {
		if b, ok := m.rows(s.Item); ok && len(b) == 1 && m.out.Implies(v, b[0]) {
			m.unreachable(next.Item.Pos(), "no row can be %s here: it would be %s too, which must not come", name, m.out.Vars[b[0]].Name)
		}
	}
	if q, ok := s.Item.(*ast.PatQuant); ok && q.Possessive && q.Min > 0 && q.Min != q.Max {
		if b, ok := m.loopRow(q); ok && m.out.Implies(v, b) {
			m.unreachable(next.Item.Pos(), "no row can be %s here: it would belong to the possessive loop over %s", name, m.out.Vars[b].Name).
				WithHint("leave the last + of %s out, or narrow the condition of %s", q.Text, m.out.Vars[b].Name)
		}
	}
}

// firstRow is the variable that a step begins with, whichever way it goes.
func (m *matcher) firstRow(s *ast.PatStep) (int, bool) {
	item := s.Item
	for !s.Not {
		switch p := item.(type) {
		case *ast.PatVar:
			return m.scope.vars[folded(p.Name)], true
		case *ast.PatGroup:
			item = p.Item
		case *ast.PatConcat:
			return m.firstRow(&p.Steps[0])
		case *ast.PatQuant:
			if p.Min < 1 {
				return 0, false
			}
			item = p.Item
		default:
			return 0, false
		}
	}
	return 0, false
}

// loopRow is the variable of a loop over single rows without an UNTIL.
func (m *matcher) loopRow(q *ast.PatQuant) (int, bool) {
	v, ok := loopVariable(q.Item)
	if !ok {
		return 0, false
	}
	return m.scope.vars[folded(v.Name)], true
}

func loopVariable(p ast.Pattern) (*ast.PatVar, bool) {
	switch p := p.(type) {
	case *ast.PatVar:
		return p, true
	case *ast.PatGroup:
		return loopVariable(p.Item)
	case *ast.PatConcat:
		if len(p.Steps) == 1 && !p.Steps[0].Not {
			return loopVariable(p.Steps[0].Item)
		}
	}
	return nil, false
}

// untilFirst finds loops (-> NOT U -> B)+ that no row can enter.
func (m *matcher) untilFirst(u int, step *ast.PatStep) {
	if v, ok := m.firstRow(step); ok && m.out.Implies(v, u) {
		m.unreachable(step.Item.Pos(), "no row can be %s here: it would be %s too, which ends the loop", m.out.Vars[v].Name, m.out.Vars[u].Name)
	}
}

// advisePartition warns of a stream of many things that is matched as one
// sequence.
func (m *matcher) advisePartition() {
	if len(m.ast.PartitionBy) > 0 {
		return
	}
	table := m.unbounded(m.in.node)
	if table == nil || table.Option("connector", "") != "kafka" {
		return
	}
	for _, f := range m.in.schema().Fields {
		if strings.HasSuffix(strings.ToLower(f.Name), "_id") {
			m.list.Warn(diag.MissingKey, clauseSpan(m.ast), "without PARTITION BY all rows are one sequence: rows of every %s stand between each other, and one core does the work", f.Name).
				WithHint("add PARTITION BY %s if a pattern is about one %s", f.Name, f.Name)
			return
		}
	}
}
