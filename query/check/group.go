package check

import (
	"slices"
	"strings"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/plan"
)

// grouping binds a SELECT with GROUP BY. SELECT and HAVING are bound over the
// columns of the input, with aggregates as expr.Agg; then keys, columns of the
// window and aggregates are replaced by columns of the plan.Aggregate.
type grouping struct {
	*Checker
	rel    *relation
	input  plan.Node
	window plan.Window
	// start, end and time are the columns of the window as expressions name them:
	// of rel, or beyond its columns. mask is the column of the grouping.
	start, end, time, mask int
	inSchema               bool // start, end and time are columns of rel
	legacy                 bool // the window is a function in GROUP BY
	keys                   []expr.Expr
	sets                   [][]int
	hasStart, hasEnd       bool
	calls                  []*expr.Agg
	in                     []expr.Expr // columns below the Aggregate
	out                    *plan.Aggregate
	policy                 *plan.Emit // when windows are shown; nil: at their end
	ok                     bool
}

// maxGroupingSets bounds CUBE and its products; maxGroupKeys the keys.
const (
	maxGroupingSets = 256
	maxGroupKeys    = 48
)

// grouped says whether a SELECT aggregates: it has GROUP BY, or aggregates in its
// list, which are then of all rows.
func grouped(q *ast.Select) bool {
	return len(q.GroupBy) > 0 || slices.ContainsFunc(q.Items, func(i ast.SelectItem) bool { return i.Expr != nil && aggregates(i.Expr) })
}

// aggregates says whether an aggregate stands in e.
func aggregates(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Call:
		name := strings.ToUpper(dotted(e.Name.Parts))
		_, isAgg := function.Aggregate(name)
		_, isScalar := function.Lookup(name)
		return e.Over == nil && (isAgg && !isScalar || slices.ContainsFunc(e.Args, aggregates))
	case *ast.Binary:
		return aggregates(e.X) || aggregates(e.Y)
	case *ast.Unary:
		return aggregates(e.X)
	case *ast.Cast:
		return aggregates(e.X)
	}
	return false
}

// groupFrom binds a SELECT with GROUP BY; nil after an error.
func (c *Checker) groupFrom(q *ast.Select) *relation {
	ok := c.refuseClauses(q)
	rel, where := c.groupSource(q)
	if rel == nil {
		return nil
	}
	g := &grouping{Checker: c, rel: rel, ok: ok}
	g.where(where)
	g.names()
	g.groupBy(q)
	if !g.ok || !g.findWindow(q) {
		return nil
	}
	g.policy = g.emit(q)
	b := &binder{Checker: c, rel: rel, group: g}
	having := g.having(b, q)
	list := g.selectList(b, q)
	if list == nil || !g.ok || !g.retractable() {
		return nil
	}
	return g.relation(having, list)
}

// groupSource binds FROM, leaving a window function to the grouping.
func (c *Checker) groupSource(q *ast.Select) (*relation, ast.Expr) {
	if len(q.From) == 1 {
		if t, ok := q.From[0].(*ast.TableFunction); ok && !unnests(t) {
			return c.windowTable(t), q.Where
		}
	}
	rel, where, ok := c.source(q)
	if ok && rel == nil {
		c.add(diag.UnknownTable, groupPlace(q), "GROUP BY needs FROM")
	}
	if !ok {
		return nil, nil
	}
	return rel, where
}

// where binds WHERE over the input. The windows of a function are not known
// there: rows are filtered before.
func (g *grouping) where(where ast.Expr) {
	g.input = g.rel.node
	w := g.rel.window
	if w != nil && w.window != nil {
		g.input = w.input
	}
	if where == nil {
		return
	}
	cond := (&binder{Checker: g.Checker, rel: g.rel}).topCondition(where, "WHERE")
	if cond == nil {
		g.ok = false
		return
	}
	used := make([]bool, len(g.rel.schema().Fields))
	plan.MarkColumns(cond, used)
	if w != nil && w.window != nil && (used[w.start] || used[w.end] || used[w.time]) {
		g.unsupported(where.Pos(), "a condition on the columns of the window in WHERE").WithHint("write it in HAVING")
		g.ok = false
	}
	g.input = &plan.Filter{Input: g.input, Cond: cond}
}

