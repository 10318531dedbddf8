package changelog

import (
	"cmp"
	"slices"
	"time"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/group"
	"github.com/cepd/cepd/query/plan"
)

// oneMilli is by how much window_time lies before window_end.
const oneMilli = 1000

// windows says which windows a row belongs to, and when they are over. A row is
// in a group of each: the panes of package window, of which windows are put
// together at their end, have no results before it.
type windows struct {
	plan.Window
	emit *plan.Emit
}

func newWindows(n *plan.Aggregate) windows { return windows{n.Window, n.Emit} }

// schema is that of rows with the bounds of a window behind them.
func (w *windows) schema(in *event.Schema) *event.Schema {
	fields := append([]event.Field(nil), in.Fields...)
	t := in.Fields[w.Time].Type
	return event.NewSchema(append(fields, event.Field{Name: "window_start", Type: t}, event.Field{Name: "window_end", Type: t})...)
}

// floor is the last multiple of step, moved by the offset, at t or before.
func (w *windows) floor(t, step int64) int64 {
	r := (t - w.Offset) % step
	if r < 0 {
		r += step
	}
	return t - r
}

// each visits the windows of a time, the first to end first.
func (w *windows) each(t event.Time, visit func(start, end event.Time)) {
	switch w.Kind {
	case plan.Hop:
		last := w.floor(t, w.Slide)
		first := w.floor(t-w.Size, w.Slide) + w.Slide
		for start := first; start <= last; start += w.Slide {
			visit(start, start+w.Size)
		}
	case plan.Cumulate:
		start := w.floor(t, w.Size)
		for end := w.floor(t, w.Slide) + w.Slide; end <= start+w.Size; end += w.Slide {
			visit(start, end)
		}
	default:
		start := w.floor(t, w.Size)
		visit(start, start+w.Size)
	}
}

// lastEnd is the end of the last window of a time.
func (w *windows) lastEnd(t event.Time) event.Time {
	if w.Kind == plan.Hop {
		return w.floor(t, w.Slide) + w.Size
	}
	return w.floor(t, w.Size) + w.Size
}

// gone is the watermark from which on rows of a window are late.
func (w *windows) gone(end event.Time) event.Time { return later(end-1, w.emit.Lateness) }

// takeWindows takes rows into their windows. A row that the watermark had passed
// when it came has the time of that; the windows that were at their end by then are
// shown before. So what is shown does not depend on how rows were cut into batches.
func (a *aggregator) takeWindows(ctx *operators.Context, b *event.Batch, rows []int32) error {
	times := b.Cols[a.p.windows.Time].I64
	if a.p.windows.Proctime {
		times = b.Time
	}
	from := 0
	for i, r := range rows {
		wm := b.Time[r]
		if wm <= times[r] || wm <= a.wm {
			continue
		}
		if err := a.takeWide(ctx, b, rows[from:i], times); err != nil {
			return err
		}
		from, a.wm = i, wm
		if err := a.ends(ctx); err != nil {
			return err
		}
	}
	return a.takeWide(ctx, b, rows[from:], times)
}

// widen finds the windows of rows that are not over. A row all of whose windows are
// over is late.
func (a *aggregator) widen(ctx *operators.Context, b *event.Batch, rows []int32, times []event.Time) {
	w, t := &a.p.windows, &a.timers
	t.cuts, t.bounds = t.cuts[:0], t.bounds[:0]
	for _, r := range rows {
		before := len(t.cuts)
		w.each(times[r], func(start, end event.Time) {
			if w.gone(end) > a.wm {
				t.cuts, t.bounds = append(t.cuts, r), append(t.bounds, [2]event.Time{start, end})
			}
		})
		if len(t.cuts) == before {
			ctx.Rejects = append(ctx.Rejects, operators.Reject{Kind: operators.RejectLate, ID: b.ID[r], Time: times[r],
				Reason: "the window that ends at " + formatTime(w.lastEnd(times[r])) + " was over"})
		}
	}
}

func formatTime(t event.Time) string {
	return time.UnixMicro(t).UTC().Format("2006-01-02 15:04:05.000")
}

// takeWide takes rows, each as often as it has windows, a batch at a time.
func (a *aggregator) takeWide(ctx *operators.Context, b *event.Batch, rows []int32, times []event.Time) error {
	a.widen(ctx, b, rows, times)
	for from := 0; from < len(a.timers.cuts); from += event.MaxRows {
		to := min(len(a.timers.cuts), from+event.MaxRows)
		x := a.fillWide(b, a.timers.cuts[from:to], a.timers.bounds[from:to])
		if err := a.take(ctx, x, event.Rows(0, x.N)); err != nil {
			return err
		}
	}
	return nil
}

