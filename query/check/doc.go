// Package check gives syntax its meaning: it resolves names against the
// catalog, types every expression, and makes logical plans of queries.
//
//	ast.CreateTable --> catalog.Table
//	ast.Insert -------> plan.Insert     names -> column indexes
//	                                    operators -> typed nodes, casts explicit
//	                                    A.x, FIRST(A.x) -> expr.Nav
//
// A mistake becomes a finding in the diag.List and checking goes on: an
// expression that could not be bound is nil, and what holds a nil expression
// is silently nil too, so that each mistake is told once. What the grammar
// accepts and the engine cannot run is refused here, at its own place.
package check
