package wasm

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
)

func compile(t testing.TB, file string, o Options) *Module {
	t.Helper()
	code, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Compile(code, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

const example = "../../examples/functions/functions.wasm"

// column makes a column of values.
func column(t event.Type, values ...event.Value) *event.Vec {
	v := event.NewVec(t)
	v.Reset(len(values))
	for i, x := range values {
		v.Set(i, len(values), x)
	}
	return &v
}

// batch computes all rows, or those of sel, and gives them as text.
func batch(t testing.TB, f *expr.Func, result event.Type, sel []int32, args ...*event.Vec) ([]string, error) {
	t.Helper()
	n := args[0].Rows()
	out := event.NewVec(result)
	out.Reset(n)
	if sel == nil {
		sel = event.Rows(0, n)
	}
	failures := map[int32]error{}
	if err := f.Batch(nil, args, sel, n, &out, func(row int32, err error) { failures[row] = err }); err != nil {
		return nil, err
	}
	var texts []string
	for _, i := range sel {
		if err := failures[i]; err != nil {
			texts = append(texts, "error: "+err.Error())
			continue
		}
		texts = append(texts, function.Format(result, out.Value(int(i))))
	}
	return texts, nil
}

func TestScalar(t *testing.T) {
	m := compile(t, example, Options{})
	risk, err := m.Scalar("risk", "risk", []event.Type{event.TFloat64, event.TString}, event.TFloat64)
	if err != nil {
		t.Fatal(err)
	}
	amounts := column(event.TFloat64, event.FloatValue(0), event.FloatValue(250), event.FloatValue(1000), event.NullValue, event.FloatValue(-1), event.FloatValue(math.NaN()))
	countries := column(event.TString, event.StringValue("DE"), event.StringValue("XA"), event.StringValue("DE"), event.StringValue("DE"), event.StringValue("DE"), event.StringValue("DE"))
	got, err := batch(t, risk, event.TFloat64, nil, amounts, countries)
	want := "[0.0 0.6321205588285577 0.6321205588285577 NULL error: the function could not compute the row NaN]"
	if fmt.Sprint(got) != want || err != nil {
		t.Errorf("%s %v", got, err)
	}
	if got, err = batch(t, risk, event.TFloat64, []int32{1, 3}, amounts, countries); fmt.Sprint(got) != "[0.6321205588285577 NULL]" || err != nil {
		t.Errorf("%s %v", got, err)
	}
	mask, err := m.Scalar("mask", "mask", []event.Type{event.TString}, event.TString)
	if err != nil {
		t.Fatal(err)
	}
	got, err = batch(t, mask, event.TString, nil, column(event.TString, event.StringValue("4111111111111111"), event.NullValue, event.StringValue(""), event.StringValue("ä234ö")))
	if fmt.Sprint(got) != "['************1111' NULL '' '*234ö']" || err != nil {
		t.Errorf("%s %v", got, err)
	}
	var out event.Value
	if err := mask.Eval(nil, []event.Value{event.StringValue("12345")}, &out); err != nil || string(out.S) != "*2345" {
		t.Errorf("%s %v", out.S, err)
	}
}

// TestManyRows: batches of many sizes give what single rows give, from many goroutines.
func TestManyRows(t *testing.T) {
	m := compile(t, example, Options{})
	mask, err := m.Scalar("mask", "mask", []event.Type{event.TString}, event.TString)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for _, n := range []int{1, 2, 7, 100, 4096, 3, 1000} {
		wg.Go(func() {
			v := event.NewVec(event.TString)
			v.Reset(n)
			for i := range n {
				v.Set(i, n, event.StringValue(fmt.Sprintf("%*d", i%200, i)))
			}
			got, err := batch(t, mask, event.TString, nil, &v)
			if err != nil {
				t.Error(err)
				return
			}
			for i := range n {
				text := fmt.Sprintf("%*d", i%200, i)
				if stars := max(0, len(text)-4); got[i] != "'"+strings.Repeat("*", stars)+text[stars:]+"'" {
					t.Errorf("row %d of %d: %s", i, n, got[i])
				}
			}
		})
	}
	wg.Wait()
}

func TestAggregate(t *testing.T) {
	m := compile(t, example, Options{})
	f, err := m.Aggregate("spread", "spread", []event.Type{event.TFloat64}, event.TFloat64)
	if err != nil {
		t.Fatal(err)
	}
	a := f.Bind(nil, event.TFloat64)
	states := make([][]event.Value, 3)
	for i, list := range [][]float64{{3, -2, 7}, {10}, nil} {
		states[i] = make([]event.Value, a.Size())
		a.Init(states[i])
		for _, x := range list {
			if err := a.Add(states[i], []event.Value{event.FloatValue(x)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := a.Add(states[i], []event.Value{event.NullValue}); err != nil {
			t.Fatal(err)
		}
	}
	result := func(state []event.Value) string {
		var out event.Value
		if err := a.Result(state, &out); err != nil {
			t.Fatal(err)
		}
		return function.Format(event.TFloat64, out)
	}
	fork := []event.Value{states[0][0]}
	for _, other := range states[1:] {
		if err := a.Merge(states[0], other); err != nil {
			t.Fatal(err)
		}
	}
	if got := result(fork) + " " + result(states[0]) + " " + result(states[2]); got != "9.0 12.0 NULL" {
		t.Error(got)
	}
}

// TestHostile: whatever a module does, it harms a row, or is refused, or fails the query.
func TestHostile(t *testing.T) {
	m := compile(t, "testdata/hostile.wasm", Options{Memory: 4 << 20, Timeout: time.Minute})
	ints := []event.Type{event.TInt64}
	numbers := column(event.TInt64, event.IntValue(1), event.IntValue(13), event.IntValue(3))
	for name, c := range map[string]struct {
		result event.Type
		want   string
	}{
		"trap":    {event.TInt64, "[1 error: wasm error: unreachable 3]"},
		"bomb":    {event.TInt64, "[error: the function has failed with 7 error: the function has failed with 7 error: the function has failed with 7]"},
		"outside": {event.TInt64, "[error: the function has given a result outside its memory error: the function has given a result outside its memory error: the function has given a result outside its memory]"},
		"beyond":  {event.TString, "outside its memory"},
		"garbage": {event.TString, "not UTF-8"},
		"deep":    {event.TInt64, "wasm error"},
	} {
		f, err := m.Scalar(name, name, ints, c.result)
		if err != nil {
			t.Fatal(err)
		}
		args := numbers
		if c.result.Kind == event.String {
			args = column(event.TInt64, event.IntValue(1))
		}
		got, err := batch(t, f, c.result, nil, args)
		if err != nil || fmt.Sprint(got) != c.want && (len(c.want) > 30 || !strings.Contains(fmt.Sprint(got), c.want)) {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
	trap, _ := m.Scalar("trap", "trap", []event.Type{event.TInt64}, event.TInt8)
	if got, err := batch(t, trap, event.TInt8, nil, column(event.TInt64, event.IntValue(127), event.IntValue(128))); err != nil || !strings.Contains(fmt.Sprint(got), "[127 error: numeric overflow") {
		t.Error(got, err)
	}
}

func TestTimeoutIsFatal(t *testing.T) {
	m := compile(t, "testdata/hostile.wasm", Options{Timeout: 10 * time.Millisecond})
	f, err := m.Scalar("spin", "spin", []event.Type{event.TInt64}, event.TInt64)
	if err != nil {
		t.Fatal(err)
	}
	_, err = batch(t, f, event.TInt64, nil, column(event.TInt64, event.IntValue(1)))
	var fatal *expr.Fatal
	if !errors.As(err, &fatal) || !strings.Contains(err.Error(), "has not answered within 10ms") {
		t.Error(err)
	}
}

func TestRefusals(t *testing.T) {
	hostile, _ := os.ReadFile("testdata/hostile.wasm")
	imports, _ := os.ReadFile("testdata/imports.wasm")
	for want, code := range map[string][]byte{
		"it imports wasi_snapshot_preview1.clock_time_get": imports,
		"cannot be used":                hostile[:len(hostile)/2],
		"more than 8388608":             make([]byte, MaxModule+1),
		"cannot be used: invalid magic": []byte("no module at all"),
		"it exports no memory":          {0, 'a', 's', 'm', 1, 0, 0, 0},
	} {
		if _, err := Compile(code, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %s: %v", want, err)
		}
	}
	if _, err := Compile(hostile, Options{Memory: MaxMemory + 1}); err == nil {
		t.Error("too much memory")
	}
	m := compile(t, "testdata/hostile.wasm", Options{})
	for want, f := range map[string]func() (*expr.Func, error){
		"no function nope":  func() (*expr.Func, error) { return m.Scalar("nope", "nope", nil, event.TInt64) },
		"has to take 2 i32": func() (*expr.Func, error) { return m.Scalar("wrong", "wrong", nil, event.TInt64) },
		"cannot be given": func() (*expr.Func, error) {
			return m.Scalar("trap", "trap", []event.Type{event.TDecimal(9, 2)}, event.TInt64)
		},
		"declare STRING or": func() (*expr.Func, error) {
			return m.Scalar("trap", "trap", nil, event.Type{Kind: event.String, Precision: 3})
		},
		"no function trap_add": func() (*expr.Func, error) { _, err := m.Aggregate("trap", "trap", nil, event.TInt64); return nil, err },
	} {
		if _, err := f(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %s: %v", want, err)
		}
	}
}

func BenchmarkBatch(b *testing.B) {
	m := compile(b, example, Options{})
	risk, _ := m.Scalar("risk", "risk", []event.Type{event.TFloat64, event.TString}, event.TFloat64)
	const n = 1024
	amounts, countries := event.NewVec(event.TFloat64), event.NewVec(event.TString)
	amounts.Reset(n)
	countries.Reset(n)
	for i := range n {
		amounts.Set(i, n, event.FloatValue(float64(i)))
		countries.Set(i, n, event.StringValue("DE"))
	}
	out := event.NewVec(event.TFloat64)
	b.ReportAllocs()
	for b.Loop() {
		out.Reset(n)
		if err := risk.Batch(nil, []*event.Vec{&amounts, &countries}, event.Rows(0, n), n, &out, nil); err != nil {
			b.Fatal(err)
		}
	}
}
