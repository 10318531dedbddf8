package changelog_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/aggregate"
	"github.com/cepd/cepd/operators/changelog"
	"github.com/cepd/cepd/query/plan"
	"github.com/cepd/cepd/state"
	"github.com/cepd/cepd/state/memstore"
)

// TestRetractable checks that the planner lets those aggregates through that can
// take rows out.
func TestRetractable(t *testing.T) {
	types := []event.Type{event.TInt32, event.TDecimal(10, 2), event.TFloat64, event.TString, event.TBool}
	tried := 0
	for _, fn := range function.AllAggregates() {
		for n := range 3 {
			for _, typ := range types {
				args := make([]event.Type, n)
				for i := range args {
					args[i] = typ
				}
				params, result, err := fn.Resolve(args)
				if err != nil {
					continue
				}
				for _, how := range []string{"", "DISTINCT", "ORDER BY"} {
					if how != "" && n == 0 {
						continue
					}
					tried++
					compareRetractable(t, fn, params, result, how)
				}
			}
		}
	}
	if tried < 100 {
		t.Errorf("only %d calls were tried", tried)
	}
}

func compareRetractable(t *testing.T, fn *expr.AggFunc, params []event.Type, result event.Type, how string) {
	t.Helper()
	p := plan.AggCall{Fn: fn, Params: params, Filter: -1, Distinct: how == "DISTINCT"}
	c := aggregate.Call{Fn: fn, Params: params, Result: result, Filter: -1, Distinct: p.Distinct}
	for i := range params {
		p.Args, c.Args = append(p.Args, i), append(c.Args, i)
	}
	if how == "ORDER BY" {
		p.OrderBy = []plan.OrderKey{{}}
		c.OrderBy = []aggregate.Key{{Type: params[0]}}
	}
	if p.Retractable() != c.Retractable() {
		t.Errorf("%s%v %s: the planner says %v, the aggregate %v", fn.Name, params, how, p.Retractable(), c.Retractable())
	}
}

var schema = event.NewSchema(event.Field{Name: "k", Type: event.TInt64}, event.Field{Name: "s", Type: event.TString}, event.Field{Name: "v", Type: event.TDecimal(30, 2)})

// makers are an operator of each kind over schema.
func makers(t testing.TB) map[string]func() operators.Stateful {
	t.Helper()
	in := &plan.Values{Out: schema}
	changes := &plan.Normalize{Input: in, Key: []int{0}}
	o := changelog.Options{Name: "q", MaxRows: 1000, TTL: 1e6}
	list := map[string]func() operators.Stateful{
		"normalize": func() operators.Stateful { return changelog.NewNormalize(changes, o) },
		"rank": func() operators.Stateful {
			return changelog.NewRank(&plan.TopN{Input: changes, Start: -1, End: -1, PartitionBy: []int{0}, OrderBy: []plan.OrderKey{{Column: 2}}, Limit: 2, Numbered: true,
				Out: event.NewSchema(append(append([]event.Field(nil), schema.Fields...), event.Field{Name: "n", Type: event.TInt64})...)}, o)
		},
	}
	count, _ := function.Aggregate("COUNT")
	most, _ := function.Aggregate("MAX")
	n := &plan.Aggregate{Input: changes, Window: plan.Window{Kind: plan.Unwindowed}, Keys: []int{0}, Sets: [][]int{{0}}, Calls: []plan.AggCall{
		{Fn: count, Filter: -1}, {Fn: most, Args: []int{1}, Params: []event.Type{event.TString}, Filter: -1}},
		Out: event.NewSchema(schema.Fields[0], event.Field{Name: "grouping", Type: event.TInt64}, event.Field{Name: "n", Type: event.TInt64}, event.Field{Name: "m", Type: event.TString})}
	program, err := changelog.Compile(n, o)
	if err != nil {
		t.Fatal(err)
	}
	list["aggregate"] = func() operators.Stateful { return program.New(0) }
	return list
}

type nothing struct{}

func (nothing) Emit(*event.Batch) error { return nil }

