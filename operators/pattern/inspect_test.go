package pattern_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/kernel"
	"github.com/cepd/cepd/operators/pattern"
	"github.com/cepd/cepd/query/plan"
	"github.com/cepd/cepd/state/memstore"
)

// openMatches lists the matches that are open when all rows have come, and
// checks that looking at them after every row changes nothing, and that they are
// the same after a restore.
func openMatches(t *testing.T, table, rows, clause string) string {
	match := compileMatch(t, script(table, clause))
	p, err := pattern.Compile(match, pattern.Options{Name: "q", ContinueOnError: true})
	must(t, err)
	in := batchOf(t, match, rows)
	var prepared collector
	ctx := &operators.Context{}
	must(t, p.NewPrepare().Process(ctx, in, &prepared))
	var looked, plain collector
	m, other, restored := p.NewMatcher(0), p.NewMatcher(0), p.NewMatcher(0)
	store := memstore.New()
	must(t, m.Restore(store))
	must(t, other.Restore(memstore.New()))
	for i := range in.N {
		prepared.batch.Sel = []int32{int32(i)}
		must(t, m.Process(ctx, prepared.batch, &looked))
		must(t, other.Process(ctx, prepared.batch, &plain))
		listOpen(match, m)
	}
	w := store.NewBatch()
	must(t, m.Snapshot(w))
	must(t, w.Commit(true))
	must(t, restored.Restore(store))
	got := listOpen(match, m)
	if again := listOpen(match, restored); again != got {
		t.Errorf("after a restore:\n%s\nbefore:\n%s", again, got)
	}
	everyOneIsSomewhere(t, p, m)
	must(t, m.Advance(ctx, event.MaxTime, &looked))
	must(t, other.Advance(ctx, event.MaxTime, &plain))
	if !slices.Equal(looked.rows, plain.rows) {
		t.Errorf("looking changes the output: %q, want %q", looked.rows, plain.rows)
	}
	return got
}

// everyOneIsSomewhere finds each open match in the automaton.
func everyOneIsSomewhere(t *testing.T, p *pattern.Program, m operators.Stateful) {
	a := p.Automaton()
	m.(operators.Inspector).Inspect(&operators.Look{}, math.MaxInt, func(x *operators.Instance) bool {
		var bound []string
		for _, r := range x.Rows {
			bound = append(bound, r.Variable)
		}
		if at := p.Where(a, bound, x.Waits, x.Absent); len(at) == 0 {
			t.Errorf("PATTERN (%s): a match with rows %v that waits for %v, none of %v, is in no state of\n%s", p.Text(), bound, x.Waits, x.Absent, p.States())
		}
		return true
	})
}

func listOpen(match *plan.Match, m operators.Stateful) string {
	var lines []string
	inspector := m.(operators.Inspector)
	inspector.Inspect(&operators.Look{}, math.MaxInt, func(x *operators.Instance) bool {
		inspector.Measure(x)
		lines = append(lines, showInstance(match, x))
		return true
	})
	slices.Sort(lines)
	return strings.Join(lines, "")
}

func showInstance(match *plan.Match, x *operators.Instance) string {
	var b strings.Builder
	for _, r := range x.Rows {
		fmt.Fprintf(&b, "%s@%d ", r.Variable, r.ID.Lo)
	}
	fmt.Fprintf(&b, "since %d", x.Since/1e6)
	if x.Expires < event.MaxTime {
		fmt.Fprintf(&b, ", until %d", x.Expires/1e6)
	}
	if len(x.Waits) > 0 {
		fmt.Fprintf(&b, ", waits for %s", strings.Join(x.Waits, " or "))
	}
	if len(x.Absent) > 0 {
		fmt.Fprintf(&b, ", no %s", strings.Join(x.Absent, " or "))
	}
	if x.Complete {
		b.WriteString(", complete")
	}
	b.WriteString(":")
	for i, v := range x.Measures {
		b.WriteString(" " + kernel.Format(match.Out.Fields[i].Type, v))
	}
	return b.String() + "\n"
}
