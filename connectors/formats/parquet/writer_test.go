package parquet_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	pq "github.com/parquet-go/parquet-go"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/formattest"
	"github.com/cepd/cepd/connectors/formats/parquet"
	"github.com/cepd/cepd/internal/event"
)

// written are columns of every type that can be written.
func written(t *testing.T) []connectors.Column {
	types := []string{"BOOLEAN", "TINYINT", "SMALLINT", "INT", "BIGINT!", "FLOAT", "DOUBLE", "DECIMAL.5.2", "DECIMAL.18.0", "DECIMAL.38.9",
		"STRING!", "BYTES", "DATE", "TIME", "TIMESTAMP.3", "TIMESTAMP.6", "LTZ.3", "LTZ.6",
		"ARRAY<INT>", "ARRAY<ARRAY<STRING>>", "MAP<DECIMAL.22.1>", "ROW<z_INT;a_STRING>", "ARRAY<ROW<x_BIGINT;y_ARRAY<DATE>>>"}
	columns := make([]connectors.Column, len(types))
	for i, text := range types {
		text, notNull := strings.CutSuffix(text, "!")
		columns[i] = connectors.Column{Name: fmt.Sprintf("c%02d", len(types)-i), Type: formattest.Type(t, text), NotNull: notNull}
	}
	return columns
}

// random is a value of a type; half of the values are few, as they are in files.
func random(rng *rand.Rand, t event.Type, nullable bool) event.Value {
	if nullable && rng.IntN(4) == 0 {
		return event.NullValue
	}
	small := rng.Int64N(40) - 20
	switch t.Kind {
	case event.Bool:
		return event.IntValue(rng.Int64N(2))
	case event.Int64, event.Timestamp, event.TimestampLTZ:
		if n := rng.Int64() >> rng.IntN(64); t.Kind == event.Int64 {
			return event.IntValue(n)
		} else if t.Precision > 3 {
			return event.IntValue(n >> 10)
		}
		return event.IntValue(small * 1000)
	case event.TimeOfDay:
		return event.IntValue(rng.Int64N(86_400_000) * 1000)
	case event.Float32, event.Float64:
		return event.FloatValue(float64(small) / 4)
	case event.Decimal:
		if t.Wide() {
			return event.Value{I: rng.Int64(), Hi: small}
		}
		return event.IntValue(small)
	case event.String, event.Bytes:
		return event.StringValue(strings.Repeat("ä", int(small+20)))
	case event.Array, event.Map:
		return elements(rng, t)
	case event.Row:
		v := event.Value{L: []event.Value{}}
		for _, f := range t.Fields {
			v.L = append(v.L, random(rng, f.Type, true))
		}
		return v
	}
	return event.IntValue(small)
}

func elements(rng *rand.Rand, t event.Type) event.Value {
	v := event.Value{L: []event.Value{}}
	for i := range rng.IntN(4) {
		if t.Kind == event.Map {
			v.L = append(v.L, event.StringValue(fmt.Sprint("key", i)))
		}
		v.L = append(v.L, random(rng, *t.Elem, true))
	}
	return v
}

// TestWriteAndRead writes random rows of all types and reads them again.
func TestWriteAndRead(t *testing.T) {
	columns := written(t)
	for seed, codec := range []string{"", "ZSTD", "GZIP", "UNCOMPRESSED", "SNAPPY"} {
		rng := rand.New(rand.NewPCG(uint64(seed), 5))
		f, err := parquet.NewFormat(columns, codec)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		var want strings.Builder
		w := f.NewWriter(&out)
		for range 5 {
			b := formattest.Batch(columns)
			n := 1 + rng.IntN(400)
			b.Reset(n)
			for i := range n {
				for c := range columns {
					b.Cols[c].Set(i, n, random(rng, columns[c].Type, !columns[c].NotNull))
				}
				if rng.IntN(3) > 0 {
					b.Sel = append(b.Sel, int32(i))
					want.WriteString(formattest.Row(b, i))
				}
			}
			if err := w.Write(b); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if got := rows(t, out.Bytes(), columns); got != want.String() {
			t.Errorf("seed %d: other rows came back:\n%.2000s\ninstead of\n%.2000s", seed, got, want.String())
		}
		columnsInOrder(t, out.Bytes(), columns)
	}
}

func rows(t *testing.T, file []byte, columns []connectors.Column) string {
	t.Helper()
	r, err := parquet.Open(bytes.NewReader(file), int64(len(file)), columns, 0, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var got strings.Builder
	b := formattest.Batch(columns)
	for r.Read(100, -1, b) == nil {
		if rejects := r.Rejects(); len(rejects) > 0 {
			t.Fatal(rejects)
		}
		for i := range b.N {
			got.WriteString(formattest.Row(b, i))
		}
	}
	return got.String()
}

func columnsInOrder(t *testing.T, file []byte, columns []connectors.Column) {
	t.Helper()
	f, err := pq.OpenFile(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range f.Root().Columns() {
		if c.Name() != columns[i].Name || c.Optional() == columns[i].NotNull {
			t.Errorf("column %d is %s, optional: %v", i, c.Name(), c.Optional())
		}
	}
}

func TestWriteRefusals(t *testing.T) {
	columns := []connectors.Column{{Name: "a", Type: event.TInt64, NotNull: true}, {Name: "p", Type: event.TString, Metadata: "path"}}
	f, err := parquet.NewFormat(columns, "")
	if err != nil {
		t.Fatal(err)
	}
	b := formattest.Batch(columns)
	b.Reset(1)
	b.Cols[0].Set(0, 1, event.NullValue)
	if err := f.NewWriter(&bytes.Buffer{}).Write(b); err == nil || err.Error() != "column a: NULL in a NOT NULL column" {
		t.Error(err)
	}
	if _, err := parquet.NewFormat(columns[1:], ""); err == nil {
		t.Error("a file without columns")
	}
	if _, err := parquet.NewFormat([]connectors.Column{{Name: "d", Type: event.TDay}}, ""); err == nil || !strings.Contains(err.Error(), "column d: INTERVAL") {
		t.Error(err)
	}
}
