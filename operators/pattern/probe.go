package pattern

import (
	"math/bits"

	"github.com/cepd/cepd/internal/event"
)

// Most rows do nothing: they begin nothing, and their key has no state, or none
// that they concern. Where the key is one integer, such rows are told apart for
// the whole batch before its first row is taken: by the symbol alone, then by
// what their key holds. The passes over the batch have steps that do not wait for
// each other, so that the memory they miss is fetched at once and not in turn.
// Keys that come or change while the rows are taken are looked up again.

// probes is the keys of a batch, per row that is selected.
type probes struct {
	plain   bool // the keys are integers: there are the others
	effects []effect
	keys    []uint64 // of rows that may do something, as the next three
	reach   []reach
	hashes  []uint64
	found   []int32 // the key's state when the batch began, 0: none
	asked   []int32 // these rows …
	rows    []int32 // … and the memory of the list
	touched hashSet // keys that may have come or changed since
	busy    []*keyState
	runs    []*runs
	fetched uint64 // the sum of it; nobody reads it
}

// effect is what a row does to its key.
type effect uint8

const (
	doesNothing effect = iota // whatever the key holds
	doesNotNow                // to the key as it was when the batch began
	doesNow
)

// probe looks the keys of a batch up, where they are plain integers.
func (m *Matcher) probe(b *event.Batch) {
	p := &m.probes
	p.plain = m.plainKeys(b)
	if !p.plain {
		return
	}
	p.touched = hashSet{}
	p.reserve(b.Live())
	m.ask(b)
	m.keys.lookUp(p)
	m.sift()
	if m.edges != nil {
		m.prefetch()
	}
}

// plainKeys says whether the keys of a batch are integers.
func (m *Matcher) plainKeys(b *event.Batch) bool {
	return m.keys.ints && b.Cols[m.p.keys[0]].Nulls == nil
}

func (p *probes) reserve(rows int) {
	if len(p.effects) < rows {
		p.effects, p.keys, p.reach = make([]effect, rows), make([]uint64, rows), make([]reach, rows)
		p.hashes, p.found, p.rows = make([]uint64, rows), make([]int32, rows), make([]int32, rows)
	}
}

// ask finds the rows that may do something.
func (m *Matcher) ask(b *event.Batch) {
	p, symbols, keys, known := &m.probes, b.Cols[0].I64, b.Cols[m.p.keys[0]].I64, m.reaches
	effects, count := p.effects[:b.Live()], 0
	rows, reaches, ints := p.rows[:len(effects)], p.reach[:len(effects)], p.keys[:len(effects)]
	for n := range effects {
		i := b.Row(n)
		var r reach
		if s := uint64(symbols[i]); s < uint64(len(known)) {
			r = known[s]
		}
		if r == 0 {
			r = m.reachOf(uint64(symbols[i]))
		}
		effects[n], reaches[n], ints[n] = doesNothing, r, uint64(keys[i])
		rows[count] = int32(n)
		count += int(r / reachKeys)
	}
	p.asked = rows[:count]
}

// sift finds the rows that do something to their key as it is now.
func (m *Matcher) sift() {
	p := &m.probes
	if m.edges == nil {
		effects, reaches, found := p.effects, p.reach, p.found
		for _, n := range p.asked {
			effects[n] = doesNotNow + effect(b2i(reaches[n].opens() || found[n] != 0))
		}
		return
	}
	p.busy = p.busy[:0]
	for _, n := range p.asked {
		r, at, e := p.reach[n], p.found[n], doesNotNow
		if r.opens() {
			e = doesNow
		}
		if at != 0 {
			if k := m.keys.at(at); r.opens() || m.concerned(k, r) {
				e, p.busy = doesNow, append(p.busy, k)
			}
		}
		p.effects[n] = e
	}
}

// concerned says whether rows may do something to a key that has a state.
func (m *Matcher) concerned(k *keyState, r reach) bool {
	return m.edges == nil || reach(uint32(k.state))&r&reachPlaces != 0 || m.full(k)
}

// prefetch looks at what lies behind the keys that rows do something to.
func (m *Matcher) prefetch() {
	p, starts := &m.probes, &m.edges.store.starts
	p.runs = p.runs[:0]
	for _, k := range p.busy {
		if k.runs != nil {
			p.runs = append(p.runs, k.runs)
		}
		if k.n > 0 {
			p.fetched += k.row(m.p, m.arena, 0)[wordTime]
		}
	}
	for _, r := range p.runs {
		if r.first != none {
			p.fetched += uint64(starts.at(r.first).number + starts.at(r.last).number)
		}
	}
}

// find is the state of the n-th key of the batch, 0 when it has none.
func (m *Matcher) find(n int) int32 {
	p := &m.probes
	switch at, key := p.found[n], p.keys[n]; {
	case at == 0 && !p.touched.has(p.hashes[n]), at != 0 && m.keys.isOf(at, key):
		return at
	default:
		return m.keys.findInt(p.hashes[n], key)
	}
}

