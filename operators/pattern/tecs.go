package pattern

import (
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/plan"
)

// tecs runs patterns with edges whose conditions all lie in the symbol and
// whose matches are all wanted. Partial matches that wait at the same place
// have the same future, so a place holds them together, as a list in a graph
// that shares their rows (graph.go; a timed enumerable compact set: Bucchi, Grez,
// Quintana, Riveros, Vansummeren, "CORE", PVLDB 15(9), 2022):
//
// A row costs one step per place that it concerns, however many partial
// matches wait there, and a complete match is read off the graph in time
// linear in its length.
type tecs struct {
	m      *Matcher
	p      *Program
	acts   map[uint64]*sharedAction
	recent [64]recentAction // of acts
	pool   *nodePool
	idle   []*graph
	active int  // keys with a graph
	muted  bool // restoring: what comes out came out before

	moves    []move // of the row at hand
	complete []int32
	reader   reader
	ranking  ranking
	report   func(steps []step, id uint64) error
	key      *keyState // at hand
}

// sharedAction is what a symbol does.
type sharedAction struct {
	starts []sharedStep
	steps  []sharedStep
}

// recentAction spares the common symbols the map.
type recentAction struct {
	symbol uint64
	action *sharedAction
}

// sharedStep is what a symbol does at a place: take the row, wait on, neither or
// both.
type sharedStep struct {
	place int32
	info  *placeInfo
	takes bool
	last  bool  // it may only complete a match
	stays int32 // where what waits there waits on; none: nowhere
}

// move is a list on its way to a place.
type move struct {
	list, place int32
	own         bool // a node that nobody else knows
}

func newTECS(m *Matcher) *tecs {
	s := &tecs{m: m, p: m.p, ranking: ranking{p: m.p}, pool: newNodePool(), acts: map[uint64]*sharedAction{}}
	s.report = s.match
	return s
}

// action is what a symbol does.
func (s *tecs) action(symbol uint64) *sharedAction {
	r := &s.recent[mix(symbol)>>58]
	if r.action != nil && r.symbol == symbol {
		return r.action
	}
	a, ok := s.acts[symbol]
	if !ok {
		a = s.workOut(symbol)
		if len(s.acts) >= maxStates {
			clear(s.acts)
		}
		s.acts[symbol] = a
	}
	*r = recentAction{symbol, a}
	return a
}

func (s *tecs) workOut(symbol uint64) *sharedAction {
	a := &sharedAction{}
	places := s.p.places
	for i := range places.list {
		if step := s.step(int32(i), symbol); step.takes || step.stays != step.place {
			a.steps = append(a.steps, step)
		}
	}
	for _, at := range places.starts {
		if step := s.step(at.place, symbol); symbol&bitEnded == 0 && step.takes && (!step.last || len(step.info.ends) > 0) {
			a.starts = append(a.starts, step)
		}
	}
	return a
}

func (s *tecs) step(i int32, symbol uint64) sharedStep {
	info := &s.p.places.list[i]
	x := sharedStep{place: i, info: info, stays: none}
	if s.p.fitsAny(symbol, info.stop) {
		return x
	}
	x.takes, x.last = s.p.fits(symbol, int(info.in.v)), s.p.fitsAny(symbol, info.not)
	if !x.last && (!x.takes || info.in.edge == ast.EdgeAny) {
		x.stays = info.stays
	}
	return x
}

func (s *tecs) take() *graph {
	s.active++
	if n := len(s.idle); n > 0 {
		g := s.idle[n-1]
		s.idle = s.idle[:n-1]
		return g
	}
	return newGraph(s.pool, len(s.p.places.list))
}

func (s *tecs) give(g *graph) {
	g.reset()
	s.active--
	s.idle = append(s.idle, g)
}

// bytes is what the graphs of all keys take.
func (s *tecs) bytes() int64 {
	return int64(s.pool.used)*blockNodes*nodeBytes + int64(s.active)*int64(graphBytes+4*len(s.p.places.list))
}

const graphBytes = 128 // with an epoch or two

// wants says whether a row does anything to the key: only such rows are kept.
func (s *tecs) wants(k *keyState, a *sharedAction) bool {
	if len(a.starts) > 0 {
		return true
	}
	if k.graph == nil {
		return false
	}
	for i := range a.steps {
		if head := k.graph.heads[a.steps[i].place]; head != none && k.graph.at(head).max >= k.before {
			return true
		}
	}
	return false
}

// shared takes one row of a pattern that tecs runs. index is 0 for a key
// without state.
func (m *Matcher) shared(index int32, hash uint64, b *event.Batch, i int, symbol uint64) error {
	s := m.tecs
	a := s.action(symbol)
	if index == 0 {
		if len(a.starts) == 0 {
			return nil
		}
		index = m.keys.add(hash, m.keyBuf)
	}
	k := m.keys.at(index)
	m.forget(k, b.Time[i])
	if !s.wants(k, a) {
		if k.n == 0 {
			m.release(index, k)
		}
		return nil
	}
	m.touch(index, k)
	if k.graph == nil {
		k.graph = s.take()
	}
	if taken, err := m.makeRoom(index, b, i); !taken || err != nil {
		return err
	}
	if err := m.append(k, b, i, symbol); err != nil {
		return err
	}
	if w := m.p.within; w > 0 && k.timer < 0 {
		m.timers.set(timer{deadline: deadline(b.Time[i], w), id: b.ID[i], key: index})
	}
	m.hold(index, k)
	if err := s.row(k, k.before+int64(k.n)-1, a); err != nil {
		return err
	}
	switch {
	case len(s.complete) > 0 && m.p.consumes():
		m.consume(index)
	case len(s.moves) == 0 && k.graph.empty():
		m.use(index, k)
	}
	return nil
}

