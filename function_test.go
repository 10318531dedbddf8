package cepd_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cepd/cepd"
)

// A function sees NULL where it takes a pointer, and nowhere else; a nil pointer is NULL.
func TestNullsOfFunctions(t *testing.T) {
	var seen []int64
	e, c := open(t, cepd.Options{Functions: []cepd.Function{
		cepd.Func1("show", func(x *int64) (string, error) {
			if x == nil {
				return "none", nil
			}
			return fmt.Sprint(*x), nil
		}),
		cepd.Func2("mixed", func(x *string, y int64) (*int64, error) {
			if seen = append(seen, y); x == nil {
				return nil, nil
			}
			return &y, nil
		}),
	}})
	sql := fmt.Sprintf(numbers, "") + `INSERT INTO out SELECT SHOW(n) || ' ' || COALESCE(CAST(MIXED(s, n) AS STRING), 'NULL') FROM numbers;`
	if err := run(t, e, sql, row(7, "a"), row(nil, "a"), row(8, nil), row(nil, nil)); err != nil {
		t.Fatal(err)
	}
	if want := []string{"7 7", "none NULL", "8 NULL", "none NULL"}; !slices.Equal(c.rows, want) || slices.Contains(seen, 0) {
		t.Errorf("%q, called with %d", c.rows, seen)
	}
	e, c = open(t, cepd.Options{Functions: []cepd.Function{cepd.Aggregate("holes", cepd.Steps[int64, *int64, int64]{
		Add: func(s *int64, x *int64) error {
			if x == nil {
				*s++
			}
			return nil
		},
		Merge:  func(s *int64, o int64) { *s += o },
		Result: func(s int64) (int64, error) { return s, nil },
	})}})
	sql = `CREATE TABLE numbers (n BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'go'); CREATE TABLE out (x STRING) WITH ('connector' = 'go');
		INSERT INTO out SELECT CAST(HOLES(n) AS STRING) FROM TUMBLE(TABLE numbers, DESCRIPTOR(ts), INTERVAL '1' DAY) GROUP BY window_start, window_end;`
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := run(t, e, sql, row(1, at), row(nil, at), row(nil, at)); err != nil || !slices.Equal(c.rows, []string{"2"}) {
		t.Error(err, c.rows)
	}
}

// Arrays of simple values are slices, both ways; one with a NULL is an error of the row.
func TestArraysOfFunctions(t *testing.T) {
	e, c := open(t, cepd.Options{Functions: []cepd.Function{
		cepd.Func2("scale", func(list []int64, by float64) ([]float64, error) {
			var out []float64
			for _, x := range list {
				out = append(out, float64(x)*by)
			}
			return out, nil
		}),
		cepd.Func1("words", func(s string) ([]string, error) { return strings.Fields(s), nil }),
		cepd.Func1("spans", func(list []time.Time) (int64, error) { return int64(len(list)), nil }),
		cepd.Func1("all_of", func(list []bool) (bool, error) { return !slices.Contains(list, false), nil }),
	}})
	sql := fmt.Sprintf(numbers, ", 'scan.error-policy' = 'skip'") + `INSERT INTO out SELECT CAST(SCALE(ARRAY[CAST(n AS INT), 2], 1.5) AS STRING) || ' ' || ARRAY_JOIN(WORDS(s), '-')
		|| CAST(SPANS(ARRAY[TIMESTAMP '2026-01-01 00:00:00']) AS STRING) || CAST(ALL_OF(ARRAY[TRUE, n > 1]) AS STRING) FROM numbers;`
	if err := run(t, e, sql, row(1, "a b  c"), row(nil, "null in the array"), row(3, "")); err != nil {
		t.Fatal(err)
	}
	if want := []string{"[1.5, 3.0] a-b-c1FALSE", "[4.5, 3.0] 1TRUE"}; !slices.Equal(c.rows, want) {
		t.Errorf("%q", c.rows)
	}
}

// Func takes and gives values of every type as rows have them.
func TestFuncOfAnyTypes(t *testing.T) {
	types := []string{"BOOLEAN", "INT", "BIGINT", "DOUBLE", "DECIMAL(9, 2)", "STRING", "BYTES", "DATE", "TIMESTAMP(3)",
		"ARRAY<DECIMAL(9, 2)>", "MAP<STRING, ARRAY<INT>>", "ROW<a INT, b ROW<c STRING, d MAP<INT, BOOLEAN>>>"}
	at := time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC)
	values := []any{true, int64(7), int64(8), 1.5, "1.50", "text", []byte("raw"), "2026-02-03", at,
		[]any{"1.00", nil, "2.50"}, cepd.Map{{Key: "x", Value: []any{int64(1), nil}}, {Key: "a", Value: nil}},
		[]any{int64(1), []any{"c", cepd.Map{{Key: int64(3), Value: true}}}}}
	var functions []cepd.Function
	var declared, called, outs []string
	for i, typ := range types {
		functions = append(functions, cepd.Func(fmt.Sprint("same", i), []string{typ, "STRING"}, typ, func(args []any) (any, error) {
			if args[1] != nil {
				return nil, errors.New("want NULL")
			}
			return args[0], nil
		}))
		declared, outs = append(declared, fmt.Sprintf("c%d %s", i, typ)), append(outs, fmt.Sprintf("c%d %s", i, typ))
		called = append(called, fmt.Sprintf("SAME%d(c%d, NULL)", i, i))
	}
	e, _ := open(t, cepd.Options{Functions: functions})
	var got []cepd.Row
	e.On("out", func(r cepd.Row) error { got = append(got, r); return nil })
	sql := fmt.Sprintf(`CREATE TABLE numbers (%s) WITH ('connector' = 'go'); CREATE TABLE out (%s) WITH ('connector' = 'go'); INSERT INTO out SELECT %s FROM numbers;`,
		strings.Join(declared, ", "), strings.Join(outs, ", "), strings.Join(called, ", "))
	nulls := make([]any, len(values))
	if err := run(t, e, sql, row(values...), row(nulls...)); err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]any{values, nulls} {
		for k := range want {
			if g, w := fmt.Sprintf("%#v", got[i].Values[k]), fmt.Sprintf("%#v", want[k]); g != w {
				t.Errorf("row %d, %s: %s, want %s", i, types[k], g, w)
			}
		}
	}
	if m := got[0].Values[10].(cepd.Map); m.Get("x") == nil || m.Get("nobody") != nil {
		t.Error(m)
	}
}

