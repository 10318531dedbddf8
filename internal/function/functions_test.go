package function

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestFunctions evaluates each line of testdata/functions; results are text in
// angle brackets.
func TestFunctions(t *testing.T) {
	datadriven.RunTest(t, "testdata/functions", func(t *testing.T, d *datadriven.TestData) string {
		var b strings.Builder
		for _, line := range strings.Split(strings.TrimSpace(d.Input), "\n") {
			fmt.Fprintf(&b, "<%s>\n", evalText(line))
		}
		return b.String()
	})
}
