package aggregate

import (
	"fmt"
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

// Call is an aggregate over columns of its input.
type Call struct {
	Fn       *expr.AggFunc
	Args     []int // columns; none: COUNT(*)
	Filter   int   // BOOLEAN column; -1: every row counts
	Distinct bool
	OrderBy  []Key
	Params   []event.Type // of Args
	Result   event.Type
}

// Key is a key of an ORDER BY inside an aggregate.
type Key struct {
	Column     int
	Type       event.Type
	Desc       bool
	NullsFirst bool
}

// Column is the states of one call.
type Column interface {
	// Resize makes it n states; new ones are of no rows.
	Resize(n int)
	// Clear makes states those of no rows.
	Clear(slots []int32)
	// Add takes row rows[i] of b into slots[i].
	Add(slots, rows []int32, b *event.Batch) error
	// Merge takes the rows of from's state other[i], as later ones, into
	// slots[i]. from is a Column of the same call.
	Merge(slots []int32, from Column, other []int32) error
	// Result writes the value of slots[i] to row i of out, which has as many
	// rows; fail is told the rows that have none.
	Result(slots []int32, out *event.Vec, fail func(i int, err error))
	// Append encodes a state; Read is its inverse and gives what follows.
	Append(dst []byte, slot int32) []byte
	Read(src []byte, slot int32) ([]byte, error)
	// Bytes is the memory held, roughly.
	Bytes() int64
}

// Inverse is a Column that can also give rows up again, exactly.
type Inverse interface {
	Column
	// Retract takes the rows of from's state other[i] out of slots[i], into
	// which they were merged before.
	Retract(slots []int32, from Column, other []int32) error
}

// Counter is the Column of COUNT(*).
type Counter interface {
	Column
	Count(slots []int32, n int64)
}

// CountsAll says whether every row counts the same: COUNT(*) without a filter,
// whose Column is a Counter.
func (c *Call) CountsAll() bool { return c.Fn.Name == "COUNT" && len(c.Args) == 0 && c.Filter < 0 }

// Options of the columns.
type Options struct {
	MaxRows int // values that one state may collect (DISTINCT, lists)
	// Retract: rows are taken out again one by one; the calls are Retractable.
	Retract bool
}

// LimitError says that a state outgrew a limit.
type LimitError struct {
	What  string
	Limit int
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("one group holds more than %d %s: make the window smaller, group by more columns, use an approximate aggregate, or raise 'state.max-rows-per-key'", e.Limit, e.What)
}

// New makes an empty Column of a call.
func New(c *Call, o Options) Column {
	switch {
	case c.Distinct && !idempotent(c.Fn.Name), o.Retract && c.counted():
		return newDistinct(c, o)
	case o.Retract && c.extreme():
		return newExtremes(c, o)
	case len(c.OrderBy) > 0:
		return newCollected(c, o)
	}
	if col := numeric(c); col != nil {
		return col
	}
	if s := newSketch(c); s != nil {
		return s
	}
	return newGeneric(c, o)
}

// idempotent says whether a value that comes twice counts as once anyway.
func idempotent(name string) bool {
	switch name {
	case "MIN", "MAX", "BOOL_AND", "BOOL_OR", "APPROX_COUNT_DISTINCT":
		return true
	}
	return false
}

// numeric is the Column of the calls with loops of their own; nil for others.
func numeric(c *Call) Column {
	if c.Fn.Name == "COUNT" && len(c.Args) <= 1 {
		return &count{call: c}
	}
	if len(c.Args) != 1 {
		return nil
	}
	float, phys := c.Params[0].Float(), c.Params[0].Physical()
	switch c.Fn.Name {
	case "SUM", "AVG":
		if float {
			return &floatSum{call: c, mean: c.Fn.Name == "AVG"}
		}
		return newExact(c)
	case "MIN", "MAX":
		switch phys {
		case event.PhysI64:
			return &extreme[int64]{call: c, max: c.Fn.Name == "MAX", values: func(v *event.Vec) []int64 { return v.I64 }}
		case event.PhysF64:
			return &extreme[float64]{call: c, max: c.Fn.Name == "MAX", values: func(v *event.Vec) []float64 { return v.F64 }}
		}
	}
	return nil
}

// Ordered says whether the result depends on the order of the rows: by what
// the aggregate means, or in the last digits of a sum of DOUBLE.
func (c *Call) Ordered() bool {
	switch {
	case c.Distinct:
		return false // values are aggregated in their own order
	case c.Fn.Ordered || len(c.OrderBy) > 0:
		return true
	}
	switch New(c, Options{}).(type) {
	case *count, *exact, *extreme[int64], *extreme[float64], *distinctSketch, *quantileSketch:
		return false
	}
	return c.Result.Float()
}

// Invertible says whether the call's Column is an Inverse.
func (c *Call) Invertible() bool {
	_, ok := New(c, Options{}).(Inverse)
	return ok
}

// Same says whether two calls have the same states and results.
func (c *Call) Same(o *Call) bool {
	return c.Fn == o.Fn && slices.Equal(c.Args, o.Args) && c.Filter == o.Filter && c.Distinct == o.Distinct &&
		c.Result.Equal(o.Result) && slices.EqualFunc(c.OrderBy, o.OrderBy, func(a, b Key) bool {
		return a.Column == b.Column && a.Desc == b.Desc && a.NullsFirst == b.NullsFirst
	})
}
