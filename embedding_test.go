package cepd_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cepd/cepd"
)

// TestConnectorIsShort: a connector with source, sink and look-up takes less than 60
// lines, as docs/embedding.md says.
func TestConnectorIsShort(t *testing.T) {
	text, err := os.ReadFile("example_connector_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "// lines is a connector in whole")
	connector, _, found := strings.Cut(rest, "// A connector written in Go")
	if !ok || !found {
		t.Fatal("the example has moved")
	}
	if n := strings.Count(connector, "\n"); n >= 60 {
		t.Errorf("it takes %d lines", n)
	}
}

// TestMetrics: the program's registry has the metrics of the queries.
func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	e, _ := open(t, cepd.Options{Metrics: registry})
	err := run(t, e, `CREATE TABLE numbers (x BIGINT) WITH ('connector' = 'go');
		CREATE TABLE out (x BIGINT) WITH ('connector' = 'go');
		INSERT INTO out SELECT x FROM numbers WHERE x > 1;`, row(int64(1)), row(int64(2)), row(int64(3)))
	if err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "cepd_source_records_total" {
			if n := f.GetMetric()[0].GetCounter().GetValue(); n != 3 {
				t.Errorf("%v records", n)
			}
			return
		}
	}
	t.Errorf("there is no cepd_source_records_total among %d", len(families))
}

// TestStop: a query that is stopped in order has not failed, and leaves nothing behind
// (goleak looks).
func TestStop(t *testing.T) {
	ctx := context.Background()
	e, _ := open(t, cepd.Options{})
	queries, err := e.Exec(ctx, `CREATE TABLE t (x BIGINT) WITH ('connector' = 'go');
		CREATE TABLE out (x BIGINT) WITH ('connector' = 'go');
		INSERT INTO out SELECT x FROM t;`, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Push(ctx, "t", row(int64(1))); err != nil {
		t.Fatal(err)
	}
	if err := queries[0].Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if state := queries[0].Status().State; state != "stopped" {
		t.Errorf("the query is %s", state)
	}
	if err := queries[0].Wait(); err != nil {
		t.Errorf("a query that was stopped has failed: %v", err)
	}
}
