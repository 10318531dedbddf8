package cloudevents

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/cell"
	"github.com/cepd/cepd/internal/event"
)

// template is a text with places for columns: com.example.{kind}.
type template struct {
	texts   []string // before each place, and after the last
	names   []string // of the columns
	columns []int
	uri     bool // values are escaped as in the path of a URI
	need    bool // it must not be empty: a value that is stands as _
	scratch []byte
}

func parseTemplate(text string) (*template, error) {
	t := &template{}
	for rest := text; ; {
		before, after, found := strings.Cut(rest, "{")
		t.texts = append(t.texts, before)
		if !found {
			return t, checkTexts(t.texts)
		}
		name, tail, closed := strings.Cut(after, "}")
		if !closed || name == "" {
			return nil, errors.New("expected the name of a column and } after {")
		}
		t.names, rest = append(t.names, name), tail
	}
}

func checkTexts(texts []string) error {
	for _, text := range texts {
		for _, r := range text {
			if forbidden(r) {
				return errors.New("must have no control characters")
			}
		}
	}
	return nil
}

// bind says which column goes where.
func (t *template) bind(columns []connectors.Column) error {
	for _, name := range t.names {
		at := -1
		for i, c := range columns {
			if strings.EqualFold(c.Name, name) {
				at = i
			}
		}
		switch {
		case at < 0:
			return fmt.Errorf("{%s} is no column that is written", name)
		case columns[at].Type.Physical() == event.PhysNested || columns[at].Type.Kind == event.Row:
			return fmt.Errorf("{%s} is %s, which has no text", name, columns[at].Type)
		}
		t.columns = append(t.columns, at)
	}
	return nil
}

// append appends the text for a row.
func (t *template) append(dst []byte, b *event.Batch, row int) []byte {
	for i, text := range t.texts {
		dst = append(dst, text...)
		if i < len(t.columns) {
			dst = t.value(dst, &b.Cols[t.columns[i]], row)
		}
	}
	return dst
}

func (t *template) value(dst []byte, v *event.Vec, row int) []byte {
	text := t.text(v, row)
	switch {
	case len(text) == 0 && t.need:
		return append(dst, '_')
	case t.uri:
		return appendPath(dst, text)
	}
	return appendClean(dst, text)
}

// text is a value as text, valid until the next call; nothing where it is NULL.
func (t *template) text(v *event.Vec, row int) []byte {
	switch {
	case v.Null(row):
		return nil
	case v.Type.Kind == event.String:
		return v.Bytes(row)
	}
	t.scratch = cell.Append(t.scratch[:0], v, row, cell.Style{ISO: true})
	return t.scratch
}

// forbidden says whether an attribute must not have a character (section 3.2).
func forbidden(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 }

// appendClean appends text with _ in place of what an attribute must not have.
func appendClean(dst, s []byte) []byte {
	for len(s) > 0 {
		r, n := utf8.DecodeRune(s)
		if forbidden(r) || r == utf8.RuneError && n == 1 {
			dst = append(dst, '_')
		} else {
			dst = append(dst, s[:n]...)
		}
		s = s[n:]
	}
	return dst
}

const hexDigits = "0123456789ABCDEF"

// appendPath appends text as a segment of a path (RFC 3986).
func appendPath(dst, s []byte) []byte {
	for _, c := range s {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.', c == '_', c == '~':
			dst = append(dst, c)
		default:
			dst = append(dst, '%', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return dst
}

// AppendHeader appends a value as headers of HTTP and NATS have it: what is not
// printable ASCII, blanks, quotes and percent signs are percent-encoded (section
// 3.1.3.2 of the HTTP binding).
func AppendHeader(dst, value []byte) []byte {
	for _, c := range value {
		if c <= ' ' || c == '"' || c == '%' || c > '~' {
			dst = append(dst, '%', hexDigits[c>>4], hexDigits[c&15])
		} else {
			dst = append(dst, c)
		}
	}
	return dst
}
