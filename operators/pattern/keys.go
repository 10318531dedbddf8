package pattern

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unsafe"

	"github.com/cepd/cepd/internal/event"
)

// keyState is what a partition key has: its kept rows and the attempt under
// way.
//
//	kept rows  0 … start-1 | start … pos-1 | pos … n-1
//	           history       fed             waiting for rows after them (NEXT, $)
type keyState struct {
	*rare
	key   uint64   // the encoded key: with keyInt its integer; else its block and length
	block blockRef // of the rows, but with keyPaged
	timer int32    // place in the timer heap, -1: none
	n     int32    // kept rows
	start int32    // of the attempt
	pos   int32    // next row to feed
	cand  int32    // end of the best match so far (one past its last row), -1: none
	state int32    // of the automaton; in a pattern with edges, bits of the places where runs wait
	head  uint8    // rows of the block, or the first page, before the first kept one
	rooms uint8    // of the block
	flags keyFlags
}

// rare is what few patterns need of a key. Keys that need nothing share one
// that nobody writes to.
type rare struct {
	at      *attempt // threads, where conditions are historical
	runs    *runs    // partial matches of a pattern with edges
	graph   *graph   // the same, shared
	paging  *paging  // not nil: of many rows
	matches int64    // so far: MATCH_NUMBER() of the last
	before  int64    // rows of the partition before the first kept one
	covered int64    // rows of the partition before this are matched, or are known not to be
}

var nothing rare

type keyFlags uint16

const (
	keyActive keyFlags = 1 << iota // an attempt is under way
	keyDirty                       // changed since the last snapshot
	keyStored                      // the snapshots hold it
	keyUsed                        // the slot is taken
	keyHeld                        // an item of holds is the slot's, whoever has it
	keyPaged                       // the rows are in pages
	keyInt                         // the key is one integer
	keyRecent                      // changed before the last snapshot
	keyFiled                       // the store has the deadline of its timer
)

// Bytes, for Size.
const (
	keyStateBytes = int64(unsafe.Sizeof(keyState{}))
	slotBytes     = 5
	rareBytes     = int64(unsafe.Sizeof(rare{}))
)

// intKey is the encoding of a key of one integer: a mark, then its bytes.
const intKeyBytes = 9

// keyBytes is the encoded key, in dst where it has no bytes of its own.
func (k *keyState) keyBytes(a *arena, dst []byte) []byte {
	if k.flags&keyInt != 0 {
		return binary.LittleEndian.AppendUint64(append(dst, 1), k.key)
	}
	n := int(uint32(k.key))
	return asBytes(a.words(blockRef(k.key >> 32)))[:n:n]
}

// keyValue decodes partition column i.
func (k *keyState) keyValue(p *Program, a *arena, i int) (event.Value, error) {
	if k.flags&keyInt != 0 {
		return event.IntValue(int64(k.key)), nil
	}
	src := k.keyBytes(a, nil)
	for c := 0; ; c++ {
		v, rest, err := event.ReadValue(src, p.prepared.Fields[p.keys[c]].Type)
		if err != nil || c == i {
			return v, err
		}
		src = rest
	}
}

// own gives the key a rare of its own.
func (m *Matcher) own(k *keyState) {
	if k.rare == &nothing {
		k.rare = m.keys.takeRare()
	}
}

// keyTable finds keyStates by key: open addressing, linear probing, removal by
// shifting back. A slot is a tag, some bits of the hash or 0 for empty, and the
// index of the state.
type keyTable struct {
	tags  []uint8
	index []int32
	shift uint // 64 - log2(slots)
	count int
	pages [][]keyState
	free  []int32
	next  int32
	rares []*rare
	owned int  // rares in use
	ints  bool // keys are one integer, or NULL
	owns  bool // every key has a rare of its own
	arena *arena
}

const (
	pageKeys   = 1024
	leastSlots = 64
)

func newKeyTable(a *arena) *keyTable {
	t := &keyTable{arena: a, next: 1}
	t.resize(leastSlots)
	return t
}

func (t *keyTable) at(i int32) *keyState { return &t.pages[i/pageKeys][i%pageKeys] }

// size is what the keys take in the table, without what they hold elsewhere.
func (t *keyTable) size() int64 {
	return int64(len(t.tags)-leastSlots)*slotBytes + int64(t.count)*keyStateBytes + int64(t.owned)*rareBytes
}

