package over

import (
	"fmt"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators/group"
	"github.com/cepd/cepd/query/plan"
)

// begin finds the keys of the rows and keeps the rows.
func (o *Over) begin(w *work, b *event.Batch, live []int32) error {
	w.b, w.live = b, live
	o.sched[0].ready, o.sched[1].ready = false, false
	o.ids.Gather(b, live, 0)
	if err := o.thaw(); err != nil {
		return err
	}
	w.slots = o.table.Slots(&o.ids, w.slots)
	o.grow()
	if o.p.keeps {
		w.kept = o.rows.take(len(live), w.kept)
		if err := o.rows.states.Add(w.kept, live, b); err != nil {
			return err
		}
	}
	w.fresh = w.fresh[:0]
	for i, r := range live {
		fresh, err := o.keep(w, i, b.Time[r])
		if err != nil {
			return err
		}
		w.fresh = append(w.fresh, fresh)
	}
	return nil
}

// grow makes room for new keys.
func (o *Over) grow() {
	n := int(o.table.N)
	if n <= len(o.keys) {
		return
	}
	frames := len(o.frames)
	for k := len(o.keys); k < n; k++ {
		o.keys = append(o.keys, keyState{first: none, last: none, armed: event.MaxTime})
		for range frames {
			o.at = append(o.at, frameState{first: none, last: none})
		}
	}
	for f := range o.frames {
		o.frames[f].states.Resize(n)
	}
}

// keep appends row i to its key's list. fresh says that what the key had is
// past.
func (o *Over) keep(w *work, i int, t event.Time) (fresh bool, err error) {
	slot := w.slots[i]
	k := &o.keys[slot]
	if !k.used {
		*k = keyState{first: none, last: none, armed: event.MaxTime, used: true, dirty: k.dirty}
	}
	fresh = o.p.ttl > 0 && k.end > 0 && t-k.time >= o.p.ttl
	k.time = t
	k.end++
	o.touch(slot)
	if o.p.ttl > 0 && k.armed == event.MaxTime {
		o.arm(slot)
	}
	if !o.p.keeps {
		return fresh, nil
	}
	at := w.kept[i]
	o.rows.list[at] = row{t, none, k.last}
	if k.last == none {
		k.first = at
	} else {
		o.rows.list[k.last].next = at
	}
	k.last = at
	if n := k.end - k.begin; o.p.opts.MaxRows > 0 && n > uint64(o.p.opts.MaxRows) {
		return fresh, fmt.Errorf("one key keeps more than %d rows for OVER: shorten the frame, partition by more columns, or raise 'state.max-rows-per-key'", o.p.opts.MaxRows)
	}
	return fresh, nil
}

// arm sets the timer after which nothing of the key is needed. A key with later
// rows keeps it; when it goes off too early it is set again.
func (o *Over) arm(slot int32) {
	k := &o.keys[slot]
	k.armed = o.end(slot)
	o.timers.Push(group.Deadline{At: k.armed, Slot: slot})
}

func (o *Over) touch(slot int32) {
	if k := &o.keys[slot]; o.track && !k.dirty {
		k.dirty = true
		o.dirty = append(o.dirty, slot)
	}
}

// trim frees the rows that no frame of the keys reaches back to.
func (o *Over) trim(w *work) {
	if !o.p.keeps {
		return
	}
	for _, slot := range w.slots {
		k := &o.keys[slot]
		need := k.end
		for f := range o.frames {
			if o.frames[f].Preceding != plan.Unbounded {
				need = min(need, o.at[int(slot)*len(o.frames)+f].begin)
			}
		}
		o.free(k, need)
	}
}

// free drops the rows of a key before row number to.
func (o *Over) free(k *keyState, to uint64) {
	for ; k.begin < to && k.first != none; k.begin++ {
		row := k.first
		if k.first = o.rows.list[row].next; k.first == none {
			k.last = none
		} else {
			o.rows.list[k.first].prev = none
		}
		o.rows.drop(row)
	}
}

// forget drops a key.
func (o *Over) forget(slot int32) {
	if o.keys[slot].stored {
		o.forgone(o.table.Key(slot))
	}
	o.remove(slot)
}

// remove takes a key out of memory.
func (o *Over) remove(slot int32) {
	k := &o.keys[slot]
	o.free(k, k.end)
	one := []int32{slot}
	for f := range o.frames {
		o.frames[f].states.Clear(one)
		o.at[int(slot)*len(o.frames)+f] = frameState{first: none, last: none}
	}
	*k = keyState{first: none, last: none, armed: event.MaxTime, dirty: k.dirty}
	o.table.Remove(slot)
}
