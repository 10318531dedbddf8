package file

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/formattest"
	"github.com/cepd/cepd/internal/event"
)

func table(dir, path, format string, more ...string) connectors.Table {
	t := connectors.Table{
		Dir: dir, Options: map[string]string{"path": path, "format": format},
		Columns: []connectors.Column{{Name: "a", Type: event.TInt64}, {Name: "b", Type: event.TString}},
	}
	for i := 0; i < len(more); i += 2 {
		t.Options[more[i]] = more[i+1]
	}
	return t
}

func write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, tab connectors.Table, part int32, from int64) connectors.RawReader {
	t.Helper()
	s, err := New().Source(tab)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Open(context.Background(), part, from, func() {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r.(connectors.RawReader)
}

// read takes everything in polls of at most limit and gives "offset text".
func read(t *testing.T, r connectors.RawReader, limit int) (lines []string) {
	t.Helper()
	var b connectors.RawBatch
	for {
		err := r.Poll(limit, -1, &b)
		if err == io.EOF {
			return lines
		}
		if err != nil || b.N() == 0 || b.N() > limit || b.Next != r.Position() {
			t.Fatal(err, b.N(), b.Next, r.Position())
		}
		for i, s := range b.Value {
			lines = append(lines, fmt.Sprintf("%d %s", b.Offset[i], b.Buf[s.Off:s.Off+s.Len]))
		}
	}
}

func TestReadFromAnyRecord(t *testing.T) {
	dir := t.TempDir()
	text := "{\"a\":1}\n\n{\"a\":22}\r\n{\"a\":333}"
	write(t, filepath.Join(dir, "in.jsonl"), []byte(text))
	write(t, filepath.Join(dir, "in.jsonl.gz"), zip(t, text))
	want := []string{`0 {"a":1}`, `9 {"a":22}`, `19 {"a":333}`}
	for _, name := range []string{"in.jsonl", "in.jsonl.gz"} {
		for limit := 1; limit <= 4; limit++ {
			for i, from := range []int64{connectors.Start, 9, 19, int64(len(text))} {
				got := read(t, open(t, table(dir, name, "json"), 0, from), limit)
				if strings.Join(got, "\n") != strings.Join(want[i:], "\n") {
					t.Errorf("%s from %d: %q", name, from, got)
				}
			}
		}
	}
}

func TestUntil(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "in"), []byte("{}\n{}\n{}\n"))
	r := open(t, table(dir, "in", "json"), 0, 0)
	var b connectors.RawBatch
	for _, c := range []struct{ until, n, next int64 }{{0, 0, 0}, {4, 2, 6}, {6, 0, 6}, {-1, 1, 9}} {
		if err := r.Poll(10, c.until, &b); err != nil || int64(b.N()) != c.n || b.Next != c.next {
			t.Errorf("until %d: %d records, next %d, %v", c.until, b.N(), b.Next, err)
		}
	}
	if r.End() != 9 {
		t.Errorf("End = %d", r.End())
	}
}

func TestLongRecords(t *testing.T) {
	dir := t.TempDir()
	var text strings.Builder
	for i := range 50 {
		fmt.Fprintf(&text, "%s%d\n", strings.Repeat("x", i*20000), i)
	}
	write(t, filepath.Join(dir, "in"), []byte(text.String()))
	got := read(t, open(t, table(dir, "in", "json"), 0, 0), 7)
	if len(got) != 50 || !strings.HasSuffix(got[49], "x49") {
		t.Errorf("%d records", len(got))
	}
}

