package check

import (
	"strings"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/plan"
)

// joiner binds one join.
type joiner struct {
	*Checker
	at          diag.Span
	kind        plan.JoinKind
	left, right *relation
	both        *relation // the columns of the two, left first
	asOf        ast.Expr  // FOR SYSTEM_TIME AS OF; nil: none
	out         *plan.Join
	extra       [2][]expr.Expr // keys that are no columns, behind those of the side
	covered     []int          // of the right side's primary key: the columns with an equality
	residual    []expr.Expr
	lower       bool // out.Lower is set
	upper       bool
}

var joinKinds = map[string]plan.JoinKind{
	"INNER": plan.Inner, "CROSS": plan.Inner, "LEFT": plan.LeftOuter, "RIGHT": plan.RightOuter, "FULL": plan.FullOuter, "SEMI": plan.Semi, "ANTI": plan.Anti,
}

// joined binds the right side, which may be a table as of some time.
func (c *Checker) joined(t ast.TableExpr) (*relation, ast.Expr) {
	ref, ok := t.(*ast.TableRef)
	if !ok || ref.AsOf == nil {
		return c.from(t), nil
	}
	plain := *ref
	plain.AsOf = nil
	return c.from(&plain), ref.AsOf
}

// join binds a join whose sides are bound; nil after an error.
func (c *Checker) join(j *joiner, using []ast.Ident, conds []ast.Expr) *relation {
	if len(using) > 0 {
		c.unsupported(using[0].Pos(), "USING").WithHint("write ON a.%s = b.%s", using[0].Name, using[0].Name)
		return nil
	}
	j.both = bothOf(j.left, j.right)
	b := &binder{Checker: c, rel: j.both}
	var list []expr.Expr
	for _, e := range conds {
		x := b.topCondition(e, "ON")
		if x == nil {
			return nil
		}
		list = append(list, plan.Conjuncts(x)...)
	}
	if j.swaps() {
		return j.swapped(list)
	}
	return j.bind(list)
}

// bothOf is the columns of both sides, with the names of their tables.
func bothOf(left, right *relation) *relation {
	l, r := left.schema(), right.schema()
	both := &relation{node: &plan.Values{Out: plan.JoinSchema(l, r)}, proctime: map[int]bool{}, other: none}
	both.tables = append(both.tables, left.scopes(0)...)
	both.tables = append(both.tables, right.scopes(len(l.Fields))...)
	for i := range l.Fields {
		both.proctime[i] = left.proctime[i]
	}
	return both
}

// none is no column.
const none = -1

// swaps says whether the sides change places: a table that is read once stands
// on the right.
func (j *joiner) swaps() bool {
	return j.asOf == nil && (j.kind == plan.Inner || j.kind == plan.RightOuter) && j.static(j.left.node) && !j.static(j.right.node)
}

// swapped is the join with the sides exchanged, and their columns put back.
func (j *joiner) swapped(list []expr.Expr) *relation {
	l, r := len(j.left.schema().Fields), len(j.right.schema().Fields)
	to := make([]int, l+r)
	for i := range to {
		to[i] = (i + r) % (l + r)
	}
	for i := range list {
		list[i] = plan.Remap(list[i], to)
	}
	s := &joiner{Checker: j.Checker, at: j.at, left: j.right, right: j.left, both: bothOf(j.right, j.left)}
	if j.kind == plan.RightOuter {
		s.kind = plan.LeftOuter
	}
	rel := s.bind(list)
	if rel == nil {
		return nil
	}
	in := rel.schema()
	out := &event.Schema{Rowtime: none}
	exprs := make([]expr.Expr, l+r)
	for i, from := range to {
		exprs[i] = columnOf(in, from, j.at)
		out.Fields = append(out.Fields, in.Fields[from])
		if from == in.Rowtime {
			out.Rowtime = i
		}
	}
	back := *j.both
	back.proctime = map[int]bool{}
	for i, from := range to {
		back.proctime[i] = rel.proctime[from]
	}
	back.node = &plan.Project{Input: rel.node, Exprs: exprs, Out: out}
	return &back
}

// bind makes the plan of a join with these conditions.
func (j *joiner) bind(list []expr.Expr) *relation {
	j.chooseTime(list)
	j.out = &plan.Join{Left: j.left.node, Right: j.right.node, Kind: j.kind, RightTime: j.kind == plan.RightOuter}
	if !j.mode() {
		return nil
	}
	for _, x := range list {
		j.condition(x)
	}
	if !j.decided() {
		return nil
	}
	return j.relation()
}

// chooseTime gives a left side that is a join itself its other time, where the
// conditions are on that.
func (j *joiner) chooseTime(list []expr.Expr) {
	own, other := false, false
	for _, x := range list {
		c, ok := x.(*expr.Compare)
		if !ok || !c.X.Type().Instant() {
			continue
		}
		for _, side := range []expr.Expr{c.X, c.Y} {
			column, _, ok := moment(side)
			own = own || ok && column == j.left.schema().Rowtime
			other = other || ok && j.left.other > 0 && column == j.left.other
		}
	}
	if other && !own {
		_, j.left = j.left.retimed(j.left.node)
	}
}