// pass is the next row, from the n-th of those selected on, that may do
// something: a timer is due before it, it begins something, or it concerns what
// its key holds.
func (m *Matcher) pass(b *event.Batch, n int) int {
	p, from, due := &m.probes, n, m.timers.first()
	effects := p.effects[:b.Live()]
	for ; n < len(effects) && b.Time[b.Row(n)] < due; n++ {
		if e := effects[n]; e == doesNow || e == doesNotNow && p.touched.has(p.hashes[n]) && m.affected(n) {
			break
		}
	}
	if n > from {
		m.clock = b.Time[b.Row(n-1)]
	}
	return n
}

// affected says whether a row may do something to its key as it is now.
func (m *Matcher) affected(n int) bool {
	r, at := m.probes.reach[n], m.find(n)
	return r.opens() || at != 0 && m.concerned(m.keys.at(at), r)
}

// touching notes that a key comes or changes.
func (m *Matcher) touching(hash uint64) {
	if m.probes.plain {
		m.probes.touched.add(hash)
	}
}

// reach is what rows with a symbol may do: bits of the places where they concern
// runs, of a pattern with edges, and flags.
type reach uint64

const (
	reachPlaces reach = 1<<32 - 1
	reachKnown  reach = 1 << 32
	reachOpens  reach = 1 << 33 // it matters to a key without state
	reachKeys   reach = 1 << 34 // it may matter to one with
)

func (r reach) opens() bool { return r&reachOpens != 0 }

// reachOf remembers the reach of small symbols.
func (m *Matcher) reachOf(symbol uint64) reach {
	small := symbol < uint64(len(m.reaches))
	if small && m.reaches[symbol] != 0 {
		return m.reaches[symbol]
	}
	r, opens := reachKnown|reachKeys, false
	switch {
	case m.tecs != nil:
		opens = len(m.tecs.action(symbol).starts) > 0
	case m.edges != nil:
		a := m.edges.action(symbol)
		if opens = a.keeps; !opens && a.places == 0 && m.p.opts.Policy == LimitFail {
			r &^= reachKeys
		}
		r |= reach(a.places)
	default:
		opens = m.keeps(0, symbol)
	}
	if opens {
		r |= reachOpens
	}
	if small {
		m.reaches[symbol] = r
	}
	return r
}

// hashInt is hashKey of a key that is one integer.
func hashInt(x uint64) uint64 { return mix(x ^ 0x9e3779b97f4a7c15) }

// lookUp finds the states of the keys that are asked for, and their hashes.
func (t *keyTable) lookUp(p *probes) {
	keys, hashes, found, tags := p.keys, p.hashes, p.found, t.tags
	for _, n := range p.asked {
		h, at := hashInt(keys[n]), int32(0)
		slot, hits := h>>t.shift, uint64(0)
		if slot+8 <= uint64(len(tags)) {
			hits = hitsOf(le64(tags[slot:]), tagOf(h))
		}
		if slot += uint64(bits.TrailingZeros64(hits)) / 8; hits == 0 {
			slot = t.seek(h>>t.shift, tagOf(h))
		}
		if tags[slot] != 0 {
			at = t.index[slot]
		}
		hashes[n], found[n] = h, at
	}
	for _, n := range p.asked {
		if at := found[n]; at != 0 && !t.isOf(at, keys[n]) {
			found[n] = t.findInt(hashes[n], keys[n])
		}
	}
}

// seek is the first slot from i on that has the tag or is empty.
func (t *keyTable) seek(i uint64, tag uint8) uint64 {
	for end := uint64(len(t.tags)); ; i = 0 {
		for ; i+8 <= end; i += 8 {
			if hits := hitsOf(le64(t.tags[i:]), tag); hits != 0 {
				return i + uint64(bits.TrailingZeros64(hits))/8
			}
		}
		for ; i < end; i++ {
			if t.tags[i] == 0 || t.tags[i] == tag {
				return i
			}
		}
	}
}

// hitsOf looks at eight slots. It has the top bit of each byte set that stands
// for one with the tag or an empty one, up to the first such; above it more may
// be set (Lamport, "Multiple Byte Processing with Full-Word Instructions", CACM
// 18(8), 1975).
func hitsOf(w uint64, tag uint8) uint64 {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	x := w ^ uint64(tag)*ones
	return ((w-ones)&^w | (x-ones)&^x) & tops
}

// isOf says whether a state is that of an integer.
func (t *keyTable) isOf(at int32, key uint64) bool {
	k := t.at(at)
	return k.key == key && k.flags&(keyInt|keyUsed) == keyInt|keyUsed
}

// findInt is find for a key that is one integer.
func (t *keyTable) findInt(hash, key uint64) int32 {
	for i, tag := hash>>t.shift, tagOf(hash); ; i++ {
		i = t.seek(i, tag)
		if t.tags[i] == 0 {
			return 0
		}
		if t.isOf(t.index[i], key) {
			return t.index[i]
		}
	}
}

// hashSet is hashes by a few of their bits: what it has not is not in it.
type hashSet [64]uint64

func (s *hashSet) add(hash uint64)      { s[hash>>14&63] |= 1 << (hash >> 8 & 63) }
func (s *hashSet) has(hash uint64) bool { return s[hash>>14&63]>>(hash>>8&63)&1 != 0 }
