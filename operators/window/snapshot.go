package window

import (
	"encoding/binary"
	"fmt"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators/group"
	"github.com/cepd/cepd/query/plan"
	"github.com/cepd/cepd/state"
)

// The snapshots of windows other than sessions:
//
//	m                       -> version | watermark | end of the last window [| slot from which on groups are to be reported [| pane]]
//	p end start slot        -> a group of a pane: key | rows | states
//	i end start key         -> its slot                                   version 2
//	h end start             -> the number of slots of the pane            version 2
//	w slot                  -> a group of the running totals: key | rows | front | states
//
// Times and slots are big endian, so that they are read back in order: slots of
// a pane are given out without a gap. Version 2 is of windows whose groups can be
// let go of (cold.go), version 1 of the others, and of all before it.
const (
	snapshotVersion = 1
	coldVersion     = 2
	prefixMark      = 'm'
	prefixPane      = 'p'
	prefixIndex     = 'i'
	prefixHead      = 'h'
	prefixRunning   = 'w'
	prefixSession   = 's'
)

var errVersion = fmt.Errorf("the state of a window was written by another version of cepd, which this one does not read")

func appendTime(dst []byte, t event.Time) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(t)^1<<63)
}

func readTime(src []byte) event.Time { return event.Time(binary.BigEndian.Uint64(src) ^ 1<<63) }

func panePrefix(w bounds) []byte {
	return appendTime(appendTime([]byte{prefixPane}, w.end), w.start)
}

func slotKey(prefix []byte, slot int32) []byte {
	return binary.BigEndian.AppendUint32(prefix, uint32(slot))
}

// appendGroup encodes what groups of panes and of totals have in common.
func appendGroup(dst, key []byte, rows int64) []byte {
	dst = append(binary.AppendUvarint(dst, uint64(len(key))), key...)
	return binary.AppendVarint(dst, rows)
}

func readGroup(c *group.Codec, src []byte) (key []byte, rows int64, rest []byte, err error) {
	n, w := binary.Uvarint(src)
	if w <= 0 || n > uint64(len(src)-w) || !c.Valid(src[w:][:n]) {
		return nil, 0, nil, event.ErrCorrupt
	}
	key, src = src[w:][:n], src[w+int(n):]
	if rows, w = binary.Varint(src); w <= 0 {
		return nil, 0, nil, event.ErrCorrupt
	}
	return key, rows, src[w:], nil
}

// Snapshot writes the groups that changed since the last one.
func (a *aligned) Snapshot(w state.Writer) error {
	for _, prefix := range a.gone {
		for _, part := range []byte{prefixPane, prefixIndex, prefixHead}[:a.parts()] {
			prefix[0] = part
			if err := w.DeleteRange(prefix, state.PrefixEnd(prefix)); err != nil {
				return err
			}
		}
	}
	a.gone = a.gone[:0]
	for _, pn := range a.order {
		if a.r != nil {
			if err := pn.index(w); err != nil {
				return err
			}
		}
		if err := pn.snapshot(w); err != nil {
			return err
		}
	}
	if a.running != nil {
		if err := a.running.snapshot(w); err != nil {
			return err
		}
	}
	version := byte(snapshotVersion)
	if a.r != nil {
		version = coldVersion
	}
	mark := appendTime(appendTime([]byte{version}, a.wm), a.last)
	return w.Put([]byte{prefixMark}, a.appendReported(mark))
}

// appendReported encodes how far the window that is being reported is, if there is
// one.
func (a *aligned) appendReported(mark []byte) []byte {
	switch {
	case a.sliding && a.whole != nil:
		return a.appendGathering(mark)
	case a.sliding:
		return slotKey(mark, a.running.reported)
	case a.running == nil && len(a.order) > 0 && a.order[0].reported > 0:
		return slotKey(mark, a.order[0].reported)
	}
	return mark
}

// restoreReported is called when the panes are there.
func (a *aligned) restoreReported(src []byte) error {
	switch at := int32(binary.BigEndian.Uint32(src)); {
	case a.running != nil:
		a.sliding, a.running.reported = true, at
	case a.whole != nil && len(src) == 8:
		a.sliding, a.whole.from, a.whole.at = true, at, int(binary.BigEndian.Uint32(src[4:]))
	case len(a.order) > 0:
		a.order[0].reported = at
	default:
		return event.ErrCorrupt
	}
	return nil
}

// parts is how many kinds of entries a pane has.
func (a *aligned) parts() int {
	if a.r != nil {
		return 3
	}
	return 1
}

func (pn *pane) snapshot(w state.Writer) error {
	prefix := panePrefix(pn.bounds)
	var buf []byte
	for _, s := range pn.dirty {
		pn.marked[s], pn.saved = false, true
		if pn.slot(s) < pn.reported {
			continue
		}
		buf = pn.states.Append(appendGroup(buf[:0], pn.Key(s), pn.rows[s]), s)
		if err := w.Put(slotKey(prefix[:len(prefix):len(prefix)], pn.slot(s)), buf); err != nil {
			return err
		}
	}
	pn.dirty = pn.dirty[:0]
	return nil
}

