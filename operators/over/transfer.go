package over

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/aggregate"
	"github.com/cepd/cepd/operators/carry"
	"github.com/cepd/cepd/query/plan"
	"github.com/cepd/cepd/state"
)

// Transfer carries the keys of one program over to another version of it, which
// looks back at the same rows: the states of aggregates and frames that both have.
type Transfer struct {
	from, to *Program
	columns  []int                 // of to's input: which of from's
	frames   []carriedFrame        // by frame of to
	running  []*aggregate.Transfer // by frame of from: of those without bound
	kinds    *aggregate.Transfer
	fresh    []int    // calls of to that begin with no rows
	Notes    []string // what changes for keys that there are
}

// carriedFrame is what a frame goes on from.
type carriedFrame struct {
	at    int  // the frame of from with these rows, or more of them; -1: there is none
	front bool // its two stacks are as they were
}

// Compare says how the state of from becomes that of to, or why it cannot.
func Compare(from, to *Program) (*Transfer, []operators.Reason) {
	if from.plan.RowsIdentity() != to.plan.RowsIdentity() {
		return nil, []operators.Reason{{Text: "PARTITION BY or ORDER BY of OVER differs"}}
	}
	t := &Transfer{from: from, to: to, columns: carry.Columns(from.plan.Input, to.plan.Input)}
	if i := slices.Index(t.columns, -1); i >= 0 {
		return nil, []operators.Reason{{
			Text:   fmt.Sprintf("the new text reads %s, which is not kept of the rows that wait for the watermark", to.in.Fields[i].Name),
			Remedy: "replay, or drop the state",
		}}
	}
	t.kinds = aggregate.NewTransfer(from.kinds, to.kinds, carry.Find(from.carriedKinds(), to.carriedKinds()), to.opts.Aggregate)
	t.compareFrames()
	t.compareRunning()
	t.findFresh()
	return t, nil
}

// carriedKinds are the aggregates that kept rows have states of.
func (p *Program) carriedKinds() *carry.Calls {
	c := &carry.Calls{Input: p.plan.Input, Calls: p.kinds, Plan: make([]plan.AggCall, len(p.kinds))}
	for i, kind := range p.kindOf {
		if kind >= 0 {
			c.Plan[kind] = p.plan.Calls[i].AggCall
		}
	}
	return c
}

// carriedFrame are the aggregates of a frame.
func (p *Program) carriedFrame(f int) *carry.Calls {
	c := &carry.Calls{Input: p.plan.Input}
	for _, i := range p.frames[f].calls {
		c.Plan, c.Calls = append(c.Plan, p.plan.Calls[i].AggCall), append(c.Calls, p.calls[i])
	}
	return c
}

// compareFrames finds what each frame goes on from. A shorter one is what a longer
// one has, until the next row of the key comes.
func (t *Transfer) compareFrames() {
	for i := range t.to.frames {
		now := &t.to.frames[i]
		c := carriedFrame{at: t.frame(t.from, now.Frame)}
		if c.at >= 0 {
			c.front = len(now.stacked) > 0
		} else if now.Preceding != plan.Unbounded {
			c.at = slices.IndexFunc(t.from.frames, func(f frame) bool { return f.Rows == now.Rows && f.Preceding > now.Preceding })
		}
		t.frames = append(t.frames, c)
	}
}

func (t *Transfer) frame(p *Program, want plan.Frame) int {
	return slices.IndexFunc(p.frames, func(f frame) bool { return f.Frame == want })
}

// compareRunning carries over the states of frames that rows never leave.
func (t *Transfer) compareRunning() {
	for i := range t.from.frames {
		if t.from.frames[i].Preceding != plan.Unbounded {
			t.running = append(t.running, nil)
			continue
		}
		old, now := t.from.carriedFrame(i), &carry.Calls{}
		if f := t.frame(t.to, t.from.frames[i].Frame); f >= 0 {
			now = t.to.carriedFrame(f)
		}
		t.running = append(t.running, aggregate.NewTransfer(old.Calls, now.Calls, carry.Find(old, now), t.to.opts.Aggregate))
	}
}

