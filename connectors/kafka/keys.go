package kafka

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

// keyWriter makes record keys out of rows.
type keyWriter interface {
	open(ctx context.Context) error
	// prepare looks at a batch; key then gives the key of its live row number
	// n, which is row i; nil is no key. The key is valid until the next one.
	prepare(b *event.Batch) error
	key(n, i int) []byte
}

// newKeyWriter is nil when the table has no key.
func newKeyWriter(c *sinkConfig, t connectors.Table, newEncoder NewEncoder) (keyWriter, error) {
	if len(c.keyFields) == 0 {
		return nil, nil
	}
	view, err := newView(t, func(col connectors.Column) bool { return col.Metadata == "" && c.isKey(col.Name) })
	if err != nil {
		return nil, err
	}
	if len(view.table.Columns) != len(c.keyFields) {
		return nil, fmt.Errorf("option 'key.fields': %q are not all columns of the table", c.keyFields)
	}
	if c.keyFormat == "string" || c.keyFormat == "raw" {
		return newColumnKey(view, c.keyFormat)
	}
	encoder, err := newEncoder(connectors.KeyTable(view.table, view.table.Columns))
	return &formatKey{view: view, encoder: encoder}, err
}

// formatKey encodes all key columns with a format.
type formatKey struct {
	view    *view
	encoder connectors.Encoder
	out     connectors.Encoded
}

func (k *formatKey) open(ctx context.Context) error { return connectors.OpenEncoder(ctx, k.encoder) }

func (k *formatKey) prepare(b *event.Batch) error {
	k.out.Reset()
	return k.encoder.Encode(k.view.of(b), &k.out)
}

func (k *formatKey) key(n, _ int) []byte {
	s := k.out.Value[n]
	return k.out.Buf[s.Off : s.Off+s.Len]
}

// columnKey writes one column.
type columnKey struct {
	column int
	write  func(dst []byte, v *event.Vec, i int) []byte
	vec    *event.Vec
	buf    []byte
}

func newColumnKey(v *view, format string) (keyWriter, error) {
	if len(v.columns) != 1 {
		return nil, fmt.Errorf("option 'key.format': '%s' writes one column, 'key.fields' has %d; use 'json'", format, len(v.columns))
	}
	k := &columnKey{column: v.columns[0], write: textKey(v.table.Columns[0].Type)}
	if format == "raw" {
		k.write = rawKey(v.table.Columns[0].Type)
	}
	if k.write == nil {
		return nil, fmt.Errorf("option 'key.format': '%s' cannot write %s; use 'json'", format, v.table.Columns[0].Type)
	}
	return k, nil
}

func (k *columnKey) open(context.Context) error { return nil }

func (k *columnKey) prepare(b *event.Batch) error {
	k.vec = &b.Cols[k.column]
	return nil
}

func (k *columnKey) key(_, i int) []byte {
	if k.vec.Null(i) {
		return nil
	}
	if k.buf == nil {
		k.buf = make([]byte, 0, 64) // an empty key is not nil
	}
	k.buf = k.write(k.buf[:0], k.vec, i)
	return k.buf
}

func appendBytes(dst []byte, v *event.Vec, i int) []byte { return append(dst, v.Bytes(i)...) }

func textKey(t event.Type) func([]byte, *event.Vec, int) []byte {
	switch {
	case t.Physical() == event.PhysStr:
		return appendBytes
	case t.Integer():
		return func(dst []byte, v *event.Vec, i int) []byte { return strconv.AppendInt(dst, v.I64[i], 10) }
	case t.Kind == event.Bool:
		return func(dst []byte, v *event.Vec, i int) []byte { return strconv.AppendBool(dst, v.I64[i] != 0) }
	}
	return nil
}

// rawKey writes what Flink's raw format writes: numbers are big-endian.
func rawKey(t event.Type) func([]byte, *event.Vec, int) []byte {
	switch t.Kind {
	case event.String, event.Bytes:
		return appendBytes
	case event.Bool, event.Int8:
		return func(dst []byte, v *event.Vec, i int) []byte { return append(dst, byte(v.I64[i])) }
	case event.Int16:
		return func(dst []byte, v *event.Vec, i int) []byte {
			return binary.BigEndian.AppendUint16(dst, uint16(v.I64[i]))
		}
	case event.Int32:
		return func(dst []byte, v *event.Vec, i int) []byte {
			return binary.BigEndian.AppendUint32(dst, uint32(v.I64[i]))
		}
	case event.Int64:
		return func(dst []byte, v *event.Vec, i int) []byte {
			return binary.BigEndian.AppendUint64(dst, uint64(v.I64[i]))
		}
	case event.Float32:
		return func(dst []byte, v *event.Vec, i int) []byte {
			return binary.BigEndian.AppendUint32(dst, math.Float32bits(float32(v.F64[i])))
		}
	case event.Float64:
		return func(dst []byte, v *event.Vec, i int) []byte {
			return binary.BigEndian.AppendUint64(dst, math.Float64bits(v.F64[i]))
		}
	}
	return nil
}

// view is some columns of a table's batches, as a table of its own.
type view struct {
	table   connectors.Table
	columns []int // in the batch
	batch   *event.Batch
}

func newView(t connectors.Table, include func(connectors.Column) bool) (*view, error) {
	v := &view{table: t}
	v.table.Columns = nil
	var fields []event.Field
	for i, col := range t.Columns {
		if include(col) {
			v.columns = append(v.columns, i)
			v.table.Columns = append(v.table.Columns, col)
			fields = append(fields, event.Field{Name: col.Name, Type: col.Type})
		}
	}
	if len(v.columns) == 0 {
		return nil, fmt.Errorf("kafka: table %q has no column to write", t.Name)
	}
	v.batch = event.NewBatch(event.NewSchema(fields...))
	return v, nil
}

// of is the view of a batch, in the batch's memory.
func (v *view) of(b *event.Batch) *event.Batch {
	v.batch.N, v.batch.Sel, v.batch.Time, v.batch.ID, v.batch.Changes = b.N, b.Sel, b.Time, b.ID, b.Changes
	for i, c := range v.columns {
		v.batch.Cols[i] = b.Cols[c]
	}
	return v.batch
}
