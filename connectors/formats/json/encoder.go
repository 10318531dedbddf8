package json

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/cell"
	"github.com/cepd/cepd/internal/event"
)

// Encoder writes rows as JSON objects, fields in the order of the columns.
// DECIMAL is written as a number in full digits, NaN and the infinities as
// strings, BYTES as base64.
type Encoder struct {
	fields []node
	keys   [][]byte // "name": of each field
	opts   Options
	style  cell.Style

	frame func(event.Change) (before, after string) // of each object; nil: none
	op    bool                                      // the first field is the change
}

// NewEncoder makes an encoder of the columns that are not metadata.
func NewEncoder(columns []connectors.Column, opts Options) (*Encoder, error) {
	e := &Encoder{opts: opts, style: cell.Style{ISO: opts.ISO}}
	for i, c := range columns {
		if c.Metadata != "" {
			continue
		}
		n, err := newNode(c.Name, c.Type, i)
		if err != nil {
			return nil, err
		}
		e.fields = append(e.fields, n)
		e.keys = append(e.keys, append(AppendText(nil, []byte(c.Name)), ':'))
	}
	return e, nil
}

// WithOp has each object begin with a field op, the change: +I, -U, +U or -D.
func (e *Encoder) WithOp() error {
	for i := range e.fields {
		if e.fields[i].name == "op" {
			return errors.New("rows are updated, so 'op' says how: name the column \"op\" otherwise")
		}
	}
	e.op = true
	return nil
}

// Encode implements connectors.Encoder.
func (e *Encoder) Encode(b *event.Batch, dst *connectors.Encoded) error {
	if b.Sel == nil {
		for i := range b.N {
			e.row(b, i, dst)
		}
		return nil
	}
	for _, i := range b.Sel {
		e.row(b, int(i), dst)
	}
	return nil
}

func (e *Encoder) row(b *event.Batch, i int, dst *connectors.Encoded) {
	from := len(dst.Buf)
	before, after := "", ""
	if e.frame != nil {
		before, after = e.frame(b.Change(i))
	}
	buf := append(append(dst.Buf, before...), '{')
	if e.op {
		buf = append(append(append(buf, `"op":"`...), b.Change(i).String()...), '"')
	}
	for k := range e.fields {
		v := &b.Cols[e.fields[k].col]
		if e.opts.OmitNulls && v.Null(i) {
			continue
		}
		if buf[len(buf)-1] != '{' {
			buf = append(buf, ',')
		}
		buf = e.value(append(buf, e.keys[k]...), v, i)
	}
	dst.Buf = append(append(buf, '}'), after...)
	dst.Value = append(dst.Value, event.Span{Off: uint32(from), Len: uint32(len(dst.Buf) - from)})
}

func (e *Encoder) value(dst []byte, v *event.Vec, i int) []byte {
	if v.Null(i) {
		return append(dst, "null"...)
	}
	switch v.Type.Kind {
	case event.String:
		return AppendText(dst, v.Bytes(i))
	case event.Bytes, event.Date, event.TimeOfDay, event.Timestamp, event.TimestampLTZ:
		return append(cell.Append(append(dst, '"'), v, i, e.style), '"')
	case event.Float32, event.Float64:
		if f := v.F64[i]; f-f != 0 {
			return append(cell.Append(append(dst, '"'), v, i, e.style), '"')
		}
	case event.Array:
		return e.array(dst, v, i)
	case event.Map:
		return e.mapping(dst, v, i)
	case event.Row:
		return e.fieldsOf(dst, v, i)
	}
	return cell.Append(dst, v, i, e.style)
}

func (e *Encoder) array(dst []byte, v *event.Vec, i int) []byte {
	dst = append(dst, '[')
	s := v.Str[i]
	for k := s.Off; k < s.Off+s.Len; k++ {
		if k > s.Off {
			dst = append(dst, ',')
		}
		dst = e.value(dst, &v.Kids[0], int(k))
	}
	return append(dst, ']')
}

func (e *Encoder) mapping(dst []byte, v *event.Vec, i int) []byte {
	dst = append(dst, '{')
	s := v.Str[i]
	for k := s.Off; k < s.Off+s.Len; k++ {
		if k > s.Off {
			dst = append(dst, ',')
		}
		dst = append(AppendText(dst, v.Kids[0].Bytes(int(k))), ':')
		dst = e.value(dst, &v.Kids[1], int(k))
	}
	return append(dst, '}')
}

func (e *Encoder) fieldsOf(dst []byte, v *event.Vec, i int) []byte {
	dst = append(dst, '{')
	for k, f := range v.Type.Fields {
		if k > 0 {
			dst = append(dst, ',')
		}
		dst = append(AppendText(dst, []byte(f.Name)), ':')
		dst = e.value(dst, &v.Kids[k], i)
	}
	return append(dst, '}')
}

// AppendText writes a string. Bytes that are not UTF-8 become U+FFFD.
func AppendText(dst, s []byte) []byte {
	dst = append(dst, '"')
	from := 0
	for i := plain(s, 0); i < len(s); i = plain(s, i) {
		if s[i] >= utf8.RuneSelf {
			r, n := utf8.DecodeRune(s[i:])
			if r == utf8.RuneError && n == 1 {
				dst = append(append(dst, s[from:i]...), "\uFFFD"...)
				from = i + 1
			}
			i += n
			continue
		}
		dst = appendEscape(append(dst, s[from:i]...), s[i])
		i++
		from = i
	}
	return append(append(dst, s[from:]...), '"')
}

// plain is the place from i on of the first byte that is not text as it is.
func plain(s []byte, i int) int {
	for i+8 <= len(s) {
		w := binary.LittleEndian.Uint64(s[i:])
		if stops(w)|w&highs != 0 {
			break
		}
		i += 8
	}
	for i < len(s) && s[i] >= ' ' && s[i] != '"' && s[i] != '\\' && s[i] < utf8.RuneSelf {
		i++
	}
	return i
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	}
	return fmt.Appendf(dst, `\u%04x`, c)
}
