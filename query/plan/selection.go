package plan

import "fmt"

// Selection is which of the matches that one row of a key completes are
// reported, and what becomes of the partial matches then (Grez, Riveros,
// Ugarte, "A Formal Framework for Complex Event Processing", ICDT 2019). Only in
// patterns with edges; it comes before AFTER MATCH SKIP.
type Selection struct {
	Select  Select
	Limit   int // of the matches that one row completes, the first; 0: no limit
	Consume Consume
}

// Select is which matches are reported. Matches are compared by their sets of
// rows; of those over the same rows the one counts whose variables come first,
// in the order of Match.Vars, row by row.
type Select uint8

// The selections.
const (
	SelectAll     Select = iota
	SelectFirst          // the one that has the earliest row of those in which two differ
	SelectLast           // the latest
	SelectMaximal        // those whose rows are not part of another's
)

// Consume is which partial matches a reported match ends, among them those that
// begin with its last row.
type Consume uint8

// The policies.
const (
	ConsumeNone      Consume = iota
	ConsumePartition         // those of its key
	ConsumeAny               // all
)

func (s Select) String() string { return [...]string{"ALL", "FIRST", "LAST", "MAXIMAL"}[s] }

func (c Consume) String() string { return [...]string{"NONE", "PARTITION", "ANY"}[c] }

// String is a line of EXPLAIN; empty for the default.
func (s Selection) String() string {
	text := ""
	switch s.Select {
	case SelectFirst:
		text = "of the matches that a row completes the one with the earliest rows"
	case SelectLast:
		text = "of the matches that a row completes the one with the latest rows"
	case SelectMaximal:
		text = "of the matches that a row completes those that are no part of another"
	}
	join := func(more string) {
		if text != "" {
			text += ", "
		}
		text += more
	}
	if s.Limit > 0 {
		join(fmt.Sprintf("at most %d", s.Limit))
	}
	switch s.Consume {
	case ConsumePartition:
		join("then the key's partial matches are forgotten")
	case ConsumeAny:
		join("then the partial matches of all keys are forgotten: one shard")
	}
	return text
}
