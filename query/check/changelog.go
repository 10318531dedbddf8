package check

import (
	"strings"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/duration"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/plan"
)

// final demands that the rows of n stay, for what cannot take any back.
func (c *Checker) final(n plan.Node, span diag.Span, what string) bool {
	source := plan.Updating(n)
	if source == nil {
		return true
	}
	text, remedy := changesOf(source)
	c.add(diag.Changelog, span, "%s takes rows that stay, and %s", what, text).WithHint("%s", remedy)
	return false
}

// changesOf tells of a node why its rows do not stay, and what would make them.
func changesOf(n plan.Node) (text, remedy string) {
	switch n := n.(type) {
	case *plan.Normalize:
		return tableChanges(n.Input)
	case *plan.Scan:
		return tableChanges(n)
	case *plan.TopN:
		return "the first rows of a key change as rows come",
			"keep what comes first, ORDER BY the time ascending; or number the rows of windows: PARTITION BY window_start, window_end, …"
	case *plan.Aggregate:
		if n.Emit != nil {
			return "'table.exec.emit.…' shows windows whose results change", "leave 'table.exec.emit.…' out: a window is reported once then, at its end"
		}
	}
	return "the results of GROUP BY without windows change with each row",
		"group by windows, whose results stay: FROM TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE) … GROUP BY window_start, window_end, …"
}

func tableChanges(n plan.Node) (text, remedy string) {
	scan, ok := n.(*plan.Scan)
	if !ok {
		return "those of a table with a key are updated and deleted", "read each change as a row of its own"
	}
	remedy = "read each record as a row that stays, from a table with 'connector' = 'kafka'; or join with JOIN %s FOR SYSTEM_TIME AS OF a.ts"
	if scan.Table.Option("connector", "") != "upsert-kafka" {
		remedy = "take the changes as rows that stay, with 'format' = 'json' and columns before, after and op; or join with JOIN %s FOR SYSTEM_TIME AS OF a.ts"
	}
	return "those of " + scan.Table.Name + " are updated and deleted", strings.Replace(remedy, "%s", scan.Table.Name, 1)
}

// fitsTable demands that the table that is written can take what the query does to
// its rows.
func (c *Checker) fitsTable(e *ast.Insert, n plan.Node, t *catalog.Table) bool {
	source := plan.Updating(n)
	if source == nil || t.Takes() != plan.AppendOnly {
		return true
	}
	text, remedy := changesOf(source)
	c.add(diag.Changelog, e.Table.Pos(), "%s takes rows that stay, and %s", t.Name, text).
		WithHint("write a table of 'connector' = 'upsert-kafka' or 'jdbc' with PRIMARY KEY (…) NOT ENFORCED, or one of 'format' = 'debezium-json'; or %s", remedy)
	return false
}

// keyedTable demands the primary key that upserts are by.
func (c *Checker) keyedTable(t *catalog.Table, span diag.Span) {
	if k := t.Option("connector", ""); (k == "upsert-kafka" || k == "parameters") && len(t.PrimaryKey) == 0 {
		c.add(diag.SchemaMismatch, span, "a table of 'connector' = '%s' needs the key that its rows are updated by", k).
			WithHint("add PRIMARY KEY (column) NOT ENFORCED")
	}
}

// normalized is the rows that a table of upserts stands for.
func normalized(rel *relation, t *catalog.Table) *relation {
	if t.Gives() == plan.Upsert {
		rel.node = &plan.Normalize{Input: rel.node, Key: t.PrimaryKey}
	}
	return rel
}

// upserts is a table of upserts as it is read, which is all that its versions need.
func upserts(n plan.Node) plan.Node {
	if n, ok := n.(*plan.Normalize); ok {
		return n.Input
	}
	return n
}

// keeps refuses state that nothing bounds.
func (c *Checker) keeps(n plan.Node, keys int, span diag.Span, what, instead string) bool {
	if keys == 0 || c.unbounded(n) == nil || c.timeToLive() {
		return true
	}
	c.add(diag.UnboundedState, span, "%s for ever", what).
		WithHint("SET 'state.ttl' = '1 d' forgets keys that are idle; or %s", instead)
	return false
}

// retractable refuses aggregates that cannot give up a row that is taken back.
func (g *grouping) retractable() bool {
	if plan.ChangelogOf(g.input) == plan.AppendOnly {
		return true
	}
	ok := true
	for _, a := range g.calls {
		call := g.planCall(a)
		if !call.Retractable() || g.window.Kind != plan.Unwindowed && len(call.OrderBy) > 0 {
			text, _ := changesOf(plan.Updating(g.input))
			g.add(diag.Changelog, a.Pos(), "%s cannot give up a row that is taken back, and %s", a.Fn.Name, text).WithHint("%s", instead(&call))
			ok = false
		}
	}
	return ok
}

