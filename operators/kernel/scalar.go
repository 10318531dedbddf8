package kernel

import (
	"github.com/cepd/cepd/internal/decimal"
	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
)

// Scalar evaluates an expression over one frame of values: Column{Index} reads
// frame[Index]. It has scratch memory and serves one goroutine.
type Scalar struct {
	m   machine
	out operand
}

// machine is the state of one evaluation.
type machine struct {
	ctx   *Context
	frame []event.Value
	err   error // the first
	span  diag.Span
}

func (m *machine) fail(err error, span diag.Span) {
	if m.err == nil {
		m.err, m.span = err, span
	}
}

// A typed closure gives a value and whether it is NULL.
type (
	getter[T any] func(m *machine) (v T, null bool)
	getInt        = getter[int64]
	getFloat      = getter[float64]
	getDec        = getter[decimal.Int]
	getStr        = getter[[]byte]
	getList       = getter[[]event.Value]
)

// operand is a compiled expression: the closure of its physical form is set.
type operand struct {
	t    event.Type
	phys event.Physical
	i    getInt
	f    getFloat
	d    getDec
	s    getStr
	l    getList
}

// CompileScalar compiles a row-local expression.
func CompileScalar(e expr.Expr) (*Scalar, error) {
	out, err := compileScalar(foldQuietly(e))
	if err != nil {
		return nil, err
	}
	return &Scalar{out: out}, nil
}

// Eval computes the value over a frame. Texts and lists in it may be views of
// the frame or of scratch memory, valid until the next call. An error is an *Error.
func (s *Scalar) Eval(ctx *Context, frame []event.Value) (event.Value, error) {
	s.start(ctx, frame)
	var v event.Value
	s.out.get(&s.m, &v)
	if s.m.err != nil {
		return event.NullValue, s.failure()
	}
	return v, nil
}

// True evaluates a BOOLEAN: NULL is not true.
func (s *Scalar) True(ctx *Context, frame []event.Value) (bool, error) {
	s.start(ctx, frame)
	i, null := s.out.i(&s.m)
	if s.m.err != nil {
		return false, s.failure()
	}
	return i != 0 && !null, nil
}

func (s *Scalar) start(ctx *Context, frame []event.Value) {
	s.m.ctx, s.m.frame, s.m.err = ctx, frame, nil
}

func (s *Scalar) failure() error { return &Error{s.m.err, s.m.span} }

// get stores the operand's value into out.
func (o *operand) get(m *machine, out *event.Value) {
	*out = event.Value{}
	switch o.phys {
	case event.PhysI64:
		out.I, out.Null = o.i(m)
	case event.PhysF64:
		f, null := o.f(m)
		*out = event.FloatValue(f)
		out.Null = null
	case event.PhysI128:
		d, null := o.d(m)
		out.I, out.Hi, out.Null = int64(d.Lo), d.Hi, null
	case event.PhysStr:
		out.S, out.Null = o.s(m)
	case event.PhysNested:
		out.L, out.Null = o.l(m)
	default:
		out.Null = true
	}
	if out.Null {
		*out = event.NullValue
	}
}

// dec reads a DECIMAL of any precision.
func (o *operand) dec() getDec {
	if o.phys == event.PhysI128 {
		return o.d
	}
	get := o.i
	return func(m *machine) (decimal.Int, bool) {
		i, null := get(m)
		return decimal.FromInt64(i), null
	}
}

// isNull says whether the operand is NULL.
func (o *operand) isNull() func(m *machine) bool {
	switch o.phys {
	case event.PhysI64:
		return nullOf(o.i)
	case event.PhysF64:
		return nullOf(o.f)
	case event.PhysI128:
		return nullOf(o.d)
	case event.PhysStr:
		return nullOf(o.s)
	case event.PhysNested:
		return nullOf(o.l)
	}
	return func(*machine) bool { return true }
}

func nullOf[T any](get getter[T]) func(m *machine) bool {
	return func(m *machine) bool { _, null := get(m); return null }
}

// lazy is an operand whose value eval stores into memory of its own.
func lazy(t event.Type, eval func(m *machine, out *event.Value)) operand {
	v := new(event.Value)
	o := operand{t: t, phys: t.Physical()}
	switch o.phys {
	case event.PhysI64, event.PhysNone:
		o.i = func(m *machine) (int64, bool) { eval(m, v); return v.I, v.Null }
	case event.PhysF64:
		o.f = func(m *machine) (float64, bool) { eval(m, v); return v.F(), v.Null }
	case event.PhysI128:
		o.d = func(m *machine) (decimal.Int, bool) { eval(m, v); return function.Dec(t, *v), v.Null }
	case event.PhysStr:
		o.s = func(m *machine) ([]byte, bool) { eval(m, v); return v.S, v.Null }
	case event.PhysNested:
		o.l = func(m *machine) ([]event.Value, bool) { eval(m, v); return v.L, v.Null }
	}
	return o
}

func fromInt(t event.Type, get getInt) operand {
	return operand{t: t, phys: event.PhysI64, i: get}
}

func columnOperand(e *expr.Column) operand {
	t, i := e.T, e.Index
	o := operand{t: t, phys: t.Physical()}
	switch o.phys {
	case event.PhysI64:
		o.i = func(m *machine) (int64, bool) { v := &m.frame[i]; return v.I, v.Null }
	case event.PhysF64:
		o.f = func(m *machine) (float64, bool) { v := &m.frame[i]; return v.F(), v.Null }
	case event.PhysI128:
		o.d = func(m *machine) (decimal.Int, bool) {
			v := &m.frame[i]
			return decimal.Int{Hi: v.Hi, Lo: uint64(v.I)}, v.Null
		}
	case event.PhysStr:
		o.s = func(m *machine) ([]byte, bool) { v := &m.frame[i]; return v.S, v.Null }
	case event.PhysNested:
		o.l = func(m *machine) ([]event.Value, bool) { v := &m.frame[i]; return v.L, v.Null }
	default:
		o.i = func(*machine) (int64, bool) { return 0, true }
	}
	return o
}

func constOperand(t event.Type, v event.Value) operand {
	o := operand{t: t, phys: t.Physical()}
	switch o.phys {
	case event.PhysF64:
		o.f = constant(v.F(), v.Null)
	case event.PhysI128:
		o.d = constant(function.Dec(t, v), v.Null)
	case event.PhysStr:
		o.s = constant(v.S, v.Null)
	case event.PhysNested:
		o.l = constant(v.L, v.Null)
	default:
		o.i = constant(v.I, v.Null || o.phys == event.PhysNone)
	}
	return o
}

func constant[T any](v T, null bool) getter[T] {
	return func(*machine) (T, bool) { return v, null }
}
