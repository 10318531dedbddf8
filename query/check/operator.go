package check

import (
	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/query/ast"
)

var compareOps = map[string]expr.CompareOp{
	"=": expr.Eq, "<>": expr.Ne, "!=": expr.Ne, "<": expr.Lt, "<=": expr.Le, ">": expr.Gt, ">=": expr.Ge,
}

var arithOps = map[string]expr.ArithOp{"+": expr.Add, "-": expr.Sub, "*": expr.Mul, "/": expr.Div, "%": expr.Mod}

func (b *binder) unary(e *ast.Unary) expr.Expr {
	if e.Op == "-" {
		if l, ok := e.X.(*ast.Literal); ok && l.Kind == "NUMBER" && l.Text == "9223372036854775808" {
			return constant(event.TInt64, event.IntValue(-1<<63), e.Pos())
		}
	}
	x := b.expr(e.X)
	if x == nil {
		return nil
	}
	if e.Op == "NOT" {
		if x = b.boolean(x, e.X.Pos(), "the operand of NOT"); x == nil {
			return nil
		}
		return b.fold(&expr.Not{Base: typed(event.TBool, e.Pos()), X: x})
	}
	t, err := function.Neg(x.Type())
	switch {
	case err != nil:
		b.add(diag.TypeMismatch, e.Pos(), "%s takes a number or an interval, not %s", e.Op, x.Type())
		return nil
	case e.Op == "+":
		return x
	}
	return b.fold(&expr.Neg{Base: typed(t, e.Pos()), X: b.coerce(x, t)})
}

func (b *binder) binary(e *ast.Binary) expr.Expr {
	switch e.Op {
	case "AND", "OR":
		return b.logic(e)
	case "||":
		return b.invoke("CONCAT", []ast.Expr{e.X, e.Y}, e.Pos(), b.place(e))
	}
	x, y := b.expr(e.X), b.expr(e.Y)
	if x == nil || y == nil {
		return nil
	}
	if op, ok := compareOps[e.Op]; ok {
		return b.compare(op, x, y, e.Pos(), b.place(e))
	}
	op, ok := arithOps[e.Op]
	if !ok {
		b.unsupported(b.place(e), "the operator "+e.Op)
		return nil
	}
	return b.arith(op, x, y, e.Pos(), b.place(e))
}

// arith types x op y; mark is where a mistake is shown.
func (b *binder) arith(op expr.ArithOp, x, y expr.Expr, span, mark diag.Span) expr.Expr {
	result, tx, ty, err := function.Arith(op, x.Type(), y.Type())
	if err != nil {
		b.add(diag.TypeMismatch, mark, "%v", err)
		return nil
	}
	x, y = b.coerce(x, tx), b.coerce(y, ty)
	if x == nil || y == nil {
		return nil
	}
	return b.fold(&expr.Arith{Base: typed(result, span), Op: op, X: x, Y: y})
}

// logic is a chain of AND or of OR as one node.
func (b *binder) logic(e *ast.Binary) expr.Expr {
	var args []expr.Expr
	ok := true
	var collect func(ast.Expr)
	collect = func(x ast.Expr) {
		if bin, same := x.(*ast.Binary); same && bin.Op == e.Op {
			collect(bin.X)
			collect(bin.Y)
			return
		}
		arg := b.condition(x, "an operand of "+e.Op)
		ok = ok && arg != nil
		args = append(args, arg)
	}
	collect(e)
	if !ok {
		return nil
	}
	if e.Op == "AND" {
		return conjunction(args, e.Pos())
	}
	return disjunction(args, e.Pos())
}

// conjunction is the AND of args without the operands that are TRUE.
func conjunction(args []expr.Expr, span diag.Span) expr.Expr {
	kept, decided := dropConst(args, true)
	switch {
	case decided != nil:
		return decided
	case len(kept) == 0:
		return constant(event.TBool, event.BoolValue(true), span)
	case len(kept) == 1:
		return kept[0]
	}
	return &expr.And{Base: typed(event.TBool, span), Args: kept}
}

// disjunction is the OR of args without the operands that are FALSE.
func disjunction(args []expr.Expr, span diag.Span) expr.Expr {
	kept, decided := dropConst(args, false)
	switch {
	case decided != nil:
		return decided
	case len(kept) == 0:
		return constant(event.TBool, event.BoolValue(false), span)
	case len(kept) == 1:
		return kept[0]
	}
	return &expr.Or{Base: typed(event.TBool, span), Args: kept}
}

// dropConst leaves out constants equal to neutral, and all NULLs but one; the
// first of the opposite value decides the whole, whatever the others are.
func dropConst(args []expr.Expr, neutral bool) (kept []expr.Expr, decided expr.Expr) {
	unknown := false
	for _, a := range args {
		c, ok := a.(*expr.Const)
		switch {
		case !ok || c.Value.Null && !unknown:
			kept = append(kept, a)
			unknown = unknown || ok
		case !c.Value.Null && c.Value.Bool() != neutral:
			return nil, c
		}
	}
	return kept, nil
}