func (t *keyTable) hashOf(k *keyState) uint64 {
	var buf [intKeyBytes]byte
	return hashKey(k.keyBytes(t.arena, buf[:0]))
}

func (t *keyTable) resize(n int) {
	tags, index := t.tags, t.index
	t.tags, t.index = make([]uint8, n), make([]int32, n)
	t.shift = uint(64 - bits.Len(uint(n-1)))
	for i, tag := range tags {
		if tag != 0 {
			t.place(t.hashOf(t.at(index[i])), index[i])
		}
	}
}

func tagOf(hash uint64) uint8 { return uint8(hash) | 1 }

func (t *keyTable) place(hash uint64, index int32) {
	mask := uint64(len(t.tags) - 1)
	i := hash >> t.shift
	for t.tags[i] != 0 {
		i = (i + 1) & mask
	}
	t.tags[i], t.index[i] = tagOf(hash), index
}

// find is the index of a key's state, 0 when it has none.
func (t *keyTable) find(hash uint64, key []byte) int32 {
	mask, tag := uint64(len(t.tags)-1), tagOf(hash)
	for i := hash >> t.shift; t.tags[i] != 0; i = (i + 1) & mask {
		if t.tags[i] == tag && t.has(t.index[i], key) {
			return t.index[i]
		}
	}
	return 0
}

func (t *keyTable) has(index int32, key []byte) bool {
	k := t.at(index)
	if t.isInt(key) {
		return k.flags&keyInt != 0 && k.key == le64(key[1:])
	}
	return k.flags&keyInt == 0 && bytes.Equal(k.keyBytes(t.arena, nil), key)
}

func (t *keyTable) isInt(key []byte) bool { return t.ints && len(key) == intKeyBytes }

// add makes a state for a key that has none.
func (t *keyTable) add(hash uint64, key []byte) int32 {
	if (t.count+1)*8 > len(t.tags)*7 {
		t.resize(2 * len(t.tags))
	}
	i := t.take()
	k := t.at(i)
	*k = keyState{rare: &nothing, cand: -1, timer: -1, flags: k.flags&keyHeld | keyUsed}
	if t.owns {
		k.rare = t.takeRare()
	}
	if t.isInt(key) {
		k.key, k.flags = le64(key[1:]), k.flags|keyInt
	} else {
		block := t.arena.alloc(max(1, (len(key)+7)/8))
		copy(asBytes(t.arena.words(block)), key)
		k.key = uint64(block)<<32 | uint64(len(key))
	}
	t.place(hash, i)
	t.count++
	return i
}

// takeRare finds an empty rare.
func (t *keyTable) takeRare() *rare {
	if len(t.rares) == 0 {
		for list := make([]rare, 64); len(list) > 0; list = list[1:] {
			t.rares = append(t.rares, &list[0])
		}
	}
	r := t.rares[len(t.rares)-1]
	t.rares = t.rares[:len(t.rares)-1]
	t.owned++
	return r
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
	mask := uint64(len(t.tags) - 1)
	i := t.hashOf(k) >> t.shift
	for t.tags[i] == 0 || t.index[i] != index {
		i = (i + 1) & mask
	}
	t.closeGap(i, mask)
	if k.flags&keyInt == 0 {
		t.arena.release(blockRef(k.key>>32), max(1, (int(uint32(k.key))+7)/8))
	}
	if k.rare != &nothing {
		*k.rare = rare{}
		t.rares = append(t.rares, k.rare)
		t.owned--
	}
	k.rare, k.flags = nil, k.flags&keyHeld
	t.free = append(t.free, index)
	t.count--
	if len(t.tags) > leastSlots && t.count*8 < len(t.tags) {
		t.resize(len(t.tags) / 2)
	}
}

// closeGap empties slot i and moves later ones of its run back where they may
// go.
func (t *keyTable) closeGap(i, mask uint64) {
	for j := (i + 1) & mask; t.tags[j] != 0; j = (j + 1) & mask {
		home := t.hashOf(t.at(t.index[j])) >> t.shift
		if (j-home)&mask >= (j-i)&mask {
			t.tags[i], t.index[i] = t.tags[j], t.index[j]
			i = j
		}
	}
	t.tags[i] = 0
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
	if len(key) == intKeyBytes && key[0] == 1 {
		return hashInt(le64(key[1:]))
	}
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
