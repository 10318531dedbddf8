package join

import (
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/group"
	"github.com/cepd/cepd/query/plan"
)

// Join is the operator of one shard. It implements operators.Stateful and
// operators.Holder.
type Join struct {
	p     *Program
	table group.Table
	keys  []keyState
	logs  [2]log
	out   output

	nulls   uint64 // right rows with a NULL key; of NOT IN
	hands   [2]hand
	current chunk // the left rows at hand, where they are not held
	run     []int32
}

// hand is the rows of a side that are at hand.
type hand struct {
	view  event.Batch // the side's columns of the input
	rows  []int32
	ids   group.Keys
	slots []int32 // of the keys; none: NULL
	taken int
	first uint64 // number of the first row in the log
	next  uint64 // rows of the log before it have been taken
}

// keyState is the rows held of a key.
type keyState struct {
	sides [2]list
	pins  int32 // rows at hand that are not in a list yet
}

// list is rows of one key in the order in which they came.
type list struct {
	first, last uint64
	n           int32
}

func newJoin(p *Program) *Join {
	j := &Join{p: p}
	for s := range p.sides {
		side := &p.sides[s]
		j.logs[s] = newLog(side.schema, s)
		j.hands[s].view = event.Batch{Schema: side.schema, Cols: make([]event.Vec, len(side.schema.Fields))}
		j.hands[s].ids.Codec = side.codec
	}
	j.out.init(p)
	return j
}

// Process takes rows in the order of time.
func (j *Join) Process(ctx *operators.Context, b *event.Batch, out operators.Collector) error {
	j.out.begin(ctx, out)
	side, live := b.Cols[0].I64, b.LiveRows()
	for s := range j.hands {
		if err := j.pick(s, b, live); err != nil {
			return err
		}
	}
	for _, row := range live {
		if err := j.take(ctx, int(side[row]), row, b); err != nil {
			return err
		}
	}
	if err := j.flush(); err != nil {
		return err
	}
	if j.p.plan.Mode == plan.Versioned {
		return j.clean()
	}
	return nil
}

// pick takes the rows of a side into the hand, and those that are to be held
// into the log.
func (j *Join) pick(s int, b *event.Batch, live []int32) (err error) {
	h := &j.hands[s]
	h.rows, h.taken = h.rows[:0], 0
	for _, row := range live {
		if int(b.Cols[0].I64[row]) == s {
			h.rows = append(h.rows, row)
		}
	}
	v := &h.view
	for c, at := range j.p.sides[s].at {
		v.Cols[c] = b.Cols[at]
		v.Cols[c].Type = v.Schema.Fields[c].Type
	}
	v.N, v.Time, v.ID = b.N, b.Time, b.ID
	h.ids.Gather(v, h.rows, 0)
	if !j.holds(s) {
		j.current.b = v
		j.current.flags = append(j.current.flags[:0], make([]byte, v.N)...)
		return nil
	}
	j.pin(s, len(h.rows))
	h.first, err = j.logs[s].append(v, h.rows)
	h.next = h.first
	return err
}

// holds says whether rows of a side are held: left ones need not be where all
// their partners have come before them.
func (j *Join) holds(s int) bool { return s == right || j.p.plan.Mode == plan.Interval }

// take takes the next row of a side.
func (j *Join) take(ctx *operators.Context, s int, row int32, b *event.Batch) error {
	h, t := &j.hands[s], b.Time[row]
	i := h.taken
	h.taken++
	if !j.holds(s) {
		return j.lookUp(i, ref{&j.current, row}, t)
	}
	if err := j.expire(t - 1); err != nil {
		return err
	}
	n := h.first + uint64(i)
	h.next = n + 1
	if b.Change(int(row)).Retracts() {
		j.delete(s, n, h.slots[i])
		return nil
	}
	return j.hold(ctx, s, n, h.slots[i], t)
}

// lookUp finds the partners of a left row that need not be held.
func (j *Join) lookUp(i int, r ref, t event.Time) error {
	if j.p.plan.NullAware && j.unknown(i) {
		return nil
	}
	if slot, ok := j.find(left, i); ok {
		if err := j.partners(left, r, slot, t); err != nil {
			return err
		}
	}
	if !j.p.sides[left].keeps {
		return nil
	}
	return j.alone(left, r)
}

