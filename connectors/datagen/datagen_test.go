package datagen

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/formattest"
	"github.com/cepd/cepd/internal/scenario"
)

// TestDatagen runs testdata/datagen: the first ten rows of the table, which
// have to be the same when reading begins later, in other batches, or with
// fewer columns.
func TestDatagen(t *testing.T) {
	datadriven.RunTest(t, "testdata/datagen", func(t *testing.T, td *datadriven.TestData) string {
		columns, options := formattest.Args(t, td.CmdArgs)
		tab := connectors.Table{Columns: columns, Physical: columns, Options: options}
		src, err := New(time.Now).Source(tab)
		if err != nil {
			return err.Error()
		}
		rows := read(t, src, columns, 0, 10, 3)
		for from := range rows {
			if got := read(t, src, columns, int64(from), 10, 4); strings.Join(got, "") != strings.Join(rows[from:], "") {
				t.Errorf("from row %d: %s", from, got)
			}
		}
		tab.Columns = columns[len(columns)-1:]
		src, err = New(time.Now).Source(tab)
		if err != nil {
			t.Fatal(err)
		}
		for i, row := range read(t, src, tab.Columns, 0, 10, 10) {
			if !strings.HasSuffix(rows[i], row) {
				t.Errorf("row %d: %s without the other columns", i, row)
			}
		}
		return strings.Join(rows, "")
	})
}

// read takes the rows from from to before to.
func read(t *testing.T, src connectors.Source, columns []connectors.Column, from, to int64, limit int) (rows []string) {
	t.Helper()
	r, err := src.Open(context.Background(), 0, from, func() {})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	dst := formattest.Batch(columns)
	for r.Position() < to {
		err := r.(connectors.ColumnReader).PollColumns(limit, to, dst)
		if err == io.EOF {
			break
		}
		if err != nil || dst.N == 0 {
			t.Fatal(dst.N, err)
		}
		for i := range dst.N {
			rows = append(rows, formattest.Row(dst, i))
		}
	}
	return rows
}

const orders = `
duration: 2h
entities: {order: {count: 100, first: 1}}
traffic:
  - {name: an order, entity: order, rate: 40/h, steps: [{table: placed, set: {id: $order, amount: {uniform: [1.00, 9.99]}, gift: {pick: [true, false]}, note: {pick: [now, later], null: 0.5}}}, {table: paid, after: 5m, set: {id: $order}}, {table: raw, record: "order $order"}]}
`

// TestScenario reads tables of a scenario, from every tenth row too, and compares them
// with what the scenario makes.
func TestScenario(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orders.yaml")
	if err := os.WriteFile(path, []byte(orders), 0o600); err != nil {
		t.Fatal(err)
	}
	columns := []connectors.Column{
		{Name: "id", Type: formattest.Type(t, "BIGINT")}, {Name: "amount", Type: formattest.Type(t, "DECIMAL.6.2")}, {Name: "gift", Type: formattest.Type(t, "BOOLEAN")},
		{Name: "note", Type: formattest.Type(t, "STRING")}, {Name: "ts", Type: formattest.Type(t, "TIMESTAMP.3")},
	}
	tab := connectors.Table{Name: "placed", Columns: columns, Physical: columns, Options: map[string]string{"scenario": path, "rows-per-second": "0"}}
	src, err := New(time.Now).Source(tab)
	if err != nil {
		t.Fatal(err)
	}
	rows := read(t, src, columns, 0, 1000, 7)
	if want := madeOrders(t); !slices.Equal(rows, want) {
		t.Errorf("%d rows, not the %d of the scenario:\n%s\n%s", len(rows), len(want), rows, want)
	}
	for from := 0; from < len(rows); from += 10 {
		if got := read(t, src, columns, int64(from), 1000, 9); !slices.Equal(got, rows[from:]) {
			t.Errorf("from row %d: other rows", from)
		}
	}
	tab.Options["scenario.table"] = "raw"
	tab.Columns, tab.Physical = columns[3:4], columns[3:4]
	if src, err = New(time.Now).Source(tab); err != nil {
		t.Fatal(err)
	}
	if got := read(t, src, tab.Columns, 0, 1, 1); len(got) != 1 || !strings.Contains(got[0], "order ") {
		t.Errorf("records as they are: %s", got)
	}
	for option, value := range map[string]string{"scenario.table": "shipped", "scenario": "none.yaml", "fields.id.min": "1"} {
		bad := tab
		bad.Options = map[string]string{"scenario": path, "scenario.table": "raw", option: value}
		if _, err := New(time.Now).Source(bad); err == nil {
			t.Errorf("%s = %s is taken", option, value)
		}
	}
}

// madeOrders is the rows of placed as the scenario makes them.
func madeOrders(t *testing.T) (rows []string) {
	f, err := scenario.Parse([]byte(orders))
	if err != nil {
		t.Fatal(err)
	}
	w, err := scenario.New(f, 0)
	if err != nil {
		t.Fatal(err)
	}
	for {
		e, ok, err := w.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return rows
		}
		if e.Table != "placed" {
			continue
		}
		var cells []string
		for _, k := range []int{1, 2, 3, 4, 0} { // ts is the event's first field
			v := e.Fields[k].Value
			text := string(v.AppendText(nil))
			if k == 4 && !v.Null() {
				text = strconv.Quote(text)
			}
			cells = append(cells, strings.Replace(text, "null", "NULL", 1))
		}
		rows = append(rows, strings.Join(cells, " | ")+"\n")
	}
}

func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		columns := []connectors.Column{{Name: "a", Type: formattest.Type(t, "INT")}}
		src, err := New(time.Now).Source(connectors.Table{Columns: columns, Options: map[string]string{"rows-per-second": "100", "number-of-rows": "250"}})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		ready := make(chan struct{}, 1)
		r, err := src.Open(context.Background(), 0, 0, func() { ready <- struct{}{} })
		if err != nil {
			t.Fatal(err)
		}
		dst := formattest.Batch(columns)
		for {
			err := r.(connectors.ColumnReader).PollColumns(1000, -1, dst)
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if due := int64(time.Since(began).Seconds() * 100); r.Position() > due {
				t.Fatalf("row %d is early: %d are due", r.Position(), due)
			}
			if dst.N == 0 {
				<-ready
			}
		}
		if took := time.Since(began); took < 2490*time.Millisecond || took > 2600*time.Millisecond || r.End() != 250 {
			t.Errorf("%v", took)
		}
		_ = r.Close()
	})
}

func TestFillAllocatesNothing(t *testing.T) {
	columns := []connectors.Column{{Name: "a", Type: formattest.Type(t, "INT")}, {Name: "b", Type: formattest.Type(t, "STRING")}, {Name: "c", Type: formattest.Type(t, "STRING")}, {Name: "d", Type: formattest.Type(t, "DOUBLE")}}
	src, err := New(time.Now).Source(connectors.Table{Columns: columns, Options: map[string]string{"rows-per-second": "0", "fields.b.values": "US,GB", "fields.c.length": "8", "fields.a.null-rate": "0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	r, _ := src.Open(context.Background(), 0, 0, func() {})
	dst := formattest.Batch(columns)
	run := func() { _ = r.(connectors.ColumnReader).PollColumns(1024, -1, dst) }
	run()
	seen := map[string]bool{}
	for i := range dst.N {
		seen[string(dst.Cols[1].Bytes(i))] = true
	}
	if len(seen) != 2 || !seen["US"] || !seen["GB"] {
		t.Errorf("values %v", seen)
	}
	if n := testing.AllocsPerRun(50, run); n != 0 {
		t.Errorf("%v allocations per 1024 rows", n)
	}
}