func TestFuncRefusals(t *testing.T) {
	give := func(result string, x any) error {
		e, _ := open(t, cepd.Options{Functions: []cepd.Function{cepd.Func("give", []string{"BIGINT"}, result, func([]any) (any, error) {
			if x == "panic" {
				panic("ouch")
			}
			return x, nil
		})}})
		return run(t, e, fmt.Sprintf(numbers, "")+"INSERT INTO out SELECT CAST(CARDINALITY(GIVE(n)) AS STRING) FROM numbers;", row(1, ""))
	}
	for _, c := range []struct {
		result string
		x      any
		want   string
	}{
		{"ARRAY<INT>", "text", "takes a slice"},
		{"ARRAY<INT>", []string{"x"}, "cannot cast 'x'"},
		{"MAP<STRING, INT>", []any{1}, "takes a cepd.Map"},
		{"MAP<STRING, INT>", cepd.Map{{Key: "a"}, {Key: "a"}}, "each key once"},
		{"MAP<STRING, INT>", cepd.Map{{}}, "none is NULL"},
		{"ARRAY<ROW<a INT>>", []any{[]any{1, 2}}, "2 values for the 1 fields"},
		{"ARRAY<INT>", "panic", "the function panics: ouch"},
		{"MAP<STRING, INT>", map[string]any{"b": 1, "a": 2}, ""},
		{"ARRAY<INT>", []int{1, 2}, ""},
		{"ARRAY<INT>", nil, ""},
	} {
		if err := give(c.result, c.x); c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s from %v: %v", c.result, c.x, err)
		}
	}
	for types, want := range map[string]string{"NUMBER": "NUMBER", "INT, b INT": "are not types", "INT) WITH ('a' = 'b'); --": "", "": ""} {
		_, err := cepd.Open(cepd.Options{Functions: []cepd.Function{cepd.Func("f", []string{types}, "INT", nil)}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", types, err)
		}
	}
}

// A function that takes NULL, one of an array, and one of types that only SQL has names
// for.
func ExampleFunc() {
	ctx := context.Background()
	e, err := cepd.Open(cepd.Options{Functions: []cepd.Function{
		cepd.Func1("known", func(name *string) (string, error) {
			if name == nil {
				return "somebody", nil
			}
			return *name, nil
		}),
		cepd.Func1("longest", func(words []string) (int64, error) {
			n := 0
			for _, w := range words {
				n = max(n, len(w))
			}
			return int64(n), nil
		}),
		cepd.Func("tag", []string{"MAP<STRING, STRING>", "STRING"}, "ROW<name STRING, found BOOLEAN>", func(args []any) (any, error) {
			tags, _ := args[0].(cepd.Map) // nil for NULL
			value := tags.Get(args[1])
			return []any{value, value != nil}, nil
		}),
	}})
	if err != nil {
		log.Fatal(err)
	}
	defer e.Close(ctx)
	e.On("out", func(r cepd.Row) error {
		fmt.Println(r.Values...)
		return nil
	})
	queries, err := e.Exec(ctx, `
		CREATE TABLE events (name STRING, words ARRAY<STRING>, tags MAP<STRING, STRING>) WITH ('connector' = 'go');
		CREATE TABLE out (name STRING, longest BIGINT, tag ROW<name STRING, found BOOLEAN>) WITH ('connector' = 'go');
		INSERT INTO out SELECT KNOWN(name), LONGEST(words), TAG(tags, 'site') FROM events;`, nil)
	if err != nil {
		log.Fatal(err)
	}
	err = e.Push(ctx, "events",
		cepd.Row{Values: []any{"ann", []string{"a", "bcd"}, map[string]any{"site": "north"}}},
		cepd.Row{Values: []any{nil, []string{}, nil}})
	if err != nil {
		log.Fatal(err)
	}
	e.End("events")
	if err := queries[0].Wait(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// ann 3 [north true]
	// somebody 0 [<nil> false]
}
