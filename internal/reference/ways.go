package reference

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/plan"
)

// moment is a point in the history of a partition: a row, or time running out,
// which comes before the rows of that time.
type moment struct {
	time event.Time
	row  int // -1: time runs out
}

func (m moment) before(o moment) bool {
	return m.time < o.time || m.time == o.time && m.row < o.row
}

// way is a match, or what there was of one when its time ran out.
type way struct {
	steps    []step
	at       moment
	timedOut bool
}

// key is the same for ways that are the same.
func (w *way) key() string {
	key := fmt.Appendf(nil, "%d %d %t", w.at.time, w.at.row, w.timedOut)
	for _, st := range w.steps {
		key = binary.AppendUvarint(append(key, byte(st.variable)), uint64(st.row))
	}
	return string(key)
}

// beginning is all that comes of the matches that start at one row.
type beginning struct {
	ways  []way // by preference; no two are the same
	known map[string]bool
	alive moment // until then partial matches of it wait for rows
}

// beginAt follows every way to match from row start on, as if no other match
// were.
func (s *search) beginAt(start int) (*beginning, error) {
	s.start, s.steps = start, s.steps[:0]
	s.began = &beginning{known: map[string]bool{}, alive: moment{math.MinInt64, -1}}
	var ok bool
	if s.own, ok = s.ownOf(start); !ok {
		return s.began, s.err
	}
	s.follow(s.m.Pattern, place{until: -1, last: true}, func(g guards) {
		if n := len(s.steps); n > 0 && !s.any(s.steps[n-1].row, g.next) {
			last := s.steps[n-1].row
			s.found(way{at: moment{s.rows[last].Time, last}})
		}
	})
	return s.began, s.err
}

// found keeps a way over the rows mapped so far, unless it is known.
func (s *search) found(w way) {
	w.steps = s.steps
	if key := w.key(); !s.began.known[key] {
		s.began.known[key] = true
		w.steps = slices.Clone(s.steps)
		s.began.ways = append(s.began.ways, w)
	}
}

// guards are the variables whose rows end a partial match that waits.
type guards struct {
	not  []int // what lies between may not be one
	next []int // nor the very next row
	kept []loop
}

// loop is a loop over single rows.
type loop struct{ variable, until int }

func (g guards) and(list ...plan.PatNot) guards {
	for _, p := range list {
		if p.Edge == ast.EdgeDefault {
			g.next = append(slices.Clone(g.next), p.Var)
		} else {
			g.not = append(slices.Clone(g.not), p.Var)
		}
	}
	return g
}

// place is where in the pattern an item stands.
type place struct {
	guards
	edge     *ast.Edge     // around the item; nil: none
	until    int           // variable that ends the loop around it; -1: none
	entry    bool          // it is the first of that loop
	after    []plan.PatNot // the negations right behind it
	parts    []*part       // time-limited parts that it is in
	excluded bool
	last     bool // nothing follows it in the pattern
}

// part is one run through a time-limited part.
type part struct {
	first int // the step it began with
	limit int64
}

// follow matches p from the current row on in every way there is, and with each
// goes on to next, which gets the guards that still stand.
func (s *search) follow(p plan.Pattern, at place, next func(guards)) {
	switch p := p.(type) {
	case plan.PatVar:
		s.wait(p.Var, at, next)
	case plan.PatEmpty:
		next(at.guards)
	case plan.PatConcat:
		s.sequence(p.Items, at, next)
	case plan.PatAlt:
		at.last = false
		for _, alt := range p.Alts {
			s.follow(alt, at, next)
		}
	case plan.PatPermute:
		s.orders(p.Items, at, next)
	case plan.PatExclude:
		at.excluded = true
		s.follow(p.Item, at, next)
	case plan.PatQuant:
		s.iterate(p, 0, at, next)
	case plan.PatEdge:
		if at.edge == nil {
			at.edge = &p.Edge
		}
		s.follow(p.Item, at, next)
	case plan.PatNot:
		if at.last {
			s.absence(p, at.guards)
			return
		}
		next(at.guards.and(p))
	case plan.PatWithin:
		at.parts = append(slices.Clone(at.parts), &part{len(s.steps), p.Within})
		s.follow(p.Item, at, next)
	default:
		s.err = unknownPattern(p)
	}
}

