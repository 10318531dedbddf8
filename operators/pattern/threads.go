package pattern

import (
	"bytes"
	"slices"

	"github.com/cepd/cepd/internal/event"
)

// attempt follows one start through the automaton as threads in order of
// preference. It serves patterns with historical conditions, and, once per
// match, those without: to find which row went to which variable.
type attempt struct {
	cur       threadList
	paths     []pathNode
	compactAt int
	cand      int32 // path of the best match so far; -1: none
	matched   bool
	*workspace
}

// workspace is what a step of the threads needs only while it runs: one per
// shard.
type workspace struct {
	next     threadList
	visited  []uint64        // stamp per instruction
	empty    map[spot]uint64 // the same inside iterations without a row
	stamp    uint64
	at       []int32 // per instruction: the last thread of next there
	stack    []spot
	scratchI []int64
	scratchV []event.Value
	trail    []int64 // of a closure over loops that count: instructions and counts
}

func newWorkspace(p *Program) *workspace {
	return &workspace{visited: make([]uint64, len(p.code)), empty: map[spot]uint64{}, at: make([]int32, len(p.code)),
		scratchI: make([]int64, p.define.ints), scratchV: make([]event.Value, p.define.vals)}
}

// spot is an instruction reached without a row, and the iterations, by depth,
// that have had none.
type spot struct {
	pc    int32
	empty uint64
}

// thread is a place in the automaton and how it got there.
type thread struct {
	pc   int32
	path int32 // last node, -1 at the start
	same int32 // the thread before it in the list at the same pc, -1
}

// threadList holds the threads and, block by block, their registers.
type threadList struct {
	threads []thread
	ints    []int64
	vals    []event.Value
}

func (l *threadList) reset() { l.threads, l.ints, l.vals = l.threads[:0], l.ints[:0], l.vals[:0] }

// pathNode is one row of a path; parents come before children.
type pathNode struct {
	parent int32
	step   step
}

// begin places the threads before row 0. first says that row 0 is the first
// of its partition.
func (a *attempt) begin(w *view, regs *frame, first bool) {
	a.paths, a.compactAt, a.cand, a.matched = a.paths[:0], 1024, -1, false
	regs.init(a.scratchI, a.scratchV)
	w.bounds(0, a.scratchI)
	a.newStep()
	a.closure(w.p, regs, 0, -1, first, false)
	a.cur, a.next = a.next, a.cur
}

func (a *attempt) alive() bool { return len(a.cur.threads) > 0 }

// newStep forgets which instructions the list in the making has.
func (a *attempt) newStep() {
	a.stamp++
	a.next.reset()
}

// feed takes row (of the match) with its symbol. It says whether a match ends
// with it that is preferred to the ones before.
func (a *attempt) feed(w *view, regs *frame, row int, symbol uint64) (bool, error) {
	p := w.p
	a.newStep()
	better := false
	for i := range a.cur.threads {
		t := &a.cur.threads[i]
		in := &p.code[t.pc]
		v := &p.vars[in.v]
		if symbol&v.mask != v.mask {
			continue
		}
		a.load(regs, i)
		ok, err := a.admit(w, regs, t, in, row)
		if err != nil {
			return false, err
		}
		if !ok {
			continue
		}
		if regs.stateful() {
			a.stamp++ // another history: instructions may be visited again
		}
		a.paths = append(a.paths, pathNode{parent: t.path, step: step{v: in.v, excluded: in.excluded, row: int64(row)}})
		if a.closure(p, regs, t.pc+1, int32(len(a.paths)-1), false, symbol&bitEnd != 0) {
			better = true
			break // whatever follows is less preferred
		}
	}
	a.cur, a.next = a.next, a.cur
	a.compact()
	return better, nil
}

// load copies the registers of thread i to scratch.
func (a *attempt) load(regs *frame, i int) {
	copy(a.scratchI, a.cur.ints[i*regs.ints:(i+1)*regs.ints])
	copy(a.scratchV, a.cur.vals[i*regs.vals:(i+1)*regs.vals])
}

// admit applies the row to the scratch registers and tests the condition.
func (a *attempt) admit(w *view, regs *frame, t *thread, in *instr, row int) (bool, error) {
	if len(regs.slots) == 0 {
		return true, nil
	}
	w.paths, w.node = a.paths, t.path
	if err := regs.apply(w, a.scratchI, a.scratchV, row, in.v); err != nil {
		return false, err
	}
	r := w.p.vars[in.v].hist
	if r == nil {
		return true, nil
	}
	return w.holds(regs, regs.slots, r, a.scratchI, a.scratchV, row, in.v)
}

