package reference

import (
	"errors"
	"fmt"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/plan"
)

// ErrBudget is returned when a pattern needs more steps than Options allow.
var ErrBudget = errors.New("reference: the step budget is used up")

// SkipError is returned when AFTER MATCH SKIP TO has nowhere to go: the variable
// has no row in the match, or its row is the match's first.
type SkipError struct{}

func (SkipError) Error() string { return "AFTER MATCH SKIP TO has no row to go to" }

// Code is the error's class.
func (SkipError) Code() diag.Code { return "runtime-skip" }

// Row is an input row: the columns of the match's input and its event time in µs.
type Row struct {
	Values []event.Value
	Time   event.Time
	rank   int // among the rows of all partitions, as they are looked at
}

// OutRow is an output row, in the columns of plan.Match.Out. Rows of one
// partition are in order; Partition numbers the partitions by first appearance.
type OutRow struct {
	Values    []event.Value
	Time      event.Time // of the row's input row; with edges, of the detection
	Partition int
}

// Options bound the work.
type Options struct {
	Steps int // rows tried, over the whole input; 0: 10 million
	// ContinueOnError: AFTER MATCH SKIP TO that has nowhere to go goes to the next
	// row and, in a pattern with edges, drops nothing.
	ContinueOnError bool
}

// Match runs m over the whole input, given in order of arrival.
func Match(m *plan.Match, rows []Row, opt Options) ([]OutRow, error) {
	p, err := compile(m)
	if err != nil {
		return nil, err
	}
	budget := opt.Steps
	if budget == 0 {
		budget = 10_000_000
	}
	var searches []*search
	for _, part := range partitions(m, ranked(m, rows)) {
		searches = append(searches, &search{program: p, rows: part, budget: &budget, lenient: opt.ContinueOnError, status: "MATCHED"})
	}
	if err := searchAll(searches, m.Consume == plan.ConsumeAny); err != nil {
		return nil, err
	}
	var out []OutRow
	for i, s := range searches {
		for _, r := range s.out {
			r.Partition = i
			out = append(out, r)
		}
	}
	return out, nil
}

// searchAll matches each partition on its own, or, where what one consumes is
// gone for the others too, all at once.
func searchAll(list []*search, together bool) error {
	if !together {
		for _, s := range list {
			if err := s.all(); err != nil {
				return err
			}
		}
		return nil
	}
	var all []*thinning
	for _, s := range list {
		t, err := s.thinning()
		if err != nil {
			return err
		}
		all = append(all, t)
		t.consumed = all[0].consumed
	}
	return sweep(all)
}

// step is one row of a match.
type step struct {
	row      int // in the partition; without edges the rows lie next to each other
	variable int
	excluded bool // inside {- -}
}

// search is the matching of one partition.
type search struct {
	*program
	rows    []Row
	out     []OutRow
	budget  *int
	err     error
	lenient bool // Options.ContinueOnError

	own    own    // of the match under trial
	start  int    // row at which the match under trial starts
	steps  []step // rows mapped so far
	number int64  // MATCH_NUMBER() of the match under trial

	// Of a match of a pattern with edges, for its measures.
	at     event.Time // when it was detected
	status string
	began  *beginning // of the start being followed
	last   bool       // the row just taken may only complete the match
}

// all finds the matches of the partition.
func (s *search) all() error {
	if s.m.Edges {
		return s.combinations()
	}
	return s.run()
}

// run finds the matches one after the other.
func (s *search) run() error {
	covered := 0 // rows before it are in some match
	s.number = 1
	for s.start < len(s.rows) {
		s.steps = s.steps[:0]
		var found bool
		if s.own, found = s.ownOf(s.start); found {
			found = s.try(s.m.Pattern, false, func() bool { return true })
		}
		if s.err != nil {
			return s.err
		}
		if !found {
			s.unmatched(covered)
			s.start++
			continue
		}
		covered = max(covered, s.start+len(s.steps))
		if err := s.emit(); err != nil {
			return err
		}
		if err := s.skip(); err == (SkipError{}) && s.lenient {
			s.start++
		} else if err != nil {
			return err
		}
		s.number++
	}
	return s.err
}

// skip moves start to where matching goes on.
func (s *search) skip() error {
	if len(s.steps) == 0 {
		s.start++
		return nil
	}
	switch s.m.Skip {
	case ast.SkipPastLast:
		s.start += len(s.steps)
		return nil
	case ast.SkipToNext:
		s.start++
		return nil
	case ast.SkipToFirst, ast.SkipToLast:
		return s.skipTo()
	}
	return fmt.Errorf("reference: skip mode %d", s.m.Skip)
}

