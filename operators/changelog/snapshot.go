package changelog

import (
	"encoding/binary"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state"
)

// What the aggregator keeps of a group:
//
//	rows | last row's ID | time of the clock | flags: 1 shown, 2 late | results shown, if any | states
const (
	flagShown = 1 << iota
	flagLate
)

// Snapshot implements operators.Stateful.
func (a *aggregator) Snapshot(w state.Writer) error { return a.snapshot(w, a.save) }

func (a *aggregator) save(dst []byte, s int32) []byte {
	g := &a.groups[s]
	dst = binary.AppendVarint(dst, g.rows)
	for _, x := range [...]uint64{g.last.Hi, g.last.Lo, uint64(g.armed)} {
		dst = binary.BigEndian.AppendUint64(dst, x)
	}
	var flags byte
	if g.shown != nil {
		flags |= flagShown
	}
	if g.late {
		flags |= flagLate
	}
	dst = append(dst, flags)
	if g.shown != nil {
		dst = appendBytes(dst, g.shown)
	}
	return a.states.Append(dst, s)
}

// Restore implements operators.Stateful.
func (a *aggregator) Restore(r state.Reader) error {
	if a.p.plan.Emit != nil {
		a.results.Reset(1)
	}
	return a.restore(r, a.load)
}

func (a *aggregator) load(src []byte, s int32) error {
	a.fit()
	rows, w := binary.Varint(src)
	if w <= 0 || len(src) < w+25 || rows < 0 {
		return event.ErrCorrupt
	}
	word := func(i int) uint64 { return binary.BigEndian.Uint64(src[w+8*i:]) }
	g := &a.groups[s]
	*g = grouped{rows: rows, last: event.ID{Hi: word(0), Lo: word(1)}, armed: event.Time(word(2)), end: event.MaxTime}
	flags := src[w+24]
	g.late = flags&flagLate != 0
	rest := src[w+25:]
	if flags&flagShown != 0 {
		shown, after, err := readBytes(rest)
		if err != nil {
			return err
		}
		if err := a.checkResults(shown); err != nil {
			return err
		}
		g.shown = append([]byte{}, shown...)
		a.bytes += int64(len(shown))
		rest = after
	}
	if a.p.plan.Emit != nil {
		a.p.writeKey(a.Key(s), a.results, 0)
		g.end = a.results.Cols[len(a.p.plan.Keys)+1].I64[0]
	}
	a.alarm(s)
	rest, err := a.states.Read(rest, s)
	if err == nil && len(rest) > 0 {
		err = event.ErrCorrupt
	}
	return err
}

func (a *aggregator) checkResults(shown []byte) error {
	calls := event.Schema{Fields: a.p.plan.Out.Fields[a.p.plan.CallsAt():]}
	return checkRow(shown, &calls)
}