// mode settles which rows can be partners.
func (j *joiner) mode() bool {
	static := j.static(j.right.node)
	switch {
	case j.asOf != nil:
		if !j.asOfTime(static) {
			return false
		}
		j.out.Mode = plan.Versioned
	case !static:
		j.out.Mode = plan.Interval
		return j.timed()
	}
	if static {
		j.out.Mode = plan.Static
	}
	j.out.Proctime = j.left.schema().Rowtime < 0
	if j.kind == plan.RightOuter || j.kind == plan.FullOuter {
		j.unsupported(j.at, strings.ToUpper(j.kind.String())+" JOIN with a table that is looked up").WithHint("its rows without a partner are never certain: write JOIN or LEFT JOIN")
		return false
	}
	return true
}

// static says whether n is read once: it ends, and its rows have no time.
func (c *Checker) static(n plan.Node) bool {
	switch n := n.(type) {
	case *plan.Scan:
		return n.Out.Rowtime < 0 && c.opts.Bounded(n.Table)
	case *plan.Values:
		return true
	case *plan.Filter, *plan.Project, *plan.Union:
		for _, in := range n.Inputs() {
			if !c.static(in) {
				return false
			}
		}
		return true
	}
	return false
}

// asOfTime checks the time of FOR SYSTEM_TIME AS OF and the table behind it.
func (j *joiner) asOfTime(static bool) bool {
	x := (&binder{Checker: j.Checker, rel: j.left}).expr(j.asOf)
	if x == nil {
		return false
	}
	col, ok := x.(*expr.Column)
	if ok && j.left.other > 0 && col.Index == j.left.other {
		_, j.left = j.left.retimed(j.left.node)
		j.out.Left = j.left.node
	}
	l, r := j.left.schema(), j.right.schema()
	rowtime := ok && col.Index == l.Rowtime
	proctime := ok && j.left.proctime[col.Index]
	switch {
	case !rowtime && !proctime:
		m := &matcher{Checker: j.Checker, in: j.left}
		j.add(diag.MissingTime, j.asOf.Pos(), "FOR SYSTEM_TIME AS OF takes the time of the left side").
			WithHint("%s", strings.Replace(m.timeHint(), "write ORDER BY", "write FOR SYSTEM_TIME AS OF", 1))
	case static:
		return true
	case proctime:
		j.unsupported(j.asOf.Pos(), "FOR SYSTEM_TIME AS OF the processing time, of a table that changes").WithHint("take the version at the event time of the left side")
	case r.Rowtime < 0 || len(j.right.key) == 0:
		j.add(diag.MissingTime, j.asOf.Pos(), "the versions of a table are by its primary key and its event time; this one lacks one of them").
			WithHint("declare PRIMARY KEY (…) NOT ENFORCED and WATERMARK FOR … in CREATE TABLE; a table that ends needs neither")
	default:
		return true
	}
	return false
}

// timed refuses a join of streams whose rows have no event time.
func (j *joiner) timed() bool {
	for _, side := range []*relation{j.left, j.right} {
		if side.schema().Rowtime >= 0 || side.window != nil && side.window.timed {
			continue
		}
		m := &matcher{Checker: j.Checker, in: side}
		d := j.add(diag.MissingTime, j.at, "a join of two streams goes by their event times, and one of the sides has none")
		if hint := m.timeHint(); strings.HasPrefix(hint, "declare") {
			d.WithHint("%s; or, where the right side is a table that is looked up, let it end", hint)
		}
		return false
	}
	return true
}

// decided checks that the conditions say what the mode needs.
func (j *joiner) decided() bool {
	switch j.out.Mode {
	case plan.Interval:
		return j.bounded()
	case plan.Versioned:
		return j.byPrimaryKey()
	}
	return true
}

// byPrimaryKey demands that the key of the versions is what is joined on.
func (j *joiner) byPrimaryKey() bool {
	for _, k := range j.right.key {
		if !contains(j.covered, k) {
			name := j.right.schema().Fields[k].Name
			j.add(diag.SchemaMismatch, j.at, "a temporal join needs an equality for each column of the primary key, and %q has none", name).
				WithHint("add %s = … to ON", name)
			return false
		}
	}
	return true
}

// bounded demands a bound on the time between partners.
func (j *joiner) bounded() bool {
	j.windowBounds()
	o := j.out
	switch {
	case !j.lower || !j.upper:
		l, r := j.timeName(j.left, 0), j.timeName(j.right, 1)
		j.add(diag.UnboundedState, j.at, "a join of two streams needs bounds on the time between their rows, both ways: else each row would be kept for ever").
			WithHint("add AND %s BETWEEN %s - INTERVAL '1' HOUR AND %s + INTERVAL '1' HOUR to the condition", r, l, l)
		return false
	case o.Lower > o.Upper:
		j.add(diag.NumberOutOfRange, j.at, "no two rows can fulfil the bounds on the time between them")
		return false
	}
	return true
}

