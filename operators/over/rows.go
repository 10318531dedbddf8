package over

import (
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators/aggregate"
)

// none is no row.
const none = -1

// rows is the kept rows of all keys, each a slot, in lists by key.
type rows struct {
	list   []row
	free   []int32
	states *aggregate.States // of each row alone, by kind
}

// row is what frames walk over: in one place, for it is far from the next one.
type row struct {
	time       event.Time
	next, prev int32
}

// take gives out n slots.
func (r *rows) take(n int, dst []int32) []int32 {
	dst = dst[:0]
	for len(dst) < n && len(r.free) > 0 {
		last := len(r.free) - 1
		dst, r.free = append(dst, r.free[last]), r.free[:last]
	}
	r.states.Clear(dst)
	for len(dst) < n {
		dst = append(dst, int32(len(r.list)))
		r.list = append(r.list, row{next: none, prev: none})
	}
	r.states.Resize(len(r.list))
	return dst
}

func (r *rows) drop(slot int32) { r.free = append(r.free, slot) }

func (r *rows) count() int { return len(r.list) - len(r.free) }

func (r *rows) bytes() int64 {
	return int64(cap(r.list))*16 + int64(cap(r.free))*4 + r.states.Bytes()
}

// keyState is the rows of a key.
type keyState struct {
	first, last int32 // rows
	begin, end  uint64
	time        event.Time // of the last row
	armed       event.Time // timer; MaxTime: none
	dirty       bool
	used        bool
	recent      bool   // the last snapshot wrote it
	stored      bool   // snapshots hold it,
	from, to    uint64 // and these of its rows
}

// frameState is where a frame of a key stands: from row first, number begin, to
// the last row that was merged.
type frameState struct {
	first, last int32
	begin       uint64
	n           int32
	front       int32 // rows from first on that are front: see package window
}