// sequence matches one item after the other. The edge around them leads the
// first, which NOT is not.
func (s *search) sequence(items []plan.Pattern, at place, next func(guards)) {
	if len(items) == 0 {
		next(at.guards)
		return
	}
	first, rest := at, at
	first.last = at.last && len(items) == 1
	first.after = negations(items[1:], at.after)
	if _, not := items[0].(plan.PatNot); !not {
		rest.edge = nil
	}
	s.follow(items[0], first, func(g guards) {
		rest.guards = g
		s.sequence(items[1:], rest, next)
	})
}

// negations are those that rest begins with; behind nothing, those of after.
func negations(rest []plan.Pattern, after []plan.PatNot) []plan.PatNot {
	if len(rest) == 0 {
		return after
	}
	not, ok := rest[0].(plan.PatNot)
	if !ok {
		return nil
	}
	return append([]plan.PatNot{not}, negations(rest[1:], after)...)
}

func (s *search) orders(items []plan.Pattern, at place, next func(guards)) {
	if len(items) == 0 {
		next(at.guards)
		return
	}
	at.last = false
	one := at
	if len(items) > 1 {
		one.after = nil
	}
	for i, first := range items {
		others := slices.Delete(slices.Clone(items), i, i+1)
		s.follow(first, one, func(g guards) {
			rest := at
			rest.guards, rest.edge = g, nil
			s.orders(others, rest, next)
		})
	}
}

// iterate matches the iterations of p from number n on, in every number. A
// possessive loop that may have more than one length keeps the rows that fit
// it: none of them may come next, even where it is full.
func (s *search) iterate(p plan.PatQuant, n int, at place, next func(guards)) {
	low, high := s.bounds(p)
	if n != high {
		s.iteration(p, n, at, next)
	}
	if n < low {
		return
	}
	if v, ok := single(p.Item); ok && p.Possessive && low != high {
		at.kept = append(slices.Clone(at.kept), loop{v, untilOf(p)})
	}
	next(at.guards)
}

// iteration matches one iteration and those after it. One over no rows is good
// only where there must be one.
func (s *search) iteration(p plan.PatQuant, n int, at place, next func(guards)) {
	item, rest := at, at
	item.last, rest.edge = false, nil
	item.after = between(p, n+1, at.after)
	if n > 0 || p.Min == 0 {
		item.guards = at.and(between(p, n, at.after)...)
	}
	if p.Until != nil {
		item.until, item.entry = p.Until.Var, n == 0
	}
	before := len(s.steps)
	s.follow(p.Item, item, func(g guards) {
		if low, _ := s.bounds(p); len(s.steps) > before || n < low {
			rest.guards = g
			s.iterate(p, n+1, rest, next)
		}
	})
}

// between is what the negations behind a loop forbid before iteration n: what
// they would forbid if the loop ended here, and where it cannot end yet, what
// may not lie between.
func between(p plan.PatQuant, n int, after []plan.PatNot) []plan.PatNot {
	if n >= p.Min {
		return after
	}
	return slices.DeleteFunc(slices.Clone(after), func(not plan.PatNot) bool { return not.Edge == ast.EdgeDefault })
}

func untilOf(p plan.PatQuant) int {
	if p.Until == nil {
		return -1
	}
	return p.Until.Var
}

// single is the variable of an item of one row.
func single(p plan.Pattern) (int, bool) {
	switch p := p.(type) {
	case plan.PatVar:
		return p.Var, true
	case plan.PatEdge:
		return single(p.Item)
	}
	return 0, false
}

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
