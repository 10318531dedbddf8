package pattern

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators/cold"
	"github.com/cepd/cepd/state"
)

// A snapshot has one entry per key, its kept rows among them while they are few:
//
//	"k" key -> version | matches | before | covered | start | n | form [, until] | rows …
//
// and of a key with many rows only where they are, page by page:
//
//	"k" key               -> … | number of the first page | head
//	"r" length key number -> version | rows of the page before its first one here | rows …
//
// the deadlines by time (cold.Alarms), and one entry for the shard:
//
//	"w" -> watermark | width of the buckets of deadlines | serial of the snapshot
//
// What the attempt has made of the rows is not stored: feeding them again gives
// the same. Until is the key's deadline. Form says whether it has one, and
// whether the rows are in pages.
//
// Version 2 has an until, 0 for none, before the form of every key, only idle
// keys have one, and deadlines are not by time. Version 1 has neither until nor
// form. Where keys are not let go of, "w" has the watermark alone.
const (
	snapshotVersion = 3
	pageVersion     = 2
	prefixKey       = 'k'
	prefixPage      = 'r'
	prefixMark      = 'w'
	prefixTime      = 't'
)

// Forms of a key's entry.
const (
	formPaged = 1 << iota
	formTimed
)

// Snapshot writes the keys that changed since the last one; of a key in pages,
// the pages.
func (m *Matcher) Snapshot(w state.Writer) error {
	if err := m.writeGone(w); err != nil {
		return err
	}
	var buf, key []byte
	var own [intKeyBytes]byte
	for _, i := range m.dirty {
		k := m.keys.at(i)
		if k.flags&(keyUsed|keyDirty) != keyUsed|keyDirty {
			continue // forgotten since, or written under an earlier mention
		}
		k.flags = k.flags&^keyDirty | keyStored | keyRecent
		key = append(append(key[:0], prefixKey), k.keyBytes(m.arena, own[:0])...)
		buf = m.appendKey(buf[:0], i, k)
		if err := w.Put(key, buf); err != nil {
			return err
		}
		if k.timer >= 0 && k.flags&keyFiled == 0 && m.cold != nil {
			k.flags |= keyFiled
			m.cold.alarms.File(m.timers.of(k), key[1:])
		}
		if k.flags&keyPaged != 0 {
			if err := m.writePages(w, k, key[1:]); err != nil {
				return err
			}
		}
	}
	m.dirty = m.dirty[:0]
	mark := binary.LittleEndian.AppendUint64(nil, uint64(m.wm))
	if c := m.cold; c != nil {
		if err := c.alarms.Write(w, deadline(m.past, 2)); err != nil {
			return err
		}
		mark = c.alarms.AppendMark(mark)
	}
	return w.Put([]byte{prefixMark}, mark)
}

// writeGone deletes the keys, and pages, that are no more.
func (m *Matcher) writeGone(w state.Writer) error {
	for _, key := range m.gone {
		if err := w.Delete(append([]byte{prefixKey}, key...)); err != nil {
			return err
		}
	}
	for _, key := range m.paged {
		if err := w.DeleteRange(pageKey(key, 0), pageKey(key, -1)); err != nil {
			return err
		}
	}
	m.gone, m.paged = m.gone[:0], m.paged[:0]
	if m.cold != nil {
		m.cold.Captured()
	}
	return nil
}

// pageKey is the key of a page's entry; -1 is behind all of them.
func pageKey(key []byte, number int64) []byte {
	k := append(binary.AppendUvarint([]byte{prefixPage}, uint64(len(key))), key...)
	return binary.BigEndian.AppendUint64(k, uint64(number))
}

// writePages writes the pages that are new or have grown, and deletes those
// that were dropped.
func (m *Matcher) writePages(w state.Writer, k *keyState, key []byte) error {
	g := k.paging
	if g.stored && g.kept < g.first {
		if err := w.DeleteRange(pageKey(key, g.kept), pageKey(key, g.first)); err != nil {
			return err
		}
	}
	g.kept, g.stored = g.first, true
	last := g.first + int64(len(g.pages)-g.gone) - 1
	for number := max(g.saved, g.first); number <= last; number++ {
		if err := w.Put(pageKey(key, number), m.appendPage(nil, k, int(number-g.first))); err != nil {
			return err
		}
	}
	g.saved = last // it may grow
	return nil
}

// appendPage writes the rows of a page that are kept.
func (m *Matcher) appendPage(dst []byte, k *keyState, page int) []byte {
	from, to := page*pageRows-int(k.head), (page+1)*pageRows-int(k.head)
	skipped := max(0, -from)
	dst = append(dst, pageVersion, byte(skipped))
	for i := from + skipped; i < min(to, int(k.n)); i++ {
		dst = m.p.layout.appendRow(m.arena, dst, k.row(m.p, m.arena, i))
	}
	return dst
}

