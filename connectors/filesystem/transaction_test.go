package filesystem

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cepd/cepd/connectors"
)

const total = 10

// TestCrashAtEachOperation has a process die before and after each thing it does,
// and the next one go on: each row is there once. No row is seen that is not
// committed.
func TestCrashAtEachOperation(t *testing.T) {
	for _, after := range []bool{false, true} {
		for k := 0; ; k++ {
			dir := t.TempDir()
			first, dead := start(t, dir), false
			m := &mortal{place: first.place, left: k, after: after}
			first.place = m
			if err := life(t, first, rand.New(rand.NewPCG(1, 1)), total); err != nil {
				if dead = m.dead; !dead {
					t.Fatal(err)
				}
			}
			second := start(t, dir)
			if err := life(t, second, rand.New(rand.NewPCG(2, 2)), total); err != nil {
				t.Fatalf("after operation %d (%v): %v", k, after, err)
			}
			upTo(t, filepath.Join(dir, "lake"), total)
			nothingStaged(t, dir)
			if !dead {
				break
			}
		}
	}
}

// start opens a sink as the next process.
func start(t *testing.T, dir string) *transactional {
	t.Helper()
	s := newTransactional(t, table(dir, "sink.max-open-partitions", "2"))
	s.config.fsync = func(*os.File) error { return nil } // a process dies here, not the machine
	if err := s.Open(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.place.close() })
	return s
}

func nothingStaged(t *testing.T, dir string) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(dir, "lake", hidden, "*", "staged", "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}

// TestManyCrashes has processes die one after the other at random, some of them
// while the next already runs.
func TestManyCrashes(t *testing.T) {
	for seed := range uint64(15) {
		rng := rand.New(rand.NewPCG(seed, 9))
		dir := t.TempDir()
		var before *transactional
		for n := 0; ; n++ {
			s := start(t, dir)
			m := &mortal{place: s.place, left: 5 + rng.IntN(50), after: rng.IntN(2) == 0}
			s.place = m
			if n > 20 {
				m.left = 1 << 30
			}
			err := life(t, s, rng, 40)
			if before != nil && s.claimed { // it was only asleep
				zombie(t, before, rng)
			}
			if err == nil {
				break
			}
			if !m.dead && !errors.Is(err, connectors.ErrFenced) {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if before = nil; rng.IntN(2) == 0 {
				m.dead, m.left = false, 1<<30
				before = s
			}
		}
		upTo(t, filepath.Join(dir, "lake"), 40)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// zombie goes on where a process that was taken for dead stood: it must not get
// anything in.
func zombie(t *testing.T, s *transactional, rng *rand.Rand) {
	t.Helper()
	ctx := context.Background()
	if s.journal == nil || !s.claimed || s.journal.last == 0 {
		return
	}
	err := write(ctx, s, 1000, 1000+1+rng.IntN(5))
	if err == nil {
		err = s.Commit(ctx, connectors.Mark{State: 7, Rows: 9999}, nil)
	}
	if err == nil {
		t.Fatal("a process that was replaced has committed")
	}
	if _, _, err = s.Recover(ctx, 7); !errors.Is(err, connectors.ErrFenced) {
		t.Fatalf("a process that was replaced: %v", err)
	}
}

// TestVisible follows a transaction: what is written is not seen before it is
// committed, and then as a whole.
func TestVisible(t *testing.T) {
	dir, ctx := t.TempDir(), context.Background()
	s := start(t, dir)
	if m, found, err := s.Recover(ctx, 7); found || err != nil {
		t.Fatal(m, err)
	}
	for round := range 12 {
		if err := write(ctx, s, round*10, round*10+10); err != nil {
			t.Fatal(err)
		}
		upTo(t, filepath.Join(dir, "lake"), round*10)
		if err := s.Commit(ctx, connectors.Mark{State: 7, Rows: uint64(round*10 + 10)}, nil); err != nil {
			t.Fatal(err)
		}
		upTo(t, filepath.Join(dir, "lake"), round*10+10)
	}
	entries, err := os.ReadDir(filepath.Join(dir, "lake", hidden, "cepd-q-out", logDir))
	if err != nil || len(entries) != keptEntries+1 { // and the claim
		t.Errorf("%d entries, %v", len(entries), err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = start(t, dir)
	if m, found, err := s.Recover(ctx, 7); !found || err != nil || m != (connectors.Mark{State: 7, Rows: 120}) {
		t.Errorf("%v %v %v", m, found, err)
	}
}

// TestOtherState refuses the mark of another state, until it is forgotten.
func TestOtherState(t *testing.T) {
	dir, ctx := t.TempDir(), context.Background()
	first := start(t, dir)
	if err := life(t, first, rand.New(rand.NewPCG(1, 1)), 5); err != nil {
		t.Fatal(err)
	}
	other := start(t, dir)
	if _, _, err := other.Recover(ctx, 8); err == nil || !strings.Contains(err.Error(), "5 rows were delivered under the name \"cepd-q-out\" by another state") {
		t.Error(err)
	}
	if err := first.Commit(ctx, connectors.Mark{State: 7, Rows: 5}, nil); err != nil {
		t.Errorf("the refused one has fenced the first: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := first.Forget(ctx); err != nil {
		t.Fatal(err)
	}
	if _, found, err := other.Recover(ctx, 8); found || err != nil {
		t.Error(found, err)
	}
}

// TestFullDisk: what does not fit fails the query and is not seen; the next
// process makes it anew.
func TestFullDisk(t *testing.T) {
	dir, ctx := t.TempDir(), context.Background()
	s := start(t, dir)
	s.place = &full{place: s.place}
	if _, _, err := s.Recover(ctx, 7); err != nil {
		t.Fatal(err)
	}
	if err := write(ctx, s, 0, 5); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	nothingStaged(t, dir)
	if err := life(t, start(t, dir), rand.New(rand.NewPCG(1, 1)), 5); err != nil {
		t.Fatal(err)
	}
	upTo(t, filepath.Join(dir, "lake"), 5)
}

// full is a place without room for files.
type full struct{ place }

func (f *full) stage(ctx context.Context, x *file) (staged, error) {
	s, err := f.place.stage(ctx, x)
	return fullFile{s}, err
}

type fullFile struct{ staged }

func (f fullFile) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// TestOpenPartitions: beyond the limit a batch closes a file for each partition,
// not for each row.
func TestOpenPartitions(t *testing.T) {
	dir, ctx := t.TempDir(), context.Background()
	s := start(t, dir) // 2 of 3 partitions
	if _, _, err := s.Recover(ctx, 7); err != nil {
		t.Fatal(err)
	}
	for from := range 3 {
		if err := s.Write(ctx, batch(from*100, from*100+100)); err != nil {
			t.Fatal(err)
		}
		if len(s.open) > 2 {
			t.Errorf("%d files are open", len(s.open))
		}
	}
	if err := errors.Join(s.Flush(ctx), s.Commit(ctx, connectors.Mark{State: 7, Rows: 300}, nil)); err != nil {
		t.Fatal(err)
	}
	upTo(t, filepath.Join(dir, "lake"), 300)
	if _, files := rows(t, filepath.Join(dir, "lake")); len(files) > 7 {
		t.Errorf("%d files", len(files))
	}
}
