package pattern

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query/ast"
)

// edges steps the runs of one key at a time; one per shard.
//
//	row ──▶ places that its symbol concerns ──▶ there, all runs, or those that the
//	        index has for its values ──▶ each: taken (new runs), ended, or left alone
//	    ──▶ new starts ──▶ matches that are complete ──▶ skip ──▶ out
//
// Runs that a row does not concern are not touched.
type edges struct {
	m       *Matcher
	p       *Program
	store   *runStore
	acts    map[uint64]*action
	keys    []rowKey // per variable: the values of the row at hand
	done    []finished
	choices []choice // of done, for SELECT
	visit   []int32
	muted   bool // restoring: what comes out came out before
	parts   int  // ints that time-limited parts take, before the registers
	loose   int  // runs in the index whose values are not known
	round   uint32
	at      []uint64 // per place: the path that last came to it, where paths merge
	serial  uint64   // of paths
	ranks   int32    // runs of the path made last
	made    int32    // the path made last, where paths merge

	scratch registers // of the partial match at hand, with the row applied
	spare   registers
	blank   registers // of one that begins
	first   registers // the same, with what it takes from its first row
	begun   []int64   // the same, of one way to begin
	taken   []int64   // registers of the partial match at hand, with the row, where loops count
	idle    []*runs
	active  int // keys with runs

	key    int32 // at hand
	hash   uint64
	rows   uint64 // rows so far, the one at hand among them
	number int64  // of the row at hand
	symbol uint64
	time   event.Time
	last   bool   // the row at hand may only complete a match
	left   uint64 // possessive loops that the row at hand has ended
}

// action is what a symbol does.
type action struct {
	starts []start
	visits []visit
}

// visit is a place that a symbol does something at: to all runs there, or to
// those that the index has for the given of the variables it is indexed by.
type visit struct {
	place int32
	all   bool
	probe []int
}

// rowKey is the values of the row at hand by which runs are looked up.
type rowKey struct {
	row  uint64 // that it is of
	how  lookup
	hash uint64
}

// partial is a partial match at hand: a run, or one that begins.
type partial struct {
	registers
	info  *placeInfo
	path  int32
	start int32
	rank  int32
}

func newEdges(m *Matcher) *edges {
	p := m.p
	e := &edges{m: m, p: p, parts: len(p.limits), acts: map[uint64]*action{}, made: none,
		keys: make([]rowKey, len(p.vars)), at: make([]uint64, len(p.places.list))}
	size := registerSize{ints: e.parts + p.define.ints, vals: p.define.vals, links: p.places.watch}
	e.store = &runStore{size: size, index: newRunIndex()}
	e.scratch = registers{make([]int64, size.ints), make([]event.Value, size.vals)}
	e.spare = registers{make([]int64, size.ints), make([]event.Value, size.vals)}
	e.blank = registers{make([]int64, size.ints), make([]event.Value, size.vals)}
	p.define.init(e.blank.ints[e.parts:], e.blank.vals)
	e.first = registers{make([]int64, size.ints), make([]event.Value, size.vals)}
	e.begun, e.taken = make([]int64, size.ints), make([]int64, size.ints)
	m.view.tree = &e.store.paths
	return e
}

// keeps says whether a row is kept; one that does nothing to its key is not.
// index is 0 for a key without state.
func (e *edges) keeps(index int32, symbol uint64) bool {
	if e.p.history > 0 || e.p.ahead > 0 || e.p.anyStart {
		return true // its neighbours may look at it
	}
	a := e.action(symbol)
	if len(a.starts) > 0 {
		return true
	}
	if index == 0 {
		return false
	}
	r := e.m.keys.at(index).runs
	for i := range a.visits {
		if r != nil && r.heads[a.visits[i].place] != none {
			return true
		}
	}
	return false
}

