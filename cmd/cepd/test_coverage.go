package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/cepd/cepd/internal/ruletest"
	"github.com/cepd/cepd/operators"
)

// showCoverage prints what no test shows of each pattern.
func showCoverage(w io.Writer, results []ruletest.Result) {
	var all []ruletest.Covered
	for i := range results {
		for _, c := range results[i].Covered {
			same := func(o ruletest.Covered) bool { return o.SQL == c.SQL && o.Query == c.Query && o.Stage == c.Stage }
			if k := slices.IndexFunc(all, same); k >= 0 {
				all[k].Add(c.Coverage)
			} else {
				all = append(all, c)
			}
		}
	}
	for i := range all {
		seen, total := all[i].Count()
		fmt.Fprintf(w, "coverage  %s  query %s, stage %d: %d of %d\n", all[i].SQL, all[i].Query, all[i].Stage, seen, total)
		for k := range all[i].Variables {
			showVariable(w, &all[i].Variables[k])
		}
		for _, s := range all[i].Steps {
			if s.Taken == 0 {
				fmt.Fprintf(w, "  step %s: never taken\n", s.Text)
			}
		}
	}
}

func showVariable(w io.Writer, v *operators.VariableCoverage) {
	for _, c := range v.Conditions {
		switch {
		case c.Held == 0 && c.Failed == 0:
			fmt.Fprintf(w, "  %s: %s was never tested\n", v.Name, c.Text)
		case c.Held == 0:
			fmt.Fprintf(w, "  %s: %s never holds\n", v.Name, c.Text)
		case c.Failed == 0:
			fmt.Fprintf(w, "  %s: %s never fails\n", v.Name, c.Text)
		}
	}
}
