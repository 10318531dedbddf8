package conformance

import (
	"math"
	"slices"
	"testing"

	"github.com/cepd/cepd/internal/cepdtest"
	"github.com/cepd/cepd/state/memstore"
)

// TestCrash runs every case row by row, with a snapshot of what changed after
// every row, or after every third, and at each of them a crash: fresh operators
// are restored from the snapshots so far, the rest of the input is fed again,
// and what comes out must be what came out without the crash, in the same
// order. Without -long, the snapshots after every third row are those of every
// fifth case; with -short or the race detector, only every tenth case.
func TestCrash(t *testing.T) {
	cases, err := Load(corpus)
	if err != nil {
		t.Fatal(err)
	}
	crashes := 0
	for i := range cases {
		if i%every != 0 || testing.Short() && i%10 != 0 {
			continue
		}
		crashes += crashEverywhere(t, &cases[i], 1, true)
		crashes += crashSpilled(t, &cases[i])
		if *long || i%5 == 0 {
			crashes += crashEverywhere(t, &cases[i], 1, false) + crashEverywhere(t, &cases[i], 3, true) + crashEverywhere(t, &cases[i], 3, false)
		}
	}
	t.Logf("%d crashes", crashes)
}

// every says that one case in so many is run, of tests that run the whole corpus.
var every = whole(1, 10)

// whole is the one number, or under the race detector the other.
func whole(all, raced int) int {
	if cepdtest.Raced {
		return raced
	}
	return all
}

// crash is a restored run, to be compared with the one that went on.
type crash struct {
	at   int // entries before it
	out  int // rows that were out by then
	rest *run
	err  error
}

func crashEverywhere(t *testing.T, c *Case, every int, progress bool) int {
	t.Helper()
	return crashesOf(t, c, every, Direct{Batch: 1, Restore: math.MaxInt, Progress: progress})
}

// crashSpilled does so with no key in memory between two rows.
func crashSpilled(t *testing.T, c *Case) int {
	t.Helper()
	return crashesOf(t, c, 1, Direct{Batch: 1, Restore: math.MaxInt, Progress: true, Spill: true})
}

func crashesOf(t *testing.T, c *Case, every int, d Direct) int {
	t.Helper()
	var crashes []crash
	var whole *run
	d.boundary = func(r *run, next int) error {
		whole = r
		if r.steps%every != 0 {
			return nil
		}
		if err := r.snapshot(); err != nil {
			return err
		}
		crashes = append(crashes, restored(t, r, next))
		return nil
	}
	result, err := d.Run(c)
	if err == nil {
		whole = &run{result: *result}
	}
	for _, x := range crashes {
		if (x.err == nil) != (err == nil) {
			t.Errorf("%s, crash after entry %d: error %v, without: %v", c.ID(), x.at, x.err, err)
		} else if want, got := whole.result.Rows[x.out:], x.rest.result.Rows; !slices.EqualFunc(want, got, sameRow) {
			t.Errorf("%s, crash after entry %d:\n%s    without:\n%s%s", c.ID(), x.at, show(got), show(want), c.Query)
		}
	}
	return len(crashes)
}

// restored feeds the entries from next on to operators restored from r's
// snapshots.
func restored(t *testing.T, r *run, next int) crash {
	t.Helper()
	f := &run{Direct: r.Direct, c: r.c, root: r.root, wm: r.wm, store: copied(t, r.store)}
	f.boundary = nil
	err := f.open()
	if err == nil {
		err = f.feed(next)
	}
	return crash{at: next, out: len(r.result.Rows), rest: f, err: err}
}

func copied(t *testing.T, s *memstore.Store) *memstore.Store {
	t.Helper()
	out := memstore.New()
	b := out.NewBatch()
	if err := s.Scan(nil, nil, b.Put); err != nil {
		t.Fatal(err)
	}
	if err := b.Commit(false); err != nil {
		t.Fatal(err)
	}
	return out
}