// runEdges feeds the rows that may be fed, and ends what is out of time.
func (m *Matcher) runEdges(index int32, k *keyState) error {
	e := m.edges
	if k.runs == nil {
		k.runs = e.take()
	}
	e.key, e.hash = index, k.hash
	m.look(k)
	for k.pos < k.n && (m.ended || int(k.n)-int(k.pos) > m.p.ahead) {
		symbol, err := m.symbol(k, int(k.pos))
		if err != nil {
			return err
		}
		if err := e.row(k, k.before+int64(k.pos), symbol, m.rowTime(k, int(k.pos))); err != nil {
			return err
		}
		k.pos++
	}
	if err := e.expire(k, min(deadline(m.wm, 1), m.nextTime(k))); err != nil {
		return err
	}
	k.start = min(k.start, k.pos)
	m.trim(k)
	e.setTimer(index, k)
	if k.start >= k.n {
		m.release(index, k)
	}
	return nil
}

// nextTime is when the first row came that waits for rows after it (NEXT).
func (m *Matcher) nextTime(k *keyState) event.Time {
	if k.pos == k.n {
		return event.MaxTime
	}
	return m.rowTime(k, int(k.pos))
}

// setTimer sees to it that runs end in time, but not before rows that wait.
func (e *edges) setTimer(index int32, k *keyState) {
	timers, until := &e.m.timers, k.runs.until
	if until == event.MaxTime || until > e.m.nextTime(k) {
		timers.remove(index)
		return
	}
	t := timer{deadline: until, id: e.m.rowID(k, int(k.start)), key: index}
	if k.timer < 0 || timers.items[k.timer] != t {
		timers.set(t)
	}
}

// take finds room for the runs of a key.
func (e *edges) take() *runs {
	e.active++
	if n := len(e.idle); n > 0 {
		r := e.idle[n-1]
		e.idle = e.idle[:n-1]
		return r
	}
	r := &runs{until: event.MaxTime, first: none, last: none, heads: make([]int32, len(e.p.places.list))}
	for i := range r.heads {
		r.heads[i] = none
	}
	return r
}

// give takes back the runs of a key, with what they hold.
func (e *edges) give(r *runs) {
	e.endStarts(r, event.MaxTime)
	e.dropHeld(r, len(r.held))
	r.until = event.MaxTime
	e.active--
	e.idle = append(e.idle, r)
}

// bytes is what the runs of all keys take.
func (e *edges) bytes() int64 {
	return e.store.bytes() + int64(e.active)*int64(runsBytes+4*len(e.p.places.list))
}

const runsBytes = 96

// row feeds a row of the key.
func (e *edges) row(k *keyState, number int64, symbol uint64, t event.Time) error {
	if err := e.expire(k, t); err != nil {
		return err
	}
	r := k.runs
	e.number, e.symbol, e.time = number, symbol, t
	e.rows++
	a := e.action(symbol)
	e.visit = e.visit[:0]
	for i := range a.visits {
		e.gather(r, &a.visits[i])
	}
	if e.p.places.merges {
		e.sortVisit()
	}
	for _, i := range e.visit {
		if err := e.step(k, i); err != nil {
			return err
		}
	}
	if len(a.starts) > 0 {
		if err := e.begin(k, a.starts); err != nil {
			return err
		}
	}
	e.unmake()
	if r.count+len(r.held) > e.p.opts.MaxThreads {
		return &LimitError{What: "partial matches", Limit: e.p.opts.MaxThreads, Setting: "state.max-partial-matches-per-key"}
	}
	return e.finish(k)
}

// action works out what a symbol does.
func (e *edges) action(symbol uint64) *action {
	if a, ok := e.acts[symbol]; ok {
		return a
	}
	a := &action{}
	places := e.p.places
	for _, s := range places.starts {
		if e.p.fits(symbol, int(places.list[s.place].in.v)) {
			a.starts = append(a.starts, s)
		}
	}
	for i := range places.list {
		if v := e.visitOf(int32(i), symbol); v.all || len(v.probe) > 0 {
			a.visits = append(a.visits, v)
		}
	}
	if len(e.acts) >= maxStates {
		clear(e.acts)
	}
	e.acts[symbol] = a
	return a
}

