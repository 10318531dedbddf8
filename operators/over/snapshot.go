package over

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators/cold"
	"github.com/cepd/cepd/query/plan"
	"github.com/cepd/cepd/state"
)

// The snapshots:
//
//	m                    -> version | watermark [| mark of the ends of time]
//	k key                -> time of the last row | begin | end | per bounded frame: begin, front | states of the others
//	r length key number  -> time | states of the row alone
//	t bucket serial      -> keys by the end of their time (cold.Alarms)
//
// A row is written once. The states of bounded frames are not: they are made
// again of the rows, in the same order and with the same stacks. Version 1 has no
// keys by time.
const (
	snapshotVersion = 2
	prefixMark      = 'm'
	prefixKey       = 'k'
	prefixRow       = 'r'
	prefixTime      = 't'
)

var (
	errVersion = errors.New("the state of OVER was written by another version of cepd, which this one does not read")
	errPending = errors.New("over: a snapshot within a step")
)

func rowPrefix(key []byte) []byte {
	return append(binary.AppendUvarint([]byte{prefixRow}, uint64(len(key))), key...)
}

func rowKey(prefix []byte, number uint64) []byte {
	return binary.BigEndian.AppendUint64(prefix[:len(prefix):len(prefix)], number)
}

// Snapshot writes what changed since the last one.
func (o *Over) Snapshot(w state.Writer) error {
	if len(o.pending) > 0 {
		return errPending
	}
	for _, key := range o.gone {
		if err := w.Delete(append([]byte{prefixKey}, key...)); err != nil {
			return err
		}
		prefix := rowPrefix(key)
		if err := w.DeleteRange(prefix, state.PrefixEnd(prefix)); err != nil {
			return err
		}
	}
	o.gone = o.gone[:0]
	if o.cold != nil {
		o.cold.Captured()
	}
	for _, slot := range o.dirty {
		k := &o.keys[slot]
		k.dirty = false
		if !k.used {
			continue
		}
		if err := o.snapshotKey(w, slot, k); err != nil {
			return err
		}
	}
	o.dirty = o.dirty[:0]
	if err := o.cold.alarms.Write(w, o.open()); err != nil {
		return err
	}
	mark := binary.LittleEndian.AppendUint64([]byte{snapshotVersion}, uint64(o.wm))
	return w.Put([]byte{prefixMark}, o.cold.alarms.AppendMark(mark))
}

func (o *Over) snapshotKey(w state.Writer, slot int32, k *keyState) error {
	key := o.table.Key(slot)
	if err := w.Put(append([]byte{prefixKey}, key...), o.appendKey(nil, slot, k)); err != nil {
		return err
	}
	if o.p.keeps {
		if err := o.snapshotRows(w, k, rowPrefix(key)); err != nil {
			return err
		}
	}
	k.stored, k.recent, k.from, k.to = true, true, k.begin, k.end
	if o.p.ttl > 0 {
		o.cold.alarms.File(o.end(slot), key)
	}
	return nil
}

// snapshotRows writes the rows that are new, and deletes those that are gone.
func (o *Over) snapshotRows(w state.Writer, k *keyState, prefix []byte) error {
	if gone := min(k.begin, k.to); k.stored && k.from < gone {
		if err := w.DeleteRange(rowKey(prefix, k.from), rowKey(prefix, gone)); err != nil {
			return err
		}
	}
	number := k.end
	var buf []byte
	for row := k.last; row != none && number > max(k.to, k.begin); row = o.rows.list[row].prev {
		number--
		buf = binary.LittleEndian.AppendUint64(buf[:0], uint64(o.rows.list[row].time))
		buf = o.rows.states.Append(buf, row)
		if err := w.Put(rowKey(prefix, number), buf); err != nil {
			return err
		}
	}
	return nil
}

func (o *Over) appendKey(dst []byte, slot int32, k *keyState) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(k.time))
	dst = binary.AppendUvarint(binary.AppendUvarint(dst, k.begin), k.end)
	for f := range o.frames {
		if r := &o.frames[f]; r.Preceding == plan.Unbounded {
			dst = r.states.Append(dst, slot)
			continue
		}
		at := o.frame(slot, f)
		dst = binary.AppendUvarint(binary.AppendUvarint(dst, at.begin), uint64(at.front))
	}
	return dst
}

// Restore reads the watermark; keys are read when rows of them come.
func (o *Over) Restore(r state.Reader) error {
	o.track = true
	o.cold = o.newCold(r)
	o.cold.alarms.Begin(o.open(), false)
	mark, ok, err := r.Get([]byte{prefixMark})
	if err != nil {
		return err
	}
	if !ok {
		return o.cold.Learn()
	}
	byTime := len(mark) == 9+cold.MarkBytes && mark[0] == snapshotVersion
	if !byTime && (len(mark) != 9 || mark[0] != 1) {
		return errVersion
	}
	o.wm = event.Time(binary.LittleEndian.Uint64(mark[1:]))
	o.cold.alarms.Begin(o.open(), !byTime)
	if !byTime {
		o.cold.Complete()
		return o.restoreAll(r)
	}
	if err := o.cold.alarms.ReadMark(mark[9:]); err != nil {
		return err
	}
	return o.cold.Learn()
}

