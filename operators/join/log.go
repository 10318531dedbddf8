package join

import (
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state"
)

// chunkRows is how many rows a chunk of a log has.
const (
	chunkBits = 10
	chunkRows = 1 << chunkBits
)

// What is known of a held row.
const (
	matched byte = 1 << iota // it has had a partner
	gone                     // it is held no more
)

// log is the held rows of one side, numbered in the order in which they came.
type log struct {
	schema *event.Schema
	chunks []*chunk
	base   uint64 // number of the first chunk
	first  uint64 // rows before it are gone
	next   uint64 // number of the row that comes next
	live   int64
	free   []*chunk
	left   []*chunk // freed, but rows of them may wait for output
	lost   []uint64 // chunks that snapshots hold and that are no more

	r    state.Reader // nil: all columns are in memory
	side int
	tick uint64 // of looks at chunks
	cold int64  // rows whose columns are in the store only

	spilled, reads, loaded int64
}

// chunk is chunkRows rows and what is known of them.
type chunk struct {
	b     *event.Batch // nil: in the store only
	times []event.Time // of the rows, where b is nil
	used  uint64       // when it was last looked at
	flags []byte
	slots []int32  // key of each row; none: NULL
	links []uint64 // the next row of the key; noRow: there is none
	live  int
	saved int  // rows that the snapshots hold
	dirty bool // flags have changed since
}

const (
	none  = -1
	noRow = 1<<64 - 1
)

func newLog(s *event.Schema, side int) log { return log{schema: s, side: side} }

// place is where row n lies.
func (l *log) place(n uint64) (*chunk, int32) {
	return l.chunks[n>>chunkBits-l.base], int32(n & (chunkRows - 1))
}

// append copies rows to the end and gives the number of the first.
func (l *log) append(src *event.Batch, rows []int32) (first uint64, err error) {
	first = l.next
	for len(rows) > 0 {
		at := int(l.next & (chunkRows - 1))
		if at == 0 || len(l.chunks) == 0 {
			l.grow()
		}
		n := min(len(rows), chunkRows-at)
		c := l.chunks[len(l.chunks)-1]
		if err := l.warm(c, l.next>>chunkBits); err != nil {
			return 0, err
		}
		c.b.AppendRows(src, rows[:n])
		for range n {
			c.flags, c.slots, c.links = append(c.flags, 0), append(c.slots, none), append(c.links, noRow)
		}
		c.live += n
		l.live += int64(n)
		l.next += uint64(n)
		rows = rows[n:]
	}
	return first, nil
}

func (l *log) grow() {
	if len(l.chunks) == 0 {
		l.base = l.next >> chunkBits
	}
	c := &chunk{}
	if n := len(l.free); n > 0 {
		c, l.free = l.free[n-1], l.free[:n-1]
	} else {
		c.b = event.NewBatch(l.schema)
	}
	c.b.Reset(0)
	*c = chunk{b: c.b, flags: c.flags[:0], slots: c.slots[:0], links: c.links[:0]}
	l.chunks = append(l.chunks, c)
}

// drop takes a row out; its memory goes with its chunk.
func (l *log) drop(c *chunk, i int32) {
	c.flags[i] |= gone
	c.dirty = true
	c.live--
	l.live--
}

// trim moves first on to the first row that is held, at most to end, and frees
// the chunks before.
func (l *log) trim(end uint64) {
	for l.first < end {
		c, i := l.place(l.first)
		if c.live > 0 && c.flags[i]&gone == 0 {
			break
		}
		if l.first++; c.live == 0 && c.rows() == chunkRows { // all of it
			l.first = (l.first - 1 | (chunkRows - 1)) + 1
		}
		if l.first&(chunkRows-1) == 0 {
			l.freeFirst()
		}
	}
}

func (l *log) freeFirst() {
	c := l.chunks[0]
	if c.b == nil {
		l.cold -= int64(c.rows())
	}
	if c.saved > 0 {
		l.lost = append(l.lost, l.base)
	}
	l.left = append(l.left, c)
	l.chunks[0] = nil
	l.chunks = l.chunks[1:]
	l.base++
}

// maxFree is how many chunks are kept for re-use.
const maxFree = 16

// recycle gives back the chunks that no output refers to any more.
func (l *log) recycle() {
	for _, c := range l.left {
		if c.b != nil && len(l.free) < maxFree {
			l.free = append(l.free, c)
		}
	}
	clear(l.left)
	l.left = l.left[:0]
}

// bytes is the memory held, roughly.
func (l *log) bytes() (n int64) {
	for _, c := range l.chunks {
		if n += int64(c.rows()) * 13; c.b == nil {
			n += int64(len(c.times)) * 8
			continue
		}
		n += c.b.Bytes()
	}
	return n
}