// ---- comparison

// compare brings both sides to one type. A constant takes the type of the
// other side where that loses nothing, so that a column stays bare.
func (b *binder) compare(op expr.CompareOp, x, y expr.Expr, span, mark diag.Span) expr.Expr {
	x, y, ok := b.alike(x, y)
	if x == nil || y == nil {
		return nil
	}
	if !ok {
		b.add(diag.TypeMismatch, mark, "%s and %s cannot be compared with %s", x.Type(), y.Type(), op).WithHint("convert one side with CAST")
		return nil
	}
	if ordered := op >= expr.Lt && op <= expr.Ge; ordered && !sortable(x.Type()) {
		b.add(diag.TypeMismatch, mark, "%s has no order: %s cannot be used", x.Type(), op)
		return nil
	}
	if _, isConst := x.(*expr.Const); isConst {
		if _, both := y.(*expr.Const); !both {
			x, y, op = y, x, mirrored(op)
		}
	}
	return b.fold(&expr.Compare{Base: typed(event.TBool, span), Op: op, X: x, Y: y})
}

// mirrored is the operator with its operands exchanged.
func mirrored(op expr.CompareOp) expr.CompareOp {
	switch op {
	case expr.Lt:
		return expr.Gt
	case expr.Le:
		return expr.Ge
	case expr.Gt:
		return expr.Lt
	case expr.Ge:
		return expr.Le
	}
	return op
}

func sortable(t event.Type) bool {
	return t.Kind != event.Array && t.Kind != event.Map && t.Kind != event.Row
}

// alike makes x and y of one type; false (and x, y as they were) when they
// cannot be compared.
func (b *binder) alike(x, y expr.Expr) (expr.Expr, expr.Expr, bool) {
	tx, ty := x.Type(), y.Type()
	if tx.Equal(ty) {
		return x, y, true
	}
	if sameFamily(tx, ty) {
		return b.relabel(x, ty), b.relabel(y, tx), true
	}
	if z, ok := b.exactly(y, tx); ok {
		return x, z, true
	}
	if z, ok := b.exactly(x, ty); ok {
		return z, y, true
	}
	t, err := function.Comparable(tx, ty)
	if err != nil {
		return x, y, false
	}
	return b.coerce(x, t), b.coerce(y, t), true
}

// sameFamily says whether values of the types compare as they are stored:
// types that differ in length or fraction digits only.
func sameFamily(a, b event.Type) bool {
	if a.Kind != b.Kind {
		return false
	}
	switch a.Kind {
	case event.String, event.Bytes, event.TimeOfDay, event.Timestamp, event.TimestampLTZ, event.IntervalDay:
		return true
	}
	return false
}

// relabel gives a constant of the same family the type t.
func (b *binder) relabel(x expr.Expr, t event.Type) expr.Expr {
	if k, ok := x.(*expr.Const); ok {
		return constant(t, k.Value, k.Span)
	}
	return x
}

// exactly converts a constant to t if the value stays the same: from number to
// number, and from text to a time.
func (b *binder) exactly(x expr.Expr, t event.Type) (expr.Expr, bool) {
	k, ok := x.(*expr.Const)
	if !ok {
		return nil, false
	}
	from := k.Type()
	switch {
	case from.Kind == event.Null:
		return null(t, k.Span), true
	case from.Numeric() && t.Numeric():
		// A DOUBLE compares as DOUBLE: 0.1 means the nearest one.
		if t.Kind == event.Float64 {
			out := b.tryCast(k, t)
			return out, out != nil
		}
		if from.Float() && !t.Float() {
			return nil, false
		}
	case from.Kind == event.String && (t.Instant() || t.Kind == event.Date || t.Kind == event.TimeOfDay):
		out := b.tryCast(k, t)
		return out, out != nil
	default:
		return nil, false
	}
	out := b.tryCast(k, t)
	if out == nil {
		return nil, false
	}
	back := b.tryCast(out, from)
	return out, back != nil && back.Value.I == k.Value.I && back.Value.Hi == k.Value.Hi
}

// tryCast converts a constant; nil when that fails.
func (b *binder) tryCast(k *expr.Const, t event.Type) *expr.Const {
	if k.Type().Equal(t) {
		return k
	}
	if explicit, _ := function.CanCast(k.Type(), t); !explicit || b.opts.Fold == nil {
		return nil
	}
	out, _, err := b.opts.Fold(&expr.Cast{Base: typed(t, k.Span), X: k})
	if err != nil {
		return nil
	}
	c, ok := out.(*expr.Const)
	if !ok || c.Value.Null && !k.Value.Null {
		return nil
	}
	return c
}
