package wasm

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
)

func fatal(err error) bool {
	var f *expr.Fatal
	return errors.As(err, &f)
}

func inRange(t event.Type, x int64) error {
	if !t.Integer() {
		return nil
	}
	if lo, hi := function.IntRange(t); x < lo || x > hi {
		return function.Overflow(t)
	}
	return nil
}

// crosses says whether values of a type can be given to a module.
func crosses(t event.Type) error {
	switch p := t.Physical(); {
	case t.Kind == event.Decimal || p == event.PhysNested || p == event.PhysI128:
		return fmt.Errorf("%s cannot be given to a module: declare DOUBLE or STRING, and cast", t)
	case p == event.PhysStr && t.Precision > 0:
		return fmt.Errorf("%s cannot be given to a module: declare STRING or BYTES", t)
	}
	return nil
}

func allCross(params []event.Type, result event.Type) error {
	for _, t := range append([]event.Type{result}, params...) {
		if err := crosses(t); err != nil {
			return err
		}
	}
	return nil
}

// Scalar is an exported function as a scalar function.
func (m *Module) Scalar(name, export string, params []event.Type, result event.Type) (*expr.Func, error) {
	if err := allCross(params, result); err != nil {
		return nil, err
	}
	if err := m.exports(export, 2); err != nil {
		return nil, fmt.Errorf("the module cannot be used: %w", err)
	}
	c := &call{m, export, params, result}
	return &expr.Func{
		Name: strings.ToUpper(name), Category: "user", Usage: function.Usage(name, params), Doc: "A function of a WebAssembly module.",
		Resolve: function.Declared(name, params, result), NullArgs: true, Version: m.sum + " " + export,
		Batch: func(_ *expr.Context, args []*event.Vec, sel []int32, n int, out *event.Vec, fail func(int32, error)) error {
			return c.rows(args, sel, out, n, fail)
		},
		Eval: func(_ *expr.Context, args []event.Value, out *event.Value) error { return c.one(args, out) },
	}, nil
}

// one computes a single row.
func (c *call) one(args []event.Value, out *event.Value) error {
	columns := make([]*event.Vec, len(args))
	for i, x := range args {
		v := event.NewVec(c.params[i])
		v.Append(x)
		columns[i] = &v
	}
	v := event.NewVec(c.result)
	v.Reset(1)
	var failed error
	if err := c.rows(columns, []int32{0}, &v, 1, func(_ int32, err error) { failed = err }); err != nil {
		return err
	}
	if x := v.Value(0); !x.Null && text(c.result) {
		out.S, out.Null = append(out.S[:0], x.S...), false
	} else {
		*out = x
	}
	return failed
}

// Aggregate is three exported functions, export_add, export_merge and export_result, as
// an aggregate.
func (m *Module) Aggregate(name, export string, params []event.Type, result event.Type) (*expr.AggFunc, error) {
	if err := allCross(params, result); err != nil {
		return nil, err
	}
	for _, step := range []string{"_add", "_merge", "_result"} {
		if err := m.exports(export+step, 2); err != nil {
			return nil, fmt.Errorf("the module cannot be used: %w", err)
		}
	}
	a := &accumulator{
		add:    call{m, export + "_add", append([]event.Type{event.TBytes}, params...), event.TBytes},
		merge:  call{m, export + "_merge", []event.Type{event.TBytes, event.TBytes}, event.TBytes},
		result: call{m, export + "_result", []event.Type{event.TBytes}, result},
	}
	return &expr.AggFunc{
		Name: strings.ToUpper(name), Usage: function.Usage(name, params), Doc: "An aggregate of a WebAssembly module.",
		Resolve: function.Declared(name, params, result), NullArgs: true, Ordered: true, Version: m.sum + " " + export,
		Bind: func([]event.Type, event.Type) expr.Accumulator { return a },
	}, nil
}

// accumulator keeps the state of an aggregate as BYTES.
type accumulator struct{ add, merge, result call }

func (*accumulator) Size() int                { return 1 }
func (*accumulator) Init(state []event.Value) { state[0] = event.NullValue }

// next makes a state in new memory: that of the old one may be another's too.
func (c *call) next(state []event.Value, args ...event.Value) error {
	var out event.Value
	if err := c.one(args, &out); err != nil {
		return raised(err)
	}
	state[0] = out
	return nil
}

// raised panics with an error that is of no row: the callers of an Accumulator know
// no other.
func raised(err error) error {
	var f *expr.Fatal
	if errors.As(err, &f) {
		panic(f)
	}
	return err
}

func (a *accumulator) Add(state []event.Value, args []event.Value) error {
	return a.add.next(state, append([]event.Value{state[0]}, args...)...)
}

func (a *accumulator) Merge(state, other []event.Value) error {
	return a.merge.next(state, state[0], other[0])
}

func (a *accumulator) Result(state []event.Value, out *event.Value) error {
	return raised(a.result.one([]event.Value{state[0]}, out))
}
