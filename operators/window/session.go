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
	group.Table              // keys
	lists       []sessionKey // by slot of the table
	list        []session    // by slot of their own
	states      *aggregate.States
	free        []int32
	timers      group.Deadlines
	wm          event.Time

	emitter *emitter
	keys    group.Keys
	slots   []int32
	at, of  []int32 // rows waiting to be added: session and row
	due     []int32
	dirty   []int32 // keys
	gone    [][]byte
	track   bool
	next    uint64     // number of the session that is opened next
	resume  event.Time // the first end that the watermark has passed and that is not reported; MaxTime: none
	// slotted: since a restore from version 1, a session's number is its slot.
	slotted bool
	cold    *coldSessions // nil: all keys are in memory
}

// sessionKey is the sessions of a key.
type sessionKey struct {
	head                  int32 // the first in its list; -1: none
	dirty, stored, recent bool
}

type session struct {
	bounds
	key    int32 // slot of the table; -1: not in use
	next   int32 // the session of the key before this one
	armed  event.Time
	rows   int64
	number uint64 // in the order of opening: that of results which end at one time
}

func newSessions(p *Program) *sessions {
	o := &sessions{p: p, gap: p.plan.Window.Size, states: aggregate.NewStates(p.calls, p.opts.Aggregate), wm: event.MinTime, resume: event.MaxTime, emitter: newEmitter(p)}
	o.keys.Codec = p.codec
	o.Table.Reset()
	return o
}

