package check

import (
	"slices"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/plan"
)

// maxLimit is the most that LIMIT of a pattern may say.
const maxLimit = 10_000

// selects says whether the clause chooses among all matches: that asks for all
// of them to choose from.
func selects(e *ast.MatchRecognize) bool {
	return e.Select != "" || e.Limit != nil || e.Consume != "" && e.Consume != "NONE"
}

// selection binds SELECT, LIMIT and CONSUME BY.
func (m *matcher) selection() {
	e := m.ast
	if e.Select != "" {
		m.out.Select = plan.Select(slices.Index([]string{"ALL", "FIRST", "LAST", "MAXIMAL"}, e.Select))
	}
	if e.Consume != "" {
		m.out.Consume = plan.Consume(slices.Index([]string{"NONE", "PARTITION", "ANY"}, e.Consume))
	}
	if m.out.Consume == plan.ConsumeAny && e.Skip.Mode != ast.SkipDefault && e.Skip.Mode != ast.NoSkip {
		m.refusePattern(e.ConsumeSpan, "CONSUME BY ANY with AFTER MATCH SKIP").WithHint("leave SKIP out: what is consumed cannot match again")
	}
	if e.Limit != nil {
		m.out.Limit = m.limit(e.Limit)
	}
}

// consumesInTime refuses what has no order among keys: matches that time
// completes.
func (m *matcher) consumesInTime() {
	if m.out.Consume == plan.ConsumeAny && endsInNot(m.out.Pattern) {
		m.refusePattern(m.ast.ConsumeSpan, "CONSUME BY ANY in a pattern that ends in NOT").WithHint("write CONSUME BY PARTITION")
	}
}

// limit is the constant of LIMIT.
func (m *matcher) limit(e ast.Expr) int {
	x := (&binder{Checker: m.Checker, rel: m.in}).top(e)
	k, ok := x.(*expr.Const)
	switch {
	case x == nil:
	case !ok:
		m.unsupported(e.Pos(), "LIMIT of a pattern that is no constant")
	case !k.Type().Integer() || k.Value.Null || k.Value.I < 1 || k.Value.I > maxLimit:
		m.add(diag.NumberOutOfRange, e.Pos(), "LIMIT of a pattern is a whole number from 1 to %d", maxLimit)
	default:
		return int(k.Value.I)
	}
	m.fail()
	return 0
}
