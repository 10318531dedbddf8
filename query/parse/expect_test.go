package parse_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/cepd/cepd/query/parse"
)

// TestExpect: what may stand where the text ends.
func TestExpect(t *testing.T) {
	datadriven.RunTest(t, "testdata/expect", func(t *testing.T, d *datadriven.TestData) string {
		e := parse.Expect(d.Input + " ")
		var b strings.Builder
		for _, c := range []struct {
			is   bool
			what string
		}{{!e.Reached, "not reached"}, {e.Expression, "an expression"}, {e.Type, "a type"}, {e.Pattern, "a pattern"}, {e.Name, "a name"}} {
			if c.is {
				fmt.Fprintln(&b, c.what)
			}
		}
		for _, r := range e.Rules {
			fmt.Fprintln(&b, "in "+strings.Join(r[:min(len(r), 4)], " "))
		}
		if !e.Expression && len(e.Keywords) > 0 {
			fmt.Fprintln(&b, strings.Join(e.Keywords, " "))
		}
		return b.String()
	})
}
