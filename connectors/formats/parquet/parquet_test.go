package parquet_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	pq "github.com/parquet-go/parquet-go"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/formattest"
	"github.com/cepd/cepd/connectors/formats/parquet"
	"github.com/cepd/cepd/internal/event"
)

// TestRead runs testdata/read: files of testFiles, read as columns.
func TestRead(t *testing.T) {
	files := testFiles(t)
	datadriven.RunTest(t, "testdata/read", func(t *testing.T, d *datadriven.TestData) string {
		columns, options := formattest.Args(t, d.CmdArgs)
		data, ok := files[d.Cmd]
		if !ok {
			t.Fatalf("there is no file %s", d.Cmd)
		}
		want := ""
		for _, limit := range []int{1, 3, 4096} {
			got := readAll(t, data, columns, options, limit)
			if want == "" {
				want = got
			}
			if got != want {
				t.Errorf("%d rows at a time:\n%s\ninstead of\n%s", limit, got, want)
			}
			checkResume(t, data, columns, limit)
		}
		return want
	})
}

func readAll(t *testing.T, data []byte, columns []connectors.Column, options map[string]string, limit int) string {
	t.Helper()
	var out strings.Builder
	splits := parquet.Splits(connectors.Table{Options: options})
	for split := range splits {
		if splits > 1 {
			fmt.Fprintf(&out, "split %d\n", split)
		}
		r, err := parquet.Open(bytes.NewReader(data), int64(len(data)), columns, split, splits, 0)
		if err != nil {
			return "error: " + err.Error() + "\n"
		}
		out.WriteString(rest(t, r, columns, limit))
		r.Close()
	}
	return out.String()
}

// rest prints the rows that are left, with their numbers.
func rest(t *testing.T, r *parquet.Reader, columns []connectors.Column, limit int) string {
	t.Helper()
	var out strings.Builder
	b := formattest.Batch(columns)
	for {
		err := r.Read(limit, -1, b)
		if errors.Is(err, io.EOF) {
			return out.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		rejects := r.Rejects()
		for i := range b.N {
			fmt.Fprintf(&out, "%d: ", b.ID[i].Lo)
			if len(rejects) > 0 && int(rejects[0].Row) == i {
				fmt.Fprintf(&out, "REJECT %s: ", rejects[0].Reason)
				rejects = rejects[1:]
			}
			out.WriteString(formattest.Row(b, i))
		}
	}
}

// checkResume reads to some row, and on from there with a new reader.
func checkResume(t *testing.T, data []byte, columns []connectors.Column, limit int) {
	t.Helper()
	open := func(from int64) *parquet.Reader {
		r, err := parquet.Open(bytes.NewReader(data), int64(len(data)), columns, 0, 1, from)
		if err != nil {
			return nil
		}
		return r
	}
	first := open(0)
	if first == nil {
		return
	}
	defer first.Close()
	b := formattest.Batch(columns)
	for first.Read(limit, -1, b) == nil {
		second, third := open(first.Position()), open(0)
		for third.Position() < first.Position() {
			if err := third.Read(4096, first.Position(), b); err != nil {
				t.Fatal(err)
			}
		}
		if difference := firstDifference(rest(t, second, columns, 7), rest(t, third, columns, 7)); difference != "" {
			t.Fatalf("from row %d: %s", first.Position(), difference)
		}
		second.Close()
		third.Close()
	}
}

// firstDifference is the first line in which texts differ; "": none.
func firstDifference(got, want string) string {
	lines := strings.SplitAfter(got, "\n")
	for i, line := range strings.SplitAfter(want, "\n") {
		if i >= len(lines) || lines[i] != line {
			return fmt.Sprintf("line %d is\n%sinstead of\n%s", i, lines[min(i, len(lines)-1)], line)
		}
	}
	return ""
}

// TestDamage changes and cuts a file at random: nothing crashes or stalls, and
// row groups before the damage are as they were.
func TestDamage(t *testing.T) {
	data := testFiles(t)["groups"]
	columns := []connectors.Column{{Name: "n", Type: event.TInt64}, {Name: "s", Type: event.TString}}
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	for range 4000 {
		broken := bytes.Clone(data)
		if r.IntN(4) == 0 {
			broken = broken[:r.IntN(len(broken))]
		} else {
			for range 1 + r.IntN(3) {
				broken[r.IntN(len(broken))] = byte(r.Uint32())
			}
		}
		readDamaged(t, broken, columns)
	}
	if t.Failed() {
		t.Log("seed", seed)
	}
}

// readDamaged reads to the end, which has to come.
func readDamaged(t testing.TB, data []byte, columns []connectors.Column) {
	t.Helper()
	r, err := parquet.Open(bytes.NewReader(data), int64(len(data)), columns, 0, 1, 0)
	if err != nil {
		return
	}
	defer r.Close()
	b := formattest.Batch(columns)
	const enough = 100 // some bytes may stand for very many rows
	for range enough {
		at := r.Position()
		if err := r.Read(4096, -1, b); err != nil {
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			return
		}
		if r.Position() <= at || b.N == 0 {
			t.Fatalf("at row %d: %d rows, and then at %d", at, b.N, r.Position())
		}
		for _, x := range r.Rejects() {
			if x.Reason == "" || int(x.Row) >= b.N {
				t.Fatal(x)
			}
		}
	}
}

// FuzzRead reads any bytes as a file.
func FuzzRead(f *testing.F) {
	for _, data := range testFiles(f) {
		f.Add(data)
	}
	columns := []connectors.Column{{Name: "n", Type: event.TInt64}, {Name: "s", Type: event.TString}}
	f.Fuzz(func(t *testing.T, data []byte) { readDamaged(t, data, columns) })
}

func BenchmarkRead(b *testing.B) {
	type row struct {
		Card    int64   `parquet:"card"`
		Amount  float64 `parquet:"amount"`
		Country string  `parquet:"country,dict"`
	}
	rows := make([]row, 100_000)
	for i := range rows {
		rows[i] = row{int64(i % 1000), float64(i) / 7, []string{"DE", "FR", "US"}[i%3]}
	}
	data := file(b, rows)
	columns := []connectors.Column{{Name: "card", Type: event.TInt64}, {Name: "amount", Type: event.TFloat64}, {Name: "country", Type: event.TString}}
	batch := formattest.Batch(columns)
	b.ReportAllocs()
	for b.Loop() {
		r, err := parquet.Open(bytes.NewReader(data), int64(len(data)), columns, 0, 1, 0)
		if err != nil {
			b.Fatal(err)
		}
		for r.Read(1024, -1, batch) == nil {
		}
		r.Close()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(rows)), "ns/row")
}

func file[T any](t testing.TB, rows []T, options ...pq.WriterOption) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := pq.NewGenericWriter[T](&buf, options...)
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}
