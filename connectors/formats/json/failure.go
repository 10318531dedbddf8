package json

import (
	"fmt"
	"strings"

	"github.com/cepd/cepd/connectors/formats/cell"
	"github.com/cepd/cepd/connectors/formats/fault"
	"github.com/cepd/cepd/internal/event"
)

// failure is why a record cannot be used.
type failure struct {
	syntax bool // not JSON, as opposed to a value that its column cannot take
	at     int  // place in the buffer; -1: the record as a whole
	want   string
	path   []string // names from the inside out
}

// syntax notes that the record is not JSON at place i. It returns -1.
func (d *Decoder) syntax(i int, want string) int {
	d.fail = failure{syntax: true, at: i, want: want, path: d.fail.path[:0]}
	return -1
}

func (d *Decoder) tooDeep(i int) int {
	return d.syntax(i, fmt.Sprintf("at most %d levels of nesting", maxDepth))
}

// misfit notes that the value at place i is not for the column. It returns -1.
func (d *Decoder) misfit(n *node, i int) int {
	d.fail = failure{at: i, want: expected(n, d.style), path: d.fail.path[:0]}
	return -1
}

// stranger notes a field that is no column; key is its text up to the colon.
func (d *Decoder) stranger(key []byte) int {
	d.fail.rule(strings.Trim(string(key), "\" :\t\r\n"), "no column takes it")
	return -1
}

// rule notes that a field is against a rule of its column.
func (f *failure) rule(name, what string) {
	*f = failure{at: -1, want: what, path: append(f.path[:0], name)}
}

// in says which field or element the failure is inside of.
func (f *failure) in(name string) {
	if name != "" {
		f.path = append(f.path, name)
	}
}

func expected(n *node, style cell.Style) string {
	switch {
	case n.form == formRow:
		return "an object"
	case n.form == formMap:
		return "an object for " + n.typ.String()
	case n.form == formArray:
		return "an array"
	case n.typ.Kind == event.String:
		return "a string"
	}
	return cell.Expected(n.typ, style)
}

// reason tells it with the place in the record, which starts at base in the
// buffer.
func (f *failure) reason(record []byte, base int) string {
	var b strings.Builder
	if f.syntax {
		b.WriteString("not valid JSON: ")
	}
	b.WriteString(fault.Path(f.path))
	if f.at < 0 {
		return b.String() + f.want
	}
	at := f.at - base
	fmt.Fprintf(&b, "expected %s, found %s at byte %d", f.want, found(record, at), at)
	return b.String()
}

// maxFound is how many bytes of a wrong value are shown.
const maxFound = 32

// found shows what is in the record at a place.
func found(record []byte, at int) string {
	if at >= len(record) {
		return "the end of the record"
	}
	rest := record[at:]
	quoted := rest[0] == '"'
	end := 1
	for end < len(rest) && end < maxFound {
		c := rest[end]
		if quoted && c == '"' {
			return strings.ToValidUTF8(string(rest[:end+1]), "\uFFFD")
		}
		if !quoted && (c == ',' || c == '}' || c == ']' || c <= ' ') {
			break
		}
		end++
	}
	if quoted {
		return fmt.Sprintf("%q…", rest[1:end])
	}
	bare := fmt.Sprintf("%q", rest[:end])
	return bare[1 : len(bare)-1]
}
