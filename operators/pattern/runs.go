package pattern

import (
	"github.com/cepd/cepd/internal/event"
)

// runs is what a key holds of a pattern with edges whose partial matches are
// not shared: each is a run, which stays where it is until a row concerns it.
//
//	starts   s3 ⇄ s7 ⇄ s8          rows with which runs began, by row: expiry, skip
//	           runs of s7 …
//	places   p0: r2 ⇄ r9           runs that wait at one place
//	index    hash: r9 ⇄ r4         … there, by the values that a row must have
//
// Runs, starts and paths of all keys of a shard lie in pages that are re-used.
type runs struct {
	heads       []int32 // per place: the last run that came to wait there
	first, last int32   // starts, the earliest first
	late        []int32 // heap of the runs that end before their start does, by end
	held        []finished
	until       event.Time // the first end of a run
	count       int        // runs
	places      uint32     // where runs wait, as bits
	few         [fewPlaces]int32
}

// fewPlaces is how many heads lie beside the rest.
const fewPlaces = 3

// run is one partial match.
type run struct {
	end           event.Time // by a time limit of its own; MaxTime: none
	place         int32
	path          int32
	start         int32
	rank          int32 // among the runs of its path: the lower is preferred
	prev, next    int32 // run of the same start
	before, after int32 // run at the same place: the one that came after it, and before it
	late          int32 // its place in runs.late
}

// link is where a run stands in the index, once for each variable that its
// place is indexed by.
type link struct {
	hash       uint64
	prev, next int32
	in         bool // else it is not in the index: a value of its is NULL
	loose      bool // a value is not known
}

// startRow is a row with which runs began.
type startRow struct {
	number     int64
	time       event.Time
	prev, next int32
	run        int32 // the last of its runs
	count      int32 // its runs, and 1 while it begins
	key        int32
}

const (
	runBytes      = 48
	linkBytes     = 24
	startRowBytes = 40
)

// registers is the state of a run that conditions read.
type registers struct {
	ints []int64
	vals []event.Value
}

// runStore is the runs of all keys of a shard.
type runStore struct {
	runs   pool[run]
	starts pool[startRow]
	paths  pathTree
	index  *runIndex
	ints   [][]int64 // pages beside those of runs
	vals   [][]event.Value
	links  [][]link
	size   registerSize
}

// registerSize is what one run takes in the pages.
type registerSize struct{ ints, vals, links int }

// take finds room for a run.
func (s *runStore) take() int32 {
	i := s.runs.take()
	for len(s.ints) < len(s.runs.pages) {
		s.ints = append(s.ints, make([]int64, poolPage*s.size.ints))
		s.vals = append(s.vals, make([]event.Value, poolPage*s.size.vals))
		s.links = append(s.links, make([]link, poolPage*s.size.links))
	}
	return i
}

func (s *runStore) registers(i int32) registers {
	page, at := i>>poolBits, int(i&(poolPage-1))
	return registers{s.ints[page][at*s.size.ints : (at+1)*s.size.ints], s.vals[page][at*s.size.vals : (at+1)*s.size.vals]}
}

func (s *runStore) link(i int32, n int) *link {
	return &s.links[i>>poolBits][int(i&(poolPage-1))*s.size.links+n]
}

// bytes is what the runs of all keys take.
func (s *runStore) bytes() int64 {
	perRun := runBytes + 8*s.size.ints + valueBytes*s.size.vals + linkBytes*s.size.links
	return int64(s.runs.used()*perRun + s.starts.used()*startRowBytes + s.paths.used()*pathRowBytes + s.index.count*indexSlotBytes)
}

const valueBytes = 72

// begin adds a start at the end of the key's.
func (s *runStore) begin(r *runs, key int32, number int64, t event.Time) int32 {
	i := s.starts.take()
	*s.starts.at(i) = startRow{number: number, time: t, prev: r.last, next: none, run: none, count: 1, key: key}
	if r.last != none {
		s.starts.at(r.last).next = i
	} else {
		r.first = i
	}
	r.last = i
	return i
}

// leave counts a run of a start less; a start without runs is forgotten.
func (s *runStore) leave(r *runs, start int32) {
	x := s.starts.at(start)
	if x.count--; x.count > 0 {
		return
	}
	if x.prev != none {
		s.starts.at(x.prev).next = x.next
	} else {
		r.first = x.next
	}
	if x.next != none {
		s.starts.at(x.next).prev = x.prev
	} else {
		r.last = x.prev
	}
	s.starts.give(start)
}