// some is rows of some keys, of which a few are taken back.
func some(rng *rand.Rand, n int) *event.Batch {
	b := event.NewBatch(schema)
	b.Reset(n)
	for i := range n {
		b.Time[i], b.ID[i] = int64(i), event.ID{Lo: uint64(4 * i)}
		b.Cols[0].Set(i, n, event.IntValue(int64(rng.IntN(5))))
		b.Cols[1].Set(i, n, event.StringValue(fmt.Sprint("s", rng.IntN(4))))
		b.Cols[2].Set(i, n, event.Value{I: int64(rng.IntN(100)), Null: rng.IntN(5) == 0})
		if rng.IntN(4) == 0 {
			b.SetChange(i, event.Delete)
		}
	}
	return b
}

func snapshotOf(t testing.TB, op operators.Stateful, store state.Store) {
	t.Helper()
	w := store.NewBatch()
	if err := op.Snapshot(w); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(true); err != nil {
		t.Fatal(err)
	}
}

// TestDamagedStateIsRefused cuts and changes what snapshots wrote: a restore says so
// or reads something, and never panics.
func TestDamagedStateIsRefused(t *testing.T) {
	for name, make := range makers(t) {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			store := memstore.New()
			op := make()
			if err := op.Restore(store); err != nil {
				t.Fatal(err)
			}
			if err := op.Process(&operators.Context{}, some(rng, 60), nothing{}); err != nil {
				t.Fatal(err)
			}
			snapshotOf(t, op, store)
			var keys, values [][]byte
			_ = store.Scan(nil, nil, func(k, v []byte) error {
				keys, values = append(keys, append([]byte{}, k...)), append(values, append([]byte{}, v...))
				return nil
			})
			if len(keys) < 3 {
				t.Fatalf("%d entries", len(keys))
			}
			refused := 0
			for i := range keys {
				for cut := range values[i] {
					damaged := append([]byte{}, values[i]...)
					if cut%2 == 0 {
						damaged = damaged[:cut]
					} else {
						damaged[cut] ^= byte(1 + rng.IntN(255))
					}
					other := memstore.New()
					w := other.NewBatch()
					for k := range keys {
						v := values[k]
						if k == i {
							v = damaged
						}
						_ = w.Put(keys[k], v)
					}
					_ = w.Commit(true)
					if make().Restore(other) != nil {
						refused++
					}
				}
			}
			if refused == 0 {
				t.Error("nothing was refused")
			}
		})
	}
}

// TestSizeFollowsTheState takes all rows back: nothing is left.
func TestSizeFollowsTheState(t *testing.T) {
	for name, make := range makers(t) {
		op := make()
		b := some(rand.New(rand.NewPCG(3, 4)), 50)
		b.Changes = nil
		for i := range b.N {
			b.Cols[0].I64[i] = int64(i % 7)
			b.Cols[1].Set(i, b.N, event.StringValue(fmt.Sprint(i%7)))
			b.Cols[2].Nulls = nil
			b.Cols[2].Set(i, b.N, event.IntValue(int64(i%7)))
		}
		if err := op.Process(&operators.Context{}, b, nothing{}); err != nil {
			t.Fatal(err)
		}
		if s := op.Size(); s.Keys != 7 || s.Bytes == 0 {
			t.Errorf("%s: %+v", name, s)
		}
		for i := range b.N {
			b.SetChange(i, event.Delete)
		}
		if err := op.Process(&operators.Context{}, b, nothing{}); err != nil {
			t.Fatal(err)
		}
		if s := op.Size(); s.Keys != 0 || s.Rows != 0 {
			t.Errorf("%s: after all rows have been taken back: %+v", name, s)
		}
	}
}

func BenchmarkAggregate(b *testing.B) {
	op := makers(b)["aggregate"]()
	rng := rand.New(rand.NewPCG(5, 6))
	batch := some(rng, 4096)
	batch.Changes = nil
	for i := range batch.N {
		batch.Cols[0].I64[i] = rng.Int64N(10_000)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := op.Process(&operators.Context{}, batch, nothing{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/4096, "ns/row")
}