// names says which columns are those of the window.
func (g *grouping) names() {
	n := len(g.rel.schema().Fields)
	g.start, g.end, g.time, g.mask = n, n+1, n+2, n+3
	if w := g.rel.window; w != nil {
		g.start, g.end, g.inSchema = w.start, w.end, true
		if w.time >= 0 {
			g.time = w.time
		}
	}
}

// ---- GROUP BY

// groupBy binds the items; the grouping sets are the product of what each gives.
func (g *grouping) groupBy(q *ast.Select) {
	g.sets = [][]int{{}}
	for i := range q.GroupBy {
		item := &q.GroupBy[i]
		var sets [][]int
		if item.Kind == "" {
			sets = g.plainItem(item)
		} else {
			sets = g.setItem(item)
		}
		if g.product(sets); len(g.sets) > maxGroupingSets || len(g.keys) > maxGroupKeys {
			g.add(diag.Limit, item.Pos(), "GROUP BY has more than %d grouping sets or %d keys", maxGroupingSets, maxGroupKeys)
			g.ok = false
			return
		}
	}
}

func (g *grouping) product(sets [][]int) {
	var all [][]int
	for _, a := range g.sets {
		for _, b := range sets {
			set := append([]int(nil), a...)
			for _, k := range b {
				if !contains(set, k) {
					set = append(set, k)
				}
			}
			all = append(all, set)
		}
	}
	g.sets = all
}

// plainItem is one expression: a column of the window, a window, or a key.
func (g *grouping) plainItem(item *ast.GroupItem) [][]int {
	if call, ok := item.Expr.(*ast.Call); ok && g.groupWindow(call) {
		return [][]int{{}}
	}
	x := (&binder{Checker: g.Checker, rel: g.rel}).top(item.Expr)
	if x == nil {
		g.ok = false
		return nil
	}
	if col, ok := x.(*expr.Column); ok && g.inSchema {
		switch col.Index {
		case g.start:
			g.hasStart = true
			return [][]int{{}}
		case g.end:
			g.hasEnd = true
			return [][]int{{}}
		case g.time:
			return [][]int{{}}
		}
	}
	return [][]int{{g.key(x, item.Expr)}}
}

// key is the number of a key, new or old.
func (g *grouping) key(x expr.Expr, e ast.Expr) int {
	for i, k := range g.keys {
		if expr.Equal(k, x) {
			return i
		}
	}
	if g.usesWindow(x) {
		g.unsupported(e.Pos(), "an expression over the columns of the window in GROUP BY")
		g.ok = false
	}
	if !sortable(x.Type()) {
		g.add(diag.TypeMismatch, e.Pos(), "GROUP BY takes simple values, not %s", x.Type())
		g.ok = false
	}
	g.keys = append(g.keys, untypedAsString(x))
	return len(g.keys) - 1
}

// usesWindow says whether x reads columns that a window function adds: they are
// not there before rows are grouped.
func (g *grouping) usesWindow(x expr.Expr) bool {
	w := g.rel.window
	if w == nil || w.window == nil {
		return false
	}
	used := make([]bool, len(g.rel.schema().Fields))
	plan.MarkColumns(x, used)
	return used[w.start] || used[w.end] || used[w.time]
}

// setItem is GROUPING SETS, ROLLUP or CUBE.
func (g *grouping) setItem(item *ast.GroupItem) [][]int {
	b := &binder{Checker: g.Checker, rel: g.rel}
	parts := make([][]int, len(item.Sets))
	for i, list := range item.Sets {
		for _, e := range list {
			x := b.top(e)
			if x == nil {
				g.ok = false
				return nil
			}
			parts[i] = append(parts[i], g.key(x, e))
		}
	}
	switch item.Kind {
	case "ROLLUP":
		return rollup(parts)
	case "CUBE":
		return g.cube(item, parts)
	}
	return parts
}

// rollup is the prefixes of the parts, longest first.
func rollup(parts [][]int) [][]int {
	var sets [][]int
	for n := len(parts); n >= 0; n-- {
		sets = append(sets, concat(parts[:n]))
	}
	return sets
}

