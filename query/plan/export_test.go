package plan

import "github.com/cepd/cepd/internal/expr"

// Rules are the rules by name, for tests.
func Rules(fold func(expr.Expr) expr.Expr) map[string]func(Node) Node {
	return map[string]func(Node) Node{
		"merge": mergeProjects,
		"push":  pushFilters,
		"fold":  func(n Node) Node { return foldConstants(n, fold) },
		"prune": prune,
		"all":   func(n Node) Node { return Optimize(n, fold) },
	}
}
