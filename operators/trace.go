package operators

import "github.com/cepd/cepd/internal/event"

// Trace is what a pattern made of the rows of one key: why it matched, and why
// not.
type Trace struct {
	Key     []event.Value
	Rows    int // of the key
	Others  int // rows of other keys that the filter chooses too
	Matches []TracedMatch
	Misses  []Miss // those that came furthest first
	Open    []Miss // not decided when the rows ended
	Cut     bool   // there was more to follow than the limits allow
}

// TracedMatch is a match that was reported.
type TracedMatch struct {
	IDs      []event.ID // of its output rows
	At       event.Time
	TimedOut bool
	Rows     []BoundRow
	Tests    []Test // one per row: why it fits
}

// Miss is a match that began and came to nothing, or is open.
type Miss struct {
	Rows   []BoundRow
	Waited []string // for a row of one of these variables
	Absent []string // that none of these came
	Ended  event.Time
	Cause  Cause
	Row    *BoundRow // that ended it
	// Tests tell how far the rows were from fitting: of CauseRow, CauseForbidden
	// the row that ended it; else the nearest row to each variable waited for.
	Tests []Test
}

// Cause is why a match that had begun came to nothing.
type Cause uint8

// The causes.
const (
	CauseOpen      Cause = iota // it did not: it is open
	CauseRow                    // the next row did not fit
	CauseForbidden              // a row came that must not
	CauseTime                   // time was up
	CauseSkipped                // another match left no room for it
)

// Test is how a row does as a variable.
type Test struct {
	Row       BoundRow
	Conjuncts []Conjunct // none: any row fits
}

// Fits says whether all conditions hold.
func (t *Test) Fits() bool { return t.Failing() == 0 }

// Failing counts the conditions that do not hold.
func (t *Test) Failing() (n int) {
	for i := range t.Conjuncts {
		if !t.Conjuncts[i].Holds {
			n++
		}
	}
	return n
}

// Conjunct is a condition and what it read.
type Conjunct struct {
	Text   string
	Holds  bool
	Err    error // it could not be evaluated
	Values []NamedValue
}

// NamedValue is a value that a condition read.
type NamedValue struct {
	Name  string
	Type  event.Type
	Value event.Value
}
