package filesystem

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	pq "github.com/parquet-go/parquet-go"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

// stored is a store with a bucket that a test puts objects into.
type stored struct {
	t       *testing.T
	backend gofakes3.Backend
	url     string
}

func newStored(t *testing.T, wrap func(http.Handler) http.Handler) *stored {
	t.Helper()
	s := &stored{t: t, backend: s3mem.New()}
	if err := s.backend.CreateBucket("bucket"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(wrap(gofakes3.New(s.backend).Server()))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *stored) put(name, text string) {
	s.t.Helper()
	if _, err := s.backend.PutObject("bucket", "deep/"+name, map[string]string{"Last-Modified": "Fri, 02 Jan 2026 15:04:05 GMT"}, strings.NewReader(text), int64(len(text)), nil); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stored) table(columns []connectors.Column, more ...string) connectors.Table {
	return lakeTable("s3://bucket/deep", columns, append([]string{optEndpoint, s.url, optRegion, "eu-1", optAccessKey, "me", optSecretKey, "hush"}, more...)...)
}

// faults spoils some answers to GET of objects.
type faults struct {
	mu  sync.Mutex
	rng *rand.Rand
	on  atomic.Bool
}

func (f *faults) wrap(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		kind, part := f.rng.IntN(8), f.rng.Float64()
		f.mu.Unlock()
		if !f.on.Load() || r.Method != http.MethodGet || r.URL.Query().Has("list-type") {
			kind = 7
		}
		switch kind {
		case 0:
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, "<Error><Code>SlowDown</Code><Message>too many requests</Message></Error>")
		case 1:
			w.WriteHeader(http.StatusInternalServerError)
		case 2: // the connection breaks off
			panic(http.ErrAbortHandler)
		case 3, 4, 5: // the body does
			whole := httptest.NewRecorder()
			h.ServeHTTP(whole, r)
			for k, v := range whole.Header() {
				w.Header()[k] = v
			}
			w.WriteHeader(whole.Code)
			body := whole.Body.Bytes()
			_, _ = w.Write(body[:int(part*float64(len(body)))])
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		default:
			h.ServeHTTP(w, r)
		}
	})
}

// TestAnyCutInBucket is TestAnyCut in a bucket whose answers break off, are late, or
// are refusals.
func TestAnyCutInBucket(t *testing.T) {
	f := &faults{rng: rand.New(rand.NewPCG(1, 1))}
	s := newStored(t, f.wrap)
	mixed(t, s.put)
	table := s.table(columns[:1])
	want := readTable(t, table, nil)
	anyCut(t, table, want, 5)
	f.on.Store(true)
	if got := readTable(t, table, nil); !slices.Equal(got, want) {
		t.Errorf("with faults %d rows, want %d", len(got), len(want))
	}
}

