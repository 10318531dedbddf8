// Package pebblestore keeps state in Pebble. It is the only importer of
// Pebble.
//
//	one DB per data directory; every key begins with the key range of its query
//
// Pebble cannot go on after a write that failed, and its background work may
// then end the process. So it is not told that a disk is full: the write waits
// until there is room, and with it all that depends on it (disk.go). What the
// disk has lost or changed is reported with the file and a remedy (damage.go).
package pebblestore

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
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
	// Room says whether a full disk has room again; nil: the disk is asked, and a
	// write to another FS fails when there is none.
	Room func() bool
	// Full is told, from any goroutine, when a write begins to wait for room and
	// when it goes on; nil: nobody is.
	Full func(full bool)
	// ReadOnly opens what is there and changes nothing.
	ReadOnly bool
}

// Store is a Pebble database.
type Store struct {
	reader
	db     *pebble.DB
	dir    string
	cache  *pebble.Cache
	disk   *disk
	writes sync.WaitGroup // commits under way
}

// Open opens or creates the database in dir. A second process that opens the
// same directory gets an error, and so does one that finds no room on the disk.
func Open(dir string, o Options) (*Store, error) {
	s := &Store{dir: dir, cache: pebble.NewCache(orDefault(o.CacheBytes, 32<<20)), disk: newDisk(dir, o)}
	noted := ""
	if o.FS == nil && !o.ReadOnly {
		noted = dir
	}
	open := func() (*pebble.DB, error) {
		if o.FS == nil {
			if err := checkManifest(dir); err != nil {
				return nil, err
			}
		}
		return openGuarded(dir, &pebble.Options{
			FS:                  s.disk.fs,
			Cache:               s.cache,
			MemTableSize:        orDefault(o.MemTableBytes, 32<<20),
			FormatMajorVersion:  pebble.FormatNewest,
			MaxManifestFileSize: maxManifest,
			Logger:              quiet{},
			EventListener:       listener(noted),
			ReadOnly:            o.ReadOnly,
		})
	}
	var err error
	if s.db, err = s.disk.whileThereIsRoom(open); err != nil {
		s.cache.Unref()
		if errors.Is(err, syscall.EAGAIN) { // the lock on the directory
			err = errors.New("another process uses it; stop that one, or take another directory")
		}
		return nil, damaged(fmt.Errorf("open the state in %s: %w", dir, err), dir)
	}
	s.reader = reader{s.db, dir}
	return s, nil
}

// openGuarded gives a panic of Pebble as an error: it meets some kinds of damage
// that way.
func openGuarded(dir string, o *pebble.Options) (db *pebble.DB, err error) {
	defer func() {
		if x := recover(); x != nil {
			err = fmt.Errorf("%v", x)
		}
	}()
	return pebble.Open(dir, o)
}

func orDefault[T int64 | uint64](v, def T) T {
	if v == 0 {
		return def
	}
	return v
}

// reader reads a database or a view of it.
type reader struct {
	r   pebble.Reader
	dir string
}

func (s reader) failed(err error) error {
	return damaged(fmt.Errorf("read the state: %w", err), s.dir)
}

// Get reads a key.
func (s reader) Get(key []byte) ([]byte, bool, error) {
	v, closer, err := s.r.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, s.failed(err)
	}
	value := append([]byte(nil), v...)
	return value, true, closer.Close()
}

// Scan visits from <= key < to in order; a nil to is the end.
func (s reader) Scan(from, to []byte, fn func(key, value []byte) error) error {
	it, err := s.r.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return s.failed(err)
	}
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return errors.Join(s.failed(err), it.Close())
		}
		if err := fn(it.Key(), value); err != nil {
			return errors.Join(err, it.Close())
		}
	}
	return s.end(it)
}

// end closes an iterator that found no more: it may have met damage.
func (s reader) end(it *pebble.Iterator) error {
	if err := it.Close(); err != nil {
		return s.failed(err)
	}
	return nil
}

// Lookup reads many keys, which are in order, with one iterator: a seek to a key
// that lies near the last one costs little.
func (s reader) Lookup(keys [][]byte, fn func(i int, value []byte) error) error {
	if len(keys) == 0 {
		return nil
	}
	it, err := s.r.NewIter(&pebble.IterOptions{LowerBound: keys[0], UpperBound: append(bytes.Clone(keys[len(keys)-1]), 0)})
	if err != nil {
		return s.failed(err)
	}
	for i, key := range keys {
		if !it.SeekGE(key) {
			break
		}
		if !bytes.Equal(it.Key(), key) {
			continue
		}
		value, err := it.ValueAndErr()
		if err != nil {
			return errors.Join(s.failed(err), it.Close())
		}
		if err := fn(i, value); err != nil {
			return errors.Join(err, it.Close())
		}
	}
	return s.end(it)
}

// Size implements state.Sizer.
func (s *Store) Size(from, to []byte) (int64, error) {
	n, err := s.db.EstimateDiskUsage(from, to)
	if err != nil {
		return 0, fmt.Errorf("size of the state: %w", err)
	}
	return int64(n), nil
}

// NewView is the database as it is now. What it shows stays on the disk until it
// is closed.
func (s *Store) NewView() state.View {
	snapshot := s.db.NewSnapshot()
	return &view{reader{snapshot, s.dir}, snapshot}
}

type view struct {
	reader
	snapshot *pebble.Snapshot
}

func (v *view) Close() error { return v.snapshot.Close() }

// NewBatch collects writes in memory.
func (s *Store) NewBatch() state.Batch { return &batch{s.db.NewBatch(), s} }

// Close flushes and closes the database. A store that was abandoned is left as
// a crash would leave it.
func (s *Store) Close() error {
	if s.disk.abandoned() {
		return fmt.Errorf("close the state: %w", s.disk.noRoom())
	}
	s.writes.Wait()
	err := s.db.Close()
	s.cache.Unref()
	return err
}

type batch struct {
	b     *pebble.Batch
	store *Store
}

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
	if err := b.store.disk.wait(&b.store.writes, func() error { return b.b.Commit(o) }); err != nil {
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
