package outbound

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/function"
)

// Template is a text with places for columns: 'card {{card}} spent {{amount}}'.
type Template struct {
	texts  []string // before each place, and after the last
	names  []string
	from   []int  // of each place: the column; -1: a link
	links  *links // nil: it has none
	json   bool   // the text is JSON
	quoted []bool // of each place: it stands in a JSON string
}

// ParseTemplate divides a text.
func ParseTemplate(text string) (*Template, error) {
	t := &Template{}
	for rest := text; ; {
		before, after, found := strings.Cut(rest, "{{")
		t.texts = append(t.texts, before)
		if !found {
			return t, nil
		}
		name, tail, closed := strings.Cut(after, "}}")
		name = strings.TrimSpace(name)
		if !closed || name == "" {
			return nil, errors.New("expected the name of a column and }} after {{")
		}
		t.names, rest = append(t.names, name), tail
	}
}

// ParseJSON divides a text that is JSON once its places are filled: within a string
// a value becomes escaped text, elsewhere a JSON value.
func ParseJSON(text string) (*Template, error) {
	t, err := ParseTemplate(text)
	if err != nil {
		return nil, err
	}
	t.json = true
	in := false
	sample := ""
	for i, part := range t.texts {
		in = inString(part, in)
		sample += part
		if i < len(t.names) {
			t.quoted = append(t.quoted, in)
			sample += "null" // valid where any value is
		}
	}
	if !json.Valid([]byte(sample)) {
		return nil, errors.New("it is no JSON when its places are filled: {{column}} stands where a value does, or within a string")
	}
	return t, nil
}

// inString says whether a JSON string is open behind text.
func inString(text string, in bool) bool {
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && in:
			i++
		case text[i] == '"':
			in = !in
		}
	}
	return in
}

// BindTable says which column of a table, or which of its links, goes where.
func (t *Template) BindTable(table connectors.Table) (err error) {
	if t.links, err = newLinks(table); err != nil {
		return err
	}
	return t.Bind(table.Columns)
}

// Bind says which column goes where.
func (t *Template) Bind(columns []connectors.Column) error {
	for _, name := range t.names {
		if link, ok := strings.CutPrefix(name, linkPlace); ok && t.links != nil {
			if t.links.events[link] == nil {
				return fmt.Errorf("{{%s}} needs option '%s%s'", name, optLinkEvent, link)
			}
			t.from = append(t.from, -1)
			continue
		}
		at := -1
		for i, c := range columns {
			if strings.EqualFold(c.Name, name) {
				at = i
			}
		}
		if at < 0 {
			return fmt.Errorf("{{%s}} is no column that is written", name)
		}
		t.from = append(t.from, at)
	}
	return nil
}

// Append appends the text for a row.
func (t *Template) Append(dst []byte, b *event.Batch, row int) []byte {
	for i, text := range t.texts {
		dst = append(dst, text...)
		if i == len(t.from) {
			break
		}
		kind, v := t.value(i, b, row)
		switch {
		case !t.json:
			dst = append(dst, plain(kind, v)...)
		case t.quoted[i]:
			dst = appendEscaped(dst, plain(kind, v))
		default:
			dst = append(dst, function.JSON(kind, v)...)
		}
	}
	return dst
}

// Encode implements connectors.Encoder.
func (t *Template) Encode(b *event.Batch, dst *connectors.Encoded) error {
	for n := range b.Live() {
		from := len(dst.Buf)
		dst.Buf = t.Append(dst.Buf, b, b.Row(n))
		dst.Value = append(dst.Value, event.Span{Off: uint32(from), Len: uint32(len(dst.Buf) - from)})
	}
	return nil
}

// value is what goes to place i.
func (t *Template) value(i int, b *event.Batch, row int) (event.Type, event.Value) {
	if c := t.from[i]; c >= 0 {
		return b.Cols[c].Type, b.Cols[c].Value(row)
	}
	return event.TString, event.StringValue(t.links.of(t.links.events[strings.TrimPrefix(t.names[i], linkPlace)], b, row))
}

// plain is the value as text; nothing where it is NULL.
func plain(t event.Type, v event.Value) string {
	if v.Null {
		return ""
	}
	return function.Text(t, v, time.UTC)
}

// appendEscaped appends what stands between the quotes of a JSON string.
func appendEscaped(dst []byte, s string) []byte {
	text := function.JSON(event.TString, event.StringValue(s))
	return append(dst, text[1:len(text)-1]...)
}