// visitOf says which runs at a place a symbol concerns.
func (e *edges) visitOf(i int32, symbol uint64) visit {
	info := &e.p.places.list[i]
	v := visit{place: i, all: info.stays != i} // whatever does not stay goes on or ends
	for list := info.heed; list != 0; list &= list - 1 {
		x := bits.TrailingZeros64(list)
		if !e.p.fits(symbol, x) {
			continue
		}
		if n := slices.Index(info.watch, int16(x)); n >= 0 {
			v.probe = append(v.probe, n)
		} else {
			v.all = true
		}
	}
	return v
}

// gather lists the runs that the row at hand concerns at a place.
func (e *edges) gather(r *runs, v *visit) {
	if r.heads[v.place] == none {
		return
	}
	if v.all {
		e.gatherAll(r, v.place)
		return
	}
	from := len(e.visit)
	for _, n := range v.probe {
		key := e.rowKey(e.p.places.list[v.place].watch[n])
		switch key.how {
		case lookAll:
			e.visit = e.visit[:from]
			e.gatherAll(r, v.place)
			return
		case lookUp:
			e.found(v.place, n, key.hash)
		}
		if e.loose > 0 {
			e.found(v.place, n, looseHash)
		}
	}
	if len(v.probe) > 1 { // a run may be found by more than one
		slices.Sort(e.visit[from:])
		e.visit = e.visit[:from+len(slices.Compact(e.visit[from:]))]
	}
}

func (e *edges) gatherAll(r *runs, at int32) {
	for i := r.heads[at]; i != none; i = e.store.runs.at(i).after {
		e.visit = append(e.visit, i)
	}
}

// looseHash stands for values that are not known.
const looseHash = 0x6c6f6f7365

// salted tells the values of one key, place and variable from those of others.
func (e *edges) salted(at int32, n int, hash uint64) uint64 {
	return mix(hash ^ e.hash + uint64(at)<<8 + uint64(n))
}

// found lists the runs that the index has under a hash. Another key or place
// may, hardly ever, have the same.
func (e *edges) found(at int32, n int, hash uint64) {
	for i := e.store.index.first(e.salted(at, n, hash)); i != none; i = e.store.link(i, n).next {
		if x := e.store.runs.at(i); x.place == at && e.store.starts.at(x.start).key == e.key {
			e.visit = append(e.visit, i)
		}
	}
}

// rowKey is the values by which runs that wait for v are looked up.
func (e *edges) rowKey(v int16) *rowKey {
	k := &e.keys[v]
	if k.row != e.rows {
		k.row = e.rows
		k.hash, k.how = e.p.vars[v].equal.ofRow(&e.m.view, int(e.number), v)
	}
	return k
}

// begin offers the row to every place where a match may start.
func (e *edges) begin(k *keyState, starts []start) error {
	r := k.runs
	x := partial{registers: e.blank, path: none}
	own := e.p.limit >= 0 || len(e.p.define.loops) > 0
	if own {
		ok, err := e.opening()
		if err != nil {
			return e.m.tolerated(k, int(e.number-k.before), err)
		}
		if !ok {
			return nil
		}
		x.registers = registers{e.begun, e.first.vals}
	}
	s := e.store.begin(r, e.key, e.number, e.time)
	x.start = s
	for _, at := range starts {
		if own {
			copy(x.ints, e.first.ints)
			if !e.p.define.pass(at.turn, x.ints[e.parts:]) {
				continue
			}
		}
		x.info, x.rank = &e.p.places.list[at.place], at.rank
		if _, err := e.offer(r, &x); err != nil {
			if err = e.m.tolerated(k, int(e.number-k.before), err); err != nil {
				return err
			}
		}
	}
	e.store.leave(r, s)
	return nil
}

