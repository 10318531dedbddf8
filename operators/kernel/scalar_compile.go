package kernel

import (
	"bytes"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
)

func compileScalar(e expr.Expr) (operand, error) {
	switch e := e.(type) {
	case *expr.Column:
		return columnOperand(e), nil
	case *expr.Const:
		return constOperand(e.T, e.Value), nil
	case *expr.Compare:
		return scalarCompare(e)
	case *expr.Arith:
		return scalarArith(e)
	case *expr.And:
		return scalarJunction(e.Args, 0)
	case *expr.Or:
		return scalarJunction(e.Args, 1)
	case *expr.Not:
		return scalarNot(e)
	case *expr.Is:
		return scalarIs(e)
	case *expr.Case:
		return scalarCase(e)
	case *expr.Cast:
		return scalarCast(e)
	}
	if m, ok, err := membershipOf(e); ok || err != nil {
		if err != nil {
			return operand{}, err
		}
		return scalarMembership(m)
	}
	return scalarRow(e)
}

func compileScalars(list []expr.Expr) ([]operand, error) {
	out := make([]operand, len(list))
	for i, e := range list {
		o, err := compileScalar(e)
		if err != nil {
			return nil, err
		}
		out[i] = o
	}
	return out, nil
}

// scalarRow compiles a node that has only a row function.
func scalarRow(e expr.Expr) (operand, error) {
	f, err := rowFuncOf(e)
	if err != nil {
		return operand{}, err
	}
	args, err := compileScalars(f.args)
	if err != nil {
		return operand{}, err
	}
	values, span := make([]event.Value, len(args)), e.Pos()
	return lazy(e.Type(), func(m *machine, out *event.Value) {
		null := false
		for i := range args {
			args[i].get(m, &values[i])
			null = null || values[i].Null
		}
		out.Null = null && f.strict
		if out.Null {
			return
		}
		if err := f.eval(m.ctx, values, out); err != nil {
			out.Null = true
			m.fail(err, span)
		}
	}), nil
}

func scalarPair(x, y expr.Expr) (a, b operand, err error) {
	if a, err = compileScalar(x); err != nil {
		return a, b, err
	}
	b, err = compileScalar(y)
	return a, b, err
}

func scalarArith(e *expr.Arith) (operand, error) {
	x, y, err := scalarPair(e.X, e.Y)
	if err != nil {
		return operand{}, err
	}
	if x.phys == event.PhysNone || y.phys == event.PhysNone {
		return constOperand(e.T, event.NullValue), nil
	}
	a, err := arithOf(e)
	if err != nil {
		return operand{}, err
	}
	switch {
	case a.floats != nil:
		return operand{t: e.T, phys: event.PhysF64, f: floatArithScalar(e, x.f, y.f, a)}, nil
	case a.ints != nil:
		return fromInt(e.T, tried(x.i, y.i, a.ints, e.Span)), nil
	case a.mixed != nil && a.swap:
		return fromInt(e.T, tried(y.i, x.f, a.mixed, e.Span)), nil
	case a.mixed != nil:
		return fromInt(e.T, tried(x.i, y.f, a.mixed, e.Span)), nil
	}
	return fromDec(e.T, tried(x.dec(), y.dec(), a.decs, e.Span)), nil
}

func fromDec(t event.Type, get getDec) operand {
	if t.Wide() {
		return operand{t: t, phys: event.PhysI128, d: get}
	}
	return fromInt(t, func(m *machine) (int64, bool) {
		d, null := get(m)
		return int64(d.Lo), null
	})
}

// tried applies a function that may fail.
func tried[A, B, R any](x getter[A], y getter[B], f func(A, B) (R, error), span diag.Span) getter[R] {
	return func(m *machine) (r R, null bool) {
		a, na := x(m)
		b, nb := y(m)
		if na || nb {
			return r, true
		}
		r, err := f(a, b)
		if err != nil {
			m.fail(err, span)
			return r, true
		}
		return r, false
	}
}

