package pattern

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxRepeats is how many equal rows in a sequence are written one by one.
const maxRepeats = 4

// Sequence is rows as text: A B B, or A B×30 C.
func Sequence(rows []string) string {
	var parts []string
	for i := 0; i < len(rows); {
		n := 1
		for i+n < len(rows) && rows[i+n] == rows[i] {
			n++
		}
		if n > maxRepeats {
			parts = append(parts, fmt.Sprintf("%s×%d", rows[i], n))
		} else {
			parts = append(parts, rows[i:i+n]...)
		}
		i += n
	}
	return strings.Join(parts, " ")
}

// String lists the samples, a line each.
func (s *Samples) String() string {
	switch {
	case s == nil:
		return ""
	case len(s.Accepts) == 0:
		return "sequences of rows: none was found that matches\n"
	}
	width := 0
	for _, x := range append(append([]Sample(nil), s.Accepts...), s.Rejects...) {
		width = max(width, utf8.RuneCountInString(Sequence(x.Rows)))
	}
	var b strings.Builder
	b.WriteString("sequences of rows, tried on the matcher:\n")
	line := func(verdict string, x *Sample) {
		fmt.Fprintf(&b, "  %s  %s\n", verdict, strings.TrimRight(pad(Sequence(x.Rows), width)+"  "+x.Note, " "))
	}
	for i := range s.Accepts {
		line("match   ", &s.Accepts[i])
	}
	for i := range s.Rejects {
		line("no match", &s.Rejects[i])
	}
	for _, n := range s.Notes {
		fmt.Fprintf(&b, "  %s\n", n)
	}
	return b.String()
}
