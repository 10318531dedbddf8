package reference

import (
	"slices"
	"sort"

	"github.com/cepd/cepd/query/plan"
)

// selected keeps, of the matches that are complete at one moment, those that
// SELECT and LIMIT say; time-outs stay.
func (s *search) selected(list []candidate) []candidate {
	if s.m.Select == plan.SelectAll && s.m.Limit == 0 {
		return list
	}
	var matches, out []candidate
	for _, c := range list {
		if c.timedOut {
			out = append(out, c)
		} else {
			matches = append(matches, c)
		}
	}
	sort.SliceStable(matches, func(i, j int) bool { return s.prefers(matches[i].steps, matches[j].steps) })
	switch s.m.Select {
	case plan.SelectFirst, plan.SelectLast:
		matches = matches[:min(1, len(matches))]
	case plan.SelectMaximal:
		all := matches
		matches = nil
		for _, c := range all {
			if !slices.ContainsFunc(all, func(o candidate) bool { return within(c.steps, o.steps) }) {
				matches = append(matches, c)
			}
		}
	}
	if n := s.m.Limit; n > 0 && n < len(matches) {
		matches = matches[:n]
	}
	return append(out, matches...)
}

// prefers says whether a comes before b: whether the first (with LAST, the last)
// of the rows that only one of them has is a's; over the same rows, whether its
// variables come first.
func (s *search) prefers(a, b []step) bool {
	var only []int // rows of one of them
	for _, st := range a {
		if !covers(b, st.row) {
			only = append(only, st.row)
		}
	}
	for _, st := range b {
		if !covers(a, st.row) {
			only = append(only, st.row)
		}
	}
	if len(only) == 0 {
		return slices.CompareFunc(a, b, func(x, y step) int { return x.variable - y.variable }) < 0
	}
	if s.m.Select == plan.SelectLast {
		return covers(a, slices.Max(only))
	}
	return covers(a, slices.Min(only))
}

func covers(steps []step, row int) bool {
	return slices.ContainsFunc(steps, func(s step) bool { return s.row == row })
}

// within says whether the rows of a are some, and not all, of those of b.
func within(a, b []step) bool {
	return len(a) < len(b) && !slices.ContainsFunc(a, func(s step) bool { return !covers(b, s.row) })
}
