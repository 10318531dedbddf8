package pattern

import (
	"errors"
	"math/bits"
	"slices"

	"github.com/cepd/cepd/query/ast"
)

// maxPlaces and maxWays limit the places of a pattern with edges, and the ways
// between them: optional steps in a row lead from each to all that follow.
const (
	maxPlaces = 1 << 15
	maxWays   = 1 << 20
)

var errTooManyPlaces = errors.New("the pattern's optional and repeated steps make too many ways through it: use smaller quantifier bounds")

// place is where a partial match waits: an instruction, and the guards that it
// was reached with.
type place struct {
	pc int32
	g  guards
}

// guards are variables that must not come, as bits.
type guards struct {
	not   uint64 // before the next row is taken
	once  uint64 // as the very next row
	loop  uint64 // before the next row is taken: they belong to a possessive loop
	reset uint64 // time-limited parts to begin anew
}

func (g guards) with(in *instr) guards {
	switch {
	case in.loop:
		g.loop |= 1 << in.v
	case in.once:
		g.once |= 1 << in.v
	default:
		g.not |= 1 << in.v
	}
	return g
}

// placeInfo is what happens at a place.
type placeInfo struct {
	at    place
	in    *instr
	stop  uint64   // variables whose row ends what waits here …
	not   uint64   // … or does, but for a match that it completes
	ban   uint64   // of stop: the very next row, and what ends the loop that waits
	heed  uint64   // variables whose rows matter here at all
	next  []int32  // the places after its row, the preferred first
	ends  []guards // how a match is complete with its row: the guards that then stand
	turns *turns   // of the ways to next and ends; nil: no loop counts
	stays int32    // where what passes over a row waits on: none when the row had to be the next
	watch []int16  // variables by which partial matches that wait here are indexed
	waits bool     // partial matches may wait here: it is not only where they start
}

// placeTable is the places of a pattern with edges.
type placeTable struct {
	list   []placeInfo
	starts []start
	// merges: one row may lead to a place in several ways, over the same rows as
	// the same variables.
	merges bool
	watch  int // the most variables that one place is indexed by
	ids    map[place]int32
}

// start is a place where a match may start. Rank: its place in the order of
// preference.
type start struct {
	place, rank int32
	turn        turn
}

// placer finds the places.
type placer struct {
	p    *Program
	ids  map[place]int32
	todo []place
	ways int
	seen map[turnedWay]bool
}

// turnedWay leads to a place, or to the end, without a row.
type turnedWay struct {
	at   place
	turn turn
}

// findPlaces lists the places of a pattern with edges.
func (p *Program) findPlaces() (*placeTable, error) {
	f := &placer{p: p, ids: map[place]int32{}, seen: map[turnedWay]bool{}}
	t := &placeTable{ids: f.ids}
	first, _, turns := f.follow(place{})
	for i := 0; i < len(f.todo); i++ {
		if len(f.todo) > maxPlaces || f.ways > maxWays {
			return nil, errTooManyPlaces
		}
		info := f.describe(f.todo[i])
		t.list = append(t.list, info)
		t.watch = max(t.watch, len(info.watch))
	}
	for rank, at := range first {
		t.starts = append(t.starts, start{at, int32(rank), turns.next[rank]})
	}
	t.merges = t.ambiguous(first)
	for i := range t.list {
		t.merges = t.merges || t.ambiguous(t.list[i].next)
	}
	t.markWaits()
	slices.SortStableFunc(t.starts, func(a, b start) int { return int(t.list[a.place].in.v) - int(t.list[b.place].in.v) })
	return t, nil
}

// markWaits finds the places that a partial match may come to: after a row, by
// waiting on, or when a possessive loop has ended.
func (t *placeTable) markWaits() {
	loops := map[int32]bool{} // instructions with places that such a loop guards
	for i := range t.list {
		p := &t.list[i]
		for _, to := range p.next {
			t.list[to].waits = true
		}
		if p.stays != none && p.stays != int32(i) {
			t.list[p.stays].waits = true
		}
		loops[p.at.pc] = loops[p.at.pc] || p.at.g.loop != 0
	}
	for i := range t.list {
		t.list[i].waits = t.list[i].waits || loops[t.list[i].at.pc]
	}
}

