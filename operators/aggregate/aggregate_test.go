package aggregate

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
)

// argTypes are the argument lists that each aggregate is tried with.
var argTypes = [][]event.Type{
	nil, {event.TInt64}, {event.TInt32}, {event.TFloat64}, {event.TFloat32}, {event.TString}, {event.TBool}, {event.TTimestamp}, {event.TDay},
	{event.TDecimal(10, 2)}, {event.TDecimal(30, 2)}, {event.TFloat64, event.TFloat64}, {event.TString, event.TInt64}, {event.TInt64, event.TInt64},
}

// eachCall visits every aggregate with every argument list that it takes,
// plain, DISTINCT and in an order.
func eachCall(visit func(name string, c *Call)) {
	for _, fn := range function.AllAggregates() {
		for _, args := range argTypes {
			params, result, err := fn.Resolve(args)
			if err != nil || !sameTypes(params, args) || len(args) == 0 && fn.Name != "COUNT" {
				continue
			}
			for _, form := range []string{"", "DISTINCT ", "ORDER BY "} {
				if form != "" && (len(args) == 0 || len(args) > 1 && form == "DISTINCT ") {
					continue
				}
				c := &Call{Fn: fn, Filter: -1, Params: params, Result: result, Distinct: form == "DISTINCT "}
				for i := range args {
					c.Args = append(c.Args, i)
				}
				if form == "ORDER BY " {
					c.OrderBy = []Key{{Column: len(args), Type: event.TInt64, Desc: true}}
				}
				visit(fmt.Sprintf("%s(%s%v)", fn.Name, form, args), c)
			}
		}
	}
}

func sameTypes(a, b []event.Type) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !a[i].Equal(b[i]) {
			return false
		}
	}
	return true
}

// randomBatch is rows of the types and a sort key without repeats. Floats are
// quarters, so that sums are exact in any order.
func randomBatch(rng *rand.Rand, types []event.Type, n int) *event.Batch {
	s := event.NewSchema()
	for _, t := range append(append([]event.Type(nil), types...), event.TInt64) {
		s.Fields = append(s.Fields, event.Field{Type: t})
	}
	b := event.NewBatch(s)
	b.Reset(n)
	for i := range n {
		for c, t := range types {
			v := event.IntValue(int64(rng.IntN(9)) - 4)
			switch {
			case t.Kind == event.Bool:
				v.I = int64(rng.IntN(2))
			case t.Float():
				v = event.FloatValue(float64(rng.IntN(8)+1) / 4)
			case t.Wide():
				v.Hi = v.I >> 63
			case t.Kind == event.String:
				v = event.StringValue(string(rune('a' + rng.IntN(5))))
			}
			v.Null = rng.IntN(4) == 0
			b.Cols[c].Set(i, n, v)
		}
		b.Cols[len(types)].Set(i, n, event.IntValue(int64(i*7919%n)))
	}
	return b
}

// naive aggregates rows of b from the beginning, through the Accumulator.
func naive(c *Call, b *event.Batch, rows []int32) string {
	acc := c.Fn.Bind(c.Params, c.Result)
	state := make([]event.Value, acc.Size())
	acc.Init(state)
	args := make([]event.Value, len(c.Args))
	list := append([]int32(nil), rows...)
	if len(c.OrderBy) > 0 {
		sortBy(list, func(x, y int32) bool { return b.Cols[len(c.Args)].I64[x] > b.Cols[len(c.Args)].I64[y] })
	}
	if c.Distinct {
		sortBy(list, func(x, y int32) bool {
			return function.Compare(c.Params[0], b.Cols[0].Value(int(x)), b.Cols[0].Value(int(y))) < 0
		})
	}
	last := event.Value{I: -1 << 62}
	for i, r := range list {
		if !argsOf(args, c, b, int(r)) {
			continue
		}
		if c.Distinct && !idempotent(c.Fn.Name) && i > 0 && last.I != -1<<62 && function.Equal(c.Params[0], last, args[0]) {
			continue
		}
		if c.Distinct && c.Fn.Name == "COUNT" && args[0].Null {
			continue
		}
		if len(args) > 0 {
			last = args[0]
		}
		if err := acc.Add(state, args); err != nil {
			return err.Error()
		}
	}
	return result(acc, state, c.Result)
}

func result(acc expr.Accumulator, state []event.Value, t event.Type) string {
	var out event.Value
	if err := acc.Result(state, &out); err != nil {
		return err.Error()
	}
	return text(t, out)
}

func text(t event.Type, v event.Value) string {
	if v.Null {
		return "NULL"
	}
	if t.Float() { // moments that are merged differ in the last digits
		return fmt.Sprintf("%.7f", v.F()+0)
	}
	return function.Text(t, v, nil)
}

func sortBy(rows []int32, less func(x, y int32) bool) {
	for i := range rows {
		for k := i; k > 0 && less(rows[k], rows[k-1]); k-- {
			rows[k], rows[k-1] = rows[k-1], rows[k]
		}
	}
}

