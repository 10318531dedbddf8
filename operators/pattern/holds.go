package pattern

import (
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query/ast"
)

// holds is the keys whose next result may be older than the watermark, by the
// earliest time it may have. A pattern over the results waits for them.
//
// A key has at most one item. Its time only grows while the key lives, and a
// key that takes over the place of one that is gone holds later rows; so an
// item is never above the truth, and is put right when it comes to the top.
type holds struct {
	items []hold
	keys  *keyTable
}

type hold struct {
	time event.Time
	key  int32
}

// Hold is the watermark of the results: no result with a time of that or less
// comes after the matcher was advanced to wm. It costs what has changed since
// the last call, not what is held.
func (m *Matcher) Hold(wm event.Time) event.Time {
	h := &m.holds
	for len(h.items) > 0 {
		top := &h.items[0]
		t := event.MaxTime
		if k := m.keys.at(top.key); k.flags&keyUsed != 0 {
			t = m.earliest(k)
		}
		switch {
		case t == event.MaxTime:
			h.pop()
		case t > top.time:
			top.time = t
			h.down(0)
		default:
			return min(wm, t-1)
		}
	}
	return wm
}

// hold notes what the key may report.
func (m *Matcher) hold(index int32, k *keyState) {
	if !m.p.opts.Ordered || k.flags&(keyUsed|keyHeld) != keyUsed {
		return
	}
	if t := m.earliest(k); t != event.MaxTime {
		k.flags |= keyHeld
		m.holds.push(hold{t, index})
	}
}

// earliest is the least time that a result over the kept rows of a key may
// have; MaxTime when only rows to come can end one.
func (m *Matcher) earliest(k *keyState) event.Time {
	t := event.MaxTime
	if i := m.earliestRow(k); i < int(k.n) {
		t = m.rowTime(k, i)
	}
	if k.runs != nil {
		for i := range k.runs.held {
			t = min(t, k.runs.held[i].at)
		}
	}
	return t
}

// earliestRow is the kept row whose time that result would have.
func (m *Matcher) earliestRow(k *keyState) int {
	start, pos, cand, least := int(k.start), int(k.pos), int(k.cand), m.p.shortest
	switch {
	case m.p.match.Rows != ast.OneRow:
		return start
	case m.tecs != nil:
		return int(k.n) // a match is reported with its last row
	case m.edges != nil:
		return pos
	case start >= int(k.n):
		return start
	case cand >= 0: // of this match, or of one that starts later
		return min(max(cand-1, start), start+least)
	}
	return min(max(pos, start+least-1), start+least)
}

// push adds an item.
func (h *holds) push(x hold) {
	h.items = append(h.items, x)
	for i := len(h.items) - 1; i > 0; {
		parent := (i - 1) / 2
		if h.items[parent].time <= x.time {
			return
		}
		h.items[i], h.items[parent] = h.items[parent], x
		i = parent
	}
}

// pop removes the first item; its key may be held again.
func (h *holds) pop() {
	h.keys.at(h.items[0].key).flags &^= keyHeld
	last := len(h.items) - 1
	h.items[0] = h.items[last]
	h.items = h.items[:last]
	h.down(0)
}

func (h *holds) down(i int) {
	for {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < len(h.items); c++ {
			if h.items[c].time < h.items[least].time {
				least = c
			}
		}
		if least == i {
			return
		}
		h.items[i], h.items[least] = h.items[least], h.items[i]
		i = least
	}
}

// shortestMatch is the least number of rows of a match that has any.
func (p *Program) shortestMatch() int {
	const far = 1 << 30
	rows := make([]int, len(p.code)) // from an instruction to the end
	for i := range rows {
		rows[i] = far
	}
	for changed := true; changed; {
		changed = false
		for pc := len(p.code) - 1; pc >= 0; pc-- {
			var n int
			switch in := p.code[pc]; in.op {
			case opAccept:
				n = 0
			case opSplit, opCount:
				n = min(rows[in.x], rows[in.y])
			case opJump, opNext:
				n = rows[in.x]
			case opRow:
				n = rows[pc+1] + 1
			case opRows:
				if n = rows[pc+1]; in.x >= 0 {
					n = min(n, rows[in.x])
				}
			default:
				n = rows[pc+1]
			}
			if n < rows[pc] {
				rows[pc], changed = n, true
			}
		}
	}
	return max(1, rows[0])
}
