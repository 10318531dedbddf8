package changelog

import (
	"encoding/binary"

	"github.com/zeebo/xxh3"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
)

// output makes the rows that come out.
type output struct {
	batch *event.Batch
	to    operators.Collector
	timed bool // rows have the time of their rowtime column
	seed  uint64
	hash  []byte
}

func newOutput(s *event.Schema, name string) output {
	return output{batch: event.NewBatch(s), timed: s.Rowtime >= 0, seed: xxh3.HashString(name)}
}

// begin readies the output for a call of the operator.
func (o *output) begin(to operators.Collector) {
	o.to = to
	o.reset()
}

func (o *output) reset() {
	o.batch.Reset(0)
	o.batch.Time = o.batch.Time[:0]
}

// values appends columns that encodeRow has written.
func (o *output) values(from int, row []byte) error {
	for c := range o.batch.Cols[from:] {
		v := &o.batch.Cols[from+c]
		if len(row) == 0 {
			return nil
		}
		x, rest, err := event.ReadValue(row, v.Type)
		if err != nil {
			return err
		}
		v.Append(x)
		row = rest
	}
	return nil
}

// end ends a row whose columns have been appended.
func (o *output) end(c event.Change, id event.ID) error {
	b := o.batch
	i := b.N
	b.N++
	b.ID = append(b.ID, id.Of(c))
	b.SetChange(i, c)
	if o.timed {
		b.Time = append(b.Time, b.Cols[b.Schema.Rowtime].I64[i])
	}
	if b.N < event.MaxRows {
		return nil
	}
	return o.flush()
}

// row emits a whole row.
func (o *output) row(row []byte, c event.Change, id event.ID) error {
	if err := o.values(0, row); err != nil {
		return err
	}
	return o.end(c, id)
}

func (o *output) flush() error {
	if o.batch.N == 0 {
		return nil
	}
	err := o.to.Emit(o.batch)
	o.reset()
	return err
}

// identity is a hash of the stage, a row of its input, and more.
func (o *output) identity(id event.ID, more []byte) event.ID {
	o.hash = o.hash[:0]
	for _, x := range [...]uint64{o.seed, id.Hi, id.Lo} {
		o.hash = binary.LittleEndian.AppendUint64(o.hash, x)
	}
	o.hash = append(o.hash, more...)
	h := xxh3.Hash128(o.hash)
	return event.ID{Hi: h.Hi, Lo: h.Lo}
}

// encodeRow encodes columns of a row.
func encodeRow(dst []byte, cols []event.Vec, row int) []byte {
	for c := range cols {
		dst = event.AppendValue(dst, cols[c].Type, cols[c].Value(row))
	}
	return dst
}
