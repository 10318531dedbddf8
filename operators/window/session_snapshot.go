package window

import (
	"encoding/binary"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators/group"
	"github.com/cepd/cepd/state"
)

// The snapshots of sessions:
//
//	m      -> version | watermark
//	s slot -> key | rows | start | end | states

// Snapshot writes the sessions that changed since the last one.
func (o *sessions) Snapshot(w state.Writer) error {
	for _, s := range o.gone {
		if err := w.Delete(slotKey([]byte{prefixSession}, s)); err != nil {
			return err
		}
	}
	o.gone = o.gone[:0]
	var buf []byte
	for _, s := range o.dirty {
		x := &o.list[s]
		x.dirty = false
		if x.key < 0 {
			continue // over since
		}
		x.saved = true
		buf = appendGroup(buf[:0], o.Table.Key(x.key), x.rows)
		buf = o.states.Append(appendTime(appendTime(buf, x.start), x.end), s)
		if err := w.Put(slotKey([]byte{prefixSession}, s), buf); err != nil {
			return err
		}
	}
	o.dirty = o.dirty[:0]
	return w.Put([]byte{prefixMark}, appendTime([]byte{snapshotVersion}, o.wm))
}

// Restore reads the sessions.
func (o *sessions) Restore(r state.Reader) error {
	o.track = true
	mark, ok, err := r.Get([]byte{prefixMark})
	if err != nil || !ok {
		return err
	}
	if len(mark) != 9 || mark[0] != snapshotVersion {
		return errVersion
	}
	o.wm = readTime(mark[1:])
	if err := r.Scan([]byte{prefixSession}, []byte{prefixSession + 1}, o.restoreSession); err != nil {
		return err
	}
	for s := range o.list {
		if o.list[s].key < 0 {
			group.PushLeast(&o.free, int32(s))
		}
	}
	return nil
}

func (o *sessions) restoreSession(key, value []byte) error {
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
	o.list[s] = session{bounds: bounds{readTime(rest), readTime(rest[8:])}, rows: rows, saved: true}
	if rest, err = o.states.Read(rest[16:], s); err != nil || len(rest) > 0 {
		return event.ErrCorrupt
	}
	o.adopt(s, id)
	return nil
}

// adopt puts a session that was read into the list of its key.
func (o *sessions) adopt(s int32, id []byte) {
	h := o.p.codec.Hash(id)
	key, ok := o.Find(h, id)
	if !ok {
		key = o.newKey(h, id)
	}
	x := &o.list[s]
	next := o.heads[key]
	for next >= 0 && o.list[next].start > x.start {
		next = o.list[next].next
	}
	x.key, x.next = key, next
	o.link(key, next, s)
	o.arm(s)
}
