package main

import (
	"fmt"
	"io"

	"github.com/cepd/cepd/internal/ruletest"
)

// showCoverage prints what no test shows of each pattern.
func showCoverage(w io.Writer, results []ruletest.Result) {
	for _, c := range ruletest.Sum(results) {
		seen, total := c.Count()
		fmt.Fprintf(w, "coverage  %s  query %s, stage %d: %d of %d\n", c.SQL, c.Query, c.Stage, seen, total)
		for _, text := range c.Missing() {
			fmt.Fprintf(w, "  %s\n", text)
		}
	}
}
