package cepd

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/query/catalog"
)

// ErrNull is what a function returns to give NULL.
var ErrNull = errors.New("NULL")

// Value is the Go types that functions take and give: BOOLEAN, BIGINT, DOUBLE, STRING,
// BYTES and TIMESTAMP(6).
type Value interface {
	bool | int64 | float64 | string | []byte | time.Time
}

// Function is a function of SQL that is written in Go; Func1 to Func3 and Aggregate make
// them.
type Function struct {
	Name string
	// Version tells the function from an earlier one of the same name: a query whose
	// state was made with that one does not go on from it.
	Version string
	params  []event.Type
	result  event.Type
	eval    func(args []event.Value, out *event.Value) error
	acc     expr.Accumulator
	err     error
}

// Func1 is a function of one argument. A NULL argument gives NULL without a call.
func Func1[A, R Value](name string, f func(A) (R, error)) Function {
	a, r := codecOf[A](), codecOf[R]()
	return Function{Name: name, params: []event.Type{a.t}, result: r.t, eval: func(args []event.Value, out *event.Value) error {
		x, err := f(a.get(args[0]))
		return r.give(x, err, out)
	}}
}

// Func2 is a function of two arguments.
func Func2[A, B, R Value](name string, f func(A, B) (R, error)) Function {
	a, b, r := codecOf[A](), codecOf[B](), codecOf[R]()
	return Function{Name: name, params: []event.Type{a.t, b.t}, result: r.t, eval: func(args []event.Value, out *event.Value) error {
		x, err := f(a.get(args[0]), b.get(args[1]))
		return r.give(x, err, out)
	}}
}

// Func3 is a function of three arguments.
func Func3[A, B, C, R Value](name string, f func(A, B, C) (R, error)) Function {
	a, b, c, r := codecOf[A](), codecOf[B](), codecOf[C](), codecOf[R]()
	return Function{Name: name, params: []event.Type{a.t, b.t, c.t}, result: r.t, eval: func(args []event.Value, out *event.Value) error {
		x, err := f(a.get(args[0]), b.get(args[1]), c.get(args[2]))
		return r.give(x, err, out)
	}}
}

// Steps are an aggregate over a state S, which begins as its zero value and is kept in
// snapshots: a number, or a struct or array of numbers of fixed size.
type Steps[S any, A, R Value] struct {
	Add    func(s *S, x A) error // a row whose argument is not NULL
	Merge  func(s *S, other S)   // other's rows come after those of s
	Result func(s S) (R, error)  // ErrNull gives NULL
}

// Aggregate is an aggregate function of one argument.
func Aggregate[S any, A, R Value](name string, steps Steps[S, A, R]) Function {
	a, r := codecOf[A](), codecOf[R]()
	f := Function{Name: name, params: []event.Type{a.t}, result: r.t, acc: &accumulator[S, A, R]{steps, a, r}}
	if binary.Size(*new(S)) < 0 {
		f.err = fmt.Errorf("function %s: its state %T is not of fixed size", name, *new(S))
	}
	return f
}

// register adds the function to a catalog.
func (f *Function) register(cat *catalog.Catalog) error {
	_, taken := cat.Function(f.Name)
	_, scalar := function.Lookup(f.Name)
	_, aggregate := function.Aggregate(f.Name)
	switch {
	case f.err != nil:
		return f.err
	case f.eval == nil && f.acc == nil || f.Name == "":
		return errors.New("a function is made by Func1, Func2, Func3 or Aggregate, and has a name")
	case taken || scalar || aggregate:
		return fmt.Errorf("there is a function %s already", strings.ToUpper(f.Name))
	}
	usage, version := function.Usage(f.Name, f.params), " go "+f.Version
	resolve := function.Declared(f.Name, f.params, f.result)
	c := &catalog.Function{Name: f.Name, Usage: usage}
	if f.acc != nil {
		c.Aggregate = &expr.AggFunc{
			Name: strings.ToUpper(f.Name), Usage: usage, Doc: "An aggregate of the program.", Resolve: resolve, Ordered: true, Version: version,
			Bind: func([]event.Type, event.Type) expr.Accumulator { return f.acc },
		}
	} else {
		eval := f.eval
		c.Scalar = &expr.Func{
			Name: strings.ToUpper(f.Name), Category: "user", Usage: usage, Doc: "A function of the program.", Resolve: resolve, Version: version,
			Eval: func(_ *expr.Context, args []event.Value, out *event.Value) (err error) {
				defer caught(&err)
				return eval(args, out)
			},
		}
	}
	cat.AddFunction(c)
	return nil
}