func (r *running) snapshot(w state.Writer) error {
	if r.wiped {
		if err := w.DeleteRange([]byte{prefixRunning}, []byte{prefixRunning + 1}); err != nil {
			return err
		}
		r.wiped, r.stored = false, false
	}
	for _, g := range r.gone {
		if err := w.Delete(slotKey([]byte{prefixRunning}, g)); err != nil {
			return err
		}
	}
	r.gone = r.gone[:0]
	var buf []byte
	for _, g := range r.dirty {
		x := &r.groups[g]
		x.dirty = false
		if !r.Has(g) {
			continue // forgotten since
		}
		x.saved, r.stored = true, true
		buf = appendGroup(buf[:0], r.Key(g), x.rows)
		buf = r.states.Append(binary.AppendUvarint(buf, uint64(x.front)), g)
		if err := w.Put(slotKey([]byte{prefixRunning}, g), buf); err != nil {
			return err
		}
	}
	r.dirty = r.dirty[:0]
	return nil
}

// Restore reads the groups, or, where they can be let go of, which panes there
// are. Entries are linked again in the order of panes.
func (a *aligned) Restore(r state.Reader) error {
	a.track = true
	if a.running == nil {
		a.r = r
	}
	mark, ok, err := r.Get([]byte{prefixMark})
	if err != nil || !ok {
		return err
	}
	cold := len(mark) > 0 && mark[0] == coldVersion
	switch {
	case a.running != nil && cold:
		a.gatherAgain(r)
	case a.whole != nil && !cold:
		a.totalAgain()
	}
	if len(mark) != 17 && len(mark) != 21 && len(mark) != 25 || mark[0] != snapshotVersion && !cold {
		return errVersion
	}
	a.wm, a.last = readTime(mark[1:]), readTime(mark[9:])
	if err := a.restorePanes(r, cold); err != nil || len(mark) == 17 {
		return err
	}
	return a.restoreReported(mark[17:])
}

// restorePanes reads the panes and the running totals.
func (a *aligned) restorePanes(r state.Reader, cold bool) error {
	if cold {
		return r.Scan([]byte{prefixHead}, []byte{prefixHead + 1}, a.restoreHead)
	}
	if err := r.Scan([]byte{prefixPane}, []byte{prefixPane + 1}, a.restoreGroup); err != nil {
		return err
	}
	if a.running == nil {
		a.touchAll()
		return nil
	}
	if err := r.Scan([]byte{prefixRunning}, []byte{prefixRunning + 1}, a.running.restoreGroup); err != nil {
		return err
	}
	a.running.Holes()
	return a.relink()
}

func (a *aligned) restoreGroup(key, value []byte) error {
	if len(key) != 21 {
		return event.ErrCorrupt
	}
	pn := a.pane(bounds{end: readTime(key[1:]), start: readTime(key[9:])})
	id, rows, rest, err := readGroup(a.p.codec, value)
	slot := int32(binary.BigEndian.Uint32(key[17:]))
	if err != nil || slot != pn.N {
		return event.ErrCorrupt
	}
	pn.Table.Add(a.p.codec.Hash(id), id)
	pn.grow()
	pn.rows[slot], pn.saved = rows, true
	if rest, err = pn.states.Read(rest, slot); err == nil && len(rest) > 0 {
		err = event.ErrCorrupt
	}
	return err
}

func (r *running) restoreGroup(key, value []byte) error {
	if len(key) != 5 {
		return event.ErrCorrupt
	}
	g := int32(binary.BigEndian.Uint32(key[1:]))
	id, rows, rest, err := readGroup(r.p.codec, value)
	if err != nil {
		return err
	}
	front, w := binary.Uvarint(rest)
	if w <= 0 || g < r.N {
		return event.ErrCorrupt
	}
	r.AddAt(g, r.p.codec.Hash(id), id)
	r.grow(g)
	x := &r.groups[g]
	x.rows, x.front, x.saved, r.stored = rows, int32(front), true, true
	if rest, err = r.states.Read(rest[w:], g); err == nil && len(rest) > 0 {
		err = event.ErrCorrupt
	}
	return err
}

// relink makes the lists of entries of the panes that are in the totals, which
// have the rows of those and no more: else there were windows for ever.
func (a *aligned) relink() error {
	r := a.running
	sums := make([]int64, r.N)
	for _, pn := range a.order {
		if pn.end > a.last {
			break
		}
		a.merged++
		r.register(pn)
		for s := range pn.N {
			if pn.rows[s] == 0 {
				continue
			}
			g, ok := r.Find(pn.Hash(s), pn.Key(s))
			if !ok {
				return event.ErrCorrupt
			}
			r.append(pn, s, g)
			sums[g] += pn.rows[s]
		}
	}
	if a.p.plan.Window.Kind != plan.Hop { // CUMULATE lets go of the panes that it has added
		return nil
	}
	for g, sum := range sums {
		if r.groups[g].rows != sum {
			return event.ErrCorrupt
		}
	}
	return nil
}
