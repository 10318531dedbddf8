package cepd_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/cepd/cepd"
)

// Rows are pushed in, detections come out.
func Example() {
	ctx := context.Background()
	e, err := cepd.Open(cepd.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer e.Close(ctx)
	e.On("alerts", func(r cepd.Row) error {
		fmt.Println(r.Values...)
		return nil
	})
	queries, err := e.Exec(ctx, `
		CREATE TABLE payments (card BIGINT, amount DECIMAL(12, 2), ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'go');
		CREATE TABLE alerts (card BIGINT, probes BIGINT, amount DECIMAL(12, 2)) WITH ('connector' = 'go');
		INSERT INTO alerts SELECT * FROM payments MATCH_RECOGNIZE (
		  PARTITION BY card ORDER BY ts
		  MEASURES COUNT(S.*) AS probes, B.amount AS amount
		  PATTERN (S{2,} B) WITHIN INTERVAL '1' MINUTE
		  DEFINE S AS S.amount < 10, B AS B.amount > 100);`, nil)
	if err != nil {
		log.Fatal(err)
	}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, amount := range []string{"1.00", "2.50", "3.00", "250.00"} {
		if err := e.Push(ctx, "payments", cepd.Row{Values: []any{7, amount, start.Add(time.Duration(i) * time.Second)}}); err != nil {
			log.Fatal(err)
		}
	}
	e.End("payments")
	if err := queries[0].Wait(); err != nil {
		log.Fatal(err)
	}
	// Output: 7 3 250.00
}

// Functions of SQL in Go: a scalar one and an aggregate.
func ExampleFunc2() {
	type spread struct{ Low, High, Rows float64 }
	ctx := context.Background()
	e, err := cepd.Open(cepd.Options{Functions: []cepd.Function{
		cepd.Func2("above", func(x, limit float64) (string, error) {
			if x > limit {
				return fmt.Sprintf("%g above", x-limit), nil
			}
			return "", cepd.ErrNull
		}),
		cepd.Aggregate("spread", cepd.Steps[spread, float64, float64]{
			Add: func(s *spread, x float64) error {
				if s.Rows == 0 {
					s.Low, s.High = x, x
				}
				s.Low, s.High, s.Rows = min(s.Low, x), max(s.High, x), s.Rows+1
				return nil
			},
			Merge: func(s *spread, o spread) {
				if s.Rows == 0 {
					*s = o
				}
				s.Low, s.High, s.Rows = min(s.Low, o.Low), max(s.High, o.High), s.Rows+o.Rows
			},
			Result: func(s spread) (float64, error) { return s.High - s.Low, nil },
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
		CREATE TABLE readings (x DOUBLE, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'go');
		CREATE TABLE out (note STRING, spread DOUBLE) WITH ('connector' = 'go');
		INSERT INTO out SELECT MIN(ABOVE(x, 10)), SPREAD(x) FROM TUMBLE(TABLE readings, DESCRIPTOR(ts), INTERVAL '1' MINUTE) GROUP BY window_start, window_end;`, nil)
	if err != nil {
		log.Fatal(err)
	}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, x := range []float64{12.5, 3, 8} {
		if err := e.Push(ctx, "readings", cepd.Row{Values: []any{x, start.Add(time.Duration(i) * time.Second)}}); err != nil {
			log.Fatal(err)
		}
	}
	e.End("readings")
	if err := queries[0].Wait(); err != nil {
		log.Fatal(err)
	}
	// Output: 2.5 above 9.5
}
