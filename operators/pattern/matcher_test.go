package pattern_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/cepd/cepd/internal/draw"
	"github.com/cepd/cepd/operators/pattern"
)

// TestMatcher runs the text cases. "table" declares columns, "rows" gives the
// input, "match" holds a MATCH_RECOGNIZE clause and expects the output rows,
// "explain" shows the compiled pattern, "states" its automaton, "draw" that as
// DOT or SVG, "samples" what it matches. Every match is repeated with other
// batch sizes and with a snapshot and restore after every row.
func TestMatcher(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		var table, rows string
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "table":
				table = d.Input
			case "rows":
				rows = d.Input
			case "match":
				return runCase(t, table, rows, d.Input)
			case "explain":
				return program(t, table, d.Input).Explain()
			case "states":
				return program(t, table, d.Input).States()
			case "samples":
				return program(t, table, d.Input).Samples().String()
			case "draw":
				g, err := program(t, table, d.Input).Draw()
				if err != nil {
					return err.Error() + "\n"
				}
				if d.HasArg("svg") {
					return draw.SVG([]draw.Graph{*g})
				}
				return draw.DOT("q", []draw.Graph{*g})
			default:
				t.Fatalf("unknown command %s", d.Cmd)
			}
			return ""
		})
	})
}

func script(table, clause string) string {
	return fmt.Sprintf("CREATE TABLE t (%s, WATERMARK FOR ts AS ts) WITH ('connector' = 'memory');\nSELECT * FROM t MATCH_RECOGNIZE (%s)", table, clause)
}

func program(t testing.TB, table, clause string) *pattern.Program {
	p, err := pattern.Compile(compileMatch(t, script(table, clause)), pattern.Options{Name: "q"})
	must(t, err)
	return p
}

func runCase(t *testing.T, table, rows, clause string) string {
	m := compileMatch(t, script(table, clause))
	p, err := pattern.Compile(m, pattern.Options{Name: "q"})
	must(t, err)
	in := batchOf(t, m, rows)
	want, ids := run(t, p, in, feed{batch: 1})
	for _, f := range []feed{{batch: 3}, {batch: 1024}, {batch: 1, restore: 1}, {batch: 2, restore: 4}} {
		got, gotIDs := run(t, p, in, f)
		if !slices.Equal(got, want) || !slices.Equal(ids, gotIDs) {
			t.Errorf("%+v: got\n%s\nwith batches of one\n%s", f, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	if len(want) == 0 {
		return "(no rows)\n"
	}
	return strings.Join(want, "\n") + "\n"
}
