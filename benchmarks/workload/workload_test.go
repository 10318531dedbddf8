package workload

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/formattest"
	"github.com/cepd/cepd/connectors/formats/json"
	"github.com/cepd/cepd/internal/event"
)

const checked = 5_000_000

func TestTransactions(t *testing.T) {
	g, h := NewTransactions(), NewHash()
	var first []string
	var e Transaction
	for g.N() < checked {
		g.Next(&e)
		h.Add(e.Card, e.Cents, int64(e.Country*3+e.Kind))
		if g.N() <= 5 {
			first = append(first, string(e.AppendJSON(nil)))
		}
	}
	if h != 0x6fd5cb97f2f523d2 {
		t.Errorf("h = %#x", h)
	}
	want := `{"ts":1700002800000,"card":60119,"amount":147.44,"country":"FR","kind":"auth"}
{"ts":1700002800001,"card":45847,"amount":3.92,"country":"FR","kind":"transfer"}
{"ts":1700002800002,"card":81637,"amount":105.33,"country":"DE","kind":"transfer"}
{"ts":1700002800003,"card":80129,"amount":63.97,"country":"CN","kind":"withdraw"}
{"ts":1700002800004,"card":50736,"amount":196.06,"country":"NG","kind":"withdraw"}`
	if got := strings.Join(first, "\n"); got != want {
		t.Error(got)
	}
}

func TestStock(t *testing.T) {
	g, h := NewStock(), NewHash()
	var first []string
	var e Trade
	for g.N() < checked {
		g.Next(&e)
		h.Add(int64(e.Symbol), e.Cents, e.Volume)
		if g.N() <= 5 {
			first = append(first, string(e.AppendJSON(nil)))
		}
	}
	if h != 0x5e305096050adf7e {
		t.Errorf("h = %#x", h)
	}
	want := `{"ts":1700002800000,"symbol":"AMAT","price":60.18,"volume":769}
{"ts":1700002800001,"symbol":"AMAT","price":41.05,"volume":363}
{"ts":1700002800002,"symbol":"CSCO","price":95.49,"volume":638}
{"ts":1700002800003,"symbol":"AMAT","price":38.51,"volume":563}
{"ts":1700002800004,"symbol":"ORCL","price":57.10,"volume":911}`
	if got := strings.Join(first, "\n"); got != want {
		t.Error(got)
	}
}

func TestKafkaForm(t *testing.T) {
	var e Transaction
	g := NewTransactions()
	g.Skip(42)
	g.Next(&e)
	got := string(e.AppendKafka(nil))
	if !strings.HasSuffix(got, `,"ref":"000000000000002a"}`) || !strings.HasPrefix(got, `{"ts":1700002800042,"card":`) {
		t.Error(got)
	}
	if key := e.AppendKey(nil); len(key) != 8 || int64(key[6])<<8|int64(key[7])|int64(key[5])<<16 != e.Card {
		t.Errorf("key %x of card %d", key, e.Card)
	}
}

// columnsOf is the stream's columns as a table declares them.
func columnsOf(s *event.Schema) (columns []connectors.Column) {
	for _, f := range s.Fields {
		columns = append(columns, connectors.Column{Name: f.Name, Type: f.Type})
	}
	return columns
}

// TestColumnsAreTheJSON reads both streams from the middle as columns and
// compares with their JSON decoded.
func TestColumnsAreTheJSON(t *testing.T) {
	const from, n = 1000, 10000
	transactions, stock := NewTransactions(), NewStock()
	transactions.Skip(from)
	stock.Skip(from)
	for name, c := range map[string]struct {
		schema *event.Schema
		next   func() string
	}{
		"transactions": {TransactionSchema, func() string { var e Transaction; transactions.Next(&e); return string(e.AppendKafka(nil)) }},
		"stock":        {StockSchema, func() string { var e Trade; stock.Next(&e); return string(e.AppendJSON(nil)) }},
	} {
		t.Run(name, func(t *testing.T) {
			columns := columnsOf(c.schema)
			src, err := Connector.Source(connectors.Table{Columns: columns, Options: map[string]string{"stream": name, "number-of-rows": "11000"}})
			if err != nil {
				t.Fatal(err)
			}
			r, err := src.Open(context.Background(), 0, from, nil)
			if err != nil {
				t.Fatal(err)
			}
			d, err := json.NewDecoder(columns, json.Options{})
			if err != nil {
				t.Fatal(err)
			}
			b := formattest.Batch(columns)
			total := 0
			for {
				err := r.(connectors.ColumnReader).PollColumns(777, -1, b)
				if err == io.EOF {
					break
				}
				records := make([]string, b.N)
				for i := range records {
					records[i] = c.next()
				}
				lines := strings.SplitAfter(formattest.Decode(t, d, columns, formattest.Raw(records...)), "\n")
				for i := range b.N {
					if got := formattest.Row(b, i); got != lines[i] || b.ID[i].Lo != uint64(from+total+i) {
						t.Fatalf("row %d (%d): %s, want %s", total+i, b.ID[i].Lo, got, lines[i])
					}
				}
				total += b.N
			}
			if total != n {
				t.Errorf("%d rows", total)
			}
		})
	}
}

func BenchmarkDecodeTransactions(b *testing.B) {
	columns := columnsOf(TransactionSchema)
	records := make([]string, 1024)
	g := NewTransactions()
	var e Transaction
	size := 0
	for i := range records {
		g.Next(&e)
		records[i] = string(e.AppendKafka(nil))
		size += len(records[i])
	}
	raw := formattest.Raw(records...)
	d, _ := json.NewDecoder(columns, json.Options{})
	dst := formattest.Batch(columns)
	b.ReportAllocs()
	b.SetBytes(int64(size))
	for b.Loop() {
		dst.Reset(raw.N())
		if rejects, err := d.Decode(raw, dst, nil); err != nil || len(rejects) > 0 {
			b.Fatal(rejects, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1024, "ns/record")
}

func BenchmarkFill(b *testing.B) {
	g, batch := NewTransactions(), event.NewBatch(TransactionSchema)
	b.ReportAllocs()
	for b.Loop() {
		g.Fill(batch, 1024)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1024, "ns/record")
}
