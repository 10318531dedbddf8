package engine

import (
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
)

// domain is what one keyed stage waits for: the partitions and stages that feed
// it. Its watermark is the least of those that are active.
type domain struct {
	units    []*unit
	stages   []*stage
	proctime bool
	combined event.Time
}

// track raises the unit's mark by the rows of b, collects the rows that may be
// late, and drops those without event time.
func (u *unit) track(b *event.Batch) {
	if d := u.src.domain; d == nil || d.proctime {
		return
	}
	rowtime := &b.Cols[b.Schema.Rowtime]
	if rowtime.Nulls != nil {
		u.dropTimeless(b, rowtime)
	}
	marks, delay := u.scan.Marks(&u.ctx, b)
	if marks.Nulls == nil && b.Sel == nil {
		u.trackAll(b, marks.I64[:b.N], delay)
		return
	}
	for _, row := range b.LiveRows() {
		u.checkLate(b, row)
		if !marks.Null(int(row)) {
			u.own = max(u.own, marks.I64[row]-delay-1)
		}
	}
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
		u.late = append(u.late, lateRow{row, t, u.own, b.ID[row], u.value(b.ID[row])})
	}
}

func (u *unit) dropTimeless(b *event.Batch, rowtime *event.Vec) {
	kept := make([]int32, 0, b.N)
	for _, row := range b.LiveRows() {
		if !rowtime.Null(int(row)) {
			kept = append(kept, row)
			continue
		}
		u.ctx.Rejects = append(u.ctx.Rejects, operators.Reject{
			Kind: operators.RejectTime, ID: b.ID[row], Time: event.MinTime, Reason: "the event time is NULL"})
	}
	b.Sel = kept
}

// account makes the step's marks the unit's own, after deciding which rows were
// late. Called in unit order.
func (u *unit) account(now event.Time) {
	if len(u.late) > 0 {
		u.confirmLate()
	}
	u.mark = u.own
	if u.ended {
		u.eof, u.mark = true, event.MaxTime
	}
	if u.took {
		u.seen, u.idle = now, false
	}
}

// confirmLate drops the rows that the combined watermark had passed.
func (u *unit) confirmLate() {
	others := u.src.domain.least(u)
	for _, r := range u.activeRuns() {
		dropped := false
		for _, l := range u.late[r.late.from:r.late.to] {
			bound := max(u.floor, min(l.own, others))
			if l.time > bound {
				continue
			}
			dropped = u.dropRow(r, l.row) || dropped
			u.rejects = append(u.rejects, reject{value: l.value, Reject: operators.Reject{Kind: operators.RejectLate, ID: l.id, Time: l.time,
				Reason: "the watermark " + formatTime(bound) + " had passed the row"}})
		}
		if dropped {
			u.router.route(r)
		}
	}
}

// dropRow takes a row out of a run; false when a filter has done so before.
func (u *unit) dropRow(r *run, row int32) bool {
	live := r.b.LiveRows()
	kept := make([]int32, 0, len(live))
	for _, x := range live {
		if x != row {
			kept = append(kept, x)
		}
	}
	r.b.Sel = kept
	return len(kept) < len(live)
}

// least is the least mark of the active inputs but one; MaxTime when there is
// no other.
func (d *domain) least(except *unit) event.Time {
	t := event.MaxTime
	for _, u := range d.units {
		if u != except && u.active() {
			t = min(t, u.mark)
		}
	}
	for _, s := range d.stages {
		if s.domain.active() {
			t = min(t, s.output)
		}
	}
	return t
}

// active says whether the unit holds the watermark back: a partition with rows
// in this step does.
func (u *unit) active() bool { return !u.eof && (!u.idle || u.took) }

func (d *domain) active() bool {
	for _, u := range d.units {
		if u.active() {
			return true
		}
	}
	for _, s := range d.stages {
		if s.domain.active() {
			return true
		}
	}
	return false
}

func (d *domain) ended() bool {
	for _, u := range d.units {
		if !u.eof {
			return false
		}
	}
	for _, s := range d.stages {
		if !s.domain.ended() {
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
	case d.proctime:
		d.combined = max(d.combined, now)
	case d.active():
		d.combined = max(d.combined, d.least(nil))
	}
}

// becomesIdle says whether the unit turns idle in a live step: it has been
// silent for its table's time-out, and no record of it is known to wait. The
// journal keeps the answer, since only the moment knows what waits.
func (u *unit) becomesIdle(now event.Time) bool {
	return u.silent(now) && u.lag() <= 0
}

func (u *unit) silent(now event.Time) bool {
	return !u.idle && !u.eof && !u.took && u.src.idleTimeout > 0 && u.src.domain != nil && now-u.seen >= u.src.idleTimeout
}
