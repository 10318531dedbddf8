package plan

import "github.com/cepd/cepd/internal/expr"

// Remap moves the columns of e: column i becomes column to[i].
func Remap(e expr.Expr, to []int) expr.Expr {
	if e == nil {
		return nil
	}
	return expr.Rewrite(e, func(x expr.Expr) expr.Expr {
		col, ok := x.(*expr.Column)
		if !ok || to[col.Index] == col.Index {
			return x
		}
		moved := *col
		moved.Index = to[col.Index]
		return &moved
	})
}

// Replace puts with[i] in place of column i of e.
func Replace(e expr.Expr, with []expr.Expr) expr.Expr {
	return expr.Rewrite(e, func(x expr.Expr) expr.Expr {
		if col, ok := x.(*expr.Column); ok {
			return with[col.Index]
		}
		return x
	})
}

// MarkColumns sets used[i] for each column i that e reads.
func MarkColumns(e expr.Expr, used []bool) {
	if e == nil {
		return
	}
	expr.Walk(e, func(x expr.Expr) bool {
		if col, ok := x.(*expr.Column); ok {
			used[col.Index] = true
		}
		return true
	})
}

// withInputs is a copy of n over other inputs of the same schemas.
func withInputs(n Node, in []Node) Node {
	switch n := n.(type) {
	case *Filter:
		c := *n
		c.Input = in[0]
		return &c
	case *Project:
		c := *n
		c.Input = in[0]
		return &c
	case *Union:
		c := *n
		c.In = in
		return &c
	case *Suppress:
		c := *n
		c.Input = in[0]
		return &c
	case *Match:
		c := *n
		c.Input = in[0]
		return &c
	case *Aggregate:
		c := *n
		c.Input = in[0]
		return &c
	case *TopN:
		c := *n
		c.Input = in[0]
		return &c
	case *Over:
		c := *n
		c.Input = in[0]
		return &c
	case *Join:
		c := *n
		c.Left, c.Right = in[0], in[1]
		return &c
	case *Unnest:
		c := *n
		c.Input = in[0]
		return &c
	case *Normalize:
		c := *n
		c.Input = in[0]
		return &c
	case *Insert:
		c := *n
		c.Input = in[0]
		return &c
	}
	return n
}

// mapInputs applies f to the inputs of n.
func mapInputs(n Node, f func(Node) Node) Node {
	in := n.Inputs()
	if len(in) == 0 {
		return n
	}
	out := make([]Node, len(in))
	for i := range in {
		out[i] = f(in[i])
	}
	return withInputs(n, out)
}

// columnsOf is the columns that all of exprs are, and whether they are.
func columnsOf(exprs []expr.Expr) ([]int, bool) {
	cols := make([]int, len(exprs))
	for i, e := range exprs {
		col, ok := e.(*expr.Column)
		if !ok {
			return nil, false
		}
		cols[i] = col.Index
	}
	return cols, true
}
