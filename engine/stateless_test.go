package engine_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cepd/cepd/engine/enginetest"
)

const payments = `CREATE TABLE payments (card BIGINT, amount DECIMAL(12,2), country STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND)
 WITH ('connector'='test','format'='json');
`

func TestFilterAndProject(t *testing.T) {
	w := enginetest.NewWorld()
	w.Input("payments", []string{
		`{"card":1,"amount":10.50,"country":"DE","ts":"2026-01-01 00:00:00"}`,
		`{"card":2,"amount":900,"country":"US","ts":"2026-01-01 00:00:01"}`,
		`{"card":3,"amount":800,"country":null,"ts":"2026-01-01 00:00:02"}`,
	}, []string{
		`{"card":4,"amount":700,"country":"FR","ts":"2026-01-01 00:00:00"}`,
	})
	got := w.Run(t, payments+`CREATE TABLE o (card BIGINT, twice DECIMAL(14,2), c STRING, extra INT) WITH ('connector'='test');
		INSERT INTO o (card, twice, c) SELECT card, amount * 2, LOWER(country) FROM payments WHERE amount > 100;`)
	want := []string{"2 | 1800.00 | 'us' | NULL", "3 | 1600.00 | NULL | NULL", "4 | 1400.00 | 'fr' | NULL"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestProcessingTime(t *testing.T) {
	w := enginetest.NewWorld()
	w.Poll = 1
	w.Input("t", []string{`{"v":3}`, `{"v":1}`, `{"v":2}`, `{"v":5}`})
	got := w.Run(t, `CREATE TABLE t (v INT, proc AS PROCTIME()) WITH ('connector'='test','format'='json');
		CREATE TABLE o (a INT, b INT) WITH ('connector'='test');
		INSERT INTO o SELECT * FROM t MATCH_RECOGNIZE (ORDER BY proc MEASURES A.v AS a, B.v AS b PATTERN (A B) DEFINE B AS B.v > A.v)`)
	if diff := cmp.Diff([]string{"1 | 2"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestPatternOverDetectionsInProcessingTime(t *testing.T) {
	w := enginetest.NewWorld()
	w.Poll = 1
	w.Input("t", []string{`{"v":3}`, `{"v":4}`, `{"v":1}`, `{"v":2}`, `{"v":5}`, `{"v":9}`, `{"v":7}`})
	got := w.Run(t, `CREATE TABLE t (v INT, proc AS PROCTIME()) WITH ('connector'='test','format'='json');
		CREATE TABLE o (a INT, b INT) WITH ('connector'='test');
		CREATE VIEW rises AS SELECT * FROM t MATCH_RECOGNIZE (ORDER BY proc MEASURES MATCH_PROCTIME() AS at, B.v AS v PATTERN (A B) DEFINE B AS B.v > A.v);
		INSERT INTO o SELECT * FROM rises MATCH_RECOGNIZE (ORDER BY at MEASURES X.v AS a, Y.v AS b PATTERN (X Y) DEFINE Y AS Y.v < X.v)`)
	if diff := cmp.Diff([]string{"4 | 2"}, got); diff != "" {
		t.Error(diff)
	}
}
