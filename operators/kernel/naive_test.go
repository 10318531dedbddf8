package kernel

import (
	"testing"
	"time"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

// naive evaluates an expression node by node, without folding, ranges or
// special loops: the reference for both paths.
type naive struct {
	ctx   *Context
	frame []event.Value
	err   error
}

func (n *naive) eval(e expr.Expr) event.Value {
	switch e := e.(type) {
	case *expr.Column:
		return n.frame[e.Index]
	case *expr.Const:
		return e.Value
	case *expr.And:
		return n.junction(e.Args, false)
	case *expr.Or:
		return n.junction(e.Args, true)
	case *expr.Not:
		v := n.eval(e.X)
		return event.Value{Null: v.Null, I: b2i(!v.Bool())}
	case *expr.Is:
		return event.BoolValue(n.is(e))
	case *expr.Case:
		for _, a := range e.When {
			if n.eval(a.Cond).Bool() {
				return n.eval(a.Then)
			}
		}
		return n.eval(e.Else)
	}
	return n.apply(e)
}

func (n *naive) junction(args []expr.Expr, decisive bool) event.Value {
	unknown := false
	for _, a := range args {
		v := n.eval(a)
		if !v.Null && v.Bool() == decisive {
			return v
		}
		unknown = unknown || v.Null
	}
	return event.Value{Null: unknown, I: b2i(!decisive)}
}

func (n *naive) is(e *expr.Is) bool {
	v := n.eval(e.X)
	return map[expr.Truth]bool{
		expr.IsNull: v.Null, expr.IsNotNull: !v.Null,
		expr.IsTrue: !v.Null && v.I == 1, expr.IsNotTrue: v.Null || v.I == 0,
		expr.IsFalse: !v.Null && v.I == 0, expr.IsNotFalse: v.Null || v.I == 1,
	}[e.Test]
}

func (n *naive) apply(e expr.Expr) event.Value {
	f, err := rowFuncOf(e)
	if err != nil {
		panic(err)
	}
	args := make([]event.Value, len(f.args))
	null := false
	for i, a := range f.args {
		args[i] = n.eval(a)
		null = null || args[i].Null
	}
	out := event.Value{Null: null && f.strict}
	if out.Null {
		return out
	}
	if err := f.eval(n.ctx, args, &out); err != nil {
		if n.err == nil {
			n.err = err
		}
		return event.NullValue
	}
	return out
}

func checkNaive(t *testing.T, e expr.Expr, s *Scalar, b *event.Batch, zone *time.Location) {
	ctx := &Context{Zone: zone}
	for i := range min(b.N, 20) {
		frame := frameOf(b, i)
		n := &naive{ctx: ctx, frame: frame}
		want := n.eval(e)
		got, err := s.Eval(ctx, frame)
		if (err != nil) != (n.err != nil) || err == nil && !Equal(e.Type(), got, want) {
			t.Errorf("row %d: scalar %s (%v), reference %s (%v)", i, Format(e.Type(), got), err, Format(e.Type(), want), n.err)
			return
		}
	}
}
