// Package raw is the format whose record is the value of the one column.
package raw

import (
	"fmt"
	"unicode/utf8"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

// Format decodes and encodes.
type Format struct {
	col     int // -1: the column is not read
	text    bool
	notNull bool
}

// New takes the columns read or written and all columns of the record, which
// has to be one of type STRING or BYTES.
func New(columns, physical []connectors.Column) (*Format, error) {
	if len(physical) != 1 || physical[0].Type.Physical() != event.PhysStr {
		return nil, fmt.Errorf("format 'raw' needs exactly one column, of type STRING or BYTES")
	}
	f := &Format{col: -1, text: physical[0].Type.Kind == event.String, notNull: physical[0].NotNull}
	for i, c := range columns {
		if c.Metadata == "" {
			f.col = i
		}
	}
	return f, nil
}

// Decode implements connectors.Decoder.
func (f *Format) Decode(raw *connectors.RawBatch, dst *event.Batch, rejects []connectors.Reject) ([]connectors.Reject, error) {
	if f.col < 0 {
		return rejects, nil
	}
	v := &dst.Cols[f.col]
	v.Alias(raw.Buf)
	for i, s := range raw.Value {
		reason := ""
		switch {
		case raw.Flags[i]&connectors.NullValue != 0:
			v.Set(i, dst.N, event.NullValue)
			if !f.notNull {
				continue
			}
			reason = "null value"
		case f.text && !utf8.Valid(raw.Buf[s.Off:s.Off+s.Len]):
			v.Set(i, dst.N, event.NullValue)
			reason = "not valid UTF-8"
		default:
			v.Str[i] = s
			continue
		}
		rejects = append(rejects, connectors.Reject{Row: int32(i), Reason: reason})
	}
	return rejects, nil
}

// Encode implements connectors.Encoder. NULL is the empty record.
func (f *Format) Encode(b *event.Batch, dst *connectors.Encoded) error {
	v := &b.Cols[f.col]
	for k := range b.Live() {
		i := k
		if b.Sel != nil {
			i = int(b.Sel[k])
		}
		from := len(dst.Buf)
		if !v.Null(i) {
			dst.Buf = append(dst.Buf, v.Bytes(i)...)
		}
		dst.Value = append(dst.Value, event.Span{Off: uint32(from), Len: uint32(len(dst.Buf) - from)})
	}
	return nil
}
