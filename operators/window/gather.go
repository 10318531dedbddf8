package window

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/query/plan"
	"github.com/cepd/cepd/state"
)

// HOP and CUMULATE with a budget of their own keep no running totals, which all
// groups are part of at all times: their panes can be let go of as those of TUMBLE,
// and a window is put together of them when it is reported:
//
//	window    pane 1      pane 2      pane 3
//	          a b c       b d         a d e        in the order of slots
//	reported  a: 1+3, b: 1+2, c | d: 2+3 | e
//
// A group is reported where the first pane of the window has it. That is as many
// look-ups a group as the window has panes, so it is done where these are few.

// maxGathered is how many panes a window may have that is put together.
const maxGathered = 16

// gathers says whether windows are put together of panes.
func (p *Program) gathers() bool {
	k := p.plan.Window.Kind
	return p.opts.Spill && !p.opts.Aggregate.Retract && (k == plan.Hop || k == plan.Cumulate) && p.grid.size <= maxGathered*p.grid.pane
}

// gathering is a window that is being reported.
type gathering struct {
	panes []*pane
	at    int   // the pane whose groups are reported …
	from  int32 // … from this slot in the store on

	part   *pane    // scratch: groups that were read
	to, of []int32  // scratch: what is merged into what
	wanted []wanted // scratch: groups to be read
	known  []bool   // by slot of the groups at hand: an earlier pane has it
	live   []int32  // slots of the others
}

// wanted is a group that may be in the store: its entry in the index of a pane.
type wanted struct {
	entry []byte
	slot  int32 // of the groups at hand
	in    int32 // its slot in the store
}

// gather reports the windows whose end the watermark has passed.
func (a *aligned) gather(ctx *operators.Context, out operators.Collector) error {
	for a.left = a.p.opts.portion(ctx); a.left > 0 && a.Unfinished(); {
		if !a.sliding {
			end, _ := a.nextGathered()
			a.openWindow(end)
		}
		if err := a.gatherWindow(ctx, out); err != nil {
			return err
		}
	}
	return nil
}

// nextGathered is the end of the next window that may have rows.
func (a *aligned) nextGathered() (event.Time, bool) {
	if len(a.order) == 0 {
		return 0, false
	}
	end := a.p.grid.firstEnd(a.order[0].end)
	if a.last > event.MinTime {
		end = max(end, a.p.grid.after(a.last))
	}
	return end, true
}

// openWindow begins to report the window that ends at end, and drops the panes
// before it.
func (a *aligned) openWindow(end event.Time) {
	old, start := 0, a.p.grid.start(end)
	for old < len(a.order) && a.order[old].start < start {
		old++
	}
	a.drop(old)
	a.last, a.sliding = end, true
	a.whole.at, a.whole.from = 0, 0
}

// gatherWindow reports groups of the window at hand, as many as are left to report.
func (a *aligned) gatherWindow(ctx *operators.Context, out operators.Collector) error {
	g := a.whole
	g.panes = g.panes[:0]
	for _, pn := range a.order {
		if pn.end <= a.last {
			g.panes = append(g.panes, pn)
		}
	}
	for ; g.at < len(g.panes) && a.left > 0; g.at, g.from = g.at+1, 0 {
		pn := g.panes[g.at]
		if a.closing == nil || a.closing.pn != pn || a.closing.from != g.from {
			a.beginClosing(pn, g.from)
		}
		err := a.closing.portion(ctx, out)
		if g.from = a.closing.from; err != nil || g.from < pn.slots() {
			return err
		}
	}
	a.sliding = g.at < len(g.panes)
	return nil
}

// together reports the groups in scratch, of one pane, that no earlier pane of the
// window has, with what the later ones have of them.
func (a *aligned) together(ctx *operators.Context, out operators.Collector) error {
	g, n := a.whole, int(a.scratch.N)
	g.known = resize(g.known[:0], n)
	clear(g.known)
	for _, pn := range g.panes[:g.at] {
		if err := a.findKnown(pn); err != nil {
			return err
		}
	}
	g.live = g.live[:0]
	for s := range a.scratch.N {
		if !g.known[s] {
			g.live = append(g.live, s)
		}
	}
	for _, pn := range g.panes[g.at+1:] {
		if err := a.mergeFrom(pn); err != nil {
			return err
		}
	}
	w := bounds{a.p.grid.start(a.last), a.last}
	for from := 0; from < len(g.live); from += event.MaxRows {
		if err := a.reportSlots(ctx, a.scratch, g.live[from:min(len(g.live), from+event.MaxRows)], w, out); err != nil {
			return err
		}
	}
	return nil
}

