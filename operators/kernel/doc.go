// Package kernel evaluates typed expressions: over batches for stateless
// operators and predicates, and over single frames of values for the pattern
// matcher.
//
//	expr.Expr --Fold--> --Compile-------> Program  batch, selection -> column
//	                    --CompileFilter-> Filter   batch, selection -> selection
//	                    --CompileScalar-> Scalar   frame            -> value
//
// All three give the same values. A Program is a tree of nodes that each fill
// one column per batch; a Filter shrinks selections with branch-free loops over
// column slices; a Scalar is a tree of typed closures. Each owns its scratch
// memory, serves one goroutine, and allocates nothing in the steady state.
//
// CASE, AND and OR evaluate an operand only for the rows that reach it, so that
// x <> 0 AND 1 / x > 2 never fails. A row whose evaluation fails is NULL (not
// selected) and reported once, with its first error, in Context.Errs.
package kernel