// findFresh finds the calls that do not know of the rows before.
func (t *Transfer) findFresh() {
	for f := range t.to.frames {
		now := &t.to.frames[f]
		for k, call := range now.calls {
			at := t.frames[f].at
			switch kind := t.to.kindOf[call]; {
			case at < 0, now.Preceding == plan.Unbounded && t.running[at].At[k] < 0, kind >= 0 && t.kinds.At[kind] < 0:
				t.fresh = append(t.fresh, call)
			}
		}
	}
	all := carry.Calls{Input: t.to.plan.Input}
	for i := range t.to.plan.Calls {
		all.Plan = append(all.Plan, t.to.plan.Calls[i].AggCall)
	}
	t.Notes = all.Fresh(t.fresh, "keys")
}

// Fresh says whether an aggregate begins with no rows.
func (t *Transfer) Fresh() bool { return len(t.fresh) > 0 }

// Waiting implements operators.Transfer.
func (t *Transfer) Waiting(b *event.Batch) *event.Batch { return carry.Rows(b, t.to.in, t.columns) }

// Copy implements operators.Transfer. Where keys are forgotten after another time,
// the state is as that of version 1, from which the ends of time are found anew.
func (t *Transfer) Copy(r state.Reader, w state.Writer) error {
	anew := t.from.ttl != t.to.ttl
	return r.Scan(nil, nil, func(key, value []byte) (err error) {
		switch key[0] {
		case prefixKey:
			value, err = t.key(value)
		case prefixRow:
			if !t.to.keeps {
				return nil
			}
			value, err = t.row(value)
		case prefixTime:
			if anew {
				return nil
			}
		case prefixMark:
			if anew && len(value) > 9 {
				value = append([]byte{1}, value[1:9]...)
			}
		}
		if err != nil {
			return err
		}
		return w.Put(key, value)
	})
}

// row rewrites a kept row.
func (t *Transfer) row(value []byte) ([]byte, error) {
	if len(value) < 8 {
		return nil, event.ErrCorrupt
	}
	dst, rest, err := t.kinds.Append(slices.Clone(value[:8]), value[8:], -1)
	if err == nil && len(rest) > 0 {
		err = event.ErrCorrupt
	}
	return dst, err
}

// framed is what a key has of a frame.
type framed struct {
	begin, front uint64
	states       []byte
}

// key rewrites the entry of a key.
func (t *Transfer) key(value []byte) ([]byte, error) {
	if len(value) < 8 {
		return nil, event.ErrCorrupt
	}
	dst := slices.Clone(value[:8])
	begin, src, err := uvarint(value[8:])
	if err != nil {
		return nil, err
	}
	end, src, err := uvarint(src)
	if err != nil {
		return nil, err
	}
	old := make([]framed, len(t.from.frames))
	for f := range old {
		if src, err = t.read(f, &old[f], src); err != nil {
			return nil, err
		}
	}
	if len(src) > 0 {
		return nil, event.ErrCorrupt
	}
	if !t.from.keeps { // no row is kept yet
		begin = end
	}
	dst = binary.AppendUvarint(binary.AppendUvarint(dst, begin), end)
	for f := range t.to.frames {
		dst = t.append(dst, f, old, end)
	}
	return dst, nil
}

// read reads what a key has of a frame of from: the states as those of to.
func (t *Transfer) read(f int, x *framed, src []byte) (rest []byte, err error) {
	if t.running[f] != nil {
		x.states, src, err = t.running[f].Append(nil, src, -1)
		return src, err
	}
	if x.begin, src, err = uvarint(src); err != nil {
		return nil, err
	}
	x.front, src, err = uvarint(src)
	return src, err
}

// append writes what a key has of frame f of to. A frame without rows begins at the
// end.
func (t *Transfer) append(dst []byte, f int, old []framed, end uint64) []byte {
	c := t.frames[f]
	if t.to.frames[f].Preceding == plan.Unbounded {
		if c.at >= 0 {
			return append(dst, old[c.at].states...)
		}
		return append(dst, t.none(f)...)
	}
	x := framed{begin: end}
	if c.at >= 0 {
		x = old[c.at]
	}
	if !c.front {
		x.front = 0
	}
	return binary.AppendUvarint(binary.AppendUvarint(dst, x.begin), x.front)
}

// none is the states of a frame that has no rows.
func (t *Transfer) none(f int) []byte {
	calls := t.to.carriedFrame(f).Calls
	s := aggregate.NewStates(calls, t.to.opts.Aggregate)
	s.Resize(1)
	return s.Append(nil, 0)
}