// step offers the row to run i.
func (e *edges) step(k *keyState, i int32) error {
	r := k.runs
	n := e.store.runs.at(i)
	x := partial{e.store.registers(i), &e.p.places.list[n.place], n.path, n.start, n.rank}
	offer := e.offer
	if x.info.in.op == opAbsent {
		offer = e.absent
	}
	waits, err := offer(r, &x)
	if err != nil {
		waits = false
		if err = e.m.tolerated(k, int(e.store.starts.at(n.start).number-k.before), err); err != nil {
			return err
		}
	}
	if !waits {
		e.end(r, i)
		return nil
	}
	if to := e.p.places.without(x.info.stays, e.left); to != n.place {
		e.move(r, i, to)
	}
	return nil
}

// offer gives a partial match the row, and says whether it waits on without it.
// A row that a negation forbids ends it, but a match that the row completes
// stands (as in Flink CEP).
func (e *edges) offer(r *runs, x *partial) (waits bool, err error) {
	if stop, err := e.stopped(x); stop || err != nil {
		return false, err
	}
	if e.last, err = e.any(x, x.info.not); err != nil {
		return false, err
	}
	fits, err := e.try(r, x)
	edge := x.info.in.edge
	return !e.last && (edge == ast.EdgeAny || edge == ast.EdgeRelaxed && !fits), err
}

// end forgets a run.
func (e *edges) end(r *runs, i int32) {
	e.loosen(i, -1)
	e.store.remove(r, i)
}

// loosen counts the places of run i in the index where its values are not known.
func (e *edges) loosen(i int32, by int) {
	at := e.store.runs.at(i).place
	for n := range e.p.places.list[at].watch {
		if l := e.store.link(i, n); l.in && l.loose {
			e.loose += by
		}
	}
}

// move lets a run that passed over a row wait on elsewhere: what was said of the
// very next row is over.
func (e *edges) move(r *runs, i, to int32) {
	e.loosen(i, -1)
	e.store.unlink(i)
	e.store.part(r, i)
	e.store.runs.at(i).place = to
	e.store.wait(r, i)
	e.enlist(i)
}

// enlist puts a run into the index of its place.
func (e *edges) enlist(i int32) {
	at := e.store.runs.at(i).place
	g := e.store.registers(i)
	g.ints = g.ints[e.parts:]
	for n, v := range e.p.places.list[at].watch {
		hash, how := e.p.vars[v].equal.ofRun(&e.m.view, g, v)
		if how == lookNever {
			continue
		}
		if how == lookAll {
			hash = looseHash
		}
		e.store.enlist(i, n, e.salted(at, n, hash))
		e.store.link(i, n).loose = how == lookAll
	}
	e.loosen(i, 1)
}

// stopped says whether a row that must not come has come: the very next one,
// one of a loop that keeps its rows, or one that ends the loop that waits.
func (e *edges) stopped(x *partial) (bool, error) {
	e.left = 0
	for l := x.info.at.g.loop; l != 0; l &= l - 1 {
		belongs, err := e.belongs(x, int16(bits.TrailingZeros64(l)))
		if belongs || err != nil {
			return belongs, err
		}
	}
	return e.any(x, x.info.ban)
}

// belongs says whether the row is one of the possessive loop over v, and notes
// when it ends the loop.
func (e *edges) belongs(x *partial, v int16) (bool, error) {
	if u := e.p.loopUntil[v]; u >= 0 {
		if ended, err := e.admits(x, u); ended || err != nil {
			e.left |= 1 << v
			return false, err
		}
	}
	return e.admits(x, v)
}

