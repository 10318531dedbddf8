package parquet

import (
	"cmp"
	"slices"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"
	"github.com/parquet-go/parquet-go/format"

	"github.com/cepd/cepd/internal/event"
)

// copier copies the values from, from+1, … of a page without NULL into the rows
// row, row+1, … of a column, n at most. It says how many; fewer: the next does not
// fit.
type copier func(v *event.Vec, row int, page encoding.Values, from, n int) int

// copierOf is with the size of a value; nil where values have to be taken out one by
// one.
func copierOf(c *parquet.Column, n *node) (copier, int) {
	kind := c.Type().Kind()
	switch l, whole := logical(c).(*format.IntType); { // those that fit whatever they are
	case logical(c) != nil && (!whole || !l.IsSigned):
	case kind == parquet.Int64 && n.typ.Kind == event.Int64:
		return func(v *event.Vec, row int, page encoding.Values, from, n int) int {
			return copy(v.I64[row:row+n], page.Int64()[from:])
		}, 8
	case kind == parquet.Double && n.typ.Kind == event.Float64:
		return func(v *event.Vec, row int, page encoding.Values, from, n int) int {
			return copy(v.F64[row:row+n], page.Double()[from:])
		}, 8
	}
	switch kind {
	case parquet.Int64:
		return converter(int64s, parquet.Int64Value, n.set), 8
	case parquet.Int32:
		return converter(int32s, parquet.Int32Value, n.set), 4
	case parquet.Double:
		return converter(doubles, parquet.DoubleValue, n.set), 8
	}
	return nil, 0
}

// converter is for pages of numbers that become something else, or may not fit.
func converter[T any](of func(encoding.Values) []T, value func(T) parquet.Value, set setter) copier {
	return func(v *event.Vec, row int, page encoding.Values, from, n int) int {
		for i, x := range of(page)[from : from+n] {
			if !set(v, row+i, value(x)) {
				return i
			}
		}
		return n
	}
}

func int64s(v encoding.Values) []int64    { return v.Int64() }
func int32s(v encoding.Values) []int32    { return v.Int32() }
func doubles(v encoding.Values) []float64 { return v.Double() }

// fillColumns reads the fields of one size, each for all rows. It says how many rows
// can be had of each; an error is damage in the row after them.
func (r *Reader) fillColumns(dst *event.Batch, rows int) (int, error) {
	var failed error
	for _, c := range r.fixed {
		done, err := r.fillColumn(c, &dst.Cols[c], rows)
		if err != nil {
			rows, failed = done, err
		}
	}
	return rows, failed
}

func (r *Reader) fillColumn(c int, v *event.Vec, rows int) (done int, err error) {
	defer guard(&err)
	n := r.nodes[c]
	l := n.leaves[0]
	for done < rows {
		if !l.ready() || l.rest == 0 {
			r.value(c, v, done)
			done++
			continue
		}
		want := min(rows-done, l.rest)
		got := l.copy(v, done, l.data, l.from, want)
		l.take(got)
		if done += got; got < want {
			r.note(done, c, n.unfit())
			l.take(1)
			done++
		}
	}
	return done, nil
}

// misfit is why a row is none.
type misfit struct {
	row, column int
	reason      string
}

func (r *Reader) note(row, column int, reason string) {
	r.misfits = append(r.misfits, misfit{row, column, "field " + reason})
}

// rejectMisfits rejects the rows below the given that have been noted. Of several
// reasons that of the first column counts.
func (r *Reader) rejectMisfits(dst *event.Batch, rows int) {
	slices.SortFunc(r.misfits, func(a, b misfit) int { return cmp.Or(a.row-b.row, a.column-b.column) })
	for i, m := range r.misfits {
		if m.row < rows && (i == 0 || r.misfits[i-1].row != m.row) {
			r.reject(dst, m.row, m.reason)
		}
	}
	r.misfits = r.misfits[:0]
}
