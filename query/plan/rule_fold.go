package plan

import (
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

// foldConstants evaluates what other rules made constant: a filter that is
// always true goes away, one that never is takes its input with it.
func foldConstants(n Node, fold func(expr.Expr) expr.Expr) Node {
	n = mapInputs(n, func(in Node) Node { return foldConstants(in, fold) })
	switch n := n.(type) {
	case *Project:
		return foldProject(n, fold)
	case *Filter:
		return foldFilter(n, fold(n.Cond))
	case *Union:
		return dropEmpty(n)
	}
	return n
}

func foldProject(n *Project, fold func(expr.Expr) expr.Expr) Node {
	if v, ok := n.Input.(*Values); ok {
		if out := foldValues(n, v, fold); out != nil {
			return out
		}
	}
	c := *n
	c.Exprs = make([]expr.Expr, len(n.Exprs))
	for i, e := range n.Exprs {
		c.Exprs[i] = fold(e)
	}
	return &c
}

// foldValues is a projection of constants as constants; nil when it also
// depends on something else, such as the time.
func foldValues(n *Project, v *Values, fold func(expr.Expr) expr.Expr) Node {
	out := &Values{Rows: make([][]event.Value, len(v.Rows)), Out: n.Out}
	for i, row := range v.Rows {
		consts := make([]expr.Expr, len(row))
		for k, x := range row {
			consts[k] = &expr.Const{Base: expr.Base{T: v.Out.Fields[k].Type}, Value: x}
		}
		for _, e := range n.Exprs {
			k, ok := fold(Replace(e, consts)).(*expr.Const)
			if !ok {
				return nil
			}
			out.Rows[i] = append(out.Rows[i], k.Value)
		}
	}
	return out
}

func foldFilter(n *Filter, cond expr.Expr) Node {
	k, ok := cond.(*expr.Const)
	switch {
	case !ok:
		return &Filter{Input: n.Input, Cond: cond}
	case k.Value.Bool():
		return n.Input
	}
	return &Values{Out: n.Schema()}
}

// dropEmpty leaves out inputs without rows.
func dropEmpty(n *Union) Node {
	var in []Node
	for _, input := range n.In {
		if !empty(input) {
			in = append(in, input)
		}
	}
	switch len(in) {
	case 0:
		return &Values{Out: n.Out}
	case 1:
		return retitled(in[0], n)
	}
	c := *n
	c.In = in
	return &c
}

func empty(n Node) bool {
	switch n := n.(type) {
	case *Values:
		return len(n.Rows) == 0
	case *Project:
		return empty(n.Input)
	case *Filter:
		return empty(n.Input)
	}
	return false
}

// retitled is n under the column names of u.
func retitled(n Node, u *Union) Node {
	if sameSchema(n.Schema(), u.Out) {
		return n
	}
	return &Project{Input: n, Exprs: identity(n.Schema()), Out: u.Out}
}
