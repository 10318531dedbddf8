package file

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	pq "github.com/parquet-go/parquet-go"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/formattest"
	"github.com/cepd/cepd/internal/event"
)

func parquetFile(t *testing.T, from int) []byte {
	t.Helper()
	type row struct {
		A int64  `parquet:"a"`
		B string `parquet:"b"`
	}
	var out bytes.Buffer
	w := pq.NewGenericWriter[row](&out, pq.MaxRowsPerRowGroup(2))
	for i := range 5 {
		if _, err := w.Write([]row{{int64(from + i), fmt.Sprint("text ", i)}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestParquet reads two files whose row groups are dealt out to two partitions.
func TestParquet(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "1.parquet"), parquetFile(t, 10))
	write(t, filepath.Join(dir, "2.parquet"), parquetFile(t, 20))
	tab := table(dir, "*.parquet", "parquet", "parquet.splits", "2")
	for key, typ := range map[string]event.Type{"offset": event.TInt64, "partition": event.TInt32, "path": event.TString} {
		tab.Columns = append(tab.Columns, connectors.Column{Name: key, Type: typ, Metadata: key})
	}
	slices.SortFunc(tab.Columns, func(a, b connectors.Column) int { return strings.Compare(a.Name, b.Name) })
	s, err := New().Source(tab)
	if err != nil {
		t.Fatal(err)
	}
	parts, err := s.Partitions(t.Context())
	if err != nil || !slices.Equal(parts, []int32{0, 1, 2, 3}) {
		t.Fatal(parts, err)
	}
	var got strings.Builder
	for _, p := range parts {
		r, err := s.Open(t.Context(), p, connectors.Start, func() {})
		if err != nil {
			t.Fatal(err)
		}
		b := formattest.Batch(tab.Columns)
		for err = r.(connectors.ColumnReader).PollColumns(3, -1, b); err == nil; err = r.(connectors.ColumnReader).PollColumns(3, -1, b) {
			for i := range b.N {
				got.WriteString(strings.ReplaceAll(formattest.Row(b, i), dir, ""))
				if b.ID[i] != (event.ID{Hi: uint64(p), Lo: uint64(b.Cols[2].I64[i])}) {
					t.Errorf("row has the id %v", b.ID[i])
				}
			}
		}
		if !errors.Is(err, io.EOF) || r.Position() != r.End() {
			t.Fatal(err, r.Position(), r.End())
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	const want = `10 | "text 0" | 0 | 0 | "/1.parquet"
11 | "text 1" | 1 | 0 | "/1.parquet"
14 | "text 4" | 4 | 0 | "/1.parquet"
12 | "text 2" | 2 | 1 | "/1.parquet"
13 | "text 3" | 3 | 1 | "/1.parquet"
20 | "text 0" | 0 | 2 | "/2.parquet"
21 | "text 1" | 1 | 2 | "/2.parquet"
24 | "text 4" | 4 | 2 | "/2.parquet"
22 | "text 2" | 2 | 3 | "/2.parquet"
23 | "text 3" | 3 | 3 | "/2.parquet"
`
	if got.String() != want {
		t.Error(got.String())
	}
}

// TestParquetRefusals: what is no Parquet table is said before it is read.
func TestParquetRefusals(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "1.parquet"), parquetFile(t, 1))
	tab := table(dir, "1.parquet", "parquet")
	tab.Columns[0].Type = event.TString
	s, err := New().Source(tab)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(t.Context(), 0, 0, func() {}); err == nil || !strings.HasSuffix(err.Error(), "1.parquet: field a: it is INT(64,true) in the file, which cannot be read as STRING") {
		t.Error(err)
	}
	tab.Reload = 1
	if _, err := New().Source(tab); err == nil || !strings.Contains(err.Error(), "not supported yet") {
		t.Error(err)
	}
	if _, err := New().Sink(table(dir, "out.parquet", "parquet")); err == nil || !strings.Contains(err.Error(), "'connector' = 'filesystem'") {
		t.Error(err)
	}
}