// What cannot be read is one damaged record: its neighbours, and what a reader
// finds that begins behind it, are as ever.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	huge := strings.Repeat("x", 17<<20)
	zipped := zip(t, "{}\n"+strings.Repeat("[1]\n", 100)+"last")
	text, whole := []byte("text, not compressed"), slices.Clone(zipped)
	zipped[len(zipped)-6]++ // of the checksum
	for name, c := range map[string]struct {
		content []byte
		n       int
		reason  string
		behind  string // first record behind the damage
	}{
		"huge between":   {[]byte("{}\n" + huge + "\n{}\n[]"), 4, "byte 3 is longer than 16777216 bytes", "17825796 {}"},
		"huge last":      {[]byte("{}\n" + huge), 2, "byte 3 is longer", ""},
		"open quote.csv": {[]byte("1,a\n2,\"" + huge + "\n3,c\n"), 3, "byte 4 is longer", "17825800 3,c"},
		"bomb.gz":        {zip(t, "{}\n"+huge+huge+"\n[]"), 3, "byte 3 is longer", "35651588 []"},
		"header.gz":      {text, 1, "behind byte 0: gzip: invalid header", ""},
		"checksum.gz":    {zipped, 102, "gzip: invalid checksum", ""},
		"cut.gz":         {whole[:len(whole)-9], 102, "unexpected EOF", ""},
	} {
		t.Run(name, func(t *testing.T) {
			write(t, filepath.Join(dir, name), c.content)
			format := "json"
			if strings.HasSuffix(name, "csv") {
				format = "csv"
			}
			var raw connectors.RawBatch
			r, n, faults, next := open(t, table(dir, name, format), 0, 0), 0, []connectors.Reject(nil), int64(0)
			for {
				if err := r.Poll(1, -1, &raw); err == io.EOF {
					break
				} else if err != nil {
					t.Fatal(err)
				}
				if n += raw.N(); len(raw.AppendFaults(nil)) > 0 {
					faults, next = append(faults, raw.AppendFaults(nil)...), raw.Next
				}
			}
			if n != c.n || len(faults) != 1 || !strings.Contains(faults[0].Reason, c.reason) {
				t.Errorf("%d records, faults %v", n, faults)
			}
			if rest := read(t, open(t, table(dir, name, format), 0, next), 1); len(rest) > 0 != (c.behind != "") {
				t.Errorf("behind the damage: %.100q", rest)
			}
			if again := read(t, open(t, table(dir, name, format), 0, 0), 1); c.behind != "" && !slices.Contains(again, c.behind) {
				t.Errorf("no %q in %.100q", c.behind, again)
			}
		})
	}
}

func zip(t *testing.T, text string) []byte {
	t.Helper()
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte(text))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return zipped.Bytes()
}

func TestPartitionsAreFilesByName(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.csv", "a.csv", "c.txt", ".hidden"} {
		write(t, filepath.Join(dir, name), []byte("h1,h2\n1,\"two\nlines\"\n2,"+name+"\n"))
	}
	for path, n := range map[string]int{".": 3, "*.csv": 2, "a.csv": 1} {
		s, err := New().Source(table(dir, path, "csv"))
		if err != nil {
			t.Fatal(err)
		}
		if parts, err := s.Partitions(context.Background()); err != nil || len(parts) != n {
			t.Errorf("%s: %v, %v", path, parts, err)
		}
		if _, err := s.Open(context.Background(), int32(n), 0, nil); err == nil {
			t.Error("opened a partition that is not there")
		}
	}
	got := read(t, open(t, table(dir, "*.csv", "csv", "csv.header", "true"), 1, connectors.Start), 10)
	if want := "6 1,\"two\nlines\"\n20 2,b.csv"; strings.Join(got, "\n") != want {
		t.Errorf("%q", got)
	}
}

func TestErrors(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "short"), []byte("{}\n"))
	for path, want := range map[string]string{"none": "no such file", "*.none": "there is no such file", "short": "only 3 bytes"} {
		s, err := New().Source(table(dir, path, "json"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err = s.Open(context.Background(), 0, 10, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := New().Source(table(dir, "x", "xml")); err == nil {
		t.Error("format xml was accepted")
	}
}

func TestSinkAppendsWholeLines(t *testing.T) {
	dir := t.TempDir()
	tab := table(dir, "out.csv", "csv", "csv.header", "true")
	batch := formattest.Batch(tab.Columns)
	ctx := context.Background()
	for run := range 2 {
		s, err := New().Sink(tab)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Open(ctx); err != nil {
			t.Fatal(err)
		}
		batch.Reset(3)
		for i := range 3 {
			batch.Cols[0].Set(i, 3, event.IntValue(int64(run*10+i)))
			batch.Cols[1].Set(i, 3, event.StringValue("x"))
		}
		batch.Sel = []int32{0, 2}
		if err := s.Write(ctx, batch); err != nil {
			t.Fatal(err)
		}
		if err := s.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		f, _ := os.OpenFile(filepath.Join(dir, "out.csv"), os.O_APPEND|os.O_WRONLY, 0)
		_, _ = f.WriteString("torn")
		_ = f.Close()
	}
	got, _ := os.ReadFile(filepath.Join(dir, "out.csv"))
	if want := "a,b\n0,x\n2,x\ntorn\n10,x\n12,x\ntorn"; string(got) != want {
		t.Errorf("%q", got)
	}
}
