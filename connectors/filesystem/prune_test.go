package filesystem

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

// prunedColumns are read of the tables of these tests.
var prunedColumns = []connectors.Column{{Name: "n", Type: event.TInt64}, {Name: "p", Type: event.TInt32}, {Name: "s", Type: event.TString}}

// only has a table read one folder.
func only(t connectors.Table, p int64) connectors.Table {
	t.Wanted = func(b *event.Batch) bool { return !b.Cols[1].Null(0) && b.Cols[1].I64[0] == p }
	return t
}

// ofFolder are those rows that are of a folder, or that were refused.
func ofFolder(rows []string, p string) (list []string) {
	for _, r := range rows {
		if f := strings.Fields(r); f[1] == "REJECTED" && !strings.Contains(r, "row group") || len(f) == 4 && f[2] == p {
			list = append(list, r)
		}
	}
	return list
}

// unopened refuses GET of objects of some names.
type unopened struct {
	mu   sync.Mutex
	gets []string
}

func (u *unopened) wrap(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/p=") {
			u.mu.Lock()
			u.gets = append(u.gets, r.URL.Path)
			u.mu.Unlock()
		}
		h.ServeHTTP(w, r)
	})
}

// TestPruned reads of a folder and a bucket, of records and columns, only the files
// that are wanted, from any place, with the offsets that all files have, and as a
// journal replays that was written when all were read.
func TestPruned(t *testing.T) {
	for _, format := range []string{"csv", "parquet"} {
		t.Run(format, func(t *testing.T) {
			u := &unopened{}
			s, dir := newStored(t, u.wrap), t.TempDir()
			for i := range 12 {
				text := parquetOf(t, 400*i, 400*i+400)
				if format == "csv" {
					text = ""
					for n := 400 * i; n < 400*i+400; n++ {
						text += fmt.Sprintf("%d,%s\n", n, strings.Repeat(fmt.Sprint(n), 20))
					}
				}
				name := fmt.Sprintf("p=%d/%02d.%s", i%3, i, format)
				s.put(name, text)
				put(t, dir, name, text)
			}
			put(t, dir, "p=none/x."+format, "1,x")
			s.put("p=none/x."+format, "1,x")
			for _, table := range []connectors.Table{lakeTable(dir, prunedColumns, "format", format, "partition-by", "p"), s.table(prunedColumns, "format", format, "partition-by", "p")} {
				all := readTable(t, table, nil)
				want := ofFolder(all, "2")
				if len(want) != 4*400+1 {
					t.Fatalf("%d of %d rows", len(want), len(all))
				}
				u.gets = nil
				got := readTable(t, only(table, 2), nil)
				if !slices.Equal(got, want) {
					t.Fatalf("%d rows, want %d: %s", len(got), len(want), differ(got, want))
				}
				for _, path := range u.gets {
					if !strings.Contains(path, "/p=2/") {
						t.Errorf("%s was asked for", path)
					}
				}
				anyCut(t, only(table, 2), want, 3)
				replayed(t, table, only(table, 2), want)
				table.Options = map[string]string{"connector": "filesystem", "path": table.Options["path"], "format": format, "partition-by": "p", optParallelism: "2",
					optEndpoint: s.url, optRegion: "eu-1", optAccessKey: "me", optSecretKey: "hush"}
				if got := readTable(t, only(table, 2), nil); len(got) != len(want) {
					t.Errorf("in two partitions %d rows, want %d", len(got), len(want))
				}
			}
		})
	}
}

