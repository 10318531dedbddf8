package engine

import (
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/build"
)

// outlet is one way of a stage's output: a chain in each shard, then a sink or
// the shards of the stage below.
type outlet struct {
	stage  *stage
	plan   *build.Branch
	schema *event.Schema // of its rows
	below  *domain       // of the stage that takes them; nil: a sink
	sink   int           // index into Pipeline.boxes
	router router        // for the stage below
	runs   []*run        // of this step, routed for the stage below
	n      int
	times  []event.Time // the clock, for a stage below in processing time
	passed int64        // rows that came out of the chain
}

// way is an outlet in a shard.
type way struct {
	outlet *outlet
	head   operators.Collector // the chain
	rows   rows                // what came out of it in this step
	used   bool
}

// Emit takes rows of an operator that has one output.
func (h *shard) Emit(b *event.Batch) error { return h.Output(0).Emit(b) }

// Output is where rows of output i go in this step. Chains are made when they
// have a row: of thousands of patterns few match in a shard.
func (h *shard) Output(i int) operators.Collector {
	w := h.ways[i]
	if w == nil {
		w = h.newWay(h.stage.outlets[i])
		h.ways[i] = w
	}
	if !w.used {
		w.used = true
		h.used = append(h.used, w)
	}
	return w.head
}

func (h *shard) newWay(o *outlet) *way {
	ops, err := o.plan.Chain.New()
	if err != nil {
		panic(err) // build has made it once already
	}
	w := &way{outlet: o}
	w.rows.schema = o.schema
	w.head = chain(ops, &h.ctx, &w.rows)
	return w
}

// reset forgets the rows of the step before.
func (h *shard) reset() {
	for _, w := range h.used {
		w.used = false
		w.rows.reset()
	}
	h.used = h.used[:0]
}

// pass gives a batch of shard h to the stage below.
func (o *outlet) pass(h *shard, b *event.Batch) {
	if o.n == len(o.runs) {
		o.runs = append(o.runs, &run{})
	}
	r := o.runs[o.n]
	o.n++
	o.passed += int64(b.Live())
	r.b, r.placed = *b, false
	if o.below.proctime {
		r.b.Time = fillTimes(&o.times, b.N, o.stage.now)
	} else {
		h.dropLate(r, o.below)
	}
	o.router.route(r)
}

// dropLate rejects the rows that are late for the stage below: it did not wait for
// this stage while all inputs of it were idle, or they are rows of long ago that
// are taken back. Those that still count take their place at the watermark.
func (h *shard) dropLate(r *run, below *domain) {
	bound := below.combined
	if !slices.ContainsFunc(r.b.Time[:r.b.N], func(t event.Time) bool { return t <= bound }) {
		return
	}
	kept := make([]int32, 0, r.b.N)
	for _, row := range r.b.LiveRows() {
		t := r.b.Time[row]
		if t > bound || below.due(t) > bound {
			kept = append(kept, row)
			if t <= bound {
				r.place(row, bound)
			}
			continue
		}
		h.rejects = append(h.rejects, reject{stage: h.stage, Reject: operators.Reject{Kind: operators.RejectLate, ID: r.b.ID[row], Time: t,
			Reason: "the watermark " + formatTime(bound) + " had passed the detection"}})
	}
	r.b.Sel = kept
}

// inner says whether another stage takes output of the stage.
func (s *stage) inner() bool {
	return slices.ContainsFunc(s.outlets, func(o *outlet) bool { return o.below != nil })
}