// enter puts run i, whose place and start are set, into their lists.
func (s *runStore) enter(r *runs, i int32) {
	x := s.runs.at(i)
	start := s.starts.at(x.start)
	x.prev, x.next = none, start.run
	if start.run != none {
		s.runs.at(start.run).prev = i
	}
	start.run = i
	start.count++
	s.wait(r, i)
	r.count++
}

// wait puts a run at its place.
func (s *runStore) wait(r *runs, i int32) {
	x := s.runs.at(i)
	x.before, x.after = none, r.heads[x.place]
	if x.after != none {
		s.runs.at(x.after).before = i
	}
	r.heads[x.place] = i
	r.places |= placeBit(x.place)
}

// part takes a run from its place.
func (s *runStore) part(r *runs, i int32) {
	x := s.runs.at(i)
	if x.before != none {
		s.runs.at(x.before).after = x.after
	} else {
		r.heads[x.place] = x.after
		if x.after == none && len(r.heads) <= 32 { // the bit stands for this place alone
			r.places &^= placeBit(x.place)
		}
	}
	if x.after != none {
		s.runs.at(x.after).before = x.before
	}
}

// remove takes a run out of all lists and gives its room back.
func (s *runStore) remove(r *runs, i int32) {
	x := s.runs.at(i)
	s.part(r, i)
	s.unlink(i)
	s.hasten(r, i)
	if x.prev != none {
		s.runs.at(x.prev).next = x.next
	} else {
		s.starts.at(x.start).run = x.next
	}
	if x.next != none {
		s.runs.at(x.next).prev = x.prev
	}
	r.count--
	s.leave(r, x.start)
	s.paths.drop(x.path)
	clear(s.registers(i).vals)
	s.runs.give(i)
}

// enlist puts run i into the index for the n-th variable of its place.
func (s *runStore) enlist(i int32, n int, hash uint64) {
	first := s.index.first(hash)
	*s.link(i, n) = link{hash: hash, prev: none, next: first, in: true}
	if first != none {
		s.link(first, n).prev = i
	}
	s.index.set(hash, i)
}

// unlink takes run i out of the index.
func (s *runStore) unlink(i int32) {
	for n := range s.size.links {
		l := s.link(i, n)
		if !l.in {
			continue
		}
		l.in = false
		if l.prev != none {
			s.link(l.prev, n).next = l.next
		} else {
			s.index.set(l.hash, l.next)
		}
		if l.next != none {
			s.link(l.next, n).prev = l.prev
		}
	}
}

// ---- the heap of runs by their own end

// limit enters a run whose end is set.
func (s *runStore) limit(r *runs, i int32) {
	r.late = append(r.late, i)
	s.up(r, len(r.late)-1, i)
}

// hasten takes a run out of the heap.
func (s *runStore) hasten(r *runs, i int32) {
	x := s.runs.at(i)
	if x.end == event.MaxTime {
		return
	}
	at := int(x.late)
	moved := r.late[len(r.late)-1]
	r.late = r.late[:len(r.late)-1]
	if moved == i {
		return
	}
	if at > 0 && s.runs.at(moved).end < s.runs.at(r.late[(at-1)/2]).end {
		s.up(r, at, moved)
		return
	}
	s.down(r, at, moved)
}

func (s *runStore) put(r *runs, at int, i int32) {
	r.late[at] = i
	s.runs.at(i).late = int32(at)
}

func (s *runStore) up(r *runs, at int, i int32) {
	for end := s.runs.at(i).end; at > 0 && end < s.runs.at(r.late[(at-1)/2]).end; at = (at - 1) / 2 {
		s.put(r, at, r.late[(at-1)/2])
	}
	s.put(r, at, i)
}

func (s *runStore) down(r *runs, at int, i int32) {
	end := s.runs.at(i).end
	for {
		c := 2*at + 1
		if c >= len(r.late) {
			break
		}
		if c+1 < len(r.late) && s.runs.at(r.late[c+1]).end < s.runs.at(r.late[c]).end {
			c++
		}
		if s.runs.at(r.late[c]).end >= end {
			break
		}
		s.put(r, at, r.late[c])
		at = c
	}
	s.put(r, at, i)
}
