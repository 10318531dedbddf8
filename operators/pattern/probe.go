package pattern

import "github.com/cepd/cepd/internal/event"

// Most rows do nothing: they begin nothing, and their key has no state, or none
// that they concern. Where the key is one integer, such a row costs a look-up.
// The keys of a batch are looked up before its first row is taken, in passes
// whose steps do not wait for each other: so the memory that they miss is
// fetched at once and not in turn. Only keys that have come or gone since are
// looked up again.

// probes is the keys of a batch, per row that is selected.
type probes struct {
	keys   []int64
	own    []int64 // memory of keys, where not all rows are selected
	hashes []uint64
	found  []int32 // the key's state when the batch began, 0: none
	plain  bool    // the keys are integers: there are the others
}

// probe looks the keys of a batch up, where they are plain integers.
func (m *Matcher) probe(b *event.Batch) {
	m.probes.plain = false
	if !m.keys.ints {
		return
	}
	v := &b.Cols[m.p.keys[0]]
	if v.Nulls != nil {
		return
	}
	p, n := &m.probes, b.Live()
	if len(p.hashes) < n {
		p.hashes, p.found = make([]uint64, n), make([]int32, n)
	}
	p.keys = v.I64[:n]
	if b.Sel != nil {
		p.own = p.own[:0]
		for _, i := range b.Sel {
			p.own = append(p.own, v.I64[i])
		}
		p.keys = p.own
	}
	m.keys.lookUp(p.keys, p.hashes[:n], p.found[:n])
	p.plain = true
}

// find is the state of the n-th key of the batch, 0 when it has none.
func (m *Matcher) find(n int) int32 {
	p := &m.probes
	switch at, key := p.found[n], uint64(p.keys[n]); {
	case at == 0 && !m.keys.added.has(p.hashes[n]), at != 0 && m.keys.isOf(at, key):
		return at
	default:
		return m.keys.findInt(p.hashes[n], key)
	}
}

// pass is the next row, from the n-th of those selected on, that does something:
// a timer is due before it, it begins something, or it concerns what its key
// holds.
func (m *Matcher) pass(b *event.Batch, n int) int {
	symbols, due := b.Cols[0].I64, m.timers.first()
	for end := b.Live(); n < end; n++ {
		i := n
		if b.Sel != nil {
			i = int(b.Sel[n])
		}
		r := m.reachOf(uint64(symbols[i]))
		if b.Time[i] >= due || r.opens {
			break
		}
		if at := m.find(n); at != 0 && m.concerned(at, uint64(symbols[i]), r) {
			break
		}
		m.clock = b.Time[i]
	}
	return n
}

// concerned says whether a row may change a key's state.
func (m *Matcher) concerned(at int32, symbol uint64, r reach) bool {
	if m.edges == nil {
		return true
	}
	k := m.keys.at(at)
	return m.full(k) || uint32(k.state)&r.places != 0 && m.edges.waits(k, symbol)
}

// reach is what rows with a symbol may do.
type reach struct {
	known  bool
	opens  bool   // it matters to a key without state
	places uint32 // of a pattern with edges, where it concerns runs, as bits
}

// reachOf remembers the reach of small symbols.
func (m *Matcher) reachOf(symbol uint64) reach {
	if symbol < uint64(len(m.reaches)) && m.reaches[symbol].known {
		return m.reaches[symbol]
	}
	r := reach{known: true}
	switch {
	case m.tecs != nil:
		r.opens = len(m.tecs.action(symbol).starts) > 0
	case m.edges != nil:
		a := m.edges.action(symbol)
		r.opens, r.places = a.keeps, a.places
	default:
		r.opens = m.p.anyStart || m.p.maybeStart(symbol)
	}
	if symbol < uint64(len(m.reaches)) {
		m.reaches[symbol] = r
	}
	return r
}

// hashInt is hashKey of a key that is one integer.
func hashInt(x uint64) uint64 { return mix(x ^ 0x9e3779b97f4a7c15) }

// lookUp finds the states of keys that are integers, and computes their hashes.
func (t *keyTable) lookUp(keys []int64, hashes []uint64, found []int32) {
	t.added = hashSet{}
	mask := uint64(len(t.tags) - 1)
	for i, x := range keys {
		h := hashInt(uint64(x))
		at, tag := int32(0), tagOf(h)
		for slot := h >> t.shift; t.tags[slot] != 0; slot = (slot + 1) & mask {
			if t.tags[slot] == tag {
				at = t.index[slot]
				break
			}
		}
		hashes[i], found[i] = h, at
	}
	for i, at := range found {
		if at != 0 && !t.isOf(at, uint64(keys[i])) {
			found[i] = t.findInt(hashes[i], uint64(keys[i]))
		}
	}
}

// isOf says whether a state is that of an integer.
func (t *keyTable) isOf(at int32, key uint64) bool {
	k := t.at(at)
	return k.key == key && k.flags&(keyInt|keyUsed) == keyInt|keyUsed
}

// findInt is find for a key that is one integer.
func (t *keyTable) findInt(hash, key uint64) int32 {
	mask, tag := uint64(len(t.tags)-1), tagOf(hash)
	for i := hash >> t.shift; t.tags[i] != 0; i = (i + 1) & mask {
		if t.tags[i] == tag && t.isOf(t.index[i], key) {
			return t.index[i]
		}
	}
	return 0
}

// hashSet is hashes by a few of their bits: what it has not is not in it.
type hashSet [16]uint64

func (s *hashSet) add(hash uint64)      { s[hash>>14&15] |= 1 << (hash >> 8 & 63) }
func (s *hashSet) has(hash uint64) bool { return s[hash>>14&15]>>(hash>>8&63)&1 != 0 }
