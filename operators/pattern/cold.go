package pattern

import (
	"bytes"
	"errors"
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query/plan"
	"github.com/cepd/cepd/state"
)

// cold is what the matcher knows of keys whose state is in the store only. Such
// a key is in the last snapshot as it is: it is let go of when it has not changed
// since. Three things stay in memory:
//
//	known    32 bits of its hash, so that a key that has no state costs no read
//	alarms   deadlines that are near; the others lie in the store by time
//	absent   keys that the store still has, and that are no more
//
// After a restore all keys are cold. Which those are is learned a slice at a
// time; until then a key behind the cursor may be cold, and is looked for.
type cold struct {
	r      state.Reader
	known  state.Fingerprints // of the cold keys before cursor
	cursor []byte
	whole  bool // the cursor is at the end

	gone    map[string]struct{} // stored keys that are forgotten since the last snapshot
	leaving map[string]struct{} // … since the one before: the write of the last deletes them

	alarms  alarmHeap
	width   event.Time // of a bucket of deadlines
	horizon int64      // the first bucket whose deadlines are not in alarms
	swept   int64      // buckets before this one are deleted
	serial  uint64     // of snapshots

	hand int32 // where the search for keys to let go of goes on
	slab []byte
	keys [][]byte // wanted, in slab

	spilled, reads, loaded int64
}

var ( // tests make them small
	learnKeys = 4096 // read per call until all cold keys are known
	wakeKeys  = 4096 // loaded at a time because their deadline has come
)

func newCold(p *Program, r state.Reader) *cold {
	width := event.Time(60e6)
	if p.within > 0 {
		width = max(1000, p.within/32)
	}
	return &cold{r: r, width: width, gone: map[string]struct{}{}, leaving: map[string]struct{}{}}
}

// spills says whether keys can be let go of. They cannot where a row of one key
// changes others, nor where the watermark of the results hangs on all of them.
func (p *Program) spills() bool {
	return !p.opts.Ordered && p.match.Consume != plan.ConsumeAny
}

// none says that no key is cold.
func (c *cold) none() bool { return c == nil || c.whole && c.known.Count() == 0 }

// covers says whether known decides about a key.
func (c *cold) covers(key []byte) bool { return c.whole || bytes.Compare(key, c.cursor) < 0 }

// has says whether a key that is not in memory may be in the store.
func (c *cold) has(hash uint64, key []byte) bool {
	if c.covers(key) && !c.known.Has(hash) {
		return false
	}
	return !c.absent(key)
}

// absent says whether a key of the store is no more.
func (c *cold) absent(key []byte) bool {
	if len(c.gone) == 0 && len(c.leaving) == 0 {
		return false
	}
	_, gone := c.gone[string(key)]
	_, leaving := c.leaving[string(key)]
	return gone || leaving
}

// want notes a key to be read.
func (c *cold) want(key []byte) {
	if cap(c.slab)-len(c.slab) < len(key) {
		c.slab = make([]byte, 0, max(1<<16, len(key))) // what is noted stays where it is
	}
	from := len(c.slab)
	c.slab = append(c.slab, key...)
	c.keys = append(c.keys, c.slab[from:len(c.slab):len(c.slab)])
}

// thaw reads the cold keys of the batch, all together.
func (m *Matcher) thaw(b *event.Batch) error {
	c := m.cold
	if c.none() {
		return nil
	}
	ints := m.plainKeys(b)
	for n := range b.Live() {
		i := n
		if b.Sel != nil {
			i = int(b.Sel[n])
		}
		if ints {
			key := uint64(b.Cols[m.p.keys[0]].I64[i])
			if hash := hashInt(key); m.keys.findInt(hash, key) != 0 || c.whole && !c.known.Has(hash) {
				continue
			}
		}
		m.encodeKey(b, i)
		if hash := hashKey(m.keyBuf); m.keys.find(hash, m.keyBuf) == 0 && c.has(hash, m.keyBuf) {
			c.want(m.keyBuf)
		}
	}
	return m.fetch()
}

