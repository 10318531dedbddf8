package json

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/formattest"
	"github.com/cepd/cepd/internal/event"
)

// TestDecode runs testdata/decode: "decode a:BIGINT b:STRING option=true" over
// one record per line.
func TestDecode(t *testing.T) {
	datadriven.RunTest(t, "testdata/decode", func(t *testing.T, td *datadriven.TestData) string {
		columns, options := formattest.Args(t, td.CmdArgs)
		opts, err := ParseOptions(func(k string) string { return options[k] })
		if err != nil {
			return err.Error()
		}
		d, err := NewDecoder(columns, opts)
		if err != nil {
			return err.Error()
		}
		return formattest.Decode(t, d, columns, formattest.Raw(strings.Split(td.Input, "\n")...))
	})
}

func transactions(seed uint64, n int) *connectors.RawBatch {
	records := make([]string, n)
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range records {
		records[i] = fmt.Sprintf(`{"ts":%d,"card":%d,"amount":%d.%02d,"country":"%s","kind":"%s","ref":"%016x"}`,
			1700002800000+i, r.IntN(100000), 1+int(r.ExpFloat64()*100), r.IntN(100), []string{"US", "GB", "DE"}[r.IntN(3)], []string{"auth", "withdraw", "transfer"}[r.IntN(3)], i)
	}
	return formattest.Raw(records...)
}

var transactionColumns = []connectors.Column{
	{Name: "ts", Type: event.TTimestamp}, {Name: "card", Type: event.TInt64}, {Name: "amount", Type: event.TFloat64},
	{Name: "country", Type: event.TString}, {Name: "kind", Type: event.TString},
}

func decodeRun(tb testing.TB, columns []connectors.Column) func() {
	var raws [64]*connectors.RawBatch // more digits than a branch predictor learns
	for i := range raws {
		raws[i] = transactions(uint64(i), 1024)
	}
	d, err := NewDecoder(columns, Options{})
	if err != nil {
		tb.Fatal(err)
	}
	dst, next := formattest.Batch(columns), 0
	return func() {
		raw := raws[next%len(raws)]
		next++
		dst.Reset(raw.N())
		rejects, err := d.Decode(raw, dst, nil)
		if err != nil || len(rejects) > 0 {
			tb.Fatal(rejects, err)
		}
	}
}

func TestDecodeAllocatesNothing(t *testing.T) {
	run := decodeRun(t, transactionColumns)
	if n := testing.AllocsPerRun(100, run); n != 0 {
		t.Errorf("%v allocations per 1024 records", n)
	}
}

func BenchmarkDecode(b *testing.B) {
	decimals := append([]connectors.Column(nil), transactionColumns...)
	decimals[2].Type = event.TDecimal(12, 2)
	kafka := append([]connectors.Column(nil), transactionColumns[:3]...)
	kafka[0].Type = event.TInt64
	for name, columns := range map[string][]connectors.Column{"double": transactionColumns, "decimal": decimals, "two": {transactionColumns[1], transactionColumns[2]}, "kafka": kafka} {
		b.Run(name, func(b *testing.B) {
			run := decodeRun(b, columns)
			b.ReportAllocs()
			for b.Loop() {
				run()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1024, "ns/record")
		})
	}
}

// A column that the query does not read is none that nobody has declared.
func TestUnreadColumnsAreKnown(t *testing.T) {
	columns := []connectors.Column{{Name: "a", Type: event.TInt64}}
	d, err := NewDecoder(columns, Options{RejectUnknown: true, Unread: []string{"a", "b"}})
	if err != nil {
		t.Fatal(err)
	}
	got := formattest.Decode(t, d, columns, formattest.Raw(`{"b":1,"a":1}`, `{"b":1,"a":2}`, `{"b":1,"a":3,"c":1}`))
	if want := "1\n2\nREJECT field c: no column takes it\n"; got != want {
		t.Errorf("%q", got)
	}
}
