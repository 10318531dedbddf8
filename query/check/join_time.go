package check

import (
	"strings"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/duration"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/query/plan"
)

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
	case j.asked():
		return j.lookup()
	case j.asOf != nil:
		if !j.asOfTime(static) {
			return false
		}
		j.out.Mode, j.out.Right = plan.Versioned, upserts(j.out.Right)
	case !j.final(j.right.node, j.at, "a join without FOR SYSTEM_TIME AS OF"):
		return false
	case !static:
		j.out.Mode = plan.Interval
		return j.timed()
	}
	if static {
		j.out.Mode = plan.Static
	}
	j.out.Proctime = !j.left.timed()
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
		if side.timed() {
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
	case plan.Lookup:
		return j.hasKey()
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
	j.lifeBounds()
	o := j.out
	switch {
	case !j.lower || !j.upper:
		l, r := j.timeName(j.left, 0), j.timeName(j.right, 1)
		j.add(diag.UnboundedState, j.at, "a join of two streams needs bounds on the time between their rows, both ways: else each row would be kept for ever").
			WithHint("add AND %s BETWEEN %s - INTERVAL '1' HOUR AND %s + INTERVAL '1' HOUR to the condition; or SET 'state.ttl' = '1 d', which is then how far apart partners may be", r, l, l)
		return false
	case o.Lower > o.Upper:
		j.add(diag.NumberOutOfRange, j.at, "no two rows can fulfil the bounds on the time between them").
			WithHint("BETWEEN takes the earlier bound first")
		return false
	}
	return true
}

// lifeBounds has 'state.ttl' bound a join whose conditions do not.
func (j *joiner) lifeBounds() {
	life, err := duration.Parse(j.cat.Settings["state.ttl"])
	if err != nil || life == 0 {
		return
	}
	if !j.lower {
		j.atLeast(-life.Microseconds())
	}
	if !j.upper {
		j.atMost(life.Microseconds())
	}
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
