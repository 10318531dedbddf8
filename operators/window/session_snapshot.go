package window

import (
	"encoding/binary"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators/cold"
	"github.com/cepd/cepd/operators/group"
	"github.com/cepd/cepd/state"
)

// The snapshots of sessions:
//
//	m               -> version | watermark | first end to be reported | next number | mark of the ends
//	e key           -> count | per session, the earliest first: number | rows | start | end | states
//	t bucket serial -> keys by the first end of their sessions (cold.Alarms)
//
// Version 1 has a session's slot for its number:
//
//	m      -> version | watermark
//	s slot -> key | rows | start | end | states
const (
	sessionVersion = 2
	prefixSessions = 'e'
	prefixTime     = 't'
)

const sessionMarkBytes = 1 + 3*8 + cold.MarkBytes

// Snapshot writes the keys that changed since the last one.
func (o *sessions) Snapshot(w state.Writer) error {
	if o.slotted {
		o.slotted, o.next = false, uint64(len(o.list))
		if err := w.DeleteRange([]byte{prefixSession}, []byte{prefixSession + 1}); err != nil {
			return err
		}
	}
	for _, key := range o.gone {
		if err := w.Delete(append([]byte{prefixSessions}, key...)); err != nil {
			return err
		}
	}
	o.gone = o.gone[:0]
	o.cold.Captured()
	var buf []byte
	for _, key := range o.dirty {
		k := &o.lists[key]
		k.dirty = false
		if !o.Has(key) {
			continue // over since
		}
		k.stored, k.recent = true, true
		buf = o.appendSessions(buf[:0], k.head)
		if err := w.Put(append([]byte{prefixSessions}, o.Table.Key(key)...), buf); err != nil {
			return err
		}
		o.cold.alarms.File(o.earliest(key), o.Table.Key(key))
	}
	o.dirty = o.dirty[:0]
	if err := o.cold.alarms.Write(w, o.unreported()); err != nil {
		return err
	}
	mark := appendTime(appendTime([]byte{sessionVersion}, o.wm), o.resume)
	mark = binary.BigEndian.AppendUint64(mark, o.next)
	return w.Put([]byte{prefixMark}, o.cold.alarms.AppendMark(mark))
}

// appendSessions encodes the sessions of a list, of which s is the latest.
func (o *sessions) appendSessions(dst []byte, s int32) []byte {
	o.slots = o.slots[:0]
	for ; s >= 0; s = o.list[s].next {
		o.slots = append(o.slots, s)
	}
	dst = binary.AppendUvarint(dst, uint64(len(o.slots)))
	for i := len(o.slots) - 1; i >= 0; i-- {
		x := &o.list[o.slots[i]]
		dst = binary.AppendVarint(binary.AppendUvarint(dst, x.number), x.rows)
		dst = o.states.Append(appendTime(appendTime(dst, x.start), x.end), o.slots[i])
	}
	return dst
}

// readHead reads what a session has before its states.
func readHead(src []byte) (x session, rest []byte, err error) {
	number, w := binary.Uvarint(src)
	if w <= 0 {
		return x, nil, event.ErrCorrupt
	}
	rows, v := binary.Varint(src[w:])
	if v <= 0 || len(src)-w-v < 16 {
		return x, nil, event.ErrCorrupt
	}
	src = src[w+v:]
	return session{bounds: bounds{readTime(src), readTime(src[8:])}, rows: rows, number: number, key: -1, next: -1}, src[16:], nil
}

// earliestEnd is the first end of the sessions of an entry.
func earliestEnd(src []byte) (event.Time, error) {
	n, w := binary.Uvarint(src)
	if w <= 0 || n == 0 {
		return 0, event.ErrCorrupt
	}
	x, _, err := readHead(src[w:])
	return x.end, err
}

// readSession reads the next session of a key.
func (o *sessions) readSession(key int32, src []byte) ([]byte, error) {
	x, src, err := readHead(src)
	if err != nil {
		return nil, err
	}
	s := o.take()
	o.list[s] = x
	if src, err = o.states.Read(src, s); err == nil {
		o.adopt(s, key)
	}
	return src, err
}

// Restore reads the watermark; keys are read when rows of them come, or the end of
// a session.
func (o *sessions) Restore(r state.Reader) error {
	o.track = true
	o.cold = o.newCold(r)
	o.cold.alarms.Begin(o.unreported(), false)
	mark, ok, err := r.Get([]byte{prefixMark})
	if err != nil {
		return err
	}
	if !ok {
		return o.cold.Learn()
	}
	switch {
	case len(mark) == sessionMarkBytes && mark[0] == sessionVersion:
	case len(mark) == 9 && mark[0] == 1:
		return o.restoreSlots(r, readTime(mark[1:]))
	default:
		return errVersion
	}
	o.wm, o.resume, o.next = readTime(mark[1:]), readTime(mark[9:]), binary.BigEndian.Uint64(mark[17:])
	if err := o.cold.alarms.ReadMark(mark[25:]); err != nil {
		return err
	}
	o.cold.alarms.Begin(o.unreported(), false)
	return o.cold.Learn()
}

// restoreSlots reads the sessions of version 1. Until the next snapshot, which
// writes them all, sessions are numbered as that did.
func (o *sessions) restoreSlots(r state.Reader, wm event.Time) error {
	o.wm, o.slotted = wm, true
	o.cold.Complete()
	o.cold.alarms.Begin(o.unreported(), true)
	if err := r.Scan([]byte{prefixSession}, []byte{prefixSession + 1}, o.restoreSlot); err != nil {
		return err
	}
	for s := range o.list {
		if o.list[s].key < 0 {
			group.PushLeast(&o.free, int32(s))
		}
	}
	return nil
}

func (o *sessions) restoreSlot(key, value []byte) error {
	if len(key) != 5 {
		return event.ErrCorrupt
	}
	s := int32(binary.BigEndian.Uint32(key[1:]))
	id, rows, rest, err := readGroup(o.p.codec, value)
	if err != nil || len(rest) < 16 || int(s) < len(o.list) {
		return event.ErrCorrupt
	}
	for len(o.list) <= int(s) {
		o.list = append(o.list, session{key: -1, next: -1})
	}
	o.states.Resize(len(o.list))
	o.list[s] = session{bounds: bounds{readTime(rest), readTime(rest[8:])}, rows: rows, number: uint64(s)}
	if rest, err = o.states.Read(rest[16:], s); err != nil || len(rest) > 0 {
		return event.ErrCorrupt
	}
	h := o.p.codec.Hash(id)
	slot, ok := o.Find(h, id)
	if !ok {
		slot = o.newKey(h, id)
	}
	o.adopt(s, slot)
	o.touch(slot)
	return nil
}

// adopt puts a session that was read into the list of its key.
func (o *sessions) adopt(s, key int32) {
	x := &o.list[s]
	next := o.lists[key].head
	for next >= 0 && o.list[next].start > x.start {
		next = o.list[next].next
	}
	x.key, x.next = key, next
	o.link(key, next, s)
	o.arm(s)
}
