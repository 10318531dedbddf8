package ast

import "github.com/cepd/cepd/internal/diag"

// Pattern is a node of PATTERN (…).
type Pattern interface {
	Node
	pattern()
}

// PatVar is a variable.
type PatVar struct {
	Base
	Name Ident
}

// PatEmpty is ().
type PatEmpty struct{ Base }

// PatAnchor is ^ (Start) or $.
type PatAnchor struct {
	Base
	Start bool
}

// Edge says what may lie between the last row of what precedes and the first
// of what follows.
type Edge uint8

// The edges. EdgeDefault is juxtaposition: the next row, unless the pattern's
// strategy says otherwise.
const (
	EdgeDefault Edge = iota
	EdgeRelaxed      // ->
	EdgeAny          // ->>
)

func (e Edge) String() string { return [...]string{"", "->", "->>"}[e] }

// PatStep is one element of a concatenation with the edge that leads it. The
// first step of the whole pattern has EdgeDefault; a step that leads a group
// may have any: (-> B)+.
type PatStep struct {
	Base
	Edge Edge
	Not  bool // NOT x: the row (or rows, after ->) must not match
	Item Pattern
}

// PatConcat is steps one after the other. A group with a single step that has
// neither Edge nor Not is that step's Item, not a PatConcat.
type PatConcat struct {
	Base
	Steps  []PatStep
	Within Expr // (A -> B WITHIN INTERVAL '5' SECOND)
}

// PatAlt is a | b | ….
type PatAlt struct {
	Base
	Alts []Pattern
}

// PatPermute is PERMUTE(a, b, …).
type PatPermute struct {
	Base
	Items []Pattern
}

// PatExclude is {- p -}.
type PatExclude struct {
	Base
	Item Pattern
}

// PatGroup is (p): kept for the printer.
type PatGroup struct {
	Base
	Item Pattern
}

// PatQuant is p{min,max}: Max -1 is no limit, and -2 in Min or Max is a number
// that does not fit an int32 (see Text). MinExpr and MaxExpr are set in place of
// the numbers when a bound is a column or parameter.
type PatQuant struct {
	Base
	Item             Pattern
	Min, Max         int
	MinExpr, MaxExpr Expr
	Reluctant        bool
	Possessive       bool      // p*+: a row that fits the loop belongs to it
	Text             string    // as written, without spaces: *, +, ?, {2,}, *?, *+ …
	QuantSpan        diag.Span // of the quantifier alone
}

// PatNotSet is [^B]: any row that is not B (Ververica's spelling of NOT).
type PatNotSet struct {
	Base
	Name Ident
}

func (*PatVar) pattern()     {}
func (*PatEmpty) pattern()   {}
func (*PatAnchor) pattern()  {}
func (*PatConcat) pattern()  {}
func (*PatAlt) pattern()     {}
func (*PatPermute) pattern() {}
func (*PatExclude) pattern() {}
func (*PatGroup) pattern()   {}
func (*PatQuant) pattern()   {}
func (*PatNotSet) pattern()  {}
