package pattern

import (
	"encoding/binary"
	"fmt"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state"
)

// A snapshot has one entry per key, its kept rows among them:
//
//	"k" key -> version | matches | before | covered | start | n | until | rows …
//
// and one for the shard: "w" -> watermark. What the attempt has made of the
// rows is not stored: feeding them again gives the same. Until is when an idle
// key is forgotten, 0: never; version 1 has not got it.
const (
	snapshotVersion = 2
	prefixKey       = 'k'
	prefixMark      = 'w'
)

// Snapshot writes the keys that changed since the last one.
func (m *Matcher) Snapshot(w state.Writer) error {
	for _, key := range m.gone {
		if err := w.Delete(append([]byte{prefixKey}, key...)); err != nil {
			return err
		}
	}
	m.gone = m.gone[:0]
	var buf []byte
	for _, i := range m.dirty {
		k := m.keys.at(i)
		if k.flags&(keyUsed|keyDirty) != keyUsed|keyDirty {
			continue // forgotten since, or written under an earlier mention
		}
		k.flags = k.flags&^keyDirty | keyStored
		buf = m.appendKey(buf[:0], k)
		if err := w.Put(append([]byte{prefixKey}, k.keyBytes(m.arena)...), buf); err != nil {
			return err
		}
	}
	m.dirty = m.dirty[:0]
	return w.Put([]byte{prefixMark}, binary.LittleEndian.AppendUint64(nil, uint64(m.wm)))
}

func (m *Matcher) appendKey(dst []byte, k *keyState) []byte {
	dst = append(dst, snapshotVersion)
	until := event.Time(0)
	if k.start >= k.n && k.timer >= 0 {
		until = m.timers.items[k.timer].deadline
	}
	for _, n := range [...]int64{k.matches, k.before, k.covered, int64(k.start), int64(k.n), until} {
		dst = binary.AppendUvarint(dst, uint64(n))
	}
	for i := range int(k.n) {
		dst = m.p.layout.appendRow(m.arena, dst, k.row(m.p, m.arena, i))
	}
	return dst
}

// Restore reads the keys and feeds their rows again; nothing is emitted, since
// what could be decided was decided before the snapshot.
func (m *Matcher) Restore(r state.Reader) error {
	m.track = true
	if mark, ok, err := r.Get([]byte{prefixMark}); err != nil {
		return err
	} else if ok && len(mark) == 8 {
		m.wm = event.Time(binary.LittleEndian.Uint64(mark))
	}
	return r.Scan([]byte{prefixKey}, []byte{prefixKey + 1}, func(key, value []byte) error {
		return m.restoreKey(key[1:], value)
	})
}

func (m *Matcher) restoreKey(key, src []byte) error {
	if len(src) == 0 {
		return errCorrupt
	}
	var head [6]int64
	fields := len(head)
	switch src[0] {
	case 1:
		fields--
	case snapshotVersion:
	default:
		return fmt.Errorf("pattern: the state of a key has format %d, this cepd reads formats up to %d: use the version that wrote it, or drop the query's state", src[0], snapshotVersion)
	}
	src = src[1:]
	for i := range fields {
		n, w := binary.Uvarint(src)
		if w <= 0 {
			return errCorrupt
		}
		head[i], src = int64(n), src[w:]
	}
	if head[3] > head[4] || head[4] > int64(m.p.opts.MaxRows) {
		return errCorrupt
	}
	index := m.keys.add(hashKey(key), key)
	k := m.keys.at(index)
	k.flags |= keyStored
	k.matches, k.before, k.covered, k.start = head[0], head[1], head[2], int32(head[3])
	for range head[4] {
		m.room(k)
		k.n++
		m.rows++
		var err error
		if src, err = m.p.layout.readRow(m.arena, src, k.row(m.p, m.arena, int(k.n)-1)); err != nil {
			return err
		}
	}
	if k.start >= k.n && head[5] > 0 {
		m.timers.set(timer{deadline: head[5], key: index})
	}
	err := m.resume(index, k)
	m.hold(index, k)
	return err
}

// resume starts the attempt again over the rows kept.
func (m *Matcher) resume(index int32, k *keyState) error {
	k.pos = k.start
	if k.start >= k.n {
		return nil
	}
	if m.tecs != nil {
		return m.rebuild(index, k)
	}
	if m.edges != nil {
		m.edges.muted = true
		err := m.runEdges(index, k)
		m.edges.muted = false
		return err
	}
	m.start(index, k)
	_, err := m.feed(k)
	return err
}
