package window

import (
	"math"
	"slices"
	"sort"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/aggregate"
	"github.com/cepd/cepd/operators/group"
	"github.com/cepd/cepd/query/plan"
	"github.com/cepd/cepd/state"
)

// maxIdle is how many panes are kept for re-use.
const maxIdle = 16

// aligned is the operator of all windows but sessions.
type aligned struct {
	p        *Program
	panes    map[bounds]*pane
	order    []*pane // by end, then start
	merged   int     // how many of order are in the running totals
	idle     []*pane
	running  *running   // of HOP and CUMULATE
	whole    *gathering // … in place of running: windows are put together of panes
	last     event.Time
	wm       event.Time
	emitter  *emitter
	keys     group.Keys
	slots    []int32
	partials *aggregate.States // scratch of the second of two phases
	taken    *aggregate.States // scratch: rows that are taken back
	track    bool
	gone     [][]byte // prefixes of panes that snapshots hold and that are no more

	r       state.Reader // nil: all groups are in memory
	tick    int64        // of calls of Process
	left    int          // groups that this call of Advance may report
	sliding bool         // of HOP and CUMULATE: the window that ends at last is not all reported
	closing *closing     // a pane whose groups are being reported; nil: not begun since the last Restore or Spill
	scratch *pane        // groups on their way out
	counts  operators.Size
}

func newAligned(p *Program) *aligned {
	a := &aligned{p: p, panes: map[bounds]*pane{}, last: event.MinTime, wm: event.MinTime, emitter: newEmitter(p)}
	a.keys.Codec = p.codec
	if p.opts.Aggregate.Retract {
		a.taken = aggregate.NewStates(p.calls, p.opts.Aggregate)
	}
	switch k := p.plan.Window.Kind; {
	case p.gathers():
		a.whole = &gathering{}
	case k == plan.Hop || k == plan.Cumulate:
		a.running = newRunning(p)
	}
	return a
}

