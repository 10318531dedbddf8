package window

import (
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/aggregate"
	"github.com/cepd/cepd/operators/group"
	"github.com/cepd/cepd/query/plan"
)

// running is the totals of the groups over the panes of the window at hand.
//
// Where panes leave again (HOP) a group has the list of its entries, one per
// pane that has it, oldest first. An aggregate that cannot take a pane out uses
// the list as two stacks:
//
//	entry    e1            e2        e3     e4   e5
//	state    e1+e2+e3      e2+e3     e3     e4   e5       total: e4+e5
//	         `------ front, 3 of them ----'  `- back -'
//
// The value of the group is that of its oldest entry with the total behind it.
// When the front is used up all entries become front: each is merged with those
// after it, in place, once.
type running struct {
	p      *Program
	window bool // panes leave again
	group.Table
	states   *aggregate.States
	groups   []total
	reported int32             // groups in slots before it have been reported in the window at hand
	stacked  []int             // calls that use the two stacks
	inverse  []int             // calls that take panes out
	tmp      *aggregate.States // values of stacked calls
	panes    []*pane           // by id; nil: the id is free
	ids      []int32           // free ones

	dirty  []int32
	stored bool    // snapshots hold some groups
	gone   []int32 // groups that snapshots hold and that are no more
	wiped  bool    // all of those that snapshots hold are no more
	keys   group.Keys
	at, of []int32 // scratch
	to     [1]int32
	from   [1]int32
}

type total struct {
	rows         int64
	first, last  ref   // entries
	front        int32 // how many entries from the first on are front
	dirty, saved bool
}

// ref is an entry: a slot of a pane.
type ref struct{ pane, slot int32 }

// link is an entry's group and neighbours.
type link struct {
	group      int32
	prev, next ref
}

var noRef = ref{-1, -1}

func newRunning(p *Program) *running {
	r := &running{p: p, window: p.plan.Window.Kind == plan.Hop, states: aggregate.NewStates(p.calls, p.opts.Aggregate)}
	r.keys.Codec = p.codec
	r.Reset()
	if !r.window {
		return r
	}
	r.tmp = aggregate.NewStates(p.calls, p.opts.Aggregate)
	for i, c := range r.states.Cols {
		if _, ok := c.(aggregate.Inverse); ok {
			r.inverse = append(r.inverse, i)
		} else {
			r.stacked = append(r.stacked, i)
		}
	}
	return r
}

// merge takes a pane into the totals.
func (r *running) merge(pn *pane, track bool) error {
	if r.window {
		r.register(pn)
	}
	r.at, r.of = r.at[:0], r.of[:0]
	for s := range pn.N {
		if pn.rows[s] == 0 {
			continue // taken back
		}
		g := r.groupOf(pn, s)
		r.groups[g].rows += pn.rows[s]
		r.at, r.of = append(r.at, g), append(r.of, s)
		if r.window {
			r.append(pn, s, g)
		}
		if track {
			r.touch(g)
		}
	}
	return r.states.Merge(r.at, pn.states, r.of)
}

// register gives a pane an id for references.
func (r *running) register(pn *pane) {
	if n := len(r.ids); n > 0 {
		pn.id, r.ids = r.ids[n-1], r.ids[:n-1]
		r.panes[pn.id] = pn
	} else {
		pn.id = int32(len(r.panes))
		r.panes = append(r.panes, pn)
	}
	pn.links = resize(pn.links, int(pn.N))
}

// groupOf is the group of a pane's slot, new or old.
func (r *running) groupOf(pn *pane, s int32) int32 {
	h, key := pn.Hash(s), pn.Key(s)
	if g, ok := r.Find(h, key); ok {
		return g
	}
	g := r.Add(h, key)
	r.grow(g)
	return g
}

// grow readies a slot that was just given out.
func (r *running) grow(g int32) {
	if int(g) >= len(r.groups) {
		r.groups = resize(r.groups, int(r.N))
		r.states.Resize(int(r.N))
	}
	r.groups[g] = total{first: noRef, last: noRef, dirty: r.groups[g].dirty, saved: r.groups[g].saved}
}

// append puts an entry at the end of its group's list.
func (r *running) append(pn *pane, s, g int32) {
	x := &r.groups[g]
	e := ref{pn.id, s}
	pn.links[s] = link{g, x.last, noRef}
	if x.last == noRef {
		x.first = e
	} else {
		r.link(x.last).next = e
	}
	x.last = e
}

func (r *running) link(e ref) *link { return &r.panes[e.pane].links[e.slot] }

