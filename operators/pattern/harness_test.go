package pattern_test

import (
	"fmt"
	"sort"
	"strings"
	"testing"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/kernel"
	"github.com/cepd/cepd/operators/pattern"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/plan"
	"github.com/cepd/cepd/state"
	"github.com/cepd/cepd/state/memstore"
)

// compileMatch finds the Match of the only query of a script.
func compileMatch(t testing.TB, text string) *plan.Match {
	t.Helper()
	r, err := query.CompileText(catalog.New(), "", text, nil)
	if err != nil {
		t.Fatal(err)
	}
	if m := findMatch(r.Queries[0].Insert); m != nil {
		return m
	}
	t.Fatal("no MATCH_RECOGNIZE in the text")
	return nil
}

func findMatch(n plan.Node) *plan.Match {
	if m, ok := n.(*plan.Match); ok {
		return m
	}
	for _, in := range n.Inputs() {
		if m := findMatch(in); m != nil {
			return m
		}
	}
	return nil
}

// collector copies what it is given: as rows of text, and as a batch.
type collector struct {
	rows  []string
	ids   []event.ID
	batch *event.Batch
}

func (c *collector) Emit(b *event.Batch) error {
	if c.batch == nil {
		c.batch = event.NewBatch(b.Schema)
	}
	for i := range b.Live() {
		row := i
		if b.Sel != nil {
			row = int(b.Sel[i])
		}
		c.add(b, row)
	}
	return nil
}

func (c *collector) add(b *event.Batch, row int) {
	var parts []string
	for k := range b.Cols {
		v := b.Cols[k].Value(row)
		c.batch.Cols[k].Append(v)
		parts = append(parts, kernel.Format(b.Schema.Fields[k].Type, v))
	}
	c.batch.N++
	c.batch.Time = append(c.batch.Time, b.Time[row])
	c.batch.ID = append(c.batch.ID, b.ID[row])
	c.rows = append(c.rows, strings.Join(parts, " "))
	c.ids = append(c.ids, b.ID[row])
}

// feed says how rows reach the matcher.
type feed struct {
	batch   int // rows per call
	restore int // snapshot into a new matcher after this many rows; 0: never
	spill   int // snapshot, and let go of every key, after this many rows; 0: never
}

// run drives Prepare and a Matcher over rows that are sorted by time.
func run(t testing.TB, p *pattern.Program, in *event.Batch, f feed) ([]string, []event.ID) {
	t.Helper()
	var prepared collector
	ctx := &operators.Context{}
	must(t, p.NewPrepare().Process(ctx, in, &prepared))
	var out collector
	m := p.NewMatcher(0)
	store := memstore.New()
	must(t, m.Restore(store))
	order := make([]int32, in.N)
	for i := range order {
		order[i] = int32(i)
	}
	sort.SliceStable(order, func(i, j int) bool { return in.Time[order[i]] < in.Time[order[j]] })
	for i := 0; i < len(order); i += f.batch {
		if f.restore > 0 && i > 0 && i%f.restore == 0 {
			snapshot(t, m, store)
			m = p.NewMatcher(0)
			must(t, m.Restore(store))
		}
		if f.spill > 0 && i > 0 && i%f.spill == 0 {
			snapshot(t, m, store)
			m.(operators.Spiller).Spill(0)
		}
		for _, row := range order[i:min(i+f.batch, len(order))] {
			prepared.batch.Sel = []int32{row}
			must(t, m.Process(ctx, prepared.batch, &out))
		}
		last := order[min(i+f.batch, len(order))-1]
		must(t, m.Advance(ctx, in.Time[last]-1, &out))
	}
	must(t, m.Advance(ctx, event.MaxTime, &out))
	return out.rows, out.ids
}

func snapshot(t testing.TB, m operators.Stateful, store state.Store) {
	t.Helper()
	w := store.NewBatch()
	must(t, m.Snapshot(w))
	must(t, w.Commit(true))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// batchOf makes the input batch of a Match over rows of text: one row per
// line, values separated by spaces, "null" for NULL, times in seconds.
func batchOf(t testing.TB, m *plan.Match, text string) *event.Batch {
	s := m.Input.Schema()
	b := event.NewBatch(s)
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		words := strings.Fields(line)
		if len(words) != len(s.Fields) {
			t.Fatalf("row %q has %d values, the table %d columns", line, len(words), len(s.Fields))
		}
		for k, w := range words {
			b.Cols[k].Append(valueOf(t, s.Fields[k].Type, w))
		}
		b.Time = append(b.Time, b.Cols[s.Rowtime].I64[b.N])
		b.ID = append(b.ID, event.ID{Lo: uint64(b.N)})
		b.N++
	}
	return b
}

func valueOf(t testing.TB, typ event.Type, w string) event.Value {
	if w == "null" {
		return event.NullValue
	}
	var i int64
	switch {
	case typ.Kind == event.String:
		return event.StringValue(w)
	case typ.Float():
		var f float64
		if _, err := fmt.Sscan(w, &f); err != nil {
			t.Fatal(err)
		}
		return event.FloatValue(f)
	}
	if _, err := fmt.Sscan(w, &i); err != nil {
		t.Fatal(err)
	}
	if typ.Instant() {
		i *= 1_000_000
	}
	return event.IntValue(i)
}
