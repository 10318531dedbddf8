package pebblestore_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/cepd/cepd/internal/cepdtest"
	"github.com/cepd/cepd/state/pebblestore"
)

// limited is a disk that is full at times.
type limited struct{ full atomic.Bool }

func (l *limited) options(fs vfs.FS) pebblestore.Options {
	return pebblestore.Options{FS: errorfs.Wrap(fs, errorfs.InjectorFunc(l.meet)), Room: func() bool { return !l.full.Load() }}
}

func (l *limited) meet(op errorfs.Op) error {
	switch op.Kind {
	case errorfs.OpFileWrite, errorfs.OpFileWriteAt, errorfs.OpFilePreallocate, errorfs.OpCreate:
		if l.full.Load() {
			return syscall.ENOSPC
		}
	}
	return nil
}

func put(s *pebblestore.Store, key, value string) error {
	b := s.NewBatch()
	if err := b.Put([]byte(key), []byte(value)); err != nil {
		return err
	}
	return b.Commit(true)
}

func has(t *testing.T, s *pebblestore.Store, key string) bool {
	t.Helper()
	_, ok, err := s.Get([]byte(key))
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

// A write to a full disk waits, and goes on when there is room: nothing has
// failed.
func TestWritesWaitForRoom(t *testing.T) {
	l, told := &limited{}, make(chan bool, 100)
	o := l.options(vfs.NewMem())
	o.Full = func(full bool) { told <- full }
	s, err := pebblestore.Open("db", o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		l.full.Store(true)
		done := make(chan error, 1)
		go func() { done <- put(s, "key", strings.Repeat("x", 1000*(i+1))) }()
		if full := <-told; !full || !s.Full() {
			t.Error("it is not told that the disk is full")
		}
		select {
		case err := <-done:
			t.Fatalf("a write to a full disk ends: %v", err)
		default:
		}
		l.full.Store(false)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if full := <-told; full {
			t.Error("it is not told that there is room")
		}
	}
	if value, _, err := s.Get([]byte("key")); err != nil || len(value) != 3000 {
		t.Errorf("%d bytes, %v", len(value), err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// The end does not wait for room: what was not written is as after a crash.
func TestAbandon(t *testing.T) {
	l, fs := &limited{}, vfs.NewCrashableMem()
	s, err := pebblestore.Open("db", l.options(fs))
	if err != nil {
		t.Fatal(err)
	}
	if err := put(s, "kept", "x"); err != nil {
		t.Fatal(err)
	}
	s.Abandon() // there is room: nothing happens
	if err := put(s, "kept too", "x"); err != nil {
		t.Fatal(err)
	}
	l.full.Store(true)
	done := make(chan error, 1)
	go func() { done <- put(s, "lost", "x") }()
	cepdtest.Await(t, s.Full)
	s.Abandon()
	for _, err := range []error{<-done, put(s, "later", "x"), s.Close()} {
		if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "disk of db is full") {
			t.Error(err)
		}
	}
	s, err = pebblestore.Open("db", pebblestore.Options{FS: fs.CrashClone(vfs.CrashCloneCfg{})})
	if err != nil {
		t.Fatal(err)
	}
	if !has(t, s, "kept") || !has(t, s, "kept too") || has(t, s, "lost") || has(t, s, "later") {
		t.Error("the store is not what it was before")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	l.full.Store(false)
}

// Opening needs room: without it, it says so at once, and can be tried again.
func TestOpeningAFullDisk(t *testing.T) {
	l, fs := &limited{}, vfs.NewCrashableMem()
	s, err := pebblestore.Open("db", pebblestore.Options{FS: fs})
	if err == nil {
		err = put(s, "key", "x")
	}
	if err != nil {
		t.Fatal(err)
	}
	crashed := fs.CrashClone(vfs.CrashCloneCfg{}) // with a log to be read
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	l.full.Store(true)
	if _, err := pebblestore.Open("db", l.options(crashed)); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "make room") {
		t.Fatal(err)
	}
	l.full.Store(false)
	cepdtest.Await(t, func() bool {
		s, err = pebblestore.Open("db", l.options(crashed))
		return err == nil
	})
	if !has(t, s, "key") {
		t.Error("the key is gone")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