// forgetPages notes that the pages of a key in the snapshots are to go.
func (m *Matcher) forgetPages(k *keyState) {
	if k.paging.stored {
		m.paged = append(m.paged, append([]byte(nil), k.keyBytes(m.arena, nil)...))
	}
}

func (m *Matcher) appendKey(dst []byte, index int32, k *keyState) []byte {
	dst = append(dst, snapshotVersion)
	for _, n := range [...]int64{k.matches, k.before, k.covered, int64(k.start), int64(k.n)} {
		dst = binary.AppendUvarint(dst, uint64(n))
	}
	form := byte(0)
	if k.flags&keyPaged != 0 {
		form |= formPaged
	}
	if k.timer >= 0 {
		form |= formTimed
	}
	if dst = append(dst, form); k.timer >= 0 {
		dst = binary.AppendUvarint(dst, uint64(m.timers.of(k)))
	}
	if k.flags&keyPaged != 0 {
		dst = binary.AppendUvarint(dst, uint64(k.paging.first))
		dst = binary.AppendUvarint(dst, uint64(k.head))
	} else {
		for i := range int(k.n) {
			dst = m.p.layout.appendRow(m.arena, dst, k.row(m.p, m.arena, i))
		}
	}
	if m.p.recalls() {
		dst = m.edges.appendHeld(dst, k.runs)
	}
	if m.joint != nil {
		dst = appendUsed(dst, m.joint.used[index])
	}
	return dst
}

// Restore reads the watermark; keys are read when they are needed. Where keys
// are not let go of, or an earlier version wrote them, it reads all.
func (m *Matcher) Restore(r state.Reader) error {
	m.track = true
	mark, found, err := r.Get([]byte{prefixMark})
	if err != nil {
		return err
	}
	if len(mark) >= 8 {
		m.wm = event.Time(binary.LittleEndian.Uint64(mark))
		m.past = m.wm
	}
	if m.p.spills() {
		m.cold = m.newCold(r)
	}
	if c := m.cold; c != nil && (!found || len(mark) == 8+cold.MarkBytes) {
		if found {
			if err := c.alarms.ReadMark(mark[8:]); err != nil {
				return err
			}
		}
		c.alarms.Begin(deadline(m.past, 2), false)
		return m.learn()
	}
	return m.restoreAll(r)
}

// restoreAll reads the keys and feeds their rows again; nothing is emitted, since
// what could be decided was decided before the snapshot.
func (m *Matcher) restoreAll(r state.Reader) error {
	var paged []header
	err := r.Scan([]byte{prefixKey}, []byte{prefixKey + 1}, func(key, value []byte) error {
		h, rest, err := m.readEntry(key[1:], value)
		if err != nil {
			return err
		}
		if h.paged {
			h.key, h.rest = bytes.Clone(h.key), bytes.Clone(rest)
			paged = append(paged, h)
			return nil
		}
		return m.restoreKey(&h, func(k *keyState) ([]byte, error) { return m.readRows(k, &h, rest, h.rows) })
	})
	for i := 0; i < len(paged) && err == nil; i++ {
		err = m.restorePaged(r, &paged[i], paged[i].rest)
	}
	if c := m.cold; c != nil {
		c.Complete()
		c.alarms.Begin(deadline(m.past, 2), true)
		m.fileAll()
	}
	return err
}

// fileAll has the next snapshot file the deadlines of all keys: what was written
// before keys of the pattern could be let go of has none by time.
func (m *Matcher) fileAll() {
	_ = m.keys.each(func(i int32, k *keyState) error {
		if k.timer >= 0 {
			k.flags &^= keyFiled
			m.touch(i, k)
		}
		return nil
	})
}

// header is what an entry of a key says before its rows.
type header struct {
	key                                          []byte
	version                                      byte
	matches, before, covered, start, rows, until int64
	paged, timed                                 bool
	page, head                                   int64
	rest                                         []byte // of a key in pages: what follows
}

// readEntry reads an entry of a key up to its rows.
func (m *Matcher) readEntry(key, value []byte) (h header, rest []byte, err error) {
	h, rest, err = readHeader(value)
	h.key = key
	if err == nil && h.rows > int64(m.p.opts.MaxRows) {
		err = errCorrupt
	}
	return h, rest, err
}

