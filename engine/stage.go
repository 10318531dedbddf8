package engine

import (
	"fmt"
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/panics"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/build"
	"github.com/cepd/cepd/operators/order"
)

// stage is a keyed stage: rows come in by shard, wait for the watermark, and go
// through the operator in order.
type stage struct {
	index   int
	plan    *build.Stage
	domain  domain
	shards  []*shard
	told    event.Time // watermark that the operators have been told
	output  event.Time // watermark of the rows they emit
	now     event.Time
	atOnce  bool        // see operators.Context
	step    func(i int) // bound once: workers.run takes it each step
	outlets []*outlet
	asked   *asked // by look-ups; nil: this is none
	busy    int64  // µs, of all shards in parallel
}

// shard is the single-threaded task that owns the state of its keys.
type shard struct {
	stage   *stage
	index   int
	order   *order.Buffer
	op      operators.Stateful
	spiller operators.Spiller // op, if its state need not be in memory
	budget  *budget
	bytes   int64 // of the state, after the step
	base    int64 // … after the last snapshot, or what was left since
	ctx     operators.Context
	in      []event.Batch
	toOp    operators.Collector // the operator, then the chains
	at      *event.Batch        // what the operator is taking; nil: nothing
	ways    []*way              // by outlet; nil until it has a row
	used    []*way              // with rows in this step, in the order of the first
	rejects []reject
	endings []ending // of the step
	lineage operators.Lineage
	answers *answerer // nil: it asks for nothing
	err     error
}

func newStage(index int, m *build.Stage, shards int) *stage {
	s := &stage{index: index, plan: m, told: event.MinTime, output: event.MinTime}
	s.domain = domain{proctime: m.Proctime, deadline: m.Deadline, combined: event.MinTime}
	s.step = func(i int) { s.shards[i].step() }
	if len(m.Key) == 0 && !m.Spread {
		shards = 1
	}
	for i := range shards {
		h := &shard{stage: s, index: i, order: order.New(m.Prepared, m.Order), op: m.New(i), ways: make([]*way, len(m.Branches))}
		h.toOp = &entrance{h}
		s.shards = append(s.shards, h)
	}
	return s
}

// step takes the shard's rows of the step and the watermark.
func (h *shard) step() {
	defer panics.RecoverAt(&h.err, h.atWork)
	s := h.stage
	h.gather()
	h.reset()
	h.rejects = h.rejects[:0]
	h.lineage.Reset()
	h.spill()
	h.base = min(h.base, h.bytes)
	if r, ok := h.op.(operators.Reloader); ok && s.domain.reloaded() {
		r.Reload()
	}
	more, awake := h.unfinished(), h.wake() <= s.now
	if len(h.in) == 0 && s.domain.combined == s.told && !more && !awake && len(h.endings) == 0 {
		return
	}
	h.ctx.Now, h.ctx.AtOnce = s.now, s.atOnce
	if h.err = h.end(); h.err == nil {
		h.err = h.take()
	}
	if h.err == nil && (s.domain.combined > s.told || more || awake) {
		h.err = h.advance(s.domain.combined)
	}
	if h.answers != nil {
		h.op.(operators.Asker).Settle()
	}
	h.takeRejects()
	h.bytes = h.op.Size().Bytes
	if h.err != nil {
		h.err = fmt.Errorf("stage %d shard %d: %w", s.index, h.index, h.err)
	}
}

// trace has the operators tell what detections are made of, or not.
func (s *stage) trace(on bool) {
	for _, h := range s.shards {
		if h.ctx.Lineage = nil; on {
			h.ctx.Lineage = &h.lineage
		}
	}
}

// conditions has the operators tell what conditions read, too.
func (s *stage) conditions(on bool) {
	for _, h := range s.shards {
		h.lineage.Conditions = on
	}
}

// unfinished says that the operator has more to report at the same watermark.
func (h *shard) unfinished() bool {
	op, ok := h.op.(operators.Lasting)
	return ok && op.Unfinished()
}

// unfinished says that a shard has more to report at the same watermark.
func (s *stage) unfinished() bool { return slices.ContainsFunc(s.shards, (*shard).unfinished) }

// wake is when the clock asks for the operator.
func (h *shard) wake() event.Time {
	if c, ok := h.op.(operators.Clocked); ok {
		return c.Wake()
	}
	return event.MaxTime
}

// wake is when the clock asks for one of the shards.
func (s *stage) wake() event.Time {
	t := event.MaxTime
	for _, h := range s.shards {
		t = min(t, h.wake())
	}
	return t
}

// take gives the operator the rows: in order as far as the watermark goes, or
// as they are.
func (h *shard) take() error {
	if !h.stage.plan.Unordered {
		return h.order.Step(h.in, h.stage.domain.combined, h.toOp)
	}
	for i := range h.in {
		if err := h.toOp.Emit(&h.in[i]); err != nil {
			return err
		}
	}
	return nil
}

func (h *shard) advance(wm event.Time) error { return h.op.Advance(&h.ctx, wm, h) }

// gather makes views of the shard's rows: of each partition, then of each stage
// before.
func (h *shard) gather() {
	h.in = h.in[:0]
	for _, r := range h.stage.domain.branches {
		h.gatherRuns(r.activeRuns())
	}
	for _, o := range h.stage.domain.outlets {
		h.gatherRuns(o.runs[:o.n])
	}
}

func (h *shard) gatherRuns(runs []*run) {
	for _, r := range runs {
		if h.index < len(r.sels) && len(r.sels[h.index]) > 0 {
			b := r.b
			b.Sel = r.sels[h.index]
			h.in = append(h.in, b)
		}
	}
}

// finish ends the stage's part of the step: the output's watermark, and the
// output divided for the stage below.
func (s *stage) finish() error {
	s.told = s.domain.combined
	s.output = s.told
	for _, h := range s.shards {
		if h.err != nil {
			return h.err
		}
		if hold, ok := h.op.(operators.Holder); ok {
			s.output = min(s.output, hold.Hold(s.told))
		}
	}
	for _, o := range s.outlets {
		o.n = 0
	}
	for _, h := range s.shards {
		for _, w := range h.used {
			if w.outlet.below == nil {
				continue
			}
			for _, b := range w.rows.list() {
				w.outlet.pass(h, b)
			}
		}
	}
	return nil
}

// size sums what the shards hold, and what their order buffers hold of it.
func (s *stage) size() (all, waiting operators.Size) {
	for _, h := range s.shards {
		w, m := h.order.Size(), h.op.Size()
		waiting.Rows += w.Rows
		waiting.Bytes += w.Bytes
		all.Keys += m.Keys
		all.Rows += m.Rows + w.Rows
		all.Items += m.Items
		all.Cold += m.Cold
		all.Spilled += m.Spilled
		all.Reads += m.Reads
		all.Loaded += m.Loaded
		all.Bytes += m.Bytes + w.Bytes
	}
	return all, waiting
}

// waitingBytes is the memory of the order buffers; checked each step.
func (s *stage) waitingBytes() (n int64) {
	for _, h := range s.shards {
		n += h.order.Size().Bytes
	}
	return n
}
