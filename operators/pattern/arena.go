package pattern

import "math/bits"

// arena hands out blocks of words by size class (powers of two). Blocks hold
// no pointers, so the garbage collector passes over them; freed blocks are
// re-used. A block is named by its chunk and offset.
type arena struct {
	chunks [][]uint64
	free   [48][]blockRef
	next   uint32 // first unused word of the last shared chunk
	shared int32  // index of the last shared chunk, -1 before the first
	used   int64  // words in use, for Size
}

// blockRef is chunk<<32 | offset; zero is "none" (offset 0 of chunk 0 is never
// given out).
type blockRef uint64

const chunkWords = 1 << 16

func newArena() *arena { return &arena{shared: -1} }

// class is the smallest c with 1<<c >= words.
func class(words int) int {
	if words <= 1 {
		return 0
	}
	return bits.Len(uint(words - 1))
}

func (a *arena) alloc(c int) blockRef {
	a.used += 1 << c
	if n := len(a.free[c]); n > 0 {
		r := a.free[c][n-1]
		a.free[c] = a.free[c][:n-1]
		return r
	}
	size := uint32(1) << c
	if size > chunkWords/4 {
		a.chunks = append(a.chunks, make([]uint64, size+1))
		return blockRef(len(a.chunks)-1)<<32 | 1
	}
	if a.shared < 0 || a.next+size > chunkWords {
		a.chunks = append(a.chunks, make([]uint64, chunkWords))
		a.shared, a.next = int32(len(a.chunks)-1), 1
	}
	r := blockRef(a.shared)<<32 | blockRef(a.next)
	a.next += size
	return r
}

func (a *arena) release(r blockRef, c int) {
	a.used -= 1 << c
	if 1<<c > chunkWords/4 { // a chunk of its own: give it back
		a.chunks[r>>32] = nil
		return
	}
	a.free[c] = append(a.free[c], r)
}

// words is the block from r on, to the end of its chunk.
func (a *arena) words(r blockRef) []uint64 { return a.chunks[r>>32][uint32(r):] }
