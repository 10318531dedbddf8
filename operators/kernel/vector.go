package kernel

import (
	"github.com/cepd/cepd/internal/event"
)

// run is one evaluation over a batch.
type run struct {
	ctx *Context
	b   *event.Batch
	n   int
}

// node fills one column per evaluation. Only the rows in sel (nil: all) are
// defined; fixed-width columns have an entry for the others too. The column
// belongs to the node, or to the batch, and is valid until its next eval.
type node interface {
	eval(r *run, sel []int32) *event.Vec
}

// sparse is the share of selected rows (1 in sparse) below which loops go
// through the selection instead of over all rows.
const sparse = 4

func dense(sel []int32, n int) bool { return sel == nil || len(sel)*sparse >= n }

// count is the number of rows in a selection.
func (r *run) count(sel []int32) int {
	if sel == nil {
		return r.n
	}
	return len(sel)
}

// row is the k-th selected row.
func row(sel []int32, k int) int {
	if sel == nil {
		return k
	}
	return int(sel[k])
}

// rows is a buffer for a selection of n rows, empty and never nil.
func rows(buf *[]int32, n int) []int32 {
	if cap(*buf) < max(n, 1) {
		*buf = make([]int32, 0, max(n, 1))
	}
	return (*buf)[:0]
}

// column is a result column with its NULLs.
type column struct {
	vec   event.Vec
	nulls event.Bitmap
}

func newColumn(t event.Type) column { return column{vec: event.NewVec(t)} }

func (c *column) reset(n int) *event.Vec {
	c.vec.Reset(n)
	return &c.vec
}

// nullWhere marks the NULLs of either operand.
func (c *column) nullWhere(n int, a, b event.Bitmap) {
	switch {
	case a == nil && b == nil:
		return
	case a == nil:
		a, b = b, nil
	}
	c.nulls = c.nulls.Resize(n)
	copy(c.nulls, a)
	for i, w := range b[:min(len(b), len(c.nulls))] {
		c.nulls[i] |= w
	}
	c.vec.Nulls = c.nulls
}

// input is a column of the batch.
type input int

func (i input) eval(r *run, _ []int32) *event.Vec { return &r.b.Cols[i] }

// constantNode is one value in all rows, written once.
type constantNode struct {
	vec   event.Vec
	value event.Value
	n     int
}

func (c *constantNode) eval(r *run, _ []int32) *event.Vec {
	if c.n < r.n {
		c.n = max(r.n, event.MaxRows)
		fill(&c.vec, c.n, c.value)
	}
	return &c.vec
}

// fill writes v to n rows; texts and elements are stored once.
func fill(vec *event.Vec, n int, v event.Value) {
	vec.Reset(n)
	if n == 0 {
		return
	}
	vec.Set(0, n, v)
	if vec.Type.Kind == event.Row {
		for k := range vec.Kids {
			fill(&vec.Kids[k], n, vec.Kids[k].Value(0))
		}
	}
	for i := 1; i < n; i++ {
		copyFixed(vec, i, vec, 0)
		if vec.Null(0) {
			vec.SetNull(i, n)
		}
	}
}

// copyFixed copies what row i of a column has besides NULL and Kids.
func copyFixed(dst *event.Vec, i int, src *event.Vec, j int) {
	switch dst.Type.Physical() {
	case event.PhysI64:
		dst.I64[i] = src.I64[j]
	case event.PhysI128:
		dst.I64[i], dst.Hi[i] = src.I64[j], src.Hi[j]
	case event.PhysF64:
		dst.F64[i] = src.F64[j]
	case event.PhysStr:
		dst.Str[i] = src.Str[j]
	case event.PhysNested:
		if dst.Type.Kind != event.Row {
			dst.Str[i] = src.Str[j]
		}
	}
}

// load reads row i into out without copying the type.
func load(v *event.Vec, phys event.Physical, i int, out *event.Value) {
	if v.Nulls != nil && v.Nulls.Get(i) {
		*out = event.NullValue
		return
	}
	switch phys {
	case event.PhysI64:
		*out = event.Value{I: v.I64[i]}
	case event.PhysI128:
		*out = event.Value{I: v.I64[i], Hi: v.Hi[i]}
	case event.PhysF64:
		*out = event.FloatValue(v.F64[i])
	case event.PhysStr:
		*out = event.Value{S: v.Bytes(i)}
	default:
		*out = v.Value(i)
	}
}
