package constraint

import "github.com/cepd/cepd/internal/expr"

// Truth is a set of truth values.
type Truth uint8

// The truth values, and sets of them.
const (
	True Truth = 1 << iota
	False
	Unknown
	NotTrue  = False | Unknown
	NotFalse = True | Unknown
	known    = True | False
	all      = True | False | Unknown
)

// negated is the set of the negations.
func (t Truth) negated() Truth { return t&Unknown | t&True<<1 | t&False>>1 }

// Assumption says which values a condition has.
type Assumption struct {
	Cond expr.Expr // BOOLEAN
	Is   Truth
}

// maxSteps bounds the work of one question.
const maxSteps = 1000

// Possible says whether there may be a row for which every assumption holds.
// False is a proof that there is none.
func Possible(list ...Assumption) bool {
	s := solver{steps: maxSteps}
	return s.possible(&state{}, list, nil)
}

// Never says whether no row makes all conditions true.
func Never(conds ...expr.Expr) bool {
	list := make([]Assumption, len(conds))
	for i, c := range conds {
		list[i] = Assumption{c, True}
	}
	return !Possible(list...)
}

// Implies says whether b is true of every row of which a is true.
func Implies(a, b expr.Expr) bool {
	return !Possible(Assumption{a, True}, Assumption{b, NotTrue})
}

// choice is a disjunction: one of the lists holds.
type choice [][]Assumption

type solver struct{ steps int }

// possible adds the assumptions of work to what s knows; disjunctions are put
// off to the end, when more is known.
func (p *solver) possible(s *state, work []Assumption, later []choice) bool {
	for len(work) > 0 {
		if p.steps--; p.steps < 0 {
			return true
		}
		a := work[0]
		work = work[1:]
		more, either, ok := s.assume(a)
		if !ok {
			return false
		}
		work = append(work[:len(work):len(work)], more...)
		if either != nil {
			later = append(later[:len(later):len(later)], either)
		}
	}
	if p.steps -= s.work(); p.steps < 0 {
		return true
	}
	if !s.consistent() {
		return false
	}
	if len(later) == 0 {
		return true
	}
	for _, alternative := range later[0] {
		p.steps -= (len(s.facts) + len(s.orders)) / 4 // of the copy
		if p.possible(s.clone(), alternative, later[1:]) {
			return true
		}
	}
	return false
}

// assume enters one assumption. It returns what follows from it and is simpler,
// and false when nothing can make it hold.
func (s *state) assume(a Assumption) (more []Assumption, either choice, ok bool) {
	switch a.Is {
	case 0:
		return nil, nil, false
	case all:
		return nil, nil, true
	}
	switch e := a.Cond.(type) {
	case *expr.Const:
		return nil, nil, truthOf(e)&a.Is != 0
	case *expr.Not:
		return []Assumption{{e.X, a.Is.negated()}}, nil, true
	case *expr.And:
		more, either = conjunction(e.Args, a.Is, func(t Truth) Truth { return t })
		return more, either, true
	case *expr.Or:
		more, either = conjunction(e.Args, a.Is.negated(), Truth.negated)
		return more, either, true
	case *expr.Is:
		return s.test(e, a.Is)
	case *expr.Compare:
		either, ok = s.compare(e, a.Is)
		return nil, either, ok
	case *expr.In:
		return nil, nil, s.member(e, a.Is)
	case *expr.Like:
		return nil, nil, s.like(e, a.Is)
	}
	return nil, nil, s.boolean(a.Cond, a.Is)
}

func truthOf(e *expr.Const) Truth {
	switch {
	case e.Value.Null:
		return Unknown
	case e.Value.Bool():
		return True
	}
	return False
}

// conjunction is what args must be for their AND to be one of is; as maps what
// is said of an operand (of OR, by negation on both sides).
func conjunction(args []expr.Expr, is Truth, as func(Truth) Truth) (more []Assumption, either choice) {
	each := func(t Truth) (list []Assumption) {
		for _, x := range args {
			list = append(list, Assumption{x, as(t)})
		}
		return list
	}
	some := func(t Truth) (c choice) {
		for _, x := range args {
			c = append(c, []Assumption{{x, as(t)}})
		}
		return c
	}
	switch is {
	case True, NotFalse:
		return each(is), nil
	case Unknown:
		return each(NotFalse), some(Unknown)
	case known:
		return nil, append(some(False), each(True))
	}
	return nil, some(is) // False, NotTrue
}

// test enters IS [NOT] NULL, TRUE, FALSE, which are never unknown.
func (s *state) test(e *expr.Is, is Truth) (more []Assumption, either choice, ok bool) {
	of := map[expr.Truth]Truth{expr.IsNull: Unknown, expr.IsNotNull: known, expr.IsTrue: True, expr.IsNotTrue: NotTrue,
		expr.IsFalse: False, expr.IsNotFalse: NotFalse}[e.Test]
	var x Truth
	if is&True != 0 {
		x |= of
	}
	if is&False != 0 {
		x |= all &^ of
	}
	if logical(e.X) {
		return []Assumption{{e.X, x}}, nil, true
	}
	if c, isConst := e.X.(*expr.Const); isConst {
		return nil, nil, c.Value.Null && x&Unknown != 0 || !c.Value.Null && x&known != 0
	}
	f := s.fact(s.term(e.X))
	f.null = f.null && x&Unknown != 0
	if x&known == 0 {
		f.none()
	}
	return nil, nil, f.possible()
}