// any says whether the row is one of the variables.
func (e *edges) any(x *partial, variables uint64) (bool, error) {
	if !e.p.fitsAny(e.symbol, variables) {
		return false, nil
	}
	for ; variables != 0; variables &= variables - 1 {
		hit, err := e.admits(x, int16(bits.TrailingZeros64(variables)))
		if hit || err != nil {
			return hit, err
		}
	}
	return false, nil
}

// admits tests v's condition with the row as the last of v.
func (e *edges) admits(x *partial, v int16) (bool, error) {
	def := &e.p.vars[v]
	if e.symbol&def.mask != def.mask {
		return false, nil
	}
	if def.hist == nil {
		return true, nil
	}
	if err := e.apply(x, v); err != nil {
		return false, err
	}
	return e.m.view.holds(&e.p.define, e.p.define.slots, def.hist, e.scratch.ints[e.parts:], e.scratch.vals, int(e.number), v)
}

// apply makes scratch the registers of x with the row as v.
func (e *edges) apply(x *partial, v int16) error {
	copy(e.scratch.ints, x.ints)
	copy(e.scratch.vals, x.vals)
	w := &e.m.view
	w.classes, w.node = nil, x.path
	return e.p.define.apply(w, e.scratch.ints[e.parts:], e.scratch.vals, int(e.number), v)
}

// try takes the row where the condition holds, unless it ends the loop.
func (e *edges) try(r *runs, x *partial) (fits bool, err error) {
	in, ended := x.info.in, false
	if in.until >= 0 {
		if ended, err = e.admits(x, in.until); err != nil {
			return false, err
		}
	}
	fits, err = e.admits(x, in.v)
	if err != nil || !fits || ended {
		return fits, err
	}
	if e.p.vars[in.v].hist == nil {
		if err := e.apply(x, in.v); err != nil {
			return true, err
		}
	}
	if !e.inTime(x) {
		return true, nil
	}
	return true, e.arrive(r, x)
}

// inTime enters the row in the parts it lies in, each of which has a limit.
func (e *edges) inTime(x *partial) bool {
	for _, n := range x.info.in.parts {
		began := &e.scratch.ints[n]
		if *began == 0 || x.info.at.g.reset>>n&1 != 0 {
			*began = e.time + 1 // zero is "not begun"
		} else if e.time-(*began-1) >= e.p.limits[n] {
			return false
		}
	}
	return true
}

// arrive lets what took the row wait wherever it may go on, or be complete.
// scratch has its registers.
func (e *edges) arrive(r *runs, x *partial) error {
	path := e.path(x)
	if x.info.turns != nil {
		copy(e.taken, e.scratch.ints)
	}
	for n, to := range x.info.next {
		if !e.last && (x.info.turns == nil || e.turned(x.info.turns.next[n])) {
			e.add(r, x.start, path, to)
		}
	}
	err := e.accept(x, path)
	e.store.paths.drop(path)
	return err
}

// accept completes the match if it may end with the row. One way to end is
// enough.
func (e *edges) accept(x *partial, path int32) error {
	for n, g := range x.info.ends {
		if x.info.turns != nil && !e.turned(x.info.turns.ends[n]) {
			continue
		}
		denied, err := e.denied(x, path, g)
		if err != nil {
			return err
		}
		if !denied {
			e.complete(finished{path: path, start: e.store.starts.at(x.start).number, at: e.time})
			return nil
		}
	}
	return nil
}

// denied says whether a match that may end here, behind a negation of the very
// next row of which only optional steps follow, ends with a row that is itself
// denied (as in Flink CEP).
func (e *edges) denied(x *partial, path int32, g guards) (bool, error) {
	if g.once == 0 {
		return false, nil
	}
	y := partial{registers: e.scratch, info: x.info, path: path}
	e.scratch, e.spare = e.spare, e.scratch
	denied, err := e.any(&y, g.once)
	e.scratch, e.spare = e.spare, e.scratch
	return denied, err
}

