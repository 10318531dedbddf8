package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/panics"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/build"
	"github.com/cepd/cepd/query/plan"
	"github.com/cepd/cepd/state"
)

// Pipeline is one query in execution. Its methods are called by one goroutine,
// but for Commit and DeliverTo, which may have others: Commit one, each sink one.
type Pipeline struct {
	name       string
	salts      []event.ID // per output: tells IDs of input rows from those of other outputs; matches have IDs of their own
	settings   settings
	clock      clock.Clock
	graph      *build.Graph
	sources    []*source
	units      []*unit // in the order of accounting
	stages     []*stage
	alignments []*alignment
	boxes      []*outbox // first the sinks of the graph
	workers    *workers
	journal    journal
	budget     budget
	spans      *spans        // nil: there are no traces
	ready      chan struct{} // signalled when a reader may have rows

	format      int // version of what the store holds
	root        *plan.Insert
	fingerprint string     // of what the state depends on
	version     string     // of the program
	restored    *restored  // nil: the state has run here
	textVersion int        // of the query's text that made the state; 0: the first
	half        int        // of the query's range where the operators' state lies
	number      uint64     // of the last step in the journal
	now         event.Time // of the last step
	ticked      event.Time // last step of streams in processing time
	waited      bool       // for a sink, since the last step
	endings     []ending   // of the next step
	failed      error      // of the step that failed
	done        bool       // the input has ended and all is put
	held        bool       // there is a bound: see Until
	adopted     bool       // the next step has a moment to tell
	recovery    *recovery  // nil: live
	takeLive    func(i int)
	takeBack    func(i int)

	stageRejects [rejectKindCount]int64
	lastRejects  rejections
	steps        int64
	snapshots    snapshotInfo
	diskBytes    atomic.Int64 // about what the state takes
	blockedSince event.Time   // 0: it is not
	blockedFor   event.Time   // µs, before that
	ways         []graphWay   // of the graph; nil: nobody has looked
	automata     []automaton  // the same
}

// tickInterval is how often streams in processing time advance without rows.
const tickInterval = 100 * time.Millisecond

// Step takes what the sources have and carries it through all stages, or
// replays one step of the journal. idle says that there was nothing to do, or
// that a sink is behind.
//
// After an error the step is half done: the pipeline takes no other.
func (p *Pipeline) Step(ctx context.Context) (idle bool, err error) {
	if p.failed != nil {
		return false, p.failed
	}
	idle, p.failed = p.step(ctx)
	return idle, p.failed
}

func (p *Pipeline) step(ctx context.Context) (idle bool, err error) {
	if p.done {
		return true, nil
	}
	if p.blocked() {
		p.waited = true
		p.blockedSince = cmp.Or(p.blockedSince, p.clock.Now())
		return true, nil
	}
	p.unblock()
	if p.recovery != nil {
		return false, p.replayStep(ctx)
	}
	now := p.tick()
	if p.waited {
		p.heard(now)
	}
	p.begin(now)
	if p.unfinished() { // a window is being reported: nothing is read meanwhile
		p.waited = true
		return false, p.advance(ctx, now)
	}
	p.alignSources(now)
	p.workers.run(len(p.units), p.takeLive)
	if err := p.taken(); err != nil {
		return false, err
	}
	for _, u := range p.units {
		if !u.heard() || u.paused || u.atBound() {
			u.seen = now
		}
		u.turnsIdle = u.becomesIdle(now)
	}
	if !p.worth(now) {
		return true, nil
	}
	return false, p.advance(ctx, now)
}

// unfinished says that a stage has more to report, whatever comes in.
func (p *Pipeline) unfinished() bool { return slices.ContainsFunc(p.stages, (*stage).unfinished) }

// diskFull says whether a write of state waits for room on the disk.
func (p *Pipeline) diskFull() bool {
	d, ok := p.journal.store.(interface{ Full() bool })
	return ok && d.Full()
}

// blocked says whether a sink, or the disk, has to catch up first.
func (p *Pipeline) blocked() bool {
	if p.journal.tooLong() || p.diskFull() {
		return true
	}
	for _, o := range p.boxes {
		if o.full() {
			return true
		}
	}
	return false
}

// unblock ends the time in which nothing was read.
func (p *Pipeline) unblock() {
	if p.blockedSince != 0 {
		p.blockedFor += p.clock.Now() - p.blockedSince
		p.blockedSince = 0
	}
}

// heard counts the silence of the partitions anew: while a sink was behind,
// nothing was read of them.
func (p *Pipeline) heard(now event.Time) {
	p.waited = false
	for _, u := range p.units {
		u.seen = now
	}
}