// closure follows the instructions that consume nothing, in order of
// preference, and adds the threads that wait for a row. It says whether the
// match may end here; then nothing less preferred was added.
func (a *attempt) closure(p *Program, regs *frame, pc, path int32, first, last bool) bool {
	if len(regs.loops) > 0 {
		a.trail = a.trail[:0]
		return (&walk{a: a, p: p, regs: regs, path: path, first: first, last: last}).from(pc)
	}
	stack := append(a.stack[:0], spot{pc: pc})
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		in := &p.code[at.pc]
		if a.been(at, in) {
			continue
		}
		next := spot{at.pc + 1, at.empty}
		switch in.op {
		case opSplit:
			stack = append(stack, spot{in.y, at.empty}, spot{in.x, at.empty})
		case opJump:
			stack = append(stack, spot{in.x, at.empty})
		case opStart:
			if first {
				stack = append(stack, next)
			}
		case opEnd:
			if last {
				stack = append(stack, next)
			}
		case opBegin:
			next.empty |= 1 << in.x
			stack = append(stack, next)
		case opRows:
			if at.empty>>in.y&1 != 0 {
				next.pc, next.empty = in.x, at.empty&^(1<<in.y)
			}
			if next.pc >= 0 {
				stack = append(stack, next)
			}
		case opAccept:
			a.cand, a.matched, a.stack = path, true, stack
			return true
		case opRow:
			a.add(p, regs, at.pc, path)
		}
	}
	a.stack = stack
	return false
}

// been marks a spot, and says whether it was marked. What comes after a row is
// the same whichever iterations had none before it.
func (a *attempt) been(at spot, in *instr) bool {
	if at.empty == 0 || in.op == opRow || in.op == opAccept {
		again := a.visited[at.pc] == a.stamp
		a.visited[at.pc] = a.stamp
		return again
	}
	again := a.empty[at] == a.stamp
	a.empty[at] = a.stamp
	return again
}

// add puts a thread at pc, unless an earlier one there has the same future.
func (a *attempt) add(p *Program, regs *frame, pc, path int32) {
	same := int32(-1)
	if regs.stateful() {
		if last := a.at[pc]; last < int32(len(a.next.threads)) && last >= 0 && a.next.threads[last].pc == pc {
			same = last
		}
		if !regs.pathDep && a.duplicate(regs, same, p.live[pc]) {
			return
		}
		a.at[pc] = int32(len(a.next.threads))
	}
	a.next.threads = append(a.next.threads, thread{pc: pc, path: path, same: same})
	a.next.ints = append(a.next.ints, a.scratchI...)
	a.next.vals = append(a.next.vals, a.scratchV...)
}

func (a *attempt) duplicate(regs *frame, t int32, live uint64) bool {
	for ; t >= 0; t = a.next.threads[t].same {
		if a.agree(regs, int(t), live) {
			return true
		}
	}
	return false
}

// agree compares the scratch registers that matter with those of thread t.
func (a *attempt) agree(regs *frame, t int, live uint64) bool {
	ints := a.next.ints[t*regs.ints:]
	for _, l := range regs.loops {
		if ints[l.at] != a.scratchI[l.at] {
			return false
		}
	}
	for i := range regs.navs {
		n := &regs.navs[i]
		if live>>min(i, 63)&1 != 0 && !slices.Equal(ints[n.at:n.at+n.size()], a.scratchI[n.at:n.at+n.size()]) {
			return false
		}
	}
	vals := a.next.vals[t*regs.vals:]
	for i := range regs.aggs {
		g := &regs.aggs[i]
		if live>>min(len(regs.navs)+i, 63)&1 != 0 && !slices.EqualFunc(vals[g.at:g.at+g.size], a.scratchV[g.at:g.at+g.size], sameValue) {
			return false
		}
	}
	return true
}

func (n *navRegister) size() int {
	if n.first {
		return 2
	}
	return n.offset + 1
}

func sameValue(a, b event.Value) bool {
	return a.Null == b.Null && a.I == b.I && a.Hi == b.Hi && bytes.Equal(a.S, b.S) && slices.EqualFunc(a.L, b.L, sameValue)
}

// steps appends the best match's rows to dst.
func (a *attempt) steps(dst []step) []step {
	from := len(dst)
	for node := a.cand; node >= 0; node = a.paths[node].parent {
		dst = append(dst, a.paths[node].step)
	}
	slices.Reverse(dst[from:])
	return dst
}

// compact drops path nodes that no thread needs, whenever their number has
// doubled.
func (a *attempt) compact() {
	if len(a.paths) < a.compactAt {
		return
	}
	heads := []*int32{&a.cand}
	for i := range a.cur.threads {
		heads = append(heads, &a.cur.threads[i].path)
	}
	a.paths = compactPaths(a.paths, heads)
	a.compactAt = max(1024, 2*len(a.paths))
}

// compactPaths keeps the nodes on the way to the heads, which it moves along.
func compactPaths(paths []pathNode, heads []*int32) []pathNode {
	keep := make([]int32, len(paths)) // 0: drop; else new index + 1
	for _, h := range heads {
		for n := *h; n >= 0 && keep[n] == 0; n = paths[n].parent {
			keep[n] = 1
		}
	}
	var n int32
	for i, node := range paths {
		if keep[i] == 0 {
			continue
		}
		if node.parent >= 0 {
			node.parent = keep[node.parent] - 1
		}
		paths[n] = node
		n++
		keep[i] = n
	}
	for _, h := range heads {
		if *h >= 0 {
			*h = keep[*h] - 1
		}
	}
	return paths[:n]
}
