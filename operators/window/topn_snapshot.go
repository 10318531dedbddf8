package window

import (
	"bytes"
	"encoding/binary"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state"
)

// The snapshots of numbered rows:
//
//	m                -> version | watermark
//	p end start slot -> key | rows | per row: time | id | sort keys | length | columns

// Snapshot writes the groups that changed since the last one.
func (t *topN) Snapshot(w state.Writer) error {
	for _, prefix := range t.gone {
		if err := w.DeleteRange(prefix, state.PrefixEnd(prefix)); err != nil {
			return err
		}
	}
	t.gone = t.gone[:0]
	var buf []byte
	for _, x := range t.order {
		prefix := panePrefix(x.bounds)
		for _, slot := range x.dirty {
			g := &x.groups[slot]
			g.dirty, x.saved = false, true
			buf = appendGroup(buf[:0], x.Key(slot), int64(len(g.entries)))
			for i := range g.entries {
				buf = t.p.appendEntry(buf, &g.entries[i])
			}
			if err := w.Put(slotKey(prefix[:len(prefix):len(prefix)], slot), buf); err != nil {
				return err
			}
		}
		x.dirty = x.dirty[:0]
	}
	return w.Put([]byte{prefixMark}, appendTime([]byte{snapshotVersion}, t.wm))
}

func (p *TopProgram) appendEntry(dst []byte, e *entry) []byte {
	for _, x := range [...]uint64{uint64(e.time), e.id.Hi, e.id.Lo} {
		dst = binary.LittleEndian.AppendUint64(dst, x)
	}
	for i, k := range p.plan.OrderBy {
		dst = event.AppendValue(dst, p.plan.Input.Schema().Fields[k.Column].Type, e.keys[i])
	}
	return append(binary.AppendUvarint(dst, uint64(len(e.row))), e.row...)
}

func (p *TopProgram) readEntry(src []byte) (e entry, rest []byte, err error) {
	if len(src) < 24 {
		return e, nil, event.ErrCorrupt
	}
	word := func(i int) uint64 { return binary.LittleEndian.Uint64(src[8*i:]) }
	e.time, e.id = event.Time(word(0)), event.ID{Hi: word(1), Lo: word(2)}
	src = src[24:]
	for _, k := range p.plan.OrderBy {
		var v event.Value
		if v, src, err = event.ReadValue(src, p.plan.Input.Schema().Fields[k.Column].Type); err != nil {
			return e, nil, err
		}
		e.keys = append(e.keys, v)
	}
	n, w := binary.Uvarint(src)
	if w <= 0 || n > uint64(len(src)-w) {
		return e, nil, event.ErrCorrupt
	}
	e.row = src[w : w+int(n) : w+int(n)]
	return e, src[w+int(n):], nil
}

// Restore reads the groups.
func (t *topN) Restore(r state.Reader) error {
	t.track = true
	mark, ok, err := r.Get([]byte{prefixMark})
	if err != nil || !ok {
		return err
	}
	if len(mark) != 9 || mark[0] != snapshotVersion {
		return errVersion
	}
	t.wm = readTime(mark[1:])
	return r.Scan([]byte{prefixPane}, []byte{prefixPane + 1}, t.restoreGroup)
}

func (t *topN) restoreGroup(key, value []byte) error {
	if len(key) != 21 {
		return event.ErrCorrupt
	}
	x := t.window(bounds{end: readTime(key[1:]), start: readTime(key[9:])})
	id, n, rest, err := readGroup(t.p.codec, value)
	if err != nil || int32(binary.BigEndian.Uint32(key[17:])) != x.N {
		return event.ErrCorrupt
	}
	slot := x.Add(t.p.codec.Hash(id), id)
	x.groups, x.saved = append(x.groups, topGroup{}), true
	rest = bytes.Clone(rest) // entries are views of it
	for range n {
		var e entry
		if e, rest, err = t.p.readEntry(rest); err != nil {
			return err
		}
		x.groups[slot].entries = append(x.groups[slot].entries, e)
		t.count(&e, 1)
	}
	if len(rest) > 0 {
		return event.ErrCorrupt
	}
	return nil
}
