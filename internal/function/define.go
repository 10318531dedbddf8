package function

import (
	"fmt"
	"strings"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

type evalFunc = func(c *expr.Context, args []event.Value, out *event.Value) error

// define describes a function; its name is what stands before the parenthesis
// in usage. Examples are pairs of SQL and result.
func define(category, usage, doc string, r resolver, eval evalFunc, examples ...string) *expr.Func {
	name, _, _ := strings.Cut(usage, "(")
	f := &expr.Func{Name: name, Category: category, Usage: usage, Doc: doc, Resolve: r, Eval: eval}
	for i := 0; i+1 < len(examples); i += 2 {
		f.Examples = append(f.Examples, expr.Example{SQL: examples[i], Result: examples[i+1]})
	}
	return f
}

func also(f *expr.Func, aliases ...string) *expr.Func {
	f.Aliases = append(f.Aliases, aliases...)
	return f
}

func withNulls(f *expr.Func) *expr.Func {
	f.NullArgs = true
	return f
}

func volatile(f *expr.Func) *expr.Func {
	f.Volatile = true
	return f
}

// text makes an evalFunc of a function that appends its result.
func text(f func(dst []byte, args []event.Value) []byte) evalFunc {
	return func(_ *expr.Context, args []event.Value, out *event.Value) error {
		out.S = f(out.S[:0], args)
		return nil
	}
}

func integer(f func(args []event.Value) int64) evalFunc {
	return func(_ *expr.Context, args []event.Value, out *event.Value) error {
		out.I = f(args)
		return nil
	}
}

func boolean(f func(args []event.Value) bool) evalFunc {
	return func(_ *expr.Context, args []event.Value, out *event.Value) error {
		out.I = int64(b2i(f(args)))
		return nil
	}
}

func double(f func(x float64) float64) evalFunc {
	return func(_ *expr.Context, args []event.Value, out *event.Value) error {
		*out = event.FloatValue(f(args[0].F()))
		return nil
	}
}

// maxText is the longest text in bytes that a function builds from short ones.
const maxText = 1 << 20

func tooLong(n int64) error {
	return fmt.Errorf("the result would have %d characters, more than the limit of %d", n, maxText)
}

// cached is a per-call-site value computed from a text argument, which is
// nearly always the same in each row.
type cached[T any] struct {
	key   []byte
	value T
	err   error
	set   bool
}

func fromCache[T any](c *expr.Context, key []byte, make func(key string) (T, error)) (T, error) {
	e, ok := c.Scratch.(*cached[T])
	if !ok {
		e = &cached[T]{}
		c.Scratch = e
	}
	if !e.set || string(e.key) != string(key) {
		e.key, e.set = append(e.key[:0], key...), true
		e.value, e.err = make(string(key))
	}
	return e.value, e.err
}
