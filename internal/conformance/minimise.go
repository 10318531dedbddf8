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

// YAML is the case as it would stand in a file, without the expectation.
func (c *Case) YAML() string {
	var b strings.Builder
	fmt.Fprintf(&b, "- name: %s\n  source: own\n  schema: [", c.Name)
	for i, f := range c.Schema {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "[%q, %q]", f[0], f[1])
	}
	b.WriteString("]\n  rows:\n")
	for _, e := range c.Input {
		if e.Watermark != nil {
			fmt.Fprintf(&b, "    - {\"watermark\": %d}\n", *e.Watermark)
		} else {
			fmt.Fprintf(&b, "    - %s\n", strings.TrimSpace(show([][]any{e.Row})))
		}
	}
	b.WriteString("  query: |\n")
	for line := range strings.Lines(c.Query) {
		b.WriteString("    " + line)
	}
	fmt.Fprintf(&b, "  ordered: %t\n  lenient: %t\n", c.Ordered, c.Lenient)
	return b.String()
}