// Process takes rows in any order.
func (a *aligned) Process(ctx *operators.Context, b *event.Batch, _ operators.Collector) error {
	if err := a.learn(); err != nil {
		return err
	}
	a.tick++
	rows := b.LiveRows()
	for len(rows) > 0 {
		w, n := a.run(b, rows)
		if err := a.add(ctx, w, rows[:n], b); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// run is the pane of the first of rows, and how many rows from it on share it.
func (a *aligned) run(b *event.Batch, rows []int32) (w bounds, n int) {
	win := &a.p.plan.Window
	if win.Kind == plan.Attached {
		starts, ends := b.Cols[win.Start].I64, b.Cols[win.End].I64
		w = bounds{starts[rows[0]], ends[rows[0]]}
		for n = 1; n < len(rows) && starts[rows[n]] == w.start && ends[rows[n]] == w.end; n++ {
		}
		return w, n
	}
	times := timesOf(win, b)
	w.end = a.p.grid.paneEnd(times[rows[0]])
	w.start = w.end - a.p.grid.pane
	for n = 1; n < len(rows) && times[rows[n]] >= w.start && times[rows[n]] < w.end; n++ {
	}
	return w, n
}

// timesOf is the times that place the rows.
func timesOf(w *plan.Window, b *event.Batch) []int64 {
	if w.Proctime {
		return b.Time
	}
	return b.Cols[w.Time].I64
}

func (a *aligned) add(ctx *operators.Context, w bounds, rows []int32, b *event.Batch) error {
	if due := a.due(w); due <= a.wm {
		lateRows(ctx, rows, b, "the window that ends at "+formatTime(due+1)+" had been reported")
		return nil
	}
	pn := a.pane(w)
	pn.used = a.tick
	for set := range a.p.codec.Sets {
		a.keys.Gather(b, rows, set)
		if err := a.thaw(pn); err != nil {
			return err
		}
		a.slots = pn.Slots(&a.keys, a.slots)
		if err := a.take(pn, rows, b); err != nil {
			return err
		}
	}
	return nil
}

// take adds rows to the groups a.slots.
func (a *aligned) take(pn *pane, rows []int32, b *event.Batch) error {
	if a.p.phase == global {
		return a.absorb(pn, a.slots, rows, b)
	}
	if a.p.opts.Aggregate.Retract {
		return pn.change(a.slots, rows, b, a.track, a.taken)
	}
	return pn.add(a.slots, rows, b, a.track)
}

// due is the watermark that makes the rows of a pane late.
func (a *aligned) due(w bounds) event.Time {
	if a.p.plan.Window.Kind == plan.Attached {
		return w.end - 1
	}
	return a.p.grid.firstEnd(w.end) - 1
}

// lateRows rejects rows that come too late.
func lateRows(ctx *operators.Context, rows []int32, b *event.Batch, reason string) {
	for _, r := range rows {
		ctx.Rejects = append(ctx.Rejects, operators.Reject{Kind: operators.RejectLate, ID: b.ID[r], Time: b.Time[r], Reason: reason})
	}
}

// pane finds or opens the pane of a window.
func (a *aligned) pane(w bounds) *pane {
	if n := len(a.order); n > 0 && a.order[n-1].bounds == w {
		return a.order[n-1]
	}
	if pn := a.panes[w]; pn != nil {
		return pn
	}
	var pn *pane
	if n := len(a.idle); n > 0 {
		pn, a.idle = a.idle[n-1], a.idle[:n-1]
	} else {
		pn = newPane(a.p)
	}
	pn.open(w)
	a.panes[w] = pn
	at := sort.Search(len(a.order), func(i int) bool { return w.before(a.order[i].bounds) })
	a.order = slices.Insert(a.order, at, pn)
	return pn
}

func (w bounds) before(o bounds) bool { return w.end < o.end || w.end == o.end && w.start < o.start }

// drop forgets the first n panes.
func (a *aligned) drop(n int) {
	for _, pn := range a.order[:n] {
		delete(a.panes, pn.bounds)
		if pn.saved {
			a.gone = append(a.gone, panePrefix(pn.bounds))
		}
		if len(a.idle) < maxIdle {
			a.idle = append(a.idle, pn)
		}
	}
	a.order = slices.Delete(a.order, 0, n)
	a.merged = max(0, a.merged-n)
}

// Advance reports the windows whose end wm has passed.
func (a *aligned) Advance(ctx *operators.Context, wm event.Time, out operators.Collector) error {
	a.wm = max(a.wm, wm)
	if a.running != nil {
		return a.slide(ctx, out)
	}
	if a.whole != nil {
		return a.gather(ctx, out)
	}
	for a.left = a.p.opts.portion(ctx); a.left > 0 && a.Unfinished(); {
		if err := a.close(ctx, a.order[0], out); err != nil {
			return err
		}
		if a.order[0].reported == a.order[0].slots() {
			a.closing = nil
			a.drop(1)
		}
	}
	return nil
}

// portion is how many groups a call of Advance may report.
func (o *Options) portion(ctx *operators.Context) int {
	switch {
	case ctx.AtOnce:
		return math.MaxInt
	case o.Portion > 0:
		return o.Portion
	}
	return DefaultPortion
}

// Unfinished implements operators.Lasting: a window that the watermark has passed
// is not reported, or not all of it.
func (a *aligned) Unfinished() bool {
	if a.running != nil || a.whole != nil {
		return a.sliding || a.slides()
	}
	return len(a.order) > 0 && a.order[0].end-1 <= a.wm
}

// Due implements operators.Timed: a window ends then.
func (a *aligned) Due() event.Time {
	if a.running != nil || a.whole != nil {
		if end, ok := a.nextEnd(); ok {
			return end - 1
		}
		return event.MaxTime
	}
	if len(a.order) == 0 {
		return event.MaxTime
	}
	return a.order[0].end - 1
}

// report emits groups of a pane that is a window, from slot from on.
func (a *aligned) report(ctx *operators.Context, pn *pane, from, to int32, out operators.Collector) error {
	for ; from < to; from += event.MaxRows {
		slots := a.slots[:0]
		for s := from; s < min(to, from+event.MaxRows); s++ {
			if pn.rows[s] != 0 { // all of its rows may have been taken back
				slots = append(slots, s)
			}
		}
		if a.slots = slots; len(slots) == 0 {
			continue
		}
		if err := a.reportSlots(ctx, pn, slots, pn.bounds, out); err != nil {
			return err
		}
	}
	return nil
}

// reportSlots emits some groups of a pane as those of a window.
func (a *aligned) reportSlots(ctx *operators.Context, pn *pane, slots []int32, w bounds, out operators.Collector) error {
	return a.emitter.emit(ctx, source{
		table: &pn.Table, keys: slots, window: func(int) bounds { return w },
		result: func(c int, col *event.Vec, fail func(int, error)) error {
			if a.p.phase == local {
				pn.partial(slots, col)
			} else {
				pn.states.Cols[c].Result(slots, col, fail)
			}
			return nil
		}}, out)
}

// slide goes through the ends of windows that wm has passed, as long as there
// is a row in them.
func (a *aligned) slide(ctx *operators.Context, out operators.Collector) error {
	for a.left = a.p.opts.portion(ctx); a.left > 0 && a.Unfinished(); {
		if !a.sliding {
			end, _ := a.nextEnd()
			if err := a.turn(end); err != nil {
				return err
			}
			a.last, a.sliding, a.running.reported = end, true, 0
		}
		w := bounds{a.p.grid.start(a.last), a.last}
		n, err := a.running.report(ctx, a.emitter, w, a.left, out)
		if err != nil {
			return err
		}
		a.left -= n
		a.sliding = a.running.reported < a.running.N
		if !a.sliding && a.p.plan.Window.Kind == plan.Cumulate && a.last == w.start+a.p.grid.size {
			a.running.empty()
		}
	}
	return nil
}

// slides says whether the watermark has passed the end of another window.
func (a *aligned) slides() bool {
	end, ok := a.nextEnd()
	return ok && end-1 <= a.wm
}

// nextEnd is the end of the next window that has rows.
func (a *aligned) nextEnd() (event.Time, bool) {
	if a.whole != nil {
		return a.nextGathered()
	}
	if a.running.Count > 0 {
		return a.p.grid.after(a.last), true
	}
	if a.merged < len(a.order) {
		return a.p.grid.firstEnd(a.order[a.merged].end), true
	}
	return 0, false
}

// turn brings the running totals to the window that ends at end.
func (a *aligned) turn(end event.Time) error {
	start := a.p.grid.start(end)
	old := 0
	for ; old < len(a.order) && a.order[old].start < start; old++ {
		if old >= a.merged {
			continue // between windows that do not touch: in none
		}
		if err := a.running.remove(a.order[old], a.track); err != nil {
			return err
		}
	}
	a.drop(old)
	for ; a.merged < len(a.order) && a.order[a.merged].end <= end; a.merged++ {
		if err := a.running.merge(a.order[a.merged], a.track); err != nil {
			return err
		}
	}
	if a.p.plan.Window.Kind == plan.Cumulate {
		a.drop(a.merged) // the totals are all that later windows need
	}
	return nil
}

// Hold is the watermark of the output.
func (a *aligned) Hold(wm event.Time) event.Time {
	if a.Unfinished() {
		return a.reporting() - oneMilli - 1
	}
	if wm == event.MinTime || wm == event.MaxTime {
		return wm
	}
	if a.p.plan.Window.Kind == plan.Attached {
		return wm - oneMilli + 1
	}
	return min(wm, a.p.grid.after(wm+1)-oneMilli-1)
}

// reporting is the end of the window that is reported next, or in part.
func (a *aligned) reporting() event.Time {
	switch {
	case a.running == nil && a.whole == nil:
		return a.order[0].end
	case a.sliding:
		return a.last
	}
	end, _ := a.nextEnd()
	return end
}

// Size is what the shard holds.
func (a *aligned) Size() operators.Size {
	s := a.counts
	for _, pn := range a.order {
		s.Keys += int64(pn.Count)
		s.Bytes += pn.memory()
		if pn.cold != nil {
			s.Cold += int64(pn.cold.known.Count())
		}
	}
	if a.running != nil {
		s.Keys += int64(a.running.Count)
		s.Bytes += a.running.memory()
	}
	return s
}
