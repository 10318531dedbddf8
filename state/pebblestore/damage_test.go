package pebblestore_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cepd/cepd/state"
	"github.com/cepd/cepd/state/pebblestore"
)

const batches = 60

// written is a store of some tables and a log, batch i having put key i and the
// number of batches.
func written(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "db")
	s, err := pebblestore.Open(dir, pebblestore.Options{MemTableBytes: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range batches {
		value := make([]byte, 5000)
		for j := range value {
			value[j] = byte(rng.Uint32())
		}
		b := s.NewBatch()
		err := errors.Join(b.Put(fmt.Appendf(nil, "key%03d", i), value), b.Put([]byte("count"), []byte{byte(i + 1)}))
		if err = errors.Join(err, b.Commit(true)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// read opens a store, verifies and reads it: its batches, all of them up to some
// number, or an error.
func read(dir string) (n int, err error) {
	s, err := pebblestore.Open(dir, pebblestore.Options{ReadOnly: true})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if _, err := s.Verify(); err != nil {
		return 0, err
	}
	count, _, err := s.Get([]byte("count"))
	if err != nil || len(count) == 0 {
		return 0, err
	}
	keys := 0
	err = s.Scan([]byte("key"), nil, func(_, value []byte) error {
		if keys++; len(value) != 5000 {
			return fmt.Errorf("a value of %d bytes", len(value))
		}
		return nil
	})
	if err == nil && keys != int(count[0]) {
		err = fmt.Errorf("%d keys of %d batches: a wrong state", keys, count[0])
	}
	return keys, err
}

// Whatever is changed, shortened or gone: the store says which file it is and how
// to go on, or is what it was; of a log, the end may be missing, as after a
// crash.
func TestDamage(t *testing.T) {
	dir := written(t)
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := read(dir); n != batches || err != nil {
		t.Fatal(n, err)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	seen := map[string]int{}
	for _, f := range files {
		content, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		kind := kindOf(f.Name())
		if f.Name() == "LOCK" {
			continue
		}
		damage(t, kind, f.Name(), dir, nil, seen)
		for range 12 {
			if len(content) == 0 {
				break
			}
			flipped := bytes.Clone(content)
			flipped[rng.IntN(len(content))] ^= byte(1 + rng.IntN(255))
			damage(t, kind, f.Name(), dir, flipped, seen)
			damage(t, kind, f.Name(), dir, content[:rng.IntN(len(content))], seen)
		}
		if err := os.WriteFile(filepath.Join(dir, f.Name()), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := read(dir); n != batches || err != nil {
		t.Fatal(n, err)
	}
	for _, kind := range []string{"sst", "log", "MANIFEST"} {
		if seen[kind] == 0 {
			t.Errorf("no damage of %s is found: %v", kind, seen)
		}
	}
	t.Log("found:", seen)
}

func kindOf(name string) string {
	for _, kind := range []string{"sst", "log", "MANIFEST", "OPTIONS", "marker"} {
		if strings.Contains(name, kind) {
			return kind
		}
	}
	return name
}

// damage puts something else in a file's place (nil: nothing).
func damage(t *testing.T, kind, name, dir string, content []byte, seen map[string]int) {
	t.Helper()
	path := filepath.Join(dir, name)
	err := os.WriteFile(path, content, 0o600)
	if content == nil {
		err = os.Remove(path)
	}
	if err != nil {
		t.Fatal(err)
	}
	n, err := read(dir)
	if err == nil {
		if n != batches && kind != "log" {
			t.Errorf("%s, %d bytes: %d batches and no error", name, len(content), n)
		}
		return
	}
	seen[kind]++
	var d *state.DamageError
	if !errors.As(err, &d) || !strings.Contains(err.Error(), "cepd backup restore") {
		t.Errorf("%s, %d bytes: no remedy in: %v", name, len(content), err)
	}
	if strings.Contains(err.Error(), "goroutine") {
		t.Errorf("%s: a stack in %v", name, err)
	}
}
