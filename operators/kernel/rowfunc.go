package kernel

import (
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
)

// rowFunc is the meaning of a node on one row, for nodes that have no loop of
// their own; vector and scalar path share it.
type rowFunc struct {
	args   []expr.Expr
	strict bool // a NULL argument gives NULL without a call
	eval   func(c *Context, args []event.Value, out *event.Value) error
}

func rowFuncOf(e expr.Expr) (rowFunc, error) {
	switch e := e.(type) {
	case *expr.Call:
		return callFunc(e), nil
	case *expr.Cast:
		return castFunc(e)
	case *expr.Compare:
		return compareFunc(e), nil
	case *expr.Arith:
		return arithFunc(e)
	case *expr.Neg:
		return negFunc(e), nil
	case *expr.In:
		return inFunc(e), nil
	case *expr.Like:
		return likeFunc(e)
	case *expr.Field:
		return fieldFunc(e), nil
	case *expr.Element:
		return elementFunc(e), nil
	case *expr.Construct:
		return constructFunc(e), nil
	}
	return rowFunc{}, unsupported(e)
}

// setFrom stores v but keeps the memory of out's text for the next row.
func setFrom(out *event.Value, v event.Value, phys event.Physical) {
	switch phys {
	case event.PhysStr:
		out.S = append(out.S[:0], v.S...)
		out.Null = v.Null
	default:
		*out = v
	}
}

func callFunc(e *expr.Call) rowFunc {
	c := &expr.Context{Args: typesOf(e.Args), Result: e.T}
	return rowFunc{e.Args, !e.Fn.NullArgs, func(ctx *Context, args []event.Value, out *event.Value) error {
		c.Now, c.Zone = ctx.Now, ctx.Zone
		err := e.Fn.Eval(c, args, out)
		if err != nil {
			raise(err)
		}
		return err
	}}
}

func typesOf(list []expr.Expr) []event.Type {
	types := make([]event.Type, len(list))
	for i, e := range list {
		types[i] = e.Type()
	}
	return types
}

func castFunc(e *expr.Cast) (rowFunc, error) {
	cast, err := function.Cast(e.X.Type(), e.T)
	if err != nil {
		return rowFunc{}, err
	}
	phys := e.T.Physical()
	c := &expr.Context{Args: []event.Type{e.X.Type()}, Result: e.T}
	return rowFunc{[]expr.Expr{e.X}, true, func(ctx *Context, args []event.Value, out *event.Value) error {
		if cast == nil {
			setFrom(out, args[0], phys)
			return nil
		}
		c.Zone = ctx.Zone
		err := cast(c, args[0], out)
		if err != nil && e.Try {
			out.Null = true
			return nil
		}
		return err
	}}, nil
}

// compareFunc compares any type; floats as numbers, except for DISTINCT, where
// NaN is one value.
func compareFunc(e *expr.Compare) rowFunc {
	t := e.X.Type()
	float := t.Float() && e.Op < expr.Distinct
	return rowFunc{[]expr.Expr{e.X, e.Y}, e.Op < expr.Distinct, func(_ *Context, args []event.Value, out *event.Value) error {
		if x, y := args[0].F(), args[1].F(); float && (x != x || y != y) {
			out.I = b2i(e.Op == expr.Ne)
			return nil
		}
		out.I = b2i(holds(e.Op, function.Compare(t, args[0], args[1])))
		return nil
	}}
}

func arithFunc(e *expr.Arith) (rowFunc, error) {
	a, err := arithOf(e)
	if err != nil {
		return rowFunc{}, err
	}
	tx, ty := e.X.Type(), e.Y.Type()
	return rowFunc{[]expr.Expr{e.X, e.Y}, true, func(_ *Context, args []event.Value, out *event.Value) (err error) {
		x, y := args[0], args[1]
		switch {
		case a.floats != nil:
			*out = event.FloatValue(a.floats(x.F(), y.F()))
		case a.ints != nil:
			out.I, err = a.ints(x.I, y.I)
		case a.mixed != nil && a.swap:
			out.I, err = a.mixed(y.I, x.F())
		case a.mixed != nil:
			out.I, err = a.mixed(x.I, y.F())
		default:
			r, e := a.decs(function.Dec(tx, x), function.Dec(ty, y))
			*out, err = function.DecValue(r), e
		}
		return err
	}}, nil
}

func negFunc(e *expr.Neg) rowFunc {
	t := e.X.Type()
	lo, _ := function.IntRange(t)
	return rowFunc{[]expr.Expr{e.X}, true, func(_ *Context, args []event.Value, out *event.Value) error {
		switch x := args[0]; {
		case t.Float():
			*out = event.FloatValue(-x.F())
		case t.Wide():
			*out = function.DecValue(function.Dec(t, x).Neg())
		case x.I == lo:
			return function.Overflow(t)
		default:
			out.I = -x.I
		}
		return nil
	}}
}

func likeFunc(e *expr.Like) (rowFunc, error) {
	p, err := function.CompileLike([]byte(e.Pattern), e.Escape)
	if err != nil {
		return rowFunc{}, err
	}
	return rowFunc{[]expr.Expr{e.X}, true, func(_ *Context, args []event.Value, out *event.Value) error {
		out.I = b2i(p.Match(args[0].S))
		return nil
	}}, nil
}

func fieldFunc(e *expr.Field) rowFunc {
	phys := e.T.Physical()
	return rowFunc{[]expr.Expr{e.X}, true, func(_ *Context, args []event.Value, out *event.Value) error {
		setFrom(out, args[0].L[e.Index], phys)
		return nil
	}}
}

func elementFunc(e *expr.Element) rowFunc {
	phys, t := e.T.Physical(), e.X.Type()
	return rowFunc{[]expr.Expr{e.X, e.I}, true, func(_ *Context, args []event.Value, out *event.Value) error {
		if t.Kind == event.Map {
			setFrom(out, function.MapGet(t, args[0].L, args[1]), phys)
			return nil
		}
		out.Null = true
		if i := args[1].I; i >= 1 && i <= int64(len(args[0].L)) {
			setFrom(out, args[0].L[i-1], phys)
		}
		return nil
	}}
}

// constructFunc makes new memory per row: what it gives may be kept in a frame.
func constructFunc(e *expr.Construct) rowFunc {
	return rowFunc{e.Args, false, func(_ *Context, args []event.Value, out *event.Value) error {
		l := make([]event.Value, len(args))
		for i := range args {
			l[i] = function.Clone(args[i])
		}
		*out = event.Value{L: l}
		return nil
	}}
}
