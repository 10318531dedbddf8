package over

import (
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/aggregate"
	"github.com/cepd/cepd/operators/group"
)

// Over is the operator of one shard.
type Over struct {
	p      *Program
	table  group.Table
	keys   []keyState
	rows   rows
	at     []frameState // of key k and frame f: k*frames+f
	frames []running
	timers group.Deadlines
	wm     event.Time

	pending []*event.Batch // rows of the last time, which may have more
	spare   []*event.Batch
	works   []*work
	ids     group.Keys
	answers answers
	sched   [2]schedule // of ROWS, of RANGE
	dirty   []int32
	gone    [][]byte // keys that snapshots hold and that are no more
	track   bool
	cold    *coldKeys // nil: all keys are in memory
}

// running is the states of a frame, by key.
type running struct {
	frame
	states *aggregate.States // of its calls
	suffix *aggregate.States // of two stacks: by row, of it and those after it in the front
	tmp    *aggregate.States
	slots  []int32 // scratch
	rows   []int32
	to     [1]int32 // scratch for single slots
	from   [1]int32
}

// work is a batch being worked on.
type work struct {
	b     *event.Batch
	live  []int32
	slots []int32 // key of each live row
	kept  []int32 // slot of each in rows
	fresh []bool  // no row of the key was within its retention before
}

func newOver(p *Program) *Over {
	o := &Over{p: p, wm: event.MinTime}
	o.table.Reset()
	o.ids.Codec = p.codec
	o.rows.states = aggregate.NewStates(p.kinds, p.opts.Aggregate)
	for _, f := range p.frames {
		o.frames = append(o.frames, newRunning(p, f))
	}
	o.answers.init(p)
	return o
}

func newRunning(p *Program, f frame) running {
	calls := make([]aggregate.Call, len(f.calls))
	for i, c := range f.calls {
		calls[i] = p.calls[c]
	}
	r := running{frame: f, states: aggregate.NewStates(calls, p.opts.Aggregate)}
	if len(f.stacked) > 0 {
		r.suffix = aggregate.NewStates(calls, p.opts.Aggregate)
		r.tmp = aggregate.NewStates(calls, p.opts.Aggregate)
	}
	return r
}

// Process takes rows in the order of time.
func (o *Over) Process(ctx *operators.Context, b *event.Batch, out operators.Collector) error {
	if o.cold != nil {
		if err := o.cold.Learn(); err != nil {
			return err
		}
	}
	live := b.LiveRows()
	if len(live) == 0 {
		return nil
	}
	if !o.p.ranges {
		return o.answer(ctx, b, live, out)
	}
	if len(o.pending) > 0 {
		n := 0
		for n < len(live) && b.Time[live[n]] == o.pending[0].Time[0] {
			n++
		}
		o.hold(b, live[:n])
		if live = live[n:]; len(live) == 0 {
			return nil
		}
		if err := o.release(ctx, out); err != nil {
			return err
		}
	}
	last := len(live) - 1
	for last > 0 && b.Time[live[last-1]] == b.Time[live[last]] {
		last--
	}
	o.hold(b, live[last:])
	return o.answer(ctx, b, live[:last], out)
}

// hold copies rows of one time to wait for more of it.
func (o *Over) hold(b *event.Batch, live []int32) {
	for len(live) > 0 {
		n := len(o.pending)
		if n == 0 || o.pending[n-1].N == event.MaxRows {
			o.pending = append(o.pending, o.spareBatch())
			n++
		}
		p := o.pending[n-1]
		k := min(len(live), event.MaxRows-p.N)
		p.AppendRows(b, live[:k])
		live = live[k:]
	}
}

func (o *Over) spareBatch() *event.Batch {
	var b *event.Batch
	if n := len(o.spare); n > 0 {
		b, o.spare = o.spare[n-1], o.spare[:n-1]
	} else {
		b = event.NewBatch(o.p.in)
	}
	b.Reset(0)
	return b
}

// release answers the rows held.
func (o *Over) release(ctx *operators.Context, out operators.Collector) error {
	var err error
	if len(o.pending) == 1 {
		err = o.answer(ctx, o.pending[0], o.pending[0].LiveRows(), out)
	} else {
		err = o.answerPeers(ctx, out)
	}
	o.spare = append(o.spare[:0], o.pending[:1]...) // one is kept for re-use
	o.pending = o.pending[:0]
	return err
}