// cube is the subsets of the parts, largest first.
func (g *grouping) cube(item *ast.GroupItem, parts [][]int) [][]int {
	if len(parts) > 8 {
		g.add(diag.Limit, item.Pos(), "CUBE of %d columns has more than %d grouping sets", len(parts), maxGroupingSets)
		g.ok = false
		return nil
	}
	var sets [][]int
	for mask := 1<<len(parts) - 1; mask >= 0; mask-- {
		var chosen [][]int
		for i := range parts {
			if mask>>(len(parts)-1-i)&1 != 0 {
				chosen = append(chosen, parts[i])
			}
		}
		sets = append(sets, concat(chosen))
	}
	return sets
}

func concat(parts [][]int) []int {
	set := []int{}
	for _, p := range parts {
		set = append(set, p...)
	}
	return set
}

// ---- SELECT and HAVING

func (g *grouping) having(b *binder, q *ast.Select) expr.Expr {
	if q.Having == nil {
		return nil
	}
	x := b.topCondition(q.Having, "HAVING")
	if x != nil {
		x = g.replace(x)
	}
	g.ok = g.ok && x != nil
	return x
}

// selectList binds the items; nil when one failed.
func (g *grouping) selectList(b *binder, q *ast.Select) *selectList {
	list := &selectList{now: map[int]bool{}}
	for i := range q.Items {
		item := &q.Items[i]
		if item.Star {
			g.add(diag.NotAColumn, item.Pos(), "* stands for columns that GROUP BY does not name").WithHint("name the keys and aggregates")
			g.ok = false
			continue
		}
		x := b.top(item.Expr)
		if x != nil {
			x = g.replace(x)
		}
		if x == nil {
			g.ok = false
			continue
		}
		list.add(x, itemName(item, i))
	}
	if !g.ok {
		return nil
	}
	return list
}

// replace makes x an expression over the columns of the Aggregate; nil after an
// error.
func (g *grouping) replace(x expr.Expr) expr.Expr {
	for i, k := range g.keys {
		if expr.Equal(k, x) {
			return g.column(i, x)
		}
	}
	switch x := x.(type) {
	case *expr.Agg:
		return g.column(g.callsAt()+g.call(x), x)
	case *expr.Column:
		if x.Index == g.mask {
			return g.column(g.callsAt()-1, x)
		}
		for i, special := range []int{g.start, g.end, g.time} {
			if x.Index == special && g.window.Kind != plan.Unwindowed {
				return g.column(len(g.keys)+i, x)
			}
		}
		g.add(diag.NotAColumn, x.Pos(), "%q is neither a key of GROUP BY nor inside an aggregate", x.Name).
			WithHint("add it to GROUP BY, or take MIN(%s), LAST_VALUE(%s) …", x.Name, x.Name)
		return nil
	}
	return g.replaceOperands(x)
}

func (g *grouping) replaceOperands(x expr.Expr) expr.Expr {
	children := x.Children()
	if len(children) == 0 {
		return x
	}
	out := make([]expr.Expr, len(children))
	ok := true
	for i, c := range children {
		out[i] = g.replace(c)
		ok = ok && out[i] != nil
	}
	if !ok {
		return nil
	}
	return x.WithChildren(out)
}

// callsAt is the first column of the calls.
func (g *grouping) callsAt() int {
	n := plan.Aggregate{Window: g.window, Keys: make([]int, len(g.keys))}
	return n.CallsAt()
}

func (g *grouping) column(i int, x expr.Expr) expr.Expr {
	name := g.text(x.Pos())
	if col, ok := x.(*expr.Column); ok {
		name = col.Name
	}
	return &expr.Column{Base: typed(x.Type(), x.Pos()), Index: i, Name: name}
}

// call is the number of an aggregate, new or old.
func (g *grouping) call(a *expr.Agg) int {
	for i, c := range g.calls {
		if expr.Equal(c, a) {
			return i
		}
	}
	g.calls = append(g.calls, a)
	return len(g.calls) - 1
}
