package parquet

import (
	"cmp"
	"math"
	"slices"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"
	"github.com/parquet-go/parquet-go/format"

	"github.com/cepd/cepd/connectors/formats/cell"
	"github.com/cepd/cepd/internal/event"
)

// copier copies the values from, from+1, … of a page without NULL into the rows
// row, row+1, … of a column, n at most. It says how many; fewer: the next does not
// fit.
type copier func(v *event.Vec, row int, page encoding.Values, from, n int) int

// copierOf is with the size of a value; nil where values have to be taken one by one.
func copierOf(c *parquet.Column, t event.Type) (copier, int) {
	kind, width := c.Type().Kind(), 8
	if kind == parquet.Int32 {
		width = 4
	}
	switch l := logical(c).(type) {
	case nil:
		return plainCopier(kind, t), width
	case *format.IntType:
		if l.IsSigned {
			return plainCopier(kind, t), width
		}
	case *format.TimestampType:
		if kind == parquet.Int64 && t.Instant() {
			return timeCopier(l.Unit, t), width
		}
	}
	return nil, 0
}

// plainCopier is for numbers that fit whatever they are.
func plainCopier(kind parquet.Kind, t event.Type) copier {
	switch {
	case kind == parquet.Int64 && t.Kind == event.Int64:
		return func(v *event.Vec, row int, page encoding.Values, from, n int) int {
			return copy(v.I64[row:row+n], page.Int64()[from:])
		}
	case kind == parquet.Double && t.Kind == event.Float64:
		return func(v *event.Vec, row int, page encoding.Values, from, n int) int {
			return copy(v.F64[row:row+n], page.Double()[from:])
		}
	case kind == parquet.Int32 && (t.Kind == event.Int32 || t.Kind == event.Int64):
		return func(v *event.Vec, row int, page encoding.Values, from, n int) int {
			for i, x := range page.Int32()[from : from+n] {
				v.I64[row+i] = int64(x)
			}
			return n
		}
	}
	return nil
}

// timeCopier is for instants of milliseconds or microseconds.
func timeCopier(unit format.TimeUnit, t event.Type) copier {
	mul := int64(1)
	switch unit.Value.(type) {
	case *format.MilliSeconds:
		mul = 1000
	case *format.MicroSeconds:
	default:
		return nil
	}
	return func(v *event.Vec, row int, page encoding.Values, from, n int) int {
		for i, x := range page.Int64()[from : from+n] {
			if x > math.MaxInt64/mul || x < math.MinInt64/mul {
				return i
			}
			v.I64[row+i] = cell.Truncate(x*mul, t.Precision)
		}
		return n
	}
}

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