func (s *search) skipTo() error {
	at, err := s.skipTarget(s.steps)
	s.start += at
	return err
}

// skipTarget is the step that AFTER MATCH SKIP TO names.
func (s *search) skipTarget(steps []step) (int, error) {
	at := -1
	for k, st := range steps {
		if s.m.SkipTo.Has(st.variable) && (at < 0 || s.m.Skip == ast.SkipToLast) {
			at = k
		}
	}
	if at <= 0 {
		return 0, SkipError{}
	}
	return at, nil
}

// try matches p from the next row on and then what follows it, next. The first
// way that succeeds, in preference order, is left in s.steps.
func (s *search) try(p plan.Pattern, excluded bool, next func() bool) bool {
	if s.err != nil {
		return false
	}
	switch p := p.(type) {
	case plan.PatVar:
		return s.row(p.Var, excluded, next)
	case plan.PatEmpty:
		return next()
	case plan.PatAnchor:
		return s.anchor(p.Start) && next()
	case plan.PatConcat:
		return s.concat(p.Items, excluded, next)
	case plan.PatAlt:
		for _, alt := range p.Alts {
			if s.try(alt, excluded, next) {
				return true
			}
		}
		return false
	case plan.PatPermute:
		return s.permute(p.Items, excluded, next)
	case plan.PatExclude:
		return s.try(p.Item, true, next)
	case plan.PatQuant:
		return s.repeat(p, 0, excluded, next)
	}
	s.err = unknownPattern(p)
	return false
}

func unknownPattern(p plan.Pattern) error { return fmt.Errorf("reference: pattern %T", p) }

func (s *search) concat(items []plan.Pattern, excluded bool, next func() bool) bool {
	if len(items) == 0 {
		return next()
	}
	return s.try(items[0], excluded, func() bool { return s.concat(items[1:], excluded, next) })
}

// permute tries the orders lexicographically: each item as the first, then the
// orders of the others.
func (s *search) permute(items []plan.Pattern, excluded bool, next func() bool) bool {
	if len(items) == 0 {
		return next()
	}
	for i, first := range items {
		others := append(append([]plan.Pattern(nil), items[:i]...), items[i+1:]...)
		if s.try(first, excluded, func() bool { return s.permute(others, excluded, next) }) {
			return true
		}
	}
	return false
}

// repeat matches the iterations of p from number n on.
//
// An unbounded loop ends with the first iteration over no rows: the iterations
// that it must have, and the very first, may be empty, and then there are no
// more. A later one that is empty is no iteration at all, and another way
// through the item is tried. In a bounded loop an empty iteration is one like
// others.
func (s *search) repeat(p plan.PatQuant, n int, excluded bool, next func() bool) bool {
	low, high := s.bounds(p)
	again := func() bool {
		if n == high {
			return false
		}
		before := len(s.steps)
		return s.try(p.Item, excluded, func() bool {
			if empty := len(s.steps) == before; empty && high < 0 && n+1 >= low {
				return n+1 <= max(low, 1) && next()
			}
			return s.repeat(p, n+1, excluded, next)
		})
	}
	switch {
	case n < low:
		return again()
	case p.Reluctant:
		return next() || again()
	}
	return again() || next()
}

func (s *search) anchor(start bool) bool {
	at := s.start + len(s.steps)
	return start && at == 0 || !start && at == len(s.rows)
}

// row maps the next row to variable v if WITHIN and its condition allow it.
func (s *search) row(v int, excluded bool, next func() bool) bool {
	at := s.start + len(s.steps)
	if at == len(s.rows) || !s.spend() {
		return false
	}
	if s.own.within > 0 && s.rows[at].Time-s.rows[s.start].Time >= s.own.within {
		return false
	}
	s.steps = append(s.steps, step{at, v, excluded})
	if s.holds(v) && next() {
		return true
	}
	s.steps = s.steps[:len(s.steps)-1]
	return false
}

func (s *search) spend() bool {
	if *s.budget--; *s.budget < 0 {
		s.err = ErrBudget
	}
	return s.err == nil
}

// holds evaluates the condition of v with the row under test as the last step.
func (s *search) holds(v int) bool {
	if s.define[v] == nil {
		return true
	}
	x, err := s.value(s.define[v], len(s.steps)-1)
	if err != nil {
		s.err = err
	}
	return err == nil && x.Bool()
}
