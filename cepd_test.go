package cepd_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cepd/cepd"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// collector keeps the rows of a table.
type collector struct {
	mu   sync.Mutex
	rows []string
}

func (c *collector) take(r cepd.Row) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rows = append(c.rows, fmt.Sprint(r.Values...))
	return nil
}

func open(t *testing.T, o cepd.Options) (*cepd.Engine, *collector) {
	t.Helper()
	e, err := cepd.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close(context.Background()) })
	c := &collector{}
	e.On("out", c.take)
	return e, c
}

const numbers = `CREATE TABLE numbers (n BIGINT, s STRING) WITH ('connector' = 'go' %s); CREATE TABLE out (x STRING) WITH ('connector' = 'go');`

// run pushes rows through a query to its end.
func run(t *testing.T, e *cepd.Engine, sql string, rows ...cepd.Row) error {
	t.Helper()
	ctx := context.Background()
	queries, err := e.Exec(ctx, sql, nil)
	if err != nil {
		return err
	}
	for _, r := range rows { // one by one: how many the engine takes at once is its own affair
		if err := e.Push(ctx, "numbers", r); err != nil {
			t.Fatal(err)
		}
	}
	e.End("numbers")
	return queries[0].Wait()
}

func row(values ...any) cepd.Row { return cepd.Row{Values: values} }

func TestFunctionErrors(t *testing.T) {
	fail := cepd.Func1("judge", func(n int64) (string, error) {
		switch n {
		case 1:
			panic("one")
		case 2:
			return "", errors.New("two")
		case 3:
			return "", cepd.ErrNull
		}
		return fmt.Sprint("n", n), nil
	})
	for policy, want := range map[string]string{"": "judge", ", 'scan.error-policy' = 'skip'": ""} {
		e, c := open(t, cepd.Options{Functions: []cepd.Function{fail}})
		err := run(t, e, fmt.Sprintf(numbers, policy)+`INSERT INTO out SELECT JUDGE(n) FROM numbers;`, row(1, "a"), row(2, "a"), row(3, "a"), row(nil, "a"), row(5, "a"))
		if want == "" && (err != nil || !slices.Equal(c.rows, []string{"<nil>", "<nil>", "n5"})) {
			t.Error(err, c.rows)
		}
		if want != "" && (err == nil || !strings.Contains(err.Error(), "the function panics: one")) {
			t.Error(err)
		}
	}
}

func TestTypesOfFunctions(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	e, c := open(t, cepd.Options{Functions: []cepd.Function{
		cepd.Func3("pick", func(first bool, a, b string) (string, error) {
			if first {
				return a, nil
			}
			return b, nil
		}),
		cepd.Func1("twice", func(b []byte) ([]byte, error) { return append(slices.Clone(b), b...), nil }),
		cepd.Func1("later", func(t time.Time) (time.Time, error) { return t.Add(time.Hour), nil }),
	}})
	sql := `CREATE TABLE numbers (b BYTES, t TIMESTAMP(6), d DECIMAL(9, 2), day DATE, f FLOAT) WITH ('connector' = 'go');
		CREATE TABLE out (x STRING, b BYTES, t TIMESTAMP(6), d DECIMAL(9, 2), day DATE, f FLOAT) WITH ('connector' = 'go');
		INSERT INTO out SELECT PICK(d > 1, 'more', 'less'), TWICE(b), LATER(t), d, day, f FROM numbers;`
	if err := run(t, e, sql, row([]byte("x"), at, "1.50", "2026-02-03", 1)); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprint("more", []byte("xx"), at.Add(time.Hour), "1.50", "2026-02-03", 1.0); len(c.rows) != 1 || c.rows[0] != want {
		t.Errorf("%s, want %s", c.rows, want)
	}
}

func TestRefusals(t *testing.T) {
	e, _ := open(t, cepd.Options{})
	ctx := context.Background()
	for sql, want := range map[string]string{
		"SELECT 1;":      "INSERT INTO",
		"SHOW TABLES;":   "definitions",
		"INSERT INTO x ": "1:14",
		fmt.Sprintf(numbers, ", 'nope' = 'x'") + "INSERT INTO out SELECT s FROM numbers;": "has no option 'nope'",
	} {
		if _, err := e.Exec(ctx, sql, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", sql, err)
		}
	}
	for want, o := range map[string]cepd.Options{
		"UPPER already":     {Functions: []cepd.Function{cepd.Func1("upper", func(s string) (string, error) { return s, nil })}},
		"made by Func1":     {Functions: []cepd.Function{{Name: "x"}}},
		"not of fixed size": {Functions: []cepd.Function{cepd.Aggregate("a", cepd.Steps[string, int64, int64]{})}},
		"a Source, a Sink":  {Connectors: []cepd.Connector{{Name: "x"}}},
	} {
		if _, err := cepd.Open(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %s: %v", want, err)
		}
	}
	if err := run(t, e, fmt.Sprintf(numbers, "")+"INSERT INTO out SELECT s FROM numbers;", row(1)); err == nil || !strings.Contains(err.Error(), "1 values for 2 columns") {
		t.Error(err)
	}
	other, _ := open(t, cepd.Options{})
	if err := run(t, other, fmt.Sprintf(numbers, "")+"INSERT INTO out SELECT CAST(n AS STRING) FROM numbers;", row("seven", "")); err == nil || !strings.Contains(err.Error(), "column n: cannot cast 'seven'") {
		t.Error(err)
	}
	if err := other.Push(ctx, "numbers", row(1, "")); err == nil {
		t.Error("pushed into a table that has ended")
	}
}

// TestPushWaits: a full queue holds the program back, not more.
func TestPushWaits(t *testing.T) {
	e, _ := open(t, cepd.Options{Queue: 2})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := e.Push(ctx, "numbers", row(1, ""), row(2, ""), row(3, "")); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// TestGoesOn: what was pushed before a stop counts after it.
func TestGoesOn(t *testing.T) {
	dir, ctx := t.TempDir(), context.Background()
	sum := cepd.Aggregate("total", cepd.Steps[int64, int64, int64]{
		Add:    func(s *int64, x int64) error { *s += x; return nil },
		Merge:  func(s *int64, o int64) { *s += o },
		Result: func(s int64) (int64, error) { return s, nil },
	})
	sql := `CREATE TABLE numbers (n BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'go');
		CREATE TABLE out (x STRING) WITH ('connector' = 'go');
		CREATE QUERY sums AS INSERT INTO out SELECT CAST(TOTAL(n) AS STRING) FROM TUMBLE(TABLE numbers, DESCRIPTOR(ts), INTERVAL '1' DAY) GROUP BY window_start, window_end;`
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var last *collector
	for life := range 3 {
		e, c := open(t, cepd.Options{DataDir: dir, Functions: []cepd.Function{sum}})
		last = c
		queries, err := e.Exec(ctx, sql, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 10 {
			if err := e.Push(ctx, "numbers", row(life*10+i, start.Add(time.Duration(life)*time.Hour))); err != nil {
				t.Fatal(err)
			}
		}
		if life == 2 {
			e.End("numbers")
			if err := queries[0].Wait(); err != nil {
				t.Fatal(err)
			}
		}
		for deadline := time.Now().Add(time.Minute); life < 2 && queries[0].Status().Read < int64(10*life+10); {
			if time.Now().After(deadline) {
				t.Fatal("the rows are not read")
			}
			runtime.Gosched()
		}
		if err := e.Close(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(last.rows, []string{"435"}) {
		t.Error(last.rows)
	}
}
