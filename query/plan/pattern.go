package plan

import "github.com/cepd/cepd/query/ast"

// Pattern is a bound pattern: variables are indexes into Match.Vars, PERMUTE
// is still a node.
type Pattern interface{ pattern() }

// PatVar is one row of variable Var.
type PatVar struct{ Var int }

// PatEmpty is ().
type PatEmpty struct{}

// PatAnchor is ^ (Start) or $.
type PatAnchor struct{ Start bool }

// PatConcat is one after the other.
type PatConcat struct{ Items []Pattern }

// PatAlt is a | b, the first preferred.
type PatAlt struct{ Alts []Pattern }

// PatPermute is PERMUTE(a, b, …): all orders, lexicographic preference.
type PatPermute struct{ Items []Pattern }

// PatExclude is {- p -}.
type PatExclude struct{ Item Pattern }

// PatQuant is p{Min,Max}; Max -1 is no limit.
type PatQuant struct {
	Item      Pattern
	Min, Max  int
	Bounds    int // from data: 1 + the index in Match.Bounds; 0: Min and Max are the bounds
	Reluctant bool
	// Possessive: a row that fits the loop belongs to it (Flink CEP's greedy).
	Possessive bool
	// Until: a row of this variable ends the loop and is not part of it
	// ((-> NOT U -> B)+); nil: none. Only in patterns with edges.
	Until *PatVar
}

// PatEdge is an item with the edge that leads it, in patterns that have edges
// (Match.Edges). An edge that leads a group leads each of its iterations.
type PatEdge struct {
	Edge ast.Edge // EdgeDefault: the very next row
	Item Pattern
}

// PatNot is NOT x: a row of Var must not come, with EdgeDefault as the very next
// row, with EdgeRelaxed before the row of what follows; as the last step, before
// WITHIN runs out.
type PatNot struct {
	Edge ast.Edge
	Var  int
}

// PatWithin limits the time from Item's first to its last row.
type PatWithin struct {
	Item   Pattern
	Within int64 // µs; the last row's time - the first row's < Within
}

func (PatEdge) pattern()    {}
func (PatNot) pattern()     {}
func (PatWithin) pattern()  {}
func (PatVar) pattern()     {}
func (PatEmpty) pattern()   {}
func (PatAnchor) pattern()  {}
func (PatConcat) pattern()  {}
func (PatAlt) pattern()     {}
func (PatPermute) pattern() {}
func (PatExclude) pattern() {}
func (PatQuant) pattern()   {}
