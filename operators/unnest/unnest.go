// Package unnest makes rows of the elements of a column. The rows of the input
// do not keep their positions, so it is a stage of its own: it has no state,
// waits for nothing, and rows are divided as they come.
package unnest

import (
	"encoding/binary"

	"github.com/zeebo/xxh3"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/query/plan"
	"github.com/cepd/cepd/state"
)

// Unnest is the operator of one shard. It implements operators.Stateful.
type Unnest struct {
	plan *plan.Unnest
	seed uint64
	in   int // columns of the input
	flat bool
	rows []int32 // of the input, one per row of the output
	out  *event.Batch
}

// New makes the operator; name tells the IDs of its rows from those of others.
func New(n *plan.Unnest, name string) *Unnest {
	t := n.Input.Schema().Fields[n.Column].Type
	return &Unnest{
		plan: n, seed: xxh3.HashString(name), in: len(n.Input.Schema().Fields), out: event.NewBatch(n.Out),
		flat: t.Kind == event.Array && t.Elem.Kind == event.Row,
	}
}

// Process emits a row per element.
func (o *Unnest) Process(_ *operators.Context, b *event.Batch, out operators.Collector) error {
	o.begin()
	list := &b.Cols[o.plan.Column]
	for _, row := range b.LiveRows() {
		var elements event.Span
		if !list.Null(int(row)) {
			elements = list.Str[row]
		}
		if elements.Len == 0 && o.plan.Outer {
			if err := o.add(b, row, list, none, 0, out); err != nil {
				return err
			}
		}
		for k := range elements.Len {
			if err := o.add(b, row, list, int(elements.Off+k), int(k)+1, out); err != nil {
				return err
			}
		}
	}
	return o.flush(b, out)
}

// none is no element.
const none = -1

// add makes a row of an element; n is its number.
func (o *Unnest) add(b *event.Batch, row int32, list *event.Vec, element, n int, out operators.Collector) error {
	o.rows = append(o.rows, row)
	columns := o.out.Cols[o.in:]
	if o.plan.Ordinals {
		last := len(columns) - 1
		x := event.IntValue(int64(n))
		x.Null = element == none
		columns[last].Append(x)
		columns = columns[:last]
	}
	parts := list.Kids
	if o.flat {
		parts = list.Kids[0].Kids
	}
	absent := element == none || o.flat && list.Kids[0].Null(element)
	for i := range columns {
		x := event.NullValue
		if !absent {
			x = parts[i].Value(element)
		}
		columns[i].Append(x)
	}
	o.out.Time = append(o.out.Time, b.Time[row])
	o.out.ID = append(o.out.ID, o.id(b.ID[row], n))
	if len(o.rows) < event.MaxRows {
		return nil
	}
	return o.flush(b, out)
}

// id is a hash of the row and the number of the element.
func (o *Unnest) id(row event.ID, n int) event.ID {
	var key [32]byte
	for i, x := range [...]uint64{o.seed, row.Hi, row.Lo, uint64(n)} {
		binary.LittleEndian.PutUint64(key[8*i:], x)
	}
	h := xxh3.Hash128(key[:])
	return event.Detection(h.Hi, h.Lo)
}

func (o *Unnest) begin() {
	o.out.Reset(0)
	o.rows = o.rows[:0]
}

// flush emits the rows made so far, with the columns of the input.
func (o *Unnest) flush(b *event.Batch, out operators.Collector) error {
	if len(o.rows) == 0 {
		return nil
	}
	head := event.Batch{Cols: o.out.Cols[:o.in]}
	head.AppendRows(&event.Batch{Cols: b.Cols}, o.rows)
	o.out.N = len(o.rows)
	for i, row := range o.rows {
		o.out.SetChange(i, b.Change(int(row)))
	}
	err := out.Emit(o.out)
	o.begin()
	return err
}

// Advance does nothing.
func (*Unnest) Advance(*operators.Context, event.Time, operators.Collector) error { return nil }

// Snapshot writes nothing.
func (*Unnest) Snapshot(state.Writer) error { return nil }

// Restore reads nothing.
func (*Unnest) Restore(state.Reader) error { return nil }

// Size is nothing.
func (*Unnest) Size() operators.Size { return operators.Size{} }
