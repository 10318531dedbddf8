package check

import (
	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/plan"
)

// isMembership says whether a condition is a sub-query that joins: [NOT]
// EXISTS (…), or x [NOT] IN (SELECT …).
func isMembership(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Exists:
		return true
	case *ast.In:
		return e.Query != nil
	case *ast.Unary:
		return e.Op == "NOT" && isMembership(e.X)
	}
	return false
}

// membership keeps the rows of outer that a sub-query of WHERE lets through.
func (c *Checker) membership(outer *relation, e ast.Expr) *relation {
	not := false
	for u, ok := e.(*ast.Unary); ok; u, ok = e.(*ast.Unary) {
		not, e = !not, u.X
	}
	j := &joiner{Checker: c, at: e.Pos(), kind: plan.Semi, left: outer}
	if exists, ok := e.(*ast.Exists); ok {
		if not {
			j.kind = plan.Anti
		}
		return j.subquery(exists.Query, nil)
	}
	in := e.(*ast.In)
	if not != in.Not {
		j.kind, j.notIn = plan.Anti, true
	}
	return j.subquery(in.Query, in.X)
}

// unknowns checks that NOT IN is of a whole list: a NULL in it, wherever it is,
// makes the condition unknown for every row.
func (j *joiner) unknowns() bool {
	o := j.out
	if o.Mode == plan.Static && len(o.LeftKeys) == 1 && len(j.residual) == 0 {
		o.NullAware = true
		return true
	}
	j.unsupported(j.at, "NOT IN (SELECT …) of rows of a stream, or that depend on the row around it").
		WithHint("write NOT EXISTS (SELECT 1 FROM … WHERE …): a NULL among the values of NOT IN would let no row through")
	return false
}

// subquery joins with the rows of a query, whose WHERE may read the columns
// around it; member, if any, equals its column.
func (j *joiner) subquery(q ast.Query, member ast.Expr) *relation {
	s, ok := q.(*ast.Select)
	if !ok || grouped(s) || s.Distinct || len(s.From) != 1 {
		return j.uncorrelated(q, member)
	}
	before := len(j.list.Items)
	j.refuseClauses(s)
	if len(j.list.Items) > before {
		return nil
	}
	if j.right = j.from(s.From[0]); j.right == nil {
		return nil
	}
	j.both = bothOf(j.left, j.right)
	j.both.inner = len(j.left.schema().Fields)
	b := &binder{Checker: j.Checker, rel: j.both}
	var list []expr.Expr
	for _, e := range conjuncts(s.Where) {
		x := b.topCondition(e, "WHERE")
		if x == nil {
			return nil
		}
		list = append(list, plan.Conjuncts(x)...)
	}
	if member != nil {
		x := j.member(s, member)
		if x == nil {
			return nil
		}
		list = append(list, x)
	}
	return j.bind(list)
}

// member is the equality of x and the column of the sub-query.
func (j *joiner) member(s *ast.Select, x ast.Expr) expr.Expr {
	if len(s.Items) != 1 || s.Items[0].Star && len(j.right.schema().Fields) != 1 {
		j.oneColumn(s.Pos())
		return nil
	}
	inside := &binder{Checker: j.Checker, rel: j.right}
	var y expr.Expr
	if s.Items[0].Star {
		y = columnOf(j.right.schema(), 0, s.Items[0].Pos())
	} else if y = inside.top(s.Items[0].Expr); y == nil {
		return nil
	}
	return j.equal(x, y)
}

func (j *joiner) oneColumn(span diag.Span) {
	j.add(diag.SchemaMismatch, span, "the query of IN has one column")
}

// equal is x, over the columns around the sub-query, = y, over its own.
func (j *joiner) equal(x ast.Expr, y expr.Expr) expr.Expr {
	b := &binder{Checker: j.Checker, rel: j.left}
	outer := b.top(x)
	if outer == nil {
		return nil
	}
	return b.compare(expr.Eq, outer, plan.Shift(y, -len(j.left.schema().Fields)), x.Pos(), x.Pos())
}

// uncorrelated joins with the rows of any query, which stands for itself.
func (j *joiner) uncorrelated(q ast.Query, member ast.Expr) *relation {
	if j.right = j.query(q); j.right == nil {
		return nil
	}
	j.both = bothOf(j.left, j.right)
	var list []expr.Expr
	if member != nil {
		if len(j.right.schema().Fields) != 1 {
			j.oneColumn(q.Pos())
			return nil
		}
		x := j.equal(member, columnOf(j.right.schema(), 0, q.Pos()))
		if x == nil {
			return nil
		}
		list = append(list, x)
	}
	return j.bind(list)
}
