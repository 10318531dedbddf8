package check

import (
	"github.com/cepd/cepd/internal/constraint"
	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/plan"
)

// definition is an entry of DEFINE being examined.
type definition struct {
	*matcher
	ast   *ast.Define
	v     int
	name  string
	conds []expr.Expr // the operands of its AND, over the row being tested
	prior []int       // variables that may have rows when it is tested
	sure  []int       // those that have
}

// maxAdvised bounds what is compared pair by pair: operands of a condition,
// alternatives, times.
const maxAdvised = 64

// adviseDefine warns of conditions that never hold and of those that say nothing.
func (m *matcher) adviseDefine() {
	prior, sure := m.out.Preceding(), m.out.Certain()
	for i := range m.ast.Define {
		d := definition{matcher: m, ast: &m.ast.Define[i]}
		d.v, d.name = m.scope.vars[folded(d.ast.Name)], d.ast.Name.Name
		d.prior, d.sure = prior[d.v], sure[d.v]
		cond := m.out.Condition(d.v)
		if cond == nil {
			continue
		}
		if d.conds = plan.Conjuncts(cond); len(d.conds) > maxAdvised || d.never() {
			continue
		}
		d.says()
	}
}

// never finds why the condition cannot hold, and says so.
func (d *definition) never() bool {
	if d.constant() || d.withItself() || d.contradiction() {
		return true
	}
	if _, complement := d.not[folded(d.ast.Name)]; complement { // rows of [^B] stand for rows of B
		return false
	}
	return d.unbound() || d.outOfTime() || d.others() || d.beginning()
}

// warn adds the finding that the condition at span never holds.
func (d *definition) warn(span diag.Span, format string, args ...any) *diag.Diagnostic {
	w := d.list.Warn(diag.NeverTrue, span, "no row can be %s: "+format, append([]any{d.name}, args...)...)
	_, complement := d.not[folded(d.ast.Name)]
	switch {
	case requires(d.out.Pattern, d.v) && d.out.Timeouts:
		w.Message += "; every match times out"
	case requires(d.out.Pattern, d.v):
		w.Message += "; the pattern matches nothing"
	case complement:
		w.Message += "; [^" + d.name + "] is any row"
	case !binds(d.out.Pattern, d.v):
		w.Message += "; NOT " + d.name + " forbids nothing"
	}
	return w
}

// constant finds a condition that is FALSE or NULL whatever the row.
func (d *definition) constant() bool {
	for _, c := range d.conds {
		k, ok := c.(*expr.Const)
		if !ok || k.Value.Bool() {
			continue
		}
		d.warn(d.ast.Cond.Pos(), "its condition is %s for every row", map[bool]string{true: "unknown", false: "false"}[k.Value.Null])
		return true
	}
	return false
}

// withItself finds a comparison of a row with itself. LAST and a bare column
// are of the row being tested, which is the common surprise.
func (d *definition) withItself() bool {
	for _, c := range d.conds {
		e, ok := c.(*expr.Compare)
		if !ok || !expr.Equal(e.X, e.Y) || !constraint.Never(c) {
			continue
		}
		text := d.text(e.Y.Pos())
		d.warn(e.Span, "%s compares the row with itself, for %s is of the row being tested", d.text(e.Span), text).
			WithHint("write PREV(%s) for the row before", columnText(e.Y))
		return true
	}
	return false
}

// columnText is a column as written without its variable.
func columnText(e expr.Expr) string { return plan.ExprString(e, nil) }

// contradiction finds conditions that cannot hold together.
func (d *definition) contradiction() bool {
	if !constraint.Never(d.conds...) {
		return false
	}
	switch x, y := clash(d.conds); {
	case x == nil:
		d.warn(d.ast.Cond.Pos(), "its conditions contradict each other")
	case y == nil:
		d.impossible(x)
	default:
		d.contradict(x, y)
	}
	return true
}

// clash finds, among conditions that contradict each other, one that cannot
// hold by itself, or else two that cannot hold together; nil when it takes more.
func clash(conds []expr.Expr) (x, y expr.Expr) {
	for _, x := range conds {
		if constraint.Never(x) {
			return x, nil
		}
	}
	for j, y := range conds {
		for _, x := range conds[:j] {
			if constraint.Never(x, y) {
				return x, y
			}
		}
	}
	return nil, nil
}

// impossible reports a single condition.
func (d *definition) impossible(c expr.Expr) {
	w := d.warn(c.Pos(), "%s never holds", d.text(c.Pos()))
	e, ok := c.(*expr.Compare)
	if !ok {
		return
	}
	if k, ok := e.Y.(*expr.Const); ok && k.Value.Null {
		w.WithHint("a comparison with NULL is unknown: write IS NULL or IS NOT NULL")
		return
	}
	d.explainRange(w, e)
}

