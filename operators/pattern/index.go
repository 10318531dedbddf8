package pattern

import "math/bits"

// runIndex finds the first of the runs under a hash: open addressing, linear
// probing, removal by shifting back. The runs under one hash are a list.
type runIndex struct {
	slots []indexSlot
	shift uint // 64 - log2(len(slots))
	count int
}

// indexSlot is empty when first is 0: it is the number of the run plus 1.
type indexSlot struct {
	hash  uint64
	first int32
}

const indexSlotBytes = 16

func newRunIndex() *runIndex {
	x := &runIndex{}
	x.resize(64)
	return x
}

func (x *runIndex) resize(n int) {
	old := x.slots
	x.slots, x.shift = make([]indexSlot, n), uint(65-bits.Len(uint(n)))
	for _, s := range old {
		if s.first != 0 {
			*x.slot(s.hash) = s
		}
	}
}

// slot is that of a hash, or the empty one where it would go.
func (x *runIndex) slot(hash uint64) *indexSlot {
	mask := uint64(len(x.slots) - 1)
	for i := hash >> x.shift; ; i = (i + 1) & mask {
		if s := &x.slots[i]; s.first == 0 || s.hash == hash {
			return s
		}
	}
}

func (x *runIndex) first(hash uint64) int32 { return x.slot(hash).first - 1 }

// set makes run the first under a hash; none removes the hash.
func (x *runIndex) set(hash uint64, run int32) {
	s := x.slot(hash)
	switch {
	case run == none:
		x.remove(s)
		return
	case s.first == 0:
		if x.count++; x.count*4 > len(x.slots)*3 {
			x.resize(2 * len(x.slots))
			s = x.slot(hash)
		}
	}
	*s = indexSlot{hash, run + 1}
}

// remove empties a slot and moves later ones of its run back where they may go.
func (x *runIndex) remove(s *indexSlot) {
	mask := uint64(len(x.slots) - 1)
	i := s.hash >> x.shift
	for &x.slots[i] != s {
		i = (i + 1) & mask
	}
	for j := (i + 1) & mask; x.slots[j].first != 0; j = (j + 1) & mask {
		home := x.slots[j].hash >> x.shift
		if (j-home)&mask >= (j-i)&mask {
			x.slots[i] = x.slots[j]
			i = j
		}
	}
	x.slots[i] = indexSlot{}
	x.count--
}