// findKnown marks the groups at hand that a pane has.
func (a *aligned) findKnown(pn *pane) error {
	g := a.whole
	g.wanted = g.wanted[:0]
	for s := range a.scratch.N {
		if g.known[s] {
			continue
		}
		if _, hot := pn.Find(a.scratch.Hash(s), a.scratch.Key(s)); hot {
			g.known[s] = true
		} else {
			g.want(a.scratch, s, pn)
		}
	}
	return a.lookUp(pn, func(w *wanted) { g.known[w.slot] = true })
}

// want notes a group that may be in the store.
func (g *gathering) want(scratch *pane, s int32, pn *pane) {
	if pn.cold == nil || !pn.cold.has(scratch.Hash(s), scratch.Key(s)) {
		return
	}
	g.wanted = append(g.wanted, wanted{entry: append(pn.prefix(prefixIndex), scratch.Key(s)...), slot: s})
}

// lookUp finds the slots of the groups that are wanted, and are there.
func (a *aligned) lookUp(pn *pane, found func(w *wanted)) error {
	list := a.whole.wanted
	if len(list) == 0 {
		return nil
	}
	slices.SortFunc(list, func(x, y wanted) int { return bytes.Compare(x.entry, y.entry) })
	entries := make([][]byte, len(list))
	for i := range list {
		entries[i] = list[i].entry
	}
	a.counts.Reads += int64(len(list))
	return a.r.Lookup(entries, func(i int, value []byte) error {
		if len(value) != 4 {
			return event.ErrCorrupt
		}
		list[i].in = int32(binary.BigEndian.Uint32(value))
		found(&list[i])
		return nil
	})
}

// mergeFrom merges what a pane has of the groups at hand into them.
func (a *aligned) mergeFrom(pn *pane) error {
	g := a.whole
	g.to, g.of, g.wanted = g.to[:0], g.of[:0], g.wanted[:0]
	for _, s := range g.live {
		if slot, hot := pn.Find(a.scratch.Hash(s), a.scratch.Key(s)); hot {
			g.to, g.of = append(g.to, s), append(g.of, slot)
		} else {
			g.want(a.scratch, s, pn)
		}
	}
	if err := a.mergeGroups(pn); err != nil {
		return err
	}
	g.to = g.to[:0]
	var found []wanted
	if err := a.lookUp(pn, func(w *wanted) { found = append(found, *w) }); err != nil || len(found) == 0 {
		return err
	}
	return a.mergeStored(pn, found)
}

// mergeGroups merges the groups g.of of a pane into those at hand.
func (a *aligned) mergeGroups(pn *pane) error {
	g := a.whole
	for i, s := range g.to {
		a.scratch.rows[s] += pn.rows[g.of[i]]
	}
	return a.scratch.states.Merge(g.to, pn.states, g.of)
}

// mergeStored merges groups of the store into those at hand.
func (a *aligned) mergeStored(pn *pane, found []wanted) error {
	g := a.whole
	slices.SortFunc(found, func(x, y wanted) int { return int(x.in) - int(y.in) })
	prefix := pn.prefix(prefixPane)
	entries := make([][]byte, len(found))
	for i := range found {
		entries[i] = slotKey(prefix[:len(prefix):len(prefix)], found[i].in)
	}
	if g.part == nil {
		g.part = newPane(a.p)
	}
	g.part.open(pn.bounds)
	g.to, g.of = g.to[:0], g.of[:0]
	err := a.r.Lookup(entries, func(i int, value []byte) error {
		s, _, err := a.read(g.part, value)
		g.to, g.of = append(g.to, found[i].slot), append(g.of, s)
		return err
	})
	if err == nil && len(g.to) < len(found) {
		err = event.ErrCorrupt
	}
	if err != nil {
		return err
	}
	a.counts.Loaded += int64(len(found))
	return a.mergeGroups(g.part)
}

// appendGathering encodes how far the report of the window at hand is.
func (a *aligned) appendGathering(mark []byte) []byte {
	mark = slotKey(mark, a.whole.from)
	return binary.BigEndian.AppendUint32(mark, uint32(a.whole.at))
}

// gatherAgain leaves the running totals that Restore has found none of.
func (a *aligned) gatherAgain(r state.Reader) {
	a.running, a.whole, a.r = nil, &gathering{}, r
}

// totalAgain goes on with the running totals that the snapshots have.
func (a *aligned) totalAgain() {
	a.running, a.whole, a.r = newRunning(a.p), nil, nil
}
