package cloudevents

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/cell"
	"github.com/cepd/cepd/connectors/formats/json"
	"github.com/cepd/cepd/internal/event"
)

// ContentType is that of an event in structured mode.
const ContentType = "application/cloudevents+json; charset=UTF-8"

// Kind is what values are to JSON.
type Kind uint8

// The kinds.
const (
	JSON Kind = iota
	Text      // in UTF-8
	Bytes
)

// Data is what the values within events are.
type Data struct {
	ContentType string
	Kind        Kind
}

// New has what inner writes leave as events, where the options ask for that; else
// it is inner.
func New(t connectors.Table, inner connectors.Encoder, data Data) (connectors.Encoder, error) {
	if err := checkWhole(t.Options); err != nil || !Asked(t) {
		return inner, err
	}
	a, err := newAttributes(t)
	if err != nil {
		return nil, err
	}
	if Structured(t) {
		return newStructured(a, inner, data), nil
	}
	return &besides{inner, a, data.ContentType}, nil
}

// attributes makes the attributes of rows.
type attributes struct {
	names     []string
	templates []*template // of the names behind those three that are no templates
	values    [][]byte
	ends      []int
	buf       []byte
}

func newAttributes(t connectors.Table) (*attributes, error) {
	a := &attributes{names: []string{"specversion", "id", "time"}}
	source := t.Options[optSource]
	if source == "" {
		source = defaultSource(t)
	}
	for _, x := range []struct{ name, option, text string }{
		{"source", optSource, source}, {"type", optType, t.Options[optType]}, {"subject", optSubject, t.Options[optSubject]},
	} {
		if x.text == "" {
			continue
		}
		if err := a.add(x.name, x.option, x.text, t.Columns); err != nil {
			return nil, err
		}
	}
	return a, a.extensions(t)
}

func (a *attributes) extensions(t connectors.Table) error {
	var keys []string
	for key := range t.Options {
		if strings.HasPrefix(key, optExtension) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		name := strings.TrimPrefix(key, optExtension)
		if err := checkName(name); err != nil {
			return connectors.OptionError{Key: key, Message: fmt.Sprintf("option '%s': %v", key, err)}
		}
		if err := a.add(name, key, t.Options[key], t.Columns); err != nil {
			return err
		}
	}
	return nil
}

func (a *attributes) add(name, option, text string, columns []connectors.Column) error {
	x, err := parseTemplate(text)
	if err == nil {
		err = x.bind(columns)
	}
	if err != nil {
		return connectors.OptionError{Key: option, Message: fmt.Sprintf("option '%s': %v", option, err)}
	}
	x.uri, x.need = name == "source", name == "source" || name == "type"
	a.names, a.templates = append(a.names, name), append(a.templates, x)
	return nil
}

// of are the values for a row; nil where it has none. Valid until the next call.
func (a *attributes) of(b *event.Batch, row int) [][]byte {
	a.buf, a.ends = append(a.buf[:0], "1.0"...), a.ends[:0]
	a.end()
	a.buf = appendID(a.buf, b.ID[row])
	a.end()
	a.buf = appendTime(a.buf, b, row)
	a.end()
	for _, t := range a.templates {
		a.buf = t.append(a.buf, b, row)
		a.end()
	}
	a.values = a.values[:0]
	from := 0
	for _, end := range a.ends {
		value := a.buf[from:end:end]
		if len(value) == 0 {
			value = nil
		}
		a.values, from = append(a.values, value), end
	}
	return a.values
}

func (a *attributes) end() { a.ends = append(a.ends, len(a.buf)) }

func appendID(dst []byte, id event.ID) []byte {
	const digits = "0123456789abcdef"
	for _, word := range [2]uint64{id.Hi, id.Lo} {
		for shift := 60; shift >= 0; shift -= 4 {
			dst = append(dst, digits[word>>shift&15])
		}
	}
	return dst
}

// The times that RFC 3339 has a form for, in µs: years 0 to 9999.
const (
	firstTime event.Time = -62167219200_000_000
	endTime   event.Time = 253402300800_000_000
)

// appendTime appends the row's event time; nothing where it has none.
func appendTime(dst []byte, b *event.Batch, row int) []byte {
	if len(b.Time) == 0 || b.Time[row] < firstTime || b.Time[row] >= endTime {
		return dst
	}
	precision := 3
	if b.Time[row]%1000 != 0 {
		precision = 6
	}
	return append(cell.AppendTimestamp(dst, b.Time[row], precision, 'T'), 'Z')
}

// besides has the attributes beside the value. It implements connectors.Attributed.
type besides struct {
	connectors.Encoder
	attributes  *attributes
	contentType string
}

func (e *besides) Open(ctx context.Context) error { return connectors.OpenEncoder(ctx, e.Encoder) }

func (e *besides) ContentType() string { return e.contentType }

func (e *besides) Attributes() []string { return e.attributes.names }

func (e *besides) AttributesOf(b *event.Batch, row int) [][]byte { return e.attributes.of(b, row) }

// within has them in the value, with the row as data. It implements
// connectors.Attributed.
type within struct {
	inner      connectors.Encoder
	attributes *attributes
	keys       []string // "name": of each
	before     string   // what stands between the attributes and the data
	kind       Kind
	rows       connectors.Encoded
}

func newStructured(a *attributes, inner connectors.Encoder, data Data) *within {
	e := &within{inner: inner, attributes: a, kind: data.Kind}
	for _, name := range a.names {
		e.keys = append(e.keys, `"`+name+`":`)
	}
	e.before = `,"datacontenttype":` + string(json.AppendText(nil, []byte(data.ContentType))) + `,"data":`
	if e.kind == Bytes {
		e.before = strings.TrimSuffix(e.before, `data":`) + `data_base64":`
	}
	return e
}

func (e *within) Open(ctx context.Context) error { return connectors.OpenEncoder(ctx, e.inner) }

func (e *within) ContentType() string { return ContentType }

func (e *within) Attributes() []string { return nil }

func (e *within) AttributesOf(*event.Batch, int) [][]byte { return nil }

// Encode implements connectors.Encoder, by the JSON event format.
func (e *within) Encode(b *event.Batch, dst *connectors.Encoded) error {
	e.rows.Reset()
	if err := e.inner.Encode(b, &e.rows); err != nil {
		return err
	}
	for n, span := range e.rows.Value {
		from := len(dst.Buf)
		dst.Buf = append(dst.Buf, '{')
		for i, value := range e.attributes.of(b, b.Row(n)) {
			if value == nil {
				continue
			}
			if i > 0 {
				dst.Buf = append(dst.Buf, ',')
			}
			dst.Buf = json.AppendText(append(dst.Buf, e.keys[i]...), value)
		}
		dst.Buf = e.data(append(dst.Buf, e.before...), e.rows.Buf[span.Off:span.Off+span.Len])
		dst.Buf = append(dst.Buf, '}')
		dst.Value = append(dst.Value, event.Span{Off: uint32(from), Len: uint32(len(dst.Buf) - from)})
	}
	return nil
}

func (e *within) data(dst, value []byte) []byte {
	switch e.kind {
	case JSON:
		return append(dst, value...)
	case Text:
		return json.AppendText(dst, value)
	}
	return append(base64.StdEncoding.AppendEncode(append(dst, '"'), value), '"')
}
