package pattern

import (
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/operators/kernel"
)

// equality is the part of a condition that lets partial matches be looked up:
// equations between the row at hand and what the partial match knows.
//
//	B.account = A.payee AND B.day = LAST(A.day) + 1
//	row side                partial match's side
//
// Partial matches that wait for the variable are indexed by the values of
// their side; a row is offered only to those under the values of its own. Under
// both a hash stands for the values: the whole condition is evaluated for what
// is found.
type equality struct {
	text []expr.Expr // the equations
	row  []side
	run  []side
}

// side is one side of an equation, over slots of the frame.
type side struct {
	typ   event.Type
	slots []int
	value *kernel.Scalar
}

// lookup says whether the values of a side can be looked up.
type lookup uint8

const (
	lookUp    lookup = iota // by the hash
	lookNever               // a value is NULL, which equals nothing
	lookAll                 // a value is not known yet or cannot be computed: the condition decides
)

// equality finds the equations among the conjuncts of v's condition. bound has
// the conjuncts over the slots of the frame; nil when there is none.
func (c *compiler) equality(v int, list []expr.Expr, bound []expr.Expr) (*equality, error) {
	q := &equality{}
	for i, e := range bound {
		eq, ok := e.(*expr.Compare)
		if !ok || eq.Op != expr.Eq {
			continue
		}
		x, y := c.sideOf(v, eq.X), c.sideOf(v, eq.Y)
		if x.ofRow == y.ofRow || x.mixed || y.mixed {
			continue
		}
		row, run := eq.X, eq.Y
		if y.ofRow {
			row, run = run, row
			x, y = y, x
		}
		if len(y.slots) == 0 {
			continue
		}
		if err := q.add(list[i], row, x.slots, run, y.slots); err != nil {
			return nil, err
		}
	}
	if len(q.text) == 0 {
		return nil, nil
	}
	return q, nil
}

func (q *equality) add(text, row expr.Expr, rowSlots []int, run expr.Expr, runSlots []int) error {
	r, err := kernel.CompileScalar(row)
	if err != nil {
		return err
	}
	m, err := kernel.CompileScalar(run)
	q.text = append(q.text, text)
	q.row = append(q.row, side{row.Type(), rowSlots, r})
	q.run = append(q.run, side{run.Type(), runSlots, m})
	return err
}

// sideInfo says what one side of an equation reads.
type sideInfo struct {
	slots []int
	ofRow bool // the row at hand
	mixed bool // both, or what the partial match does not know before the row
}

func (c *compiler) sideOf(v int, e expr.Expr) sideInfo {
	var s sideInfo
	ofRun := false
	expr.Walk(e, func(x expr.Expr) bool {
		col, ok := x.(*expr.Column)
		if !ok {
			return true
		}
		s.slots = append(s.slots, col.Index)
		switch slot := &c.p.define.slots[col.Index]; {
		case slot.kind == slotCurrent && (slot.physical == 0 || slot.from.kind == operandCell):
			s.ofRow = true
		case c.known(v, slot):
			ofRun = true
		default:
			s.mixed = true
		}
		return false
	})
	s.mixed = s.mixed || s.ofRow && ofRun
	return s
}

// known says whether a partial match that waits for v can compute the slot, or
// say that it cannot yet.
func (c *compiler) known(v int, s *slot) bool {
	switch s.kind {
	case slotNav:
		return s.physical == 0 || s.physical < 0 && s.from.kind == operandCell
	case slotAgg:
		a := &c.p.define.aggs[s.reg]
		return !a.vars.Has(v) && a.collect == nil
	}
	return false
}

// ofRow is the hash of the values of row cur's side.
func (q *equality) ofRow(w *view, cur int, v int16) (uint64, lookup) {
	f := &w.p.define
	var h uint64
	for i := range q.row {
		s := &q.row[i]
		for _, n := range s.slots {
			x, err := w.read(f, &f.slots[n], nil, nil, cur, v)
			if err != nil {
				return 0, lookAll
			}
			w.put(len(f.slots), n, x)
		}
		var how lookup
		if h, how = s.mix(w, h); how != lookUp {
			return 0, how
		}
	}
	return h, lookUp
}

// ofRun is the hash of the values of a partial match's side, as they will be
// when it has taken the next row as v.
func (q *equality) ofRun(w *view, g registers, v int16) (uint64, lookup) {
	f := &w.p.define
	var h uint64
	for i := range q.run {
		s := &q.run[i]
		for _, n := range s.slots {
			x, how := w.foresee(&f.slots[n], g, v)
			if how != lookUp {
				return 0, how
			}
			w.put(len(f.slots), n, x)
		}
		var how lookup
		if h, how = s.mix(w, h); how != lookUp {
			return 0, how
		}
	}
	return h, lookUp
}

// mix adds the side's value to a hash.
func (s *side) mix(w *view, h uint64) (uint64, lookup) {
	x, err := s.value.Eval(&w.ctx, w.frame)
	switch {
	case err != nil:
		return 0, lookAll
	case x.Null:
		return 0, lookNever
	}
	return mix(h ^ kernel.Hash(s.typ, x)), lookUp
}

// foresee computes a slot as it will be when the next row is taken as v.
func (w *view) foresee(s *slot, g registers, v int16) (event.Value, lookup) {
	f := &w.p.define
	if s.kind == slotAgg {
		x, err := w.read(f, s, g.ints, g.vals, 0, v)
		return x, failed(err)
	}
	n := &f.navs[s.reg]
	e := n.target(g.ints)
	if n.vars.Has(int(v)) {
		switch count := g.ints[n.at]; {
		case !n.first: // the row before the last one then is the last one now; offset 0 is the row itself
			if n.offset == 0 {
				return event.Value{}, lookAll
			}
			e = g.ints[n.at+n.offset-1]
		case count == int64(n.offset):
			return event.Value{}, lookAll // it will be the row itself
		case count < int64(n.offset):
			e = 0
		}
	}
	if e == 0 {
		return event.NullValue, lookUp
	}
	x, err := w.from(s, entryRow(e), entryVar(e))
	return x, failed(err)
}

func failed(err error) lookup {
	if err != nil {
		return lookAll
	}
	return lookUp
}
