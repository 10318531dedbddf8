package over

import (
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators/aggregate"
	"github.com/cepd/cepd/query/plan"
)

// absorb takes rows into a frame: round is places in w.live, of one time where
// they share a key.
func (o *Over) absorb(f int, w *work, round []int32) error {
	r := &o.frames[f]
	if r.Preceding == plan.Unbounded {
		return o.absorbAll(r, w, round)
	}
	if err := o.evict(f, w, round); err != nil {
		return err
	}
	r.slots, r.rows = r.slots[:0], r.rows[:0]
	for _, i := range round {
		slot, row := w.slots[i], w.kept[i]
		at := o.frame(slot, f)
		if at.first == none {
			at.first = row
		}
		at.last = row
		at.n++
		r.slots, r.rows = append(r.slots, slot), append(r.rows, row)
	}
	r.count(r.slots, 1)
	for _, i := range r.merged {
		if err := r.states.Cols[i].Merge(r.slots, o.kind(r, i), r.rows); err != nil {
			return err
		}
	}
	return nil
}

// count tells the COUNT(*) of a frame of rows.
func (r *running) count(slots []int32, n int64) {
	for _, i := range r.counts {
		r.states.Cols[i].(aggregate.Counter).Count(slots, n)
	}
}

// kind is the states of single rows for call i of a frame.
func (o *Over) kind(r *running, i int) aggregate.Column {
	return o.rows.states.Cols[o.p.kindOf[r.calls[i]]]
}

func (o *Over) frame(slot int32, f int) *frameState { return &o.at[int(slot)*len(o.frames)+f] }

// absorbAll is absorb of a frame that rows never leave.
func (o *Over) absorbAll(r *running, w *work, round []int32) error {
	r.slots, r.rows = r.slots[:0], r.rows[:0]
	for _, i := range round {
		if w.fresh[i] {
			r.states.Clear(w.slots[i : i+1])
		}
		r.slots, r.rows = append(r.slots, w.slots[i]), append(r.rows, w.live[i])
	}
	return r.states.Add(r.slots, r.rows, w.b)
}

// evict takes out of a frame what the rows of a round no longer see.
func (o *Over) evict(f int, w *work, round []int32) error {
	r := &o.frames[f]
	r.slots, r.rows = r.slots[:0], r.rows[:0]
	for _, i := range round {
		at := o.frame(w.slots[i], f)
		oldest := w.b.Time[w.live[i]] - r.Preceding
		for at.n > 0 && (w.fresh[i] || r.Rows && int64(at.n) > r.Preceding || !r.Rows && o.rows.list[at.first].time < oldest) {
			r.slots, r.rows = append(r.slots, w.slots[i]), append(r.rows, at.first)
			if err := o.pop(r, w.slots[i], at); err != nil {
				return err
			}
		}
	}
	r.count(r.slots, -1)
	for _, i := range r.inverse {
		col := r.states.Cols[i].(aggregate.Inverse)
		if err := col.Retract(r.slots, o.kind(r, i), r.rows); err != nil {
			return err
		}
	}
	return nil
}

// pop moves a frame past its first row.
func (o *Over) pop(r *running, slot int32, at *frameState) error {
	if len(r.stacked) > 0 {
		if at.front == 0 {
			if err := o.flip(r, slot, at); err != nil {
				return err
			}
		}
		at.front--
	}
	at.n--
	at.begin++
	if at.n == 0 {
		at.first, at.last = none, none
		return nil
	}
	at.first = o.rows.list[at.first].next
	return nil
}

// flip makes all rows of a frame front: each gets the state of itself and those
// after it.
func (o *Over) flip(r *running, slot int32, at *frameState) error {
	if err := o.stack(r, at.first, at.last); err != nil {
		return err
	}
	at.front = at.n
	for _, i := range r.stacked {
		r.to[0] = slot
		r.states.Cols[i].Clear(r.to[:])
	}
	return nil
}

// stack computes the states of the front from first to last.
func (o *Over) stack(r *running, first, last int32) error {
	r.suffix.Resize(len(o.rows.list))
	after := int32(none)
	for row := last; ; row = o.rows.list[row].prev {
		r.to[0], r.from[0] = row, after
		one := r.to[:]
		for _, i := range r.stacked {
			col := r.suffix.Cols[i]
			col.Clear(one)
			if err := col.Merge(one, o.kind(r, i), one); err != nil {
				return err
			}
			if after == none {
				continue
			}
			if err := col.Merge(one, col, r.from[:]); err != nil {
				return err
			}
		}
		if after = row; row == first {
			return nil
		}
	}
}

// read writes the results of a frame for the rows of a round.
func (o *Over) read(f int, w *work, round []int32) error {
	r := &o.frames[f]
	r.slots = r.slots[:0]
	for _, i := range round {
		r.slots = append(r.slots, w.slots[i])
	}
	for i, c := range r.calls {
		col, slots := r.states.Cols[i], r.slots
		if len(r.stacked) > 0 && contains(r.stacked, i) {
			var err error
			if col, err = o.stackedValues(f, i); err != nil {
				return err
			}
			slots = event.Rows(0, len(round))
		}
		o.answers.write(c, col, slots, w, round)
	}
	return nil
}

func contains(list []int, x int) bool {
	for _, y := range list {
		if y == x {
			return true
		}
	}
	return false
}

// stackedValues puts front and back of call i together for r.slots.
func (o *Over) stackedValues(f, i int) (aggregate.Column, error) {
	r := &o.frames[f]
	tmp := r.tmp.Cols[i]
	tmp.Resize(0)
	tmp.Resize(len(r.slots))
	for k, slot := range r.slots {
		if at := o.frame(slot, f); at.front > 0 {
			r.to[0], r.from[0] = int32(k), at.first
			if err := tmp.Merge(r.to[:], r.suffix.Cols[i], r.from[:]); err != nil {
				return nil, err
			}
		}
	}
	return tmp, tmp.Merge(event.Rows(0, len(r.slots)), r.states.Cols[i], r.slots)
}
