package pattern

import (
	"math/bits"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query/ast"
)

// partial is a partial match at hand: a run, or one that begins.
type partial struct {
	registers
	info  *placeInfo
	path  int32
	start int32
	rank  int32
}

// begin offers the row to every place where a match may start.
func (e *edges) begin(k *keyState, starts []start) error {
	r := k.runs
	x := partial{registers: e.blank, path: none}
	if e.p.own() {
		ok, err := e.opening()
		if err != nil {
			return e.m.tolerated(k, int(e.number-k.before), err)
		}
		if !ok {
			return nil
		}
		x.registers = registers{e.begun, e.first.vals}
	}
	x.start = e.store.begin(r, e.key, e.number, e.time)
	for _, at := range starts {
		if !e.enters(&x, at.turn) {
			continue
		}
		x.info, x.rank = &e.p.places.list[at.place], at.rank
		if _, err := e.offer(r, &x); err != nil {
			if err = e.m.tolerated(k, int(e.number-k.before), err); err != nil {
				return err
			}
		}
	}
	e.store.leave(r, x.start)
	return nil
}

// step offers the row to run i.
func (e *edges) step(k *keyState, i int32) error {
	r := k.runs
	n := e.store.runs.at(i)
	x := partial{e.store.registers(i), &e.p.places.list[n.place], n.path, n.start, n.rank}
	var waits bool
	var err error
	if x.info.in.op == opAbsent {
		waits, err = e.absent(&x)
	} else {
		waits, err = e.offer(r, &x)
	}
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
		if paths.sameAs(n.parent) == paths.sameAs(x.path) && n.v == in.v {
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
	end := e.ownEnd(start)
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
func (e *edges) absent(x *partial) (waits bool, err error) {
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
