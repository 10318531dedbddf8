package pattern

import (
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/plan"
)

// tecs runs patterns with edges whose conditions all lie in the symbol and
// whose matches are all wanted. Partial matches that wait at the same place
// have the same future, so a place holds them together, as one node of a graph
// that shares their rows (a timed enumerable compact set: Bucchi, Grez,
// Quintana, Riveros, Vansummeren, "CORE", PVLDB 15(9), 2022):
//
//	extend(row, v, left)   left's partial matches, each with the row as v
//	union(left, right)     those of both; left has the latest start
//
// A row costs one step per place that it concerns, however many partial
// matches wait there, and a complete match is read off the graph in time
// linear in its length.
type tecs struct {
	m      *Matcher
	p      *Program
	places []placeInfo
	starts []start
	acts   map[uint64][]int32
	idle   []*graph
	muted  bool // restoring: what comes out came out before

	moves    []move // of the row at hand
	complete []int32
	pending  []branch
	ranking  ranking
	steps    []step
}

// move is a new node on its way to a place.
type move struct{ node, place int32 }

// sharable says whether partial matches at one place have one future.
func (p *Program) sharable() bool {
	m := p.match
	if !m.Edges || p.limit >= 0 || !p.deterministic() || p.places.merges || p.numbered || m.Skip != ast.NoSkip || m.Timeouts || m.Gap > 0 || len(p.limits) > 0 || p.ahead > 0 || p.history > 0 {
		return false
	}
	for i := range p.code {
		switch in := &p.code[i]; in.op {
		case opAbsent:
			return false
		case opRow:
			if in.until >= 0 {
				return false
			}
		case opNot:
			if in.until >= 0 || !in.loop && p.mayEnd(i) {
				return false
			}
		}
	}
	return true
}

// mayEnd says whether a match may end behind instruction pc without a further
// row.
func (p *Program) mayEnd(pc int) bool {
	seen := make([]bool, len(p.code))
	var visit func(pc int32) bool
	visit = func(pc int32) bool {
		if seen[pc] {
			return false
		}
		seen[pc] = true
		switch in := p.code[pc]; in.op {
		case opSplit:
			return visit(in.x) || visit(in.y)
		case opJump:
			return visit(in.x)
		case opAccept:
			return true
		case opRow, opAbsent:
			return false
		}
		return visit(pc + 1)
	}
	return visit(int32(pc))
}

func newTECS(m *Matcher) *tecs {
	return &tecs{m: m, p: m.p, ranking: ranking{p: m.p}, places: m.p.places.list, starts: m.p.places.starts, acts: map[uint64][]int32{}}
}

// concerned lists the places that a symbol does something at.
func (s *tecs) concerned(symbol uint64) []int32 {
	if list, ok := s.acts[symbol]; ok {
		return list
	}
	var list []int32
	for i := range s.places {
		info := &s.places[i]
		if info.stays != int32(i) || s.p.fitsAny(symbol, info.heed) {
			list = append(list, int32(i))
		}
	}
	if len(s.acts) >= maxStates {
		clear(s.acts)
	}
	s.acts[symbol] = list
	return list
}

func (s *tecs) takes(info *placeInfo, symbol uint64) bool { return s.p.fits(symbol, int(info.in.v)) }

func (s *tecs) take() *graph {
	if n := len(s.idle); n > 0 {
		g := s.idle[n-1]
		s.idle = s.idle[:n-1]
		return g
	}
	g := &graph{heads: make([]int32, len(s.places)), compactAt: 1024}
	for i := range g.heads {
		g.heads[i] = none
	}
	return g
}

func (s *tecs) give(g *graph) {
	for i := range g.heads {
		g.heads[i] = none
	}
	g.nodes, g.compactAt = g.nodes[:0], 1024
	s.idle = append(s.idle, g)
}

// wants says whether a row does anything to the key: only such rows are kept.
func (s *tecs) wants(k *keyState, symbol uint64) bool {
	if s.begins(symbol) {
		return true
	}
	if k.graph == nil {
		return false
	}
	for _, i := range s.concerned(symbol) {
		if k.graph.heads[i] != none {
			return true
		}
	}
	return false
}

