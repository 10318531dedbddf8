// Package fault is why a record cannot be used.
package fault

import (
	"fmt"
	"strings"
)

// Fault is what is wrong, and where.
type Fault struct {
	at   int // place in the buffer; -1: the record as a whole
	what string
	path []string // names from the inside out
}

// Reset forgets.
func (f *Fault) Reset() { f.at, f.what, f.path = -1, "", f.path[:0] }

// At notes what is wrong at place i of the buffer. It returns -1, which stands
// for the place after the value.
func (f *Fault) At(i int, what string) int {
	f.at, f.what, f.path = i, what, f.path[:0]
	return -1
}

// Whole notes what is wrong with the record, or with a field of it. It returns
// -1.
func (f *Fault) Whole(field, what string) int {
	f.at, f.what, f.path = -1, what, f.path[:0]
	f.In(field)
	return -1
}

// In says which field, or element as [n], the fault is inside of.
func (f *Fault) In(name string) {
	if name != "" {
		f.path = append(f.path, name)
	}
}

// Reason tells it; the record starts at base in the buffer.
func (f *Fault) Reason(base int) string {
	text := Path(f.path) + f.what
	if f.at >= 0 {
		text += fmt.Sprintf(" at byte %d", f.at-base)
	}
	return text
}

// Path begins a reason: which field, by its names from the inside out; elements
// are named [n]. It is "" for the record as a whole.
func Path(names []string) string {
	var b strings.Builder
	for i := len(names) - 1; i >= 0; i-- {
		switch {
		case i == len(names)-1:
			b.WriteString("field ")
		case names[i][0] != '[':
			b.WriteByte('.')
		}
		b.WriteString(names[i])
	}
	if len(names) > 0 {
		b.WriteString(": ")
	}
	return b.String()
}
