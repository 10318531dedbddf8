package pattern

import (
	"bytes"

	"github.com/cepd/cepd/internal/event"
)

// keyState is what a partition key has: its kept rows and the attempt under
// way.
//
//	kept rows  0 … start-1 | start … pos-1 | pos … n-1
//	           history       fed             waiting for rows after them (NEXT, $)
type keyState struct {
	hash  uint64
	key   [2]uint64 // the encoded key, as a string cell
	rows  blockRef
	head  int32 // rows of the block before the first kept one
	n     int32 // kept rows
	start int32 // of the attempt
	pos   int32 // next row to feed
	cand  int32 // end of the best match so far (one past its last row), -1: none
	state int32 // of the automaton
	epoch uint32
	timer int32 // place in the timer heap, -1: none
	class uint8 // of the block
	flags keyFlags
	at    *attempt // threads, where conditions are historical
	runs  *runs    // partial matches of a pattern with edges
	graph *graph   // the same, shared

	matches int64 // so far: MATCH_NUMBER() of the last
	before  int64 // rows of the partition before the first kept one
	covered int64 // rows of the partition before this are matched, or are known not to be
}

type keyFlags uint8

const (
	keyActive keyFlags = 1 << iota // an attempt is under way
	keyDirty                       // changed since the last snapshot
	keyStored                      // the snapshots hold it
	keyUsed                        // the slot is taken
	keyHeld                        // an item of holds is the slot's, whoever has it
)

func (k *keyState) row(p *Program, a *arena, i int) []uint64 {
	return a.words(k.rows)[(int(k.head)+i)*p.layout.stride:][:p.layout.stride]
}

func (k *keyState) keyBytes(a *arena) []byte { return loadString(a, k.key[:]) }

// keyValue decodes partition column i.
func (k *keyState) keyValue(p *Program, a *arena, i int) (event.Value, error) {
	src := k.keyBytes(a)
	for c := 0; ; c++ {
		v, rest, err := event.ReadValue(src, p.prepared.Fields[p.keys[c]].Type)
		if err != nil || c == i {
			return v, err
		}
		src = rest
	}
}

// keyTable finds keyStates by key: open addressing, linear probing, removal by
// shifting back.
type keyTable struct {
	slots []keySlot
	shift uint // 64 - log2(len(slots))
	count int
	pages [][]keyState
	free  []int32
	next  int32
	arena *arena
}

// keySlot is half a hash to compare first, and an index; index 0 is empty.
type keySlot struct {
	tag   uint32
	index int32
}

const pageKeys = 1024

func newKeyTable(a *arena) *keyTable {
	t := &keyTable{arena: a, next: 1}
	t.resize(64)
	return t
}

func (t *keyTable) at(i int32) *keyState { return &t.pages[i/pageKeys][i%pageKeys] }

func (t *keyTable) resize(n int) {
	old := t.slots
	t.slots = make([]keySlot, n)
	t.shift = 64
	for s := n; s > 1; s >>= 1 {
		t.shift--
	}
	for _, s := range old {
		if s.index != 0 {
			t.place(t.at(s.index).hash, s)
		}
	}
}

func (t *keyTable) place(hash uint64, s keySlot) {
	mask := uint64(len(t.slots) - 1)
	i := hash >> t.shift
	for t.slots[i].index != 0 {
		i = (i + 1) & mask
	}
	t.slots[i] = s
}

// find is the index of a key's state, 0 when it has none.
func (t *keyTable) find(hash uint64, key []byte) int32 {
	mask := uint64(len(t.slots) - 1)
	tag := uint32(hash)
	for i := hash >> t.shift; ; i = (i + 1) & mask {
		s := t.slots[i]
		if s.index == 0 {
			return 0
		}
		if s.tag == tag && bytes.Equal(t.at(s.index).keyBytes(t.arena), key) {
			return s.index
		}
	}
}

// add makes a state for a key that has none.
func (t *keyTable) add(hash uint64, key []byte) int32 {
	if (t.count+1)*4 > len(t.slots)*3 {
		t.resize(2 * len(t.slots))
	}
	i := t.take()
	k := t.at(i)
	*k = keyState{hash: hash, cand: -1, timer: -1, flags: k.flags&keyHeld | keyUsed}
	storeString(t.arena, k.key[:], key)
	t.place(hash, keySlot{uint32(hash), i})
	t.count++
	return i
}

func (t *keyTable) take() int32 {
	if n := len(t.free); n > 0 {
		i := t.free[n-1]
		t.free = t.free[:n-1]
		return i
	}
	if int(t.next) >= len(t.pages)*pageKeys {
		t.pages = append(t.pages, make([]keyState, pageKeys))
	}
	t.next++
	return t.next - 1
}

// remove forgets a key.
func (t *keyTable) remove(index int32) {
	k := t.at(index)
	mask := uint64(len(t.slots) - 1)
	i := k.hash >> t.shift
	for t.slots[i].index != index {
		i = (i + 1) & mask
	}
	t.closeGap(i, mask)
	freeString(t.arena, k.key[:])
	k.flags &= keyHeld
	t.free = append(t.free, index)
	t.count--
}

// closeGap empties slot i and moves later ones of its run back where they may
// go.
func (t *keyTable) closeGap(i, mask uint64) {
	for j := (i + 1) & mask; t.slots[j].index != 0; j = (j + 1) & mask {
		home := t.at(t.slots[j].index).hash >> t.shift
		if (j-home)&mask >= (j-i)&mask {
			t.slots[i] = t.slots[j]
			i = j
		}
	}
	t.slots[i] = keySlot{}
}

// each visits the states, in no particular order.
func (t *keyTable) each(f func(index int32, k *keyState) error) error {
	for i := int32(1); i < t.next; i++ {
		if k := t.at(i); k.flags&keyUsed != 0 {
			if err := f(i, k); err != nil {
				return err
			}
		}
	}
	return nil
}

// hashKey mixes the encoded key; the same on every machine and run.
func hashKey(key []byte) uint64 {
	h := uint64(len(key)) * 0x9e3779b97f4a7c15
	for len(key) >= 8 {
		h = mix(h ^ le64(key))
		key = key[8:]
	}
	var tail uint64
	for i, c := range key {
		tail |= uint64(c) << (8 * i)
	}
	return mix(h ^ tail)
}

func le64(p []byte) uint64 {
	_ = p[7]
	return uint64(p[0]) | uint64(p[1])<<8 | uint64(p[2])<<16 | uint64(p[3])<<24 |
		uint64(p[4])<<32 | uint64(p[5])<<40 | uint64(p[6])<<48 | uint64(p[7])<<56
}

// mix is the finalizer of SplitMix64.
func mix(h uint64) uint64 {
	h ^= h >> 30
	h *= 0xbf58476d1ce4e5b9
	h ^= h >> 27
	h *= 0x94d049bb133111eb
	return h ^ h>>31
}