// parquetOf is a file with the numbers from to to and a text, in small groups of rows.
func parquetOf(t *testing.T, from, to int) string {
	t.Helper()
	type row struct {
		N int64  `parquet:"n"`
		S string `parquet:"s"`
	}
	var out bytes.Buffer
	w := pq.NewGenericWriter[row](&out, pq.MaxRowsPerRowGroup(700))
	for n := from; n < to; n++ {
		if _, err := w.Write([]row{{int64(n), strings.Repeat(fmt.Sprint(n), 20)}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestColumnsAnyCut is TestAnyCut with Parquet, in a folder and in a bucket with
// faults.
func TestColumnsAnyCut(t *testing.T) {
	f := &faults{rng: rand.New(rand.NewPCG(2, 1))}
	s := newStored(t, f.wrap)
	dir := t.TempDir()
	whole := parquetOf(t, 6000, 6500)
	for name, text := range map[string]string{"p=1/a.parquet": parquetOf(t, 0, 3000), "p=1/b.parquet": parquetOf(t, 3000, 3001), "p=1/c.parquet": parquetOf(t, 0, 0),
		"p=2/d.parquet": parquetOf(t, 3001, 6000), "p=x/e.parquet": whole, "p=3/f.parquet": whole[:len(whole)/2], "p=3/g.parquet": whole} {
		s.put(name, text)
		put(t, dir, name, text)
	}
	columns := []connectors.Column{{Name: "n", Type: event.TInt64}, {Name: "p", Type: event.TInt32}, {Name: "s", Type: event.TString}}
	local := lakeTable(dir, columns, "format", "parquet", "partition-by", "p")
	want := readTable(t, local, nil)
	if len(want) != 6502 {
		t.Errorf("%d rows", len(want))
	}
	anyCut(t, local, want, 5)
	for i := range want {
		want[i] = strings.ReplaceAll(want[i], dir, "s3://bucket/deep")
	}
	remote := s.table(columns, "format", "parquet", "partition-by", "p")
	anyCut(t, remote, want, 3)
	f.on.Store(true)
	if got := readTable(t, remote, nil); !slices.Equal(got, want) {
		t.Errorf("with faults %d rows, want %d", len(got), len(want))
	}
}

// TestBlocks reads a large object in many places, with less memory than it has.
func TestBlocks(t *testing.T) {
	var gets atomic.Int64
	s := newStored(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			gets.Add(1)
			h.ServeHTTP(w, r)
		})
	})
	text := make([]byte, (maxBlocks+9)*blockSize+12345)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range text {
		text[i] = byte(rng.Uint32())
	}
	s.put("big", string(text))
	table := s.table(columns[:1])
	src := openSource(t, table, nil).(*source)
	if err := src.begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	o, _ := src.list.at(0)
	c, err := src.files.open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 300 {
		p := make([]byte, 1+rng.IntN(3*blockSize))
		off := rng.IntN(len(text))
		n, err := c.ReadAt(p, int64(off))
		if want := text[off:min(len(text), off+len(p))]; !bytes.Equal(p[:n], want) || (err == io.EOF) != (len(want) < len(p)) {
			t.Fatalf("%d bytes at %d: %d, %v", len(p), off, n, err)
		}
	}
	if held := len(c.(*remoteContent).blocks.held); held > maxBlocks {
		t.Errorf("%d blocks are held", held)
	}
	gets.Store(0)
	if again, err := src.files.open(t.Context(), o); err != nil {
		t.Error(err)
	} else if _, err := io.ReadFull(io.NewSectionReader(again, 0, o.Size), text); err != nil || gets.Load() > int64(maxBlocks+9)/runBlocks+3 {
		t.Errorf("%d requests, %v", gets.Load(), err)
	}
}

// TestChangedObject: one that is replaced or removed while it is read is told by name.
func TestChangedObject(t *testing.T) {
	lines := strings.Repeat("1\n", 2<<20)
	for _, c := range []struct {
		what, want string
		do         func(s *stored)
	}{
		{"replaced", "deep/a.csv: it has changed since", func(s *stored) { s.put("a.csv", "2\n"+lines[2:]) }},
		{"shorter", "deep/a.csv: it has changed since", func(s *stored) { s.put("a.csv", "2\n") }},
		{"removed", "is not there any more, and has been read in part", func(s *stored) { _, _ = s.backend.DeleteObject("bucket", "deep/a.csv") }},
	} {
		s := newStored(t, plain)
		s.put("a.csv", lines)
		table := s.table(columns[:1])
		src := openSource(t, table, nil)
		r, err := openReading(t, src, table, 0, connectors.Start)
		if err != nil {
			t.Fatal(err)
		}
		for len(r.rows) == 0 {
			if more, err := r.poll(10, -1); err != nil {
				t.Fatal(err)
			} else if !more {
				r.wait()
			}
		}
		at := r.reader.Position()
		if err := r.reader.Close(); err != nil {
			t.Fatal(err)
		}
		c.do(s)
		if r, err = openReading(t, src, table, 0, at); err != nil {
			t.Fatal(err)
		}
		if err := r.toEnd(event.MaxRows); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "a.csv") {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}

// TestStoreRestarts stops the store in the middle of a file and starts it again: what
// is read is what is there.
func TestStoreRestarts(t *testing.T) {
	backend := s3mem.New()
	if err := backend.CreateBucket("bucket"); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	s := &stored{t: t, backend: backend, url: "http://" + address}
	s.put("a.csv", strings.Repeat("1\n", 1<<20))
	s.put("b.csv", strings.Repeat("2\n", 1<<10))
	start := func(l net.Listener) *http.Server {
		h := &http.Server{Handler: gofakes3.New(backend).Server()}
		go h.Serve(l) //nolint:errcheck // it ends with the test
		return h
	}
	h := start(l)
	table := s.table(columns[:1])
	r, err := openReading(t, openSource(t, table, nil), table, 0, connectors.Start)
	if err != nil {
		t.Fatal(err)
	}
	for len(r.rows) == 0 {
		if more, err := r.poll(10, -1); err != nil {
			t.Fatal(err)
		} else if !more {
			r.wait()
		}
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	more := true // what lies ahead
	for more {
		if more, err = r.poll(event.MaxRows, -1); err != nil {
			t.Fatal(err)
		}
	}
	if l, err = net.Listen("tcp", address); err != nil {
		t.Skipf("the port is taken: %v", err)
	}
	h = start(l)
	t.Cleanup(func() { _ = h.Close() })
	if err := r.toEnd(event.MaxRows); err != nil || len(r.rows) != 1<<20+1<<10 {
		t.Errorf("%d rows, %v", len(r.rows), err)
	}
}

// TestHostileListings: a store that lists what cannot be ends the query with what it
// said, and names that lead elsewhere are no names of files.
func TestHostileListings(t *testing.T) {
	object := func(key, size string) string {
		return "<Contents><Key>" + key + "</Key><LastModified>2026-01-01T00:00:00Z</LastModified><ETag>&quot;x&quot;</ETag><Size>" + size + "</Size></Contents>"
	}
	for _, c := range []struct{ name, body, want string }{
		{"outside of the prefix", object("other/a.csv", "1"), `the store lists "other/a.csv"`},
		{"a negative size", object("deep/a.csv", "-1"), "with -1 bytes"},
		{"no number", object("deep/a.csv", "many"), "invalid syntax"},
		{"not closed", "<Contents><Key>deep/a.csv", "XML syntax error"},
		{"no token", object("deep/a.csv", "1") + "<IsTruncated>true</IsTruncated>", "should have continuation token"},
		{"ways out", object("deep/../../etc/passwd", "1") + object("deep//etc/passwd", "1") + object("deep/./x", "1") + object("deep/", "0") + object("deep/a/", "0"), "there is no file to read"},
		{"twice", object("deep/a.csv", "1") + object("deep/a.csv", "1"), ""},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/xml")
			_, _ = io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><Name>bucket</Name><Prefix>deep/</Prefix>`+c.body+`</ListBucketResult>`)
		}))
		table := lakeTable("s3://bucket/deep", columns[:1], optEndpoint, server.URL, optRegion, "x", optAccessKey, "a", optSecretKey, "b")
		s := openSource(t, table, nil).(*source)
		err := s.begin(t.Context())
		if c.want == "" && err == nil && s.list.len() == 1 {
			server.Close()
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
		server.Close()
	}
}

// TestHostileAnswers: an answer that is another part than was asked for is refused.
func TestHostileAnswers(t *testing.T) {
	for _, c := range []struct{ name, part, want string }{
		{"all of it", "", "asked for"},
		{"another part", "bytes 0-9/4000000", "asked for"},
		{"of another size", "bytes 10-3999999/5000000", "has changed"},
	} {
		s := newStored(t, func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !strings.HasPrefix(r.Header.Get("Range"), "bytes=10-") {
					h.ServeHTTP(w, r)
					return
				}
				whole := httptest.NewRecorder()
				h.ServeHTTP(whole, r)
				for k, v := range whole.Header() {
					w.Header()[k] = v
				}
				w.Header().Set("Content-Range", c.part)
				if c.part == "" {
					w.Header().Del("Content-Range")
				}
				w.WriteHeader(whole.Code)
				_, _ = w.Write(whole.Body.Bytes())
			})
		})
		s.put("a.csv", strings.Repeat("1\n", 2_000_000))
		table := s.table(columns[:1])
		r, err := openReading(t, openSource(t, table, nil), table, 0, 10)
		if err == nil {
			err = r.toEnd(event.MaxRows)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestWatched: objects that appear while a bucket is watched are read, by as many
// partitions as there are; a store that is down for a while is looked at again.
func TestWatched(t *testing.T) {
	var down atomic.Bool
	s := newStored(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if down.Load() {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			h.ServeHTTP(w, r)
		})
	})
	table := s.table(columns[:1], optMonitor, "10 ms", optParallelism, "3")
	src := openSource(t, table, nil)
	if src.Bounded() {
		t.Error("it is bounded")
	}
	var readings []*reading
	for part := range int32(3) {
		r, err := openReading(t, src, table, part, connectors.Start)
		if err != nil {
			t.Fatal(err)
		}
		readings = append(readings, r)
	}
	for i := range 9 {
		s.put(fmt.Sprintf("%d.csv", 9-i), fmt.Sprintf("%d\n", i))
		r := readings[i%3]
		for n := len(r.rows); len(r.rows) == n; {
			if more, err := r.poll(10, -1); err != nil {
				t.Fatal(err)
			} else if !more && len(r.rows) == n {
				r.wait()
			}
		}
		for more := true; more; { // the end of the file
			var err error
			if more, err = r.poll(10, -1); err != nil {
				t.Fatal(err)
			}
		}
		down.Store(i%2 == 0) // between two files
		down.Store(false)
	}
	var rows []string
	for _, r := range readings {
		rows = append(rows, r.rows...)
		if err := r.reader.Close(); err != nil {
			t.Error(err)
		}
	}
	if slices.Sort(rows); len(rows) != 9 || rows[8] != "8.0: 8" {
		t.Error(rows)
	}
	if err := errors.Join(src.Close(), context.Cause(context.Background())); err != nil {
		t.Error(err)
	}
}

// wideParquet has a text that is several blocks long.
func wideParquet(t *testing.T, from, to int) string {
	t.Helper()
	type row struct {
		N int64  `parquet:"n"`
		S string `parquet:"s,plain,uncompressed"`
	}
	var out bytes.Buffer
	w := pq.NewGenericWriter[row](&out)
	for n := from; n < to; n++ {
		if _, err := w.Write([]row{{int64(n), strings.Repeat(fmt.Sprint(n), 1000)}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