// restoreAll reads the keys of version 1; the next snapshot writes them all, and
// when their time ends.
func (o *Over) restoreAll(r state.Reader) error {
	err := r.Scan([]byte{prefixKey}, []byte{prefixKey + 1}, func(key, value []byte) error {
		_, err := o.restoreKey(key[1:], value)
		return err
	})
	if err != nil {
		return err
	}
	if err := r.Scan([]byte{prefixRow}, []byte{prefixRow + 1}, func(key, value []byte) error { return o.restoreRow(key[1:], value) }); err != nil {
		return err
	}
	for slot := range o.keys {
		if err := o.rebuild(int32(slot)); err != nil {
			return err
		}
		o.touch(int32(slot))
	}
	return nil
}

func (o *Over) restoreKey(key, src []byte) (slot int32, err error) {
	if !o.p.codec.Valid(key) || len(src) < 8 {
		return 0, event.ErrCorrupt
	}
	slot = o.table.Add(o.p.codec.Hash(key), key)
	o.grow()
	k := &o.keys[slot]
	k.used, k.stored, k.recent, k.time = true, true, true, event.Time(binary.LittleEndian.Uint64(src))
	src = src[8:]
	for _, to := range []*uint64{&k.begin, &k.end} {
		if *to, src, err = uvarint(src); err != nil {
			return 0, err
		}
	}
	k.from, k.to = k.begin, k.end
	for f := range o.frames {
		if src, err = o.restoreFrame(slot, f, src); err != nil {
			return 0, err
		}
	}
	if len(src) > 0 {
		return 0, event.ErrCorrupt
	}
	if o.p.ttl > 0 {
		o.arm(slot)
	}
	return slot, nil
}

func (o *Over) restoreFrame(slot int32, f int, src []byte) (rest []byte, err error) {
	r, at := &o.frames[f], o.frame(slot, f)
	if r.Preceding == plan.Unbounded {
		return r.states.Read(src, slot)
	}
	if at.begin, src, err = uvarint(src); err != nil {
		return nil, err
	}
	front, src, err := uvarint(src)
	if err == nil && front > 0 && (r.suffix == nil || front > math.MaxInt32) {
		err = event.ErrCorrupt
	}
	at.front = int32(front)
	return src, err
}

func uvarint(src []byte) (uint64, []byte, error) {
	x, w := binary.Uvarint(src)
	if w <= 0 {
		return 0, nil, event.ErrCorrupt
	}
	return x, src[w:], nil
}

// restoreRow appends a row to its key's list; rows come in order.
func (o *Over) restoreRow(key, src []byte) error {
	n, rest, err := uvarint(key)
	if err != nil || uint64(len(rest)) != n+8 || len(src) < 8 {
		return event.ErrCorrupt
	}
	id := rest[:n]
	slot, ok := o.table.Find(o.p.codec.Hash(id), id)
	if !ok || !o.p.codec.Valid(id) {
		return event.ErrCorrupt
	}
	at := o.rows.take(1, nil)[0]
	k := &o.keys[slot]
	o.rows.list[at] = row{event.Time(binary.LittleEndian.Uint64(src)), none, k.last}
	if k.last == none {
		k.first = at
	} else {
		o.rows.list[k.last].next = at
	}
	k.last = at
	if rest, err = o.rows.states.Read(src[8:], at); err == nil && len(rest) > 0 {
		err = event.ErrCorrupt
	}
	return err
}

// rebuild makes the bounded frames of a key of its rows.
func (o *Over) rebuild(slot int32) error {
	k := &o.keys[slot]
	if !k.used {
		return nil
	}
	for f := range o.frames {
		r, at := &o.frames[f], o.frame(slot, f)
		if r.Preceding == plan.Unbounded || at.begin == k.end {
			continue
		}
		row := k.first
		for n := k.begin; n < at.begin && row != none; n++ {
			row = o.rows.list[row].next
		}
		if row == none {
			return event.ErrCorrupt
		}
		at.first, at.last, at.n = row, k.last, int32(k.end-at.begin)
		if err := o.refill(r, slot, at); err != nil {
			return err
		}
	}
	return nil
}

// refill merges the rows of a frame into its states: those behind the front
// where there are two stacks, all where rows can be taken out.
func (o *Over) refill(r *running, slot int32, at *frameState) error {
	last := int32(none) // of the front
	i := int32(0)
	for row := at.first; row != none; row = o.rows.list[row].next {
		behind := i >= at.front
		if !behind {
			last = row
		}
		r.count([]int32{slot}, 1)
		for _, c := range r.merged {
			if !behind && contains(r.stacked, c) {
				continue
			}
			if err := r.states.Cols[c].Merge([]int32{slot}, o.kind(r, c), []int32{row}); err != nil {
				return err
			}
		}
		i++
	}
	if last == none {
		return nil
	}
	return o.stack(r, at.first, last)
}
