package reference

import (
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/plan"
)

// wait tries the rows after the last one for a row of v, as far as the edge
// lets rows be passed over. A row that a negation forbids ends the partial
// match, but a match that it completes stands.
func (s *search) wait(v int, at place, next func(guards)) {
	edge := ast.EdgeDefault
	if at.edge != nil {
		edge = *at.edge
	}
	if s.last {
		return
	}
	for row := s.first(); s.arrives(row, s.over(at.parts)) && !s.stops(row, at); row++ {
		fits := s.maps(step{row, v, at.excluded})
		forbidden := s.any(row, at.not)
		if fits && !s.ends(row, at.until) {
			s.last = forbidden
			s.take(step{row, v, at.excluded}, at.parts, next)
			s.last = false
		}
		if s.err != nil || len(s.steps) == 0 || edge == ast.EdgeDefault || edge == ast.EdgeRelaxed && fits || forbidden {
			return
		}
		at.next = nil
		at.kept = slices.DeleteFunc(slices.Clone(at.kept), func(l loop) bool { return s.ends(row, l.until) })
	}
}

// take goes on with st as a row of the match.
func (s *search) take(st step, parts []*part, next func(guards)) {
	s.steps = append(s.steps, st)
	inside := true
	for _, p := range parts {
		first := s.rows[s.steps[p.first].row].Time
		inside = inside && s.rows[st.row].Time-first < p.limit
	}
	if inside {
		next(guards{})
	}
	s.steps = s.steps[:len(s.steps)-1]
}

// absence is NOT as the last step: the match is complete when its time runs out
// or, as the very next row, when that is another one.
func (s *search) absence(p plan.PatNot, g guards) {
	if s.last || len(s.steps) == 0 {
		return
	}
	row := s.first()
	for ; row < len(s.rows) && s.deadline() > s.rows[row].Time; row++ {
		s.lives(moment{s.rows[row].Time, row})
		if s.stops(row, place{guards: g, until: -1}) || s.any(row, append(g.not, p.Var)) {
			return
		}
		if p.Edge == ast.EdgeDefault {
			s.found(way{at: moment{s.rows[row].Time, row}})
			return
		}
		g.next = nil
	}
	end := moment{s.deadline(), -1}
	if p.Edge == ast.EdgeDefault || end.time == event.MaxTime {
		s.timeOut()
		return
	}
	s.lives(end)
	s.found(way{at: end})
}

// first is the row after the last one mapped.
func (s *search) first() int {
	if n := len(s.steps); n > 0 {
		return s.steps[n-1].row + 1
	}
	return s.start
}

// over is when a partial match that waits in parts with a limit has waited in
// vain. With time-outs that does not end it: it times out as a whole.
func (s *search) over(parts []*part) event.Time {
	end := event.MaxTime
	for _, p := range parts {
		if p.first < len(s.steps) && !s.m.Timeouts {
			end = min(end, later(s.rows[s.steps[p.first].row].Time, p.limit))
		}
	}
	return end
}

// arrives says whether a partial match still waits when row comes; if not, it
// has waited in vain, or has timed out.
func (s *search) arrives(row int, over event.Time) bool {
	if over < s.deadline() && (row >= len(s.rows) || over <= s.rows[row].Time) {
		s.lives(moment{over, -1})
		return false
	}
	if row >= len(s.rows) || s.deadline() <= s.rows[row].Time {
		s.timeOut()
		return false
	}
	s.lives(moment{s.rows[row].Time, row})
	return s.spend()
}

// timeOut ends the wait of a partial match.
func (s *search) timeOut() {
	end := moment{s.deadline(), -1}
	s.lives(end)
	if s.m.Timeouts && end.time < event.MaxTime {
		s.found(way{at: end, timedOut: true})
	}
}

func (s *search) lives(until moment) {
	if len(s.steps) > 0 && s.began.alive.before(until) {
		s.began.alive = until
	}
}

// deadline is when the rows mapped so far are too old.
func (s *search) deadline() event.Time {
	d := event.MaxTime
	if len(s.steps) == 0 {
		return d
	}
	if w := s.own.within; w > 0 {
		d = later(s.rows[s.start].Time, w)
	}
	if g := s.m.Gap; g > 0 {
		d = min(d, later(s.rows[s.steps[len(s.steps)-1].row].Time, g))
	}
	return d
}

func later(t event.Time, by int64) event.Time {
	if t > event.MaxTime-by {
		return event.MaxTime
	}
	return t + by
}

// stops says whether a row is one that must not come: the very next one, one of
// a loop that keeps its rows, or one that ends the loop that waits.
func (s *search) stops(row int, at place) bool {
	belongs := func(l loop) bool { return s.maps(step{row, l.variable, false}) && !s.ends(row, l.until) }
	return s.any(row, at.next) || slices.ContainsFunc(at.kept, belongs) || !at.entry && s.ends(row, at.until)
}

func (s *search) any(row int, variables []int) bool {
	return slices.ContainsFunc(variables, func(v int) bool { return s.maps(step{row, v, false}) })
}

// ends says whether a row ends the loop that until belongs to; -1: none does.
func (s *search) ends(row, until int) bool {
	return until >= 0 && s.maps(step{row, until, false})
}

// maps says whether the row satisfies the condition of its variable, as the
// next row of the match.
func (s *search) maps(st step) bool {
	s.steps = append(s.steps, st)
	ok := s.holds(st.variable)
	s.steps = s.steps[:len(s.steps)-1]
	return ok
}
