package remote

import (
	"fmt"
	"strings"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/function"
)

// Route is where a row goes: a name with {column} in it, for which the row's
// value stands.
type Route struct {
	parts  []part
	forbid string // characters of a value that become '_'
	buf    strings.Builder
}

// part is text, or behind it a column.
type part struct {
	text   string
	column int // -1: none
	typ    event.Type
}

// ParseRoute reads a name; values have '_' in place of characters in forbid, and
// are '_' where they are NULL or empty.
func ParseRoute(name string, columns []connectors.Column, forbid string) (*Route, error) {
	r := &Route{forbid: forbid}
	for name != "" {
		text, rest, found := strings.Cut(name, "{")
		p := part{text: text, column: -1}
		if found {
			column, after, closed := strings.Cut(rest, "}")
			if !closed {
				return nil, fmt.Errorf("'{' at '%s' is not closed", rest)
			}
			if p.column = find(columns, column); p.column < 0 {
				return nil, fmt.Errorf("{%s} is no column of the table", column)
			}
			p.typ, rest = columns[p.column].Type, after
		}
		r.parts, name = append(r.parts, p), rest
	}
	return r, nil
}

func find(columns []connectors.Column, name string) int {
	for i, c := range columns {
		if strings.EqualFold(c.Name, name) {
			return i
		}
	}
	return -1
}

// Of is the name for a row.
func (r *Route) Of(b *event.Batch, row int) string {
	if len(r.parts) == 1 && r.parts[0].column < 0 {
		return r.parts[0].text
	}
	r.buf.Reset()
	for i := range r.parts {
		p := &r.parts[i]
		r.buf.WriteString(p.text)
		if p.column >= 0 {
			r.write(p, b.Cols[p.column].Value(row))
		}
	}
	return r.buf.String()
}

func (r *Route) write(p *part, v event.Value) {
	text := ""
	if !v.Null {
		text = function.Text(p.typ, v, time.UTC)
	}
	if text == "" {
		text = "_"
	}
	r.buf.WriteString(strings.Map(func(c rune) rune {
		if strings.ContainsRune(r.forbid, c) {
			return '_'
		}
		return c
	}, text))
}