// unknown says whether NOT IN is unknown for a left row: a NULL is equal to
// something or not, where there is anything.
func (j *Join) unknown(i int) bool {
	ids := &j.hands[left].ids
	return j.nulls > 0 || j.logs[right].live > 0 && ids.Codec.HasNull(ids.At(i))
}

// find is the slot of a key at hand, if there is one.
func (j *Join) find(s, i int) (int32, bool) {
	ids := &j.hands[s].ids
	key := ids.At(i)
	if j.table.Count == 0 || ids.Codec.HasNull(key) {
		return none, false
	}
	return j.table.Find(ids.Hash(i), key)
}

// pin finds or makes the keys of n rows at hand.
func (j *Join) pin(s, n int) {
	h := &j.hands[s]
	h.slots = h.slots[:0]
	for i := range n {
		slot, ok := j.find(s, i)
		if key := h.ids.At(i); !ok && !h.ids.Codec.HasNull(key) {
			slot, ok = j.addKey(h.ids.Hash(i), key), true
		}
		if !ok {
			slot = none
		} else {
			j.keys[slot].pins++
		}
		h.slots = append(h.slots, slot)
	}
}

func (j *Join) addKey(h uint64, key []byte) int32 {
	slot := j.table.Add(h, key)
	for int(slot) >= len(j.keys) {
		j.keys = append(j.keys, keyState{})
	}
	j.keys[slot] = keyState{sides: [2]list{{noRow, noRow, 0}, {noRow, noRow, 0}}}
	return slot
}

// hold lets row n meet the rows held of the other side, and puts it into the
// list of its key.
func (j *Join) hold(ctx *operators.Context, s int, n uint64, slot int32, t event.Time) error {
	c, i := j.logs[s].place(n)
	if slot == none {
		if j.p.sides[s].keeps {
			if err := j.alone(s, ref{c, i}); err != nil {
				return err
			}
		}
		j.logs[s].drop(c, i)
		if j.p.plan.NullAware {
			j.nulls++
		}
		return nil
	}
	j.keys[slot].pins--
	if j.p.plan.Mode == plan.Interval {
		if err := j.partners(s, ref{c, i}, slot, t); err != nil {
			return err
		}
	} else if j.p.plan.Mode == plan.Versioned && j.keys[slot].sides[s].n > 0 {
		j.release(s, j.keys[slot].sides[s].first)
	}
	ok, err := j.room(ctx, s, n, slot)
	if err != nil {
		return err
	}
	if !ok {
		j.logs[s].drop(c, i)
		j.forget(slot)
		return nil
	}
	j.link(s, n, c, i, slot)
	return nil
}

// link puts row n at the end of the list of its key.
func (j *Join) link(s int, n uint64, c *chunk, i, slot int32) {
	c.slots[i] = slot
	l := &j.keys[slot].sides[s]
	if l.n == 0 {
		l.first = n
	} else {
		before, at := j.logs[s].place(l.last)
		before.links[at] = n
	}
	l.last = n
	l.n++
}

// partners lets a row of side s meet the rows of its key on the other side.
func (j *Join) partners(s int, r ref, slot int32, t event.Time) error {
	other := 1 - s
	l := &j.keys[slot].sides[other]
	for n, left := l.first, l.n; left > 0; left-- {
		c, i := j.logs[other].place(n)
		number := n >> chunkBits
		n = c.links[i]
		if !j.inReach(s, t, c.time(i)) {
			continue
		}
		if err := j.logs[other].warm(c, number); err != nil {
			return err
		}
		if err := j.meet(s, r, ref{c, i}); err != nil {
			return err
		}
	}
	return nil
}

// inReach says whether the row held, of the side other than s, is a partner by
// its time.
func (j *Join) inReach(s int, t, held event.Time) bool {
	switch j.p.plan.Mode {
	case plan.Interval:
		d := t - held
		if s == left {
			d = -d
		}
		return d >= j.p.plan.Lower && d <= j.p.plan.Upper
	case plan.Versioned:
		return j.p.opts.TTL == 0 || t-held < j.p.opts.TTL
	}
	return true
}

func (j *Join) meet(s int, r, held ref) error {
	if s == right {
		r, held = held, r
	}
	return j.out.pair(r, held)
}

// alone lets a row that can have no further partner go.
func (j *Join) alone(s int, r ref) error {
	if err := j.out.settle(); err != nil {
		return err
	}
	if r.c.flags[r.i]&matched != 0 {
		return nil
	}
	return j.out.alone(s, r)
}

