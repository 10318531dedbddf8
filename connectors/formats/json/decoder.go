package json

import (
	"fmt"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/cell"
	"github.com/cepd/cepd/internal/event"
)

const (
	// maxDepth is how deep a record may nest.
	maxDepth = 64
	// maxItems is how many elements of arrays and maps that are columns it may
	// have: an empty object takes three bytes, but a row of all its columns.
	maxItems = 1 << 20
)

// node is a column, a field of a ROW, an element of an ARRAY, a value of a MAP.
type node struct {
	name    string
	typ     event.Type
	form    form
	bits    uint // of whole numbers
	col     int  // index among its siblings' columns
	notNull bool
	row     *object // ROW
	elem    *node   // ARRAY, MAP
}

// form is the family of a type as far as decoding differs.
type form uint8

const (
	formInt form = iota
	formNumber
	formInstant
	formString
	formBytes
	formText // everything else that is written as text
	formBool
	formArray
	formMap
	formRow
)

var forms = [...]form{
	event.Bool: formBool, event.Int8: formInt, event.Int16: formInt, event.Int32: formInt, event.Int64: formInt,
	event.Float32: formNumber, event.Float64: formNumber, event.Decimal: formNumber, event.String: formString, event.Bytes: formBytes,
	event.Date: formText, event.TimeOfDay: formText, event.Timestamp: formInstant, event.TimestampLTZ: formInstant,
	event.Array: formArray, event.Map: formMap, event.Row: formRow,
}

// Decoder fills columns from JSON objects.
type Decoder struct {
	root    *object
	style   cell.Style
	opts    Options
	notNull []int  // indexes of root.fields
	scratch []byte // a text without its escapes
	depth   int
	items   int
	fail    failure
}

// NewDecoder makes a decoder of the columns that are not metadata.
func NewDecoder(columns []connectors.Column, opts Options) (*Decoder, error) {
	var fields []node
	for i, c := range columns {
		if c.Metadata != "" {
			continue
		}
		n, err := newNode(c.Name, c.Type, i)
		if err != nil {
			return nil, err
		}
		n.notNull = c.NotNull
		fields = append(fields, n)
	}
	root := newObject(fields)
	if opts.RejectUnknown {
		root.forbid(opts.Unread)
	}
	d := &Decoder{root: root, style: cell.Style{ISO: opts.ISO}, opts: opts}
	for i := range fields {
		if fields[i].notNull {
			d.notNull = append(d.notNull, i)
		}
	}
	return d, nil
}

func newNode(name string, t event.Type, col int) (node, error) {
	n := node{name: name, typ: t, col: col}
	switch t.Kind {
	case event.Row:
		fields := make([]node, len(t.Fields))
		for i, f := range t.Fields {
			var err error
			if fields[i], err = newNode(f.Name, f.Type, i); err != nil {
				return n, err
			}
		}
		n.row = newObject(fields)
	case event.Array, event.Map:
		if t.Kind == event.Map && t.Key.Kind != event.String {
			return n, fmt.Errorf("column %s: keys of a MAP are STRING in JSON, not %s", name, t.Key)
		}
		elem, err := newNode("", *t.Elem, 0)
		if err != nil {
			return n, err
		}
		n.elem = &elem
	default:
		if !cell.Supported(t) {
			return n, fmt.Errorf("column %s: JSON has no form for %s", name, t)
		}
	}
	n.form = forms[t.Kind]
	if n.form == formInt {
		n.bits = 8 << (t.Kind - event.Int8)
	}
	return n, nil
}

// Decode implements connectors.Decoder.
func (d *Decoder) Decode(raw *connectors.RawBatch, dst *event.Batch, rejects []connectors.Reject) ([]connectors.Reject, error) {
	for i := range d.root.fields {
		cell.Alias(&dst.Cols[d.root.fields[i].col], raw.Buf)
	}
	for row, value := range raw.Value {
		end := value.Off + value.Len
		reason := "null value"
		if raw.Flags[row]&connectors.NullValue == 0 {
			if d.record(dst.Cols, row, raw.Buf[:end:end], int(value.Off)) {
				continue
			}
			reason = d.fail.reason(raw.Buf[value.Off:end], int(value.Off))
		}
		for i := range d.root.fields {
			dst.Cols[d.root.fields[i].col].Set(row, dst.N, event.NullValue)
		}
		rejects = append(rejects, connectors.Reject{Row: int32(row), Reason: reason})
	}
	return rejects, nil
}

