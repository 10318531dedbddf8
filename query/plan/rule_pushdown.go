package plan

import "github.com/cepd/cepd/internal/expr"

// pushFilters moves filters towards the scans: through projections, unions and
// joins, never through a Match, whose rows depend on each other.
func pushFilters(n Node) Node {
	n = mapInputs(n, pushFilters)
	f, ok := n.(*Filter)
	if !ok {
		return n
	}
	switch in := f.Input.(type) {
	case *Filter:
		return pushFilters(&Filter{Input: in.Input, Cond: and(in.Cond, f.Cond)})
	case *Project:
		if repeatable(f.Cond, in.Exprs) {
			c := *in
			c.Input = pushFilters(&Filter{Input: in.Input, Cond: Replace(f.Cond, in.Exprs)})
			return &c
		}
	case *Union:
		c := *in
		c.In = make([]Node, len(in.In))
		for i, input := range in.In {
			c.In[i] = pushFilters(&Filter{Input: input, Cond: f.Cond})
		}
		return &c
	case *Unnest:
		if pushed := pushUnnest(f, in); pushed != nil {
			return pushed
		}
	case *Join:
		if pushed := pushJoin(f, in); pushed != nil {
			return pushed
		}
	}
	return f
}

// and is x AND y as one chain.
func and(x, y expr.Expr) expr.Expr {
	args := append(Conjuncts(x), Conjuncts(y)...)
	return &expr.And{Base: expr.Base{T: x.Type(), Span: x.Pos()}, Args: args}
}

// repeatable says whether the columns that cond reads may be computed twice.
func repeatable(cond expr.Expr, exprs []expr.Expr) bool {
	used := make([]bool, len(exprs))
	MarkColumns(cond, used)
	for i, e := range exprs {
		if used[i] && Volatile(e) {
			return false
		}
	}
	return true
}

// Volatile says whether an expression depends on more than what it reads.
func Volatile(e expr.Expr) bool {
	found := false
	expr.Walk(e, func(x expr.Expr) bool {
		call, ok := x.(*expr.Call)
		found = found || ok && call.Fn.Volatile
		return !found
	})
	return found
}
