package pebblestore

import (
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/cepd/cepd/internal/clock"
)

// disk is the file system of a store. A write that finds no room waits for it:
//
//	Pebble --> vfs.OnDiskFull --> disk      ENOSPC: meet waits for room, the write is tried again
//	Commit --> a goroutine --> Pebble       so that Abandon can end the wait of the caller
type disk struct {
	fs    vfs.FS
	dir   string
	waits bool
	room  func() bool
	tell  func(full bool)
	full  chan struct{} // capacity 1: a write has begun to wait
	given chan struct{} // closed: nobody waits any more
	once  sync.Once
	short atomic.Bool // a write waits
}

// roomInterval is how often a full disk is asked for room.
const roomInterval = 200 * time.Millisecond

func newDisk(dir string, o Options) *disk {
	d := &disk{fs: o.FS, dir: dir, room: o.Room, tell: o.Full, full: make(chan struct{}, 1), given: make(chan struct{})}
	if d.fs == nil {
		d.fs = vfs.Default
		d.room = func() bool { return hasRoom(dir) }
	}
	if d.room != nil {
		d.waits = true
		d.fs = vfs.OnDiskFull(d.fs, d.meet)
	}
	return d
}

// enoughRoom is what has to be free for a write to be tried again; of a small
// disk a twentieth.
const enoughRoom = 16 << 20

func hasRoom(dir string) bool {
	u, err := vfs.Default.GetDiskUsage(dir)
	if err != nil {
		return true // the write will tell
	}
	return u.AvailBytes >= min(enoughRoom, u.TotalBytes/20)
}

// meet returns when there is room.
func (d *disk) meet() {
	d.short.Store(true)
	if d.tell != nil {
		d.tell(true)
	}
	select {
	case d.full <- struct{}{}:
	default:
	}
	for !d.room() {
		tick, _ := clock.Wall{}.After(roomInterval)
		<-tick
	}
	d.short.Store(false)
	if d.tell != nil {
		d.tell(false)
	}
}

func (d *disk) noRoom() error {
	return fmt.Errorf("the disk of %s is full: make room there; what was not written is done again from the sources: %w", d.dir, syscall.ENOSPC)
}

// whileThereIsRoom opens the database, or gives up when the disk is full: an
// opening that has to write waits as long as that lasts, and closes what it has
// opened.
func (d *disk) whileThereIsRoom(open func() (*pebble.DB, error)) (*pebble.DB, error) {
	if !d.waits {
		return open()
	}
	type opened struct {
		db  *pebble.DB
		err error
	}
	done := make(chan opened, 1)
	go func() {
		db, err := open()
		done <- opened{db, err}
	}()
	select {
	case o := <-done:
		return o.db, o.err
	case <-d.full:
	}
	go func() {
		if o := <-done; o.err == nil {
			_ = o.db.Close() // nobody is there to be told
		}
	}()
	return nil, d.noRoom()
}

// wait calls commit and returns with it, or, when the store is abandoned, before
// that. A panic of Pebble's becomes an error.
func (d *disk) wait(under *sync.WaitGroup, commit func() error) error {
	if !d.waits {
		return commit()
	}
	if d.abandoned() {
		return d.noRoom()
	}
	done := make(chan error, 1)
	under.Go(func() { done <- guarded(commit) })
	select {
	case err := <-done:
		return err
	case <-d.given:
		return d.noRoom()
	}
}

func guarded(f func() error) (err error) {
	defer func() {
		if x := recover(); x != nil {
			err = fmt.Errorf("%v", x)
		}
	}()
	return f()
}

func (d *disk) abandoned() bool {
	select {
	case <-d.given:
		return true
	default:
		return false
	}
}

// Full says whether a write waits for room on the disk.
func (s *Store) Full() bool { return s.disk.short.Load() }

// Abandon ends, with an error, commits that wait for room, and those to come, if
// the disk is full. The store is of no use afterwards.
func (s *Store) Abandon() {
	if s.Full() {
		s.disk.once.Do(func() { close(s.disk.given) })
	}
}