// fetch reads the keys that are wanted.
func (m *Matcher) fetch() error {
	c := m.cold
	if len(c.keys) == 0 {
		return nil
	}
	slices.SortFunc(c.keys, bytes.Compare)
	keys := slices.CompactFunc(c.keys, bytes.Equal)
	entries := m.entries(keys)
	c.reads += int64(len(keys))
	err := c.r.Lookup(entries, func(i int, value []byte) error { return m.admit(keys[i], value) })
	c.keys, c.slab = c.keys[:0], c.slab[:0]
	m.timers.asleep = c.asleep()
	return err
}

// entries are the store's names of keys.
func (m *Matcher) entries(keys [][]byte) [][]byte {
	size := 0
	for _, k := range keys {
		size += 1 + len(k)
	}
	buf, out := make([]byte, 0, size), make([][]byte, len(keys))
	for i, k := range keys {
		from := len(buf)
		buf = append(append(buf, prefixKey), k...)
		out[i] = buf[from:]
	}
	return out
}

// admit makes a cold key warm. Its rows are fed again as after a restore: what
// has been fired by now has been, and no more.
func (m *Matcher) admit(key, value []byte) error {
	c := m.cold
	wm, clock, ended := m.wm, m.clock, m.ended
	m.wm, m.clock, m.ended = m.past, 0, false
	defer func() { m.wm, m.clock, m.ended = wm, clock, ended }()
	c.loaded++
	hash := hashKey(key)
	m.touching(hash)
	if c.covers(key) {
		c.known.Remove(hash)
	}
	h, rest, err := m.readEntry(key, value)
	if err != nil {
		return err
	}
	if h.paged {
		return m.restorePaged(c.r, &h, rest)
	}
	return m.restoreKey(&h, func(k *keyState) ([]byte, error) { return m.readRows(k, &h, rest, h.rows) })
}

var errEnough = errors.New("enough")

// learn finds out some more of the cold keys that a restore has left.
func (m *Matcher) learn() error {
	c := m.cold
	if c == nil || c.whole {
		return nil
	}
	n := 0
	var last []byte
	err := c.r.Scan(append([]byte{prefixKey}, c.cursor...), []byte{prefixKey + 1}, func(entry, _ []byte) error {
		key := entry[1:]
		if n == learnKeys {
			return errEnough
		}
		n++
		last = append(last[:0], key...)
		if hash := hashKey(key); m.keys.find(hash, key) == 0 && !c.absent(key) {
			c.known.Add(hash)
		}
		return nil
	})
	switch {
	case errors.Is(err, errEnough):
		c.cursor, err = append(last, 0), nil
	case err == nil:
		c.whole = true
	}
	m.timers.asleep = c.asleep()
	return err
}

// Spills says whether keys can be let go of.
func (m *Matcher) Spills() bool { return m.p.spills() }

// Spill lets go of keys that have not changed since the last snapshot, by second
// chance: those that changed before that one are passed over once.
func (m *Matcher) Spill(most int64) {
	c := m.cold
	if c == nil {
		return
	}
	clear(c.leaving)
	// Two turns and a half: the first may only take their chance from all.
	for left := int(m.keys.next) * 5 / 2; left > 0 && m.keys.count > len(m.dirty) && m.bytes() > most; left-- {
		if c.hand++; c.hand >= m.keys.next {
			c.hand = 1
		}
		k := m.keys.at(c.hand)
		switch {
		case k.flags&(keyUsed|keyStored|keyDirty) != keyUsed|keyStored:
		case k.flags&keyRecent != 0:
			k.flags &^= keyRecent
		default:
			m.letGo(c.hand, k)
		}
	}
	m.timers.asleep = c.asleep()
}

