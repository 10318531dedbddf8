package window

import (
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators/aggregate"
	"github.com/cepd/cepd/operators/group"
)

// pane is the groups of a stretch of time, or of a window that rows bring.
type pane struct {
	bounds
	group.Table
	states *aggregate.States
	rows   []int64     // of each group
	links  []link      // of HOP, once the pane is in the running totals
	id     int32       // of the running totals' references
	dirty  []int32     // changed since the last snapshot
	marked []bool      // whether a slot is in dirty
	saved  bool        // snapshots hold some of it
	cold   *coldGroups // not nil: some groups may be in the store only
	filed  int32       // groups with a lower number have their key in the store
	used   int64       // the operator's tick when rows last came
	// reported: groups with a lower number in the store have been reported, and are
	// needed no more.
	reported int32
}

func newPane(p *Program) *pane {
	return &pane{states: aggregate.NewStates(p.calls, p.opts.Aggregate)}
}

// open readies a pane, new or used, for a window.
func (pn *pane) open(w bounds) {
	pn.bounds, pn.saved = w, false
	pn.cold, pn.filed, pn.reported = nil, 0, 0
	pn.Table.Reset()
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

// change counts rows that are added into their groups, and takes those out that
// are taken back; scratch is States of the same calls. What was never added is
// passed over.
func (pn *pane) change(slots, rows []int32, b *event.Batch, track bool, scratch *aggregate.States) error {
	pn.grow()
	for i, s := range slots {
		row, retracts := rows[i:i+1], b.Change(int(rows[i])).Retracts()
		switch {
		case !retracts:
			if err := pn.add(slots[i:i+1], row, b, track); err != nil {
				return err
			}
			continue
		case pn.rows[s] == 0:
			continue
		}
		pn.rows[s]--
		if track {
			pn.touch(s)
		}
		if err := pn.states.Retract(slots[i:i+1], row, b, scratch); err != nil {
			return err
		}
	}
	return nil
}

// grow makes room for the slots that the table has given out.
func (pn *pane) grow() {
	if int(pn.N) > len(pn.rows) {
		pn.rows = resize(pn.rows, int(pn.N))
		pn.marked = resize(pn.marked, int(pn.N))
		pn.states.Resize(int(pn.N))
		if pn.cold != nil {
			pn.cold.number(int(pn.N))
		}
	}
}

func (pn *pane) touch(s int32) {
	if !pn.marked[s] {
		pn.marked[s] = true
		pn.dirty = append(pn.dirty, s)
	}
}

func (pn *pane) memory() int64 {
	n := pn.Table.Bytes() + pn.states.Bytes() + int64(cap(pn.rows))*9 + int64(cap(pn.links))*20
	if pn.cold != nil {
		n += pn.cold.known.Bytes() + int64(cap(pn.cold.numbers))*4
	}
	return n
}
