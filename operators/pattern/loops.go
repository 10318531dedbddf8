package pattern

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

// MaxRepetitions limits the bounds of a quantifier that are data.
const MaxRepetitions = 10_000

// loopRegister is a loop that counts, because its bounds are data of the row
// that begins the match:
//
//	[repetitions so far | at least | at most]
//
// The count is zero outside the loop, so that ways out of it after different
// numbers of repetitions are one.
type loopRegister struct {
	at       int // first of its ints
	min, max bound
}

// bound is a number, or a cell of the row that begins the match.
type bound struct {
	number int64
	cell   int // -1: the number
}

// stateful says whether a thread has registers.
func (f *frame) stateful() bool { return len(f.slots)+len(f.loops) > 0 }

// limits makes cells of what a match takes from its first row: the bounds of
// loops, its time limit.
func (c *compiler) limits() {
	p := c.p
	p.limit = -1
	if e := p.match.WithinOf; e != nil {
		p.limit = c.keep(e)
	}
	f := &p.define
	for i, b := range p.match.Bounds {
		q := c.loops[int16(i)]
		l := loopRegister{at: f.ints, min: c.bound(b.Min, q.Min), max: c.bound(b.Max, q.Max)}
		f.ints += 3
		f.loops = append(f.loops, l)
	}
}

func (c *compiler) bound(e expr.Expr, number int) bound {
	switch {
	case e != nil:
		return bound{cell: c.keep(e)}
	case number < 0:
		return bound{number: math.MaxInt64, cell: -1}
	}
	return bound{number: int64(number), cell: -1}
}

// mayBeZero says whether the loop of an opCount may be left at once.
func (p *Program) mayBeZero(in *instr) bool {
	b := p.define.loops[in.v].min
	return b.cell >= 0 || b.number == 0
}

// BoundError says that data asked for more repetitions than a pattern may have.
type BoundError struct{ Bound int64 }

func (e *BoundError) Error() string {
	return fmt.Sprintf("a quantifier's bound from data is %d; at most %d repetitions are supported", e.Bound, MaxRepetitions)
}

// bounds sets the loop registers from row 0; false when one is NULL or they
// leave no number of repetitions.
func (w *view) bounds(ints []int64) bool {
	ok := true
	for i := range w.p.define.loops {
		l := &w.p.define.loops[i]
		low, known := w.bound(l.min)
		high, given := w.bound(l.max)
		ints[l.at], ints[l.at+1], ints[l.at+2] = 0, low, high
		ok = ok && known && given && low >= 0 && low <= high
	}
	return ok
}

func (w *view) bound(b bound) (n int64, known bool) {
	if b.cell < 0 {
		return b.number, true
	}
	v := w.p.layout.value(w.arena, w.row(0), b.cell)
	return v.I, !v.Null
}

// tooMany is the error of bounds beyond the limit.
func (w *view) tooMany() error {
	for i := range w.p.define.loops {
		l := &w.p.define.loops[i]
		for _, b := range []bound{l.min, l.max} {
			if n, _ := w.bound(b); b.cell >= 0 && n > MaxRepetitions {
				return &BoundError{n}
			}
		}
	}
	return nil
}

// opening is when the attempt at the key's start is out of time; MinTime when
// its row begins no match, because what it takes from that row is not there or
// makes no sense.
func (m *Matcher) opening(k *keyState) (event.Time, error) {
	if m.p.limit < 0 && len(m.p.define.loops) == 0 {
		return m.deadline(k), nil
	}
	m.look(k)
	if !m.view.bounds(m.space.scratchI) {
		return event.MinTime, nil
	}
	return m.deadline(k), m.view.tooMany()
}

// deadline is when the match that starts at the key's start is out of time;
// MaxTime: never, MinTime: before it begins.
func (m *Matcher) deadline(k *keyState) event.Time {
	first, d := m.rowTime(k, int(k.start)), event.MaxTime
	if w := m.p.within; w > 0 {
		d = deadline(first, w)
	}
	if m.p.limit >= 0 {
		w := m.p.layout.value(m.arena, k.row(m.p, m.arena, int(k.start)), m.p.limit)
		if w.Null || w.I <= 0 {
			return event.MinTime
		}
		d = min(d, deadline(first, w.I))
	}
	return d
}

