package check

import (
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/query/plan"
)

// condition takes one condition of a join: an equality of both sides, a bound
// on the time between them, a filter of one, or what is tried on each pair.
func (j *joiner) condition(x expr.Expr) {
	if k, ok := x.(*expr.Const); ok && k.Value.Bool() {
		return
	}
	if j.out.Mode == plan.Interval && j.timeBound(x) {
		return
	}
	if j.equality(x) {
		return
	}
	width := len(j.left.schema().Fields)
	l, r := plan.JoinSides(x, width)
	switch {
	case volatile(x):
	case l && !r && !j.kind.KeepsLeft():
		j.out.Left = &plan.Filter{Input: j.out.Left, Cond: x}
		return
	case r && !l && !j.kind.KeepsRight() && j.out.Mode != plan.Versioned && j.out.Mode != plan.Lookup:
		j.out.Right = &plan.Filter{Input: j.out.Right, Cond: plan.Shift(x, width)}
		return
	}
	j.residual = append(j.residual, x)
}

// equality takes left = right as a pair of keys. A temporal join has those of
// the primary key alone, for a version is of that.
func (j *joiner) equality(x expr.Expr) bool {
	c, ok := x.(*expr.Compare)
	if !ok || c.Op != expr.Eq || volatile(x) || !sortable(c.X.Type()) || c.X.Type().Physical() != c.Y.Type().Physical() {
		return false
	}
	width := len(j.left.schema().Fields)
	a, b := c.X, c.Y
	if l, _ := plan.JoinSides(a, width); !l {
		a, b = b, a
	}
	if l, r := plan.JoinSides(a, width); !l || r {
		return false
	}
	if l, r := plan.JoinSides(b, width); l || !r {
		return false
	}
	b = plan.Shift(b, width)
	if j.out.Mode == plan.Versioned && !j.covers(b) || j.out.Mode == plan.Lookup && !j.asksBy(b) {
		return false
	}
	j.out.LeftKeys = append(j.out.LeftKeys, j.keyColumn(0, a))
	j.out.RightKeys = append(j.out.RightKeys, j.keyColumn(1, b))
	return true
}

// covers notes which column of the primary key an equality is of: the column
// itself, or widened.
func (j *joiner) covers(x expr.Expr) bool {
	if cast, ok := x.(*expr.Cast); ok && cast.X.Type().Integer() && assignable(cast.X.Type(), cast.T) {
		x = cast.X
	}
	col, ok := x.(*expr.Column)
	if !ok || !contains(j.right.key, col.Index) || contains(j.covered, col.Index) {
		return false
	}
	j.covered = append(j.covered, col.Index)
	return true
}

// keyColumn is the column of a side that is x.
func (j *joiner) keyColumn(side int, x expr.Expr) int {
	if col, ok := x.(*expr.Column); ok {
		return col.Index
	}
	width := len([2]*relation{j.left, j.right}[side].schema().Fields)
	for i, e := range j.extra[side] {
		if expr.Equal(e, x) {
			return width + i
		}
	}
	j.extra[side] = append(j.extra[side], x)
	return width + len(j.extra[side]) - 1
}

// timeBound takes a comparison of the times of both sides.
func (j *joiner) timeBound(x expr.Expr) bool {
	c, ok := x.(*expr.Compare)
	if !ok {
		return false
	}
	l, r := j.left.schema().Rowtime, j.right.schema().Rowtime
	if l < 0 || r < 0 {
		return false
	}
	r += len(j.left.schema().Fields)
	xc, xd, ok1 := moment(c.X)
	yc, yd, ok2 := moment(c.Y)
	if !ok1 || !ok2 || !(xc == l && yc == r || xc == r && yc == l) {
		return false
	}
	op, d := c.Op, yd-xd
	if xc == l { // left + xd op right + yd
		op, d = mirrored(op), xd-yd
	}
	switch op {
	case expr.Eq:
		j.atLeast(d)
		j.atMost(d)
	case expr.Ge:
		j.atLeast(d)
	case expr.Gt:
		j.atLeast(d + 1)
	case expr.Le:
		j.atMost(d)
	case expr.Lt:
		j.atMost(d - 1)
	default:
		return false
	}
	return true
}

func (j *joiner) atLeast(d int64) {
	if !j.lower || d > j.out.Lower {
		j.lower, j.out.Lower = true, d
	}
}

func (j *joiner) atMost(d int64) {
	if !j.upper || d < j.out.Upper {
		j.upper, j.out.Upper = true, d
	}
}

// moment is a column and a constant interval added to it, µs.
func moment(x expr.Expr) (column int, offset int64, ok bool) {
	switch x := x.(type) {
	case *expr.Column:
		return x.Index, 0, true
	case *expr.Arith:
		column, offset, ok = moment(x.X)
		d, constant := intervalConst(x.Y)
		switch {
		case ok && constant && x.Op == expr.Add:
			return column, offset + d, true
		case ok && constant && x.Op == expr.Sub:
			return column, offset - d, true
		}
		if d, constant = intervalConst(x.X); constant && x.Op == expr.Add {
			column, offset, ok = moment(x.Y)
			return column, offset + d, ok
		}
	}
	return 0, 0, false
}

func intervalConst(x expr.Expr) (us int64, ok bool) {
	k, ok := x.(*expr.Const)
	if !ok || k.Value.Null || x.Type().Kind != event.IntervalDay {
		return 0, false
	}
	return k.Value.I, true
}

// windowBounds bounds the time between rows of one window.
func (j *joiner) windowBounds() {
	l, r := j.left.window, j.right.window
	if l == nil || r == nil || !j.joinedOn(l.start, r.start) || !j.joinedOn(l.end, r.end) {
		return
	}
	size := max(l.size, r.size)
	lFrom, lTo := l.within(size)
	rFrom, rTo := r.within(size)
	j.atLeast(rFrom - lTo)
	j.atMost(rTo - lFrom)
}

// within is how far after the start of a window of a size the times of its rows
// lie, µs.
func (w *windowed) within(size int64) (from, to int64) {
	if w.size == 0 { // results of the window
		return size - 1000, size - 1000
	}
	return 0, size - 1
}

func (j *joiner) joinedOn(l, r int) bool {
	for i, k := range j.out.LeftKeys {
		if k == l && j.out.RightKeys[i] == r {
			return true
		}
	}
	return false
}
