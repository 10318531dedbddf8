package engine_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/state/pebblestore"
)

// newFormats writes states of the format of today: states of formats before
// stay, and every cepd to come restores them all.
var newFormats = flag.Bool("new-formats", false, "write testdata/formats of the format version of today")

const formatsDir = "testdata/formats"

// TestFormats restores states that cepd of each format version has left in the
// middle of a query, and goes on: with what was delivered before, the rows are
// those of a run without a break.
func TestFormats(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(formatsDir, "*.sql"))
	if err != nil || len(files) < 8 {
		t.Fatal(files, err)
	}
	versions, err := filepath.Glob(filepath.Join(formatsDir, "v*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".sql")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if *newFormats {
			writeFormat(t, name, string(text))
			continue
		}
		want := unique(formatRun(t, string(text), nil, nil))
		for _, v := range versions {
			t.Run(filepath.Base(v)+"/"+name, func(t *testing.T) {
				fs, before := readFormat(t, filepath.Join(v, name+".tgz"))
				got := unique(append(before, formatRun(t, string(text), fs, nil)...))
				if len(want) < 10 || len(before) == 0 || len(before) >= len(want) {
					t.Fatalf("%d rows, of them %d before", len(want), len(before))
				}
				if !slices.Equal(want, got) {
					t.Errorf("%d rows, want %d:\n%s\nwant:\n%s", len(got), len(want), strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
			})
		}
	}
}

// formatWorld is the input of the queries: payments, and logins to join them with.
func formatWorld(visible int) *enginetest.World {
	rng := rand.New(rand.NewPCG(11, 4))
	w := enginetest.NewWorld()
	w.Poll = 7
	for _, table := range []string{"payments", "logins"} {
		in := w.Input(table, randomPayments(rng, 2, 150)...)
		for part := range 2 {
			in.Show(part, visible)
		}
		if visible >= 0 {
			in.Open()
		}
	}
	return w
}

// formatRun runs a query from a state (nil: from nothing) to its end, or, with
// half, until it has read half of its input, which half then sees.
func formatRun(t *testing.T, sql string, fs *vfs.MemFS, half func(p *engine.Pipeline)) []string {
	t.Helper()
	if fs == nil {
		fs = vfs.NewMem()
	}
	store, err := pebblestore.Open("db", pebblestore.Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	c, err := enginetest.Compile(sql)
	if err != nil {
		t.Fatal(err)
	}
	w := formatWorld(-1)
	if half != nil {
		w = formatWorld(80)
	}
	o := w.Options()
	o.Clock = &clock.Manual{}
	p := w.Pipeline(t, c, o, store)
	defer p.Close()
	if half != nil {
		half(p)
	} else if err := enginetest.Finish(p); err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, r := range w.Output("o").Rows() {
		rows = append(rows, fmt.Sprintf("%x %x %s", r.ID.Hi, r.ID.Lo, r.Text))
	}
	return rows
}

// writeFormat leaves a query in the middle: a snapshot, some steps in the journal
// behind it, rows that were delivered.
func writeFormat(t *testing.T, name, sql string) {
	fs := vfs.NewMem()
	rows := formatRun(t, sql, fs, func(p *engine.Pipeline) {
		for n, quiet := 0, false; !quiet; n++ {
			var err error
			if quiet, err = enginetest.Round(p); err != nil {
				t.Fatal(err)
			}
			if n == 8 {
				write, _, err := p.Snapshot()
				if err == nil {
					err = write()
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := p.Commit(); err != nil {
			t.Fatal(err)
		}
	})
	dir := filepath.Join(formatsDir, fmt.Sprintf("v%d", engine.FormatVersion))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".tgz"), packFormat(t, fs, rows), 0o644); err != nil {
		t.Fatal(err)
	}
}

// packFormat is an archive of the store, and of the rows delivered.
func packFormat(t *testing.T, fs *vfs.MemFS, rows []string) []byte {
	t.Helper()
	var out bytes.Buffer
	gz := gzip.NewWriter(&out)
	tw := tar.NewWriter(gz)
	add := func(name string, content []byte) {
		err := tw.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))})
		if err == nil {
			_, err = tw.Write(content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	add("rows", []byte(strings.Join(rows, "\n")))
	names, err := fs.List("db")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if name == "LOCK" {
			continue
		}
		f, err := fs.Open("db/" + name)
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		add("db/"+name, content)
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	if err := gz.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func readFormat(t *testing.T, path string) (*vfs.MemFS, []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	gz, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	fs := vfs.NewMem()
	if err := fs.MkdirAll("db", 0o755); err != nil {
		t.Fatal(err)
	}
	var rows []string
	for tr := tar.NewReader(gz); ; {
		h, err := tr.Next()
		if err == io.EOF {
			return fs, rows
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		if h.Name == "rows" {
			rows = strings.Split(string(content), "\n")
			continue
		}
		f, err := fs.Create(h.Name, vfs.WriteCategoryUnspecified)
		if err == nil {
			_, err = f.Write(content)
		}
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
