package parquet_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	pq "github.com/parquet-go/parquet-go"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/cell"
	"github.com/cepd/cepd/connectors/formats/formattest"
	"github.com/cepd/cepd/connectors/formats/parquet"
	"github.com/cepd/cepd/internal/event"
)

// mixed has the fields whose pages are taken as they are, with and without NULL
// and dictionaries, among others.
type mixed struct {
	Whole   int64   `parquet:"whole"`
	Delta   int64   `parquet:"delta,delta"`
	Coded   int64   `parquet:"coded,dict"`
	Small   int32   `parquet:"small"`
	Some    *int64  `parquet:"some,optional"`
	Amount  float64 `parquet:"amount"`
	Micros  int64   `parquet:"micros,timestamp(microsecond)"`
	Millis  int64   `parquet:"millis,timestamp(millisecond)"`
	Text    string  `parquet:"text"`
	Country string  `parquet:"country,dict"`
	Note    *string `parquet:"note,optional,dict"`
	Flag    bool    `parquet:"flag"`
	Price   int64   `parquet:"price,decimal(2:12)"`
}

var mixedColumns = []connectors.Column{
	{Name: "whole", Type: event.TInt64}, {Name: "delta", Type: event.TInt64}, {Name: "coded", Type: event.TInt64}, {Name: "small", Type: event.TInt64},
	{Name: "some", Type: event.TInt64}, {Name: "amount", Type: event.TFloat64}, {Name: "micros", Type: event.Type{Kind: event.TimestampLTZ, Precision: 3}}, {Name: "millis", Type: event.Type{Kind: event.TimestampLTZ, Precision: 6}},
	{Name: "text", Type: event.TString}, {Name: "country", Type: event.TString}, {Name: "note", Type: event.TString}, {Name: "flag", Type: event.TBool}, {Name: "price", Type: event.TDecimal(12, 2)},
}

func randomMixed(r *rand.Rand) mixed {
	x := mixed{Whole: int64(r.Uint64()), Delta: r.Int64N(1e6), Coded: r.Int64N(5), Small: int32(r.Uint32()), Amount: r.NormFloat64(),
		Micros: r.Int64N(1e15), Millis: r.Int64N(1e12), Text: strings.Repeat("é", r.IntN(4)), Country: []string{"DE", "FR", ""}[r.IntN(3)], Flag: r.IntN(2) == 0, Price: r.Int64N(1e9)}
	if r.IntN(50) == 0 {
		x.Text = "\xff" // not UTF-8
	}
	if r.IntN(50) == 0 {
		x.Millis = math.MaxInt64
	}
	return x
}

// reason is why the row is none, or "": the first column counts.
func (x *mixed) reason() string {
	switch {
	case x.Millis == math.MaxInt64:
		return "field millis: the value does not fit TIMESTAMP_LTZ(6)"
	case x.Text == "\xff":
		return "field text: the value does not fit STRING"
	}
	return ""
}

// printed is how rest prints the row.
func (x *mixed) printed(b *event.Batch, n int) string {
	b.Reset(1)
	c := b.Cols
	if reason := x.reason(); reason != "" {
		for i := range c {
			cell.SetNull(&c[i], 0)
		}
		return fmt.Sprintf("%d: REJECT %s: %s", n, reason, formattest.Row(b, 0))
	}
	flag := map[bool]int64{true: 1}[x.Flag]
	for i, v := range []any{x.Whole, x.Delta, x.Coded, int64(x.Small), x.Some, x.Amount, x.Micros / 1000 * 1000, x.Millis * 1000, x.Text, x.Country, x.Note, flag, x.Price} {
		set(&c[i], v)
	}
	return fmt.Sprintf("%d: %s", n, formattest.Row(b, 0))
}

func set(v *event.Vec, x any) {
	switch x := x.(type) {
	case int64:
		v.I64[0] = x
	case float64:
		v.F64[0] = x
	case string:
		v.SetBytes(0, []byte(x))
	case *int64:
		if x == nil {
			cell.SetNull(v, 0)
			return
		}
		v.I64[0] = *x
	case *string:
		if x == nil {
			cell.SetNull(v, 0)
			return
		}
		v.SetBytes(0, []byte(*x))
	}
}

// TestColumns reads random files, of small pages and row groups, and compares with
// what was written.
func TestColumns(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 2))
	one := formattest.Batch(mixedColumns)
	for range 12 {
		rows := make([]mixed, r.IntN(3000))
		var want strings.Builder
		for i := range rows {
			rows[i] = randomMixed(r)
			if len(rows)%3 > 0 || i%100 > 0 { // in a third of the files, most pages are without NULL
				rows[i].Some = of(r.Int64N(100))
			}
			if len(rows)%3 > 1 || r.IntN(3) > 0 {
				rows[i].Note = of([]string{"a", "bc"}[r.IntN(2)])
			}
			want.WriteString(rows[i].printed(one, i))
		}
		data := file(t, rows, pq.MaxRowsPerRowGroup(1+r.Int64N(2000)), pq.PageBufferSize(64+r.IntN(4096)), pq.DataPageVersion(1+r.IntN(2)))
		limit := 1 + r.IntN(1500)
		in, err := parquet.Open(bytes.NewReader(data), int64(len(data)), mixedColumns, 0, 1, 0)
		if err != nil {
			t.Fatal(err)
		}
		if difference := firstDifference(rest(t, in, mixedColumns, limit), want.String()); difference != "" {
			t.Fatalf("seed %d: of %d rows, %d at a time: %s", seed, len(rows), limit, difference)
		}
		in.Close()
		checkResume(t, data, mixedColumns, 700+limit)
	}
}

// TestDamagedColumns changes a file of many columns at random: nothing crashes or
// stalls.
func TestDamagedColumns(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 3))
	data := mixedFile(t, r)
	for range 500 {
		broken := bytes.Clone(data)
		for range 1 + r.IntN(3) {
			broken[r.IntN(len(broken))] = byte(r.Uint32())
		}
		readDamaged(t, broken, mixedColumns)
	}
	if t.Failed() {
		t.Log("seed", seed)
	}
}

func mixedFile(t *testing.T, r *rand.Rand) []byte {
	rows := make([]mixed, 200)
	for i := range rows {
		rows[i] = randomMixed(r)
	}
	return file(t, rows, pq.MaxRowsPerRowGroup(70), pq.PageBufferSize(256))
}

// TestDamagedPage damages the last page of a column in a row group: the damage is at
// one row, from wherever one reads on.
func TestDamagedPage(t *testing.T) {
	data := mixedFile(t, rand.New(rand.NewPCG(1, 4)))
	f, err := pq.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range f.Metadata().RowGroups {
		for _, c := range g.Columns {
			at := c.MetaData.DataPageOffset
			if d := c.MetaData.DictionaryPageOffset; d > 0 {
				at = min(at, d)
			}
			broken := bytes.Clone(data)
			broken[at+c.MetaData.TotalCompressedSize-1] ^= 1
			in, err := parquet.Open(bytes.NewReader(broken), int64(len(broken)), mixedColumns, 0, 1, 0)
			if err != nil {
				t.Fatal(err)
			}
			if got := rest(t, in, mixedColumns, 64); strings.Count(got, "cannot be read") != 1 {
				t.Errorf("%v: %s", c.MetaData.PathInSchema, got)
			}
			in.Close()
			checkResume(t, broken, mixedColumns, 16)
		}
	}
}
