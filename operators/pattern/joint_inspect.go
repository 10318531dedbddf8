package pattern

import (
	"math/bits"

	"github.com/cepd/cepd/internal/event"
)

// together shows, of each pattern that runs together with others, the earliest
// match that is open in a key: it is the one that the pattern alone would try.
func (in *inspection) together(index int32, k *keyState) {
	f := in.m.joint
	f.load(k)
	for i := range f.j.banks {
		b := &f.j.banks[i]
		shown := make([]uint64, len(b.all))
		for row := max(0, int(k.n)-b.rows+1); row < int(k.n) && !in.done; row++ {
			in.openIn(b, index, k, row, shown)
		}
	}
}

// openIn shows the members of a bank whose open match begins with a row, but
// those that were shown.
func (in *inspection) openIn(b *bank, index int32, k *keyState, row int, shown []uint64) {
	f := in.m.joint
	open := append([]uint64(nil), b.all...)
	for s, symbol := range f.symbols[row:k.n] {
		if !f.j.narrow(open, &b.steps[s], symbol) {
			return
		}
	}
	now := max(in.m.wm+1, in.m.clock)
	for w, x := range open {
		for x &^= shown[w]; x != 0 && !in.done; x &= x - 1 {
			i := w*64 + bits.TrailingZeros64(x)
			until := deadline(in.m.rowTime(k, row), f.j.members[b.first+i].within)
			if until <= now || f.uses(index, b.first+i, row) {
				continue
			}
			shown[w] |= x & -x
			in.memberAt(b.first+i, k, row, until)
		}
	}
}

// memberAt shows the open match of a member that begins with a row.
func (in *inspection) memberAt(index int, k *keyState, row int, until event.Time) {
	x := &in.m.joint.j.members[index]
	o := in.output(x.output)
	o.view.k, o.view.start, o.view.own = k, 0, x.own
	in.p, in.view, in.gauge = o.view.p, &o.view, o.emitter
	in.begin(k, int32(row))
	in.x.Pattern, in.x.Expires, in.member = x.name, until, index
	in.x.Out = in.x.Out[:len(in.x.Out)-len(o.view.p.given.columns)]
	in.x.ID = mix(rowIdentity(in.m.rowID(k, row), noVar) ^ x.seed)
	in.steps = in.steps[:0]
	for i := range int(k.n) - row {
		in.steps = append(in.steps, step{v: o.steps[i].v, row: int64(row + i)})
	}
	in.waits(o.steps[len(in.steps)].v)
	in.show(k)
}

// output is what makes rows of the matches of an output, apart from that of the
// stream.
func (in *inspection) output(i int) *jointOutput {
	if in.outputs[i] == nil {
		in.outputs[i] = in.m.joint.newOutput(i, 1)
	}
	return in.outputs[i]
}
