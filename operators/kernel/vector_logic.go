package kernel

import (
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

// junction is AND (decided by 0) or OR (decided by 1).
type junction struct {
	args     []node
	decisive int64
	open     []int32 // rows that no operand has decided
	out      column
}

func compileJunction(args []expr.Expr, decisive int64) (node, error) {
	nodes, err := compileNodes(args)
	return &junction{args: nodes, decisive: decisive, out: newColumn(event.TBool)}, err
}

func (n *junction) eval(r *run, sel []int32) *event.Vec {
	out := n.out.reset(r.n)
	for k := range r.count(sel) {
		out.I64[row(sel, k)] = 1 - n.decisive
	}
	open := sel
	for _, a := range n.args {
		v := a.eval(r, open)
		open = n.decide(r, v, open, out)
		if len(open) == 0 {
			break
		}
	}
	return out
}

// decide settles the rows that v decides and gives the others.
func (n *junction) decide(r *run, v *event.Vec, open []int32, out *event.Vec) []int32 {
	left := rows(&n.open, r.n)
	for k := range r.count(open) {
		i := row(open, k)
		switch {
		case v.Null(i):
			out.SetNull(i, r.n)
			left = append(left, int32(i))
		case v.I64[i] == n.decisive:
			out.I64[i] = n.decisive
			if out.Nulls != nil {
				out.Nulls.Clear(i)
			}
		default:
			left = append(left, int32(i))
		}
	}
	return left
}

type notNode struct {
	x   node
	out column
}

func (n *notNode) eval(r *run, sel []int32) *event.Vec {
	in := n.x.eval(r, sel)
	out := n.out.reset(r.n)
	n.out.nullWhere(r.n, in.Nulls, nil)
	x, to := in.I64[:r.n], out.I64[:r.n]
	for i, v := range x {
		to[i] = v ^ 1
	}
	return out
}

// isNode is IS [NOT] NULL, or a test for value.
type isNode struct {
	x      node
	null   bool // test for NULL, not for value
	value  int64
	negate int64
	out    column
}

func compileIs(e *expr.Is) (node, error) {
	x, err := compileNode(e.X)
	n := &isNode{x: x, out: newColumn(event.TBool)}
	if e.Test <= expr.IsNotNull {
		n.null, n.negate = true, b2i(e.Test == expr.IsNotNull)
	} else {
		n.value, n.negate = truthOf(e.Test)
	}
	return n, err
}

func (n *isNode) eval(r *run, sel []int32) *event.Vec {
	in := n.x.eval(r, sel)
	out := n.out.reset(r.n)
	for k := range r.count(sel) {
		i := row(sel, k)
		null := in.Null(i)
		if n.null {
			out.I64[i] = b2i(null) ^ n.negate
		} else {
			out.I64[i] = b2i(!null && in.I64[i] == n.value) ^ n.negate
		}
	}
	return out
}

// caseNode evaluates each arm for the rows that take it.
type caseNode struct {
	conds, arms []node // one arm more: ELSE
	taken       []event.Vec
	which       []int32 // the arm of each row
	pending     []int32
	hit         []int32
	out         column
}

func compileCase(e *expr.Case) (node, error) {
	n := &caseNode{out: newColumn(e.T)}
	for _, a := range e.When {
		cond, then, err := compilePair(a.Cond, typed(a.Then, e.T))
		if err != nil {
			return nil, err
		}
		n.conds, n.arms = append(n.conds, cond), append(n.arms, then)
	}
	last, err := compileNode(typed(e.Else, e.T))
	n.arms = append(n.arms, last)
	n.taken = make([]event.Vec, len(n.arms))
	return n, err
}

func (n *caseNode) eval(r *run, sel []int32) *event.Vec {
	out := n.out.reset(r.n)
	if len(n.which) < r.n {
		n.which = make([]int32, r.n)
	}
	pending := sel
	for a, cond := range n.conds {
		v := cond.eval(r, pending)
		hit, left := rows(&n.hit, r.n), rows(&n.pending, r.n)
		for k := range r.count(pending) {
			i := row(pending, k)
			if !v.Null(i) && v.I64[i] != 0 {
				hit = append(hit, int32(i))
			} else {
				left = append(left, int32(i))
			}
		}
		n.take(r, a, hit)
		if pending = left; len(pending) == 0 {
			break
		}
	}
	n.take(r, len(n.conds), pending)
	for k := range r.count(sel) {
		i := row(sel, k)
		copyRow(out, i, r.n, &n.taken[n.which[i]])
	}
	return out
}

// take evaluates an arm for its rows.
func (n *caseNode) take(r *run, arm int, hit []int32) {
	if r.count(hit) == 0 {
		return
	}
	n.taken[arm] = *n.arms[arm].eval(r, hit)
	for k := range r.count(hit) {
		n.which[row(hit, k)] = int32(arm)
	}
}

// copyRow copies row i from a column of the same physical form.
func copyRow(dst *event.Vec, i, n int, src *event.Vec) {
	switch {
	case src.Null(i):
		dst.Set(i, n, event.NullValue)
	case dst.Type.Physical() == event.PhysStr:
		dst.SetBytes(i, src.Bytes(i))
	case dst.Type.Physical() == event.PhysNested:
		dst.Set(i, n, src.Value(i))
	default:
		copyFixed(dst, i, src, i)
	}
}
