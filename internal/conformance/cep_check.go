package conformance

import (
	"fmt"
	"slices"
	"strings"
)

// malformed is the one class that refusals of CEP blocks have in the corpus.
const malformed = "malformed-pattern"

// malformedClasses are those that SQL has for the same mistakes.
var malformedClasses = map[string]bool{
	"invalid-pattern": true, "invalid-variable": true, "number-out-of-range": true, "quantifier-range": true, "unbounded-state": true,
}

// checkMatches compares the rows of a CEP block: matches as a multiset,
// time-outs as a set.
func checkMatches(c *Case, got *Result) Outcome {
	fail := func(reason, format string, args ...any) Outcome {
		return Outcome{Case: c, Reason: reason, Failure: fmt.Sprintf(format, args...) + "    query\n" + c.Query}
	}
	columns := append(append(slices.Clone(c.By), c.Expected.Columns...), "status")
	if !slices.EqualFunc(columns, got.Columns, strings.EqualFold) {
		return fail("other columns", "expected columns %v, got %v\n", columns, got.Columns)
	}
	matches, timeouts := c.split(got.Rows)
	if want := expected(c.Expected.Matches); !slices.Equal(want, matches) {
		return fail("other matches", "expected\n%s    got\n%s", lines(want), lines(matches))
	}
	if want := slices.Compact(expected(c.Expected.Timeouts)); !slices.Equal(want, slices.Compact(timeouts)) {
		return fail("other time-outs", "expected\n%s    got\n%s", lines(want), lines(timeouts))
	}
	return Outcome{Case: c}
}

// split sorts the rows into matches and time-outs, each as ordered texts
// without partition and status.
func (c *Case) split(rows [][]any) (matches, timeouts []string) {
	for _, row := range rows {
		ids, at := row[len(c.By):len(row)-2], row[len(row)-2]
		text := ""
		for _, list := range ids {
			if list == nil { // ARRAY_AGG over no rows
				list = "[]"
			}
			text += fmt.Sprint(list, " ")
		}
		text += jsonText(at)
		if row[len(row)-1] == "TIMED_OUT" {
			timeouts = append(timeouts, text)
		} else {
			matches = append(matches, text)
		}
	}
	slices.Sort(matches)
	slices.Sort(timeouts)
	return matches, timeouts
}

func expected(rows [][]any) []string {
	var out []string
	for _, row := range rows {
		parts := make([]string, len(row))
		for i, x := range row {
			parts[i] = jsonText(x)
		}
		out = append(out, strings.Join(parts, " "))
	}
	slices.Sort(out)
	return out
}

func lines(list []string) string {
	var b strings.Builder
	for _, l := range list {
		fmt.Fprintf(&b, "      %s\n", l)
	}
	if len(list) == 0 {
		return "      (none)\n"
	}
	return b.String()
}
