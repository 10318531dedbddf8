package pattern

import (
	"math/bits"
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query/ast"
)

// runs is what a key holds of a pattern with edges: every partial match of
// every start, where the standard follows one start at a time. Rows are named
// by their number in the partition.
//
//	row ──▶ each run: taken (a new run), passed over (kept), or ended
//	    ──▶ a new start ──▶ matches that are complete ──▶ skip ──▶ out
type runs struct {
	list  []run // by start
	ints  []int64
	vals  []event.Value
	paths []pathNode
	held  []finished // complete, waiting for partial matches that started earlier
	until event.Time // the first deadline of a run
}

// run is one partial match: a place in the automaton and how it got there.
type run struct {
	pc    int32
	path  int32
	start int64 // number of its first row
	first event.Time
	last  event.Time // of the row before
	guards
}

// guards are variables that must not come, as bits.
type guards struct {
	not   uint64 // before the next row is taken
	once  uint64 // as the very next row
	loop  uint64 // before the next row is taken: they belong to a possessive loop
	reset uint64 // time-limited parts to begin anew
}

// finished is a match that is complete, or has run out of time.
type finished struct {
	path     int32
	start    int64
	at       event.Time
	timedOut bool
}

// edges steps the runs of one key at a time; one per shard.
type edges struct {
	m     *Matcher
	p     *Program
	next  runs
	done  []finished
	seen  []place
	stack []place
	muted bool // restoring: what comes out came out before
	parts int  // ints that time-limited parts take, before the registers
	intsN int
	valsN int

	scratch registers // of the run at hand, with the row applied
	blank   registers // of a run that begins
	waiting []run
	idle    []*runs

	number int64 // of the row at hand
	symbol uint64
	time   event.Time
}

// registers is the state of a run that conditions read.
type registers struct {
	ints []int64
	vals []event.Value
}

func (e *edges) registers(r *runs, i int) registers {
	return registers{r.ints[i*e.intsN : (i+1)*e.intsN], r.vals[i*e.valsN : (i+1)*e.valsN]}
}

// place is an instruction reached with guards.
type place struct {
	pc int32
	g  guards
}

func newEdges(m *Matcher) *edges {
	e := &edges{m: m, p: m.p, parts: len(m.p.limits)}
	e.intsN, e.valsN = e.parts+m.p.define.ints, m.p.define.vals
	e.scratch = registers{make([]int64, e.intsN), make([]event.Value, e.valsN)}
	e.blank = registers{make([]int64, e.intsN), make([]event.Value, e.valsN)}
	e.p.define.init(e.blank.ints[e.parts:], e.blank.vals)
	return e
}