// caught makes a panic an error of the row.
func caught(err *error) {
	if x := recover(); x != nil {
		*err = fmt.Errorf("the function panics: %v", x)
	}
}

// codec brings values across.
type codec[T any] struct {
	t   event.Type
	get func(event.Value) T
	set func(x T, out *event.Value)
}

// give sets the result of a function.
func (c *codec[T]) give(x T, err error, out *event.Value) error {
	if errors.Is(err, ErrNull) {
		out.Null = true
		return nil
	}
	if err == nil {
		c.set(x, out)
	}
	return err
}

// codecOf is chosen once, so that a row costs two calls and no allocation, but for
// texts, which Go wants to own.
func codecOf[T Value]() codec[T] {
	var c any
	switch any(*new(T)).(type) {
	case bool:
		c = codec[bool]{event.TBool, func(v event.Value) bool { return v.I != 0 }, func(x bool, out *event.Value) { *out = event.BoolValue(x) }}
	case int64:
		c = codec[int64]{event.TInt64, func(v event.Value) int64 { return v.I }, func(x int64, out *event.Value) { *out = event.IntValue(x) }}
	case float64:
		c = codec[float64]{event.TFloat64, event.Value.F, func(x float64, out *event.Value) { *out = event.FloatValue(x) }}
	case string:
		c = codec[string]{event.TString, func(v event.Value) string { return string(v.S) }, func(x string, out *event.Value) { out.S = append(out.S[:0], x...) }}
	case []byte:
		c = codec[[]byte]{event.TBytes, func(v event.Value) []byte { return v.S }, func(x []byte, out *event.Value) { out.S = append(out.S[:0], x...) }}
	case time.Time:
		c = codec[time.Time]{event.Type{Kind: event.Timestamp, Precision: 6}, func(v event.Value) time.Time { return time.UnixMicro(v.I).UTC() },
			func(x time.Time, out *event.Value) { *out = event.IntValue(x.UnixMicro()) }}
	}
	return c.(codec[T])
}

// accumulator keeps a state of Go as bytes, for snapshots.
type accumulator[S any, A, R Value] struct {
	steps Steps[S, A, R]
	arg   codec[A]
	out   codec[R]
}

func (*accumulator[S, A, R]) Size() int                { return 1 }
func (*accumulator[S, A, R]) Init(state []event.Value) { state[0] = event.NullValue }

func (*accumulator[S, A, R]) load(v event.Value) (s S, err error) {
	if !v.Null {
		err = binary.Read(bytes.NewReader(v.S), binary.LittleEndian, &s)
	}
	return s, err
}

// store uses new memory: that of the old state may be another's too.
func (*accumulator[S, A, R]) store(s S, state []event.Value) (err error) {
	buf, err := binary.Append(nil, binary.LittleEndian, s)
	state[0] = event.Value{S: buf}
	return err
}

func (a *accumulator[S, A, R]) Add(state []event.Value, args []event.Value) (err error) {
	defer caught(&err)
	s, err := a.load(state[0])
	if err == nil {
		err = a.steps.Add(&s, a.arg.get(args[0]))
	}
	if err != nil {
		return err
	}
	return a.store(s, state)
}

func (a *accumulator[S, A, R]) Merge(state, other []event.Value) (err error) {
	defer caught(&err)
	if other[0].Null {
		return nil
	}
	s, err1 := a.load(state[0])
	o, err2 := a.load(other[0])
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	a.steps.Merge(&s, o)
	return a.store(s, state)
}

func (a *accumulator[S, A, R]) Result(state []event.Value, out *event.Value) (err error) {
	defer caught(&err)
	s, err := a.load(state[0])
	if err != nil {
		return err
	}
	*out = event.Value{}
	x, err := a.steps.Result(s)
	return a.out.give(x, err, out)
}
