package parquet

import (
	"encoding/binary"
	"errors"

	"github.com/parquet-go/parquet-go"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

// shredder takes values of a column apart into those of leaves, with their
// levels (Melnik et al., VLDB 2010).
type shredder struct {
	name     string
	typ      event.Type
	col      int // of the batch; of what is nested: none
	nullable bool
	rep      int // ARRAY, MAP: repetition level of the elements after the first
	kids     []*shredder
	first, n int // its leaves
	value    func(v *event.Vec, row int) parquet.Value
}

var errNull = errors.New("NULL in a NOT NULL column")

// newShredder is that of a column; leaves gets a place for each of its leaves.
func newShredder(c connectors.Column, col int, leaves *[][]parquet.Value) *shredder {
	s := shredderOf(c.Name, c.Type, !c.NotNull, 0, leaves)
	s.col = col
	return s
}

func shredderOf(name string, t event.Type, nullable bool, rep int, leaves *[][]parquet.Value) *shredder {
	s := &shredder{name: name, typ: t, nullable: nullable, first: len(*leaves)}
	switch t.Kind {
	case event.Array, event.Map:
		rep++
		s.rep = rep
	case event.Row:
	default:
		s.value = valueOf(t)
		*leaves = append(*leaves, nil)
	}
	for i, f := range inside(t) {
		key := t.Kind == event.Map && i == 0
		s.kids = append(s.kids, shredderOf(f.Name, f.Type, !key, rep, leaves))
	}
	s.n = len(*leaves) - s.first
	return s
}

// put adds the value of a row at a repetition and a definition level.
func (s *shredder) put(leaves [][]parquet.Value, v *event.Vec, row, rep, def int) error {
	if v.Null(row) {
		if !s.nullable {
			return errNull
		}
		s.absent(leaves, rep, def)
		return nil
	}
	if s.nullable {
		def++
	}
	switch s.typ.Kind {
	case event.Array, event.Map:
		return s.elements(leaves, v, row, rep, def)
	case event.Row:
		for i, k := range s.kids {
			if err := k.put(leaves, &v.Kids[i], row, rep, def); err != nil {
				return err
			}
		}
		return nil
	}
	leaves[s.first] = append(leaves[s.first], s.value(v, row).Level(rep, def, s.first))
	return nil
}

// absent says of all leaves that there is nothing from a definition level on.
func (s *shredder) absent(leaves [][]parquet.Value, rep, def int) {
	for i := s.first; i < s.first+s.n; i++ {
		leaves[i] = append(leaves[i], parquet.NullValue().Level(rep, def, i))
	}
}

func (s *shredder) elements(leaves [][]parquet.Value, v *event.Vec, row, rep, def int) error {
	span := v.Str[row]
	if span.Len == 0 {
		s.absent(leaves, rep, def)
		return nil
	}
	for e := range span.Len {
		if e > 0 {
			rep = s.rep
		}
		for i, k := range s.kids {
			if err := k.put(leaves, &v.Kids[i], int(span.Off+e), rep, def+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// valueOf is how values of a type become those of a leaf.
func valueOf(t event.Type) func(v *event.Vec, row int) parquet.Value {
	switch t.Kind {
	case event.Bool:
		return func(v *event.Vec, row int) parquet.Value { return parquet.BooleanValue(v.I64[row] != 0) }
	case event.Int8, event.Int16, event.Int32, event.Date:
		return int32Value
	case event.Float32:
		return func(v *event.Vec, row int) parquet.Value { return parquet.FloatValue(float32(v.F64[row])) }
	case event.Float64:
		return func(v *event.Vec, row int) parquet.Value { return parquet.DoubleValue(v.F64[row]) }
	case event.String, event.Bytes:
		return func(v *event.Vec, row int) parquet.Value { return parquet.ByteArrayValue(v.Bytes(row)) }
	case event.Decimal:
		return decimalValue(t)
	case event.TimeOfDay:
		if millis(t) {
			return func(v *event.Vec, row int) parquet.Value { return parquet.Int32Value(int32(v.I64[row] / 1000)) }
		}
	case event.Timestamp, event.TimestampLTZ:
		if millis(t) {
			return func(v *event.Vec, row int) parquet.Value { return parquet.Int64Value(floorDiv(v.I64[row], 1000)) }
		}
	}
	return int64Value
}

func int32Value(v *event.Vec, row int) parquet.Value { return parquet.Int32Value(int32(v.I64[row])) }

func int64Value(v *event.Vec, row int) parquet.Value { return parquet.Int64Value(v.I64[row]) }

func decimalValue(t event.Type) func(v *event.Vec, row int) parquet.Value {
	switch {
	case t.Precision <= 9:
		return int32Value
	case !t.Wide():
		return int64Value
	}
	return func(v *event.Vec, row int) parquet.Value {
		p := make([]byte, wideBytes)
		binary.BigEndian.PutUint64(p, uint64(v.Hi[row]))
		binary.BigEndian.PutUint64(p[8:], uint64(v.I64[row]))
		return parquet.FixedLenByteArrayValue(p)
	}
}
