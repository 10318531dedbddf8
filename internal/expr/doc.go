// Package expr is the typed expression tree: what the binder makes of ast.Expr
// and what kernels and the pattern matcher compile. Names are resolved to
// column indexes, implicit casts are explicit, operands of a comparison have
// one type.
//
// Row-local nodes (Column, Const, Call, Cast, …) need one row. Pattern nodes
// (Nav, Agg, Classifier, MatchNumber) occur only in DEFINE and MEASURES; the
// pattern compiler replaces them by Columns of a register frame, so that
// kernels never see them.
package expr
