package sim

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/zeebo/xxh3"
)

const stateDir = "db"

// disk is the file system of a process. Pebble's own goroutines use it too: they
// only meet what a turn has armed before.
type disk struct {
	fs *vfs.MemFS

	mu     sync.Mutex
	full   bool
	spoilt bool // it was full once
	armed  bool // the next sync that counts crashes the process
	counts func(file string) bool
	skip   int        // syncs before it
	torn   int        // percent of what was not synced that survives the crash
	seed   uint64     // decides which
	image  *vfs.MemFS // what the crash has left
}

func (d *disk) wrapped() vfs.FS { return errorfs.Wrap(d.fs, errorfs.InjectorFunc(d.meet)) }

// meet is called before each operation.
func (d *disk) meet(op errorfs.Op) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch op.Kind {
	case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
		if d.armed && d.image == nil && d.counts(op.Path) {
			if d.skip--; d.skip < 0 {
				d.crash()
			}
		}
	case errorfs.OpFileWrite, errorfs.OpFileWriteAt, errorfs.OpFilePreallocate, errorfs.OpCreate:
		if d.full {
			return syscall.ENOSPC
		}
	}
	return nil
}

func isLog(file string) bool { return strings.HasSuffix(file, ".log") }
func isAny(string) bool      { return true }

// arm has the next sync of a file that counts crash the process, just before
// the disk has it.
func (d *disk) arm(counts func(string) bool, torn int, seed uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.armed, d.counts, d.torn, d.seed = true, counts, torn, seed
}

func (d *disk) disarm() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.armed = false
}

func (d *disk) fill(full bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full, d.spoilt = full, d.spoilt || full
}

// crashed is what a crash in a sync has left; nil: there was none.
func (d *disk) crashed() *vfs.MemFS {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.image
}

// crashNow crashes between two operations.
func (d *disk) crashNow(torn int, seed uint64) *vfs.MemFS {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.image == nil {
		d.torn, d.seed = torn, seed
		d.crash()
	}
	return d.image
}

func (d *disk) crash() {
	image := d.fs.CrashClone(vfs.CrashCloneCfg{})
	if rng := rand.New(rand.NewPCG(d.seed, 0)); rng.IntN(100) < d.torn {
		if err := tear(image, d.fs, d.torn, d.seed); err != nil {
			panic(err) // of a file system in memory
		}
	}
	d.image = image
}

// sector is what a disk writes at once.
const sector = 512

// tear adds to image what else the disk may have: the directory as it is, and
// sectors of files that were not synced. Lots are drawn for each file by its
// name; in which order Pebble came by them does not matter.
func tear(image, fs *vfs.MemFS, percent int, seed uint64) error {
	names, err := fs.List(stateDir)
	if errors.Is(err, os.ErrNotExist) {
		return nil // there is nothing yet
	}
	if err != nil {
		return err
	}
	slices.Sort(names)
	synced := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rand.New(&namesOnly{1 + len(names)})})
	all := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(0, 0))})
	if err := image.MkdirAll(stateDir, 0o755); err != nil {
		return err
	}
	for _, name := range names {
		file := path.Join(stateDir, name)
		kept, err := contents(synced, file)
		if err != nil {
			return err
		}
		full, err := contents(all, file)
		if err != nil {
			return err
		}
		rng := rand.New(rand.NewPCG(seed, xxh3.HashString(name)))
		if err := rewrite(image, file, tornData(rng, kept, full, percent)); err != nil {
			return err
		}
	}
	return syncDir(image)
}

// namesOnly has CrashClone keep all names of the directory, for which it draws
// first, and nothing of the data that was not synced.
type namesOnly struct{ names int }

func (n *namesOnly) Uint64() uint64 {
	if n.names--; n.names >= 0 {
		return 1 << 40 // IntN(100) is 0
	}
	return 1<<64 - 1 // 99
}

// tornData is synced with some of the sectors in which full differs; those left
// out before the last are zero, or what they were.
func tornData(rng *rand.Rand, synced, full []byte, percent int) []byte {
	data := slices.Clone(synced)
	for i := 0; i < len(full); i += sector {
		end := min(i+sector, len(full))
		if end <= len(synced) && bytes.Equal(full[i:end], synced[i:end]) || rng.IntN(100) >= percent {
			continue
		}
		if grow := end - len(data); grow > 0 {
			data = append(data, make([]byte, grow)...)
		}
		copy(data[i:end], full[i:end])
	}
	return data
}

// contents is what is in a file; nothing when it is not there.
func contents(fs *vfs.MemFS, file string) (data []byte, err error) {
	f, err := fs.Open(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Size() > 0 {
		data = make([]byte, info.Size())
		_, err = f.ReadAt(data, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return data, f.Close()
}

// rewrite writes a file so that the next crash leaves it as it is.
func rewrite(fs *vfs.MemFS, file string, data []byte) error {
	f, err := fs.Create(file, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

func syncDir(fs *vfs.MemFS) error {
	dir, err := fs.OpenDir(stateDir)
	if err != nil {
		return err
	}
	root, err := fs.OpenDir("")
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close(), root.Sync(), root.Close())
}