// Process takes rows in any order.
func (o *sessions) Process(ctx *operators.Context, b *event.Batch, _ operators.Collector) error {
	rows := b.LiveRows()
	times := timesOf(&o.p.plan.Window, b)
	o.keys.Gather(b, rows, 0)
	if err := o.thaw(); err != nil {
		return err
	}
	o.at, o.of = o.at[:0], o.of[:0]
	for i, r := range rows {
		if t := times[r]; t <= o.wm {
			lateRows(ctx, rows[i:i+1], b, "the watermark "+formatTime(o.wm)+" had passed the row")
			continue
		}
		key := o.keyOf(i)
		s, err := o.place(b, key, times[r])
		if err != nil {
			return err
		}
		o.list[s].rows++
		o.at, o.of = append(o.at, s), append(o.of, r)
		o.touch(key)
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
	o.lists = resize(o.lists, int(o.N))
	o.lists[k] = sessionKey{head: -1, dirty: o.lists[k].dirty}
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
	at := &o.lists[key].head
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
	*x = session{bounds: bounds{t, t + o.gap}, key: key, next: next, number: o.number(s)}
	o.link(key, next, s)
	o.arm(s)
	return s
}

// link puts s before next in the list of a key.
func (o *sessions) link(key, next, s int32) {
	at := &o.lists[key].head
	for *at != next {
		at = &o.list[*at].next
	}
	*at = s
}

// number is that of a session that is opened.
func (o *sessions) number(slot int32) uint64 {
	if o.slotted {
		return uint64(slot)
	}
	o.next++
	return o.next - 1
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

func (o *sessions) touch(key int32) {
	if k := &o.lists[key]; o.track && !k.dirty {
		k.dirty = true
		o.dirty = append(o.dirty, key)
	}
}

// Advance reports sessions that have ended, by their ends; those of one end all
// together.
func (o *sessions) Advance(ctx *operators.Context, wm event.Time, out operators.Collector) error {
	o.wm = max(o.wm, wm)
	left := o.p.opts.portion(ctx)
	o.due = o.due[:0]
	for {
		end, err := o.nextEnd()
		if err != nil {
			return err
		}
		if o.resume = end; end == event.MaxTime || left <= 0 {
			break
		}
		left -= o.takeDue(end)
		if len(o.due) >= event.MaxRows {
			if err := o.finish(ctx, out); err != nil {
				return err
			}
		}
	}
	return o.finish(ctx, out)
}

// Unfinished implements operators.Lasting.
func (o *sessions) Unfinished() bool { return o.resume < event.MaxTime }

// Due implements operators.Timed: a session may end then.
func (o *sessions) Due() event.Time {
	if len(o.timers) == 0 {
		return o.asleep()
	}
	return min(o.timers[0].At, o.asleep())
}

// nextEnd is the first end of a session up to the watermark; MaxTime: there is
// none. Its session, and all others of that end, are in memory.
func (o *sessions) nextEnd() (event.Time, error) {
	for {
		first := event.MaxTime
		if len(o.timers) > 0 {
			first = o.timers[0].At
		}
		if asleep := o.asleep(); asleep <= min(first, o.wm) && asleep < event.MaxTime {
			if err := o.wake(); err != nil {
				return 0, err
			}
			continue
		}
		if first > o.wm || first == event.MaxTime {
			return event.MaxTime, nil
		}
		switch x := &o.list[o.timers[0].Slot]; {
		case x.key < 0 || x.armed != first: // merged into another, or armed again
			o.timers.Pop()
		case x.end > first:
			o.arm(o.timers.Pop().Slot)
		default:
			return first, nil
		}
	}
}

// takeDue collects the sessions of an end, and says how many they are.
func (o *sessions) takeDue(end event.Time) int {
	from := len(o.due)
	for len(o.timers) > 0 && o.timers[0].At == end {
		d := o.timers.Pop()
		switch x := &o.list[d.Slot]; {
		case x.key < 0 || x.armed != d.At:
		case x.end > end:
			o.arm(d.Slot)
		default:
			x.armed = event.MinTime
			o.due = append(o.due, d.Slot)
		}
	}
	slices.SortFunc(o.due[from:], func(a, b int32) int { return cmp.Compare(o.list[a].number, o.list[b].number) })
	return len(o.due) - from
}

// finish reports the sessions that are due, and closes them.
func (o *sessions) finish(ctx *operators.Context, out operators.Collector) error {
	err := o.report(ctx, out)
	for _, s := range o.due {
		o.close(s)
	}
	o.due = o.due[:0]
	return err
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
	at := &o.lists[key].head
	for *at != s {
		at = &o.list[*at].next
	}
	*at = o.list[s].next
	o.release(s)
	if o.lists[key].head >= 0 {
		o.touch(key)
		return
	}
	if o.lists[key].stored {
		o.forgone(o.Table.Key(key))
	}
	o.Table.Remove(key)
}

// Hold is the watermark of the output: an open session ends after wm. Which ones
// are open does not matter, for it may not be known.
func (o *sessions) Hold(wm event.Time) event.Time {
	switch {
	case o.Unfinished():
		return o.resume - oneMilli - 1
	case wm < event.MinTime+oneMilli || wm == event.MaxTime:
		return wm
	}
	return wm - oneMilli
}

// Size is what the shard holds.
func (o *sessions) Size() operators.Size {
	s := operators.Size{Keys: int64(o.Count), Bytes: o.bytes()}
	if o.cold != nil {
		s.Cold, s.Spilled, s.Reads, s.Loaded = o.cold.Counts()
	}
	return s
}

// bytes is what the keys and their sessions take. The places of those that have
// left are given to others.
func (o *sessions) bytes() int64 {
	keys := o.Table.Bytes() + int64(cap(o.lists))*8
	all := o.states.Bytes() + int64(cap(o.list))*64
	n := keys*int64(o.Count)/max(1, int64(o.N)) + all*int64(len(o.list)-len(o.free))/max(1, int64(len(o.list))) + int64(len(o.timers))*16
	if o.cold != nil {
		n += o.cold.Bytes() + o.cold.alarms.Bytes()
	}
	return n
}

func formatTime(t event.Time) string {
	return time.UnixMicro(t).UTC().Format("2006-01-02 15:04:05.000")
}
