package pattern

import (
	"strings"

	"github.com/cepd/cepd/internal/event"
)

// turn is what a way without a row does to loops that count: pairs of a loop
// and what is done.
//
//	next    a repetition is complete
//	more    another one begins: fewer than the most so far
//	leave   the loop is left: no fewer than the least so far; the count is 0 again
type turn string

// turns are those of the ways from a place.
type turns struct{ next, ends []turn }

const (
	turnNext  = 'n'
	turnMore  = 'm'
	turnLeave = 'l'
)

// maxCounted is how many quantifiers of a pattern may have bounds from data.
const maxCounted = 100

func (t turn) with(loop int16, what byte) turn { return t + turn([]byte{byte(loop), what}) }

// choices are the turns at the head of a loop. A way that comes there a third
// time finds nothing new: the loop was left, and its count is 0.
func (t turn) choices(loop int16) (more, leave turn, ok bool) {
	visits := strings.Count(string(t), string([]byte{byte(loop), turnMore})) + strings.Count(string(t), string([]byte{byte(loop), turnLeave}))
	return t.with(loop, turnMore), t.with(loop, turnLeave), visits < 2
}

// pass applies a turn to the loop registers; false when a loop does not let it
// pass.
func (f *frame) pass(t turn, ints []int64) bool {
	for i := 0; i < len(t); i += 2 {
		l := ints[f.loops[t[i]].at:]
		switch t[i+1] {
		case turnNext:
			l[0]++
		case turnMore:
			if l[0] >= l[2] {
				return false
			}
		case turnLeave:
			if l[0] < l[1] {
				return false
			}
			l[0] = 0
		}
	}
	return true
}

// opening sets the registers of the match that the row at hand begins; false
// when it begins none.
func (e *edges) opening() (bool, error) {
	copy(e.first.ints, e.blank.ints)
	copy(e.first.vals, e.blank.vals)
	w := &e.m.view
	if !w.bounds(int(e.number), e.first.ints[e.parts:]) {
		return false, nil
	}
	if e.p.limit >= 0 {
		if limit := w.p.layout.value(w.arena, w.row(int(e.number)), e.p.limit); limit.Null || limit.I <= 0 {
			return false, nil
		}
	}
	return true, w.tooMany(int(e.number))
}

// own says whether a match takes bounds or its limit from its first row.
func (p *Program) own() bool { return p.limit >= 0 || len(p.define.loops) > 0 }

// enters sets the registers of the match that begins on a way; false when a
// loop does not let it pass.
func (e *edges) enters(x *partial, t turn) bool {
	if !e.p.own() {
		return true
	}
	copy(x.ints, e.first.ints)
	return e.p.define.pass(t, x.ints[e.parts:])
}

// ownEnd is when a match is out of the time that its first row gives it; MaxTime
// when it gives none.
func (e *edges) ownEnd(start int32) event.Time {
	if e.p.limit < 0 {
		return event.MaxTime
	}
	s, w := e.store.starts.at(start), &e.m.view
	return deadline(s.time, w.p.layout.value(w.arena, w.row(int(s.number)), e.p.limit).I)
}

// turned makes scratch the registers of one way on, out of those in e.taken.
func (e *edges) turned(t turn) bool {
	copy(e.scratch.ints, e.taken)
	return e.p.define.pass(t, e.scratch.ints[e.parts:])
}

// again says whether the path that is being added to has a run at the place with
// the counts in scratch.
func (e *edges) again(r *runs, path, to int32) bool {
	s := e.store
	for i := r.heads[to]; i != none && s.paths.sameAs(s.runs.at(i).path) == s.paths.sameAs(path); i = s.runs.at(i).after {
		same := true
		for _, l := range e.p.define.loops {
			same = same && s.registers(i).ints[e.parts+l.at] == e.scratch.ints[e.parts+l.at]
		}
		if same {
			return true
		}
	}
	return false
}
