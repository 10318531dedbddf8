package kernel

import (
	"errors"
	"testing"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
)

func boolConst(b bool) expr.Expr {
	return &expr.Const{Base: base(event.TBool), Value: event.BoolValue(b)}
}

func call(name string, t event.Type, args ...expr.Expr) expr.Expr {
	f, ok := function.Lookup(name)
	if !ok {
		panic(name)
	}
	return &expr.Call{Base: base(t), Fn: f, Args: args}
}

func when(cond, then, otherwise expr.Expr) expr.Expr {
	return &expr.Case{Base: base(then.Type()), When: []expr.Arm{{Cond: cond, Then: then}}, Else: otherwise}
}

func TestFold(t *testing.T) {
	x := &expr.Column{Base: base(event.TBool), Index: 0, Name: "x"}
	zero := arithmetic(expr.Div, intConst(1), intConst(0))
	null := &expr.Const{Base: base(event.TNull), Value: event.NullValue}
	and := func(args ...expr.Expr) expr.Expr { return &expr.And{Base: base(event.TBool), Args: args} }
	or := func(args ...expr.Expr) expr.Expr { return &expr.Or{Base: base(event.TBool), Args: args} }
	for _, c := range []struct {
		e    expr.Expr
		want string
	}{
		{arithmetic(expr.Mul, intConst(2), arithmetic(expr.Add, intConst(3), intConst(4))), "14"},
		{compare(expr.Gt, col(0, narrow), intConst(1000)), "( > 1000.00)"},
		{call("UPPER", event.TString, &expr.Const{Base: base(event.TString), Value: event.StringValue("a")}), "'A'"},
		{call("CURRENT_DATE", event.TDate), "CURRENT_DATE()"},
		{&expr.Cast{Base: base(ltz), X: &expr.Const{Base: base(event.TDate), Value: event.IntValue(0)}}, "cast(DATE '1970-01-01': DATE as TIMESTAMP_LTZ(3), try false)"},
		{and(x, boolConst(true)), "x"}, {and(boolConst(true), boolConst(true)), "TRUE"}, {and(x, boolConst(false), x), "And(x, FALSE)"}, {or(boolConst(true), x), "TRUE"},
		{or(x, boolConst(false), x), "Or(x, x)"},
		{when(boolConst(false), zero, intConst(7)), "7"}, {when(boolConst(true), intConst(7), zero), "7"}, {when(x, zero, intConst(7)), "Case(x, (1 / 0)::INT, 7)"},
		{when(boolConst(false), intConst(1), null), "NULL"},
		{zero, "error: division by zero"}, {arithmetic(expr.Add, col(0, event.TInt32), zero), "error: division by zero"},
		{and(x, compare(expr.Eq, zero, intConst(1))), "And(x, ((1 / 0)::INT = 1))"},
	} {
		e, err := Fold(c.e)
		got := show(e)
		if err != nil {
			got = "error: " + err.Error()
		}
		if got != c.want {
			t.Errorf("Fold(%s) = %s, want %s", show(c.e), got, c.want)
		}
	}
}

func TestErrorPlace(t *testing.T) {
	e := arithmetic(expr.Div, col(0, event.TInt32), col(1, event.TInt32)).(*expr.Arith)
	e.Span = diag.Span{Start: 3, End: 8}
	s, _ := CompileScalar(compare(expr.Gt, e, intConst(0)))
	_, err := s.Eval(&Context{}, []event.Value{event.IntValue(1), event.IntValue(0)})
	var at *Error
	if !errors.As(err, &at) || at.Span != e.Span || !errors.Is(err, function.ErrDivisionByZero) {
		t.Errorf("error %v at %v", err, at)
	}
	if ok, err := s.True(&Context{}, []event.Value{event.IntValue(1), event.NullValue}); ok || err != nil {
		t.Errorf("NULL: %v, %v", ok, err)
	}
}

func TestRowErrors(t *testing.T) {
	b := event.NewBatch(event.NewSchema(event.Field{Name: "x", Type: event.TInt32}))
	b.Reset(4)
	copy(b.Cols[0].I64, []int64{1, 0, 2, 0})
	e := compare(expr.Ge, arithmetic(expr.Div, intConst(2), col(0, event.TInt32)), intConst(1))
	f, err := CompileFilter(&expr.Or{Base: base(event.TBool), Args: []expr.Expr{e, compare(expr.Eq, col(0, event.TInt32), intConst(0))}})
	if err != nil {
		t.Fatal(err)
	}
	ctx := &Context{}
	if got := f.Select(ctx, b, []int32{0, 1, 2}, nil); len(got) != 2 || got[0] != 0 || got[1] != 2 || len(ctx.Errs) != 1 || ctx.Errs[0].Row != 1 {
		t.Errorf("selected %v with errors %v", got, ctx.Errs)
	}
	ctx.Reset()
	p, _ := Compile(e)
	v := p.Eval(ctx, b, nil)
	if len(ctx.Errs) != 2 || !v.Null(1) || !v.Null(3) || v.I64[0] != 1 {
		t.Errorf("errors %v, column %v", ctx.Errs, v.I64)
	}
}

// TestPlainColumn checks that a column is not copied.
func TestPlainColumn(t *testing.T) {
	b := payments(3)
	p, _ := Compile(col(1, event.TString))
	if p.Eval(&Context{}, b, nil) != &b.Cols[1] {
		t.Error("a plain column was copied")
	}
}
