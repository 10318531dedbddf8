package pattern

import (
	"cmp"
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
)

// Trace is what became of the key's rows, with at most so many misses.
func (t *Tracer) Trace(most int) *operators.Trace {
	out := t.trace
	out.Matches = slices.Clone(out.Matches)
	t.book.look(t.k)
	t.book.view.start = 0
	for i := range out.Matches {
		t.explain(&out.Matches[i])
	}
	list := slices.Clone(t.ends)
	var open []openMatch
	for _, o := range t.open {
		open = append(open, o)
	}
	if !t.p.match.Edges {
		list, open = t.attempts()
	}
	out.Cut = out.Cut || t.trace.Cut
	byLength := func(a, b openMatch) int {
		return cmp.Or(cmp.Compare(len(b.steps), len(a.steps)), cmp.Compare(b.at, a.at), slices.CompareFunc(a.steps, b.steps, compareSteps))
	}
	slices.SortFunc(list, byLength)
	slices.SortFunc(open, byLength)
	for i := range list[:min(most, len(list))] {
		out.Misses = append(out.Misses, t.miss(&list[i]))
	}
	for i := range open[:min(most, len(open))] {
		m := t.miss(&open[i])
		m.Cause, m.Row, m.Ended = operators.CauseOpen, nil, open[i].expires
		out.Open = append(out.Open, m)
	}
	return &out
}

func compareSteps(a, b step) int { return cmp.Or(cmp.Compare(a.row, b.row), cmp.Compare(a.v, b.v)) }

// explain tests the rows of a match.
func (t *Tracer) explain(m *operators.TracedMatch) {
	var steps []step
	for _, r := range m.Rows {
		row, v := t.index[r.ID], t.variable(r.Variable)
		m.Tests = append(m.Tests, t.test(steps, row, v))
		steps = append(steps, step{v: v, row: int64(row)})
	}
}

func (t *Tracer) test(steps []step, row int32, v int16) operators.Test {
	return operators.Test{Row: t.boundRow(row, v), Conjuncts: t.book.p.conjuncts.test(&t.book.view, steps, int(row), v)}
}

// attempts follows every start of a pattern without edges that no match covers,
// as the matcher would if no other start had come before it.
func (t *Tracer) attempts() (ended, open []openMatch) {
	covered := t.covered()
	died := map[int32]bool{}
	budget := maxFollowedRows
	for s := int32(0); s < t.k.n && budget > 0; s++ {
		if covered[s] {
			continue
		}
		o, undecided := t.attempt(s, &budget)
		switch {
		case o == nil:
		case undecided:
			open = append(open, *o)
		case len(ended) > 0 && endsWith(ended[len(ended)-1].steps, o.steps):
		case o.end == none || !died[o.end]: // of several that end with one row the first came furthest
			died[o.end] = o.end != none
			ended = append(ended, *o)
		}
	}
	t.trace.Cut = t.trace.Cut || budget <= 0
	return ended, open
}

// endsWith says whether the later start saw nothing else than the earlier one.
func endsWith(steps, last []step) bool {
	n := len(steps) - len(last)
	return n >= 0 && slices.Equal(steps[n:], last)
}

// covered are the rows of matches.
func (t *Tracer) covered() map[int32]bool {
	list := map[int32]bool{}
	for i := range t.trace.Matches {
		for _, r := range t.trace.Matches[i].Rows {
			list[t.index[r.ID]] = true
		}
	}
	return list
}

// attempt follows the start at row s; nil: it takes no row, or matches.
func (t *Tracer) attempt(s int32, budget *int) (o *openMatch, undecided bool) {
	m, k := t.book, t.k
	k.start, k.pos = s, s
	m.look(k)
	defer func() { k.start, k.pos, m.view.start = 0, 0, 0 }()
	limit, err := m.opening(k)
	if err != nil || limit == event.MinTime {
		return nil, false
	}
	a := &m.replay
	a.begin(&m.view, &m.p.define, s == 0)
	m.ended = t.ended
	defer func() { m.ended = false }()
	i := s
	for ; i < k.n && a.alive(); i++ {
		if o != nil && m.rowTime(k, int(i)) >= limit {
			o.end, o.at = none, limit
			return o.unless(a), false
		}
		before := t.standing(a, s)
		symbol, err := m.symbol(k, int(i))
		if err != nil {
			return nil, false
		}
		if _, err := a.feed(&m.view, &m.p.define, int(i-s), symbol); err != nil {
			return nil, false
		}
		*budget--
		if before.end, before.at = i, m.rowTime(k, int(i)); len(before.steps) > 0 {
			o = before
		}
	}
	if a.alive() && len(t.standing(a, s).steps) > 0 {
		o = t.standing(a, s)
		if o.end, o.at, o.expires = none, limit, limit; t.wm >= limit-1 {
			return o.unless(a), false
		}
		return o.unless(a), true
	}
	return o.unless(a), false
}

// unless is o, or nil when the attempt has found a match.
func (o *openMatch) unless(a *attempt) *openMatch {
	if a.matched {
		return nil
	}
	return o
}

// standing is where the threads of an attempt are.
func (t *Tracer) standing(a *attempt, s int32) *openMatch {
	o := &openMatch{end: none, expires: event.MaxTime}
	for node := a.cur.threads[0].path; node >= 0; node = a.paths[node].parent {
		x := a.paths[node].step
		o.steps = append(o.steps, step{v: x.v, excluded: x.excluded, row: x.row + int64(s)})
	}
	slices.Reverse(o.steps)
	for _, x := range a.cur.threads {
		if name := t.p.vars[t.p.code[x.pc].v].name; !slices.Contains(o.waits, name) {
			o.waits = append(o.waits, name)
		}
	}
	return o
}

// miss says why a partial match came to nothing.
func (t *Tracer) miss(o *openMatch) operators.Miss {
	m := operators.Miss{Rows: t.bound(o.steps), Waited: o.waits, Absent: o.absent, Ended: o.at}
	if o.end == none {
		m.Cause, m.Tests = operators.CauseTime, t.nearest(o)
		return m
	}
	row := t.boundRow(o.end, noVar)
	m.Row = &row
	m.Cause = operators.CauseSkipped
	for _, name := range o.absent {
		if x := t.test(o.steps, o.end, t.variable(name)); x.Fits() {
			m.Cause, m.Tests = operators.CauseForbidden, []operators.Test{x}
			return m
		}
	}
	var tests []operators.Test
	for _, name := range o.waits {
		tests = append(tests, t.test(o.steps, o.end, t.variable(name)))
	}
	if len(tests) > 0 && !slices.ContainsFunc(tests, func(x operators.Test) bool { return x.Fits() }) {
		m.Cause, m.Tests = operators.CauseRow, tests
	}
	return m
}

// maxNear is how many rows are looked at for the nearest.
const maxNear = 1000

// nearest finds for each variable that was waited for the row that came nearest
// to it: the one with the fewest conditions that failed, the last of those.
func (t *Tracer) nearest(o *openMatch) (out []operators.Test) {
	from := int32(0)
	if n := len(o.steps); n > 0 {
		from = int32(o.steps[n-1].row) + 1
	}
	for _, name := range o.waits {
		var best *operators.Test
		for row := from; row < min(t.k.n, from+maxNear) && t.book.rowTime(t.k, int(row)) < o.at; row++ {
			if x := t.test(o.steps, row, t.variable(name)); best == nil || x.Failing() <= best.Failing() {
				best = &x
			}
		}
		if best != nil {
			out = append(out, *best)
		}
	}
	return out
}
