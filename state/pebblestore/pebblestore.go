// Package pebblestore keeps state in Pebble. It is the only importer of
// Pebble.
//
//	one DB per data directory; every key begins with the key range of its query
package pebblestore

import (
	"bytes"
	"errors"
	"fmt"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/cepd/cepd/state"
)

// Options tune a store. The zero value is good.
type Options struct {
	FS            vfs.FS // nil: the disk
	CacheBytes    int64  // block cache; 0: 32 MiB
	MemTableBytes uint64 // 0: 32 MiB
}

// Store is a Pebble database.
type Store struct {
	db    *pebble.DB
	cache *pebble.Cache
}

// Open opens or creates the database in dir. A second process that opens the
// same directory gets an error.
func Open(dir string, o Options) (*Store, error) {
	cache := pebble.NewCache(orDefault(o.CacheBytes, 32<<20))
	db, err := pebble.Open(dir, &pebble.Options{
		FS:                 o.FS,
		Cache:              cache,
		MemTableSize:       orDefault(o.MemTableBytes, 32<<20),
		FormatMajorVersion: pebble.FormatNewest,
		Logger:             quiet{},
	})
	if err != nil {
		cache.Unref()
		if errors.Is(err, syscall.EAGAIN) { // the lock on the directory
			err = errors.New("another process uses it; stop that one, or take another directory")
		}
		return nil, fmt.Errorf("open the state in %s: %w", dir, err)
	}
	return &Store{db: db, cache: cache}, nil
}

func orDefault[T int64 | uint64](v, def T) T {
	if v == 0 {
		return def
	}
	return v
}

// Get reads a key.
func (s *Store) Get(key []byte) ([]byte, bool, error) {
	v, closer, err := s.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read the state: %w", err)
	}
	value := append([]byte(nil), v...)
	return value, true, closer.Close()
}

// Scan visits from <= key < to in order; a nil to is the end.
func (s *Store) Scan(from, to []byte, fn func(key, value []byte) error) error {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return fmt.Errorf("read the state: %w", err)
	}
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.ValueAndErr()
		if err == nil {
			err = fn(it.Key(), value)
		}
		if err != nil {
			return errors.Join(err, it.Close())
		}
	}
	return it.Close()
}

// Lookup reads many keys, which are in order, with one iterator: a seek to a key
// that lies near the last one costs little.
func (s *Store) Lookup(keys [][]byte, fn func(i int, value []byte) error) error {
	if len(keys) == 0 {
		return nil
	}
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: keys[0], UpperBound: append(bytes.Clone(keys[len(keys)-1]), 0)})
	if err != nil {
		return fmt.Errorf("read the state: %w", err)
	}
	for i, key := range keys {
		if !it.SeekGE(key) {
			break
		}
		if !bytes.Equal(it.Key(), key) {
			continue
		}
		value, err := it.ValueAndErr()
		if err == nil {
			err = fn(i, value)
		}
		if err != nil {
			return errors.Join(err, it.Close())
		}
	}
	return it.Close()
}

// Size implements state.Sizer.
func (s *Store) Size(from, to []byte) (int64, error) {
	n, err := s.db.EstimateDiskUsage(from, to)
	if err != nil {
		return 0, fmt.Errorf("size of the state: %w", err)
	}
	return int64(n), nil
}

// NewBatch collects writes in memory.
func (s *Store) NewBatch() state.Batch { return &batch{s.db.NewBatch()} }

// Close flushes and closes the database.
func (s *Store) Close() error {
	err := s.db.Close()
	s.cache.Unref()
	return err
}

type batch struct{ b *pebble.Batch }

func (b *batch) Put(key, value []byte) error       { return b.b.Set(key, value, nil) }
func (b *batch) Delete(key []byte) error           { return b.b.Delete(key, nil) }
func (b *batch) DeleteRange(from, to []byte) error { return b.b.DeleteRange(from, to, nil) }
func (b *batch) Len() int                          { return b.b.Len() }
func (b *batch) Close() error                      { return b.b.Close() }

func (b *batch) Commit(sync bool) error {
	o := pebble.NoSync
	if sync {
		o = pebble.Sync
	}
	if err := b.b.Commit(o); err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	return b.b.Close()
}

// quiet drops Pebble's own log: errors come back from the calls, and the
// engine logs those.
type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}

// Fatalf is called when Pebble cannot go on; it must not return.
func (quiet) Fatalf(format string, args ...any) { panic(fmt.Sprintf("pebble: "+format, args...)) }
