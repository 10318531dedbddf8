package conformance

import (
	"fmt"
	"slices"
	"strings"
)

// Minimise removes input entries while the case goes on failing.
func Minimise(c *Case, fails func(*Case) bool) *Case {
	small := *c
	for size := len(small.Input) / 2; size > 0; size /= 2 {
		for from := 0; from+size <= len(small.Input); {
			try := small
			try.Input = slices.Delete(slices.Clone(small.Input), from, from+size)
			if fails(&try) {
				small = try
			} else {
				from += size
			}
		}
	}
	return &small
}

// Text is the case as it would stand in testdata/text, without the answer.
func (c *Case) Text() string {
	var b strings.Builder
	b.WriteString("events\n")
	for _, e := range c.Input {
		if e.Watermark != nil {
			fmt.Fprintf(&b, "{\"watermark\": %d}\n", *e.Watermark)
		} else {
			fmt.Fprintln(&b, jsonText(e.Row))
		}
	}
	b.WriteString("----\n\nmatch")
	if c.Lenient {
		b.WriteString(" lenient")
	}
	fmt.Fprintf(&b, "\n%s----\n", c.Query)
	return b.String()
}
