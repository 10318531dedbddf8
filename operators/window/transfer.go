package window

import (
	"encoding/binary"
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/aggregate"
	"github.com/cepd/cepd/operators/carry"
	"github.com/cepd/cepd/query/plan"
	"github.com/cepd/cepd/state"
)

// Transfer carries the windows of one program over to another version of it, which
// has the same windows and groups: the states of aggregates that both have.
type Transfer struct {
	from    *Program
	in      *event.Schema // of to
	columns []int         // of to: which of from
	states  *aggregate.Transfer
	stacks  bool     // to has aggregates in two stacks
	Notes   []string // what changes for open windows
}

// Compare says how the state of from becomes that of to, or why it cannot.
func Compare(from, to *Program) (*Transfer, []operators.Reason) {
	if why := apart(from, to); why != "" {
		return nil, []operators.Reason{{Text: why}}
	}
	old, now := from.carried(), to.carried()
	t := &Transfer{from: from, in: to.in, columns: carry.Columns(from.plan.Input, to.plan.Input)}
	if from.Ordered() {
		if reasons := now.Unread(t.columns); len(reasons) > 0 {
			return nil, reasons
		}
	}
	t.states = aggregate.NewTransfer(from.calls, to.calls, carry.Find(old, now), to.opts.Aggregate)
	t.stacks = slices.ContainsFunc(to.calls, func(c aggregate.Call) bool { return !c.Invertible() })
	t.Notes = now.Fresh(t.states.Unknown(true), "open windows")
	return t, nil
}

func (p *Program) carried() *carry.Calls {
	return &carry.Calls{Input: p.plan.Input, Plan: p.plan.Calls, Calls: p.calls}
}

// apart is why the groups of two programs are not the same; "": they are.
func apart(from, to *Program) string {
	a, b := from.plan, to.plan
	switch {
	case from.phase != single || to.phase != single:
		return "aggregates in two phases are kept only if all are the same"
	case a.WindowIdentity() != b.WindowIdentity():
		return "the window differs from that of the running version"
	case a.GroupIdentity() != b.GroupIdentity():
		return "GROUP BY differs: what is open belongs to other groups"
	case from.opts.Aggregate.Retract != to.opts.Aggregate.Retract || plan.ChangelogOf(a.Input) != plan.ChangelogOf(b.Input):
		return "what comes to the window changes in another way"
	case from.Ordered() && !to.Ordered():
		return "rows wait for the watermark, and no aggregate of the new text depends on their order"
	}
	return ""
}

// Fresh says whether an aggregate begins with no rows in open windows.
func (t *Transfer) Fresh() bool { return len(t.states.Unknown(true)) > 0 }

// Waiting implements operators.Transfer.
func (t *Transfer) Waiting(b *event.Batch) *event.Batch { return carry.Rows(b, t.in, t.columns) }

// Copy implements operators.Transfer.
func (t *Transfer) Copy(r state.Reader, w state.Writer) error {
	return r.Scan(nil, nil, func(key, value []byte) (err error) {
		switch key[0] {
		case prefixPane:
			value, err = t.group(value, 0)
		case prefixRunning:
			value, err = t.total(value)
		case prefixSession:
			value, err = t.group(value, 16)
		case prefixSessions:
			value, err = t.sessions(value)
		}
		if err != nil {
			return err
		}
		return w.Put(key, value)
	})
}

// group rewrites a group, before whose states are so many bytes.
func (t *Transfer) group(value []byte, bounds int) ([]byte, error) {
	_, rows, rest, err := readGroup(t.from.codec, value)
	if err != nil {
		return nil, err
	}
	if bounds > len(rest) {
		return nil, event.ErrCorrupt
	}
	head := len(value) - len(rest) + bounds
	return t.ended(slices.Clone(value[:head]), value[head:], rows)
}

// ended appends the states that are the rest of a value.
func (t *Transfer) ended(dst, src []byte, rows int64) ([]byte, error) {
	dst, rest, err := t.states.Append(dst, src, rows)
	if err == nil && len(rest) > 0 {
		err = event.ErrCorrupt
	}
	return dst, err
}

// total rewrites a running total. Nothing is in front where there are no stacks.
func (t *Transfer) total(value []byte) ([]byte, error) {
	_, rows, rest, err := readGroup(t.from.codec, value)
	if err != nil {
		return nil, err
	}
	front, n := binary.Uvarint(rest)
	if n <= 0 {
		return nil, event.ErrCorrupt
	}
	if !t.stacks {
		front = 0
	}
	dst := binary.AppendUvarint(slices.Clone(value[:len(value)-len(rest)]), front)
	return t.ended(dst, rest[n:], rows)
}

// sessions rewrites those of a key.
func (t *Transfer) sessions(value []byte) ([]byte, error) {
	count, n := binary.Uvarint(value)
	if n <= 0 {
		return nil, event.ErrCorrupt
	}
	dst, src := slices.Clone(value[:n]), value[n:]
	for range count {
		x, rest, err := readHead(src)
		if err != nil {
			return nil, err
		}
		dst = append(dst, src[:len(src)-len(rest)]...)
		if dst, src, err = t.states.Append(dst, rest, x.rows); err != nil {
			return nil, err
		}
	}
	if len(src) > 0 {
		return nil, event.ErrCorrupt
	}
	return dst, nil
}
