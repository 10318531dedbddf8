package window

import (
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators/aggregate"
)

// pane is the groups of a stretch of time, or of a window that rows bring.
type pane struct {
	bounds
	table
	states *aggregate.States
	rows   []int64 // of each group
	links  []link  // of HOP, once the pane is in the running totals
	id     int32   // of the running totals' references
	dirty  []int32 // changed since the last snapshot
	marked []bool  // whether a slot is in dirty
	saved  bool    // snapshots hold some of it
}

func newPane(p *Program) *pane {
	return &pane{states: aggregate.NewStates(p.calls, p.opts.Aggregate)}
}

// open readies a pane, new or used, for a window.
func (pn *pane) open(w bounds) {
	pn.bounds, pn.saved = w, false
	pn.table.reset()
	pn.states.Resize(0)
	pn.rows, pn.links, pn.dirty, pn.marked = pn.rows[:0], pn.links[:0], pn.dirty[:0], pn.marked[:0]
}

// add counts row rows[i] into the group slots[i].
func (pn *pane) add(slots, rows []int32, b *event.Batch, track bool) error {
	pn.grow()
	for _, s := range slots {
		pn.rows[s]++
	}
	if track {
		for _, s := range slots {
			pn.touch(s)
		}
	}
	return pn.states.Add(slots, rows, b)
}

// grow makes room for the slots that the table has given out.
func (pn *pane) grow() {
	if int(pn.n) > len(pn.rows) {
		pn.rows = resize(pn.rows, int(pn.n))
		pn.marked = resize(pn.marked, int(pn.n))
		pn.states.Resize(int(pn.n))
	}
}

func (pn *pane) touch(s int32) {
	if !pn.marked[s] {
		pn.marked[s] = true
		pn.dirty = append(pn.dirty, s)
	}
}

func (pn *pane) memory() int64 {
	return pn.table.bytes() + pn.states.Bytes() + int64(cap(pn.rows))*9 + int64(cap(pn.links))*20
}