// record decodes the record that is the rest of p from i on.
func (d *Decoder) record(cols []event.Vec, row int, p []byte, i int) bool {
	d.depth, d.items = 0, 0
	d.fail.path = d.fail.path[:0]
	i = space(p, i)
	if i >= len(p) || p[i] != '{' {
		return d.syntax(i, "an object") >= 0
	}
	if i = d.object(d.root, cols, row, p, i); i < 0 {
		return false
	}
	if i = space(p, i); i != len(p) {
		return d.syntax(i, "the end of the record") >= 0
	}
	for _, k := range d.notNull {
		if f := &d.root.fields[k]; cols[f.col].Null(row) {
			d.fail.rule(f.name, "NULL in a NOT NULL column")
			return false
		}
	}
	return true
}

// object decodes the object at p[i] and returns the place after it, as all
// that follow do; negative: d.fail says why.
func (d *Decoder) object(o *object, cols []event.Vec, row int, p []byte, i int) int {
	if d.depth++; d.depth > maxDepth {
		return d.syntax(i, fmt.Sprintf("at most %d levels", maxDepth))
	}
	clear(o.seen)
	met := 0
	i = space(p, i+1)
	if i >= len(p) || p[i] != '}' {
		for k := 0; ; k++ {
			var field int
			from := i
			if at := o.predict(k, p, i); at >= 0 {
				k, field = at, o.shape[at].field
				i += len(o.shape[at].text)
			} else if field, i = d.key(o, k, p, i); i < 0 {
				return i
			}
			i = space(p, i)
			if field < 0 {
				if field == unknown && o.strict {
					return d.stranger(p[from:i])
				}
				i = d.skip(p, i)
			} else {
				met += d.meet(o, field, cols, row)
				f := &o.fields[field]
				i = d.slot(f, &cols[f.col], row, p, i)
			}
			if i < 0 {
				return i
			}
			if i = space(p, i); i < len(p) && p[i] == ',' {
				i = space(p, i+1)
				continue
			}
			if i >= len(p) || p[i] != '}' {
				return d.syntax(i, "',' or '}'")
			}
			break
		}
	}
	d.depth--
	if met < len(o.fields) && !d.missing(o, cols, row) {
		return -1
	}
	return i + 1
}

// key reads the key at p[i] and its colon, and looks the field up.
func (d *Decoder) key(o *object, k int, p []byte, i int) (field, end int) {
	text, end, plain := d.keyText(p, i)
	if end < 0 {
		return unknown, end
	}
	field, ok := o.index[string(text)]
	if !ok {
		field = unknown
	}
	if plain {
		o.learn(k, p[i:end], field)
	}
	return field, end
}

// keyText reads a key and its colon; plain: as it is written, without escapes
// and spaces.
func (d *Decoder) keyText(p []byte, i int) (text []byte, end int, plain bool) {
	if i >= len(p) || p[i] != '"' {
		return nil, d.syntax(i, "a key in quotes"), false
	}
	text, end, escaped := d.text(p, i)
	if end < 0 {
		return nil, end, false
	}
	colon := space(p, end)
	if colon >= len(p) || p[colon] != ':' {
		return nil, d.syntax(colon, "':'"), false
	}
	return text, colon + 1, !escaped && colon == end
}

// text reads the string at p[i]; with escapes it is in d.scratch.
func (d *Decoder) text(p []byte, i int) (text []byte, end int, escaped bool) {
	end, escaped = scanString(p, i+1)
	if end < 0 {
		return nil, d.syntax(^end, "string text and a quote"), false
	}
	text = p[i+1 : end]
	if escaped {
		d.scratch = unescape(d.scratch[:0], text)
		text = d.scratch
	}
	return text, end + 1, escaped
}

// meet notes that the object has the field, and is 1 the first time. The value
// of a repeated key replaces the one before, also when that was null.
func (d *Decoder) meet(o *object, field int, cols []event.Vec, row int) int {
	if !o.seen.Get(field) {
		o.seen.Set(field)
		return 1
	}
	clearNull(&cols[o.fields[field].col], row)
	return 0
}

func clearNull(v *event.Vec, row int) {
	if v.Nulls != nil {
		v.Nulls.Clear(row)
	}
	if v.Type.Kind == event.Row {
		for i := range v.Kids {
			clearNull(&v.Kids[i], row)
		}
	}
}

// missing makes the fields that the object lacks NULL.
func (d *Decoder) missing(o *object, cols []event.Vec, row int) bool {
	for i := range o.fields {
		if o.seen.Get(i) {
			continue
		}
		if d.opts.FailOnMissingField {
			d.fail.rule(o.fields[i].name, "missing")
			return false
		}
		cell.SetNull(&cols[o.fields[i].col], row)
	}
	return true
}