// value is the result of a slot.
func value(c *Call, col Column, slot int32) string {
	out := event.NewVec(c.Result)
	out.Reset(1)
	failure := ""
	col.Result([]int32{slot}, &out, func(_ int, err error) { failure = err.Error() })
	if failure != "" {
		return failure
	}
	return text(c.Result, out.Value(0))
}

// TestColumnsAgree compares each Column with its Accumulator: rows added in
// parts, parts merged, taken out again, encoded, cleared.
func TestColumnsAgree(t *testing.T) {
	calls := 0
	eachCall(func(name string, c *Call) {
		calls++
		for seed := range uint64(12) {
			rng := rand.New(rand.NewPCG(seed, 31))
			n := 3 + rng.IntN(30)
			b := randomBatch(rng, c.Params, n)
			all := event.Rows(0, n)
			x, y := rng.IntN(n), rng.IntN(n)
			x, y = min(x, y), max(x, y)
			parts := New(c, Options{}) // slot p: rows of part p; slot 3: all
			parts.Resize(4)
			for p, rows := range [][]int32{all[:x], all[x:y], all[y:]} {
				add(t, parts, b, int32(p), rows)
			}
			add(t, parts, b, 3, all)
			check := func(what string, col Column, slot int32, rows []int32) {
				t.Helper()
				if got, want := value(c, col, slot), naive(c, b, rows); got != want {
					t.Errorf("%s, seed %d, %s: %s, want %s", name, seed, what, got, want)
				}
			}
			check("added", parts, 3, all)
			check("part", parts, 1, all[x:y])
			sum := New(c, Options{})
			sum.Resize(2)
			for p := range int32(3) {
				must(t, sum.Merge([]int32{1}, parts, []int32{p}))
			}
			check("merged", sum, 1, all)
			check("untouched", sum, 0, nil)
			if inverse, ok := sum.(Inverse); ok {
				must(t, inverse.Retract([]int32{1}, parts, []int32{0}))
				check("taken out", sum, 1, all[x:])
			}
			copied := New(c, Options{})
			copied.Resize(5)
			rest, err := copied.Read(parts.Append(nil, 1), 4)
			if err != nil || len(rest) > 0 {
				t.Errorf("%s: %v after %d bytes too many", name, err, len(rest))
			}
			check("read", copied, 4, all[x:y])
			must(t, copied.Merge([]int32{4}, parts, []int32{2}))
			check("read and merged", copied, 4, all[x:])
			copied.Clear([]int32{4})
			check("cleared", copied, 4, nil)
			sum.Resize(0)
			sum.Resize(2)
			check("emptied", sum, 1, nil)
		}
	})
	if calls < 100 {
		t.Errorf("only %d calls were tried", calls)
	}
}

// add adds rows in two parts.
func add(t *testing.T, col Column, b *event.Batch, slot int32, rows []int32) {
	t.Helper()
	slots := make([]int32, len(rows))
	for i := range slots {
		slots[i] = slot
	}
	half := len(rows) / 2
	must(t, col.Add(slots[:half], rows[:half], b))
	must(t, col.Add(slots[half:], rows[half:], b))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestReadRefusesDamage cuts the encoding of a state short.
func TestReadRefusesDamage(t *testing.T) {
	eachCall(func(name string, c *Call) {
		rng := rand.New(rand.NewPCG(1, 37))
		b := randomBatch(rng, c.Params, 20)
		col := New(c, Options{})
		col.Resize(1)
		add(t, col, b, 0, event.Rows(0, 20))
		enc := col.Append(nil, 0)
		for cut := range enc {
			damaged := New(c, Options{})
			damaged.Resize(1)
			if _, err := damaged.Read(enc[:cut], 0); err == nil {
				t.Errorf("%s: %d of %d bytes are read without error", name, cut, len(enc))
				return
			}
		}
	})
}

// TestLimits fills states beyond their limit.
func TestLimits(t *testing.T) {
	for _, c := range []struct {
		name     string
		distinct bool
		order    bool
	}{{"ARRAY_AGG", false, false}, {"COUNT", true, false}, {"LISTAGG", false, true}} {
		fn, _ := function.Aggregate(c.name)
		params, result, err := fn.Resolve([]event.Type{event.TString})
		must(t, err)
		call := &Call{Fn: fn, Args: []int{0}, Filter: -1, Params: params, Result: result, Distinct: c.distinct}
		if c.order {
			call.OrderBy = []Key{{Column: 1, Type: event.TInt64}}
		}
		b := randomBatch(rand.New(rand.NewPCG(2, 2)), params, 40)
		for i := range 40 {
			b.Cols[0].Set(i, 40, event.StringValue(fmt.Sprint(i)))
		}
		b.Cols[0].Nulls = nil
		col := New(call, Options{MaxRows: 10})
		col.Resize(1)
		if err := col.Add(make([]int32, 40), event.Rows(0, 40), b); err == nil {
			t.Errorf("%s takes more values than the limit", c.name)
		}
	}
}
