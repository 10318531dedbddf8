package plan

import (
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

// mergeProjects makes one projection of two on top of each other, where that
// evaluates nothing twice, and drops projections that change nothing.
func mergeProjects(n Node) Node {
	n = mapInputs(n, mergeProjects)
	p, ok := n.(*Project)
	if !ok {
		return n
	}
	if inner, ok := p.Input.(*Project); ok && mergeable(p, inner) {
		merged := &Project{Input: inner.Input, Exprs: replaceAll(p.Exprs, inner.Exprs), Out: p.Out}
		return mergeProjects(merged)
	}
	if changesNothing(p) {
		return p.Input
	}
	return p
}

func replaceAll(exprs, with []expr.Expr) []expr.Expr {
	out := make([]expr.Expr, len(exprs))
	for i, e := range exprs {
		out[i] = Replace(e, with)
	}
	return out
}

// mergeable says whether each computed column of inner is used at most once.
func mergeable(p, inner *Project) bool {
	uses := make([]int, len(inner.Exprs))
	for _, e := range p.Exprs {
		expr.Walk(e, func(x expr.Expr) bool {
			if col, ok := x.(*expr.Column); ok {
				uses[col.Index]++
			}
			return true
		})
	}
	for i, e := range inner.Exprs {
		if uses[i] > 1 && !trivial(e) {
			return false
		}
	}
	return true
}

func trivial(e expr.Expr) bool {
	switch e.(type) {
	case *expr.Column, *expr.Const:
		return true
	}
	return false
}

func changesNothing(p *Project) bool {
	cols, ok := columnsOf(p.Exprs)
	return ok && ascending(cols, len(p.Input.Schema().Fields)) && sameSchema(p.Out, p.Input.Schema())
}

func sameSchema(a, b *event.Schema) bool {
	if len(a.Fields) != len(b.Fields) || a.Rowtime != b.Rowtime {
		return false
	}
	for i := range a.Fields {
		if a.Fields[i].Name != b.Fields[i].Name || !a.Fields[i].Type.Equal(b.Fields[i].Type) {
			return false
		}
	}
	return true
}