// replayed reads a table up to places at which another query, which wanted all, was.
func replayed(t *testing.T, all, pruned connectors.Table, want []string) {
	t.Helper()
	bySeed(t, 2, func(rng *rand.Rand) {
		live, err := openReading(t, openSource(t, all, nil), all, 0, connectors.Start)
		if err != nil {
			t.Fatal(err)
		}
		again, err := openReading(t, openSource(t, pruned, nil), pruned, 0, connectors.Start)
		if err != nil {
			t.Fatal(err)
		}
		for ended := false; !ended; {
			more, err := live.poll(1+rng.IntN(300), -1)
			if ended = err == io.EOF; err != nil && !ended {
				t.Fatal(err)
			}
			if !more && !ended {
				live.wait()
			}
			for again.reader.Position() < live.reader.Position() {
				more, err := again.poll(1+rng.IntN(300), live.reader.Position())
				if err != nil {
					t.Fatal(err)
				}
				if !more && again.reader.Position() < live.reader.Position() {
					again.wait()
				}
			}
		}
		if !slices.Equal(again.rows, want) {
			t.Errorf("%d rows, want %d: %s", len(again.rows), len(want), differ(again.rows, want))
		}
		if err := again.reader.Close(); err != nil {
			t.Error(err)
		}
		if err := live.reader.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestBareFiles gives the rows of files that are not wanted where they move the
// watermark, of columns with no more than it needs.
func TestBareFiles(t *testing.T) {
	var bytes atomic.Int64
	s := newStored(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			whole := httptest.NewRecorder()
			h.ServeHTTP(whole, r)
			for k, v := range whole.Header() {
				w.Header()[k] = v
			}
			w.WriteHeader(whole.Code)
			_, _ = w.Write(whole.Body.Bytes())
			if strings.Contains(r.URL.Path, "/p=") {
				bytes.Add(int64(whole.Body.Len()))
			}
		})
	})
	dir := t.TempDir()
	for i := range 4 {
		text := wideParquet(t, 1000*i, 1000*i+1000)
		s.put(fmt.Sprintf("p=%d/x.parquet", i), text)
		put(t, dir, fmt.Sprintf("p=%d/x.parquet", i), text)
	}
	for _, table := range []connectors.Table{lakeTable(dir, prunedColumns, "format", "parquet", "partition-by", "p"), s.table(prunedColumns, "format", "parquet", "partition-by", "p")} {
		table.Columns[0].NotNull = false
		bytes.Store(0)
		want := readTable(t, table, nil)
		whole := bytes.Load()
		for i, row := range want {
			if f := strings.Fields(row); f[2] != "2" {
				want[i] = strings.Join(append(f[:3], "NULL"), " ")
			}
		}
		pruned := only(table, 2)
		pruned.Needs = []bool{true, false, false}
		bytes.Store(0)
		if got := readTable(t, pruned, nil); !slices.Equal(got, want) {
			t.Errorf("%d rows, want %d: %s", len(got), len(want), differ(got, want))
		}
		if bytes.Load() > whole*3/4 {
			t.Errorf("%d of %d bytes were fetched", bytes.Load(), whole)
		}
		anyCut(t, pruned, want, 2)
	}
}

// TestFilesProgress tells how much of the files has been read, in whatever format, and
// never that it is all before it is.
func TestFilesProgress(t *testing.T) {
	s, dir := newStored(t, plain), t.TempDir()
	var lines strings.Builder
	for n := range 60_000 {
		fmt.Fprintf(&lines, "%d,%d\n", n, n*7919%60_000)
	}
	for p := range 4 {
		for name, text := range map[string]string{"a.csv": lines.String(), "b.csv.gz": gzipped(t, lines.String())} {
			put(t, dir, fmt.Sprintf("p=%d/%s", p, name), text)
			s.put(fmt.Sprintf("p=%d/%s", p, name), text)
		}
		put(t, dir, fmt.Sprintf("columns/p=%d/c.parquet", p), parquetOf(t, 0, 20_000))
		s.put(fmt.Sprintf("columns/p=%d/c.parquet", p), parquetOf(t, 0, 20_000))
	}
	for _, table := range []connectors.Table{lakeTable(dir, prunedColumns, "partition-by", "p", optPattern, ".*csv.*"), s.table(prunedColumns, "partition-by", "p", optPattern, ".*csv.*"),
		lakeTable(dir, prunedColumns, "partition-by", "p", optPattern, ".*parquet", "format", "parquet"), s.table(prunedColumns, "partition-by", "p", optPattern, ".*parquet", "format", "parquet")} {
		table = only(table, 2)
		source := openSource(t, table, nil)
		r, err := openReading(t, source, table, 0, connectors.Start)
		if err != nil {
			t.Fatal(err)
		}
		var last int64
		var looks int
		for ended := false; !ended; {
			more, err := r.poll(event.MaxRows, -1)
			if ended = err == io.EOF; err != nil && !ended {
				t.Fatal(err)
			}
			if !more && !ended {
				r.wait()
			}
			f := r.reader.(connectors.Filed).Files()
			if f.Read < last || f.Read > f.Bytes || f.Bytes == 0 {
				t.Fatalf("%+v, after %d", f, last)
			}
			if f.Read > last && f.Read < f.Bytes {
				looks++
			}
			last = f.Read
			if ended && (f.Read != f.Bytes || f.Skipped != f.Files*3/4) {
				t.Errorf("at the end: %+v", f)
			}
		}
		if looks < 2 {
			t.Errorf("%s was seen to grow %d times", table.Options["path"], looks)
		}
		if err := r.reader.Close(); err != nil {
			t.Error(err)
		}
	}
}
