package conformance

import "fmt"

// ownQuantifier is a quantifier whose bounds are data of the row that begins
// the match.
func (g *generator) ownQuantifier() string {
	n := g.IntN(3)
	q := pick(g, fmt.Sprintf("{v %% %d}", n+1), fmt.Sprintf("{v %% 3,%d}", n+1), fmt.Sprintf("{%d,v}", n), "{v % 3,v}", "{v % 2,}", "{,v - 2}", "{1,id % 4}")
	if g.chance(30) {
		q += "?"
	}
	return q
}

// ownWithin is a time limit of each match's own.
func (g *generator) ownWithin() string {
	return " WITHIN " + pick(g, "v * INTERVAL '1' SECOND", "(v - 2) * INTERVAL '2' SECOND", "INTERVAL '5' SECOND + v * INTERVAL '1' SECOND")
}

// ownLoops is a pattern with edges and quantifiers whose bounds are data.
func (g *generator) ownLoops() string {
	return pick(g, "A (->> B){v % 3} -> C", "A -> B{1,v}", "A{v % 3,3} -> B", "A ->> (-> B C){id % 3}", "(-> A B){v % 2,2} ->> C", "((-> A){v % 2,2})+ -> B",
		"A{v % 2} ->> B{v % 3,} -> C", "A (->> B){id % 2,2} (-> A){v % 2}", "(A | B){v % 3,v} -> C", "A ->> (-> B){v - 2}", "(->> A){v % 3}")
}
