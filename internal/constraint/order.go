package constraint

import (
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

// relation is a set of ways in which two values may compare.
type relation uint8

const (
	less relation = 1 << iota
	equal
	greater
	unordered // one of them is NaN
	ordered   = less | equal | greater
)

// order says how the values of two terms compare; both are not NULL.
type order struct {
	x, y int
	is   relation
}

var relations = map[expr.CompareOp]relation{expr.Eq: equal, expr.Ne: less | greater | unordered, expr.Lt: less,
	expr.Le: less | equal, expr.Gt: greater, expr.Ge: greater | equal}

// relationOf is how values compare whose comparison is c.
func relationOf(c int) relation { return [...]relation{less, equal, greater}[c+1] }

func (r relation) mirrored() relation { return r&(equal|unordered) | r&less<<2 | r&greater>>2 }

// composed is how x and z may compare when x is r to y and y is q to z.
func (r relation) composed(q relation) relation {
	if r == 0 || q == 0 || (r|q)&unordered != 0 {
		return ordered | unordered
	}
	switch {
	case r == equal:
		return q
	case q == equal:
		return r
	case r&greater == 0 && q&greater == 0:
		return less | r&q&equal
	case r&less == 0 && q&less == 0:
		return greater | r&q&equal
	}
	return ordered
}

// pair enters X op Y of two terms.
func (s *state) pair(e *expr.Compare, is Truth) (choice, bool) {
	r := relations[e.Op]
	var allowed relation
	if is&True != 0 {
		allowed |= r
	}
	if is&False != 0 {
		allowed |= (ordered | unordered) &^ r
	}
	if is&Unknown != 0 { // one of them may also be NULL
		c := choice{{{isNull(e.X), True}}, {{isNull(e.Y), True}}}
		if is&known != 0 {
			c = append(c, []Assumption{{e, is & known}})
		}
		return c, true
	}
	i, j := s.term(e.X), s.term(e.Y)
	s.facts[i].null, s.facts[j].null = false, false
	if !s.facts[i].nan && !s.facts[j].nan {
		allowed &^= unordered
	}
	if i == j {
		same := equal
		if s.facts[i].nan {
			same |= unordered
		}
		return nil, allowed&same != 0
	}
	return nil, s.relate(i, j, allowed)
}

func isNull(e expr.Expr) expr.Expr {
	return &expr.Is{Base: expr.Base{T: event.TBool, Span: e.Pos()}, Test: expr.IsNull, X: e}
}

// relate narrows how terms i and j compare.
func (s *state) relate(i, j int, r relation) bool {
	if i > j {
		i, j, r = j, i, r.mirrored()
	}
	for k := range s.orders {
		if o := &s.orders[k]; o.x == i && o.y == j {
			o.is &= r
			return o.is != 0
		}
	}
	s.orders = append(s.orders, order{i, j, r})
	return r != 0
}

// between is how terms i and j compare, as far as known.
func (s *state) between(i, j int) (relation, bool) {
	for _, o := range s.orders {
		switch {
		case o.x == i && o.y == j:
			return o.is, true
		case o.x == j && o.y == i:
			return o.is.mirrored(), true
		}
	}
	return 0, false
}

// maxRounds bounds how far consequences are followed, and maxChained, orders
// times terms, whether orders are carried on at all.
const (
	maxRounds  = 4
	maxChained = 1024
)

// work is what following the consequences costs, in steps.
func (s *state) work() int { return len(s.orders) * min(len(s.facts), maxChained) / 8 }

// consistent follows the orders through the terms; false when nothing is left.
func (s *state) consistent() bool {
	chained := len(s.orders)*len(s.facts) <= maxChained
	for range maxRounds {
		for _, o := range s.orders {
			if chained && !s.chain(o) || !s.narrow(o) {
				return false
			}
		}
	}
	for _, f := range s.facts {
		if !f.possible() {
			return false
		}
	}
	return true
}

// chain carries x ? y on to every z that y stands in an order to.
func (s *state) chain(o order) bool {
	for z := range s.facts {
		if z == o.x || z == o.y {
			continue
		}
		if q, ok := s.between(o.y, z); ok && !s.relate(o.x, z, o.is.composed(q)) {
			return false
		}
	}
	return true
}

// narrow takes the bounds of each of two terms over to the other.
func (s *state) narrow(o order) bool {
	x, y := s.facts[o.x], s.facts[o.y]
	if o.is&unordered != 0 {
		return true
	}
	x.nan, y.nan = false, false
	strict := o.is&equal == 0
	if o.is&greater == 0 {
		upTo(x, y, strict)
	}
	if o.is&less == 0 {
		upTo(y, x, strict)
	}
	if o.is == equal && y.listed {
		x.among(y.only)
	}
	if o.is == equal && x.listed {
		y.among(x.only)
	}
	return x.possible() && y.possible()
}

// upTo enters x <= y, or x < y.
func upTo(x, y *fact, strict bool) {
	if hi := y.upper(); hi != nil {
		x.below(hi.at, hi.open || strict)
	}
	if lo := x.lower(); lo != nil {
		y.above(lo.at, lo.open || strict)
	}
}

// upper and lower are the bounds, of a finite set too.
func (f *fact) upper() *bound {
	b := f.hi
	if f.listed && len(f.only) > 0 {
		most := f.only[0]
		for _, p := range f.only {
			if p.compare(most) > 0 {
				most = p
			}
		}
		if b == nil || b.at.compare(most) > 0 {
			b = &bound{at: most}
		}
	}
	return b
}

func (f *fact) lower() *bound {
	b := f.lo
	if f.listed && len(f.only) > 0 {
		least := f.only[0]
		for _, p := range f.only {
			if p.compare(least) < 0 {
				least = p
			}
		}
		if b == nil || b.at.compare(least) < 0 {
			b = &bound{at: least}
		}
	}
	return b
}
