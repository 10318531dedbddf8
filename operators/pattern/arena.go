package pattern

import "math/bits"

// arena hands out blocks of words. Blocks hold no pointers, so the garbage
// collector passes over them; freed blocks are re-used. Blocks of up to
// exactWords words have the size asked for, larger ones up to an eighth more.
type arena struct {
	chunks [][]uint64
	free   [][]blockRef // by size class
	next   uint32       // first unused word of the last shared chunk
	shared int          // index of the last shared chunk, -1 before the first
	gone   []int        // chunks given back, whose numbers are free
	used   int64        // words in use, for Size
	origins
}

// blockRef is chunk<<16 | offset; zero is "none" (offset 0 is never given out).
type blockRef uint32

const (
	chunkWords = 1 << 16
	maxChunks  = 1 << 16
	exactWords = 64
)

func newArena() *arena { return &arena{shared: -1} }

// sizeClass numbers the sizes of blocks.
func sizeClass(words int) (class, size int) {
	if words <= exactWords {
		return words, words
	}
	shift := bits.Len(uint(words-1)) - 4
	steps := (words-1)>>shift + 1 // 9 … 16
	return exactWords + (shift-3)*8 + steps - 8, steps << shift
}

func (a *arena) alloc(words int) blockRef {
	class, size := sizeClass(words)
	a.used += int64(size)
	for len(a.free) <= class {
		a.free = append(a.free, nil)
	}
	if n := len(a.free[class]); n > 0 {
		r := a.free[class][n-1]
		a.free[class] = a.free[class][:n-1]
		return r
	}
	if size > chunkWords/4 {
		return blockRef(a.chunk(size+1)<<16 | 1)
	}
	if a.shared < 0 || int(a.next)+size > chunkWords {
		a.shared, a.next = a.chunk(chunkWords), 1
	}
	r := blockRef(a.shared)<<16 | blockRef(a.next)
	a.next += uint32(size)
	return r
}

// chunk makes a chunk and gives its number.
func (a *arena) chunk(words int) int {
	if n := len(a.gone); n > 0 {
		i := a.gone[n-1]
		a.gone = a.gone[:n-1]
		a.chunks[i] = make([]uint64, words)
		return i
	}
	if len(a.chunks) == maxChunks {
		panic("a shard of a pattern holds more than 32 GB: use more shards ('cepd.shards')")
	}
	a.chunks = append(a.chunks, make([]uint64, words))
	return len(a.chunks) - 1
}

// release takes back a block of that many words.
func (a *arena) release(r blockRef, words int) {
	class, size := sizeClass(words)
	a.used -= int64(size)
	if size > chunkWords/4 { // a chunk of its own: give it back
		a.chunks[r>>16] = nil
		a.gone = append(a.gone, int(r>>16))
		return
	}
	a.free[class] = append(a.free[class], r)
}

// words is the block from r on, to the end of its chunk.
func (a *arena) words(r blockRef) []uint64 { return a.chunks[r>>16][uint16(r):] }

// origins numbers the high halves of the IDs of rows: partitions of sources, of
// which there are few.
type origins struct {
	list   []uint64
	number map[uint64]uint64
	last   uint64 // the number asked for last
}

const offsetBits = 48

// pack makes one word of the ID of a source row, which fits.
func (o *origins) pack(hi, lo uint64) uint64 {
	if o.last >= uint64(len(o.list)) || o.list[o.last] != hi {
		o.last = o.find(hi)
	}
	return o.last<<offsetBits | lo
}

func (o *origins) find(hi uint64) uint64 {
	n, ok := o.number[hi]
	if ok {
		return n
	}
	if len(o.list) == 1<<(64-offsetBits) {
		panic("a shard of a pattern reads more than 65,536 partitions")
	}
	if o.number == nil {
		o.number = map[uint64]uint64{}
	}
	n = uint64(len(o.list))
	o.number[hi], o.list = n, append(o.list, hi)
	return n
}

func (o *origins) unpack(word uint64) (hi, lo uint64) {
	return o.list[word>>offsetBits], word & (1<<offsetBits - 1)
}
