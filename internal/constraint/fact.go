package constraint

import (
	"math/big"
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
)

// fact is what is known of a term: it is NULL, or NaN, or one of the values
// that the rest leaves.
type fact struct {
	term   expr.Expr
	step   *big.Rat // between neighbouring values; nil: none
	null   bool     // it may be NULL
	nan    bool     // it may be NaN
	lo, hi *bound   // nil: none
	only   []point  // the values it may have; …
	listed bool     // … if this is set, else all in the bounds
	not    []point  // values it has not
	likes  []likeFact
}

// bound is an end of an interval.
type bound struct {
	at   point
	open bool // the end itself is outside
}

type likeFact struct {
	pattern *function.LikePattern
	matches bool
}

func newFact(e expr.Expr) *fact {
	f := &fact{term: e, step: grid(e.Type()), null: true, nan: e.Type().Float()}
	lo, hi := limits(e)
	if lo != nil {
		f.lo = &bound{at: *lo}
	}
	if hi != nil {
		f.hi = &bound{at: *hi}
	}
	return f
}

func (f *fact) clone() *fact {
	c := *f
	c.only, c.not, c.likes = slices.Clip(f.only), slices.Clip(f.not), slices.Clip(f.likes)
	return &c
}

// none leaves no value.
func (f *fact) none() { f.only, f.listed, f.nan = nil, true, false }

// among leaves the values of list.
func (f *fact) among(list []point) {
	f.nan = false
	if !f.listed {
		f.only, f.listed = list, true
		return
	}
	f.only = keep(f.only, func(p point) bool { return contains(list, p) })
}

func keep(list []point, good func(point) bool) []point {
	var out []point
	for _, p := range list {
		if good(p) {
			out = append(out, p)
		}
	}
	return out
}

func contains(list []point, p point) bool {
	return slices.ContainsFunc(list, func(q point) bool { return p.compare(q) == 0 })
}

// above and below tighten the bounds.
func (f *fact) above(p point, open bool) {
	if f.lo == nil || f.lo.at.compare(p) < 0 || f.lo.at.compare(p) == 0 && open {
		f.lo = &bound{p, open}
	}
}

func (f *fact) below(p point, open bool) {
	if f.hi == nil || f.hi.at.compare(p) > 0 || f.hi.at.compare(p) == 0 && open {
		f.hi = &bound{p, open}
	}
}

// restrict leaves the values v with v op p.
func (f *fact) restrict(op expr.CompareOp, p point) {
	if op != expr.Ne {
		f.nan = false
	}
	switch op {
	case expr.Eq, expr.NotDistinct:
		f.among([]point{p})
	case expr.Ne, expr.Distinct:
		f.not = append(f.not, p)
	case expr.Lt:
		f.below(p, true)
	case expr.Le:
		f.below(p, false)
	case expr.Gt:
		f.above(p, true)
	case expr.Ge:
		f.above(p, false)
	}
}

func (f *fact) possible() bool { return f.null || f.nan || f.hasValue() }

// maxListed bounds the values of an interval that are looked at one by one.
const maxListed = 256

// hasValue says whether some value may be left.
func (f *fact) hasValue() bool {
	list, few := f.values()
	return !few || slices.ContainsFunc(list, f.allows)
}

// values lists the values in the bounds, if they are few.
func (f *fact) values() (list []point, few bool) {
	if f.listed {
		return f.only, true
	}
	if f.lo == nil || f.hi == nil {
		return nil, false
	}
	switch c := f.lo.at.compare(f.hi.at); {
	case c > 0:
		return nil, true
	case c == 0:
		return []point{f.lo.at}, true
	case f.step == nil:
		return nil, false
	}
	return f.neighbours()
}

// neighbours lists what the grid has between the bounds.
func (f *fact) neighbours() (list []point, few bool) {
	n := ceil(new(big.Rat).Quo(f.lo.at.num, f.step))
	last := new(big.Rat).Quo(f.hi.at.num, f.step)
	if room := new(big.Rat).Sub(last, new(big.Rat).SetInt(n)); room.Cmp(big.NewRat(maxListed, 1)) > 0 {
		return nil, false
	}
	for ; ; n.Add(n, big.NewInt(1)) {
		x := new(big.Rat).SetInt(n)
		if x.Cmp(last) > 0 {
			return list, true
		}
		list = append(list, point{num: x.Mul(x, f.step)})
	}
}

func ceil(x *big.Rat) *big.Int {
	q, r := new(big.Int).DivMod(x.Num(), x.Denom(), new(big.Int))
	if r.Sign() > 0 {
		q.Add(q, big.NewInt(1))
	}
	return q
}

// allows says whether the term may have the value p.
func (f *fact) allows(p point) bool {
	if f.lo != nil && (p.compare(f.lo.at) < 0 || f.lo.open && p.compare(f.lo.at) == 0) {
		return false
	}
	if f.hi != nil && (p.compare(f.hi.at) > 0 || f.hi.open && p.compare(f.hi.at) == 0) {
		return false
	}
	for _, l := range f.likes {
		if l.pattern.Match(p.text) != l.matches {
			return false
		}
	}
	return f.onGrid(p) && folds(f.term, p.text) && !contains(f.not, p)
}

func (f *fact) onGrid(p point) bool {
	return f.step == nil || new(big.Rat).Quo(p.num, f.step).IsInt()
}

// likeFact enters X LIKE pattern or its negation.
func (s *state) like(e *expr.Like, is Truth) bool {
	f := s.fact(s.term(e.X))
	f.null = f.null && is&Unknown != 0
	if is&known == 0 {
		f.none()
	}
	if is&known == known || is&known == 0 || e.X.Type().Kind != event.String {
		return f.possible()
	}
	compiled, err := function.CompileLike([]byte(e.Pattern), e.Escape)
	if err != nil {
		return true
	}
	f.likes = append(f.likes, likeFact{compiled, is&True != 0})
	if is&True != 0 {
		f.prefixed(e)
	}
	return f.possible()
}

// prefixed enters that the term begins as the pattern does.
func (f *fact) prefixed(e *expr.Like) {
	n := slices.IndexFunc([]byte(e.Pattern), func(c byte) bool { return c == '%' || c == '_' || rune(c) == e.Escape })
	switch {
	case n < 0:
		f.among([]point{{text: []byte(e.Pattern)}})
	case n > 0:
		f.above(point{text: []byte(e.Pattern[:n])}, false)
		if end := successor(e.Pattern[:n]); end != nil {
			f.below(point{text: end}, true)
		}
	}
}

// successor is the least text after all that begin with prefix; nil: none.
func successor(prefix string) []byte {
	b := []byte(prefix)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] < 0xff {
			b[i]++
			return b[:i+1]
		}
	}
	return nil
}