// fillWide copies rows, with the bounds of their windows.
func (a *aggregator) fillWide(b *event.Batch, rows []int32, bounds [][2]event.Time) *event.Batch {
	x := a.wide
	x.Reset(0)
	n := len(x.Cols) - 2
	all := x.Cols
	x.Cols = all[:n]
	x.AppendRows(b, rows)
	x.Cols = all
	for i := range 2 {
		v := &x.Cols[n+i]
		v.Reset(x.N)
		for k := range bounds {
			v.I64[k] = bounds[k][i]
		}
	}
	return x
}

// timers is when windows are shown and end.
type timers struct {
	mark  group.Deadlines // by the watermark: the end of a window, then of its lateness
	clock group.Deadlines // by the clock
	due   []group.Deadline

	cuts   []int32         // scratch: rows to widen
	bounds [][2]event.Time // and their windows
}

func (t *timers) memory() int64 {
	return int64(cap(t.mark)+cap(t.clock))*16 + int64(cap(t.cuts))*20
}

// due says whether a group that has a new row is shown at once; else the clock is
// set where the policy asks for that.
func (a *aggregator) due(ctx *operators.Context, s int32) bool {
	e := a.p.plan.Emit
	if e == nil {
		return true
	}
	g := &a.groups[s]
	delay := e.Early
	if g.late {
		delay = e.Late
	}
	if delay > 0 && g.armed == event.MaxTime {
		g.armed = later(ctx.Now, delay)
		a.timers.clock.Push(group.Deadline{At: g.armed, Slot: s})
	}
	return delay == 0
}

// alarm sets the timers of a window, new or read.
func (a *aggregator) alarm(s int32) {
	if a.p.plan.Emit == nil {
		return
	}
	g := &a.groups[s]
	at := g.end - 1
	if g.late {
		at = a.p.windows.gone(g.end)
	}
	a.timers.mark.Push(group.Deadline{At: at, Slot: s})
	if g.armed != event.MaxTime {
		a.timers.clock.Push(group.Deadline{At: g.armed, Slot: s})
	}
}

// Wake implements operators.Clocked.
func (a *aggregator) Wake() event.Time {
	if len(a.timers.clock) == 0 {
		return event.MaxTime
	}
	return a.timers.clock[0].At
}

// Due implements operators.Timed: a window ends then, or its lateness.
func (a *aggregator) Due() event.Time {
	if len(a.timers.mark) == 0 {
		return event.MaxTime
	}
	return a.timers.mark[0].At
}

// tick shows the windows that the clock has come to.
func (a *aggregator) tick(ctx *operators.Context) error {
	a.pop(&a.timers.clock, ctx.Now)
	a.show = a.show[:0]
	for _, d := range a.timers.due {
		if a.Has(d.Slot) && a.groups[d.Slot].armed == d.At {
			a.groups[d.Slot].armed = event.MaxTime
			a.shownAt(d.Slot)
			a.show = append(a.show, d.Slot)
		}
	}
	return a.fire(ctx, a.show)
}

// pop takes what is due at a time off a heap, in an order that does not depend on
// how it got there.
func (a *aggregator) pop(h *group.Deadlines, t event.Time) {
	a.timers.due = a.timers.due[:0]
	for len(*h) > 0 && (*h)[0].At <= t {
		a.timers.due = append(a.timers.due, h.Pop())
	}
	slices.SortFunc(a.timers.due, func(x, y group.Deadline) int {
		return cmp.Or(cmp.Compare(x.At, y.At), cmp.Compare(x.Slot, y.Slot))
	})
	a.timers.due = slices.Compact(a.timers.due)
}

// ends shows the windows whose end the watermark has passed, and drops those
// whose lateness is over.
func (a *aggregator) ends(ctx *operators.Context) error {
	a.pop(&a.timers.mark, a.wm)
	a.show = a.show[:0]
	for _, d := range a.timers.due {
		if !a.Has(d.Slot) || d.At != a.groups[d.Slot].end-1 {
			continue
		}
		a.groups[d.Slot].late, a.groups[d.Slot].armed = true, event.MaxTime
		a.shownAt(d.Slot)
		a.show = append(a.show, d.Slot)
	}
	if err := a.fire(ctx, a.show); err != nil {
		return err
	}
	return a.over(ctx)
}

// over drops windows that are over. What the clock has not shown of late rows is
// shown now.
func (a *aggregator) over(ctx *operators.Context) error {
	a.show = a.show[:0]
	for _, d := range a.timers.due {
		s := d.Slot
		if !a.Has(s) || !a.groups[s].late {
			continue
		}
		if at := a.p.windows.gone(a.groups[s].end); at > a.wm {
			a.timers.mark.Push(group.Deadline{At: at, Slot: s})
			continue
		}
		a.show = append(a.show, s)
	}
	if err := a.fire(ctx, a.show); err != nil {
		return err
	}
	for _, s := range a.show {
		if a.Has(s) {
			a.forget(s)
		}
	}
	return nil
}

// shownAt marks a group whose results may be shown as changed.
func (a *aggregator) shownAt(s int32) {
	if a.track && !a.marks[s].dirty {
		a.marks[s].dirty = true
		a.dirty = append(a.dirty, s)
	}
}
