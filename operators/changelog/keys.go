package changelog

import (
	"encoding/binary"
	"fmt"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators/group"
	"github.com/cepd/cepd/state"
)

// keys is the keys of an operator, each with a slot, what a snapshot has to know
// of them, and when they are forgotten.
type keys struct {
	group.Table
	ids    group.Keys
	ttl    int64        // µs without a row after which a key is forgotten; 0: never
	wm     event.Time   // told last
	used   []event.Time // by slot: of the last row
	expiry group.Deadlines
	marks  []mark // by slot
	dirty  []int32
	gone   []int32 // slots that snapshots hold and that are free
	track  bool
}

// mark is what a snapshot knows of a slot.
type mark struct{ dirty, saved bool }

func newKeys(codec *group.Codec, ttl int64) keys {
	k := keys{ttl: ttl, wm: event.MinTime}
	k.ids.Codec = codec
	k.Reset()
	return k
}

// slot finds or makes the slot of gathered key i; fresh says that it was made.
func (k *keys) slot(i int) (s int32, fresh bool) {
	h, key := k.ids.Hash(i), k.ids.At(i)
	if s, ok := k.Find(h, key); ok {
		return s, false
	}
	s = k.Add(h, key)
	k.grow()
	k.used[s] = event.MinTime
	return s, true
}

func (k *keys) grow() {
	for len(k.used) < int(k.N) {
		k.used, k.marks = append(k.used, event.MinTime), append(k.marks, mark{})
	}
}

// touch notes that a row of time t has changed a slot.
func (k *keys) touch(s int32, t event.Time) {
	if k.track && !k.marks[s].dirty {
		k.marks[s].dirty = true
		k.dirty = append(k.dirty, s)
	}
	if k.ttl == 0 {
		return
	}
	armed := k.used[s] != event.MinTime
	k.used[s] = max(k.used[s], t)
	if !armed {
		k.arm(s)
	}
}

// stale says whether a slot is forgotten for a row of time t. That it may still be
// there depends on when the watermark was told, the answer does not: a row has the
// time of the watermark that it met, or a later one.
func (k *keys) stale(s int32, t event.Time) bool {
	return k.ttl > 0 && k.used[s] != event.MinTime && t >= later(k.used[s], k.ttl)
}

// arm sets the timer of a slot. One that is used again keeps it; when it goes off
// too early it is set anew.
func (k *keys) arm(s int32) {
	k.expiry.Push(group.Deadline{At: later(k.used[s], k.ttl), Slot: s})
}

func later(t event.Time, d int64) event.Time {
	if t > event.MaxTime-1-d {
		return event.MaxTime - 1
	}
	return t + d
}

// idle visits the slots that have had no row for the time to live.
func (k *keys) idle(wm event.Time, visit func(s int32)) {
	for len(k.expiry) > 0 && k.expiry[0].At <= wm && wm < event.MaxTime {
		s := k.expiry.Pop().Slot
		switch {
		case !k.Has(s) || k.used[s] == event.MinTime: // forgotten before
		case later(k.used[s], k.ttl) > wm:
			k.arm(s)
		default:
			visit(s)
		}
	}
}

// release frees a slot.
func (k *keys) release(s int32) {
	k.Remove(s)
	k.used[s] = event.MinTime
	if k.marks[s].saved {
		k.marks[s].saved = false
		k.gone = append(k.gone, s)
	}
}

func (k *keys) memory() int64 {
	return k.Table.Bytes() + int64(cap(k.used))*8 + int64(cap(k.marks))*2 + int64(cap(k.expiry))*16
}

// The snapshots of all operators here:
//
//	m      -> version | watermark
//	k slot -> key | time of the last row | what the operator keeps
const (
	snapshotVersion = 1
	prefixMark      = 'm'
	prefixKey       = 'k'
)

var errVersion = fmt.Errorf("the state of a changelog was written by another version of cepd, which this one does not read")

func slotKey(s int32) []byte { return binary.BigEndian.AppendUint32([]byte{prefixKey}, uint32(s)) }

// snapshot writes the slots that changed; save encodes what the operator keeps.
func (k *keys) snapshot(w state.Writer, save func(dst []byte, s int32) []byte) error {
	for _, s := range k.gone {
		if err := w.Delete(slotKey(s)); err != nil {
			return err
		}
	}
	k.gone = k.gone[:0]
	var buf []byte
	for _, s := range k.dirty {
		k.marks[s].dirty = false
		if !k.Has(s) {
			continue // forgotten since
		}
		k.marks[s].saved = true
		buf = appendBytes(buf[:0], k.Key(s))
		buf = binary.BigEndian.AppendUint64(buf, uint64(k.used[s]))
		if err := w.Put(slotKey(s), save(buf, s)); err != nil {
			return err
		}
	}
	k.dirty = k.dirty[:0]
	return w.Put([]byte{prefixMark}, binary.BigEndian.AppendUint64([]byte{snapshotVersion}, uint64(k.wm)))
}

// restore reads what snapshot wrote; load decodes what the operator keeps.
func (k *keys) restore(r state.Reader, load func(src []byte, s int32) error) error {
	k.track = true
	mark, ok, err := r.Get([]byte{prefixMark})
	if err != nil || !ok {
		return err
	}
	if len(mark) != 9 || mark[0] != snapshotVersion {
		return errVersion
	}
	k.wm = event.Time(binary.BigEndian.Uint64(mark[1:]))
	err = r.Scan([]byte{prefixKey}, []byte{prefixKey + 1}, func(key, value []byte) error {
		return k.restoreSlot(key, value, load)
	})
	k.Holes()
	return err
}

func (k *keys) restoreSlot(key, value []byte, load func(src []byte, s int32) error) error {
	if len(key) != 5 {
		return event.ErrCorrupt
	}
	s := int32(binary.BigEndian.Uint32(key[1:]))
	id, rest, err := readBytes(value)
	if err != nil || len(rest) < 8 || s < k.N || s > maxSlot || !k.ids.Codec.Valid(id) {
		return event.ErrCorrupt
	}
	k.AddAt(s, k.ids.Codec.Hash(id), id)
	k.grow()
	k.used[s], k.marks[s].saved = event.Time(binary.BigEndian.Uint64(rest)), true
	if k.ttl > 0 && k.used[s] == event.MinTime { // there was no time to live before
		k.used[s] = k.wm
	}
	if k.ttl > 0 {
		k.arm(s)
	}
	return load(rest[8:], s)
}

// maxSlot keeps damaged state from asking for memory without end.
const maxSlot = 1 << 28

func appendBytes(dst, p []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(p))), p...)
}

func readBytes(src []byte) (p, rest []byte, err error) {
	n, w := binary.Uvarint(src)
	if w <= 0 || n > uint64(len(src)-w) {
		return nil, nil, event.ErrCorrupt
	}
	return src[w:][:n:n], src[w+int(n):], nil
}
