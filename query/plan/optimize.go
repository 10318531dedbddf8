package plan

import "github.com/cepd/cepd/internal/expr"

// Optimize improves a plan; the result gives the same rows in the same order.
// fold replaces constant parts of an expression and never fails; nil leaves
// expressions as they are. The input plan is not changed.
func Optimize(n Node, fold func(expr.Expr) expr.Expr) Node {
	if fold == nil {
		fold = func(e expr.Expr) expr.Expr { return e }
	}
	n = mergeProjects(n)
	n = pushFilters(n)
	n = foldConstants(n, fold)
	n = limitTopN(n)
	n = prune(n)
	n = mergeProjects(n)
	if root, ok := n.(*Insert); ok {
		return toUpserts(root)
	}
	return n
}