// instead is what to write in place of an aggregate that cannot retract.
func instead(c *plan.AggCall) string {
	switch {
	case len(c.Params) > 0 && c.Params[0].Float():
		return "take exact numbers: " + c.Fn.Name + "(CAST(x AS DECIMAL(18, 6)))"
	case c.Fn.Name == "APPROX_COUNT_DISTINCT":
		return "write COUNT(DISTINCT x)"
	case c.Fn.Ordered:
		return "give it an order, in GROUP BY without windows: " + c.Fn.Name + "(x ORDER BY y)"
	}
	return "COUNT, SUM and AVG of exact numbers, MIN, MAX, BOOL_AND, BOOL_OR and aggregates with DISTINCT can"
}

// ---- DISTINCT and set operations: GROUP BY all columns

// distinctRows keeps one of rows that are equal.
func (c *Checker) distinctRows(rel *relation, span diag.Span, what string) *relation {
	return c.groupedRows(rel, nil, nil, span, what)
}

// groupedRows groups by all columns, in windows where the rows have their bounds,
// and keeps the groups for which cond holds, over the columns and then the calls.
// The calls' columns are among hidden, which are no keys and do not come out.
func (c *Checker) groupedRows(rel *relation, hidden []int, calls []plan.AggCall, span diag.Span, what string) *relation {
	in := rel.schema()
	n := &plan.Aggregate{Input: rel.node, Window: plan.Window{Kind: plan.Unwindowed, Time: none}, Calls: calls, Out: event.NewSchema()}
	w := rel.window
	if w != nil && (plan.ChangelogOf(rel.node) != plan.AppendOnly || in.Rowtime < 0 && !w.timed) {
		w = nil
	}
	if w != nil {
		n.Window = plan.Window{Kind: plan.Attached, Time: none, Start: w.start, End: w.end}
	}
	for i, f := range in.Fields {
		if contains(hidden, i) {
			continue
		}
		if !sortable(f.Type) {
			c.add(diag.TypeMismatch, span, "%s compares rows, and column %q is %s", what, f.Name, f.Type)
			return nil
		}
		n.Keys = append(n.Keys, i)
		n.Out.Fields = append(n.Out.Fields, f)
	}
	n.Sets = [][]int{upTo(len(n.Keys))}
	if w == nil && !c.keeps(rel.node, len(n.Keys), span, what+" keeps every row", "apply it to windows: rows with window_start and window_end") {
		return nil
	}
	if w != nil {
		n.Out.Fields = append(n.Out.Fields, windowFields(in.Fields[w.end].Type)...)
		n.Out.Rowtime = len(n.Keys) + plan.OutTime
	}
	n.Out.Fields = append(n.Out.Fields, event.Field{Name: "grouping", Type: event.TInt64})
	for i := range calls {
		n.Out.Fields = append(n.Out.Fields, event.Field{Name: calls[i].Text(in), Type: event.TInt64})
	}
	return &relation{node: n, proctime: map[int]bool{}, window: w}
}

// firstColumns is the first columns of a relation.
func firstColumns(rel *relation, n int, span diag.Span) *relation {
	in := rel.schema()
	p := &plan.Project{Input: rel.node, Out: &event.Schema{Rowtime: none}}
	for i := range n {
		p.Exprs, p.Out.Fields = append(p.Exprs, columnOf(in, i, span)), append(p.Out.Fields, in.Fields[i])
	}
	out := &relation{node: p, proctime: map[int]bool{}}
	if w := rel.window; w != nil {
		out.window = &windowed{start: w.start, end: w.end, time: none, timed: w.timed}
	}
	return out
}

