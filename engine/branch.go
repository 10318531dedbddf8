package engine

import (
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/build"
)

// branch is one way of a unit's rows: a stateless chain, then the shards of a
// stage, or a sink.
type branch struct {
	unit   *unit
	plan   *build.Branch
	stage  *stage              // nil: a sink
	domain *domain             // of the stage
	sink   int                 // index into Pipeline.boxes
	head   operators.Collector // the chain, ending in Emit
	ctx    operators.Context
	router router
	twin   uint64 // how many branches before it bring the unit's rows to the same stage

	// The step at hand.
	in    event.Batch // the unit's batch, as the branch sees it
	floor event.Time  // the combined watermark at the start of the step
	runs  []*run      // a run per batch of the unit
	n     int         // runs in use
	spare []*event.Batch
	times []event.Time // the clock, for a stage in processing time
	ids   []event.ID   // of a twin

	passed int64 // rows that came out of the chain
}

func newBranch(u *unit, plan *build.Branch) (*branch, error) {
	ops, err := plan.Chain.New()
	if err != nil {
		return nil, err
	}
	r := &branch{unit: u, plan: plan}
	r.head = chain(ops, &r.ctx, r)
	return r, nil
}

// begin readies the branch for a step.
func (r *branch) begin(now event.Time) {
	r.ctx.Now, r.n = now, 0
	if r.domain != nil {
		r.floor = r.domain.combined
	}
}

// timed says whether the rows' own time decides their order.
func (r *branch) timed() bool { return r.domain != nil && !r.domain.proctime && !r.plan.Static }

// take runs a batch through the chain; timed are the rows that have an event
// time.
func (r *branch) take(b *event.Batch, timed []int32) error {
	r.in = *b
	switch {
	case r.timed():
		r.in.Sel = timed
	case r.plan.Static:
		r.in.Time = fillTimes(&r.times, b.N, event.MinTime)
	case r.domain != nil:
		r.in.Time = fillTimes(&r.times, b.N, r.ctx.Now)
	}
	if r.twin > 0 {
		r.in.ID = r.twinIDs(b.ID[:b.N])
	}
	r.newRun()
	return r.head.Emit(&r.in)
}

// twinIDs tells a row from itself where it comes to a stage twice.
func (r *branch) twinIDs(ids []event.ID) []event.ID {
	r.ids = append(r.ids[:0], ids...)
	for i := range r.ids {
		r.ids[i].Hi |= r.twin << 48
	}
	return r.ids
}

// newRun starts the next run.
func (r *branch) newRun() {
	if r.n == len(r.runs) {
		r.runs = append(r.runs, &run{})
	}
	x := r.runs[r.n]
	r.n++
	x.b.N, x.b.Sel, x.placed, x.kept = 0, nil, false, false
	for i := range x.sels {
		x.sels[i] = x.sels[i][:0]
	}
}

// Emit ends the chain: the batch stays where it is, valid until the unit's next
// poll, which is after the step.
func (r *branch) Emit(b *event.Batch) error {
	x := r.runs[r.n-1]
	x.b = *b
	r.passed += int64(b.Live())
	if r.domain != nil {
		r.router.route(x)
	}
	return nil
}

// keepRun copies the batch of the last run, row positions kept, before another
// poll overwrites the memory it lies in. That happens only in a replay, where a
// source may cut a step into several polls.
func (r *branch) keepRun() {
	if r.n == 0 || r.runs[r.n-1].b.N == 0 || r.runs[r.n-1].kept {
		return
	}
	x := r.runs[r.n-1]
	x.kept = true // polls that give nothing may follow
	for len(r.spare) < r.n {
		r.spare = append(r.spare, event.NewBatch(x.b.Schema))
	}
	c := r.spare[r.n-1]
	c.Reset(0)
	c.AppendRows(&x.b, event.Rows(0, x.b.N))
	if x.b.Sel != nil {
		c.Sel = append([]int32{}, x.b.Sel...)
	}
	x.b = *c
}

// activeRuns is the runs of the step.
func (r *branch) activeRuns() []*run { return r.runs[:r.n] }

// dropLate drops the rows that the combined watermark had passed by too much,
// and tells the unit. Rows that may still count take their place in the order of
// time where the watermark was when they came.
func (r *branch) dropLate() {
	others := r.domain.least(r.unit)
	for i, x := range r.activeRuns() {
		dropped := false
		candidates := r.unit.late[r.unit.spans[i].from:r.unit.spans[i].to]
		for k := range candidates {
			l := &candidates[k]
			bound := max(r.floor, min(l.own, others))
			if r.beside() {
				bound = r.floor // its own time makes nothing late, and nor does
			}
			if l.time > bound {
				continue
			}
			if r.beside() { // the time of others: it is valid from now on
				x.place(l.row, bound)
				continue
			}
			if r.domain.due(l.time) > bound {
				x.place(l.row, bound)
				continue
			}
			dropped = dropRow(x, l.row) || dropped
			r.unit.rejectLate(l, bound, r.stage)
		}
		if dropped {
			r.router.route(x)
		}
	}
}

// place gives a row of a run another time to be ordered by. The run's times may
// be those of its rowtime column, which stay.
func (x *run) place(row int32, t event.Time) {
	if !x.placed {
		x.times = append(x.times[:0], x.b.Time...)
		x.b.Time, x.placed = x.times, true
	}
	x.b.Time[row] = t
}

// dropRow takes a row out of a run; false when a filter has done so before.
func dropRow(x *run, row int32) bool {
	live := x.b.LiveRows()
	kept := make([]int32, 0, len(live))
	for _, i := range live {
		if i != row {
			kept = append(kept, i)
		}
	}
	x.b.Sel = kept
	return len(kept) < len(live)
}
