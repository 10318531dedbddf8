package pattern_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/kernel"
	"github.com/cepd/cepd/operators/pattern"
)

// traced is what became of the rows of a key; end: no more come.
func traced(t *testing.T, table, rows, clause, key string, end bool) string {
	match := compileMatch(t, script(table, clause))
	p, err := pattern.Compile(match, pattern.Options{Name: "q", ContinueOnError: true, Trace: true})
	must(t, err)
	in := batchOf(t, match, rows)
	var prepared, out, alone collector
	ctx := &operators.Context{}
	must(t, p.NewPrepare().Process(ctx, in, &prepared))
	tracer := p.NewTracer(0, func(k []event.Value) bool { return fmt.Sprint(k[0].I) == key })
	m := p.NewMatcher(0)
	for i := range in.N {
		prepared.batch.Sel = []int32{int32(i)}
		must(t, tracer.Process(ctx, prepared.batch, &out))
		if fmt.Sprint(prepared.batch.Cols[p.Key()[0]].I64[i]) == key {
			must(t, m.Process(ctx, prepared.batch, &alone))
		}
	}
	if end {
		must(t, tracer.Advance(ctx, event.MaxTime, &out))
		must(t, m.Advance(ctx, event.MaxTime, &alone))
	}
	if !slices.Equal(out.rows, alone.rows) {
		t.Errorf("traced: %q, else %q", out.rows, alone.rows)
	}
	return showTrace(tracer.Trace(20))
}

func showTrace(x *operators.Trace) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d rows\n", x.Rows)
	for _, m := range x.Matches {
		fmt.Fprintf(&b, "match at %d:%s\n", m.At/1e6, showBound(m.Rows))
		showTests(&b, m.Tests)
	}
	for _, m := range x.Misses {
		cause := [...]string{"open", "row", "forbidden", "time", "skipped"}[m.Cause]
		fmt.Fprintf(&b, "miss:%s waits for %s, ended at %d by %s", showBound(m.Rows), strings.Join(m.Waited, " or "), m.Ended/1e6, cause)
		if m.Row != nil {
			fmt.Fprintf(&b, " @%d", m.Row.ID.Lo)
		}
		b.WriteString("\n")
		showTests(&b, m.Tests)
	}
	for _, m := range x.Open {
		fmt.Fprintf(&b, "open:%s waits for %s\n", showBound(m.Rows), strings.Join(m.Waited, " or "))
		showTests(&b, m.Tests)
	}
	return b.String()
}

func showBound(rows []operators.BoundRow) string {
	text := ""
	for _, r := range rows {
		text += fmt.Sprintf(" %s@%d", r.Variable, r.ID.Lo)
	}
	return text
}

func showTests(b *strings.Builder, tests []operators.Test) {
	for _, x := range tests {
		fmt.Fprintf(b, "  @%d as %s:", x.Row.ID.Lo, x.Row.Variable)
		for _, c := range x.Conjuncts {
			fmt.Fprintf(b, " [%v %s", c.Holds, c.Text)
			for _, v := range c.Values {
				fmt.Fprintf(b, "; %s = %s", v.Name, kernel.Format(v.Type, v.Value))
			}
			if c.Err != nil {
				fmt.Fprintf(b, "; %v", c.Err)
			}
			b.WriteString("]")
		}
		b.WriteString("\n")
	}
}