func readHeader(src []byte) (h header, rest []byte, err error) {
	if len(src) == 0 {
		return h, nil, errCorrupt
	}
	if h.version = src[0]; h.version == 0 || h.version > snapshotVersion {
		return h, nil, fmt.Errorf("pattern: the state of a key has format %d, this cepd reads formats up to %d: use the version that wrote it, or drop the query's state", h.version, snapshotVersion)
	}
	d := decoder{src: src[1:]}
	for _, f := range []*int64{&h.matches, &h.before, &h.covered, &h.start, &h.rows} {
		*f = int64(d.uvarint())
	}
	if h.version == 2 {
		h.until = int64(d.uvarint())
		h.timed = h.until > 0
	}
	form := byte(0)
	if h.version > 1 {
		form = d.byte()
	}
	if h.paged = form&formPaged != 0; form&formTimed != 0 {
		h.timed, h.until = true, int64(d.uvarint())
	}
	if h.paged {
		h.page, h.head = int64(d.uvarint()), int64(d.uvarint())
	}
	if d.bad || h.start < 0 || h.start > h.rows || h.head < 0 || h.head >= pageRows {
		err = errCorrupt
	}
	return h, d.src, err
}

// restoreKey makes a key, whose rows are read by rows, and feeds them.
func (m *Matcher) restoreKey(h *header, rows func(*keyState) (rest []byte, err error)) error {
	index := m.keys.add(hashKey(h.key), h.key)
	k := m.keys.at(index)
	k.flags |= keyStored | keyRecent
	if m.p.counts {
		k.matches, k.before, k.covered = h.matches, h.before, h.covered
	}
	rest, err := rows(k)
	if err != nil {
		return err
	}
	k.start = int32(h.start)
	if m.p.recalls() {
		if err := m.edges.readHeld(rest, k); err != nil {
			return err
		}
	}
	if m.joint != nil {
		if err := m.joint.readUsed(rest, index); err != nil {
			return err
		}
	}
	if h.timed && (k.start >= k.n || m.tecs != nil) {
		m.timers.set(timer{deadline: h.until, id: m.firstID(k), key: index})
	}
	err = m.resume(index, k)
	switch {
	case k.flags&keyUsed == 0:
	case h.version < snapshotVersion || k.timer >= 0 && (!h.timed || m.timers.of(k) != h.until):
		m.touch(index, k) // so that the store knows its deadline
	case k.timer >= 0:
		k.flags |= keyFiled
	}
	m.hold(index, k)
	return err
}

// firstID is the ID of the first kept row, if there is one.
func (m *Matcher) firstID(k *keyState) (id event.ID) {
	if k.n > 0 {
		id = m.rowID(k, 0)
	}
	return id
}

// restorePaged makes a key whose rows are in pages.
func (m *Matcher) restorePaged(r state.Reader, h *header, rest []byte) error {
	rest = bytes.Clone(rest)
	return m.restoreKey(h, func(k *keyState) ([]byte, error) { return rest, m.readPages(r, k, h) })
}

// readRows appends so many rows to the key and gives what follows them.
func (m *Matcher) readRows(k *keyState, h *header, src []byte, rows int64) ([]byte, error) {
	for range rows {
		m.room(k)
		k.n++
		m.rows++
		var err error
		if src, err = m.p.layout.readRow(m.arena, src, k.row(m.p, m.arena, int(k.n)-1), h.version); err != nil {
			return nil, err
		}
	}
	return src, nil
}

// readPages reads the rows of a key from its pages.
func (m *Matcher) readPages(r state.Reader, k *keyState, h *header) error {
	m.page(k)
	g := k.paging
	g.first, g.kept, g.saved, g.stored = h.page, h.page, h.page, true
	k.head = uint8(h.head)
	if h.head > 0 {
		g.pages = append(g.pages, m.arena.alloc(pageRows*m.p.layout.stride))
	}
	scratch := make([]uint64, m.p.layout.stride)
	skip := int(h.head)
	err := r.Scan(pageKey(h.key, h.page), pageKey(h.key, -1), func(_, value []byte) error {
		if len(value) < 2 || value[0] == 0 || value[0] > pageVersion || int(value[1]) > skip {
			return errCorrupt
		}
		src := value[2:]
		for range skip - int(value[1]) { // dropped since the page was written
			var err error
			if src, err = m.p.layout.readRow(m.arena, src, scratch, h.version); err != nil {
				return err
			}
			m.p.layout.drop(m.arena, scratch)
		}
		rows := min(int64(pageRows-skip), h.rows-int64(k.n))
		skip = 0
		_, err := m.readRows(k, h, src, rows)
		return err
	})
	if err == nil && int64(k.n) != h.rows {
		err = errCorrupt
	}
	g.saved = h.page + int64(len(g.pages)) - 1
	return err
}

// resume starts the attempt again over the rows kept.
func (m *Matcher) resume(index int32, k *keyState) error {
	k.pos = k.start
	if k.start >= k.n {
		return nil
	}
	if m.joint != nil {
		m.joint.made = m.joint.made[:0] // of the last row of another key
		m.joint.load(k)
		m.joint.settle(index, k)
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
	decided, err := m.feed(k)
	if decided && err == nil && m.settled(k) { // by conditions that have changed since
		m.timers.set(timer{deadline: deadline(m.past, 1), id: m.rowID(k, int(k.start)), key: index})
	}
	return err
}
