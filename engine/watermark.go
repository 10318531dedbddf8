package engine

import (
	"slices"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
)

// domain is what one keyed stage waits for: the partitions and stages that feed
// it. Its watermark is the least of those that are active.
type domain struct {
	branches []*branch
	outlets  []*outlet
	proctime bool
	deadline func(event.Time) event.Time // the watermark that makes a row late; nil: the row's time
	combined event.Time
}

// due is the watermark from which on a row of time t is late.
func (d *domain) due(t event.Time) event.Time {
	if d.deadline == nil {
		return t
	}
	return d.deadline(t)
}

// track raises the unit's mark by the rows of b, collects the rows that may be
// late, and rejects those without event time. The answer is the rows that have
// one: a selection of b.
func (u *unit) track(b *event.Batch) (sel []int32) {
	if !slices.ContainsFunc(u.branches, (*branch).timed) {
		return b.Sel
	}
	u.timed = *b
	t := &u.timed
	if rowtime := &b.Cols[b.Schema.Rowtime]; rowtime.Nulls != nil {
		t.Sel = u.rejectTimeless(b, rowtime)
	}
	marks, delay := u.scan.Marks(&u.ctx, t)
	if marks.Nulls == nil && t.Sel == nil {
		u.trackAll(t, marks.I64[:b.N], delay)
		return nil
	}
	for _, row := range t.LiveRows() {
		u.checkLate(t, row)
		if !marks.Null(int(row)) {
			u.own = max(u.own, marks.I64[row]-delay-1)
		}
	}
	return t.Sel
}

func (u *unit) trackAll(b *event.Batch, marks []int64, delay int64) {
	own, limit := u.own, max(u.own, u.floor)
	for row, t := range b.Time {
		if t <= limit {
			u.own = own
			u.checkLate(b, int32(row))
		}
		if m := marks[row] - delay - 1; m > own {
			own, limit = m, max(m, limit)
		}
	}
	u.own = own
}

func (u *unit) checkLate(b *event.Batch, row int32) {
	if t := b.Time[row]; t <= max(u.own, u.floor) {
		u.late = append(u.late, lateRow{row: row, time: t, own: u.own, id: b.ID[row], value: u.value(b.ID[row])})
	}
}

func (u *unit) rejectTimeless(b *event.Batch, rowtime *event.Vec) []int32 {
	if u.kept == nil {
		u.kept = []int32{} // nil would be all rows
	}
	u.kept = u.kept[:0]
	for _, row := range b.LiveRows() {
		if !rowtime.Null(int(row)) {
			u.kept = append(u.kept, row)
			continue
		}
		u.ctx.Rejects = append(u.ctx.Rejects, operators.Reject{
			Kind: operators.RejectTime, ID: b.ID[row], Time: event.MinTime, Reason: "the event time is NULL"})
	}
	return u.kept
}

// account makes the step's marks the unit's own, after deciding which rows were
// late. Called in unit order.
func (u *unit) account(now event.Time) {
	if len(u.late) > 0 {
		for _, r := range u.branches {
			if r.timed() {
				r.dropLate()
			}
		}
	}
	u.mark = u.own
	u.ready = u.ready || u.ended || u.loaded
	if u.ended {
		u.eof, u.mark = true, event.MaxTime
	}
	if u.took {
		u.seen, u.idle = now, false
	}
}

// rejectLate notes that a row was late; once, however many branches it is late
// for.
func (u *unit) rejectLate(l *lateRow, bound event.Time, s *stage) {
	if l.told {
		return
	}
	l.told = true
	u.rejects = append(u.rejects, reject{Reject: operators.Reject{Kind: operators.RejectLate, ID: l.id, Time: l.time,
		Reason: "the watermark " + formatTime(bound) + " had passed the row"}, value: l.value, stage: s, behind: lateness(bound, l.time)})
}

// lateness is how much longer a delay would have kept a row, in µs; -1 when the
// input had ended.
func lateness(bound, row event.Time) int64 {
	if bound == event.MaxTime {
		return -1
	}
	return bound + 1 - row
}

// least is the least mark of the active inputs but one; MaxTime when there is
// no other.
func (d *domain) least(except *unit) event.Time {
	t := event.MaxTime
	for _, r := range d.branches {
		if u := r.unit; u != except && u.active() && !r.lookedUp() {
			t = min(t, u.mark)
		}
	}
	for _, o := range d.outlets {
		if s := o.stage; s.domain.active() || s.unfinished() {
			t = min(t, s.output)
		}
	}
	return t
}

// active says whether the unit holds the watermark back: a partition with rows
// in this step does.
func (u *unit) active() bool { return !u.eof && (!u.idle || u.took) }

func (d *domain) active() bool {
	for _, r := range d.branches {
		if r.unit.active() && !r.lookedUp() {
			return true
		}
	}
	for _, o := range d.outlets {
		if o.stage.domain.active() || o.stage.unfinished() {
			return true
		}
	}
	return false
}

func (d *domain) ended() bool {
	for _, r := range d.branches {
		if !r.unit.eof && !r.lookedUp() {
			return false
		}
	}
	for _, o := range d.outlets {
		if !o.stage.domain.ended() || o.stage.unfinished() {
			return false
		}
	}
	return true
}

// advance computes the combined watermark from the inputs' marks.
func (d *domain) advance(now event.Time) {
	switch {
	case d.ended():
		d.combined = event.MaxTime
	case d.loading():
	case d.proctime:
		d.combined = max(d.combined, now)
	case d.active():
		d.combined = max(d.combined, d.least(nil))
	}
}

// loading says whether a table that is read before all else has not ended.
func (d *domain) loading() bool {
	return slices.ContainsFunc(d.branches, func(r *branch) bool { return (r.plan.Static || r.beside()) && !r.unit.ready })
}

// reloaded says whether a table has been read anew in this step.
func (d *domain) reloaded() bool {
	return slices.ContainsFunc(d.branches, func(r *branch) bool { return r.plan.Static && r.unit.loaded })
}

// lookedUp says whether the branch is of a table that has been read: nothing
// waits for it any more.
func (r *branch) lookedUp() bool { return (r.plan.Static || r.beside()) && r.unit.ready }

// beside says whether the branch is of versions that nothing waits for.
func (r *branch) beside() bool { return r.plan.Versions && r.unit.beside }

// lookedUp says whether nothing waits for the unit any more, in no stage.
func (u *unit) lookedUp() bool {
	return !slices.ContainsFunc(u.branches, func(r *branch) bool { return !r.lookedUp() })
}

// becomesIdle says whether the unit turns idle in a live step: it has been
// silent for its table's time-out, and no record of it is known to wait. The
// journal keeps the answer, since only the moment knows what waits.
func (u *unit) becomesIdle(now event.Time) bool {
	return u.silent(now) && u.lag() <= 0
}

// heard says whether silence means that there is nothing: of a partition that
// does not answer, rows may come that the others must not make late.
func (u *unit) heard() bool {
	l, ok := u.reader.(connectors.Listener)
	return !ok || l.Heard()
}

// staged says whether a stage waits for the unit.
func (u *unit) staged() bool {
	return slices.ContainsFunc(u.branches, func(r *branch) bool { return r.domain != nil })
}

func (u *unit) silent(now event.Time) bool {
	return !u.idle && !u.eof && !u.took && u.src.idleTimeout > 0 && u.staged() && !u.src.static() && now-u.seen >= u.src.idleTimeout
}