// answer takes rows in and emits them with their results.
func (o *Over) answer(ctx *operators.Context, b *event.Batch, live []int32, out operators.Collector) error {
	if len(live) == 0 {
		return nil
	}
	w := o.work(0)
	if err := o.begin(w, b, live); err != nil {
		return err
	}
	o.answers.begin(b)
	for f := range o.frames {
		for _, round := range o.rounds(w, !o.frames[f].Rows) {
			if err := o.absorb(f, w, round); err != nil {
				return err
			}
			if err := o.read(f, w, round); err != nil {
				return err
			}
		}
	}
	o.trim(w)
	return o.answers.emit(ctx, w, out)
}

// answerPeers is answer of several batches of one time: RANGE frames take all
// of them in before they answer.
func (o *Over) answerPeers(ctx *operators.Context, out operators.Collector) error {
	for i, b := range o.pending {
		w := o.work(i)
		if err := o.begin(w, b, b.LiveRows()); err != nil {
			return err
		}
		for f := range o.frames {
			if !o.frames[f].Rows {
				if err := o.absorb(f, w, event.Rows(0, len(w.live))); err != nil {
					return err
				}
			}
		}
	}
	for i, b := range o.pending {
		w := o.work(i)
		o.sched[0].ready = false
		o.answers.begin(b)
		if err := o.answerPeer(w); err != nil {
			return err
		}
		if err := o.answers.emit(ctx, w, out); err != nil {
			return err
		}
	}
	for i := range o.pending {
		o.trim(o.work(i))
	}
	return nil
}

func (o *Over) answerPeer(w *work) error {
	for f := range o.frames {
		if !o.frames[f].Rows {
			if err := o.read(f, w, event.Rows(0, len(w.live))); err != nil {
				return err
			}
			continue
		}
		for _, round := range o.rounds(w, false) {
			if err := o.absorb(f, w, round); err != nil {
				return err
			}
			if err := o.read(f, w, round); err != nil {
				return err
			}
		}
	}
	return nil
}

func (o *Over) work(i int) *work {
	for len(o.works) <= i {
		o.works = append(o.works, &work{})
	}
	return o.works[i]
}

// Advance answers the rows held, and forgets the keys whose time is past.
func (o *Over) Advance(ctx *operators.Context, wm event.Time, out operators.Collector) error {
	if len(o.pending) > 0 {
		if err := o.release(ctx, out); err != nil {
			return err
		}
	}
	o.wm = max(o.wm, wm)
	for len(o.timers) > 0 && o.timers[0].At <= o.wm {
		d := o.timers.Pop()
		k := &o.keys[d.Slot]
		switch {
		case !k.used || k.armed != d.At: // forgotten, or armed again
		case o.end(d.Slot) > o.wm:
			o.arm(d.Slot)
		default:
			o.forget(d.Slot)
		}
	}
	return o.expireCold()
}

// Hold is the watermark of the output: rows leave with it.
func (o *Over) Hold(wm event.Time) event.Time { return wm }

// Size is what the shard holds.
func (o *Over) Size() operators.Size {
	s := operators.Size{Keys: int64(o.table.Count), Rows: int64(o.rows.count()), Bytes: o.bytes()}
	if c := o.cold; c != nil {
		s.Cold, s.Spilled, s.Reads, s.Loaded = c.Counts()
	}
	return s
}

// bytes is what the keys and rows take. The places of those that have left are
// given to others.
func (o *Over) bytes() int64 {
	keys := o.table.Bytes() + int64(cap(o.keys))*96 + int64(cap(o.at))*32
	rows := o.rows.bytes()
	for f := range o.frames {
		keys += o.frames[f].states.Bytes()
		if o.frames[f].suffix != nil {
			rows += o.frames[f].suffix.Bytes()
		}
	}
	n := keys*int64(o.table.Count)/max(1, int64(o.table.N)) + rows*int64(o.rows.count())/max(1, int64(len(o.rows.list))) + int64(len(o.timers))*16
	if o.cold != nil {
		n += o.cold.Bytes() + o.cold.alarms.Bytes()
	}
	return n
}
