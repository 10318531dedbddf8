package pattern_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/cepd/cepd/internal/draw"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/pattern"
	"github.com/cepd/cepd/query/plan"
	"github.com/cepd/cepd/state/memstore"
)

// TestMatcher runs the text cases. "table" declares columns, "rows" gives the
// input, "match" holds a MATCH_RECOGNIZE clause and expects the output rows,
// "explain" shows the compiled pattern, "states" its automaton, "draw" that as
// DOT or SVG, "samples" what it matches, "open" the matches that are open after
// the rows, "trace key=k" what became of those of a key. "restore after=n" has a clause, a line
// "-- state" and pairs of a snapshot, in hexadecimal, that was taken after n
// rows, and expects the output of the others. Every match is repeated with
// other batch sizes and with a snapshot and restore after every row.
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
			case "restore":
				var after int
				d.ScanArgs(t, "after", &after)
				clause, pairs, _ := strings.Cut(d.Input, "\n-- state\n")
				return runRestored(t, table, rows, clause, pairs, after)
			case "explain":
				return program(t, table, d.Input).Explain()
			case "states":
				return program(t, table, d.Input).States()
			case "open":
				return openMatches(t, table, rows, d.Input)
			case "trace":
				var key string
				d.ScanArgs(t, "key", &key)
				return traced(t, table, rows, d.Input, key, d.HasArg("end"))
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

// runRestored feeds the rows behind the first n to a matcher that is restored.
func runRestored(t *testing.T, table, rows, clause, pairs string, n int) string {
	m := compileMatch(t, script(table, clause))
	p, err := pattern.Compile(m, pattern.Options{Name: "q"})
	must(t, err)
	store := memstore.New()
	w := store.NewBatch()
	for _, line := range strings.Split(pairs, "\n") {
		key, value, _ := strings.Cut(line, " ")
		must(t, w.Put(unhex(t, key), unhex(t, value)))
	}
	must(t, w.Commit(true))
	matcher := p.NewMatcher(0)
	if err := matcher.Restore(store); err != nil {
		return "error: " + err.Error() + "\n"
	}
	in := batchOf(t, m, selectColumns(m, table, rows))
	var prepared, out collector
	ctx := &operators.Context{}
	must(t, p.NewPrepare().Process(ctx, in, &prepared))
	for i := n; i < in.N && err == nil; i++ {
		prepared.batch.Sel = []int32{int32(i)}
		err = errors.Join(matcher.Process(ctx, prepared.batch, &out), matcher.Advance(ctx, in.Time[i]-1, &out))
	}
	if err == nil {
		err = matcher.Advance(ctx, event.MaxTime, &out)
	}
	if err != nil {
		return "error: " + err.Error() + "\n" // keys are read when they are needed
	}
	return strings.Join(out.rows, "\n") + "\n"
}

func unhex(t *testing.T, s string) []byte {
	b, err := hex.DecodeString(s)
	must(t, err)
	return b
}

// selectColumns keeps of the rows the columns that the clause reads.
func selectColumns(m *plan.Match, table, rows string) string {
	var out []string
	columns := strings.Split(table, ", ")
	for _, row := range strings.Split(rows, "\n") {
		var words []string
		for i, w := range strings.Fields(row) {
			name, _, _ := strings.Cut(columns[i], " ")
			if m.Input.Schema().Index(name) >= 0 {
				words = append(words, w)
			}
		}
		out = append(out, strings.Join(words, " "))
	}
	return strings.Join(out, "\n")
}

func runCase(t *testing.T, table, rows, clause string) string {
	m := compileMatch(t, script(table, clause))
	p, err := pattern.Compile(m, pattern.Options{Name: "q"})
	must(t, err)
	in := batchOf(t, m, rows)
	want, ids := run(t, p, in, feed{batch: 1})
	for _, f := range []feed{{batch: 3}, {batch: 1024}, {batch: 1, restore: 1}, {batch: 2, restore: 4},
		{batch: 1, spill: 1}, {batch: 3, spill: 3}, {batch: 2, spill: 6, restore: 4}} {
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
