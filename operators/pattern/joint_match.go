package pattern

import (
	"encoding/binary"
	"math/bits"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
)

// jointMatcher runs patterns together for one shard.
type jointMatcher struct {
	m       *Matcher
	j       *joint
	outputs []*jointOutput // nil until they have a row
	touched []int          // outputs with rows in this call
	to      operators.Collector
	symbols [maxJointRows]uint64 // of a key's rows
	acc     []uint64
	used    map[int32][]used // by the index of the key's state
	made    []used           // by the matches of the row at hand
}

// used says that matches of a member may not begin before a row.
type used struct {
	member int32
	until  int32 // index among the kept rows
}

// usedBytes is what a key's list of them takes, roughly.
const usedBytes = 80

// jointOutput makes the rows of one output.
type jointOutput struct {
	emitter *emitter
	view    view
	steps   []step // of every match
	touched bool
}

func newJointMatcher(m *Matcher) *jointMatcher {
	j := m.p.joint
	f := &jointMatcher{m: m, j: j, outputs: make([]*jointOutput, len(j.outputs)), used: map[int32][]used{}}
	for i := range j.banks {
		if n := len(j.banks[i].all); n > len(f.acc) {
			f.acc = make([]uint64, n)
		}
	}
	return f
}

// flush passes on what the outputs have, in the order of their first rows.
func (f *jointMatcher) flush() error {
	for _, i := range f.touched {
		o := f.outputs[i]
		o.touched = false
		if err := o.emitter.flush(); err != nil {
			return err
		}
	}
	f.touched = f.touched[:0]
	return nil
}

// follow reports what the last row of a key completes, and lets go of the rows
// that nothing can begin with any more.
func (f *jointMatcher) follow(index int32, k *keyState) error {
	f.load(k)
	f.made = f.made[:0]
	for i := range f.j.banks {
		if b := &f.j.banks[i]; int(k.n) >= b.rows {
			if err := f.complete(index, k, b); err != nil {
				return err
			}
		}
	}
	f.settle(index, k)
	return nil
}

// load reads the symbols of the key's rows.
func (f *jointMatcher) load(k *keyState) {
	for i := range int(k.n) {
		f.symbols[i] = f.m.p.layout.symbolOf(k.row(f.m.p, f.m.arena, i))
	}
}

// complete reports the matches of a bank that end with the last row.
func (f *jointMatcher) complete(index int32, k *keyState, b *bank) error {
	acc, start := f.acc[:len(b.all)], int(k.n)-b.rows
	copy(acc, b.all)
	for s := b.rows - 1; s >= 0; s-- {
		if !f.j.narrow(acc, &b.steps[s], f.symbols[start+s]) {
			return nil
		}
	}
	lasted := f.m.rowTime(k, int(k.n)-1) - f.m.rowTime(k, start)
	for w, x := range acc {
		for ; x != 0; x &= x - 1 {
			i := w*64 + bits.TrailingZeros64(x)
			if lasted >= f.j.members[b.first+i].within || f.uses(index, b.first+i, start) {
				continue
			}
			if err := f.report(k, b, i, start); err != nil {
				return err
			}
		}
	}
	return nil
}

// uses says whether a member may not begin with a row of the key.
func (f *jointMatcher) uses(index int32, member, row int) bool {
	if len(f.used) == 0 {
		return false
	}
	for _, u := range f.used[index] {
		if int(u.member) == member && row < int(u.until) {
			return true
		}
	}
	return false
}

// report emits a match of a bank's member i, and notes which rows behind its
// start do not begin another, if they could.
func (f *jointMatcher) report(k *keyState, b *bank, i, start int) error {
	x := &f.j.members[b.first+i]
	for row := start + 1; row < start+x.keep; row++ {
		if f.j.may(b, i, f.symbols[row:k.n]) {
			f.made = append(f.made, used{int32(b.first + i), int32(start + x.keep)})
			break
		}
	}
	o := f.output(x.output)
	o.view.k, o.view.start, o.view.own = k, start, x.own
	o.emitter.seed = x.seed
	return o.emitter.match(&o.view, o.steps)
}

// output is ready to take a row.
func (f *jointMatcher) output(i int) *jointOutput {
	o := f.outputs[i]
	if o == nil {
		o = f.newOutput(i, jointOutputRooms)
		f.outputs[i] = o
	}
	if !o.touched {
		o.touched = true
		f.touched = append(f.touched, i)
		to := f.to
		if many, ok := to.(operators.Outputs); ok {
			to = many.Output(i)
		}
		o.emitter.begin(f.m.octx, to)
		o.view.ctx.Now = f.m.octx.Now
	}
	return o
}

func (f *jointMatcher) newOutput(i, room int) *jointOutput {
	p := f.j.outputs[i].private()
	p.layout = f.m.p.layout
	o := &jointOutput{emitter: newEmitter(p, room), view: view{p: p, arena: f.m.arena}}
	variables, _ := sequence(p.match.Pattern, nil)
	for row, v := range variables {
		o.steps = append(o.steps, step{v: int16(v), row: int64(row)})
	}
	return o
}

// settle drops the rows before the first that some member may begin with, and
// sets the time at which none can any more.
func (f *jointMatcher) settle(index int32, k *keyState) {
	first, until := f.open(k)
	k.start, k.pos = int32(first), k.n
	f.m.trim(k)
	if k.n == 0 {
		f.m.release(index, k)
		return
	}
	f.note(index, int32(first))
	if until == event.MaxTime {
		f.m.timers.remove(index)
		return
	}
	f.m.timers.set(timer{deadline: until, id: f.m.rowID(k, 0), key: index})
}

// open is the first row that some member may begin with, and until when one may
// be completed.
func (f *jointMatcher) open(k *keyState) (first int, until event.Time) {
	n := int(k.n)
	first, until = n, event.MinTime
	now := f.m.rowTime(k, n-1)
	for row := n - 1; row >= 0; row-- {
		t := f.m.rowTime(k, row)
		for i := range f.j.banks {
			b := &f.j.banks[i]
			if b.rows <= n-row {
				continue
			}
			if within, ok := f.j.longest(b, f.symbols[row:n]); ok && deadline(t, within) > now {
				first, until = row, max(until, deadline(t, within))
			}
		}
	}
	return first, until
}

// note keeps which rows of the key were used, as far as they are kept; dropped
// rows are gone from its front.
func (f *jointMatcher) note(index, dropped int32) {
	before := f.used[index]
	if len(before)+len(f.made) == 0 {
		return
	}
	left := before[:0]
	for _, u := range append(before, f.made...) {
		if u.until -= dropped; u.until > 0 {
			left = append(left, u)
		}
	}
	if f.used[index] = left; len(left) == 0 {
		delete(f.used, index)
	}
}

// appendUsed encodes the rows that a key's matches have used.
func appendUsed(dst []byte, list []used) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	for _, u := range list {
		dst = binary.AppendUvarint(binary.AppendUvarint(dst, uint64(u.member)), uint64(u.until))
	}
	return dst
}

// readUsed reads what appendUsed wrote.
func (f *jointMatcher) readUsed(src []byte, index int32) error {
	d := decoder{src: src}
	for n := d.uvarint(); n > 0 && !d.bad; n-- {
		f.used[index] = append(f.used[index], used{int32(d.uvarint()), int32(d.uvarint())})
	}
	if d.bad || len(d.src) > 0 || f.m.keys.at(index).n > maxJointRows {
		return errCorrupt
	}
	return nil
}
