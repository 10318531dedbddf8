package reference

import (
	"math"

	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/query/plan"
)

// own is what a match takes from the row that begins it: the bounds of its
// quantifiers, by PatQuant.Bounds-1, and its time limit, µs, 0: none.
type own struct {
	low, high []int
	within    int64
}

// ownOf reads it from a row; false when a value is NULL or makes no sense: no
// match begins there.
func (s *search) ownOf(row int) (o own, ok bool) {
	ok = true
	number := func(e expr.Expr, otherwise int) int {
		if e == nil {
			return otherwise
		}
		v, err := s.firstRow[e].eval(s.rows[row].Values)
		if err != nil {
			s.err = err
		}
		ok = ok && err == nil && !v.Null
		return int(v.I)
	}
	for i, b := range s.m.Bounds {
		q := s.loops[i]
		high := q.Max
		if high < 0 {
			high = math.MaxInt
		}
		o.low, o.high = append(o.low, number(b.Min, q.Min)), append(o.high, number(b.Max, high))
		ok = ok && 0 <= o.low[i] && o.low[i] <= o.high[i]
	}
	o.within = s.m.Within
	if s.m.WithinOf != nil {
		w := int64(number(s.m.WithinOf, 0))
		ok = ok && w > 0
		if o.within == 0 || w < o.within {
			o.within = w
		}
	}
	return o, ok
}

// bounds are those of a quantifier in the match under trial; the upper may be
// negative: none.
func (s *search) bounds(p plan.PatQuant) (low, high int) {
	if p.Bounds == 0 {
		return p.Min, p.Max
	}
	return s.own.low[p.Bounds-1], s.own.high[p.Bounds-1]
}

// prepareOwn makes ready the expressions over the first row.
func (p *program) prepareOwn() error {
	p.firstRow = map[expr.Expr]*scalar{}
	list := []expr.Expr{p.m.WithinOf}
	for _, b := range p.m.Bounds {
		list = append(list, b.Min, b.Max)
	}
	for _, e := range list {
		if e == nil {
			continue
		}
		sc, err := newScalar(e)
		if err != nil {
			return err
		}
		p.firstRow[e] = sc
	}
	p.loops = make([]plan.PatQuant, len(p.m.Bounds))
	p.collectLoops(p.m.Pattern)
	return nil
}

func (p *program) collectLoops(x plan.Pattern) {
	switch x := x.(type) {
	case plan.PatConcat:
		p.collectAll(x.Items)
	case plan.PatAlt:
		p.collectAll(x.Alts)
	case plan.PatPermute:
		p.collectAll(x.Items)
	case plan.PatExclude:
		p.collectLoops(x.Item)
	case plan.PatEdge:
		p.collectLoops(x.Item)
	case plan.PatWithin:
		p.collectLoops(x.Item)
	case plan.PatQuant:
		if x.Bounds > 0 {
			p.loops[x.Bounds-1] = x
		}
		p.collectLoops(x.Item)
	}
}

func (p *program) collectAll(list []plan.Pattern) {
	for _, x := range list {
		p.collectLoops(x)
	}
}
