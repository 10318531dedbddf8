package filesystem

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/connectors/formats/formattest"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/s3test"
	"github.com/cepd/cepd/state"
	"github.com/cepd/cepd/state/intake"
	"github.com/cepd/cepd/state/memstore"
)

// logsIn are the logs of a store, as a process opens them.
func logsIn(t *testing.T, store state.Store) *intake.Logs {
	t.Helper()
	logs := intake.New(clock.Wall{})
	if err := logs.Open(store); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(logs.Close)
	return logs
}

// lakeTable is a table that is read.
func lakeTable(path string, columns []connectors.Column, more ...string) connectors.Table {
	t := connectors.Table{Name: "lake", Query: "q", Log: slog.New(slog.DiscardHandler), Columns: columns, Physical: columns,
		Options: map[string]string{"connector": "filesystem", "path": path, "format": "csv"}}
	for i := 0; i < len(more); i += 2 {
		t.Options[more[i]] = more[i+1]
	}
	return t
}

// reading is a partition of a table being read.
type reading struct {
	t       *testing.T
	source  connectors.Source
	table   connectors.Table
	reader  connectors.Reader
	decoder connectors.Decoder
	ready   chan struct{}
	raw     connectors.RawBatch
	batch   *event.Batch
	rows    []string // offset: values, or why it is none
}