// remove takes the oldest pane out of the totals.
func (r *running) remove(pn *pane, track bool) error {
	r.at, r.of = r.at[:0], r.of[:0]
	for s := range pn.N {
		if pn.rows[s] == 0 {
			continue
		}
		g := pn.links[s].group
		if err := r.pop(pn, s, g, track); err != nil {
			return err
		}
		r.at, r.of = append(r.at, g), append(r.of, s)
	}
	for _, c := range r.inverse {
		if err := r.states.Cols[c].(aggregate.Inverse).Retract(r.at, pn.states.Cols[c], r.of); err != nil {
			return err
		}
	}
	for _, g := range r.at {
		if r.groups[g].rows == 0 {
			r.forget(g)
		}
	}
	r.panes[pn.id] = nil
	r.ids = append(r.ids, pn.id)
	return nil
}

// pop takes the oldest entry off a group's list.
func (r *running) pop(pn *pane, s, g int32, track bool) error {
	x := &r.groups[g]
	if len(r.stacked) > 0 {
		if x.front == 0 {
			if err := r.flip(g, track); err != nil {
				return err
			}
		}
		x.front--
	}
	x.rows -= pn.rows[s]
	if x.first = pn.links[s].next; x.first == noRef {
		x.last = noRef
	} else {
		r.link(x.first).prev = noRef
	}
	if track {
		r.touch(g)
	}
	return nil
}

// flip makes all entries of a group front.
func (r *running) flip(g int32, track bool) error {
	x := &r.groups[g]
	after := noRef
	for e := x.last; e != noRef; e = r.link(e).prev {
		x.front++
		if after != noRef {
			if err := r.join(e, after); err != nil {
				return err
			}
			if track {
				r.panes[e.pane].touch(e.slot)
			}
		}
		after = e
	}
	r.to[0] = g
	for _, c := range r.stacked {
		r.states.Cols[c].Clear(r.to[:])
	}
	return nil
}

// join makes the state of e that of e and all entries after it.
func (r *running) join(e, after ref) error {
	a, b := r.panes[e.pane], r.panes[after.pane]
	r.to[0], r.from[0] = e.slot, after.slot
	for _, c := range r.stacked {
		if err := a.states.Cols[c].Merge(r.to[:], b.states.Cols[c], r.from[:]); err != nil {
			return err
		}
	}
	return nil
}

// forget drops a group without rows.
func (r *running) forget(g int32) {
	r.Table.Remove(g)
	r.to[0] = g
	r.states.Clear(r.to[:])
	if r.groups[g].saved {
		r.groups[g].saved = false
		r.gone = append(r.gone, g)
	}
}

// empty drops all groups.
func (r *running) empty() {
	r.Reset()
	r.states.Resize(0)
	r.groups, r.dirty, r.gone = r.groups[:0], r.dirty[:0], r.gone[:0]
	r.wiped = r.stored
}

func (r *running) touch(g int32) {
	if x := &r.groups[g]; !x.dirty {
		x.dirty = true
		r.dirty = append(r.dirty, g)
	}
}

// report emits at most so many groups of a window, from slot reported on, and says
// how many.
func (r *running) report(ctx *operators.Context, e *emitter, w bounds, most int, out operators.Collector) (n int, err error) {
	for n < most && r.reported < r.N {
		slots := r.at[:0]
		for ; r.reported < r.N && len(slots) < min(event.MaxRows, most-n); r.reported++ {
			if r.Has(r.reported) {
				slots = append(slots, r.reported)
			}
		}
		if r.at = slots; len(slots) == 0 {
			break
		}
		n += len(slots)
		err := e.emit(ctx, source{
			table: &r.Table, keys: slots, window: func(int) bounds { return w },
			result: func(c int, col *event.Vec, fail func(int, error)) error { return r.result(c, slots, col, fail) },
		}, out)
		if err != nil {
			return n, err
		}
	}
	for r.reported < r.N && !r.Has(r.reported) {
		r.reported++
	}
	return n, nil
}

func (r *running) result(c int, slots []int32, out *event.Vec, fail func(int, error)) error {
	own := r.states.Cols[c]
	if _, ok := own.(aggregate.Inverse); ok || !r.window {
		own.Result(slots, out, fail)
		return nil
	}
	tmp := r.tmp.Cols[c]
	tmp.Resize(0)
	tmp.Resize(len(slots))
	for i, g := range slots {
		x := &r.groups[g]
		if x.front == 0 {
			continue
		}
		r.to[0], r.from[0] = int32(i), x.first.slot
		if err := tmp.Merge(r.to[:], r.panes[x.first.pane].states.Cols[c], r.from[:]); err != nil {
			return err
		}
	}
	rows := event.Rows(0, len(slots))
	if err := tmp.Merge(rows, own, slots); err != nil {
		return err
	}
	tmp.Result(rows, out, fail)
	return nil
}

func (r *running) memory() int64 {
	return r.Table.Bytes() + r.states.Bytes() + int64(cap(r.groups))*40
}