// shared takes one row of a pattern that tecs runs. index is 0 for a key
// without state.
func (m *Matcher) shared(index int32, hash uint64, b *event.Batch, i int, symbol uint64) error {
	s := m.tecs
	if index == 0 {
		if !s.begins(symbol) {
			return nil
		}
		index = m.keys.add(hash, m.keyBuf)
	}
	k := m.keys.at(index)
	m.forget(k, b.Time[i])
	if !s.wants(k, symbol) {
		if k.n == 0 {
			m.release(index, k)
		}
		return nil
	}
	m.touch(index, k)
	if k.graph == nil {
		k.graph = s.take()
	}
	if err := m.append(k, b, i, symbol); err != nil {
		return err
	}
	if w := m.p.match.Within; w > 0 && k.timer < 0 {
		m.timers.set(timer{deadline: deadline(b.Time[i], w), id: b.ID[i], key: index})
	}
	m.hold(index, k)
	if err := s.row(k, k.before+int64(k.n)-1, k.before, symbol); err != nil {
		return err
	}
	if len(s.complete) > 0 && m.p.consumes() {
		m.consume(index)
	}
	return nil
}

// forget drops the rows with which no match can start any more at t.
func (m *Matcher) forget(k *keyState, t event.Time) {
	w := m.p.match.Within
	if w == 0 {
		return
	}
	for k.start < k.n && deadline(m.rowTime(k, int(k.start)), w) <= t {
		k.start++
	}
	m.trim(k)
}

// lapse is the timer of a key: its last row then was the newest start.
func (m *Matcher) lapse(index int32, t event.Time) {
	k := m.keys.at(index)
	m.touch(index, k)
	m.forget(k, t)
	if k.n == 0 {
		m.release(index, k)
		return
	}
	last := int(k.n) - 1
	m.timers.set(timer{deadline: deadline(m.rowTime(k, last), m.p.match.Within), id: m.rowID(k, last), key: index})
}

// rebuild feeds the kept rows again after a restore.
func (m *Matcher) rebuild(index int32, k *keyState) error {
	s := m.tecs
	k.graph = s.take()
	s.muted = true
	defer func() { s.muted = false }()
	for i := range int(k.n) {
		if err := s.row(k, k.before+int64(i), k.before, k.row(m.p, m.arena, i)[wordSymbol]); err != nil {
			return err
		}
	}
	if m.p.match.Within > 0 {
		m.lapse(index, event.MinTime)
	}
	return nil
}

// begins says whether a match may start with the row.
func (s *tecs) begins(symbol uint64) bool {
	for _, at := range s.starts {
		if s.opens(&s.places[at.place], symbol) {
			return true
		}
	}
	return false
}

// opens says whether a match may start at a place with a row.
func (s *tecs) opens(info *placeInfo, symbol uint64) bool {
	return s.takes(info, symbol) && !s.p.fitsAny(symbol, info.stop) && (len(info.ends) > 0 || !s.p.fitsAny(symbol, info.not))
}

// row feeds kept row number of the key; oldest is the first row that a match
// may still start with.
func (s *tecs) row(k *keyState, number, oldest int64, symbol uint64) error {
	g := k.graph
	s.moves = s.moves[:0]
	s.complete = s.complete[:0]
	for _, i := range s.concerned(symbol) {
		head := g.heads[i]
		if head == none {
			continue
		}
		info := &s.places[i]
		g.heads[i] = none
		if g.nodes[head].max < oldest || s.p.fitsAny(symbol, info.stop) {
			continue
		}
		taken, forbidden := s.takes(info, symbol), s.p.fitsAny(symbol, info.not)
		if taken {
			s.arrive(info, g.extend(number, info.in.v, head), forbidden)
		}
		if info.stays != none && !forbidden && (!taken || info.in.edge == ast.EdgeAny) {
			s.moves = append(s.moves, move{head, info.stays})
		}
	}
	for _, at := range s.starts {
		if info := &s.places[at.place]; s.opens(info, symbol) {
			s.arrive(info, g.start(number, info.in.v), s.p.fitsAny(symbol, info.not))
		}
	}
	for _, mv := range s.moves {
		g.heads[mv.place] = g.union(g.heads[mv.place], mv.node)
	}
	if err := s.matches(k, oldest); err != nil {
		return err
	}
	g.compact(oldest)
	return nil
}

