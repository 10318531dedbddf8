package window

import (
	"bytes"
	"math"
	"slices"

	"github.com/cepd/cepd/internal/event"
)

// table finds the slot of a key: open addressing, linear probing, removal by
// shifting back. A freed slot is given out again lowest first, so that which
// slots keys have follows from which are taken.
type table struct {
	index []place
	hash  []uint64 // by slot
	span  []event.Span
	buf   []byte // the keys
	waste int    // bytes of buf that no key uses
	free  []int32
	n     int32 // slots ever given out
	count int
}

// place is half a hash to compare first, and a slot + 1; 0 is empty.
type place struct {
	tag  uint32
	slot int32
}

const minIndex = 16

// reset forgets all keys, in the memory it has where that is not far too much.
func (t *table) reset() {
	if len(t.index) == 0 || len(t.index) > minIndex && t.count*16 < len(t.index) {
		t.index = make([]place, max(minIndex, len(t.index)/4))
	} else {
		clear(t.index)
	}
	t.hash, t.span, t.buf, t.free = t.hash[:0], t.span[:0], t.buf[:0], t.free[:0]
	t.n, t.count, t.waste = 0, 0, 0
}

func (t *table) key(slot int32) []byte {
	s := t.span[slot]
	return t.buf[s.Off : s.Off+s.Len : s.Off+s.Len]
}

// slots finds the slot of each key, adding those that are new.
func (t *table) slots(k *batchKeys, dst []int32) []int32 {
	dst = resize(dst, len(k.hash))
	for i, h := range k.hash {
		key := k.at(i)
		if s, ok := t.find(h, key); ok {
			dst[i] = s
			continue
		}
		dst[i] = t.add(h, key)
	}
	return dst
}

func (t *table) find(h uint64, key []byte) (int32, bool) {
	mask := uint64(len(t.index) - 1)
	tag := uint32(h >> 32)
	for i := h & mask; ; i = (i + 1) & mask {
		p := t.index[i]
		if p.slot == 0 {
			return 0, false
		}
		if p.tag == tag && bytes.Equal(t.key(p.slot-1), key) {
			return p.slot - 1, true
		}
	}
}

func (t *table) add(h uint64, key []byte) int32 {
	s := t.n
	if len(t.free) > 0 {
		s = popLeast(&t.free)
	}
	t.addAt(s, h, key)
	return s
}

// addAt gives a slot to a key that has none.
func (t *table) addAt(s int32, h uint64, key []byte) {
	if (t.count+1)*4 > len(t.index)*3 {
		t.grow()
	}
	for t.n <= s {
		t.hash, t.span = append(t.hash, 0), append(t.span, event.Span{})
		t.n++
	}
	if len(t.buf)+len(key) > math.MaxUint32 {
		panic("window: the keys of one window take more than 4 GiB")
	}
	t.hash[s] = h
	t.span[s] = event.Span{Off: uint32(len(t.buf)), Len: uint32(len(key))}
	t.buf = append(t.buf, key...)
	t.put(h, s)
	t.count++
}

func (t *table) put(h uint64, s int32) {
	mask := uint64(len(t.index) - 1)
	i := h & mask
	for t.index[i].slot != 0 {
		i = (i + 1) & mask
	}
	t.index[i] = place{uint32(h >> 32), s + 1}
}

func (t *table) grow() {
	old := t.index
	t.index = make([]place, max(minIndex, 2*len(old)))
	for _, p := range old {
		if p.slot != 0 {
			t.put(t.hash[p.slot-1], p.slot-1)
		}
	}
}

// remove takes a key out and frees its slot.
func (t *table) remove(s int32) {
	mask := uint64(len(t.index) - 1)
	i := t.hash[s] & mask
	for t.index[i].slot != s+1 {
		i = (i + 1) & mask
	}
	for j := (i + 1) & mask; t.index[j].slot != 0; j = (j + 1) & mask {
		if home := t.hash[t.index[j].slot-1] & mask; (j-home)&mask >= (j-i)&mask {
			t.index[i] = t.index[j]
			i = j
		}
	}
	t.index[i] = place{}
	t.waste += int(t.span[s].Len)
	t.span[s] = event.Span{}
	t.count--
	pushLeast(&t.free, s)
	if t.waste > 4096 && t.waste > len(t.buf)/2 {
		t.compact()
	}
}

// compact drops the keys that are no more from buf.
func (t *table) compact() {
	buf := make([]byte, 0, len(t.buf)-t.waste)
	for s := range t.span {
		from := len(buf)
		buf = append(buf, t.key(int32(s))...)
		t.span[s].Off = uint32(from)
	}
	t.buf, t.waste = buf, 0
}

// holes frees the slots below n that no key has, after a restore.
func (t *table) holes() {
	for s := range t.n {
		if t.span[s].Len == 0 {
			pushLeast(&t.free, s)
		}
	}
}

// live is the slots that have keys, ascending.
func (t *table) live(dst []int32) []int32 {
	dst = dst[:0]
	for s := range t.n {
		if t.span[s].Len > 0 {
			dst = append(dst, s)
		}
	}
	return dst
}

func (t *table) bytes() int64 {
	return int64(len(t.index))*8 + int64(cap(t.hash))*8 + int64(cap(t.span))*8 + int64(cap(t.buf)) + int64(cap(t.free))*4
}

// pushLeast and popLeast keep a heap with the least number first.
func pushLeast(h *[]int32, x int32) {
	*h = append(*h, x)
	a := *h
	for i := len(a) - 1; i > 0 && a[i] < a[(i-1)/2]; i = (i - 1) / 2 {
		a[i], a[(i-1)/2] = a[(i-1)/2], a[i]
	}
}

func popLeast(h *[]int32) int32 {
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
