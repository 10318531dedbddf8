package window

import (
	"cmp"
	"slices"
	"time"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/aggregate"
	"github.com/cepd/cepd/operators/group"
)

// sessions is the operator of SESSION windows: per key a list of the sessions
// that are open, the latest first. A session ends size after its last row; a
// row at that very time still belongs to it, so it is reported when the
// watermark is there.
type sessions struct {
	p           *Program
	gap         int64
	group.Table           // keys
	heads       []int32   // first session of each key; -1: none
	list        []session // by slot
	states      *aggregate.States
	free        []int32
	timers      group.Deadlines
	wm          event.Time

	emitter *emitter
	keys    group.Keys
	slots   []int32
	at, of  []int32 // rows waiting to be added: session and row
	due     []int32
	dirty   []int32
	gone    []int32
	track   bool
}

type session struct {
	bounds
	key          int32 // slot of the table; -1: not in use
	next         int32 // the session of the key before this one
	armed        event.Time
	rows         int64
	dirty, saved bool
}

func newSessions(p *Program) *sessions {
	o := &sessions{p: p, gap: p.plan.Window.Size, states: aggregate.NewStates(p.calls, p.opts.Aggregate), wm: event.MinTime, emitter: newEmitter(p)}
	o.keys.Codec = p.codec
	o.Table.Reset()
	return o
}

// Process takes rows in any order.
func (o *sessions) Process(ctx *operators.Context, b *event.Batch, _ operators.Collector) error {
	rows := b.LiveRows()
	times := timesOf(&o.p.plan.Window, b)
	o.keys.Gather(b, rows, 0)
	o.at, o.of = o.at[:0], o.of[:0]
	for i, r := range rows {
		if t := times[r]; t <= o.wm {
			lateRows(ctx, rows[i:i+1], b, "the watermark "+formatTime(o.wm)+" had passed the row")
			continue
		}
		s, err := o.place(b, o.keyOf(i), times[r])
		if err != nil {
			return err
		}
		o.list[s].rows++
		o.at, o.of = append(o.at, s), append(o.of, r)
		o.touch(s)
	}
	return o.flush(b)
}

// keyOf is the table's slot of row i's key.
func (o *sessions) keyOf(i int) int32 {
	h, key := o.keys.Hash(i), o.keys.At(i)
	if k, ok := o.Find(h, key); ok {
		return k
	}
	return o.newKey(h, key)
}

func (o *sessions) newKey(h uint64, key []byte) int32 {
	k := o.Table.Add(h, key)
	o.heads = resize(o.heads, int(o.N))
	o.heads[k] = -1
	return k
}

// flush adds the rows that wait.
func (o *sessions) flush(b *event.Batch) error {
	err := o.states.Add(o.at, o.of, b)
	o.at, o.of = o.at[:0], o.of[:0]
	return err
}

// place finds or makes the session of a row.
func (o *sessions) place(b *event.Batch, key int32, t event.Time) (int32, error) {
	at := &o.heads[key]
	for *at >= 0 && o.list[*at].start > t+o.gap {
		at = &o.list[*at].next
	}
	if *at < 0 || o.list[*at].end < t {
		return o.open(key, *at, t), nil
	}
	s := *at
	x := &o.list[s]
	x.start, x.end = min(x.start, t), max(x.end, t+o.gap)
	for x.next >= 0 && o.list[x.next].end >= x.start {
		if err := o.join(b, s, x.next); err != nil {
			return 0, err
		}
	}
	return s, nil
}

// open makes a session and puts it before next in the list of its key.
func (o *sessions) open(key, next int32, t event.Time) int32 {
	s := o.take()
	x := &o.list[s]
	*x = session{bounds: bounds{t, t + o.gap}, key: key, next: next, dirty: x.dirty, saved: x.saved}
	o.link(key, next, s)
	o.arm(s)
	return s
}

// link puts s before next in the list of a key.
func (o *sessions) link(key, next, s int32) {
	at := &o.heads[key]
	for *at != next {
		at = &o.list[*at].next
	}
	*at = s
}

