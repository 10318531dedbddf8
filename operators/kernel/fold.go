package kernel

import (
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
)

// EvalConst evaluates an expression without columns, in zone UTC.
func EvalConst(e expr.Expr) (v event.Value, err error) {
	defer func() {
		x := recover()
		if f, ok := x.(*expr.Fatal); ok {
			v, err = event.NullValue, f
		} else if x != nil {
			panic(x)
		}
	}()
	out, err := compileScalar(e)
	if err != nil {
		return event.NullValue, err
	}
	s := Scalar{out: out}
	v, err = s.Eval(&Context{}, nil)
	if err != nil {
		return event.NullValue, err
	}
	return function.Clone(v), nil
}

// Fold replaces constant parts by their values. It leaves alone what depends
// on time or on the session's zone. A constant part that fails whenever the
// expression is evaluated, such as 1/0, is an *Error; one that may never be
// reached, such as in an arm of CASE, stays as it is.
func Fold(e expr.Expr) (expr.Expr, error) {
	f := folder{}
	out := f.fold(e, true)
	return out, f.err
}

// foldQuietly leaves failing parts for evaluation to report.
func foldQuietly(e expr.Expr) expr.Expr {
	f := folder{}
	return f.fold(e, false)
}

type folder struct {
	err error
}

// fold folds e; reached says that e is evaluated whenever the whole is.
func (f *folder) fold(e expr.Expr, reached bool) expr.Expr {
	children := e.Children()
	if len(children) > 0 {
		e = f.foldChildren(e, children, reached)
	}
	switch e := e.(type) {
	case *expr.And:
		return foldJunction(e, e.Args, 0, func(args []expr.Expr) expr.Expr { n := *e; n.Args = args; return &n })
	case *expr.Or:
		return foldJunction(e, e.Args, 1, func(args []expr.Expr) expr.Expr { n := *e; n.Args = args; return &n })
	case *expr.Case:
		return foldCase(e)
	}
	if !foldable(e) {
		return e
	}
	v, err := EvalConst(e)
	if err != nil {
		if reached && f.err == nil {
			f.err = err
		}
		return e
	}
	return &expr.Const{Base: expr.Base{T: e.Type(), Span: e.Pos()}, Value: v}
}

func (f *folder) foldChildren(e expr.Expr, children []expr.Expr, reached bool) expr.Expr {
	changed := false
	out := make([]expr.Expr, len(children))
	for i, c := range children {
		out[i] = f.fold(c, reached && (i == 0 || !conditional(e)))
		changed = changed || out[i] != c
	}
	if !changed {
		return e
	}
	return e.WithChildren(out)
}

// conditional says whether operands after the first may be left out.
func conditional(e expr.Expr) bool {
	switch e.(type) {
	case *expr.And, *expr.Or, *expr.Case:
		return true
	}
	return false
}

func foldable(e expr.Expr) bool {
	switch e := e.(type) {
	case *expr.Const, *expr.Column, *expr.Nav, *expr.Agg, *expr.Classifier, *expr.MatchNumber, *expr.MatchStatus, *expr.MatchTime:
		return false
	case *expr.Call:
		if e.Fn.Volatile {
			return false
		}
	}
	if e.Type().Kind == event.TimestampLTZ {
		return false
	}
	for _, c := range e.Children() {
		if _, ok := c.(*expr.Const); !ok || c.Type().Kind == event.TimestampLTZ {
			return false
		}
	}
	return true
}

func truth(e expr.Expr) (value int64, null, ok bool) {
	c, ok := e.(*expr.Const)
	if !ok {
		return 0, false, false
	}
	return c.Value.I, c.Value.Null, true
}

// foldJunction drops operands that decide nothing and cuts after one that
// decides everything.
func foldJunction(e expr.Expr, args []expr.Expr, decisive int64, with func([]expr.Expr) expr.Expr) expr.Expr {
	var keep []expr.Expr
	for _, a := range args {
		v, null, ok := truth(a)
		if ok && !null && v != decisive {
			continue
		}
		keep = append(keep, a)
		if ok && !null {
			break
		}
	}
	switch {
	case len(keep) == 0:
		return &expr.Const{Base: expr.Base{T: event.TBool, Span: e.Pos()}, Value: event.IntValue(1 - decisive)}
	case len(keep) == 1:
		return keep[0]
	case len(keep) == len(args):
		return e
	}
	return with(keep)
}

func foldCase(e *expr.Case) expr.Expr {
	n := *e
	n.When = nil
	for i, a := range e.When {
		v, null, ok := truth(a.Cond)
		switch {
		case !ok:
			n.When = append(n.When, a)
			continue
		case null || v == 0:
			continue
		}
		if len(n.When) == 0 {
			return typed(a.Then, e.T)
		}
		n.Else = e.When[i].Then
		return &n
	}
	if len(n.When) == 0 {
		return typed(n.Else, e.T)
	}
	return &n
}

// typed gives an untyped NULL the type it stands for.
func typed(e expr.Expr, t event.Type) expr.Expr {
	if e.Type().Kind == event.Null {
		return &expr.Const{Base: expr.Base{T: t, Span: e.Pos()}, Value: event.NullValue}
	}
	return e
}