// forget drops the rows with which no match can start any more at t.
func (m *Matcher) forget(k *keyState, t event.Time) {
	w := m.p.within
	if w == 0 {
		return
	}
	for k.start < k.n && deadline(m.rowTime(k, int(k.start)), w) <= t {
		if m.p.drops && m.wm < event.MaxTime && m.tecs.waits(k, int(k.start)) {
			m.drop(k, int(k.start), reasonTTL)
		}
		k.start++
	}
	m.trim(k)
}

// waits says whether a partial match that began with row i may be waiting:
// something is that began then or later.
func (s *tecs) waits(k *keyState, i int) bool {
	if k.graph == nil || len(s.action(s.p.layout.symbolOf(k.row(s.p, s.m.arena, i))).starts) == 0 {
		return false
	}
	for _, head := range k.graph.heads {
		if head != none && k.graph.at(head).max >= k.before+int64(i) {
			return true
		}
	}
	return false
}

// lapse is the timer of a key: its last row then was the newest start. Rows are
// in the order of time, so those that are left end after t; else the timer would
// fire again and again.
func (m *Matcher) lapse(index int32, t event.Time) error {
	k := m.keys.at(index)
	m.touch(index, k)
	m.forget(k, t)
	if k.n == 0 {
		m.release(index, k)
		return nil
	}
	next := int(k.n) - 1
	if m.p.drops {
		next = 0 // each is counted when its time comes
	}
	until := deadline(m.rowTime(k, next), m.p.within)
	if until <= t {
		return errCorrupt
	}
	m.timers.set(timer{deadline: until, id: m.rowID(k, next), key: index})
	return nil
}

// rebuild feeds the kept rows again after a restore.
func (m *Matcher) rebuild(index int32, k *keyState) error {
	s := m.tecs
	k.graph = s.take()
	s.muted = true
	defer func() { s.muted = false }()
	for i := range int(k.n) {
		if err := s.row(k, k.before+int64(i), s.action(m.p.layout.symbolOf(k.row(m.p, m.arena, i)))); err != nil {
			return err
		}
	}
	if m.p.within > 0 && k.timer < 0 {
		return m.lapse(index, event.MinTime)
	}
	return nil
}

// row feeds kept row number of the key.
func (s *tecs) row(k *keyState, number int64, a *sharedAction) error {
	g, oldest := k.graph, k.before
	g.turn(number, oldest)
	s.moves = s.moves[:0]
	s.complete = s.complete[:0]
	for i := range a.steps {
		s.follow(g, &a.steps[i], number, oldest)
	}
	for i := range a.starts {
		x := &a.starts[i]
		s.arrive(x, g.start(number, x.info.in))
	}
	for _, mv := range s.moves {
		g.put(mv.place, mv.list, mv.own, oldest)
	}
	if s.muted || len(s.complete) == 0 {
		return nil
	}
	return s.matches(k, oldest)
}

// follow does what the row does to the list at a place.
func (s *tecs) follow(g *graph, x *sharedStep, number, oldest int64) {
	list := g.heads[x.place]
	if list == none {
		return
	}
	if g.at(list).max < oldest {
		g.heads[x.place] = none
		return
	}
	if x.takes {
		s.arrive(x, g.extend(number, x.info.in, list))
	}
	if x.stays == x.place {
		return
	}
	g.heads[x.place] = none
	if x.stays != none {
		s.moves = append(s.moves, move{list: list, place: x.stays})
	}
}

// arrive sends a node on from a place.
func (s *tecs) arrive(x *sharedStep, c int32) {
	if !x.last {
		for _, to := range x.info.next {
			s.moves = append(s.moves, move{c, to, len(x.info.next) == 1})
		}
	}
	if len(x.info.ends) > 0 {
		s.complete = append(s.complete, c)
	}
}

// matches reports the matches that the row completes, all or those selected.
func (s *tecs) matches(k *keyState, oldest int64) error {
	s.key = k
	s.m.look(k)
	if s.p.choosy() {
		return s.selected(k, oldest)
	}
	for _, c := range s.complete {
		if err := s.reader.each(&s.m.view, k.graph, c, oldest, s.report); err != nil {
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
	w := &s.m.view
	for _, c := range s.ranking.first(k.graph, s.complete, oldest, s.p.most()) {
		s.m.steps = s.ranking.steps(s.m.steps[:0], c)
		if err := s.match(s.m.steps, w.identity(s.m.steps)); err != nil {
			return err
		}
	}
	return nil
}

// maximal needs all matches to compare.
func (s *tecs) maximal(k *keyState, oldest int64) error {
	var all []choice
	keep := func(steps []step, _ uint64) error {
		if len(all) == s.p.opts.MaxThreads {
			return &LimitError{What: "matches that one row completes", Limit: s.p.opts.MaxThreads, Setting: "state.max-partial-matches-per-key"}
		}
		all = append(all, choice{steps: slices.Clone(steps)})
		return nil
	}
	w := &s.m.view
	for _, c := range s.complete {
		if err := s.reader.each(w, k.graph, c, oldest, keep); err != nil {
			return err
		}
	}
	for _, c := range s.p.choose(all) {
		if err := s.match(c.steps, w.identity(c.steps)); err != nil {
			return err
		}
	}
	return nil
}

// match reports a match.
func (s *tecs) match(steps []step, id uint64) error {
	w, k := &s.m.view, s.key
	k.matches++
	last := steps[len(steps)-1]
	w.number, w.timedOut, w.id = k.matches, false, id
	w.at = event.Time(w.row(int(last.row))[wordTime])
	return s.m.out.match(w, steps)
}