func openSource(t *testing.T, table connectors.Table, logs *intake.Logs) connectors.Source {
	t.Helper()
	s, err := New(logs).Source(table)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func openReading(t *testing.T, s connectors.Source, table connectors.Table, part int32, from int64) (*reading, error) {
	t.Helper()
	r := &reading{t: t, source: s, table: table, ready: make(chan struct{}, 1), batch: formattest.Batch(table.Columns)}
	var err error
	r.reader, err = s.Open(context.Background(), part, from, func() {
		select {
		case r.ready <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return nil, err
	}
	if !formats.Columnar(table) {
		r.decoder, err = formats.NewDecoder(table)
	}
	return r, err
}

// poll takes what comes next; more says whether there may be more at once.
func (r *reading) poll(limit int, until int64) (more bool, err error) {
	before := r.reader.Position()
	var rejects []connectors.Reject
	if raws, ok := r.reader.(connectors.RawReader); ok {
		if err := raws.Poll(limit, until, &r.raw); err != nil {
			return false, err
		}
		r.batch.Reset(r.raw.N())
		if rejects, err = r.decoder.Decode(&r.raw, r.batch, nil); err != nil {
			return false, err
		}
		rejects = r.raw.AppendFaults(rejects)
		r.reader.(connectors.Filler).Fill(&r.raw, r.batch)
		for i, o := range r.raw.Offset {
			r.batch.ID[i].Lo = uint64(o)
		}
	} else {
		if err := r.reader.(connectors.ColumnReader).PollColumns(limit, until, r.batch); err != nil {
			return false, err
		}
		rejects = r.reader.(connectors.Rejecter).Rejects()
	}
	for i := range r.batch.N {
		at := fmt.Sprintf("%d.%d: ", r.batch.ID[i].Lo>>recordBits, r.batch.ID[i].Lo&maxRecord)
		if len(rejects) > 0 && int(rejects[0].Row) == i {
			r.rows, rejects = append(r.rows, at+"REJECTED "+rejects[0].Reason), rejects[1:]
			continue
		}
		r.rows = append(r.rows, at+line(r.batch, i))
	}
	if p := r.reader.Position(); until >= 0 && p > until {
		r.t.Fatalf("position %d is behind %d", p, until)
	} else if r.batch.N == 0 && p == before {
		return false, nil
	}
	return true, nil
}

// line is a row on a line.
func line(b *event.Batch, i int) string {
	return strings.ReplaceAll(strings.TrimSpace(formattest.Row(b, i)), " | ", " ")
}

// patience is how long a test waits for what has to come.
const patience = 2 * time.Minute

func (r *reading) wait() {
	r.t.Helper()
	select {
	case <-r.ready:
	case <-time.After(patience):
		r.t.Fatalf("nothing comes behind %d rows", len(r.rows))
	}
}

// toEnd reads all there is.
func (r *reading) toEnd(limit int) error {
	r.t.Helper()
	for {
		more, err := r.poll(limit, -1)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if !more {
			r.wait()
		}
	}
}

// readTable reads all partitions, one after the other.
func readTable(t *testing.T, table connectors.Table, logs *intake.Logs) (rows []string) {
	t.Helper()
	s := openSource(t, table, logs)
	parts, err := s.Partitions(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range parts {
		r, err := openReading(t, s, table, part, connectors.Start)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.toEnd(event.MaxRows); err != nil {
			t.Fatal(err)
		}
		if err := r.reader.Close(); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r.rows...)
	}
	return rows
}

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func zstandard(t *testing.T, text string) string {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(w.EncodeAll([]byte(text), nil))
}

var folderColumnsOfTest = []connectors.Column{{Name: "n", Type: event.TInt64}, {Name: "day", Type: event.TDate}, {Name: "big", Type: event.TBool}, {Name: "k", Type: event.TInt32}, {Name: "s", Type: event.TString}}

// TestRoundTrip reads what the sink writes, in each format, compressed or not, from a
// folder and a bucket.
func TestRoundTrip(t *testing.T) {
	const n = 40
	b := formattest.Batch(folderColumnsOfTest)
	b.Reset(n)
	var want []string
	for i := range n {
		for c, x := range []event.Value{event.IntValue(int64(i)), event.IntValue(int64(20_000 + i%3)), event.BoolValue(i%2 == 0), event.IntValue(int64(i % 4)), event.StringValue([]string{"a/b=c%", "ü", " ", "x"}[i%4])} {
			if c > 0 && i%7 == 0 {
				x = event.NullValue
			}
			b.Cols[c].Set(i, n, x)
		}
		want = append(want, line(b, i))
	}
	slices.Sort(want)
	inStores(t, func(t *testing.T, empty func() where) { roundTrips(t, empty(), b, want) })
}

func roundTrips(t *testing.T, w where, b *event.Batch, want []string) {
	t.Helper()
	for _, format := range []string{"csv", "csv.header", "json", "parquet", "avro"} {
		packings := []string{"none", "gzip", "zstd"}
		if strings.HasSuffix(t.Name(), "gateway") { // how bytes are packed is all the same to it
			packings = packings[:1]
		}
		for _, packing := range packings {
			for _, path := range []string{t.TempDir(), "s3://" + w.bucket + "/" + format + "/" + packing} {
				if (format == "parquet" || format == "avro") && packing != "none" {
					continue
				}
				name, header := strings.CutSuffix(format, ".header")
				table := lakeTable(path, folderColumnsOfTest, "format", name, "partition-by", "day, big, k, s", optCompression, packing, optMaxOpen, "3", optEndpoint, w.endpoint, optRegion, "us-east-1", optAccessKey, s3test.AccessKey, optSecretKey, s3test.SecretKey)
				if !header {
					table.Options["csv.header"] = "true"
				}
				sink, err := New(nil).Sink(table)
				if err != nil {
					t.Fatal(err)
				}
				ctx := context.Background()
				if err := errors.Join(sink.Open(ctx), sink.Write(ctx, b), sink.Flush(ctx), sink.Close()); err != nil {
					t.Fatal(err)
				}
				got := readTable(t, table, nil)
				for i := range got {
					_, got[i], _ = strings.Cut(got[i], ": ")
				}
				if slices.Sort(got); !slices.Equal(got, want) {
					t.Errorf("%s, %s, %s:\n%s\nwant\n%s", path, format, packing, strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
			}
		}
	}
}

// TestFolders reads values of folders of all kinds, and passes over what readers of
// tables pass over.
func TestFolders(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"day=2026-03-02/k=1/a.csv":                          "1",
		"day=2026-03-02/k=-7/b.csv":                         "2",
		"day=__HIVE_DEFAULT_PARTITION__/k=1/c.csv":          "3",
		"x/day=2026-03-03/k=5/more=z/d.csv":                 "4",
		"day=yesterday/k=1/e.csv":                           "5",
		"day=2026-03-02/k=99999999999/f.csv":                "6",
		"day=2026-03-02/g.csv":                              "7",
		"day=2026-03-02/k=1/.h.csv":                         "8",
		"day=2026-03-02/k=1/_i.csv":                         "9",
		"_cepd/cepd-q-out/staged/day=2026-03-02/k=1/j.part": "10",
		"_temporary/day=2026-03-02/k=1/k.csv":               "11",
		"_SUCCESS":                                          "",
		".git/day=2026-03-02/k=1/x.csv":                     "12",
	} {
		put(t, dir, name, text)
	}
	columns := []connectors.Column{{Name: "n", Type: event.TInt64}, {Name: "day", Type: event.TDate, NotNull: false}, {Name: "k", Type: event.TInt32}, {Name: "f", Type: event.TString, Metadata: keyName}, {Name: "z", Type: event.TInt64, Metadata: keySize}}
	table := lakeTable(dir, columns, "partition-by", "day,k")
	table.Physical = columns[:3]
	got := strings.ReplaceAll(strings.Join(readTable(t, table, nil), "\n"), dir, "")
	want := strings.Join([]string{
		"0.0: REJECTED /day=2026-03-02/g.csv is not in a folder k=…, as 'partition-by' has it",
		`1.0: 2 2026-03-02 -7 "b.csv" 1`, `2.0: 1 2026-03-02 1 "a.csv" 1`,
		"3.0: REJECTED /day=2026-03-02/k=99999999999/f.csv: the folder k=99999999999 is no INT",
		`4.0: 3 NULL 1 "c.csv" 1`,
		"5.0: REJECTED /day=yesterday/k=1/e.csv: the folder day=yesterday is no DATE",
		`6.0: 4 2026-03-03 5 "d.csv" 1`,
	}, "\n")
	if got != want {
		t.Errorf("\n%s\nwant\n%s", got, want)
	}
	table.Options[optPattern] = `.*/k=-?\d/[a-c]\.csv`
	if got := readTable(t, table, nil); len(got) != 3 {
		t.Error(got)
	}
	table.Columns[1].NotNull, table.Physical[1].NotNull = true, true
	if got := readTable(t, table, nil); !strings.Contains(strings.Join(got, "\n"), "REJECTED "+dir+"/day=__HIVE_DEFAULT_PARTITION__/k=1/c.csv: the folder day=__HIVE_DEFAULT_PARTITION__ is NULL in a NOT NULL column") {
		t.Error(got)
	}
}

// mixed puts files of all kinds of compression, some of them damaged, into a place.
func mixed(t *testing.T, put func(name, text string)) {
	t.Helper()
	var lines strings.Builder
	for i := range 300 {
		fmt.Fprintf(&lines, "%d\n", i)
	}
	put("a.csv", lines.String())
	put("b.csv.gz", gzipped(t, lines.String()))
	put("c.csv.zst", zstandard(t, lines.String()))
	put("d.csv", "")
	put("e.csv", "7\nx\n8")
	broken := gzipped(t, lines.String())
	put("f.csv.gz", broken[:len(broken)/2])
	put("g.csv.gz", "no gzip")
	put("h.csv.zst", zstandard(t, lines.String())[:40])
	put("i.csv.gz", "")
	put("j.csv", lines.String())
}

// TestAnyCut reads a table again and again, with other cuts, with bounds, and going on
// at places in the middle: it is always the same.
func TestAnyCut(t *testing.T) {
	dir := t.TempDir()
	mixed(t, func(name, text string) { put(t, dir, name, text) })
	table := lakeTable(dir, columns[:1])
	anyCut(t, table, readTable(t, table, nil), 20)
}

func anyCut(t *testing.T, table connectors.Table, want []string, seeds int) {
	t.Helper()
	if len(want) < 1000 {
		t.Fatalf("%d rows: %v", len(want), want)
	}
	bySeed(t, seeds, func(rng *rand.Rand) {
		s := openSource(t, table, nil)
		var rows []string
		from := connectors.Start
		for ended := false; !ended; {
			r, err := openReading(t, s, table, 0, from)
			if err != nil {
				t.Fatal(err)
			}
			for n := rng.IntN(200); n > 0 && !ended; n-- {
				more, err := r.poll(1+rng.IntN(50), -1)
				if ended = err == io.EOF; err != nil && !ended {
					t.Fatal(err)
				}
				if !more && !ended {
					r.wait()
				}
			}
			rows, from = append(rows, r.rows...), r.reader.Position()
			if err := r.reader.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(rows, want) {
			t.Fatalf("%d rows, want %d: %s", len(rows), len(want), differ(rows, want))
		}
	})
	bySeed(t, seeds, func(rng *rand.Rand) { // as a journal replays
		s := openSource(t, table, nil)
		live, err := openReading(t, s, table, 0, connectors.Start)
		if err != nil {
			t.Fatal(err)
		}
		var steps []int64
		for ended := false; !ended; steps = append(steps, live.reader.Position()) {
			more, err := live.poll(1+rng.IntN(100), -1)
			if ended = err == io.EOF; err != nil && !ended {
				t.Fatal(err)
			}
			if !more && !ended {
				live.wait()
			}
		}
		again, err := openReading(t, s, table, 0, connectors.Start)
		if err != nil {
			t.Fatal(err)
		}
		for _, to := range steps {
			for again.reader.Position() < to {
				more, err := again.poll(1+rng.IntN(100), to)
				if err != nil {
					t.Fatal(err)
				}
				if !more && again.reader.Position() < to {
					again.wait()
				}
			}
		}
		if err := errors.Join(live.reader.Close(), again.reader.Close()); err != nil || !slices.Equal(again.rows, want) {
			t.Fatalf("%d rows, want %d: %s, %v", len(again.rows), len(want), differ(again.rows, want), err)
		}
	})
}

// differ shows where two readings part.
func differ(a, b []string) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("row %d is %s and should be %s", i, a[i], b[i])
		}
	}
	return "one is longer"
}

func bySeed(t *testing.T, n int, f func(rng *rand.Rand)) {
	t.Helper()
	for range n {
		seed := rand.Uint64()
		f(rand.New(rand.NewPCG(seed, 1)))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// TestOrderIsKept has files appear, in any order of names, while processes come and
// go: what was read is read again in the same order by each.
func TestOrderIsKept(t *testing.T) {
	dir, kept := t.TempDir(), memstore.New()
	table := lakeTable(dir, columns[:1], optMonitor, "10 ms")
	table.Durable = true
	rng := rand.New(rand.NewPCG(1, 1))
	var before []string
	for round := range 6 {
		logs := logsIn(t, kept)
		s := openSource(t, table, logs)
		for i := range 5 {
			name := filepath.Join(dir, fmt.Sprintf("%02d-%d-%d.csv", rng.IntN(100), round, i))
			put(t, dir, "_new", fmt.Sprintf("%d\n%d\n", 2*(5*round+i), 2*(5*round+i)+1))
			old := time.Now().Add(-time.Hour)
			if err := errors.Join(os.Chtimes(filepath.Join(dir, "_new"), old, old), os.Rename(filepath.Join(dir, "_new"), name)); err != nil {
				t.Fatal(err)
			}
		}
		r, err := openReading(t, s, table, 0, connectors.Start)
		if err != nil {
			t.Fatal(err)
		}
		for len(r.rows) < 10*(round+1) {
			if more, err := r.poll(3, -1); err != nil {
				t.Fatal(err)
			} else if !more {
				r.wait()
			}
		}
		if !slices.Equal(r.rows[:len(before)], before) {
			t.Fatalf("read first %v, then %v", before, r.rows)
		}
		seen := map[string]bool{}
		for _, row := range r.rows {
			_, row, _ = strings.Cut(row, ": ")
			seen[row] = true
		}
		if before = r.rows; len(seen) != len(r.rows) {
			t.Fatalf("rows are there twice: %v", r.rows)
		}
		if err := errors.Join(r.reader.Close(), s.Close()); err != nil {
			t.Fatal(err)
		}
		logs.Close()
	}
}

// TestOtherList refuses to go on in a list that was made otherwise, or begun anew.
func TestOtherList(t *testing.T) {
	dir, kept := t.TempDir(), memstore.New()
	put(t, dir, "a.csv", "1")
	table := lakeTable(dir, columns[:1])
	table.Durable = true
	open := func(logs *intake.Logs, from int64) error {
		s := openSource(t, table, logs)
		_, err := s.Open(context.Background(), 0, from, func() {})
		return errors.Join(err, s.Close())
	}
	logs := logsIn(t, kept)
	if err := open(logs, -1); err != nil {
		t.Fatal(err)
	}
	table.Options[optParallelism] = "2"
	if err := open(logs, -1); err == nil || !strings.Contains(err.Error(), "was read in 1 partitions before, and not in 2") {
		t.Error(err)
	}
	delete(table.Options, optParallelism)
	table.Options["path"] = t.TempDir()
	if err := open(logs, -1); err == nil || !strings.Contains(err.Error(), "was read from '"+dir+"' before") {
		t.Error(err)
	}
	table.Options["path"] = dir
	if err := open(logsIn(t, memstore.New()), 5<<recordBits); err == nil || !strings.Contains(err.Error(), "was begun anew") {
		t.Error(err)
	}
	if err := open(nil, -1); err == nil || !strings.Contains(err.Error(), "could not read again") {
		t.Error(err)
	}
}

// TestGoneAndChanged: a file that is gone before it is begun is passed over, also when
// a journal is replayed; one that has gone or changed after that is an error with its
// name.
func TestGoneAndChanged(t *testing.T) {
	lines := strings.Repeat("1\n", 100_000)
	for _, packing := range []string{"", ".gz"} {
		dir, kept := t.TempDir(), memstore.New()
		for _, name := range []string{"a.csv", "b.csv", "c.csv"} {
			text := lines
			if packing != "" {
				text = gzipped(t, lines)
			}
			put(t, dir, name+packing, text)
		}
		table := lakeTable(dir, columns[:1])
		table.Durable = true
		logs := logsIn(t, kept)
		s := openSource(t, table, logs)
		r, err := openReading(t, s, table, 0, connectors.Start)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(dir, "b.csv"+packing)); err != nil {
			t.Fatal(err)
		}
		var steps []int64
		for err = error(nil); err == nil; steps = append(steps, r.reader.Position()) {
			_, err = r.poll(event.MaxRows, -1)
		}
		if err != io.EOF || len(r.rows) != 200_000 {
			t.Fatalf("%d rows, %v", len(r.rows), err)
		}
		again, err := openReading(t, s, table, 0, connectors.Start)
		if err != nil {
			t.Fatal(err)
		}
		for _, to := range steps {
			for again.reader.Position() < to {
				if _, err := again.poll(100_000, to); err != nil {
					t.Fatal(err)
				}
			}
		}
		if !slices.Equal(again.rows, r.rows) {
			t.Errorf("%d rows, then %d", len(r.rows), len(again.rows))
		}

		fails := func(from int64, until int64, want string) {
			t.Helper()
			r, err := openReading(t, s, table, 0, from)
			if err != nil {
				t.Fatal(err)
			}
			if until < 0 {
				err = r.toEnd(event.MaxRows)
			} else {
				_, err = r.poll(event.MaxRows, until)
			}
			if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), dir) {
				t.Errorf("%v", err)
			}
		}
		fails(1<<recordBits|10, -1, "b.csv"+packing+" is not there any more, and has been read in part")
		fails(1<<recordBits, 1<<recordBits|10, "has been read in part")
		put(t, dir, "c.csv"+packing, "2\n")
		fails(2<<recordBits, -1, "c.csv"+packing+": it has changed since it was listed")
		half, err := openReading(t, s, table, 0, connectors.Start)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := half.poll(10, -1); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(filepath.Join(dir, "a.csv"+packing), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.WriteString("3\n")
		if err = errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		if err := half.toEnd(event.MaxRows); err == nil || !strings.Contains(err.Error(), "a.csv"+packing+": it has changed since") {
			t.Error(err)
		}
	}
}

// TestBombs: what becomes too long when it is unpacked ends there, and what is behind
// it is read.
func TestBombs(t *testing.T) {
	dir := t.TempDir()
	w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression))
	if err != nil {
		t.Fatal(err)
	}
	const line = 4 << 10
	put(t, dir, "a.csv.zst", string(w.EncodeAll(bytes.Repeat([]byte(strings.Repeat(" ", line-2)+"1\n"), 96<<20/line), nil)))
	put(t, dir, "b.csv", "2\n")
	var rows int
	s := openSource(t, lakeTable(dir, columns[:1]), nil)
	r, err := openReading(t, s, lakeTable(dir, columns[:1]), 0, connectors.Start)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		r.rows = r.rows[:0]
		_, err = r.poll(event.MaxRows, -1)
		if rows += len(r.rows); err == nil && rows > leastExpansion/line+2 {
			t.Fatal("no end")
		}
		if n := len(r.rows); n > 0 && strings.Contains(r.rows[n-1], "REJECTED") {
			if !strings.Contains(r.rows[n-1], errExpands.Error()) {
				t.Error(r.rows[n-1])
			}
		}
	}
	if err != io.EOF || rows != leastExpansion/line+2 {
		t.Errorf("%d rows, %v", rows, err)
	}
}
