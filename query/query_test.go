package query_test

import (
	"strings"
	"testing"
	"time"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/operators/kernel"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/plan"
)

// TestFunctionExamples runs the documentation's examples through the front end.
func TestFunctionExamples(t *testing.T) {
	for _, f := range function.All() {
		for _, e := range f.Examples {
			if got := evaluate(e.SQL); got != e.Result {
				t.Errorf("%s = %s, want %s", e.SQL, got, e.Result)
			}
		}
	}
}

// evaluate is the text of a constant expression.
func evaluate(sql string) string {
	r, err := query.CompileText(catalog.New(), "", "SELECT "+sql, nil)
	if err != nil {
		return err.Error()
	}
	switch n := r.Queries[0].Input.(type) {
	case *plan.Values:
		return function.Text(n.Out.Fields[0].Type, n.Rows[0][0], time.UTC)
	case *plan.Project:
		v, err := kernel.EvalConst(n.Exprs[0])
		if err != nil {
			return err.Error()
		}
		return function.Text(n.Out.Fields[0].Type, v, time.UTC)
	}
	return "no constant"
}

// TestAllOrNothing: a script with a mistake leaves no trace.
func TestAllOrNothing(t *testing.T) {
	cat := catalog.New()
	_, err := query.CompileText(cat, "f.sql", "CREATE TABLE t (a INT) WITH ('connector' = 'memory');\nSET 'cepd.shards' = '2';\nSELECT b FROM t", nil)
	list, ok := diag.As(err)
	if !ok || len(list.Items) != 1 || list.Items[0].Code != diag.UnknownColumn {
		t.Fatalf("got %v", err)
	}
	if !strings.HasPrefix(err.Error(), "f.sql:3:8: error[unknown-column]") {
		t.Errorf("got %v", err)
	}
	if cat.Has("t") || len(cat.Settings) > 0 {
		t.Error("the catalog was changed")
	}
}

// TestSettings: a query has the settings made before it.
func TestSettings(t *testing.T) {
	r, err := query.CompileText(catalog.New(), "", "SET 'cepd.shards' = '1'; SELECT 1 AS x; SET 'cepd.shards' = '2'; SELECT 2 AS x; SHOW QUERIES", nil)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := r.Queries[0].Settings["cepd.shards"], r.Queries[1].Settings["cepd.shards"]; a != "1" || b != "2" {
		t.Errorf("settings %q and %q", a, b)
	}
	if last := r.Actions[2]; last.Before != 2 || last.Columns != nil {
		t.Errorf("got %+v", last)
	}
	if !r.Queries[0].Print || r.Queries[0].Name == r.Queries[1].Name {
		t.Errorf("got %+v", r.Queries)
	}
}

// TestRowtimePassesThrough: the event time stays known through projections.
func TestRowtimePassesThrough(t *testing.T) {
	cat := catalog.New()
	r, err := query.CompileText(cat, "", `CREATE TABLE t (a INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'memory');
		SELECT a, ts AS at FROM t UNION ALL SELECT a + 1, ts FROM t`, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s := r.Queries[0].Schema(); s.Rowtime != 1 || s.Fields[1].Type.Kind != event.Timestamp {
		t.Errorf("got %+v", s)
	}
}

// FuzzCompile: whatever the text, there is an answer and no panic.
func FuzzCompile(f *testing.F) {
	f.Add("SELECT a + 1, CASE WHEN c LIKE 'x%' THEN b END FROM t WHERE a IN (1, 2.5, NULL) AND ts > '2026-01-01'")
	f.Add("SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY c ORDER BY ts MEASURES PREV(FIRST(A.a, 1), 2) AS x, COUNT(DISTINCT U.b) AS y, CLASSIFIER(U) AS z ALL ROWS PER MATCH AFTER MATCH SKIP TO LAST B PATTERN (^ A{2,3}? (B | {- C -})* PERMUTE(D, E) $) WITHIN INTERVAL '1' HOUR SUBSET U = (A, B) DEFINE A AS a > 1, B AS B.b > AVG(A.b))")
	f.Add("INSERT INTO o (b, a) WITH w AS (SELECT * FROM t) SELECT ts, r.x FROM w UNION ALL BY NAME SELECT NULL, 1")
	f.Add("CREATE TABLE x (a INT METADATA FROM 'key', b AS a + 1, WATERMARK FOR b AS b) WITH ('a' = 'b'); CREATE VIEW v (q) AS SELECT b FROM x; SELECT q[1], m['k'].z FROM v")
	f.Fuzz(func(t *testing.T, text string) {
		cat := catalog.New()
		ddl := `CREATE TABLE t (a INT, b DECIMAL(10,2), c STRING, r ROW<x INT>, m MAP<STRING, INT>, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'memory');
			CREATE TABLE o (a INT, b TIMESTAMP(3)) WITH ('connector' = 'memory')`
		if _, err := query.CompileText(cat, "", ddl, nil); err != nil {
			t.Fatal(err)
		}
		r, err := query.CompileText(cat, "", text, map[string]string{"p": "1"})
		if err != nil {
			_ = err.Error()
			return
		}
		for _, q := range r.Queries {
			plan.Explain(q.Insert)
		}
	})
}