// path is that of x with the row. Where several ways lead over the same rows as
// the same variables, what they lead to is one; visits are in an order that
// makes them neighbours, the preferred first.
func (e *edges) path(x *partial) int32 {
	in, paths := x.info.in, &e.store.paths
	e.ranks = 0
	if e.made != none {
		n := paths.at(e.made)
		if paths.sameAs(n.parent) == paths.sameAs(x.path) && n.v == in.v && n.excluded == in.excluded {
			return paths.add(x.path, in, x.rank, e.number, e.made)
		}
	}
	e.unmake()
	path := paths.add(x.path, in, x.rank, e.number, none)
	e.serial++
	if e.p.places.merges {
		paths.hold(path)
		e.made = path
	}
	return path
}

// unmake ends the merging of ways into the path made last.
func (e *edges) unmake() {
	if e.made != none {
		e.store.paths.drop(e.made)
		e.made = none
	}
}

// add makes a run.
func (e *edges) add(r *runs, start, path, to int32) {
	if e.p.places.merges && e.parts == 0 {
		if e.at[to] == e.serial && (len(e.p.define.loops) == 0 || e.again(r, path, to)) {
			return
		}
		e.at[to] = e.serial
	}
	s := e.store
	i := s.take()
	*s.runs.at(i) = run{end: e.endOf(start, to), place: to, path: path, start: start, rank: e.ranks}
	e.ranks++
	g := s.registers(i)
	copy(g.ints, e.scratch.ints)
	copy(g.vals, e.scratch.vals)
	s.paths.hold(path)
	s.enter(r, i)
	e.enlist(i)
	if s.runs.at(i).end < event.MaxTime {
		s.limit(r, i)
	}
}

// endOf is when a run that comes to wait at a place ends, though its start is
// within its time: the gap is too long, or a part that it is in. With time-outs
// the second does not count: what waits there in vain times out as a whole.
func (e *edges) endOf(start, at int32) event.Time {
	end := event.MaxTime
	if e.p.limit >= 0 {
		s := e.store.starts.at(start)
		w := &e.m.view
		end = deadline(s.time, w.p.layout.value(w.arena, w.row(int(s.number)), e.p.limit).I)
	}
	if gap := e.p.match.Gap; gap > 0 {
		end = min(end, deadline(e.time, gap))
	}
	if e.p.match.Timeouts {
		return end
	}
	info := &e.p.places.list[at]
	for _, n := range info.in.parts {
		if began := e.scratch.ints[n]; began != 0 && info.at.g.reset>>n&1 == 0 {
			end = min(end, deadline(began-1, e.p.limits[n]))
		}
	}
	return end
}

// absent is a negation at the end: the run waits for time to run out, or, for
// the very next row, for a row that is not of the variable.
func (e *edges) absent(_ *runs, x *partial) (waits bool, err error) {
	if stop, err := e.stopped(x); stop || err != nil {
		return false, err
	}
	in := x.info.in
	hit, err := e.any(x, x.info.not|1<<in.v)
	if err != nil || hit {
		return false, err
	}
	if in.once {
		e.complete(finished{path: x.path, rank: x.rank, start: e.store.starts.at(x.start).number, at: e.time})
	}
	return !in.once, nil
}

// sortVisit brings runs over the same rows that wait for the same variable
// together, by preference.
func (e *edges) sortVisit() {
	paths := &e.store.paths
	key := func(x *run) (same, v int) {
		in := e.p.places.list[x.place].in
		return int(paths.sameAs(x.path)), int(in.v)<<1 + b2i(in.excluded)
	}
	slices.SortFunc(e.visit, func(a, b int32) int {
		x, y := e.store.runs.at(a), e.store.runs.at(b)
		sx, vx := key(x)
		sy, vy := key(y)
		if c := cmp.Or(cmp.Compare(sx, sy), cmp.Compare(vx, vy)); c != 0 || a == b {
			return c
		}
		return paths.compare(x.path, x.rank, y.path, y.rank)
	})
}
