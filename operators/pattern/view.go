package pattern

import (
	"sort"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators/kernel"
)

// view is the rows of one match as conditions and measures see them: row 0 is
// the start; rows before it and after the last are there as far as they are
// kept.
type view struct {
	p        *Program
	arena    *arena
	k        *keyState
	start    int   // index of row 0 among the kept rows
	number   int64 // MATCH_NUMBER()
	classes  []step
	paths    []pathNode // where classes is nil: the thread's path …
	tree     *pathTree  // … in a pattern with edges …
	node     int32      // … and its last node, the row before the one being tested
	at       event.Time // of the detection, in patterns with edges
	timedOut bool
	own      []event.Value // constants of the pattern, of several that run together
	id       uint64        // of the match, in patterns with edges
	args     []event.Value
	frame    []event.Value
	inner    []event.Value
	ctx      kernel.Context
}

// step is one row of a match: its variable, and whether it is excluded.
type step struct {
	v        int16
	excluded bool
	row      int64 // from the start; in a pattern with edges, of the partition
}

// noVar is the variable of a row outside the match.
const noVar int16 = -1

// row is the kept row i of the match, nil when it is not there.
func (w *view) row(i int) []uint64 {
	i += w.start
	if i < 0 || i >= int(w.k.n) {
		return nil
	}
	return w.k.row(w.p, w.arena, i)
}

// rowID is the ID of row i, which is kept.
func (w *view) rowID(i int) event.ID { return w.p.layout.idOf(w.arena, w.row(i)) }

// operand evaluates o at row, whose variable is v.
func (w *view) operand(o *operand, row int, v int16) (event.Value, error) {
	words := w.row(row)
	if words == nil {
		return event.NullValue, nil
	}
	switch o.kind {
	case operandCell:
		return w.p.layout.value(w.arena, words, o.cell), nil
	case operandClassifier:
		return w.label(v), nil
	}
	w.inner = append(w.inner[:0], w.label(v), event.IntValue(w.number))
	for _, c := range o.cells {
		w.inner = append(w.inner, w.p.layout.value(w.arena, words, c))
	}
	return o.program.Eval(&w.ctx, w.inner)
}

func (w *view) label(v int16) event.Value {
	if v == noVar {
		return event.NullValue
	}
	return w.p.vars[v].label
}

// classOf is the variable of a row of the match.
func (w *view) classOf(row int) int16 {
	if w.classes != nil {
		i := sort.Search(len(w.classes), func(i int) bool { return int(w.classes[i].row) >= row })
		if i < len(w.classes) && int(w.classes[i].row) == row {
			return w.classes[i].v
		}
		return noVar
	}
	if w.tree != nil {
		return w.tree.classOf(w.node, row)
	}
	for n := w.node; n >= 0 && n < int32(len(w.paths)); n = w.paths[n].parent {
		if int(w.paths[n].step.row) == row {
			return w.paths[n].step.v
		}
	}
	return noVar
}

// read computes a slot. cur is the row being tested, v its variable.
func (w *view) read(f *frame, s *slot, ints []int64, vals []event.Value, cur int, v int16) (event.Value, error) {
	switch s.kind {
	case slotNumber:
		return event.IntValue(w.number), nil
	case slotMatched:
		return event.BoolValue(true), nil
	case slotStatus:
		return w.status(), nil
	case slotAt:
		return event.IntValue(w.at), nil
	case slotOwn:
		return w.own[s.reg], nil
	case slotKey:
		return w.k.keyValue(w.p, w.arena, s.reg)
	case slotAgg:
		a := &f.aggs[s.reg]
		var out event.Value
		err := a.result(vals[a.at:a.at+a.size], &out)
		return out, err
	case slotNav:
		e := f.navs[s.reg].target(ints)
		if e == 0 {
			return event.NullValue, nil
		}
		cur, v = entryRow(e), entryVar(e)
	}
	return w.from(s, cur, v)
}

// from reads a slot that starts from row cur.
func (w *view) from(s *slot, cur int, v int16) (event.Value, error) {
	if s.physical == 0 {
		return w.operand(&s.from, cur, v)
	}
	cur += s.physical
	if s.from.kind != operandCell {
		v = w.classOf(cur)
	}
	return w.operand(&s.from, cur, v)
}

var statusMatched, statusTimedOut = event.StringValue("MATCHED"), event.StringValue("TIMED_OUT")

func (w *view) status() event.Value {
	if w.timedOut {
		return statusTimedOut
	}
	return statusMatched
}

// holds evaluates a condition for row cur as variable v.
func (w *view) holds(f *frame, slots []slot, r *residual, ints []int64, vals []event.Value, cur int, v int16) (bool, error) {
	for _, i := range r.slots {
		x, err := w.read(f, &slots[i], ints, vals, cur, v)
		if err != nil {
			return false, err
		}
		w.put(len(slots), i, x)
	}
	return r.cond.True(&w.ctx, w.frame)
}

// put sets value i of a frame of n.
func (w *view) put(n, i int, x event.Value) {
	if len(w.frame) < n {
		w.frame = make([]event.Value, n)
	}
	w.frame[i] = x
}