// timeName is the time of a side, qualified by its table.
func (j *joiner) timeName(side *relation, n int) string {
	s := side.schema()
	if s.Rowtime < 0 {
		return [...]string{"a.ts", "b.ts"}[n]
	}
	for _, t := range side.scopes(0) {
		if t.name != "" && s.Rowtime >= t.from && s.Rowtime < t.to {
			return t.name + "." + s.Fields[s.Rowtime].Name
		}
	}
	return s.Fields[s.Rowtime].Name
}

// relation is the joined columns.
func (j *joiner) relation() *relation {
	o := j.out
	width := [2]int{len(j.left.schema().Fields), len(j.right.schema().Fields)}
	o.Left, o.Right = withExtra(o.Left, j.extra[0]), withExtra(o.Right, j.extra[1])
	if len(j.residual) > 0 {
		to := make([]int, width[0]+width[1])
		for i := range to {
			if to[i] = i; i >= width[0] {
				to[i] += len(j.extra[0])
			}
		}
		o.Residual = plan.Remap(plan.Conjunction(j.residual), to)
	}
	o.Out = j.schemaOf(o.Left.Schema(), o.Right.Schema())
	rel := &relation{node: o, proctime: j.both.proctime, tables: j.both.tables, other: none}
	if o.Kind.LeftOnly() {
		rel.tables, rel.alias = j.left.tables, j.left.alias
	}
	if o.Kind != plan.RightOuter && o.Kind != plan.FullOuter {
		rel.window = j.left.window
	}
	if len(j.extra[0])+len(j.extra[1]) > 0 {
		rel.node = j.visible(width)
	}
	if o.Mode == plan.Interval && o.Kind == plan.Inner && j.right.schema().Rowtime >= 0 {
		rel.other = width[0] + j.right.schema().Rowtime
	}
	return rel
}

// schemaOf is the output columns of the Join. Where the left row may be absent
// its time is not that of the output.
func (j *joiner) schemaOf(l, r *event.Schema) *event.Schema {
	if j.kind.LeftOnly() {
		return l
	}
	out := plan.JoinSchema(l, r)
	switch {
	case j.kind == plan.RightOuter && r.Rowtime >= 0:
		out.Rowtime = len(l.Fields) + r.Rowtime
	case j.kind != plan.RightOuter && j.kind != plan.FullOuter:
		out.Rowtime = l.Rowtime
	}
	return out
}

// withExtra adds computed columns to a side.
func withExtra(n plan.Node, extra []expr.Expr) plan.Node {
	if len(extra) == 0 {
		return n
	}
	in := n.Schema()
	p := &plan.Project{Input: n, Out: &event.Schema{Rowtime: in.Rowtime, Fields: append([]event.Field(nil), in.Fields...)}}
	for i := range in.Fields {
		p.Exprs = append(p.Exprs, columnOf(in, i, diag.Span{}))
	}
	for _, x := range extra {
		p.Exprs = append(p.Exprs, x)
		p.Out.Fields = append(p.Out.Fields, event.Field{Name: plan.ExprString(x, in), Type: x.Type()})
	}
	return p
}

// visible drops the columns that withExtra has added.
func (j *joiner) visible(width [2]int) plan.Node {
	in := j.out.Out
	out := &event.Schema{Rowtime: none}
	p := &plan.Project{Input: j.out, Out: out}
	keep := func(from, n int) {
		for i := from; i < from+n; i++ {
			if i == in.Rowtime {
				out.Rowtime = len(out.Fields)
			}
			out.Fields = append(out.Fields, in.Fields[i])
			p.Exprs = append(p.Exprs, columnOf(in, i, diag.Span{}))
		}
	}
	keep(0, width[0])
	if !j.kind.LeftOnly() {
		keep(width[0]+len(j.extra[0]), width[1])
	}
	return p
}

// takesOther says whether a SELECT passes on the other time of a join, and not
// the one it has.
func (r *relation) takesOther(list *selectList) bool {
	own, other := false, false
	for _, x := range list.exprs {
		if col, ok := x.(*expr.Column); ok {
			own = own || col.Index == r.schema().Rowtime
			other = other || r.other > 0 && col.Index == r.other
		}
	}
	return other && !own
}

// retimed is the relation, and node over it, with its other time.
func (r *relation) retimed(node plan.Node) (plan.Node, *relation) {
	out := *r
	out.node, out.other = rightTimed(r.node), none
	return rightTimed(node), &out
}

// rightTimed is a plan whose join gives its rows the time of the right row.
func rightTimed(n plan.Node) plan.Node {
	switch n := n.(type) {
	case *plan.Filter:
		return &plan.Filter{Input: rightTimed(n.Input), Cond: n.Cond}
	case *plan.Project:
		c := *n
		c.Input = rightTimed(n.Input)
		out := *n.Out
		out.Rowtime = none
		for i, x := range n.Exprs {
			if col, ok := x.(*expr.Column); ok && col.Index == c.Input.Schema().Rowtime {
				out.Rowtime = i
			}
		}
		c.Out = &out
		return &c
	case *plan.Join:
		c := *n
		out := *n.Out
		out.Rowtime = len(n.Left.Schema().Fields) + n.Right.Schema().Rowtime
		c.Out, c.RightTime = &out, true
		return &c
	}
	return n
}