func floatArithScalar(e *expr.Arith, x, y getFloat, a arith) getFloat {
	if e.T.Kind == event.Float64 {
		switch e.Op {
		case expr.Add:
			return func(m *machine) (float64, bool) { a, na := x(m); b, nb := y(m); return a + b, na || nb }
		case expr.Sub:
			return func(m *machine) (float64, bool) { a, na := x(m); b, nb := y(m); return a - b, na || nb }
		case expr.Mul:
			return func(m *machine) (float64, bool) { a, na := x(m); b, nb := y(m); return a * b, na || nb }
		case expr.Div:
			return func(m *machine) (float64, bool) { a, na := x(m); b, nb := y(m); return a / b, na || nb }
		}
	}
	return func(m *machine) (float64, bool) {
		p, np := x(m)
		q, nq := y(m)
		if np || nq {
			return 0, true
		}
		return a.floats(p, q), false
	}
}

func scalarCompare(e *expr.Compare) (operand, error) {
	if r, ok := rangeOf(e); ok {
		return scalarRange(r)
	}
	x, y, err := scalarPair(e.X, e.Y)
	if err != nil {
		return operand{}, err
	}
	if e.Op >= expr.Distinct {
		return scalarRow(e)
	}
	var test getInt
	switch {
	case x.phys == event.PhysNone || y.phys == event.PhysNone:
		test = constant[int64](0, true)
	case x.phys == event.PhysI64:
		test = ordered(e.Op, x.i, y.i)
	case x.phys == event.PhysF64:
		test = ordered(e.Op, x.f, y.f)
	case x.phys == event.PhysI128:
		test = compareDecs(e.Op, x.d, y.d)
	case x.phys == event.PhysStr:
		test = threeWay(e.Op, x.s, y.s, bytes.Compare)
	default:
		t := e.X.Type()
		test = threeWay(e.Op, x.l, y.l, func(a, b []event.Value) int {
			return function.Compare(t, event.Value{L: a}, event.Value{L: b})
		})
	}
	return fromInt(e.T, test), nil
}

func scalarRange(r intRange) (operand, error) {
	x, err := compileScalar(r.x)
	if err != nil {
		return operand{}, err
	}
	get, lo, width, negate := x.i, r.lo, r.width(), b2i(r.negate)
	return fromInt(event.TBool, func(m *machine) (int64, bool) {
		v, null := get(m)
		return b2i(uint64(v)-uint64(lo) <= width) ^ negate, null
	}), nil
}

// ordered compares as Go does: every comparison with NaN but <> is false.
func ordered[T int64 | float64](op expr.CompareOp, x, y getter[T]) getInt {
	switch op {
	case expr.Eq:
		return func(m *machine) (int64, bool) { a, na := x(m); b, nb := y(m); return b2i(a == b), na || nb }
	case expr.Ne:
		return func(m *machine) (int64, bool) { a, na := x(m); b, nb := y(m); return b2i(a != b), na || nb }
	case expr.Lt:
		return func(m *machine) (int64, bool) { a, na := x(m); b, nb := y(m); return b2i(a < b), na || nb }
	case expr.Le:
		return func(m *machine) (int64, bool) { a, na := x(m); b, nb := y(m); return b2i(a <= b), na || nb }
	case expr.Gt:
		return func(m *machine) (int64, bool) { a, na := x(m); b, nb := y(m); return b2i(a > b), na || nb }
	}
	return func(m *machine) (int64, bool) { a, na := x(m); b, nb := y(m); return b2i(a >= b), na || nb }
}

func threeWay[T any](op expr.CompareOp, x, y getter[T], cmp func(a, b T) int) getInt {
	return func(m *machine) (int64, bool) {
		a, na := x(m)
		b, nb := y(m)
		if na || nb {
			return 0, true
		}
		return b2i(holds(op, cmp(a, b))), false
	}
}

// compareDecs is threeWay without a call of cmp, for the sake of patterns that
// compare with averages.
func compareDecs(op expr.CompareOp, x, y getDec) getInt {
	switch op {
	case expr.Eq:
		return func(m *machine) (int64, bool) { a, na := x(m); b, nb := y(m); return b2i(a == b), na || nb }
	case expr.Ne:
		return func(m *machine) (int64, bool) { a, na := x(m); b, nb := y(m); return b2i(a != b), na || nb }
	case expr.Lt:
		return func(m *machine) (int64, bool) { a, na := x(m); b, nb := y(m); return b2i(a.Less(b)), na || nb }
	case expr.Le:
		return func(m *machine) (int64, bool) { a, na := x(m); b, nb := y(m); return b2i(!b.Less(a)), na || nb }
	case expr.Gt:
		return func(m *machine) (int64, bool) { a, na := x(m); b, nb := y(m); return b2i(b.Less(a)), na || nb }
	}
	return func(m *machine) (int64, bool) { a, na := x(m); b, nb := y(m); return b2i(!a.Less(b)), na || nb }
}

