package check

import (
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
	notIn       bool // the join is NOT IN
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
	if !j.final(j.left.node, j.at, "the left side of a join") {
		return nil
	}
	j.chooseTime(list)
	j.out = &plan.Join{Left: j.left.node, Right: j.right.node, Kind: j.kind, RightTime: j.kind == plan.RightOuter}
	if !j.mode() {
		return nil
	}
	for _, x := range list {
		j.condition(x)
	}
	if j.notIn && !j.unknowns() || !j.decided() {
		return nil
	}
	return j.relation()
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