func (o *sessions) take() int32 {
	if len(o.free) > 0 {
		return group.PopLeast(&o.free)
	}
	o.list = append(o.list, session{})
	o.states.Resize(len(o.list))
	return int32(len(o.list) - 1)
}

// join merges the session old, the next in the list of s, into s.
func (o *sessions) join(b *event.Batch, s, old int32) error {
	if err := o.flush(b); err != nil {
		return err
	}
	x, y := &o.list[s], &o.list[old]
	x.start, x.end = min(x.start, y.start), max(x.end, y.end)
	x.rows += y.rows
	x.next = y.next
	if err := o.states.Merge([]int32{s}, o.states, []int32{old}); err != nil {
		return err
	}
	o.release(old)
	return nil
}

// release frees a session that is in no list.
func (o *sessions) release(s int32) {
	x := &o.list[s]
	if x.saved {
		x.saved = false
		o.gone = append(o.gone, s)
	}
	x.key, x.next = -1, -1
	o.states.Clear([]int32{s})
	group.PushLeast(&o.free, s)
}

// arm sets a session's timer. A session that grows keeps it; when it goes off
// too early it is set again.
func (o *sessions) arm(s int32) {
	o.list[s].armed = o.list[s].end
	o.timers.Push(group.Deadline{At: o.list[s].end, Slot: s})
}

func (o *sessions) touch(s int32) {
	if x := &o.list[s]; o.track && !x.dirty {
		x.dirty = true
		o.dirty = append(o.dirty, s)
	}
}

// Advance reports the sessions that have ended.
func (o *sessions) Advance(ctx *operators.Context, wm event.Time, out operators.Collector) error {
	o.wm = max(o.wm, wm)
	o.due = o.due[:0]
	for len(o.timers) > 0 && o.timers[0].At <= o.wm {
		d := o.timers.Pop()
		switch x := &o.list[d.Slot]; {
		case x.key < 0 || x.armed != d.At: // merged into another, or armed again
		case x.end > o.wm:
			o.arm(d.Slot)
		default:
			x.armed = event.MinTime
			o.due = append(o.due, d.Slot)
		}
	}
	slices.SortFunc(o.due, func(a, b int32) int {
		return cmp.Or(cmp.Compare(o.list[a].end, o.list[b].end), cmp.Compare(a, b))
	})
	if err := o.report(ctx, out); err != nil {
		return err
	}
	for _, s := range o.due {
		o.close(s)
	}
	return nil
}

func (o *sessions) report(ctx *operators.Context, out operators.Collector) error {
	for from := 0; from < len(o.due); from += event.MaxRows {
		due := o.due[from:min(len(o.due), from+event.MaxRows)]
		o.slots = o.slots[:0]
		for _, s := range due {
			o.slots = append(o.slots, o.list[s].key)
		}
		err := o.emitter.emit(ctx, source{
			table: &o.Table, keys: o.slots, window: func(i int) bounds { return o.list[due[i]].bounds },
			result: func(c int, col *event.Vec, fail func(int, error)) error {
				o.states.Cols[c].Result(due, col, fail)
				return nil
			}}, out)
		if err != nil {
			return err
		}
	}
	return nil
}

// close takes a session out of its key's list, and the key with the last one.
func (o *sessions) close(s int32) {
	key := o.list[s].key
	at := &o.heads[key]
	for *at != s {
		at = &o.list[*at].next
	}
	*at = o.list[s].next
	o.release(s)
	if o.heads[key] < 0 {
		o.Table.Remove(key)
	}
}

// Hold is the watermark of the output: an open session ends after wm.
func (o *sessions) Hold(wm event.Time) event.Time {
	if len(o.timers) == 0 || wm == event.MinTime || wm == event.MaxTime {
		return wm
	}
	return min(wm, o.timers[0].At-oneMilli-1)
}

// Size is what the shard holds.
func (o *sessions) Size() operators.Size {
	return operators.Size{Keys: int64(o.Count), Bytes: o.Table.Bytes() + o.states.Bytes() + int64(cap(o.list))*56 + int64(cap(o.timers))*16}
}

func formatTime(t event.Time) string {
	return time.UnixMicro(t).UTC().Format("2006-01-02 15:04:05.000")
}
