package conformance

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/cepd/cepd/internal/reference"
)

// TestText runs the cases of testdata/text, each of which the naive matcher
// answers and the real one has to answer too, in every variant and after a
// crash at every row.
//
//	events          the input of the cases that follow: rows as JSON arrays in
//	[…]             the order of randomSchema, or {"watermark": ms}
//	match [lenient] a query over events
//	SELECT …
//	----
//	column names, then the rows
func TestText(t *testing.T) {
	datadriven.Walk(t, "testdata/text", func(t *testing.T, path string) {
		var input []Entry
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "events":
				input = entries(t, d)
				return ""
			case "match":
				return matchText(t, &Case{
					Area: "text", Name: d.Pos, Schema: randomSchema, Input: input, Query: d.Input, Lenient: d.HasArg("lenient"),
				})
			}
			d.Fatalf(t, "no such command: %s", d.Cmd)
			return ""
		})
	})
}

// entries reads an input, one entry a line.
func entries(t *testing.T, d *datadriven.TestData) (list []Entry) {
	t.Helper()
	for line := range strings.Lines(d.Input) {
		var e Entry
		var mark struct{ Watermark *int64 }
		if json.Unmarshal([]byte(line), &mark) == nil && mark.Watermark != nil {
			e.Watermark = mark.Watermark
		} else if err := json.Unmarshal([]byte(line), &e.Row); err != nil {
			d.Fatalf(t, "%s: %v", line, err)
		}
		for i, x := range e.Row {
			if f, ok := x.(float64); ok && randomSchema[i][1] != "DOUBLE" {
				e.Row[i] = int(f)
			}
		}
		list = append(list, e)
	}
	return list
}

// matchText is the answer of the naive matcher; where the real one differs, it
// is an error.
func matchText(t *testing.T, c *Case) string {
	t.Helper()
	want, err := Reference{reference.Options{ContinueOnError: c.Lenient}}.Run(c)
	for _, d := range append([]Direct{{}}, variants...) {
		got, gotErr := d.Run(c)
		if (err == nil) != (gotErr == nil) {
			t.Errorf("%s with %+v: error %v, expected %v", c.Name, d, gotErr, err)
		} else if err == nil {
			if difference := c.differs(want, got); difference != "" {
				t.Errorf("%s with %+v: %s", c.Name, d, difference)
			}
		}
	}
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	crashEverywhere(t, c, 1, true)
	var b strings.Builder
	fmt.Fprintln(&b, strings.Join(want.Columns, " "))
	for _, row := range want.Rows {
		fmt.Fprintln(&b, jsonText(row))
	}
	return b.String()
}
