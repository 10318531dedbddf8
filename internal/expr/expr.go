package expr

import (
	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
)

// Expr is a typed expression. Its value is NULL or of Type.
type Expr interface {
	Type() event.Type
	Pos() diag.Span
	// Children are the operands, in order of evaluation.
	Children() []Expr
	// WithChildren is a copy with other operands (same number and types).
	WithChildren(c []Expr) Expr
}

// Base carries type and place.
type Base struct {
	T    event.Type
	Span diag.Span
}

// Type is the result type.
func (b Base) Type() event.Type { return b.T }

// Pos is the place in the source text.
func (b Base) Pos() diag.Span { return b.Span }

// Column is column Index of the input batch (or register of a frame).
type Column struct {
	Base
	Index int
	Name  string // for EXPLAIN
}

// Const is a constant.
type Const struct {
	Base
	Value event.Value
}

// CompareOp is a comparison operator.
type CompareOp uint8

// The comparisons. Distinct and NotDistinct treat NULL as a value.
const (
	Eq CompareOp = iota
	Ne
	Lt
	Le
	Gt
	Ge
	Distinct
	NotDistinct
)

func (o CompareOp) String() string {
	return [...]string{"=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"}[o]
}

// Compare is X op Y; both operands have the same type.
type Compare struct {
	Base
	Op   CompareOp
	X, Y Expr
}

// ArithOp is an arithmetic operator.
type ArithOp uint8

// The arithmetic operators.
const (
	Add ArithOp = iota
	Sub
	Mul
	Div
	Mod
)

func (o ArithOp) String() string { return [...]string{"+", "-", "*", "/", "%"}[o] }

// Arith is X op Y. Operands: both of one integer or float type; or both
// DECIMAL with their own (p, s), result Base.T; or TIMESTAMP/DATE/TIME ± interval;
// TIMESTAMP - TIMESTAMP; interval ± interval; interval * or / number.
type Arith struct {
	Base
	Op   ArithOp
	X, Y Expr
}

// Neg is -X.
type Neg struct {
	Base
	X Expr
}

// And is the three-valued conjunction of two or more operands; the next is
// evaluated only for rows where those before are not false.
type And struct {
	Base
	Args []Expr
}

// Or is the three-valued disjunction; the next operand is evaluated only for
// rows where those before are not true.
type Or struct {
	Base
	Args []Expr
}

// Not is the three-valued negation.
type Not struct {
	Base
	X Expr
}

// Truth is the test of a BOOLEAN (or of any X for IsNull) that never gives NULL.
type Truth uint8

// The tests.
const (
	IsNull Truth = iota
	IsNotNull
	IsTrue
	IsNotTrue
	IsFalse
	IsNotFalse
)

func (t Truth) String() string {
	return [...]string{"IS NULL", "IS NOT NULL", "IS TRUE", "IS NOT TRUE", "IS FALSE", "IS NOT FALSE"}[t]
}

// Is is X IS [NOT] NULL | TRUE | FALSE.
type Is struct {
	Base
	Test Truth
	X    Expr
}

// In is X IN (constants of X's type); NULL semantics as of a chain of Eq and Or.
type In struct {
	Base
	X       Expr
	List    []event.Value
	HasNull bool // NULL was in the list
}

// Like is X LIKE pattern with constant pattern and escape (SIMILAR TO and
// non-constant patterns are Calls).
type Like struct {
	Base
	X       Expr
	Pattern string
	Escape  rune // 0: none
}

// Case is a searched CASE; a simple CASE, COALESCE, NULLIF, IF and IFNULL are
// lowered to it. Arms are evaluated only for the rows that reach them.
type Case struct {
	Base
	When []Arm
	Else Expr // never nil: NULL when absent
}

// Arm is WHEN Cond THEN Then.
type Arm struct{ Cond, Then Expr }

// Cast converts X to Base.T. Try gives NULL in place of an error.
type Cast struct {
	Base
	X   Expr
	Try bool
}

// Field is field Index of a ROW.
type Field struct {
	Base
	X     Expr
	Index int
}

// Element is X[I]: of an ARRAY (from 1; NULL when outside) or a MAP (by key; NULL when absent).
type Element struct {
	Base
	X, I Expr
}

// Construct makes a ROW, ARRAY or MAP (key, value, …) of Args.
type Construct struct {
	Base
	Args []Expr
}

// Call is a call of a scalar function.
type Call struct {
	Base
	Fn   *Func
	Args []Expr
}

// ---- pattern nodes

// VarSet is a set of primary pattern variables by their index, ascending; nil
// is the universal variable (any row of the match).
type VarSet []int

// Has says whether v is in the set.
func (s VarSet) Has(v int) bool {
	if s == nil {
		return true
	}
	for _, x := range s {
		if x == v {
			return true
		}
	}
	return false
}

// Nav is X evaluated at one row of the match or near it: first the logical
// step, FIRST or LAST row mapped to Vars, Offset rows on (FIRST) or back
// (LAST); then Physical rows in the partition (negative PREV, positive NEXT).
// NULL when there is no such row. A bare A.x is LAST(A.x).
type Nav struct {
	Base
	Vars     VarSet
	First    bool
	Offset   int
	Physical int
	Final    bool // over the whole match, else up to the current row (RUNNING)
	X        Expr // row-local; may hold Classifier and MatchNumber
}

// Agg is an aggregate over the rows of the match mapped to Vars.
type Agg struct {
	Base
	Fn       *AggFunc
	Vars     VarSet
	Star     bool // COUNT(*) and COUNT(A.*)
	Distinct bool
	Args     []Expr // row-local; may hold Classifier and MatchNumber
	Filter   Expr   // nil: none
	OrderBy  []SortKey
	Final    bool
}

// SortKey is one key of an ORDER BY.
type SortKey struct {
	X          Expr
	Desc       bool
	NullsFirst bool
}

// Classifier is, inside a Nav or Agg, the variable of the row there. (Outside,
// CLASSIFIER() is bound as Nav{X: Classifier}.)
type Classifier struct{ Base }

// MatchNumber is MATCH_NUMBER(): BIGINT, from 1 per partition.
type MatchNumber struct{ Base }

// MatchStatus is MATCH_STATUS(): 'MATCHED' or 'TIMED_OUT'.
type MatchStatus struct{ Base }

// MatchTime is MATCH_ROWTIME() of a pattern with edges: the time of the
// detection, which for absence and time-outs is the moment of expiry.
type MatchTime struct{ Base }
