package cepd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/parse"
)

// ErrNull is what a function returns to give NULL.
var ErrNull = errors.New("NULL")

// Value is the Go types that functions take and give: BOOLEAN, BIGINT, DOUBLE, STRING,
// BYTES and TIMESTAMP(6), and ARRAYs of them that have no NULL. A pointer is nil for
// NULL; a function with none of them does not see one. For other types there is Func.
type Value interface {
	bool | int64 | float64 | string | []byte | time.Time |
		*bool | *int64 | *float64 | *string | *time.Time |
		[]bool | []int64 | []float64 | []string | []time.Time
}

// Function is a function of SQL that is written in Go; Func1 to Func3, Func and Aggregate
// make them.
type Function struct {
	Name string
	// Version tells the function from an earlier one of the same name: a query whose
	// state was made with that one does not go on from it.
	Version string
	params  []event.Type
	result  event.Type
	nulls   []bool // which arguments may be NULL; others that are give NULL without a call
	eval    func(args []event.Value, out *event.Value) error
	acc     expr.Accumulator
	err     error
}

// Func1 is a function of one argument. A NULL argument gives NULL without a call, unless
// the function takes a pointer.
func Func1[A, R Value](name string, f func(A) (R, error)) Function {
	a, r := codecOf[A](), codecOf[R]()
	return Function{Name: name, params: []event.Type{a.t}, nulls: []bool{a.null}, result: r.t, eval: func(args []event.Value, out *event.Value) error {
		x, err := a.get(args[0])
		if err != nil {
			return err
		}
		y, err := f(x)
		return r.give(y, err, out)
	}}
}

// Func2 is a function of two arguments.
func Func2[A, B, R Value](name string, f func(A, B) (R, error)) Function {
	a, b, r := codecOf[A](), codecOf[B](), codecOf[R]()
	return Function{Name: name, params: []event.Type{a.t, b.t}, nulls: []bool{a.null, b.null}, result: r.t, eval: func(args []event.Value, out *event.Value) error {
		x, err1 := a.get(args[0])
		y, err2 := b.get(args[1])
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		z, err := f(x, y)
		return r.give(z, err, out)
	}}
}

// Func3 is a function of three arguments.
func Func3[A, B, C, R Value](name string, f func(A, B, C) (R, error)) Function {
	a, b, c, r := codecOf[A](), codecOf[B](), codecOf[C](), codecOf[R]()
	return Function{Name: name, params: []event.Type{a.t, b.t, c.t}, nulls: []bool{a.null, b.null, c.null}, result: r.t, eval: func(args []event.Value, out *event.Value) error {
		x, err1 := a.get(args[0])
		y, err2 := b.get(args[1])
		z, err3 := c.get(args[2])
		if err := errors.Join(err1, err2, err3); err != nil {
			return err
		}
		w, err := f(x, y, z)
		return r.give(w, err, out)
	}}
}

// Func is a function of arguments and a result of any types, which are said as SQL has
// them: "DECIMAL(10, 2)", "MAP<STRING, ARRAY<BIGINT>>", "ROW<a INT, b STRING>". f gets
// and gives values as a Row has them; nil is NULL.
func Func(name string, params []string, result string, f func(args []any) (any, error)) Function {
	types, err := typesOf(append(append([]string{}, params...), result))
	if err != nil {
		return Function{Name: name, err: fmt.Errorf("function %s: %w", name, err)}
	}
	in, out := types[:len(params)], types[len(params)]
	nulls := make([]bool, len(params))
	for i := range nulls {
		nulls[i] = true
	}
	return Function{Name: name, params: in, nulls: nulls, result: out, eval: func(args []event.Value, to *event.Value) error {
		list := make([]any, len(args))
		for i := range args {
			list[i] = toGo(in[i], args[i])
		}
		x, err := f(list)
		if errors.Is(err, ErrNull) {
			x, err = nil, nil
		}
		if err != nil {
			return err
		}
		*to, err = fromGo(out, x)
		return err
	}}
}

// typesOf are types by their names in SQL.
func typesOf(names []string) ([]event.Type, error) {
	columns := make([]string, len(names))
	for i, name := range names {
		columns[i] = fmt.Sprintf("c%d %s", i, name)
	}
	script, err := parse.Parse("", "CREATE TABLE t ("+strings.Join(columns, ", ")+") WITH ('connector' = 'blackhole');")
	if err != nil {
		return nil, err
	}
	cat := catalog.New()
	if _, err := query.Compile(cat, script, query.Options{}); err != nil {
		return nil, err
	}
	t, ok := cat.Table("t")
	if !ok || len(t.Columns) != len(names) {
		return nil, fmt.Errorf("%q are not types", names)
	}
	types := make([]event.Type, len(names))
	for i := range types {
		types[i] = t.Columns[i].Type
	}
	return types, nil
}

// Steps are an aggregate over a state S, which begins as its zero value and is kept in
// snapshots: a number, or a struct or array of numbers of fixed size.
type Steps[S any, A, R Value] struct {
	Add    func(s *S, x A) error // a row whose argument is not NULL, or any if A is a pointer
	Merge  func(s *S, other S)   // other's rows come after those of s
	Result func(s S) (R, error)  // ErrNull gives NULL
}

// Aggregate is an aggregate function of one argument.
func Aggregate[S any, A, R Value](name string, steps Steps[S, A, R]) Function {
	a, r := codecOf[A](), codecOf[R]()
	f := Function{Name: name, params: []event.Type{a.t}, nulls: []bool{a.null}, result: r.t, acc: &accumulator[S, A, R]{steps, a, r}}
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
		return errors.New("a function is made by Func1, Func2, Func3, Func or Aggregate, and has a name")
	case taken || scalar || aggregate:
		return fmt.Errorf("there is a function %s already", strings.ToUpper(f.Name))
	}
	usage, version := function.Usage(f.Name, f.params), " go "+f.Version
	resolve := function.Declared(f.Name, f.params, f.result)
	c := &catalog.Function{Name: f.Name, Usage: usage}
	if f.acc != nil {
		c.Aggregate = &expr.AggFunc{
			Name: strings.ToUpper(f.Name), Usage: usage, Doc: "An aggregate of the program.", Resolve: resolve, Ordered: true, Version: version, NullArgs: slices.Contains(f.nulls, true),
			Bind: func([]event.Type, event.Type) expr.Accumulator { return f.acc },
		}
	} else {
		c.Scalar = &expr.Func{
			Name: strings.ToUpper(f.Name), Category: "user", Usage: usage, Doc: "A function of the program.", Resolve: resolve, Version: version,
			NullArgs: slices.Contains(f.nulls, true), Eval: f.call(),
		}
	}
	cat.AddFunction(c)
	return nil
}

// call is the evaluation of a row.
func (f *Function) call() func(*expr.Context, []event.Value, *event.Value) error {
	eval, nulls := f.eval, f.nulls
	return func(_ *expr.Context, args []event.Value, out *event.Value) (err error) {
		defer caught(&err)
		for i := range args {
			if args[i].Null && !nulls[i] {
				out.Null = true
				return nil
			}
		}
		return eval(args, out)
	}
}

// caught makes a panic an error of the row.
func caught(err *error) {
	if x := recover(); x != nil {
		*err = fmt.Errorf("the function panics: %v", x)
	}
}