// holds says whether a three-way comparison's result satisfies op.
func holds(op expr.CompareOp, c int) bool {
	switch op {
	case expr.Eq, expr.NotDistinct:
		return c == 0
	case expr.Ne, expr.Distinct:
		return c != 0
	case expr.Lt:
		return c < 0
	case expr.Le:
		return c <= 0
	case expr.Gt:
		return c > 0
	}
	return c >= 0
}

// scalarJunction is AND (decided by 0) or OR (decided by 1).
func scalarJunction(list []expr.Expr, decisive int64) (operand, error) {
	args, err := compileScalars(list)
	if err != nil {
		return operand{}, err
	}
	gets := make([]getInt, len(args))
	for i := range args {
		gets[i] = args[i].i
	}
	return fromInt(event.TBool, func(m *machine) (int64, bool) {
		unknown := false
		for _, get := range gets {
			v, null := get(m)
			if !null && v == decisive {
				return v, false
			}
			unknown = unknown || null
		}
		return 1 - decisive, unknown
	}), nil
}

func scalarNot(e *expr.Not) (operand, error) {
	x, err := compileScalar(e.X)
	if err != nil {
		return operand{}, err
	}
	get := x.i
	return fromInt(event.TBool, func(m *machine) (int64, bool) {
		v, null := get(m)
		return v ^ 1, null
	}), nil
}

func scalarIs(e *expr.Is) (operand, error) {
	x, err := compileScalar(e.X)
	if err != nil {
		return operand{}, err
	}
	if e.Test <= expr.IsNotNull {
		isNull, want := x.isNull(), e.Test == expr.IsNull
		return fromInt(event.TBool, func(m *machine) (int64, bool) { return b2i(isNull(m) == want), false }), nil
	}
	value, negate := truthOf(e.Test)
	get := x.i
	return fromInt(event.TBool, func(m *machine) (int64, bool) {
		v, null := get(m)
		return b2i(!null && v == value) ^ negate, false
	}), nil
}

// truthOf says which value a test looks for, and whether it is negated.
func truthOf(t expr.Truth) (value, negate int64) {
	return b2i(t == expr.IsTrue || t == expr.IsNotTrue), b2i(t == expr.IsNotTrue || t == expr.IsNotFalse)
}

func scalarCase(e *expr.Case) (operand, error) {
	conds := make([]getInt, len(e.When))
	arms := make([]operand, len(e.When)+1)
	for i, a := range e.When {
		cond, then, err := scalarPair(a.Cond, a.Then)
		if err != nil {
			return operand{}, err
		}
		conds[i], arms[i] = cond.i, retype(then, e.T)
	}
	last, err := compileScalar(e.Else)
	arms[len(e.When)] = retype(last, e.T)
	o := operand{t: e.T, phys: e.T.Physical()}
	switch o.phys {
	case event.PhysF64:
		o.f = chosen(conds, arms, func(o operand) getFloat { return o.f })
	case event.PhysI128:
		o.d = chosen(conds, arms, func(o operand) getDec { return o.d })
	case event.PhysStr:
		o.s = chosen(conds, arms, func(o operand) getStr { return o.s })
	case event.PhysNested:
		o.l = chosen(conds, arms, func(o operand) getList { return o.l })
	default:
		o.i = chosen(conds, arms, func(o operand) getInt { return o.i })
	}
	return o, err
}

// retype gives an untyped NULL the type it stands for.
func retype(o operand, t event.Type) operand {
	if o.phys == event.PhysNone {
		return constOperand(t, event.NullValue)
	}
	return o
}

func chosen[T any](conds []getInt, arms []operand, form func(operand) getter[T]) getter[T] {
	gets := make([]getter[T], len(arms))
	for i := range arms {
		gets[i] = form(arms[i])
	}
	return func(m *machine) (T, bool) {
		for i, cond := range conds {
			if v, null := cond(m); v != 0 && !null {
				return gets[i](m)
			}
		}
		return gets[len(conds)](m)
	}
}