// expire lets the rows go for which no partner with a time after t can come, in
// the order in which that is decided.
func (j *Join) expire(t event.Time) error {
	if j.p.plan.Mode != plan.Interval {
		return nil
	}
	for {
		l, r := j.deadline(left), j.deadline(right)
		s, at := left, l
		if r < l {
			s, at = right, r
		}
		if at > t || at == event.MaxTime {
			return nil
		}
		if err := j.leave(s); err != nil {
			return err
		}
	}
}

// Due implements operators.Timed: a row that comes out without a partner can have
// none any more then.
func (j *Join) Due() event.Time {
	t := event.MaxTime
	for s := range j.logs {
		if j.p.plan.Mode == plan.Interval && j.p.sides[s].keeps {
			t = min(t, j.deadline(s))
		}
	}
	return t
}

// deadline is the last time that a partner of the oldest row held of a side
// may have; MaxTime: there is no row.
func (j *Join) deadline(s int) event.Time {
	l, end := &j.logs[s], j.hands[s].next
	l.trim(end)
	if l.first >= end {
		return event.MaxTime
	}
	c, i := l.place(l.first)
	return later(c.time(i), j.p.sides[s].reach)
}

// later is t + d, before MaxTime.
func later(t event.Time, d int64) event.Time {
	switch {
	case d > 0 && t >= event.MaxTime-d:
		return event.MaxTime - 1
	case d < 0 && t < event.MinTime-d:
		return event.MinTime
	}
	return t + d
}

// leave lets the oldest row of a side go.
func (j *Join) leave(s int) error {
	n := j.logs[s].first
	c, i := j.logs[s].place(n)
	if j.p.sides[s].keeps && c.flags[i]&matched == 0 {
		if err := j.logs[s].warm(c, n>>chunkBits); err != nil {
			return err
		}
	}
	if j.p.sides[s].keeps {
		if err := j.alone(s, ref{c, i}); err != nil {
			return err
		}
	}
	slot := c.slots[i]
	j.release(s, n)
	j.forget(slot)
	return nil
}

// release drops row n, the first of its key's list.
func (j *Join) release(s int, n uint64) {
	c, i := j.logs[s].place(n)
	l := &j.keys[c.slots[i]].sides[s]
	l.first = c.links[i]
	if l.n--; l.n == 0 {
		l.first, l.last = noRow, noRow
	}
	j.logs[s].drop(c, i)
}

// forget drops a key of which nothing is held.
func (j *Join) forget(slot int32) {
	k := &j.keys[slot]
	if k.sides[left].n == 0 && k.sides[right].n == 0 && k.pins == 0 {
		j.table.Remove(slot)
	}
}

// flush emits what is ready; no chunk is referred to after it.
func (j *Join) flush() error {
	err := j.out.flush()
	for s := range j.logs {
		j.logs[s].recycle()
	}
	return err
}

// Advance lets go what the watermark decides.
func (j *Join) Advance(ctx *operators.Context, wm event.Time, out operators.Collector) error {
	j.out.begin(ctx, out)
	if err := j.expire(wm); err != nil {
		return err
	}
	if j.p.plan.Mode == plan.Versioned && j.p.opts.TTL > 0 {
		j.age(wm)
	}
	return j.flush()
}

// Hold is the watermark of the output: a row held may come out with its own
// time.
func (j *Join) Hold(wm event.Time) event.Time {
	n := j.p.plan
	if n.Mode != plan.Interval || wm == event.MinTime || wm == event.MaxTime {
		return wm
	}
	reach := j.p.sides[left].reach
	if n.RightTime {
		reach = j.p.sides[right].reach
	}
	if n.Kind == plan.FullOuter {
		reach = max(j.p.sides[left].reach, j.p.sides[right].reach)
	}
	return later(wm, -max(0, reach))
}

// Size is what the shard holds.
func (j *Join) Size() operators.Size {
	s := operators.Size{Keys: int64(j.table.Count), Bytes: j.bytes()}
	for i := range j.logs {
		l := &j.logs[i]
		s.Rows += l.live
		s.Cold, s.Spilled, s.Reads, s.Loaded = s.Cold+l.cold, s.Spilled+l.spilled, s.Reads+l.reads, s.Loaded+l.loaded
	}
	return s
}

func (j *Join) bytes() int64 {
	return j.table.Bytes() + int64(cap(j.keys))*56 + j.logs[left].bytes() + j.logs[right].bytes()
}
