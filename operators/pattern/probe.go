package pattern

import "github.com/cepd/cepd/internal/event"

// Most rows begin nothing and find their key without state. Where the key is
// one integer, such a row costs a hash, computed for the whole batch at once,
// and a look at the table.

// hashInts computes the hashes of the batch's keys; false when they are not
// plain integers.
func (m *Matcher) hashInts(b *event.Batch) bool {
	if !m.keys.ints {
		return false
	}
	v := &b.Cols[m.p.keys[0]]
	if v.Nulls != nil {
		return false
	}
	for len(m.hashes) < b.N {
		m.hashes = append(m.hashes, 0)
	}
	hashes := m.hashes[:b.N]
	for i, x := range v.I64[:b.N] {
		hashes[i] = hashInt(uint64(x))
	}
	return true
}

// passes says whether row i does nothing: no timer is due, it begins nothing,
// and its key has no state.
func (m *Matcher) passes(b *event.Batch, i int, symbol uint64) bool {
	if m.timers.due(b.Time[i]) || m.opens(symbol) {
		return false
	}
	if m.keys.findInt(m.hashes[i], uint64(b.Cols[m.p.keys[0]].I64[i])) != 0 {
		return false
	}
	m.clock = b.Time[i]
	return true
}

// opens says whether a row matters to a key without state.
func (m *Matcher) opens(symbol uint64) bool {
	if m.tecs != nil {
		return len(m.tecs.action(symbol).starts) > 0
	}
	return m.keeps(0, symbol)
}

// hashInt is hashKey of a key that is one integer.
func hashInt(x uint64) uint64 { return mix(x ^ 0x9e3779b97f4a7c15) }

// findInt is find for a key that is one integer.
func (t *keyTable) findInt(hash, key uint64) int32 {
	mask, tag := uint64(len(t.tags)-1), tagOf(hash)
	for i := hash >> t.shift; t.tags[i] != 0; i = (i + 1) & mask {
		if t.tags[i] != tag {
			continue
		}
		if k := t.at(t.index[i]); k.flags&keyInt != 0 && k.key == key {
			return t.index[i]
		}
	}
	return 0
}
