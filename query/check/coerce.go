package check

import (
	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/query/ast"
)

// fold evaluates e when its operands are constants. What fails stays as it is,
// for it may stand where evaluation never comes; see whole.
func (c *Checker) fold(e expr.Expr) expr.Expr {
	if c.opts.Fold == nil || !constantOperands(e) {
		return e
	}
	out, _, err := c.opts.Fold(e)
	if err != nil {
		return e
	}
	if k, ok := out.(*expr.Const); ok {
		return constant(e.Type(), k.Value, e.Pos())
	}
	return e
}

// whole folds a complete expression; nil when it always fails: 1/0.
func (c *Checker) whole(x expr.Expr) expr.Expr {
	if x == nil || c.opts.Fold == nil {
		return x
	}
	out, at, err := c.opts.Fold(x)
	if err != nil {
		c.add(diag.ConstantError, at, "this is always an error: %v", err)
		return nil
	}
	return out
}

func constantOperands(e expr.Expr) bool {
	if call, ok := e.(*expr.Call); ok && call.Fn.Volatile {
		return false
	}
	children := e.Children()
	for _, c := range children {
		if _, ok := c.(*expr.Const); !ok {
			return false
		}
	}
	if _, call := e.(*expr.Call); call {
		return true
	}
	return len(children) > 0
}

// coerce converts x to t, which is known to be possible. A constant is
// converted now.
func (c *Checker) coerce(x expr.Expr, t event.Type) expr.Expr {
	if x.Type().Equal(t) {
		return x
	}
	if k, ok := x.(*expr.Const); ok && k.Value.Null {
		return null(t, k.Span)
	}
	return c.fold(&expr.Cast{Base: typed(t, x.Pos()), X: x})
}

// assign converts x to t where SQL does so without being asked: to a type that
// holds every value, or for a constant that t holds exactly. Nil when not.
func (b *binder) assign(x expr.Expr, t event.Type) expr.Expr {
	from := x.Type()
	switch {
	case from.Equal(t):
		return x
	case from.Kind == event.Null:
		return null(t, x.Pos())
	case assignable(from, t):
		return b.coerce(x, t)
	}
	if k, ok := b.exactly(x, t); ok && from.Numeric() {
		return k
	}
	return nil
}

// assignable says whether every value of from is (but for rounding and length)
// one of to.
func assignable(from, to event.Type) bool {
	switch {
	case from.Integer() && to.Integer():
		return from.Kind <= to.Kind
	case from.Integer() && to.Kind == event.Decimal:
		return function.AsDecimal(from).Precision <= to.Precision-to.Scale
	case from.Numeric() && to.Kind == event.Float64, from.Integer() && to.Kind == event.Float32:
		return true
	case from.Numeric() || to.Numeric():
		return from.Kind == to.Kind
	case from.Kind == event.Date && to.Instant(), from.Instant() && to.Instant():
		return true
	case from.Kind != to.Kind:
		return false
	}
	return assignableParts(from, to)
}

func assignableParts(from, to event.Type) bool {
	switch from.Kind {
	case event.Array:
		return assignable(*from.Elem, *to.Elem)
	case event.Map:
		return assignable(*from.Key, *to.Key) && assignable(*from.Elem, *to.Elem)
	case event.Row:
		if len(from.Fields) != len(to.Fields) {
			return false
		}
		for i := range from.Fields {
			if !assignable(from.Fields[i].Type, to.Fields[i].Type) {
				return false
			}
		}
	}
	return true
}

// unify converts list in place to its common type.
func (b *binder) unify(list []expr.Expr, span diag.Span, what string) (event.Type, bool) {
	types := make([]event.Type, len(list))
	for i, x := range list {
		types[i] = x.Type()
	}
	t, err := function.CommonType(types...)
	if err != nil {
		b.add(diag.TypeMismatch, span, "%s differ in type: %v", what, err)
		return t, false
	}
	if t.Kind == event.Null {
		t = event.TString
	}
	for i, x := range list {
		if list[i] = b.coerce(x, t); list[i] == nil {
			return t, false
		}
	}
	return t, true
}

func (b *binder) cast(e *ast.Cast) expr.Expr {
	x := b.expr(e.X)
	t, ok := b.resolveType(&e.Type)
	if x == nil || !ok {
		return nil
	}
	return b.convertTo(x, t, e.Try, e.Pos())
}

// convertTo is CAST(x AS t), or TRY_CAST.
func (b *binder) convertTo(x expr.Expr, t event.Type, try bool, span diag.Span) expr.Expr {
	if x.Type().Kind == event.Null {
		return null(t, span)
	}
	if x.Type().Equal(t) {
		return x
	}
	if explicit, _ := function.CanCast(x.Type(), t); !explicit {
		b.add(diag.TypeMismatch, span, "%s cannot be converted to %s", x.Type(), t)
		return nil
	}
	return b.fold(&expr.Cast{Base: typed(t, span), X: x, Try: try})
}
