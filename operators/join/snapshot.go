package join

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state"
)

// The snapshots:
//
//	m              -> version | per side: first and next row | of NOT IN: right rows with a NULL key
//	c side chunk   -> rows, as state.AppendBatch
//	f side chunk   -> flags of the rows
//
// A chunk is written again when it has grown, its flags when one has changed.
// Keys and their lists follow from the rows.
const (
	snapshotVersion = 1
	prefixMark      = 'm'
	prefixChunk     = 'c'
	prefixFlags     = 'f'
)

var errVersion = errors.New("the state of a join was written by another version of cepd, which this one does not read")

func chunkKey(prefix byte, s int, number uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{prefix, byte(s)}, number)
}

// Snapshot writes what changed since the last one.
func (j *Join) Snapshot(w state.Writer) error {
	mark := []byte{snapshotVersion}
	for s := range j.logs {
		l := &j.logs[s]
		if err := l.snapshot(w, s); err != nil {
			return err
		}
		mark = binary.AppendUvarint(binary.AppendUvarint(mark, l.first), l.next)
	}
	if j.p.plan.NullAware {
		mark = binary.AppendUvarint(mark, j.nulls)
	}
	return w.Put([]byte{prefixMark}, mark)
}

func (l *log) snapshot(w state.Writer, s int) error {
	if n := len(l.lost); n > 0 { // all at the front
		for _, prefix := range []byte{prefixChunk, prefixFlags} {
			if err := w.DeleteRange(chunkKey(prefix, s, l.lost[0]), chunkKey(prefix, s, l.lost[n-1]+1)); err != nil {
				return err
			}
		}
	}
	l.lost = l.lost[:0]
	for i, c := range l.chunks {
		number := l.base + uint64(i)
		grown := c.saved < c.rows()
		if grown {
			if err := w.Put(chunkKey(prefixChunk, s, number), state.AppendBatch(nil, c.b)); err != nil {
				return err
			}
		}
		if c.dirty || grown {
			if err := w.Put(chunkKey(prefixFlags, s, number), c.flags); err != nil {
				return err
			}
		}
		c.saved, c.dirty = c.rows(), false
	}
	return nil
}

// Restore reads the chunks, one at a time, and makes the keys again. The columns are
// let go of.
func (j *Join) Restore(r state.Reader) error {
	for s := range j.logs {
		j.logs[s].r = r
	}
	mark, ok, err := r.Get([]byte{prefixMark})
	if err != nil || !ok {
		return err
	}
	if len(mark) == 0 || mark[0] != snapshotVersion {
		return errVersion
	}
	mark = mark[1:]
	for s := range j.logs {
		l := &j.logs[s]
		for _, to := range []*uint64{&l.first, &l.next} {
			n := 0
			if *to, n = binary.Uvarint(mark); n <= 0 {
				return event.ErrCorrupt
			}
			mark = mark[n:]
		}
		if err := j.restoreLog(r, s); err != nil {
			return err
		}
	}
	if j.p.plan.NullAware {
		n := 0
		if j.nulls, n = binary.Uvarint(mark); n <= 0 {
			return event.ErrCorrupt
		}
	}
	return nil
}

func (j *Join) restoreLog(r state.Reader, s int) error {
	l := &j.logs[s]
	l.base = l.first >> chunkBits
	j.hands[s].next = l.next
	return r.Scan(chunkKey(prefixChunk, s, 0), []byte{prefixChunk, byte(s) + 1}, func(key, value []byte) error {
		number := l.base + uint64(len(l.chunks))
		if len(key) != 10 || binary.BigEndian.Uint64(key[2:]) != number {
			return event.ErrCorrupt
		}
		c := &chunk{b: event.NewBatch(l.schema)}
		l.chunks = append(l.chunks, c)
		if err := state.ReadBatch(value, c.b); err != nil {
			return err
		}
		flags, _, err := r.Get(chunkKey(prefixFlags, s, number))
		if err != nil {
			return err
		}
		if len(flags) != c.b.N || number<<chunkBits+uint64(c.b.N) > l.next {
			return event.ErrCorrupt
		}
		if !l.restoreFlags(c, flags, number) {
			return event.ErrCorrupt
		}
		if err := j.relink(s, c, number); err != nil {
			return err
		}
		c.times, c.b = slices.Clone(c.b.Time), nil
		l.cold += int64(c.rows())
		return nil
	})
}

// restoreFlags says whether the flags can be so: rows before the first are gone.
func (l *log) restoreFlags(c *chunk, flags []byte, number uint64) bool {
	c.flags, c.saved = append(c.flags, flags...), c.b.N
	for i, f := range flags {
		c.slots, c.links = append(c.slots, none), append(c.links, noRow)
		if f&gone != 0 {
			continue
		}
		if number<<chunkBits+uint64(i) < l.first {
			return false
		}
		c.live++
	}
	l.live += int64(c.live)
	return true
}

// relink puts the rows of a chunk that are held into the lists of their keys.
func (j *Join) relink(s int, c *chunk, number uint64) error {
	j.run = j.run[:0]
	for i := range int32(c.b.N) {
		if c.flags[i]&gone == 0 {
			j.run = append(j.run, i)
		}
	}
	j.hands[s].ids.Gather(c.b, j.run, 0)
	j.pin(s, len(j.run))
	for n, i := range j.run {
		slot := j.hands[s].slots[n]
		if slot == none {
			return event.ErrCorrupt
		}
		j.keys[slot].pins--
		j.link(s, number<<chunkBits+uint64(i), c, i, slot)
	}
	return nil
}
