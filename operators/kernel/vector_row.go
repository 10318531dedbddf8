package kernel

import (
	"math"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

// rowNode applies a row function to each row.
type rowNode struct {
	f      rowFunc
	args   []node
	phys   []event.Physical
	span   diag.Span
	cols   []*event.Vec
	values []event.Value
	result event.Value
	out    column
}

func compileRow(e expr.Expr) (node, error) {
	call, _ := e.(*expr.Call)
	if call != nil && call.Fn.Batch != nil && call.Fn.NullArgs {
		return compileBatch(call)
	}
	f, err := rowFuncOf(e)
	if err != nil {
		return nil, err
	}
	args, err := compileNodes(f.args)
	if err != nil {
		return nil, err
	}
	n := &rowNode{f: f, args: args, span: e.Pos(), out: newColumn(e.Type())}
	for _, a := range f.args {
		n.phys = append(n.phys, a.Type().Physical())
	}
	n.cols = make([]*event.Vec, len(args))
	n.values = make([]event.Value, len(args))
	if scale := instantScale(call); scale > 0 {
		return &instantNode{rows: n, scale: scale, limit: math.MaxInt64 / scale}, nil
	}
	return n, nil
}

func (n *rowNode) eval(r *run, sel []int32) *event.Vec {
	for i, a := range n.args {
		n.cols[i] = a.eval(r, sel)
	}
	out := n.out.reset(r.n)
	for k := range r.count(sel) {
		i := row(sel, k)
		n.step(r, i)
		out.Set(i, r.n, n.result)
	}
	return out
}

// step computes row i into n.result.
func (n *rowNode) step(r *run, i int) {
	null := false
	for a, col := range n.cols {
		load(col, n.phys[a], i, &n.values[a])
		null = null || n.values[a].Null
	}
	n.result.Null = null && n.f.strict
	if n.result.Null {
		return
	}
	if err := n.f.eval(r.ctx, n.values, &n.result); err != nil {
		r.ctx.fail(i, r.n, err, n.span)
		n.result.Null = true
	}
}

// fieldNode is a field of a ROW column.
type fieldNode struct {
	x     node
	index int
	out   column
}

func (n *fieldNode) eval(r *run, sel []int32) *event.Vec {
	v := n.x.eval(r, sel)
	field := &v.Kids[n.index]
	if v.Nulls == nil {
		return field
	}
	n.out.vec = *field
	n.out.nullWhere(r.n, v.Nulls, field.Nulls)
	return &n.out.vec
}
