package check

import (
	"github.com/cepd/cepd/internal/constraint"
	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/plan"
)

// outOfTime finds a condition that the order of the rows, or WITHIN, leaves no
// room for.
func (d *definition) outOfTime() bool {
	if d.out.Proctime || d.in.schema().Rowtime < 0 {
		return false
	}
	ordered, limited := d.timeFacts()
	if !neverWith(append(ordered, limited...), d.conds...) {
		return false
	}
	span := d.ast.Cond.Pos()
	for _, c := range d.conds {
		if neverWith(append(ordered, limited...), c) {
			span = c.Pos()
		}
	}
	if neverWith(ordered, d.conds...) {
		d.warn(span, "%s asks that time goes backwards", d.text(span)).WithHint("rows come in the order of %s", d.in.schema().Fields[d.in.schema().Rowtime].Name)
		return true
	}
	d.warn(span, "%s asks for more time than WITHIN leaves", d.text(span)).WithHint("a match lasts less than %s", interval(d.out.Within))
	return true
}

func interval(us int64) string { return function.Format(event.TDay, event.IntValue(us)) }

func neverWith(facts []constraint.Assumption, conds ...expr.Expr) bool {
	list := append([]constraint.Assumption(nil), facts...)
	for _, c := range conds {
		list = append(list, constraint.Assumption{Cond: c, Is: constraint.True})
	}
	return !constraint.Possible(list...)
}

// timeFacts is what is certain of the times that the conditions read: that rows
// come in their order, and within the limit.
func (d *definition) timeFacts() (ordered, limited []constraint.Assumption) {
	rowtime := d.in.schema().Rowtime
	now := &expr.Column{Base: expr.Base{T: d.in.schema().Fields[rowtime].Type}, Index: rowtime}
	var times []expr.Expr
	for _, c := range d.conds {
		expr.Walk(c, func(e expr.Expr) bool {
			if nav, ok := e.(*expr.Nav); ok && nav.Physical == 0 && isColumn(nav.X, rowtime) && len(times) < maxAdvised/4 {
				times = append(times, nav)
			}
			return true
		})
	}
	for i, x := range times {
		ordered = append(ordered, assumeTime(now, expr.Ge, x, 0))
		if d.out.Within == 0 {
			continue
		}
		for _, y := range append(times[:i:i], now) {
			limited = append(limited, assumeTime(x, expr.Lt, y, d.out.Within), assumeTime(y, expr.Lt, x, d.out.Within))
		}
	}
	return ordered, limited
}

func isColumn(e expr.Expr, index int) bool {
	c, ok := e.(*expr.Column)
	return ok && c.Index == index
}

// assumeTime is x op y + us, where both are there.
func assumeTime(x expr.Expr, op expr.CompareOp, y expr.Expr, us int64) constraint.Assumption {
	later := &expr.Arith{Base: expr.Base{T: y.Type()}, Op: expr.Add, X: y, Y: constant(event.TDay, event.IntValue(us), diag.Span{})}
	return constraint.Assumption{Cond: &expr.Compare{Base: typed(event.TBool, diag.Span{}), Op: op, X: x, Y: later}, Is: constraint.NotFalse}
}

// adviseTime warns of limits that limit nothing.
func (m *matcher) adviseTime() {
	if m.out.Gap > 0 && m.out.Within > 0 && m.out.Gap >= m.out.Within {
		m.list.Warn(diag.Advice, m.ast.Gap.Pos(), "the limit between rows is no shorter than that of the whole match, %s: it decides nothing", interval(m.out.Within)).
			WithHint("leave one of them out")
	}
	m.adviseParts(m.ast.Pattern, true)
	m.adviseDelay()
}

// adviseParts warns of time-limited parts that the limit of the whole covers, and
// of a whole with two limits.
func (m *matcher) adviseParts(p ast.Pattern, whole bool) {
	c, ok := p.(*ast.PatConcat)
	if ok && c.Within != nil && whole && m.ast.Within != nil {
		m.list.Warn(diag.Advice, c.Within.Pos(), "this limit is of the whole pattern, as is the one after it: the shorter counts").
			WithHint("leave one of them out; a limit of some steps alone stands in parentheses of its own: (A -> B WITHIN INTERVAL '1' HOUR) -> C")
	}
	if ok && c.Within != nil && !whole && m.out.Within > 0 && m.interval("WITHIN", c.Within) >= m.out.Within {
		m.list.Warn(diag.Advice, c.Within.Pos(), "the limit of this part is no shorter than that of the whole match, %s: it decides nothing", interval(m.out.Within)).
			WithHint("leave it out, or make it shorter")
	}
	for _, sub := range subPatterns(p) {
		m.adviseParts(sub, false)
	}
}

// adviseDelay warns of decisions by time that the watermark brings later than
// the time itself is long.
func (m *matcher) adviseDelay() {
	if m.out.Proctime || m.out.Within == 0 || !m.out.Timeouts && !endsAbsent(m.out.Pattern) {
		return
	}
	delay := watermarkDelay(m.in.node)
	if delay <= m.out.Within {
		return
	}
	m.list.Warn(diag.Advice, m.ast.Pattern.Pos(), "what does not come is known %s after the event: the watermark waits %s for late rows, longer than WITHIN", interval(delay+m.out.Within), interval(delay)).
		WithHint("make the watermark's delay shorter than %s", interval(m.out.Within))
}

// endsAbsent says whether a match may be decided by what does not come.
func endsAbsent(p plan.Pattern) bool {
	c, ok := p.(plan.PatConcat)
	if !ok {
		return false
	}
	last, ok := c.Items[len(c.Items)-1].(plan.PatNot)
	return ok && last.Edge != ast.EdgeDefault
}

// watermarkDelay is how long the slowest watermark under n waits, µs.
func watermarkDelay(n plan.Node) int64 {
	var delay int64
	if s, ok := n.(*plan.Scan); ok {
		if a, ok := s.Watermark.(*expr.Arith); ok && a.Op == expr.Sub {
			if k, ok := a.Y.(*expr.Const); ok && k.T.Kind == event.IntervalDay {
				delay = k.Value.I
			}
		}
	}
	for _, in := range n.Inputs() {
		delay = max(delay, watermarkDelay(in))
	}
	return delay
}
