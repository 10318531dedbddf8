package window

import (
	"encoding/binary"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators/aggregate"
	"github.com/cepd/cepd/query/plan"
)

// Two phases: rows of a pane are aggregated in whatever shard they are, and the
// states of the groups go, encoded, to the shards of the keys.
//
//	rows -> local: a pane is a window -> keys | bounds | rows and states -> global: merges
type phase uint8

const (
	single phase = iota
	local
	global
)

// Phases divides an Aggregate in two, where that gives the same results: no
// aggregate depends on the order of rows, panes end where windows do.
func (p *Program) Phases() (first, second *Program, ok bool) {
	w := p.plan.Window
	switch {
	case w.Kind == plan.Session, w.Kind == plan.Attached, w.Proctime, len(p.plan.Sets) > 1, p.Ordered():
		return nil, nil, false
	case w.Kind == plan.Hop && p.grid.pane != w.Slide:
		return nil, nil, false
	}
	keys := len(p.plan.Keys)
	f, s := *p, *p
	between := *p.plan
	between.Window = plan.Window{Kind: plan.Tumble, Time: w.Time, Size: p.grid.pane, Offset: w.Offset}
	between.Out = &event.Schema{Rowtime: p.plan.Out.Rowtime, Fields: append(append([]event.Field(nil), p.plan.Out.Fields[:keys+plan.OutCalls]...),
		event.Field{Name: "states", Type: event.TBytes})}
	f.plan, f.grid, f.phase = &between, newGrid(&between.Window), local
	after := *p.plan
	after.Keys = make([]int, keys)
	for i := range after.Keys {
		after.Keys[i] = i
	}
	after.Window.Time = keys + plan.OutStart
	s.plan, s.in, s.phase = &after, between.Out, global
	s.codec = newCodec(&after, between.Out)
	return &f, &s, true
}

// Local says whether the program is the first of two phases.
func (p *Program) Local() bool { return p.phase == local }

// partial writes the states of groups in place of results.
func (pn *pane) partial(slots []int32, out *event.Vec) {
	var buf []byte
	for i, s := range slots {
		buf = pn.states.Append(binary.AppendVarint(buf[:0], pn.rows[s]), s)
		out.SetBytes(i, buf)
	}
}

// absorb merges what the first phase has made of rows.
func (a *aligned) absorb(pn *pane, slots, rows []int32, b *event.Batch) error {
	if a.partials == nil {
		a.partials = aggregate.NewStates(a.p.calls, a.p.opts.Aggregate)
	}
	pn.grow()
	a.partials.Resize(0)
	a.partials.Resize(len(rows))
	states := &b.Cols[len(b.Cols)-1]
	for i, r := range rows {
		src := states.Bytes(int(r))
		n, w := binary.Varint(src)
		if w <= 0 {
			return event.ErrCorrupt
		}
		if rest, err := a.partials.Read(src[w:], int32(i)); err != nil || len(rest) > 0 {
			return event.ErrCorrupt
		}
		pn.rows[slots[i]] += n
		if a.track {
			pn.touch(slots[i])
		}
	}
	return pn.states.Merge(slots, a.partials, event.Rows(0, len(rows)))
}