// setRows is UNION, INTERSECT or EXCEPT: each row once that is on either side, on
// both, or on the left alone. Rows of both sides are grouped, each with its side.
func (c *Checker) setRows(q *ast.SetOp, left, right *relation) *relation {
	span := c.gap(q)
	if q.Op == "UNION" {
		all := c.positional(q, left, right)
		if all == nil {
			return nil
		}
		all.window = commonWindow(left, right)
		rel := c.distinctRows(all, span, "UNION")
		if rel == nil {
			return nil
		}
		return firstColumns(rel, len(all.schema().Fields), span)
	}
	l, r := withSide(left, true, span), withSide(right, false, span)
	all := c.positional(q, l, r)
	if all == nil {
		return nil
	}
	all.window = commonWindow(left, right)
	side := len(all.schema().Fields) - 1
	rows := &plan.Project{Input: all.node, Out: &event.Schema{Rowtime: all.schema().Rowtime, Fields: append([]event.Field(nil), all.schema().Fields...)}}
	for i := range rows.Out.Fields {
		rows.Exprs = append(rows.Exprs, columnOf(all.schema(), i, span))
	}
	rows.Exprs = append(rows.Exprs, &expr.Not{Base: typed(event.TBool, span), X: columnOf(all.schema(), side, span)})
	rows.Out.Fields = append(rows.Out.Fields, event.Field{Name: "right", Type: event.TBool})
	all.node = rows
	count, _ := function.Aggregate("COUNT")
	calls := []plan.AggCall{{Fn: count, Filter: side}, {Fn: count, Filter: side + 1}}
	rel := c.groupedRows(all, []int{side, side + 1}, calls, span, q.Op)
	if rel == nil {
		return nil
	}
	at := rel.node.(*plan.Aggregate).CallsAt()
	some := func(call int, op expr.CompareOp) expr.Expr {
		return &expr.Compare{Base: typed(event.TBool, span), Op: op, X: columnOf(rel.schema(), at+call, span), Y: constant(event.TInt64, event.IntValue(0), span)}
	}
	op := expr.Gt
	if q.Op == "EXCEPT" {
		op = expr.Eq
	}
	rel.node = &plan.Filter{Input: rel.node, Cond: plan.Conjunction([]expr.Expr{some(0, expr.Gt), some(1, op)})}
	return firstColumns(rel, side, span)
}

// withSide adds a column that says which side a row is of.
func withSide(rel *relation, left bool, span diag.Span) *relation {
	in := rel.schema()
	p := &plan.Project{Input: rel.node, Out: &event.Schema{Rowtime: in.Rowtime, Fields: append([]event.Field(nil), in.Fields...)}}
	for i := range in.Fields {
		p.Exprs = append(p.Exprs, columnOf(in, i, span))
	}
	p.Exprs = append(p.Exprs, constant(event.TBool, event.BoolValue(left), span))
	p.Out.Fields = append(p.Out.Fields, event.Field{Name: "left", Type: event.TBool})
	return &relation{node: p, proctime: rel.proctime}
}

// commonWindow is the window of both sides, if they have its bounds in the same
// columns.
func commonWindow(left, right *relation) *windowed {
	l, r := left.window, right.window
	if l == nil || r == nil || l.start != r.start || l.end != r.end {
		return nil
	}
	return &windowed{start: l.start, end: l.end, time: none, timed: l.timed && r.timed}
}

// ---- when windows are shown

// The settings of when results of windows are shown, as Flink SQL has them.
const (
	emitEarly      = "table.exec.emit.early-fire.enabled"
	emitEarlyDelay = "table.exec.emit.early-fire.delay"
	emitLate       = "table.exec.emit.late-fire.enabled"
	emitLateDelay  = "table.exec.emit.late-fire.delay"
	emitLateness   = "table.exec.emit.allow-lateness"
)

// maxEmitWindows is how many windows a row may be in where they are shown early or
// late: each has a group of its own then.
const maxEmitWindows = 1000

// emit is the policy of the settings; nil: windows are shown at their end.
func (g *grouping) emit(q *ast.Select) *plan.Emit {
	set := g.cat.Settings
	early, late := set[emitEarly] == "true", set[emitLate] == "true"
	e := &plan.Emit{Early: -1, Lateness: g.delay(emitLateness)}
	if early {
		e.Early = g.delay(emitEarlyDelay)
	}
	if late {
		e.Late = g.delay(emitLateDelay)
	}
	if !early && e.Lateness == 0 || g.window.Kind == plan.Attached || g.window.Kind == plan.Unwindowed {
		return nil
	}
	w, at := &g.window, q.GroupBy[0].Pos()
	switch {
	case w.Kind == plan.Session:
		g.unsupported(at, "SESSION shown early or late").WithHint("SET '%s' = 'false' and SET '%s' = '0 s' for this query", emitEarly, emitLateness)
		g.ok = false
	case w.Slide > 0 && w.Size/w.Slide > maxEmitWindows:
		g.add(diag.Limit, at, "a row is in %d windows, and shown early or late each has a group of its own: at most %d", w.Size/w.Slide, maxEmitWindows)
		g.ok = false
	}
	return e
}

// delay is a setting in µs. The engine refuses one that is no duration.
func (g *grouping) delay(key string) int64 {
	d, err := duration.Parse(g.cat.Settings[key])
	if err != nil {
		return 0
	}
	return d.Microseconds()
}
