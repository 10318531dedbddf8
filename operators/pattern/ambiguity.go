package pattern

import "slices"

// maxPairs limits the search for ambiguity; beyond it a pattern counts as
// ambiguous.
const maxPairs = 100_000

// pair is two places at which the same rows may wait, the first the lesser.
type pair struct{ a, b int32 }

// ambiguous says whether rows may be mapped to the same variables in two ways:
// whether two places that the same rows lead to are left over one variable for
// a common place or the end. The graph, where each way is a path, would then
// report a match twice.
func (s *tecs) ambiguous() bool {
	seen := map[pair]bool{}
	var todo []pair
	add := func(a, b int32) {
		at := pair{min(a, b), max(a, b)}
		if a != b && a != none && b != none && !seen[at] {
			seen[at] = true
			todo = append(todo, at)
		}
	}
	addAll := func(as, bs []int32) {
		for _, a := range as {
			for _, b := range bs {
				add(a, b)
			}
		}
	}
	addAll(s.starts, s.starts)
	for i := range s.places {
		addAll(s.places[i].next, s.places[i].next)
	}
	for len(todo) > 0 && len(seen) <= maxPairs {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		a, b := &s.places[at.a], &s.places[at.b]
		add(a.stays, b.stays)
		if a.in.v != b.in.v {
			continue
		}
		if a.accepts && b.accepts || slices.ContainsFunc(a.next, func(to int32) bool { return slices.Contains(b.next, to) }) {
			return true
		}
		addAll(a.next, b.next)
	}
	return len(todo) > 0
}