// letGo takes a key out of memory that the store has.
func (m *Matcher) letGo(index int32, k *keyState) {
	c := m.cold
	var own [intKeyBytes]byte
	key := k.keyBytes(m.arena, own[:0])
	if c.none() {
		c.horizon = max(c.horizon, c.bucket(m.past, 2))
	}
	if k.timer >= 0 {
		if d := m.timers.of(k); c.bucket(d, 0) < c.horizon {
			c.alarms.add(alarm{d, bytes.Clone(key)})
		}
		m.timers.remove(index)
	}
	if c.covers(key) {
		c.known.Add(m.keys.hashOf(k))
	}
	m.lay(k)
	k.start = k.n
	if k.paging != nil {
		k.paging.stored = false // its pages stay in the store
	}
	m.dropRows(k, int(k.n))
	m.releaseRows(k)
	if m.joint != nil {
		delete(m.joint.used, index)
	}
	m.keys.remove(index)
	c.spilled++
}

// forgone notes that a stored key is no more.
func (m *Matcher) forgone(key []byte) {
	m.gone = append(m.gone, bytes.Clone(key))
	if m.cold != nil {
		m.cold.gone[string(key)] = struct{}{}
	}
}

// eachCold visits the cold keys, in the order of the store. Each is in memory
// for the visit.
func (m *Matcher) eachCold(f func(index int32, k *keyState) error) error {
	c := m.cold
	if c.none() {
		return nil
	}
	defer func() { m.timers.asleep = c.asleep() }()
	return c.r.Scan([]byte{prefixKey}, []byte{prefixKey + 1}, func(entry, value []byte) error {
		key := entry[1:]
		hash := hashKey(key)
		if m.keys.find(hash, key) != 0 || c.absent(key) {
			return nil
		}
		if err := m.admit(key, value); err != nil {
			return err
		}
		index := m.keys.find(hash, key)
		if index == 0 {
			return nil
		}
		k := m.keys.at(index)
		err := f(index, k)
		if k.flags&keyDirty == 0 {
			m.letGo(index, k)
		}
		return err
	})
}

// ---- the end of the input

// coldOpen lists the cold keys that have an attempt under way, by its first row.
func (m *Matcher) coldOpen() (list []open, err error) {
	c := m.cold
	if c.none() {
		return nil, nil
	}
	scratch := make([]uint64, m.p.layout.stride)
	err = c.r.Scan([]byte{prefixKey}, []byte{prefixKey + 1}, func(entry, value []byte) error {
		key := entry[1:]
		if m.keys.find(hashKey(key), key) != 0 || c.absent(key) {
			return nil
		}
		h, rest, err := m.readEntry(key, value)
		if err != nil || h.start >= h.rows {
			return err
		}
		if h.paged {
			c.want(key) // such keys are few
			return nil
		}
		id, err := m.idAt(&h, rest, scratch)
		list = append(list, open{id: id, name: bytes.Clone(key)})
		return err
	})
	if err == nil {
		err = m.fetch()
	}
	return list, err
}

// idAt is the ID of the row that an entry's attempt starts with.
func (m *Matcher) idAt(h *header, rows []byte, scratch []uint64) (event.ID, error) {
	for range h.start + 1 {
		var err error
		if rows, err = m.p.layout.readRow(m.arena, rows, scratch, h.version); err != nil {
			return event.ID{}, err
		}
		m.p.layout.drop(m.arena, scratch)
	}
	return m.p.layout.idOf(m.arena, scratch), nil
}

// loadOpen reads the next cold keys of the list.
func (m *Matcher) loadOpen(list []open) error {
	for i := range list[:min(len(list), wakeKeys)] {
		if list[i].key == 0 {
			m.cold.want(list[i].name)
		}
	}
	if err := m.fetch(); err != nil {
		return err
	}
	for i := range list[:min(len(list), wakeKeys)] {
		if o := &list[i]; o.key == 0 {
			if o.key = m.keys.find(hashKey(o.name), o.name); o.key == 0 {
				return errCorrupt
			}
		}
	}
	return nil
}
