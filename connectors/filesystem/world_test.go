package filesystem

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/formattest"
	"github.com/cepd/cepd/internal/event"
)

// The table of the tests: a number, which tells rows apart, and a column of the path.
var columns = []connectors.Column{{Name: "n", Type: event.TInt64, NotNull: true}, {Name: "p", Type: event.TString}}

func table(dir string, more ...string) connectors.Table {
	t := connectors.Table{Name: "out", Query: "q", Dir: dir, Log: slog.New(slog.DiscardHandler), Delivery: connectors.ExactlyOnce, Columns: columns,
		Options: map[string]string{"path": "lake", "format": "csv", "partition-by": "p"}}
	for i := 0; i < len(more); i += 2 {
		t.Options[more[i]] = more[i+1]
	}
	return t
}

// batch is the rows from to to, whose partitions are p0, p1 and p2.
func batch(from, to int) *event.Batch {
	b := formattest.Batch(columns)
	n := to - from
	b.Reset(n)
	for i := range n {
		b.Cols[0].Set(i, n, event.IntValue(int64(from+i)))
		b.Cols[1].Set(i, n, event.StringValue(fmt.Sprint("p", (from+i)%3)))
	}
	return b
}

func newTransactional(t *testing.T, tab connectors.Table) *transactional {
	t.Helper()
	s, err := New(nil).Sink(tab)
	if err != nil {
		t.Fatal(err)
	}
	return s.(*transactional)
}

var errDead = errors.New("the process is dead")

// mortal is a place whose process dies at an operation, before or after it.
type mortal struct {
	place
	left  int  // operations
	after bool // the last of them is done
	dead  bool
}

// do does an operation, unless the process is dead or dies before it.
func (m *mortal) do(f func() error) error {
	if m.dead {
		return errDead
	}
	if m.left--; m.left >= 0 {
		return f()
	}
	if m.dead = true; m.after {
		_ = f() // the process does not get to know
	}
	return errDead
}

func (m *mortal) stage(ctx context.Context, f *file) (s staged, err error) {
	err = m.do(func() error { s, err = m.place.stage(ctx, f); return err })
	return &mortalFile{s, m}, err
}

func (m *mortal) publish(ctx context.Context, files []file) error {
	for i := range files { // a file at a time, so that it dies between them
		if err := m.do(func() error { return m.place.publish(ctx, files[i:i+1]) }); err != nil {
			return err
		}
	}
	return nil
}

func (m *mortal) discard(ctx context.Context, f *file) error {
	return m.do(func() error { return m.place.discard(ctx, f) })
}

func (m *mortal) sweep(ctx context.Context, keep func(string, time.Duration) bool) error {
	return m.do(func() error { return m.place.sweep(ctx, keep) })
}

func (m *mortal) putNew(ctx context.Context, name string, content []byte) error {
	return m.do(func() error { return m.place.putNew(ctx, name, content) })
}

func (m *mortal) get(ctx context.Context, name string) (text []byte, err error) {
	err = m.do(func() error { text, err = m.place.get(ctx, name); return err })
	return text, err
}

func (m *mortal) list(ctx context.Context, dir string) (names []string, err error) {
	err = m.do(func() error { names, err = m.place.list(ctx, dir); return err })
	return names, err
}

func (m *mortal) remove(ctx context.Context, name string) error {
	return m.do(func() error { return m.place.remove(ctx, name) })
}

type mortalFile struct {
	staged
	m *mortal
}

func (f *mortalFile) Write(p []byte) (n int, err error) {
	err = f.m.do(func() error { n, err = f.staged.Write(p); return err })
	return n, err
}

func (f *mortalFile) seal(ctx context.Context) error {
	return f.m.do(func() error { return f.staged.seal(ctx) })
}

func (f *mortalFile) abandon(ctx context.Context) error {
	return f.m.do(func() error { return f.staged.abandon(ctx) })
}

// rows are the numbers in the table's files, sorted, and the files.
func rows(t *testing.T, lake string) (numbers []int, files []string) {
	t.Helper()
	err := filepath.WalkDir(lake, func(name string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() && d.Name() == hidden {
			return filepath.SkipDir
		}
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		files = append(files, name)
		for _, line := range strings.Fields(string(text)) {
			var n int
			if _, err := fmt.Sscan(line, &n); err != nil {
				t.Errorf("%s has a line %q", name, line)
			}
			if want := fmt.Sprintf("p=p%d", n%3); filepath.Base(filepath.Dir(name)) != want {
				t.Errorf("row %d is in %s", n, name)
			}
			numbers = append(numbers, n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(numbers)
	return numbers, files
}

// upTo checks that the rows 0 to n-1 are there, each once.
func upTo(t *testing.T, lake string, n int) {
	t.Helper()
	got, _ := rows(t, lake)
	for i := range max(n, len(got)) {
		if i >= len(got) || i >= n || got[i] != i {
			t.Fatalf("rows 0 to %d should be there once, found %v", n-1, got)
		}
	}
}

// life writes the rows that are not delivered yet, up to n, in transactions of a
// few, until it is done or dies.
func life(t *testing.T, s *transactional, rng *rand.Rand, n int) error {
	t.Helper()
	ctx := context.Background()
	m, _, err := s.Recover(ctx, 7)
	if err == nil {
		err = s.Commit(ctx, connectors.Mark{State: 7, Rows: m.Rows}, nil)
	}
	for at := int(m.Rows); err == nil && at < n; at = int(m.Rows) {
		to := min(n, at+1+rng.IntN(6))
		err = write(ctx, s, at, to)
		if err == nil {
			err = s.Commit(ctx, connectors.Mark{State: 7, Rows: uint64(to)}, nil)
		}
		if errors.Is(err, connectors.ErrInDoubt) {
			m, _, err = s.Recover(ctx, 7)
			continue
		}
		m.Rows = uint64(to)
	}
	return err
}

func write(ctx context.Context, s connectors.Sink, from, to int) error {
	for ; from < to; from += 2 {
		if err := s.Write(ctx, batch(from, min(to, from+2))); err != nil {
			return err
		}
	}
	return s.Flush(ctx)
}
