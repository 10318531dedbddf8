package check

import (
	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/plan"
)

// source binds FROM and those conditions of WHERE that join: on both sides of
// an inner join, and sub-queries. where is the others. The relation is nil, and
// ok, when there is no FROM.
func (c *Checker) source(q *ast.Select) (rel *relation, where ast.Expr, ok bool) {
	if len(q.From) == 0 {
		return nil, q.Where, true
	}
	all := conjuncts(q.Where)
	rel, rest := c.fromWhere(listed(q.From), all)
	for i := 0; rel != nil && i < len(rest); {
		if !isMembership(rest[i]) {
			i++
			continue
		}
		rel = c.membership(rel, rest[i])
		rest = append(rest[:i:i], rest[i+1:]...)
	}
	if len(rest) == len(all) {
		return rel, q.Where, rel != nil
	}
	return rel, conjoined(rest), rel != nil
}

// conjoined is conditions as one; nil when there is none.
func conjoined(list []ast.Expr) ast.Expr {
	if len(list) == 0 {
		return nil
	}
	e := list[0]
	for _, next := range list[1:] {
		e = &ast.Binary{Base: ast.Base{Span: e.Pos().To(next.Pos())}, Op: "AND", X: e, Y: next}
	}
	return e
}

// conjuncts are the operands of AND in e, or e itself; none of nil.
func conjuncts(e ast.Expr) []ast.Expr {
	if e == nil {
		return nil
	}
	if b, ok := e.(*ast.Binary); ok && b.Op == "AND" {
		return append(conjuncts(b.X), conjuncts(b.Y)...)
	}
	return []ast.Expr{e}
}

// listed is the tables of FROM, which stand beside each other for inner joins.
func listed(from []ast.TableExpr) ast.TableExpr {
	t := from[0]
	for _, next := range from[1:] {
		t = &ast.Join{Base: ast.Base{Span: t.Pos().To(next.Pos())}, Kind: "CROSS", Left: t, Right: next}
	}
	return t
}

// fromWhere binds a table of FROM. Conditions on both sides of an inner join
// become its own; rest are those that did not.
func (c *Checker) fromWhere(t ast.TableExpr, where []ast.Expr) (rel *relation, rest []ast.Expr) {
	j, ok := t.(*ast.Join)
	if !ok {
		return c.from(t), where
	}
	inner := joinKinds[j.Kind] == plan.Inner
	var left *relation
	if inner {
		left, where = c.fromWhere(j.Left, where)
	} else {
		left = c.from(j.Left)
	}
	if f, ok := j.Right.(*ast.TableFunction); ok && unnests(f) {
		return c.unnestJoin(left, j, f), where
	}
	right, asOf := c.joined(j.Right)
	if left == nil || right == nil {
		return nil, where
	}
	var own []ast.Expr
	if j.On != nil {
		own = append(own, j.On)
	}
	if inner {
		own, rest = c.divide(bothOf(left, right), len(left.schema().Fields), own, where)
	} else {
		rest = where
	}
	return c.join(&joiner{Checker: c, at: j.Pos(), kind: joinKinds[j.Kind], left: left, right: right, asOf: asOf}, j.Using, own), rest
}

// divide adds the conditions on both sides to those of a join.
func (c *Checker) divide(both *relation, width int, own, where []ast.Expr) (joining, rest []ast.Expr) {
	quiet := *c
	quiet.list = &diag.List{File: c.list.File, Source: c.list.Source}
	for _, e := range where {
		if !isMembership(e) && quiet.spans(both, e, width) {
			own = append(own, e)
			continue
		}
		rest = append(rest, e)
	}
	return own, rest
}

// spans says whether a condition reads columns on both sides of width.
func (c *Checker) spans(both *relation, e ast.Expr, width int) bool {
	x := (&binder{Checker: c, rel: both}).expr(e)
	if x == nil {
		return false
	}
	l, r := plan.JoinSides(x, width)
	return l && r
}
