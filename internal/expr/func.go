package expr

import (
	"time"

	"github.com/cepd/cepd/internal/event"
)

// Func is a scalar function: signature, meaning and documentation in one place.
type Func struct {
	Name     string // upper case
	Aliases  []string
	Category string // string, math, time, conditional, json, hash …
	Usage    string // e.g. "UPPER(s)"
	Doc      string // one or two sentences
	Examples []Example
	// Resolve checks the argument types and returns the types to cast the
	// arguments to and the result's. An error says what was expected.
	Resolve func(args []event.Type) (params []event.Type, result event.Type, err error)
	// Eval computes one value. Arguments are not NULL unless NullArgs. out.S
	// may be appended to from out.S[:0]. It must not keep args.
	Eval func(c *Context, args []event.Value, out *event.Value) error
	// NullArgs: Eval wants to see NULLs; otherwise a NULL argument gives NULL.
	NullArgs bool
	// Volatile: not folded when the arguments are constant (CURRENT_TIMESTAMP).
	Volatile bool
	// Batch computes the rows in sel at once, of n; nil: Eval does, row by row. Rows
	// that fail are reported. The error fails the query.
	Batch func(c *Context, args []*event.Vec, sel []int32, n int, out *event.Vec, fail func(row int32, err error)) error
	// Version tells a function of a user from another one of the same name.
	Version string
}

// Fatal is an error of no row: the query fails, whatever its policy for rows. What
// cannot return it panics with it; the engine knows.
type Fatal struct{ Err error }

func (f *Fatal) Error() string { return f.Err.Error() }

// Failure says that it may be thrown as a panic; see panics.Recover.
func (f *Fatal) Failure() {}

// Unwrap is the cause.
func (f *Fatal) Unwrap() error { return f.Err }

// Example is an SQL expression and its result as text; run as a test.
type Example struct{ SQL, Result string }

// Context is what a function may know beside its arguments.
type Context struct {
	Args    []event.Type // argument types of this call, after casts
	Result  event.Type
	Now     event.Time     // processing time of the step, µs
	Zone    *time.Location // of the session
	Scratch any            // per call site, e.g. a compiled regular expression
}

// AggFunc is an aggregate function.
type AggFunc struct {
	Name     string
	Aliases  []string
	Usage    string
	Doc      string
	Examples []Example
	Resolve  func(args []event.Type) (params []event.Type, result event.Type, err error)
	// Bind makes the implementation for argument types.
	Bind func(params []event.Type, result event.Type) Accumulator
	// NullArgs: Add is also called for rows whose first argument is NULL.
	NullArgs bool
	// Ordered: the result depends on the order of the rows.
	Ordered bool
	Version string // as that of Func
}

// Accumulator is an aggregate as steps over a state of Size values. Steps
// never modify memory that a Value's S or L points to: states are copied by
// assignment when a partial match forks.
type Accumulator interface {
	Size() int
	Init(state []event.Value)
	Add(state []event.Value, args []event.Value) error
	// Merge makes state what it would be had the rows of other come after its
	// own. other stays as it is.
	Merge(state, other []event.Value) error
	Result(state []event.Value, out *event.Value) error
}
