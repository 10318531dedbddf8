package csv

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/cell"
	"github.com/cepd/cepd/internal/event"
)

// Decoder fills columns from lines of separated fields.
type Decoder struct {
	opts    Options
	names   []string // of all fields of a record
	target  []int    // the batch's column of each field; -1: not read
	notNull []bool
	scratch []byte
}

// NewDecoder makes a decoder of the columns that are not metadata. physical is
// all columns of the record, in order.
func NewDecoder(columns, physical []connectors.Column, opts Options) (*Decoder, error) {
	d := &Decoder{opts: opts}
	for _, p := range physical {
		d.names = append(d.names, p.Name)
		d.target = append(d.target, -1)
		d.notNull = append(d.notNull, p.NotNull)
	}
	for i, c := range columns {
		if c.Metadata != "" {
			continue
		}
		if err := supported(c.Name, c.Type); err != nil {
			return nil, err
		}
		at := -1
		for k, name := range d.names {
			if name == c.Name {
				at = k
			}
		}
		if at < 0 {
			return nil, fmt.Errorf("column %s is not one of the record's fields", c.Name)
		}
		d.target[at] = i
	}
	return d, nil
}

func supported(name string, t event.Type) error {
	if t.Kind == event.Array {
		t = *t.Elem
	}
	if !cell.Supported(t) {
		return fmt.Errorf("column %s: CSV has no form for %s", name, t)
	}
	return nil
}

// Decode implements connectors.Decoder.
func (d *Decoder) Decode(raw *connectors.RawBatch, dst *event.Batch, rejects []connectors.Reject) ([]connectors.Reject, error) {
	for _, col := range d.target {
		if col >= 0 {
			cell.Alias(&dst.Cols[col], raw.Buf)
		}
	}
	for row, s := range raw.Value {
		reason := "null value"
		if raw.Flags[row]&connectors.NullValue == 0 {
			end := s.Off + s.Len
			reason = d.record(dst.Cols, row, raw.Buf[:end:end], int(s.Off))
		}
		if reason == "" {
			continue
		}
		for _, col := range d.target {
			if col >= 0 {
				dst.Cols[col].Set(row, dst.N, event.NullValue)
			}
		}
		rejects = append(rejects, connectors.Reject{Row: int32(row), Reason: reason})
	}
	return rejects, nil
}

// Fields implements connectors.FieldLister. A field beyond the columns has no name but
// its number.
func (d *Decoder) Fields(record []byte, each func(name string, t event.Type)) bool {
	for k, i := 0, 0; ; k++ {
		_, end := d.opts.next(record, i)
		if end < 0 {
			return k > 0
		}
		if k < len(d.names) {
			each(d.names[k], event.TString)
		} else {
			each(fmt.Sprintf("field %d", k+1), event.TString)
		}
		if end == len(record) {
			return true
		}
		i = end + 1
	}
}

// record decodes the record that is the rest of p from i on; it returns what is
// wrong, or "".
func (d *Decoder) record(cols []event.Vec, row int, p []byte, i int) string {
	base := i
	if !utf8.Valid(p[i:]) {
		return "not valid UTF-8"
	}
	for k := 0; ; k++ {
		f, end := d.opts.next(p, i)
		if end < 0 {
			return fmt.Sprintf("field %s: quotes do not match at byte %d", d.name(k), ^end-base)
		}
		if k >= len(d.target) {
			return fmt.Sprintf("more than %d fields", len(d.target))
		}
		if col := d.target[k]; col >= 0 {
			v := &cols[col]
			if !d.value(v, row, p, f) && !d.opts.IgnoreParseErrors {
				return fmt.Sprintf("field %s: expected %s, found %q at byte %d", d.names[k], expected(v.Type), clip(p[f.from:f.to]), f.from-base)
			} else if d.notNull[k] && v.Null(row) {
				return fmt.Sprintf("field %s: NULL in a NOT NULL column", d.names[k])
			}
		}
		if end == len(p) {
			return d.count(k + 1)
		}
		i = end + 1
	}
}

func (d *Decoder) name(k int) string { return d.names[min(k, len(d.names)-1)] }

func (d *Decoder) count(n int) string {
	if n == len(d.target) {
		return ""
	}
	return fmt.Sprintf("expected %d fields, found %d", len(d.target), n)
}

func expected(t event.Type) string {
	if t.Kind == event.Array {
		return "elements, each " + cell.Expected(*t.Elem, cell.Style{})
	}
	return cell.Expected(t, cell.Style{})
}

// maxFound is how many bytes of a wrong value are shown.
const maxFound = 32

func clip(s []byte) []byte { return s[:min(len(s), maxFound)] }

// value decodes a field; false: it does not fit the column, which is then NULL.
func (d *Decoder) value(v *event.Vec, row int, p []byte, f field) bool {
	text := p[f.from:f.to]
	if f.rewritten {
		d.scratch = d.opts.rewrite(d.scratch[:0], text, f.quoted)
		text = d.scratch
	}
	if d.isNull(v.Type, text, f.quoted) {
		cell.SetNull(v, row)
		return true
	}
	if v.Type.Kind == event.Array {
		return d.array(v, row, text)
	}
	if v.Type.Kind == event.String && v.Aliased() && !f.rewritten {
		v.Str[row] = event.Span{Off: uint32(f.from), Len: uint32(f.to - f.from)}
		return true
	}
	return d.set(v, row, text)
}

func (d *Decoder) isNull(t event.Type, text []byte, quoted bool) bool {
	if len(text) == 0 {
		return t.Kind != event.String && !quoted
	}
	return d.opts.NullLiteral != "" && string(text) == d.opts.NullLiteral
}

// set writes a value that is text; a wrong one makes the row NULL.
func (d *Decoder) set(v *event.Vec, row int, text []byte) (ok bool) {
	switch {
	case v.Type.Kind == event.String:
		v.Own(row)
		v.SetBytes(row, text)
		return true
	case v.Type.Kind == event.Bytes:
		ok = cell.SetBase64(v, row, text)
	case cell.Set(v, row, text, cell.Style{}):
		return true
	case v.Type.Instant():
		ok = setMillis(v, row, bytes.TrimSpace(text))
	}
	if !ok {
		cell.SetNull(v, row)
	}
	return ok
}

func setMillis(v *event.Vec, row int, text []byte) bool {
	n, end := cell.ScanNumber(text, 0)
	if end != len(text) {
		return false
	}
	ms, ok := n.Int(64)
	return ok && cell.SetMillis(v, row, ms)
}

// array decodes the elements in text, of which an empty one is NULL unless it
// is a STRING.
func (d *Decoder) array(v *event.Vec, row int, text []byte) bool {
	kid := &v.Kids[0]
	from := kid.Rows()
	ok := true
	for more := len(text) > 0; more; {
		var element []byte
		element, text, more = bytes.Cut(text, []byte{d.opts.ElementDelimiter})
		at := kid.Rows()
		kid.Own(at)
		kid.Grow(at + 1)
		if d.isNull(kid.Type, element, false) {
			cell.SetNull(kid, at)
			continue
		}
		ok = d.set(kid, at, element) && ok
	}
	v.Str[row] = event.Span{Off: uint32(from), Len: uint32(kid.Rows() - from)}
	return ok
}
