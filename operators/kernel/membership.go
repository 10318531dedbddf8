package kernel

import (
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
)

// membership is X IN (list) or X LIKE pattern on an int64 or a text: the
// predicates that deserve loops of their own beside comparisons.
type membership struct {
	x       expr.Expr
	number  func(int64) bool  // or
	text    func([]byte) bool // the one that fits X
	hasNull bool              // a row that is no member is NULL
}

func membershipOf(e expr.Expr) (m membership, ok bool, err error) {
	switch e := e.(type) {
	case *expr.In:
		m = membership{x: e.X, hasNull: e.HasNull}
		switch e.X.Type().Physical() {
		case event.PhysI64:
			m.number = intSet(e.List).has
		case event.PhysStr:
			m.text = textSet(e.List)
		default:
			return m, false, nil
		}
		return m, true, nil
	case *expr.Like:
		if e.X.Type().Physical() != event.PhysStr {
			return m, false, nil
		}
		p, err := function.CompileLike([]byte(e.Pattern), e.Escape)
		return membership{x: e.X, text: p.Match}, true, err
	}
	return m, false, nil
}

func textSet(list []event.Value) func([]byte) bool {
	set := make(map[string]struct{}, len(list))
	for _, v := range list {
		set[string(v.S)] = struct{}{}
	}
	return func(s []byte) bool { _, ok := set[string(s)]; return ok }
}

func scalarMembership(m membership) (operand, error) {
	x, err := compileScalar(m.x)
	if err != nil {
		return operand{}, err
	}
	if m.text != nil {
		return fromInt(event.TBool, memberOf(x.s, m.text, m.hasNull)), nil
	}
	return fromInt(event.TBool, memberOf(x.i, m.number, m.hasNull)), nil
}

func memberOf[T any](get getter[T], has func(T) bool, hasNull bool) getInt {
	return func(m *machine) (int64, bool) {
		v, null := get(m)
		if null {
			return 0, true
		}
		found := has(v)
		return b2i(found), hasNull && !found
	}
}

// memberNode is a membership over a column.
type memberNode struct {
	membership
	in  node
	out column
}

func compileMembership(m membership) (node, error) {
	in, err := compileNode(m.x)
	return &memberNode{membership: m, in: in, out: newColumn(event.TBool)}, err
}

func (n *memberNode) eval(r *run, sel []int32) *event.Vec {
	in := n.in.eval(r, sel)
	out := n.out.reset(r.n)
	n.out.nullWhere(r.n, in.Nulls, nil)
	for k := range r.count(sel) {
		i := row(sel, k)
		if out.Null(i) {
			continue
		}
		found := n.holds(in, i)
		out.I64[i] = b2i(found)
		if n.hasNull && !found {
			out.SetNull(i, r.n)
		}
	}
	return out
}

func (n *memberNode) holds(in *event.Vec, i int) bool {
	if n.text != nil {
		return n.text(in.Bytes(i))
	}
	return n.number(in.I64[i])
}
