package check

import (
	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/plan"
)

// suppressColumn is what a measure is when SUPPRESS gives it, else 0.
func (m *matcher) suppressColumn(e *ast.Measure) int {
	switch {
	case m.ast.Suppress == nil:
		return 0
	case isCall(e.Expr, "SUPPRESS_COUNT"):
		return plan.SuppressCount
	case isCall(e.Expr, "SUPPRESS_STATUS"):
		return plan.SuppressStatus
	}
	return 0
}

// misplacedSuppress refuses SUPPRESS_COUNT() and SUPPRESS_STATUS() that are no
// measures of their own: they are known only when the match is.
func (b *binder) misplacedSuppress(name string, e *ast.Call) {
	b.add(diag.PatternFunction, e.Pos(), "%s() is a measure of its own, in a pattern with SUPPRESS", name).
		WithHint("write %s() AS n in MEASURES and SUPPRESS BY … FOR … after PATTERN (…); compute with n outside", name)
}

// suppress puts SUPPRESS above the match.
func (m *matcher) suppress(rel *relation) *relation {
	s := m.ast.Suppress
	if s == nil {
		return rel
	}
	n := &plan.Suppress{Input: m.out, For: m.interval("FOR", s.For), Proctime: m.out.Proctime, Out: &event.Schema{Rowtime: -1}}
	if m.out.Rows != ast.OneRow {
		m.malformed(s.Pos(), "SUPPRESS counts matches: it needs ONE ROW PER MATCH")
	}
	m.suppressBy(n, rel, s.By)
	out := &relation{node: n, proctime: map[int]bool{}}
	for i := range m.out.PartitionBy {
		m.suppressPass(n, out, rel, i)
	}
	next := len(m.out.PartitionBy)
	for i := range m.ast.Measures {
		e := &m.ast.Measures[i]
		switch c := m.suppressColumn(e); c {
		case plan.SuppressCount:
			n.Columns, n.Out.Fields = append(n.Columns, c), append(n.Out.Fields, event.Field{Name: e.Name.Name, Type: event.TInt64})
		case plan.SuppressStatus:
			n.Columns, n.Out.Fields = append(n.Columns, c), append(n.Out.Fields, event.Field{Name: e.Name.Name, Type: event.TString})
		default:
			m.suppressPass(n, out, rel, next)
			next++
		}
	}
	if !m.ok {
		return nil
	}
	return out
}

// suppressPass passes column i of the match on.
func (m *matcher) suppressPass(n *plan.Suppress, out, rel *relation, i int) {
	in := rel.schema()
	if i == in.Rowtime {
		n.Out.Rowtime = len(n.Columns)
	}
	out.proctime[len(n.Columns)] = rel.proctime[i]
	n.Columns, n.Out.Fields = append(n.Columns, i), append(n.Out.Fields, in.Fields[i])
}

// suppressBy binds the key over the columns of the match.
func (m *matcher) suppressBy(n *plan.Suppress, rel *relation, by []ast.Expr) {
	for _, e := range by {
		x := (&binder{Checker: m.Checker, rel: rel}).top(e)
		switch {
		case x == nil:
			m.fail()
		case !sortable(x.Type()):
			m.add(diag.TypeMismatch, e.Pos(), "SUPPRESS BY takes simple values, not %s", x.Type())
			m.fail()
		case volatile(x):
			m.add(diag.TypeMismatch, e.Pos(), "the key of SUPPRESS must follow from the match alone")
			m.fail()
		default:
			n.By = append(n.By, x)
		}
	}
}
