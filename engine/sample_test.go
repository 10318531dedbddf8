package engine_test

import (
	"errors"
	"testing"

	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/engine/enginetest"
)

// TestSample looks at a table that a query reads: the query loses nothing of it.
func TestSample(t *testing.T) {
	w := enginetest.NewWorld()
	in := w.Input("t", []string{"1,1000,2", "what is this", "1,3000,4"}, []string{"2,1000,8"}).Open()
	sql := tracedSQL(tracedPatterns["partial"])
	c, err := enginetest.Compile("SET 'table.exec.error-policy' = 'skip'; " + sql)
	if err != nil {
		t.Fatal(err)
	}
	e := newEngine(t, w, nil)
	if _, err := e.Start(t.Context(), c.Root, c.Catalog); err != nil {
		t.Fatal(err)
	}
	opened := in.Opened()
	got, err := e.Sample(t.Context(), c.Catalog, "T", engine.SampleRequest{Rows: 10})
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]engine.SampleRow{}
	for _, r := range got.Rows {
		rows[string(r.Columns)+r.Record] = r
	}
	if r, ok := rows[`{"k":1,"ts":"1970-01-01 00:00:03.000","v":4.0}`]; !ok || r.Partition != 0 || r.Offset != 2 {
		t.Errorf("rows: %+v", got.Rows)
	}
	if r, ok := rows["what is this"]; !ok || r.Rejected == "" || r.Offset != 1 {
		t.Errorf("rows: %+v", got.Rows)
	}
	if got.Table != "t" || len(rows) != 4 || in.Opened() == opened {
		t.Errorf("%+v", got)
	}
	if one, err := e.Sample(t.Context(), c.Catalog, "t", engine.SampleRequest{Rows: 1}); err != nil || len(one.Rows) != 1 {
		t.Errorf("%+v, %v", one, err)
	}
	for _, table := range []string{"nowhere", "o"} {
		if _, err := e.Sample(t.Context(), c.Catalog, table, engine.SampleRequest{Rows: 1}); !errors.Is(err, engine.ErrSample) {
			t.Errorf("%s: %v", table, err)
		}
	}
}
