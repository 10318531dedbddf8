package kernel

import (
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

// Program evaluates an expression over batches. It has scratch memory and
// serves one goroutine.
type Program struct {
	root node
	run  run
}

// Compile compiles a row-local expression for batches.
func Compile(e expr.Expr) (*Program, error) {
	root, err := compileNode(foldQuietly(e))
	if err != nil {
		return nil, err
	}
	return &Program{root: root}, nil
}

// Eval computes a column: row i of the batch is row i of the column, and only
// the rows in sel (nil: all) are defined. A plain Column gives the batch's own
// column. The result is valid until the next Eval. Rows that fail are NULL and
// reported in ctx.Errs.
func (p *Program) Eval(ctx *Context, b *event.Batch, sel []int32) *event.Vec {
	before := len(ctx.Errs)
	p.run = run{ctx, b, b.N}
	v := p.root.eval(&p.run, sel)
	for _, e := range ctx.Errs[before:] {
		v.SetNull(int(e.Row), b.N)
	}
	return v
}

func compileNode(e expr.Expr) (node, error) {
	switch e := e.(type) {
	case *expr.Column:
		return input(e.Index), nil
	case *expr.Const:
		return &constantNode{vec: event.NewVec(e.T), value: e.Value}, nil
	case *expr.Compare:
		return compileCompare(e)
	case *expr.Arith:
		return compileArith(e)
	case *expr.And:
		return compileJunction(e.Args, 0)
	case *expr.Or:
		return compileJunction(e.Args, 1)
	case *expr.Not:
		x, err := compileNode(typed(e.X, event.TBool))
		return &notNode{x: x, out: newColumn(event.TBool)}, err
	case *expr.Is:
		return compileIs(e)
	case *expr.Case:
		return compileCase(e)
	case *expr.Cast:
		return compileCast(e)
	case *expr.Field:
		x, err := compileNode(e.X)
		return &fieldNode{x: x, index: e.Index}, err
	}
	if m, ok, err := membershipOf(e); ok || err != nil {
		if err != nil {
			return nil, err
		}
		return compileMembership(m)
	}
	return compileRow(e)
}

func compileNodes(list []expr.Expr) ([]node, error) {
	nodes := make([]node, len(list))
	for i, e := range list {
		n, err := compileNode(e)
		if err != nil {
			return nil, err
		}
		nodes[i] = n
	}
	return nodes, nil
}

func compilePair(x, y expr.Expr) (a, b node, err error) {
	if a, err = compileNode(x); err != nil {
		return nil, nil, err
	}
	b, err = compileNode(y)
	return a, b, err
}