// ---- closure

// walk is the closure of a thread where loops count: the counts differ from way
// to way, so that ways are followed one by one, in order of preference.
type walk struct {
	a           *attempt
	p           *Program
	regs        *frame
	path        int32
	first, last bool
	empty       uint64 // iterations, by depth, that have had no row
}

// from follows the ways from pc; it says whether the match may end on one, and
// then nothing less preferred was added.
func (w *walk) from(pc int32) bool {
	switch in := &w.p.code[pc]; in.op {
	case opJump:
		return w.from(in.x)
	case opSplit:
		return w.fresh(pc) && (w.from(in.x) || w.from(in.y))
	case opStart:
		return w.first && w.from(pc+1)
	case opEnd:
		return w.last && w.from(pc+1)
	case opBegin:
		return w.within(w.empty|1<<in.x, pc+1)
	case opRows:
		if w.empty>>in.y&1 == 0 {
			return w.from(pc + 1)
		}
		return in.x >= 0 && w.within(w.empty&^(1<<in.y), in.x)
	case opNext:
		count := w.count(in)
		*count++
		ends := w.from(in.x)
		*count--
		return ends
	case opCount:
		return w.fresh(pc) && w.repeat(in)
	case opAccept:
		w.a.cand, w.a.matched = w.path, true
		return true
	case opRow:
		w.a.add(w.p, w.regs, pc, w.path)
	}
	return false
}

// within goes on from pc with other iterations empty.
func (w *walk) within(empty uint64, pc int32) bool {
	outer := w.empty
	w.empty = empty
	ends := w.from(pc)
	w.empty = outer
	return ends
}

func (w *walk) count(in *instr) *int64 { return &w.a.scratchI[w.regs.loops[in.v].at] }

// repeat goes on with another repetition, or behind the loop.
func (w *walk) repeat(in *instr) bool {
	at := w.regs.loops[in.v].at
	n, low, high := w.a.scratchI[at], w.a.scratchI[at+1], w.a.scratchI[at+2]
	switch {
	case n < low:
		return w.from(in.x)
	case n >= high:
		return w.leave(in)
	case in.few:
		return w.leave(in) || w.from(in.x)
	}
	return w.from(in.x) || w.leave(in)
}

func (w *walk) leave(in *instr) bool {
	count := w.count(in)
	n := *count
	*count = 0
	ends := w.from(in.y)
	*count = n
	return ends
}

// fresh says whether the way has not been at pc with these counts and empty
// iterations.
func (w *walk) fresh(pc int32) bool {
	a, size := w.a, 2+len(w.regs.loops)
	here := len(a.trail)
	a.trail = append(a.trail, int64(pc), int64(w.empty))
	for _, l := range w.regs.loops {
		a.trail = append(a.trail, a.scratchI[l.at])
	}
	for i := 0; i < here; i += size {
		if slices.Equal(a.trail[i:i+size], a.trail[here:]) {
			a.trail = a.trail[:here]
			return false
		}
	}
	return true
}

// ---- EXPLAIN

func (p *Program) boundText(b bound) string {
	switch {
	case b.cell >= 0:
		return p.match.ExprString(p.kept[b.cell])
	case b.number == math.MaxInt64:
		return "any number of"
	}
	return fmt.Sprint(b.number)
}

// explainOwn says what each match takes from its first row.
func (p *Program) explainOwn(b *strings.Builder) {
	if p.limit >= 0 {
		fmt.Fprintf(b, "  WITHIN %s of the first row: each match has a limit of its own\n", p.match.ExprString(p.kept[p.limit]))
	}
	for i := range p.define.loops {
		l := &p.define.loops[i]
		fmt.Fprintf(b, "  register: a loop's count, %s to %s, from the first row, at most %d\n", p.boundText(l.min), p.boundText(l.max), MaxRepetitions)
	}
}
