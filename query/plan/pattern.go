package plan

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
	Reluctant bool
}

func (PatVar) pattern()     {}
func (PatEmpty) pattern()   {}
func (PatAnchor) pattern()  {}
func (PatConcat) pattern()  {}
func (PatAlt) pattern()     {}
func (PatPermute) pattern() {}
func (PatExclude) pattern() {}
func (PatQuant) pattern()   {}
