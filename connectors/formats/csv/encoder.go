package csv

import (
	"bytes"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/cell"
	"github.com/cepd/cepd/internal/event"
)

// Encoder writes rows as lines, without the line break. NULL is written as the
// null literal; without one, as an empty field.
type Encoder struct {
	opts    Options
	cols    []int
	scratch []byte
	op      bool // the first field is the change
}

// NewEncoder makes an encoder of the columns that are not metadata.
func NewEncoder(columns []connectors.Column, opts Options) (*Encoder, error) {
	e := &Encoder{opts: opts}
	for i, c := range columns {
		if c.Metadata != "" {
			continue
		}
		if err := supported(c.Name, c.Type); err != nil {
			return nil, err
		}
		e.cols = append(e.cols, i)
	}
	return e, nil
}

// WithOp has each line begin with a field for the change: +I, -U, +U or -D.
func (e *Encoder) WithOp() error {
	e.op = true
	return nil
}

// Encode implements connectors.Encoder.
func (e *Encoder) Encode(b *event.Batch, dst *connectors.Encoded) error {
	for k := range b.Live() {
		i := k
		if b.Sel != nil {
			i = int(b.Sel[k])
		}
		from := len(dst.Buf)
		if e.op {
			dst.Buf = append(dst.Buf, b.Change(i).String()...)
		}
		for n, col := range e.cols {
			if n > 0 || e.op {
				dst.Buf = append(dst.Buf, e.opts.Delimiter)
			}
			dst.Buf = e.field(dst.Buf, &b.Cols[col], i)
		}
		dst.Value = append(dst.Value, event.Span{Off: uint32(from), Len: uint32(len(dst.Buf) - from)})
	}
	return nil
}

func (e *Encoder) field(dst []byte, v *event.Vec, i int) []byte {
	switch {
	case v.Null(i):
		return append(dst, e.opts.NullLiteral...)
	case v.Type.Kind == event.String:
		return e.opts.appendText(dst, v.Bytes(i))
	case v.Type.Kind == event.Array:
		e.scratch = e.array(e.scratch[:0], v, i)
		return e.opts.appendText(dst, e.scratch)
	}
	return cell.Append(dst, v, i, cell.Style{})
}

func (e *Encoder) array(dst []byte, v *event.Vec, i int) []byte {
	kid := &v.Kids[0]
	s := v.Str[i]
	for k := s.Off; k < s.Off+s.Len; k++ {
		if k > s.Off {
			dst = append(dst, e.opts.ElementDelimiter)
		}
		switch {
		case kid.Null(int(k)):
			dst = append(dst, e.opts.NullLiteral...)
		case kid.Type.Kind == event.String:
			dst = append(dst, kid.Bytes(int(k))...)
		default:
			dst = cell.Append(dst, kid, int(k), cell.Style{})
		}
	}
	return dst
}

// appendText writes a text in quotes where it needs them.
func (o *Options) appendText(dst, s []byte) []byte {
	if o.Quote == 0 {
		return append(dst, s...)
	}
	special := bytes.IndexByte(s, o.Delimiter) >= 0 || bytes.IndexByte(s, o.Quote) >= 0 || bytes.ContainsAny(s, "\r\n") ||
		o.Escape != 0 && bytes.IndexByte(s, o.Escape) >= 0
	if !special && len(s) > 0 && s[0] != '#' && s[0] != ' ' && s[len(s)-1] != ' ' {
		return append(dst, s...)
	}
	dst = append(dst, o.Quote)
	for _, c := range s {
		switch {
		case c == o.Quote:
			dst = append(dst, c)
		case o.Escape != 0 && c == o.Escape:
			dst = append(dst, c)
		}
		dst = append(dst, c)
	}
	return append(dst, o.Quote)
}

// AppendHeader writes the names of the columns that are not metadata.
func (o *Options) AppendHeader(dst []byte, columns []connectors.Column) []byte {
	first := true
	for _, c := range columns {
		if c.Metadata != "" {
			continue
		}
		if !first {
			dst = append(dst, o.Delimiter)
		}
		dst, first = o.appendText(dst, []byte(c.Name)), false
	}
	return dst
}
