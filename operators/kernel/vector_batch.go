package kernel

import (
	"errors"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

// batchNode is a function that takes many rows at once.
type batchNode struct {
	fn   *expr.Func
	c    expr.Context
	args []node
	span diag.Span
	cols []*event.Vec
	out  column
}

func compileBatch(e *expr.Call) (node, error) {
	args, err := compileNodes(e.Args)
	if err != nil {
		return nil, err
	}
	return &batchNode{
		fn: e.Fn, c: expr.Context{Args: typesOf(e.Args), Result: e.T}, args: args, span: e.Pos(),
		cols: make([]*event.Vec, len(args)), out: newColumn(e.Type()),
	}, nil
}

func (n *batchNode) eval(r *run, sel []int32) *event.Vec {
	for i, a := range n.args {
		n.cols[i] = a.eval(r, sel)
	}
	out := n.out.reset(r.n)
	if r.count(sel) == 0 {
		return out
	}
	if sel == nil {
		sel = event.Rows(0, r.n)
	}
	n.c.Now, n.c.Zone = r.ctx.Now, r.ctx.Zone
	raise(n.fn.Batch(&n.c, n.cols, sel, r.n, out, func(row int32, err error) { r.ctx.fail(int(row), r.n, err, n.span) }))
	return out
}

// raise panics with an error that is of no row.
func raise(err error) {
	var f *expr.Fatal
	if errors.As(err, &f) {
		panic(f)
	}
}
