package suppress

import (
	"encoding/binary"
	"errors"
	"sort"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state"
)

// A snapshot has one entry per open window, and one for the shard:
//
//	"k" key -> start | number | count | time | id | row …
//	"m"     -> version | now | opened | total
const (
	snapshotVersion = 1
	prefixKey       = 'k'
)

var (
	markKey    = []byte{'m'}
	errCorrupt = errors.New("suppress: corrupt snapshot")
)

// changes is what the next snapshot has to write.
type changes struct {
	dirty []*window
	gone  []string // keys that snapshots hold and that are no more
}

func (c *changes) touch(w *window) {
	if !w.dirty {
		w.dirty = true
		c.dirty = append(c.dirty, w)
	}
}

func (c *changes) drop(w *window) {
	if w.stored {
		c.gone = append(c.gone, w.key)
	}
}

func entryKey(key string) []byte { return append([]byte{prefixKey}, key...) }

// Snapshot writes the windows that changed since the last one.
func (o *Suppress) Snapshot(w state.Writer) error {
	for _, key := range o.changes.gone {
		if err := w.Delete(entryKey(key)); err != nil {
			return err
		}
	}
	for _, x := range o.changes.dirty {
		x.dirty = false
		if !x.open {
			continue
		}
		x.stored = true
		if err := w.Put(entryKey(x.key), appendWindow(nil, x)); err != nil {
			return err
		}
	}
	o.changes.gone, o.changes.dirty = o.changes.gone[:0], o.changes.dirty[:0]
	return w.Put(markKey, appendWords([]byte{snapshotVersion}, uint64(o.now), o.opened, uint64(o.total)))
}

func appendWords(dst []byte, words ...uint64) []byte {
	for _, w := range words {
		dst = binary.LittleEndian.AppendUint64(dst, w)
	}
	return dst
}

func readWords(src []byte, words ...*uint64) ([]byte, error) {
	for _, w := range words {
		if len(src) < 8 {
			return nil, errCorrupt
		}
		*w, src = binary.LittleEndian.Uint64(src), src[8:]
	}
	return src, nil
}

func appendWindow(dst []byte, x *window) []byte {
	dst = appendWords(dst, uint64(x.start), x.number, uint64(x.count), uint64(x.last.time), x.last.id.Hi, x.last.id.Lo)
	return append(dst, x.last.row...)
}

// Restore reads the open windows.
func (o *Suppress) Restore(r state.Reader) error {
	mark, ok, err := r.Get(markKey)
	if err != nil || !ok {
		return err
	}
	if err := o.restoreMark(mark); err != nil {
		return err
	}
	err = r.Scan([]byte{prefixKey}, []byte{prefixKey + 1}, func(key, value []byte) error {
		return o.restoreWindow(string(key[1:]), value)
	})
	sort.Slice(o.queue.list, func(i, j int) bool { return o.queue.list[i].number < o.queue.list[j].number })
	return err
}

func (o *Suppress) restoreMark(src []byte) error {
	if len(src) == 0 || src[0] != snapshotVersion {
		return errCorrupt
	}
	var now, total uint64
	_, err := readWords(src[1:], &now, &o.opened, &total)
	o.now, o.total = event.Time(now), int64(total)
	return err
}

func (o *Suppress) restoreWindow(key string, src []byte) error {
	x := &window{key: key, open: true, stored: true}
	var start, count, at uint64
	row, err := readWords(src, &start, &x.number, &count, &at, &x.last.id.Hi, &x.last.id.Lo)
	if err != nil {
		return err
	}
	x.start, x.count, x.last.time, x.last.row = event.Time(start), int64(count), event.Time(at), append([]byte(nil), row...)
	o.byKey[key] = x
	o.queue.push(x)
	o.bytes += int64(len(key) + len(row))
	return nil
}
