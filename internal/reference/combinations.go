package reference

import (
	"slices"
	"sort"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/plan"
)

// candidate is a way with the row it started at.
type candidate struct {
	way
	start int
}

// combinations reports all matches of a pattern with edges, thinned as SELECT,
// CONSUME BY and AFTER MATCH say. First every start is followed to its end; then
// what came of them is gone through in the order in which it happened:
//
//	moment ──▶ of the matches complete then, those selected
//	       ──▶ time-outs are reported
//	       ──▶ matches join those held back ──▶ the earliest start, once no
//	           partial match started before it, is reported and drops others
func (s *search) combinations() error {
	t, err := s.thinning()
	if err != nil {
		return err
	}
	return sweep([]*thinning{t})
}

// thinning follows every start of the partition.
func (s *search) thinning() (*thinning, error) {
	t := &thinning{search: s, dropped: -1, consumed: new(int)}
	*t.consumed = -1
	for start := range s.rows {
		b, err := s.beginAt(start)
		if err != nil {
			return nil, err
		}
		t.begun = append(t.begun, b)
		for _, w := range b.ways {
			t.list = append(t.list, candidate{w, start})
		}
	}
	sort.SliceStable(t.list, func(i, j int) bool { return t.list[i].at.before(t.list[j].at) })
	s.number = 0
	return t, nil
}

// instant is a moment of one partition among those of others: rows come in the
// order of rank.
type instant struct {
	moment
	rank int
	of   *thinning
}

func (a instant) before(b instant) bool {
	if a.time != b.time || (a.row < 0) != (b.row < 0) {
		return a.moment.before(b.moment)
	}
	return a.rank < b.rank
}

// sweep goes through the moments at which something may be reported: those of
// the candidates and those at which the last partial match of a start ends.
func sweep(list []*thinning) error {
	var all []instant
	for _, t := range list {
		seen := map[moment]bool{}
		add := func(m moment) {
			if !seen[m] {
				seen[m] = true
				all = append(all, instant{m, t.rank(m), t})
			}
		}
		for _, c := range t.list {
			add(c.at)
		}
		for _, b := range t.begun {
			add(b.alive)
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].before(all[j]) })
	for _, x := range all {
		if x.time == event.MaxTime {
			break // without WITHIN, partial matches wait for ever
		}
		if err := x.of.pass(x.moment); err != nil {
			return err
		}
	}
	return nil
}

// thinning applies SELECT, CONSUME BY and AFTER MATCH.
type thinning struct {
	*search
	begun    []*beginning
	list     []candidate // still to come
	held     []candidate // complete, by start
	dropped  int         // starts up to here are out
	consumed *int        // rows up to this rank are used up; of one partition or of all
}

// rank is the place of a moment's row among the rows of all partitions; when
// time runs out, of the last row before.
func (t *thinning) rank(m moment) int {
	if m.row >= 0 {
		return t.rows[m.row].rank
	}
	rank := -1
	for _, r := range t.rows {
		if r.Time < m.time {
			rank = r.rank
		}
	}
	return rank
}

// pass does what is to be done at a moment.
func (t *thinning) pass(now moment) error {
	var complete []candidate
	for len(t.list) > 0 && t.list[0].at == now {
		if c := t.list[0]; c.start > t.dropped && t.rows[c.start].rank > *t.consumed {
			complete = append(complete, c)
		}
		t.list = t.list[1:]
	}
	for _, c := range t.selected(complete) {
		if err := t.arrive(c); err != nil {
			return err
		}
		if t.m.Consume != plan.ConsumeNone && !c.timedOut {
			*t.consumed = max(*t.consumed, t.rank(now))
		}
	}
	return t.release(now)
}

func (t *thinning) arrive(c candidate) error {
	if c.timedOut || t.m.Skip == ast.NoSkip {
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
		if t.rows[at].rank > *t.consumed && now.before(t.begun[at].alive) {
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