// explainRange names the type of a column that is compared with what is
// outside of it.
func (d *definition) explainRange(w *diag.Diagnostic, e *expr.Compare) {
	x := e.X
	for c, ok := x.(*expr.Cast); ok; c, ok = x.(*expr.Cast) {
		x = c.X
	}
	if _, column := x.(*expr.Column); column && (x.Type().Integer() || x.Type().Kind == event.Decimal) {
		w.WithHint("%s is %s", d.text(x.Pos()), x.Type())
	}
}

// contradict reports two conditions, at the second.
func (d *definition) contradict(x, y expr.Expr) {
	if x.Pos() == y.Pos() { // the two halves of BETWEEN
		d.warn(x.Pos(), "%s is an empty range", d.text(x.Pos())).WithHint("BETWEEN takes the smaller bound first")
		return
	}
	w := d.warn(y.Pos(), "%s contradicts %s", d.text(y.Pos()), d.text(x.Pos()))
	if equality(x) && equality(y) {
		w.WithHint("one of several values is OR, or IN (…)")
	}
}

func equality(e expr.Expr) bool {
	switch e := e.(type) {
	case *expr.Compare:
		return e.Op == expr.Eq
	case *expr.In:
		return true
	}
	return false
}

// says warns of parts of the condition that decide nothing.
func (d *definition) says() {
	for i, c := range d.conds {
		if !constraint.Possible(constraint.Assumption{Cond: c, Is: constraint.False}) {
			d.always(c)
		} else if or, ok := c.(*expr.Or); ok {
			d.alternatives(or, i)
		}
		d.computedFloats(c)
	}
}

// always reports a condition that is never false.
func (d *definition) always(c expr.Expr) {
	if _, constant := c.(*expr.Const); constant {
		return
	}
	text := d.text(c.Pos())
	w := d.list.Warn(diag.AlwaysTrue, c.Pos(), "%s holds for every row, unless something in it is NULL", text)
	if same := sameRow(c); same != nil {
		w.Span = same.Span
		w.Message = d.text(same.Span) + " compares the row with itself, so that " + text + " holds for every row, unless it is NULL"
		if same == c {
			w.Message = text + " compares the row with itself, and holds for every row, unless it is NULL"
		}
		w.WithHint("write PREV(%s) for the row before", columnText(same.Y))
		return
	}
	switch e := c.(type) {
	case *expr.Compare:
		d.explainRange(w, e)
	case *expr.Or:
		w.WithHint("AND may be meant in place of OR")
	}
}

// sameRow is a comparison of a row with itself in e.
func sameRow(e expr.Expr) *expr.Compare {
	var found *expr.Compare
	expr.Walk(e, func(x expr.Expr) bool {
		if c, ok := x.(*expr.Compare); ok && found == nil && expr.Equal(c.X, c.Y) {
			found = c
		}
		return found == nil
	})
	return found
}

// alternatives reports operands of OR that cannot hold beside the other
// conditions.
func (d *definition) alternatives(or *expr.Or, i int) {
	others := append(append([]expr.Expr(nil), d.conds[:i]...), d.conds[i+1:]...)
	for _, arm := range or.Args[:min(len(or.Args), maxAdvised)] {
		if _, constant := arm.(*expr.Const); !constant && constraint.Never(append(others, arm)...) {
			w := d.list.Warn(diag.NeverTrue, arm.Pos(), "%s never holds here: this side of OR decides nothing", d.text(arm.Pos()))
			if same := sameRow(arm); same != nil {
				w.WithHint("%s is of the row being tested; write PREV(%s) for the row before", d.text(same.Y.Pos()), columnText(same.Y))
			}
		}
	}
}

// computedFloats warns of results of binary fractions compared for equality.
func (d *definition) computedFloats(c expr.Expr) {
	expr.Walk(c, func(e expr.Expr) bool {
		x, ok := e.(*expr.Compare)
		if ok && (x.Op == expr.Eq || x.Op == expr.Ne) && x.X.Type().Float() && (computed(x.X) || computed(x.Y)) {
			d.list.Warn(diag.Advice, x.Span, "%s compares computed %s values for equality: they are rounded", d.text(x.Span), x.X.Type()).
				WithHint("compare a difference with a small bound, or declare the column DECIMAL(p, s), which is exact")
		}
		return true
	})
}

// computed says whether e is calculated from binary fractions.
func computed(e expr.Expr) bool {
	arithmetic, fractions := false, false
	expr.Walk(e, func(x expr.Expr) bool {
		switch x := x.(type) {
		case *expr.Arith:
			arithmetic = true
		case *expr.Agg:
			arithmetic = arithmetic || x.Fn.Name == "SUM" || x.Fn.Name == "AVG"
		case *expr.Column:
			fractions = fractions || x.T.Float()
		case *expr.Call:
			return false
		}
		return true
	})
	return arithmetic && fractions
}
