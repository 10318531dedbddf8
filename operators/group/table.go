package group

import (
	"bytes"
	"math"
	"slices"

	"github.com/cepd/cepd/internal/event"
)

// Table finds the slot of a key: open addressing, linear probing, removal by
// shifting back. A freed slot is given out again lowest first, so that which
// Slots keys have follows from which are taken.
type Table struct {
	N     int32 // slots ever given out
	Count int   // keys

	index  []place
	hashes []uint64 // by slot
	span   []event.Span
	buf    []byte // the keys
	waste  int    // bytes of buf that no key uses
	free   []int32
}

// place is half a hash to compare first, and a slot + 1; 0 is empty.
type place struct {
	tag  uint32
	slot int32
}

const minIndex = 16

// Reset forgets all keys, in the memory it has where that is not far too much.
func (t *Table) Reset() {
	if len(t.index) == 0 || len(t.index) > minIndex && t.Count*16 < len(t.index) {
		t.index = make([]place, max(minIndex, len(t.index)/4))
	} else {
		clear(t.index)
	}
	t.hashes, t.span, t.buf, t.free = t.hashes[:0], t.span[:0], t.buf[:0], t.free[:0]
	t.N, t.Count, t.waste = 0, 0, 0
}

// Key is the key of a slot: a view until the table changes.
func (t *Table) Key(slot int32) []byte {
	s := t.span[slot]
	return t.buf[s.Off : s.Off+s.Len : s.Off+s.Len]
}

// slots finds the slot of each key, adding those that are new.
func (t *Table) Slots(k *Keys, dst []int32) []int32 {
	dst = resize(dst, len(k.hashes))
	for i, h := range k.hashes {
		key := k.At(i)
		if s, ok := t.Find(h, key); ok {
			dst[i] = s
			continue
		}
		dst[i] = t.Add(h, key)
	}
	return dst
}

// Find is the slot of a key, if it has one.
func (t *Table) Find(h uint64, key []byte) (int32, bool) {
	mask := uint64(len(t.index) - 1)
	tag := uint32(h >> 32)
	for i := h & mask; ; i = (i + 1) & mask {
		p := t.index[i]
		if p.slot == 0 {
			return 0, false
		}
		if p.tag == tag && bytes.Equal(t.Key(p.slot-1), key) {
			return p.slot - 1, true
		}
	}
}

// Add gives a new key a slot.
func (t *Table) Add(h uint64, key []byte) int32 {
	s := t.N
	if len(t.free) > 0 {
		s = PopLeast(&t.free)
	}
	t.AddAt(s, h, key)
	return s
}

// AddAt gives a slot to a key that has none.
func (t *Table) AddAt(s int32, h uint64, key []byte) {
	if (t.Count+1)*4 > len(t.index)*3 {
		t.grow()
	}
	for t.N <= s {
		t.hashes, t.span = append(t.hashes, 0), append(t.span, event.Span{})
		t.N++
	}
	if len(t.buf)+len(key) > math.MaxUint32 {
		panic("group: the keys of one table take more than 4 GiB")
	}
	t.hashes[s] = h
	t.span[s] = event.Span{Off: uint32(len(t.buf)), Len: uint32(len(key))}
	t.buf = append(t.buf, key...)
	t.put(h, s)
	t.Count++
}

func (t *Table) put(h uint64, s int32) {
	mask := uint64(len(t.index) - 1)
	i := h & mask
	for t.index[i].slot != 0 {
		i = (i + 1) & mask
	}
	t.index[i] = place{uint32(h >> 32), s + 1}
}

func (t *Table) grow() {
	old := t.index
	t.index = make([]place, max(minIndex, 2*len(old)))
	for _, p := range old {
		if p.slot != 0 {
			t.put(t.hashes[p.slot-1], p.slot-1)
		}
	}
}

// Remove takes a key out and frees its slot.
func (t *Table) Remove(s int32) {
	mask := uint64(len(t.index) - 1)
	i := t.hashes[s] & mask
	for t.index[i].slot != s+1 {
		i = (i + 1) & mask
	}
	for j := (i + 1) & mask; t.index[j].slot != 0; j = (j + 1) & mask {
		if home := t.hashes[t.index[j].slot-1] & mask; (j-home)&mask >= (j-i)&mask {
			t.index[i] = t.index[j]
			i = j
		}
	}
	t.index[i] = place{}
	t.waste += int(t.span[s].Len)
	t.span[s] = event.Span{}
	t.Count--
	PushLeast(&t.free, s)
	if t.waste > 4096 && t.waste > len(t.buf)/2 {
		t.compact()
	}
}

// compact drops the keys that are no more from buf.
func (t *Table) compact() {
	buf := make([]byte, 0, len(t.buf)-t.waste)
	for s := range t.span {
		from := len(buf)
		buf = append(buf, t.Key(int32(s))...)
		t.span[s].Off = uint32(from)
	}
	t.buf, t.waste = buf, 0
}

// Holes frees the slots below n that no key has, after a restore.
func (t *Table) Holes() {
	for s := range t.N {
		if t.span[s].Len == 0 {
			PushLeast(&t.free, s)
		}
	}
}

// Live is the slots that have keys, ascending.
func (t *Table) Live(dst []int32) []int32 {
	dst = dst[:0]
	for s := range t.N {
		if t.span[s].Len > 0 {
			dst = append(dst, s)
		}
	}
	return dst
}

// Hash is the hash of a slot's key.
func (t *Table) Hash(slot int32) uint64 { return t.hashes[slot] }

// Has says whether a slot has a key.
func (t *Table) Has(slot int32) bool { return t.span[slot].Len > 0 }

// Bytes is the memory held, roughly.
func (t *Table) Bytes() int64 {
	return int64(len(t.index))*8 + int64(cap(t.hashes))*8 + int64(cap(t.span))*8 + int64(cap(t.buf)) + int64(cap(t.free))*4
}

// PushLeast and PopLeast keep a heap with the least number first.
func PushLeast(h *[]int32, x int32) {
	*h = append(*h, x)
	a := *h
	for i := len(a) - 1; i > 0 && a[i] < a[(i-1)/2]; i = (i - 1) / 2 {
		a[i], a[(i-1)/2] = a[(i-1)/2], a[i]
	}
}

func PopLeast(h *[]int32) int32 {
	a := *h
	least, last := a[0], len(a)-1
	a[0] = a[last]
	a = a[:last]
	*h = a
	for i := 0; ; {
		c := 2*i + 1
		if c >= len(a) {
			return least
		}
		if c+1 < len(a) && a[c+1] < a[c] {
			c++
		}
		if a[i] <= a[c] {
			return least
		}
		a[i], a[c] = a[c], a[i]
		i = c
	}
}

// resize gives s n entries, new ones zero, in the memory it has where that is
// enough; old entries keep what they were.
func resize[T any](s []T, n int) []T {
	old := len(s)
	if n <= old {
		return s[:n]
	}
	s = slices.Grow(s, n-old)[:n]
	clear(s[old:])
	return s
}

// mix is the finalizer of SplitMix64.
func mix(h uint64) uint64 {
	h ^= h >> 30
	h *= 0xbf58476d1ce4e5b9
	h ^= h >> 27
	h *= 0x94d049bb133111eb
	return h ^ h>>31
}

func canonicalFloat(f float64) uint64 {
	switch {
	case f == 0:
		return 0
	case f != f:
		return math.Float64bits(math.NaN())
	}
	return math.Float64bits(f)
}
