package check

import (
	"strings"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/plan"
)

// groupWindow binds TUMBLE(ts, INTERVAL …) and the like as an item of GROUP BY;
// false when the call is something else.
func (g *grouping) groupWindow(call *ast.Call) bool {
	name := strings.ToUpper(dotted(call.Name.Parts))
	form, ok := forms[name]
	if !ok || form.kind == plan.Cumulate {
		return false
	}
	if g.legacy || g.inSchema {
		g.add(diag.WindowFunction, call.Pos(), "the rows have a window already: GROUP BY takes one")
		g.ok = false
		return true
	}
	g.legacy = true
	w, ok := g.callWindow(name, call)
	g.window, g.ok = w, g.ok && ok
	return true
}

// callWindow is the window of a call in GROUP BY, or of TUMBLE_START and the
// like, which repeat it.
func (g *grouping) callWindow(name string, call *ast.Call) (plan.Window, bool) {
	form := forms[name]
	w := plan.Window{Kind: form.kind}
	args := g.windowArgs(name, call, append([]string{"TIMECOL"}, form.params...), form.optional)
	if args == nil {
		return w, false
	}
	ref, ok := args["TIMECOL"].(*ast.Ref)
	if !ok {
		g.add(diag.NotAColumn, args["TIMECOL"].Pos(), "%s takes the time column here", name)
		return w, false
	}
	col, rest := (&binder{Checker: g.Checker, rel: g.rel}).column(ref)
	if col == nil || len(rest) > 0 || !g.isTime(&w, g.rel, col, ref.Pos()) {
		return w, false
	}
	return w, g.windowSizes(&w, name, args)
}

// findWindow settles which windows rows are grouped by.
func (g *grouping) findWindow(q *ast.Select) bool {
	w := g.rel.window
	switch {
	case g.legacy:
		if g.window.Kind == plan.Session {
			return g.oneSet(q) && g.final(g.input, groupPlace(q), "SESSION")
		}
		return true
	case w == nil:
		g.window = plan.Window{Kind: plan.Unwindowed, Time: none}
		return g.keeps(g.rel.node, len(g.keys), groupPlace(q), "GROUP BY without a window keeps every group",
			"group by windows: FROM TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE) … GROUP BY window_start, window_end, …")
	case len(q.GroupBy) == 0 && w.window == nil:
		g.window = plan.Window{Kind: plan.Unwindowed, Time: none}
		return true
	case !g.hasStart || !g.hasEnd:
		g.add(diag.UnboundedState, groupPlace(q), "rows of windows are grouped by both window_start and window_end").
			WithHint("write GROUP BY window_start, window_end, …")
		return false
	case w.window == nil:
		g.window = plan.Window{Kind: plan.Attached, Time: -1, Start: w.start, End: w.end}
		return true
	}
	g.window = *w.window
	if g.window.Kind == plan.Session {
		return g.oneSet(q) && g.sameKeys(q) && g.final(g.input, groupPlace(q), "SESSION")
	}
	return true
}

// groupPlace is where the grouping of a SELECT is written.
func groupPlace(q *ast.Select) diag.Span {
	if len(q.GroupBy) > 0 {
		return q.GroupBy[0].Pos()
	}
	return q.Items[0].Pos()
}

// oneSet refuses grouping sets of sessions, which are kept by all keys.
func (g *grouping) oneSet(q *ast.Select) bool {
	if len(g.sets) == 1 {
		return true
	}
	g.unsupported(q.GroupBy[0].Pos(), "grouping sets of SESSION")
	return false
}

// sameKeys demands that sessions are grouped by what they are kept by.
func (g *grouping) sameKeys(q *ast.Select) bool {
	same := len(g.keys) == len(g.window.PartitionBy)
	for _, k := range g.keys {
		col, ok := k.(*expr.Column)
		same = same && ok && contains(g.window.PartitionBy, col.Index)
	}
	if !same {
		g.unsupported(q.GroupBy[0].Pos(), "SESSION grouped by other columns than its PARTITION BY").
			WithHint("write SESSION(TABLE t PARTITION BY (k), …) … GROUP BY window_start, window_end, k")
	}
	return same
}
