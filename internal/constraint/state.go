package constraint

import (
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

// state is what is known so far: a fact per term, and how terms compare.
type state struct {
	facts  []*fact
	orders []order
}

func (s *state) clone() *state {
	c := &state{facts: make([]*fact, len(s.facts)), orders: slices.Clone(s.orders)}
	for i, f := range s.facts {
		c.facts[i] = f.clone()
	}
	return c
}

// term is the number of a term, which is new when it has not been seen.
func (s *state) term(e expr.Expr) int {
	e = unwrapped(e)
	for i, f := range s.facts {
		if expr.Equal(f.term, e) {
			return i
		}
	}
	s.facts = append(s.facts, newFact(e))
	return len(s.facts) - 1
}

func (s *state) fact(i int) *fact { return s.facts[i] }

// inverse is the operator that holds where op does not.
var inverse = map[expr.CompareOp]expr.CompareOp{expr.Eq: expr.Ne, expr.Ne: expr.Eq, expr.Lt: expr.Ge, expr.Le: expr.Gt,
	expr.Gt: expr.Le, expr.Ge: expr.Lt, expr.Distinct: expr.NotDistinct, expr.NotDistinct: expr.Distinct}

// mirrored is the operator with its operands exchanged.
func mirrored(op expr.CompareOp) expr.CompareOp {
	switch op {
	case expr.Lt:
		return expr.Gt
	case expr.Le:
		return expr.Ge
	case expr.Gt:
		return expr.Lt
	case expr.Ge:
		return expr.Le
	}
	return op
}

// compare enters X op Y.
func (s *state) compare(e *expr.Compare, is Truth) (choice, bool) {
	if e.Op >= expr.Distinct {
		return nil, is&known != 0 // not looked into
	}
	if d, ok := difference(e); ok {
		e = d
	}
	k, ok := e.X.(*expr.Const)
	l, both := e.Y.(*expr.Const)
	if ok && both {
		return nil, constants(k, e.Op, l)&is != 0
	}
	if ok {
		return nil, s.constant(e.Y, mirrored(e.Op), k, is)
	}
	if both {
		return nil, s.constant(e.X, e.Op, l, is)
	}
	if e.X.Type().Physical() == event.PhysNested {
		return nil, true
	}
	return s.pair(e, is)
}

// constants is what k op l may be.
func constants(k *expr.Const, op expr.CompareOp, l *expr.Const) Truth {
	if k.Value.Null || l.Value.Null {
		return Unknown
	}
	x, ok := pointOf(k.T, k.Value)
	y, also := pointOf(l.T, l.Value)
	if !ok || !also {
		return all
	}
	if relations[op]&relationOf(x.compare(y)) != 0 {
		return True
	}
	return False
}

// constant enters x op k.
func (s *state) constant(x expr.Expr, op expr.CompareOp, k *expr.Const, is Truth) bool {
	if k.Value.Null {
		return is&Unknown != 0
	}
	f := s.fact(s.term(x))
	f.null = f.null && is&Unknown != 0
	p, ok := pointOf(k.T, k.Value)
	switch {
	case is&known == 0:
		f.none()
	case is&known == known || !ok:
	case is&True != 0:
		f.restrict(op, p)
	default:
		f.restrictFalse(op, p)
	}
	return f.possible()
}

// restrictFalse leaves the values for which v op p is false; of a NaN
// everything but <> is.
func (f *fact) restrictFalse(op expr.CompareOp, p point) {
	nan := f.nan && op != expr.Ne
	f.restrict(inverse[op], p)
	f.nan = nan
}

// member enters X IN (…).
func (s *state) member(e *expr.In, is Truth) bool {
	var list []point
	for _, v := range e.List {
		p, ok := pointOf(e.X.Type(), v)
		if !ok {
			return true
		}
		list = append(list, p)
	}
	f := s.fact(s.term(e.X))
	f.null = f.null && is&Unknown != 0
	outside := is&False != 0 && !e.HasNull || is&Unknown != 0 && e.HasNull
	inside := is&True != 0
	switch {
	case inside && !outside:
		f.among(list)
	case outside && !inside:
		f.not = append(f.not, list...)
	case !inside && !outside:
		f.none()
	}
	return f.possible()
}

// boolean enters a condition that is not looked into.
func (s *state) boolean(e expr.Expr, is Truth) bool {
	f := s.fact(s.term(e))
	f.null = f.null && is&Unknown != 0
	switch is & known {
	case 0:
		f.none()
	case True:
		f.among([]point{number(1)})
	case False:
		f.among([]point{number(0)})
	}
	return f.possible()
}

// difference is a comparison of times as one of their distance with a constant:
// B.ts > A.ts + INTERVAL '1' HOUR is B.ts - A.ts > INTERVAL '1' HOUR.
func difference(e *expr.Compare) (*expr.Compare, bool) {
	if k := e.X.Type().Kind; k != event.IntervalDay && !e.X.Type().Instant() {
		return nil, false
	}
	var d distance
	if !d.add(e.X, 1) || !d.add(e.Y, -1) || d.from == nil || d.to == nil || expr.Equal(d.from, d.to) {
		return nil, false
	}
	op := e.Op
	if before(d.to, d.from) { // one order of the two, so that both ways of writing meet
		d.from, d.to, d.us, op = d.to, d.from, -d.us, mirrored(op)
	}
	span := e.Span
	return &expr.Compare{Base: e.Base, Op: op,
		X: &expr.Arith{Base: expr.Base{T: event.TDay, Span: span}, Op: expr.Sub, X: d.to, Y: d.from},
		Y: &expr.Const{Base: expr.Base{T: event.TDay, Span: span}, Value: event.IntValue(-d.us)}}, true
}

// distance is to - from + us.
type distance struct {
	to, from expr.Expr
	us       int64
}

// add adds e or, with sign -1, subtracts it; false when that makes no distance.
func (d *distance) add(e expr.Expr, sign int64) bool {
	switch x := e.(type) {
	case *expr.Const:
		d.us += sign * x.Value.I
		return !x.Value.Null && x.T.Kind == event.IntervalDay
	case *expr.Arith:
		switch x.Op {
		case expr.Add:
			return d.add(x.X, sign) && d.add(x.Y, sign)
		case expr.Sub:
			return d.add(x.X, sign) && d.add(x.Y, -sign)
		}
		return false
	}
	if !e.Type().Instant() {
		return false
	}
	end := &d.to
	if sign < 0 {
		end = &d.from
	}
	if *end != nil {
		return false
	}
	*end = e
	return true
}

// before orders terms: rows of fewer variables and columns of lower index
// first, without a meaning of its own.
func before(a, b expr.Expr) bool { return slices.Compare(shape(a), shape(b)) < 0 }

// shape is a term as numbers.
func shape(e expr.Expr) []int {
	var list []int
	expr.Walk(e, func(x expr.Expr) bool {
		switch x := x.(type) {
		case *expr.Column:
			list = append(list, 1, x.Index)
		case *expr.Nav:
			list = append(list, 2, len(x.Vars), x.Offset, x.Physical)
			if x.First {
				list = append(list, 3)
			}
			list = append(list, x.Vars...)
		default:
			list = append(list, 4, int(e.Type().Kind))
		}
		return true
	})
	return list
}
