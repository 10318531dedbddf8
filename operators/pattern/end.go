package pattern

import (
	"slices"

	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/query/ast"
)

// End implements operators.Inspector.
//
// Since a key's partial matches are made again from its rows after a restore, it
// is the rows that have to say what was ended. With edges, what began with the
// same row is ended as a whole, and the row marked: nothing begins with it.
// Without, the rows of the match are passed over, as if it had matched.
func (m *Matcher) End(ctx *operators.Context, name []byte, id uint64, out operators.Collector) (bool, error) {
	if err := m.begin(ctx, out); err != nil {
		return false, err
	}
	index, err := m.warm(name)
	if err != nil || index == 0 {
		return false, err
	}
	k := m.keys.at(index)
	first, member, found := m.openAs(index, k, id)
	if !found {
		return false, nil
	}
	m.clock = m.rowTime(k, int(k.n)-1)
	m.touching(hashKey(name))
	m.touch(index, k)
	switch {
	case m.joint != nil:
		m.joint.endMember(index, k, member)
	case m.tecs != nil:
		err = m.endShared(index, k, first)
	case m.edges != nil:
		err = m.edges.endFrom(index, k, first)
	default:
		err = m.endAttempt(index, k)
	}
	m.settle()
	if err != nil {
		return false, err
	}
	return true, m.flush()
}

// openAs finds an open match of a key: the kept row it begins with and, of
// patterns that run together, which it is of.
func (m *Matcher) openAs(index int32, k *keyState, id uint64) (first int32, member int, found bool) {
	var in *inspection
	in = m.inspection(&operators.Look{}, func(x *operators.Instance) bool {
		found = x.ID == id
		first, member = in.first, in.member
		return !found
	})
	_ = in.key(index, k)
	return first, member, found
}

// endAttempt passes over the rows that the attempt has taken.
func (m *Matcher) endAttempt(index int32, k *keyState) error {
	next := max(k.pos, k.start+1)
	for m.p.match.Rows == ast.AllRowsUnmatch && k.start < next {
		if k.before+int64(k.start) >= k.covered {
			m.look(k)
			if err := m.out.unmatched(&m.view); err != nil {
				return err
			}
		}
		k.start++
	}
	m.abandon(index, k, next)
	return m.run(index)
}

// endFrom ends the runs that began with a row, and the matches that did so and
// are held back.
func (e *edges) endFrom(index int32, k *keyState, first int32) error {
	e.m.mark(k, first)
	e.key, e.hash = index, e.m.keys.hashOf(k)
	e.m.look(k)
	r, number := k.runs, k.before+int64(first)
	for s := r.first; s != none; s = e.store.starts.at(s).next {
		if e.store.starts.at(s).number == number {
			e.endStart(r, s)
			break
		}
	}
	for i := len(r.held) - 1; i >= 0; i-- {
		if r.held[i].start == number {
			e.store.paths.drop(r.held[i].path)
			r.held = slices.Delete(r.held, i, i+1)
		}
	}
	e.dropHeld(r, 0)
	if err := e.release(k); err != nil {
		return err
	}
	e.tidy(k)
	return e.m.run(index)
}

// mark says of a kept row that nothing begins with it any more. Its page, if it
// has one, is written again.
func (m *Matcher) mark(k *keyState, row int32) {
	words := k.row(m.p, m.arena, int(row))
	m.p.layout.setSymbol(words, m.p.layout.symbolOf(words)|bitEnded)
	if k.flags&keyPaged != 0 {
		g := k.paging
		g.saved = min(g.saved, g.first+int64((int(k.head)+int(row))/pageRows))
	}
}

// endShared makes the graph of a key again, without what began with a row.
func (m *Matcher) endShared(index int32, k *keyState, first int32) error {
	m.mark(k, first)
	m.tecs.give(k.graph)
	m.look(k)
	if err := m.rebuild(index, k); err != nil {
		return err
	}
	if k.graph.empty() {
		m.use(index, k)
	}
	return nil
}

// endMember says that matches of a member begin with none of the key's rows.
func (f *jointMatcher) endMember(index int32, k *keyState, member int) {
	list := slices.DeleteFunc(f.used[index], func(u used) bool { return int(u.member) == member })
	f.used[index] = append(list, used{int32(member), k.n})
}
