package check

import (
	"math"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/plan"
)

func (m *matcher) within() {
	limit, of := m.intervalOf(m.ast.Within)
	m.out.Within, m.out.WithinOf = shorter(m.out.Within, limit), of
	m.out.Gap = m.interval("WITHIN", m.ast.Gap)
	m.timeouts()
}

// shorter is the smaller of two limits, 0 being none.
func shorter(a, b int64) int64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// interval is the constant interval of a clause, µs; 0 when there is none.
func (m *matcher) interval(clause string, e ast.Expr) int64 {
	if e == nil {
		return 0
	}
	x := m.ofFirstRow(e)
	if x == nil || !m.isInterval(clause, x, e.Pos()) {
		m.fail()
		return 0
	}
	if k, ok := x.(*expr.Const); ok {
		return m.positive(clause, k, e.Pos())
	}
	m.refusePattern(e.Pos(), clause+" an interval that is no constant")
	return 0
}

// intervalOf is the interval of WITHIN: a constant, µs, or of each match's own,
// over the row that begins it.
func (m *matcher) intervalOf(e ast.Expr) (int64, expr.Expr) {
	if e == nil {
		return 0, nil
	}
	x := m.ofFirstRow(e)
	if x == nil || !m.isInterval("WITHIN", x, e.Pos()) {
		m.fail()
		return 0, nil
	}
	if k, ok := x.(*expr.Const); ok {
		return m.positive("WITHIN", k, e.Pos()), nil
	}
	return 0, x
}

// ofFirstRow binds an expression over the row that begins the match; nil after
// an error.
func (m *matcher) ofFirstRow(e ast.Expr) expr.Expr {
	x := (&binder{Checker: m.Checker, rel: m.in}).top(e)
	if x != nil && volatile(x) {
		m.add(diag.TypeMismatch, e.Pos(), "this must follow from the row that begins the match alone")
		x = nil
	}
	if x == nil {
		m.fail()
	}
	return x
}

func (m *matcher) isInterval(clause string, x expr.Expr, span diag.Span) bool {
	switch x.Type().Kind {
	case event.IntervalDay:
		return true
	case event.IntervalYear:
		m.add(diag.TypeMismatch, span, "%s takes an interval of days to seconds: months differ in length", clause).WithHint("write INTERVAL '30' DAY")
	default:
		m.add(diag.TypeMismatch, span, "%s takes an interval, not %s", clause, x.Type()).WithHint("write %s INTERVAL '10' MINUTE", clause)
	}
	return false
}

func (m *matcher) positive(clause string, k *expr.Const, span diag.Span) int64 {
	if k.Value.Null || k.Value.I <= 0 {
		m.add(diag.NumberOutOfRange, span, "the interval of %s must be positive", clause)
		m.fail()
		return 0
	}
	return k.Value.I
}

// ---- quantifiers

// bounds settles the bounds of a quantifier: in q.Min and q.Max, or, where they
// are data, in Match.Bounds.
func (m *matcher) bounds(p *ast.PatQuant, q *plan.PatQuant) {
	low, lowOf := m.boundOf(p.Min, p.MinExpr)
	high, highOf := low, lowOf
	if p.MaxExpr == nil || p.MaxExpr != p.MinExpr {
		high, highOf = m.boundOf(p.Max, p.MaxExpr)
	}
	q.Min, q.Max = low, high
	if lowOf != nil || highOf != nil {
		m.out.Bounds = append(m.out.Bounds, plan.Bounds{Min: lowOf, Max: highOf})
		q.Bounds = len(m.out.Bounds)
	}
	span := m.quantifierSpan(p)
	switch {
	case p.Min < 0 || p.Max < -1: // the parser's mark of a number that is too large
		m.add(diag.NumberOutOfRange, span, "the bounds of a quantifier are at most %d", math.MaxInt32)
	case high == 0 && highOf == nil:
		m.add(diag.NumberOutOfRange, span, "the upper bound of a quantifier is at least 1")
	case high > 0 && low > high && q.Bounds == 0:
		m.add(diag.QuantifierRange, span, "the lower bound %d is above the upper bound %d", low, high)
	default:
		return
	}
	m.fail()
}

// boundOf is a bound as a number, or as BIGINT over the row that begins the
// match; as far as the rest of the checks go that is then 0 or more.
func (m *matcher) boundOf(n int, e ast.Expr) (int, expr.Expr) {
	if e == nil {
		return n, nil
	}
	x := m.ofFirstRow(e)
	switch {
	case x == nil:
		return 1, nil
	case !x.Type().Integer():
		m.add(diag.TypeMismatch, e.Pos(), "a quantifier takes whole numbers, not %s", x.Type())
		m.fail()
		return 1, nil
	}
	k, ok := x.(*expr.Const)
	switch {
	case !ok:
		return 0, m.coerce(x, event.TInt64)
	case k.Value.Null || k.Value.I < 0 || k.Value.I > math.MaxInt32:
		m.add(diag.NumberOutOfRange, e.Pos(), "the bounds of a quantifier are 0 to %d", math.MaxInt32)
		m.fail()
		return 1, nil
	}
	return int(k.Value.I), nil
}

// counted refuses what a loop that counts cannot repeat.
func (m *matcher) counted(p *ast.PatQuant, q plan.PatQuant) {
	switch {
	case q.Bounds == 0:
	case q.Until != nil:
		m.refusePattern(m.quantifierSpan(p), "a quantifier bound from data of a loop that ends at a row")
	case q.Possessive:
		m.refusePattern(m.quantifierSpan(p), "a quantifier bound from data of a possessive loop")
	case nullable(q.Item):
		m.refusePattern(m.quantifierSpan(p), "a quantifier bound from data over what may match no row")
	}
}
