package check

import (
	"strings"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/plan"
)

// collectVars visits the variables of a pattern in order of appearance.
func collectVars(p ast.Pattern, visit func(ast.Ident)) {
	switch p := p.(type) {
	case *ast.PatVar:
		visit(p.Name)
	case *ast.PatNotSet:
		visit(p.Name)
	default:
		for _, sub := range subPatterns(p) {
			collectVars(sub, visit)
		}
	}
}

// collectNotSets visits the B of every [^B].
func collectNotSets(p ast.Pattern, visit func(ast.Ident)) {
	if n, ok := p.(*ast.PatNotSet); ok {
		visit(n.Name)
	}
	for _, sub := range subPatterns(p) {
		collectNotSets(sub, visit)
	}
}

func subPatterns(p ast.Pattern) []ast.Pattern {
	switch p := p.(type) {
	case *ast.PatConcat:
		items := make([]ast.Pattern, len(p.Steps))
		for i := range p.Steps {
			items[i] = p.Steps[i].Item
		}
		return items
	case *ast.PatAlt:
		return p.Alts
	case *ast.PatPermute:
		return p.Items
	case *ast.PatExclude:
		return []ast.Pattern{p.Item}
	case *ast.PatGroup:
		return []ast.Pattern{p.Item}
	case *ast.PatQuant:
		return []ast.Pattern{p.Item}
	}
	return nil
}

// place is where a part of the pattern stands.
type place struct {
	first  bool // nothing can precede its first row
	last   bool // nothing follows it, in a concatenation that is not repeated
	repeat bool // it is what a quantifier repeats
}

func (m *matcher) pattern() {
	m.out.Pattern = m.limited(m.bind(m.ast.Pattern, place{first: true, last: true}))
	if m.ast.Strategy != "" {
		m.out.Pattern = unled(m.out.Pattern)
	}
	if len(m.out.Vars) == 0 && m.ok {
		m.add(diag.InvalidPattern, m.ast.Pattern.Pos(), "the pattern has no variable: it can only match nothing")
		m.fail()
	}
}

// bind makes the plan of a pattern; what it refuses becomes the empty pattern,
// so that the rest is checked too.
func (m *matcher) bind(p ast.Pattern, at place) plan.Pattern {
	switch p := p.(type) {
	case *ast.PatVar:
		return m.led(plan.PatVar{Var: m.scope.vars[folded(p.Name)]})
	case *ast.PatNotSet:
		return m.led(plan.PatVar{Var: m.not[folded(p.Name)]})
	case *ast.PatAnchor:
		return m.anchor(p)
	case *ast.PatConcat:
		return m.concat(p, at)
	case *ast.PatAlt:
		return plan.PatAlt{Alts: m.bindAll(p.Alts, place{first: at.first, repeat: at.repeat})}
	case *ast.PatPermute:
		return plan.PatPermute{Items: m.bindAll(p.Items, place{repeat: true})}
	case *ast.PatExclude:
		return m.exclude(p, at)
	case *ast.PatGroup:
		return m.bind(p.Item, at)
	case *ast.PatQuant:
		return m.quantified(p, at)
	}
	return plan.PatEmpty{}
}

func (m *matcher) bindAll(list []ast.Pattern, at place) []plan.Pattern {
	out := make([]plan.Pattern, len(list))
	for i, p := range list {
		out[i] = m.bind(p, at)
	}
	return out
}

func (m *matcher) refusePattern(span diag.Span, what string) *diag.Diagnostic {
	m.fail()
	return m.unsupported(span, what)
}

func (m *matcher) anchor(p *ast.PatAnchor) plan.Pattern {
	m.out.Anchored = true
	if m.out.Edges {
		m.refusePattern(p.Pos(), m.text(p.Pos())+" in a pattern with edges")
		return plan.PatEmpty{}
	}
	if p.Start && m.timeToLive() {
		m.add(diag.InvalidPattern, p.Pos(), "^ is the first row of a key for all time, which 'state.ttl' would forget").WithHint("leave ^ out, or SET 'state.ttl' = '0 s' before the query")
		m.fail()
	}
	if open := m.unbounded(m.in.node); !p.Start && open != nil {
		m.add(diag.NotSupported, p.Pos(), "$ is the end of the input, and %s has none", open.Name).
			WithHint("leave $ out, or read a bounded table ('connector' = 'file', or 'number-of-rows')")
		m.fail()
	}
	return plan.PatAnchor{Start: p.Start}
}

// unbounded is a table under n that never ends; nil when all do.
func (c *Checker) unbounded(n plan.Node) *catalog.Table {
	if scan, ok := n.(*plan.Scan); ok && !c.opts.Bounded(scan.Table) {
		return scan.Table
	}
	for _, in := range n.Inputs() {
		if t := c.unbounded(in); t != nil {
			return t
		}
	}
	return nil
}

func (m *matcher) exclude(p *ast.PatExclude, at place) plan.Pattern {
	if m.ast.Rows == ast.AllRowsUnmatch {
		m.add(diag.InvalidPattern, p.Pos(), "{- … -} cannot be used WITH UNMATCHED ROWS")
		m.fail()
	}
	return plan.PatExclude{Item: m.bind(p.Item, at)}
}

func (m *matcher) quantified(p *ast.PatQuant, at place) plan.Pattern {
	q := plan.PatQuant{Reluctant: p.Reluctant, Possessive: p.Possessive}
	m.bounds(p, &q)
	inner := place{first: at.first, repeat: true}
	if until, step := m.until(p); until != nil {
		q.Until, q.Item = until, m.step(step, inner)
	} else {
		q.Item = m.bind(p.Item, inner)
	}
	m.loop(p, q)
	m.counted(p, q)
	return q
}

// quantifierSpan is the quantifier without what it repeats.
func (m *matcher) quantifierSpan(p *ast.PatQuant) diag.Span {
	s := diag.Span{Start: p.Item.Pos().End, End: p.Pos().End}
	text := m.text(s)
	s.Start += len(text) - len(strings.TrimLeft(text, " \t\r\n"))
	return s
}
