package backtest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/backtest"
	"github.com/cepd/cepd/internal/history"
)

// rule finds two small amounts, then one above the threshold.
func rule(threshold int, measure string) string {
	return fmt.Sprintf(`CREATE TABLE t (card BIGINT, ts TIMESTAMP(3), amount DOUBLE, bad BOOLEAN, WATERMARK FOR ts AS ts) WITH ('connector'='test','format'='csv');
CREATE TABLE o (card BIGINT, large DOUBLE) WITH ('connector'='test');
INSERT INTO o SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts MEASURES %s AS large
  PATTERN (S{2} B) WITHIN INTERVAL '1' HOUR DEFINE S AS S.amount < 10, B AS B.amount > %d)`, measure, threshold)
}

const day = 86_400_000

// rows are: card 1, 150, marked; card 2, 250, marked; card 3, 350 on the next
// day; and card 4, marked, which no rule finds.
var rows = []string{
	"1,1000,1,false", "1,2000,2,false", "1,3000,150,true",
	"2,4000,1,false", "2,5000,2,false", "2,6000,250,true",
	"4,7000,1,false", "4,8000,250,true",
	fmt.Sprintf("3,%d,1,false", day+1000), fmt.Sprintf("3,%d,2,false", day+2000), fmt.Sprintf("3,%d,350,", day+3000),
}

func compiled(t *testing.T, sql string) history.Query {
	t.Helper()
	c, err := enginetest.Compile(sql)
	if err != nil {
		t.Fatal(err)
	}
	return history.Query{Root: c.Root, Catalog: c.Catalog}
}

func TestBacktest(t *testing.T) {
	w := enginetest.NewWorld()
	w.Input("t", rows)
	before := compiled(t, rule(100, "B.amount"))
	r, err := backtest.Run(context.Background(), backtest.Request{After: compiled(t, rule(200, "B.amount")), Before: &before,
		By: "card", Label: "bad", Amount: "amount", Limit: 5}, w.Options())
	if err != nil {
		t.Fatal(err)
	}
	want := &backtest.Report{
		After:  backtest.Version{Rows: 11, Detections: 2, Score: &backtest.Score{Detections: 2, Right: 1, Labelled: 3, Found: 1, Precision: 0.5, Recall: 1.0 / 3, Worth: 650, FoundWorth: 250}},
		Before: &backtest.Version{Rows: 11, Detections: 3, Score: &backtest.Score{Detections: 3, Right: 2, Labelled: 3, Found: 2, Precision: 2.0 / 3, Recall: 2.0 / 3, Worth: 650, FoundWorth: 400}},
		Same:   2, By: "card",
		Disappear: backtest.Difference{Count: 1, First: []backtest.Example{{Time: "1970-01-01T00:00:03Z", Before: []byte(`{"card":1,"large":150.0}`)}}},
		Days:      []backtest.Part{{Name: "1970-01-01", After: 1, Before: 2, Disappear: 1}, {Name: "1970-01-02", After: 1, Before: 1}},
		Segments:  []backtest.Part{{Name: "1", Before: 1, Disappear: 1}, {Name: "2", After: 1, Before: 1}, {Name: "3", After: 1, Before: 1}},
	}
	r.Disappear.First[0].ID = ""
	if diff := cmp.Diff(want, r); diff != "" {
		t.Error(diff)
	}
	if got := w.Output("o").Rows(); len(got) > 0 {
		t.Errorf("%d rows were written", len(got))
	}
}

// TestChange: the same rows with other values, and what appears.
func TestChange(t *testing.T) {
	w := enginetest.NewWorld()
	w.Input("t", rows)
	before := compiled(t, rule(200, "B.amount"))
	r, err := backtest.Run(context.Background(), backtest.Request{After: compiled(t, rule(100, "B.amount + 1")), Before: &before, Limit: 1}, w.Options())
	if err != nil {
		t.Fatal(err)
	}
	if r.Appear.Count != 1 || r.Change.Count != 2 || r.Disappear.Count != 0 || r.Same != 0 || len(r.Change.First) != 1 {
		t.Errorf("%+v", r)
	}
	if x := r.Change.First[0]; string(x.Row) != `{"card":2,"large":251.0}` || string(x.Before) != `{"card":2,"large":250.0}` {
		t.Errorf("%s, was %s", x.Row, x.Before)
	}
}

// TestNested: a labelled row is found when it is part of a detection that a
// second pattern is made of.
func TestNested(t *testing.T) {
	w := enginetest.NewWorld()
	w.Input("t", rows)
	sql := strings.Replace(rule(100, "B.amount"), "INSERT INTO o SELECT * FROM t", "INSERT INTO o SELECT 0 AS card, large FROM (SELECT * FROM t", 1) +
		`) MATCH_RECOGNIZE (ORDER BY event_time MEASURES Y.large AS large PATTERN (X -> Y) WITHIN INTERVAL '1' HOUR DEFINE X AS X.card = 1, Y AS Y.card = 2)`
	sql = strings.Replace(sql, "MEASURES B.amount AS large", "MEASURES B.amount AS large, MATCH_ROWTIME() AS event_time", 1)
	r, err := backtest.Run(context.Background(), backtest.Request{After: compiled(t, sql), Label: "bad"}, w.Options())
	if err != nil {
		t.Fatal(err)
	}
	if s := r.After.Score; s.Detections != 1 || s.Right != 1 || s.Found != 2 {
		t.Errorf("%+v", s)
	}
}

func TestRefused(t *testing.T) {
	w := enginetest.NewWorld()
	w.Input("t", rows)
	q := compiled(t, rule(100, "B.amount"))
	for _, r := range []backtest.Request{{Amount: "amount"}, {Label: "nothing"}, {Label: "ts"}, {By: "nothing"}} {
		r.After = q
		if _, err := backtest.Run(context.Background(), r, w.Options()); !errors.Is(err, backtest.ErrRequest) {
			t.Errorf("%+v: error %v", r, err)
		}
	}
}