// ambiguous says whether a row may be taken as one variable at two of the places.
func (t *placeTable) ambiguous(list []int32) bool {
	seen := map[int16]bool{}
	for _, i := range list {
		if in := t.list[i].in; in.op == opRow {
			if seen[in.v] {
				return true
			}
			seen[in.v] = true
		}
	}
	return false
}

func (f *placer) id(at place) int32 {
	i, ok := f.ids[at]
	if !ok {
		i = int32(len(f.todo))
		f.ids[at] = i
		f.todo = append(f.todo, at)
	}
	return i
}

// describe works out what happens at a place.
func (f *placer) describe(at place) placeInfo {
	in := &f.p.code[at.pc]
	info := placeInfo{at: at, in: in, ban: at.g.once, not: at.g.not, stays: none}
	if in.op == opRow {
		info.next, info.ends, info.turns = f.follow(place{pc: at.pc + 1})
		if len(f.p.define.loops) == 0 {
			info.turns = nil
		}
		if in.until >= 0 && !in.entry {
			info.ban |= 1 << in.until
		}
	}
	info.stop = info.ban | at.g.loop
	if in.op == opAbsent && !in.once || in.op == opRow && in.edge != ast.EdgeDefault {
		at.g.once = 0
		info.stays = f.id(at)
	}
	info.heed = info.stop | info.not | 1<<in.v | f.loopEnds(at, info.stays != none)
	for list := info.heed; list != 0; list &= list - 1 {
		if v := bits.TrailingZeros64(list); f.p.vars[v].equal != nil {
			info.watch = append(info.watch, int16(v))
		}
	}
	return info
}

// loopEnds are the variables whose row ends a possessive loop that stands guard
// at a place; what waits on then waits without that guard.
func (f *placer) loopEnds(at place, stays bool) uint64 {
	var ends uint64
	for l := at.g.loop; l != 0; l &= l - 1 {
		v := bits.TrailingZeros64(l)
		u := f.p.loopUntil[v]
		if u < 0 {
			continue
		}
		ends |= 1 << u
		if stays {
			without := at
			without.g.loop &^= 1 << v
			f.id(without)
		}
	}
	return ends
}

// without is a place whose possessive loops in left have ended.
func (t *placeTable) without(i int32, left uint64) int32 {
	if left == 0 {
		return i
	}
	at := t.list[i].at
	at.g.loop &^= left
	return t.ids[at]
}

// follow lists the places reached without a row, how the end is, and what the
// ways there do to loops that count.
func (f *placer) follow(from place) (to []int32, ends []guards, t *turns) {
	clear(f.seen)
	t = &turns{}
	stack := []turnedWay{{at: from}}
	for len(stack) > 0 {
		w := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if f.seen[w] {
			continue
		}
		f.seen[w] = true
		in := &f.p.code[w.at.pc]
		step := func(pc int32, g guards, turn turn) { stack = append(stack, turnedWay{place{pc, g}, turn}) }
		switch at := w.at; in.op {
		case opSplit:
			step(in.y, at.g, w.turn)
			step(in.x, at.g, w.turn)
		case opJump:
			step(in.x, at.g, w.turn)
		case opCount:
			if more, leave, ok := w.turn.choices(in.v); ok {
				step(in.y, at.g, leave)
				step(in.x, at.g, more)
			}
		case opNext:
			step(in.x, at.g, w.turn.with(in.v, turnNext))
		case opNot:
			step(at.pc+1, at.g.with(in), w.turn)
		case opEnter:
			at.g.reset |= 1 << in.x
			step(at.pc+1, at.g, w.turn)
		case opRow, opAbsent:
			to, t.next = append(to, f.id(at)), append(t.next, w.turn)
			f.ways++
		case opAccept:
			ends, t.ends = append(ends, at.g), append(t.ends, w.turn)
		}
	}
	return to, ends, t
}

// fits says whether a row with the symbol may be one of v.
func (p *Program) fits(symbol uint64, v int) bool {
	mask := p.vars[v].mask
	return symbol&mask == mask
}

// fitsAny says whether a row with the symbol may be one of the variables.
func (p *Program) fitsAny(symbol, variables uint64) bool {
	for ; variables != 0; variables &= variables - 1 {
		if p.fits(symbol, bits.TrailingZeros64(variables)) {
			return true
		}
	}
	return false
}