// runEdges feeds the rows that may be fed, and ends what is out of time.
func (m *Matcher) runEdges(index int32, k *keyState) error {
	e := m.edges
	if k.runs == nil {
		k.runs = e.take()
	}
	for k.pos < k.n && (m.ended || int(k.n)-int(k.pos) > m.p.ahead) {
		m.look(k)
		symbol, err := m.symbol(k, int(k.pos))
		if err != nil {
			return err
		}
		if err := e.row(k, k.before+int64(k.pos), symbol, m.rowTime(k, int(k.pos))); err != nil {
			return err
		}
		k.pos++
	}
	m.look(k)
	if err := e.expire(k, deadline(m.wm, 1)); err != nil {
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

func (e *edges) setTimer(index int32, k *keyState) {
	if k.runs.until == event.MaxTime {
		e.m.timers.remove(index)
		return
	}
	e.m.timers.set(timer{deadline: k.runs.until, id: e.m.rowID(k, int(k.start)), key: index})
}

// take finds room for the runs of a key.
func (e *edges) take() *runs {
	if n := len(e.idle); n > 0 {
		r := e.idle[n-1]
		e.idle = e.idle[:n-1]
		return r
	}
	return &runs{until: event.MaxTime}
}

// row feeds a row of the key.
func (e *edges) row(k *keyState, number int64, symbol uint64, t event.Time) error {
	if err := e.expire(k, t); err != nil {
		return err
	}
	r := k.runs
	e.number, e.symbol, e.time = number, symbol, t
	e.next.clear()
	e.done = e.done[:0]
	for i := range r.list {
		if err := e.step(r, i); err != nil {
			return err
		}
	}
	if err := e.begin(r); err != nil {
		return err
	}
	e.swap(r)
	if len(r.list) > e.p.opts.MaxThreads {
		if err := e.overflow(k); err != nil {
			return err
		}
	}
	return e.finish(k, e.done)
}

func (r *runs) clear() { r.list, r.ints, r.vals = r.list[:0], r.ints[:0], r.vals[:0] }

// swap makes the runs in the making those of the key; paths stay.
func (e *edges) swap(r *runs) {
	r.list, e.next.list = e.next.list, r.list
	r.ints, e.next.ints = e.next.ints, r.ints
	r.vals, e.next.vals = e.next.vals, r.vals
}

// begin offers the row to every place where a match may start.
func (e *edges) begin(r *runs) error {
	from := len(e.next.list)
	copy(e.scratch.ints, e.blank.ints)
	copy(e.scratch.vals, e.blank.vals)
	e.closure(&run{path: -1, start: e.number, first: e.time, last: e.time}, place{})
	e.waiting = append(e.waiting[:0], e.next.list[from:]...)
	e.next.list, e.next.ints, e.next.vals = e.next.list[:from], e.next.ints[:from*e.intsN], e.next.vals[:from*e.valsN]
	for i := range e.waiting {
		x := &e.waiting[i]
		in := &e.p.code[x.pc]
		if stop, err := e.stopped(r, x, e.blank, in); stop || err != nil {
			if err != nil {
				return err
			}
			continue
		}
		if _, err := e.try(r, x, e.blank, in); err != nil {
			return err
		}
	}
	return nil
}

// step carries run i over a row.
func (e *edges) step(r *runs, i int) error {
	x := &r.list[i]
	in := &e.p.code[x.pc]
	g := e.registers(r, i)
	if stop, err := e.stopped(r, x, g, in); stop || err != nil {
		return err
	}
	if in.op == opAbsent {
		return e.absent(r, x, g, in)
	}
	taken, err := e.try(r, x, g, in)
	if err == nil && (in.edge == ast.EdgeAny || in.edge == ast.EdgeRelaxed && !taken) {
		e.stay(x, g)
	}
	return err
}

// stopped says whether a row that must not come has come.
func (e *edges) stopped(r *runs, x *run, g registers, in *instr) (bool, error) {
	bad := x.not | x.once
	if in.op == opRow && in.until >= 0 && !in.entry {
		bad |= 1 << in.until
	}
	for l := x.loop; l != 0; l &= l - 1 {
		belongs, err := e.belongs(r, x, g, int16(bits.TrailingZeros64(l)))
		if belongs || err != nil {
			return belongs, err
		}
	}
	for ; bad != 0; bad &= bad - 1 {
		hit, err := e.admits(r, x, g, int16(bits.TrailingZeros64(bad)))
		if hit || err != nil {
			return hit, err
		}
	}
	return false, nil
}

// belongs says whether the row is one of the possessive loop over v.
func (e *edges) belongs(r *runs, x *run, g registers, v int16) (bool, error) {
	hit, err := e.admits(r, x, g, v)
	if u := e.p.loopUntil[v]; hit && err == nil && u >= 0 {
		ended, err := e.admits(r, x, g, u)
		return !ended, err
	}
	return hit, err
}

// admits applies the row as v to a copy of the registers, in scratch, and
// tests v's condition.
func (e *edges) admits(r *runs, x *run, g registers, v int16) (bool, error) {
	copy(e.scratch.ints, g.ints)
	copy(e.scratch.vals, g.vals)
	def := &e.p.vars[v]
	if e.symbol&def.mask != def.mask {
		return false, nil
	}
	if len(e.p.define.slots) == 0 {
		return true, nil
	}
	w := &e.m.view
	w.paths, w.node = r.paths, x.path
	ints := e.scratch.ints[e.parts:]
	if err := e.p.define.apply(w, ints, e.scratch.vals, int(e.number), v); err != nil || def.hist == nil {
		return err == nil, err
	}
	return w.holds(&e.p.define, e.p.define.slots, def.hist, ints, e.scratch.vals, int(e.number), v)
}

// try takes the row where the condition holds.
func (e *edges) try(r *runs, x *run, g registers, in *instr) (bool, error) {
	if in.until >= 0 {
		if ended, err := e.admits(r, x, g, in.until); ended || err != nil {
			return false, err
		}
	}
	ok, err := e.admits(r, x, g, in.v)
	if err != nil || !ok || !e.inTime(x, in) {
		return ok, err
	}
	r.paths = append(r.paths, pathNode{parent: x.path, step: step{v: in.v, excluded: in.excluded, row: e.number}})
	y := run{path: int32(len(r.paths) - 1), start: x.start, first: x.first, last: e.time}
	e.closure(&y, place{pc: x.pc + 1})
	return true, nil
}

// inTime enters the row in the parts it lies in, each of which has a limit.
func (e *edges) inTime(x *run, in *instr) bool {
	for _, n := range in.parts {
		began := &e.scratch.ints[n]
		if *began == 0 || x.reset>>n&1 != 0 {
			*began = e.time + 1 // zero is "not begun"
		} else if e.time-(*began-1) >= e.p.limits[n] {
			return false
		}
	}
	return true
}

// stay keeps a run as it is; what was said of the very next row is over.
func (e *edges) stay(x *run, g registers) {
	y := *x
	y.once = 0
	e.next.push(y, g)
}

func (r *runs) push(x run, g registers) {
	r.list = append(r.list, x)
	r.ints = append(r.ints, g.ints...)
	r.vals = append(r.vals, g.vals...)
}

// absent is a negation at the end: the run waits for time to run out, or, for
// the very next row, for a row that is not of the variable.
func (e *edges) absent(r *runs, x *run, g registers, in *instr) error {
	hit, err := e.admits(r, x, g, in.v)
	if err != nil || hit {
		return err
	}
	if in.once {
		e.done = append(e.done, finished{path: x.path, start: x.start, at: e.time})
		return nil
	}
	e.stay(x, g)
	return nil
}

// closure follows what consumes nothing from a place and adds a run for every
// row that may come next; scratch has the registers.
func (e *edges) closure(x *run, from place) {
	e.seen = e.seen[:0]
	e.stack = append(e.stack[:0], from)
	accepted := false
	for len(e.stack) > 0 {
		at := e.stack[len(e.stack)-1]
		e.stack = e.stack[:len(e.stack)-1]
		if slices.Contains(e.seen, at) {
			continue
		}
		e.seen = append(e.seen, at)
		switch in := &e.p.code[at.pc]; in.op {
		case opSplit:
			e.stack = append(e.stack, place{in.y, at.g}, place{in.x, at.g})
		case opJump:
			e.stack = append(e.stack, place{in.x, at.g})
		case opNot:
			e.stack = append(e.stack, place{at.pc + 1, at.g.with(in)})
		case opEnter:
			at.g.reset |= 1 << in.x
			e.stack = append(e.stack, place{at.pc + 1, at.g})
		case opRow, opAbsent:
			e.add(x, at)
		case opAccept:
			switch {
			case x.path < 0 || accepted:
			case e.denied(at.g):
			default:
				e.done = append(e.done, finished{path: x.path, start: x.start, at: x.last})
				accepted = true
			}
		}
	}
}

func (g guards) with(in *instr) guards {
	switch {
	case in.loop:
		g.loop |= 1 << in.v
	case in.once:
		g.once |= 1 << in.v
	default:
		g.not |= 1 << in.v
	}
	return g
}

// denied says whether a match that may end here, behind a negation of which
// only optional steps follow, ends with a row that is itself denied (as in
// Flink CEP). Only what the row alone decides counts.
func (e *edges) denied(g guards) bool {
	for bad := g.not | g.once; bad != 0; bad &= bad - 1 {
		v := &e.p.vars[bits.TrailingZeros64(bad)]
		if v.hist == nil && e.symbol&v.mask == v.mask {
			return true
		}
	}
	return false
}

func (e *edges) add(x *run, at place) {
	y := *x
	y.pc, y.guards = at.pc, at.g
	e.next.push(y, e.scratch)
}