// tick reads the clock; it never goes back, and in processing time no two steps
// have one time.
func (p *Pipeline) tick() event.Time {
	now := max(p.clock.Now(), p.now)
	if p.proctime() {
		now = max(now, p.now+1)
	}
	return now
}

func (p *Pipeline) proctime() bool {
	for _, s := range p.stages {
		if s.domain.proctime {
			return true
		}
	}
	return false
}

// resting says whether time alone changes nothing: of thousands of queries most
// are silent.
func (p *Pipeline) resting() bool {
	return p.recovery == nil && !p.proctime() && !slices.ContainsFunc(p.units, func(u *unit) bool {
		return !u.idle && !u.eof && u.src.idleTimeout > 0 && u.staged() && !u.src.static()
	})
}

func (p *Pipeline) begin(now event.Time) {
	for _, u := range p.units {
		u.begin(now)
	}
}

// taken is the first error of the units.
func (p *Pipeline) taken() error {
	for _, u := range p.units {
		if u.err != nil {
			return u.err
		}
	}
	return nil
}

// worth says whether the step changes anything: it has rows, a partition ended
// or turned idle, or time itself moves the query.
func (p *Pipeline) worth(now event.Time) bool {
	if p.adopted {
		return true
	}
	if p.proctime() && now-p.ticked >= tickInterval.Microseconds() {
		return true
	}
	if len(p.endings) > 0 {
		return true
	}
	for _, u := range p.units {
		if u.took || u.turnsIdle {
			return true
		}
	}
	return slices.ContainsFunc(p.stages, func(s *stage) bool { return s.wake() <= now })
}

// advance is the step after the taking: accounting, stages, output, journal. It
// is the same live and in a replay.
func (p *Pipeline) advance(ctx context.Context, now event.Time) error {
	p.now, p.ticked, p.adopted = now, now, false
	if err := p.beginLookups(ctx); err != nil {
		return err
	}
	p.account(now)
	p.spans.begin(p, now)
	if err := p.handOut(); err != nil {
		return err
	}
	p.budget.begin()
	for _, s := range p.stages {
		s.now, s.atOnce = now, p.recovery != nil && p.recovery.atOnce
		s.domain.advance(now)
		if p.spans != nil && p.settings.explain == explainNothing {
			s.trace(p.spans.active())
		}
		began := p.clock.Now()
		p.workers.run(len(s.shards), s.step)
		s.busy += p.clock.Now() - began
		if err := s.finish(); err != nil {
			return err
		}
		p.spans.matched(s, began)
	}
	if err := errors.Join(p.checkOrderBuffers(), p.checkBudget()); err != nil {
		return err
	}
	for _, o := range p.boxes {
		o.expire(now)
	}
	before := p.put()
	if err := p.settle(p.number + 1); err != nil {
		return err
	}
	p.collect()
	for _, o := range p.boxes {
		if o.seq > 0 {
			o.recent.begin(now)
		}
	}
	p.number++
	p.steps++
	p.done = p.ended()
	if p.recovery == nil {
		p.journal.append(p.number, now, p.units, p.stages, p.boxes, p.endings, p.put() != before || p.done || len(p.endings) > 0)
	}
	p.endings = nil
	return nil
}

func (p *Pipeline) account(now event.Time) {
	for _, u := range p.units {
		u.idle = u.idle || u.turnsIdle
	}
	for _, u := range p.units {
		u.account(now)
	}
}

// collect puts the output of the step into the sinks' outboxes, in unit order.
func (p *Pipeline) collect() {
	for _, u := range p.units {
		for _, r := range u.branches {
			if r.domain == nil {
				p.collectBranch(r)
			}
		}
	}
	for _, s := range p.stages {
		for _, h := range s.shards {
			for _, w := range h.used {
				p.collectWay(h, w)
			}
		}
	}
}

func (p *Pipeline) collectWay(h *shard, w *way) {
	if w.outlet.below != nil {
		return
	}
	for _, b := range w.rows.list() {
		w.outlet.passed += int64(b.Live())
		p.boxes[w.outlet.sink].put(b, p.number+1, event.ID{}, &h.lineage)
	}
}

func (p *Pipeline) collectBranch(r *branch) {
	for _, x := range r.activeRuns() {
		if x.b.N > 0 {
			p.boxes[r.sink].put(&x.b, p.number+1, p.salts[r.plan.Output], nil)
		}
	}
}