// matches reports the matches that the row completes, all or those selected.
func (s *tecs) matches(k *keyState, oldest int64) error {
	switch {
	case s.muted || len(s.complete) == 0:
		return nil
	case s.p.choosy():
		return s.selected(k, oldest)
	}
	for _, n := range s.complete {
		if err := s.enumerate(k, n, oldest, s.report); err != nil {
			return err
		}
	}
	return nil
}

// selected reports the matches that SELECT and LIMIT choose.
func (s *tecs) selected(k *keyState, oldest int64) error {
	if s.p.match.Select == plan.SelectMaximal {
		return s.maximal(k, oldest)
	}
	for _, cell := range s.ranking.first(k.graph, s.complete, oldest, s.p.most()) {
		s.steps = s.ranking.steps(s.steps[:0], cell)
		slices.Reverse(s.steps)
		if err := s.report(k); err != nil {
			return err
		}
	}
	return nil
}

// maximal needs all matches to compare.
func (s *tecs) maximal(k *keyState, oldest int64) error {
	var all []choice
	keep := func(*keyState) error {
		if len(all) == s.p.opts.MaxThreads {
			return &LimitError{What: "matches that one row completes", Limit: s.p.opts.MaxThreads, Setting: "state.max-partial-matches-per-key"}
		}
		steps := slices.Clone(s.steps)
		slices.Reverse(steps)
		all = append(all, choice{steps: steps})
		return nil
	}
	for _, n := range s.complete {
		if err := s.enumerate(k, n, oldest, keep); err != nil {
			return err
		}
	}
	for _, c := range s.p.choose(all) {
		s.steps = append(s.steps[:0], c.steps...)
		slices.Reverse(s.steps)
		if err := s.report(k); err != nil {
			return err
		}
	}
	return nil
}

// arrive sends a node on from a place; last says that it may only complete a
// match.
func (s *tecs) arrive(info *placeInfo, n int32, last bool) {
	if !last {
		for _, to := range info.next {
			s.moves = append(s.moves, move{n, to})
		}
	}
	if len(info.ends) > 0 {
		s.complete = append(s.complete, n)
	}
}

// branch is a choice to come back to: a node, and how many rows were read
// before it.
type branch struct {
	node  int32
	depth int32
}

// enumerate calls each with every match that ends in n and started at oldest or
// later in steps, last row first.
func (s *tecs) enumerate(k *keyState, n int32, oldest int64, each func(*keyState) error) error {
	g := k.graph
	s.pending = append(s.pending[:0], branch{n, 0})
	for len(s.pending) > 0 {
		b := s.pending[len(s.pending)-1]
		s.pending = s.pending[:len(s.pending)-1]
		s.steps = s.steps[:b.depth]
		for at := b.node; at != none; {
			x := &g.nodes[at]
			if g.isUnion(at) {
				if g.nodes[x.right].max >= oldest {
					s.pending = append(s.pending, branch{x.right, int32(len(s.steps))})
				}
				at = x.left
				continue
			}
			s.steps = append(s.steps, step{v: x.v, row: x.row})
			at = x.left
		}
		if err := each(k); err != nil {
			return err
		}
	}
	return nil
}

// report emits the match whose rows stand in steps, last first.
func (s *tecs) report(k *keyState) error {
	w := &s.m.view
	s.m.steps = append(s.m.steps[:0], s.steps...)
	slices.Reverse(s.m.steps)
	k.matches++
	s.m.look(k)
	last := s.m.steps[len(s.m.steps)-1]
	w.number, w.timedOut = k.matches, false
	w.at = event.Time(w.row(int(last.row))[wordTime])
	return s.m.out.match(w, s.m.steps)
}
