package reference

import (
	"slices"
	"sort"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query/ast"
)

// candidate is a way with the row it started at.
type candidate struct {
	way
	start int
}

// combinations reports all matches of a pattern with edges, thinned as AFTER
// MATCH says. First every start is followed to its end; then what came of them
// is gone through in the order in which it happened:
//
//	moment ──▶ time-outs are reported
//	       ──▶ matches join those held back ──▶ the earliest start, once no
//	           partial match started before it, is reported and drops others
func (s *search) combinations() error {
	var begun []*beginning
	var list []candidate
	for start := range s.rows {
		b, err := s.beginAt(start)
		if err != nil {
			return err
		}
		begun = append(begun, b)
		for _, w := range b.ways {
			list = append(list, candidate{w, start})
		}
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].at.before(list[j].at) })
	s.number = 0
	return s.sift(begun, list)
}

// sift goes through the moments at which something may be reported: those of
// the candidates and those at which the last partial match of a start ends.
func (s *search) sift(begun []*beginning, list []candidate) error {
	var moments []moment
	for _, c := range list {
		moments = append(moments, c.at)
	}
	for _, b := range begun {
		moments = append(moments, b.alive)
	}
	sort.Slice(moments, func(i, j int) bool { return moments[i].before(moments[j]) })
	t := &thinning{search: s, begun: begun, dropped: -1}
	for _, now := range slices.Compact(moments) {
		if now.time == event.MaxTime {
			break // without WITHIN, partial matches wait for ever
		}
		for len(list) > 0 && list[0].at == now {
			if err := t.arrive(list[0]); err != nil {
				return err
			}
			list = list[1:]
		}
		if err := t.release(now); err != nil {
			return err
		}
	}
	return nil
}

// thinning applies AFTER MATCH.
type thinning struct {
	*search
	begun   []*beginning
	held    []candidate // complete, by start
	dropped int         // starts up to here are out
}

func (t *thinning) arrive(c candidate) error {
	switch {
	case c.start <= t.dropped:
		return nil
	case c.timedOut || t.m.Skip == ast.NoSkip:
		return t.report(c)
	}
	t.held = append(t.held, c)
	sort.SliceStable(t.held, func(i, j int) bool { return t.held[i].start < t.held[j].start })
	return nil
}

// release reports the held matches that nothing started before holds back.
func (t *thinning) release(now moment) error {
	for len(t.held) > 0 && !t.waits(t.held[0].start, now) {
		c := t.held[0]
		t.held = t.held[1:]
		if err := t.report(c); err != nil {
			return err
		}
		if err := t.drop(c); err != nil {
			return err
		}
		t.held = slices.DeleteFunc(t.held, func(h candidate) bool { return h.start <= t.dropped })
	}
	return nil
}

// waits says whether after now a partial match is alive that started before
// start.
func (t *thinning) waits(start int, now moment) bool {
	for at := t.dropped + 1; at < start; at++ {
		if now.before(t.begun[at].alive) {
			return true
		}
	}
	return false
}

// drop finds the starts that a match leaves no room for.
func (t *thinning) drop(c candidate) error {
	switch t.m.Skip {
	case ast.SkipToNext:
		t.dropped = max(t.dropped, c.start)
	case ast.SkipPastLast:
		t.dropped = max(t.dropped, c.steps[len(c.steps)-1].row)
	default:
		to, err := t.skipTarget(c.steps)
		if err != nil && t.lenient {
			return nil
		}
		t.dropped = max(t.dropped, c.steps[to].row-1)
		return err
	}
	return nil
}

// report writes a match or a time-out; only matches are numbered.
func (t *thinning) report(c candidate) error {
	t.start, t.steps, t.at = c.start, c.steps, c.at.time
	t.status = "TIMED_OUT"
	if !c.timedOut {
		t.status = "MATCHED"
		t.number++
	}
	return t.emit()
}