// put counts the rows numbered so far.
func (p *Pipeline) put() (n uint64) {
	for _, o := range p.boxes {
		n += o.seq
	}
	return n
}

func (p *Pipeline) ended() bool {
	if p.unfinished() {
		return false
	}
	for _, u := range p.units {
		if !u.eof && !(u.ready && u.src.static()) && !u.lookedUp() {
			return false
		}
	}
	return true
}

func (p *Pipeline) checkOrderBuffers() error {
	var waiting int64
	for _, s := range p.stages {
		waiting += s.waitingBytes()
	}
	if waiting <= p.settings.orderBufferBytes {
		return nil
	}
	hold := ""
	if h := p.holdback(); h != "" {
		hold = "; " + h
	}
	return fmt.Errorf("rows that wait for the watermark take %d MB, more than 'state.order-buffer-max-bytes' = %d%s: raise the limit, shorten the watermark's delay or the partition's 'scan.watermark.idle-timeout'",
		waiting>>20, p.settings.orderBufferBytes, hold)
}

// Commit makes the journal durable: the outputs of its steps may then leave.
func (p *Pipeline) Commit() error { return p.journal.commit(p.boxes) }

// Deliver writes the outputs that may leave to the sinks and says how many
// batches went.
func (p *Pipeline) Deliver(ctx context.Context) (n int, err error) {
	for i := range p.boxes {
		k, err := p.DeliverTo(ctx, i)
		if n += k; err != nil {
			return n, err
		}
	}
	return n, nil
}

// DeliverTo is Deliver for one of Sinks sinks. Each of them may have a
// goroutine of its own.
func (p *Pipeline) DeliverTo(ctx context.Context, sink int) (n int, err error) {
	return p.boxes[sink].deliver(ctx, p.journal.durableCut(), math.MaxInt64)
}

// Refresh tells sink, which delivers exactly once, how far the sources have
// been read, without rows. For other sinks it does nothing.
func (p *Pipeline) Refresh(ctx context.Context, sink int) error {
	if p.boxes[sink].tx == nil {
		return nil
	}
	return p.boxes[sink].refresh(ctx, p.journal.durableCut())
}

// Sinks is the number of tables that are written, counting those for rejects.
func (p *Pipeline) Sinks() int { return len(p.boxes) }

// Done says whether the input has ended and every row has been processed; the
// sinks may still be behind.
func (p *Pipeline) Done() bool { return p.done }

// Drained says whether the sinks have acknowledged every row.
func (p *Pipeline) Drained() bool {
	for _, o := range p.boxes {
		if !o.empty() {
			return false
		}
	}
	return true
}

// undelivered says whether rows of whole steps wait for a sink.
func (p *Pipeline) undelivered() bool {
	for _, o := range p.boxes {
		if o.waiting(p.number) {
			return true
		}
	}
	return false
}

// Close lets go of sources and sinks. State not in a snapshot is replayed from
// the journal by the next start.
func (p *Pipeline) Close() error {
	var errs []error
	for _, u := range p.units {
		if u.reader != nil {
			errs = append(errs, panics.Call(u.reader.Close))
		}
	}
	for _, s := range p.sources {
		if s.source != nil {
			errs = append(errs, panics.Call(s.source.Close))
		}
	}
	for _, o := range p.boxes {
		errs = append(errs, panics.Call(o.sink.Close), panics.Call(o.letters.close))
	}
	for _, s := range p.stages {
		if s.asked != nil {
			errs = append(errs, s.asked.looker.Close())
		}
	}
	if p.workers != nil {
		p.workers.close()
	}
	return errors.Join(errs...)
}

// operatorsOf visits every stateful operator with its place in the store.
func (p *Pipeline) operatorsOf(visit func(place []byte, op snapshotter) error) error {
	for _, s := range p.stages {
		for _, h := range s.shards {
			if err := visit(operatorPlace(p.half, s.index, h.index, 0), h.order); err != nil {
				return err
			}
			if err := visit(operatorPlace(p.half, s.index, h.index, 1), h.op); err != nil {
				return err
			}
		}
	}
	return nil
}

// operatorPlace is where a shard keeps its order buffer (0) or operator (1).
func operatorPlace(half, stage, shard, operator int) []byte {
	return []byte{stateSection(half), byte(stage >> 8), byte(stage), byte(shard >> 8), byte(shard), byte(operator)}
}

// snapshotter is what operators.Stateful and order.Buffer have in common.
type snapshotter interface {
	Snapshot(w state.Writer) error
	Restore(r state.Reader) error
	Size() operators.Size
}
