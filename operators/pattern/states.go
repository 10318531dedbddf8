package pattern

import (
	"fmt"
	"slices"

	"github.com/cepd/cepd/query/ast"
)

// Automaton is the pattern as states and the rows that lead from one to the
// next: what people read, in place of instructions. A state is what a partial
// match waits for.
type Automaton struct {
	States []State // 0 is the start
	Cut    bool    // there are more states than maxFollowed
}

// The work on states is bounded: how many are looked at, and how many are
// compared with each other to put like ones together.
const (
	maxFollowed = 2000
	maxMerged   = 300
)

// State is a place between two rows of a match.
type State struct {
	Steps   []Step // in order of preference
	Accepts bool   // the match may end here …
	Guard   Guard  // … if this allows it
	// Prefers is the number of steps that are preferred to ending here.
	Prefers int
}

// Step is a row that a partial match can take, or, with Absent, one that it
// waits not to come before time runs out.
type Step struct {
	Var      int
	To       int // -1 when Absent
	Edge     ast.Edge
	Absent   bool
	Once     bool // Absent: only the very next row counts
	Excluded bool // not shown: {- -}
	Until    int  // a row of this variable ends the loop; -1: none
	Parts    []int
	Guard    Guard
}

// Guard is what must not come, or must be so, on the way to a step.
type Guard struct {
	Not   []int // variables without a row before the step's
	Next  []int // variables that the very next row is not
	Loop  []int // variables of possessive loops that keep the row
	Start bool  // only before the first row of the partition
	End   bool  // only after its last
	Enter []int // time-limited parts that begin
	Again []int // loops with bounds from data that go on
	Leave []int // those that end
}

func (g *Guard) none() bool {
	return len(g.Not)+len(g.Next)+len(g.Loop)+len(g.Enter)+len(g.Again)+len(g.Leave) == 0 && !g.Start && !g.End
}

// Automaton derives the states from the instructions: one per instruction that
// follows a row, with those that go on alike put together.
func (p *Program) Automaton() *Automaton {
	b := stateBuilder{p: p, index: map[int32]int{}}
	b.state(0)
	for i := 0; i < len(b.from) && i < maxFollowed; i++ {
		b.list = append(b.list, b.follow(b.from[i]))
	}
	switch {
	case len(b.from) > maxFollowed:
		return &Automaton{States: b.list, Cut: true}
	case len(b.list) > maxMerged:
		return &Automaton{States: b.list}
	}
	return &Automaton{States: merged(b.list)}
}

type stateBuilder struct {
	p     *Program
	index map[int32]int
	from  []int32 // per state: its instruction
	list  []State
}

// state numbers the state at an instruction.
func (b *stateBuilder) state(pc int32) int {
	if i, ok := b.index[pc]; ok {
		return i
	}
	b.index[pc] = len(b.from)
	b.from = append(b.from, pc)
	return len(b.from) - 1
}

// follow collects what can come after pc, preferred first.
func (b *stateBuilder) follow(pc int32) State {
	var s State
	seen := map[string]bool{}
	// empty has the depths of the iterations that have no row on the way
	var visit func(pc int32, g Guard, empty uint64)
	visit = func(pc int32, g Guard, empty uint64) {
		key := fmt.Sprint(pc, g, empty)
		if seen[key] || s.Accepts && !b.p.match.Edges { // what is less preferred than the end is never tried
			return
		}
		seen[key] = true
		switch in := &b.p.code[pc]; in.op {
		case opSplit:
			visit(in.x, g, empty)
			visit(in.y, g, empty)
		case opCount:
			b.count(in, g, func(pc int32, g Guard) { visit(pc, g, empty) })
		case opJump, opNext:
			visit(in.x, g, empty)
		case opBegin:
			visit(pc+1, g, empty|1<<in.x)
		case opRows:
			switch none := empty >> in.y & 1; {
			case none == 0:
				visit(pc+1, g, empty)
			case in.x >= 0:
				visit(in.x, g, empty&^(1<<in.y))
			}
		case opRow, opAbsent:
			s.Steps = append(s.Steps, b.step(in, pc, g))
		case opAccept:
			if !s.Accepts {
				s.Accepts, s.Guard, s.Prefers = true, g, len(s.Steps)
			}
		default:
			visit(pc+1, g.with(in), empty)
		}
	}
	visit(pc, Guard{}, 0)
	return s
}

// count follows a loop with bounds from data both ways, the preferred first.
func (b *stateBuilder) count(in *instr, g Guard, visit func(int32, Guard)) {
	again, leave := g, g
	again.Again = added(g.Again, int(in.v))
	leave.Leave = added(g.Leave, int(in.v))
	if in.few {
		visit(in.y, leave)
	}
	visit(in.x, again)
	if !in.few {
		visit(in.y, leave)
	}
}

func (b *stateBuilder) step(in *instr, pc int32, g Guard) Step {
	s := Step{Var: int(in.v), To: -1, Edge: in.edge, Absent: in.op == opAbsent, Once: in.once, Excluded: in.excluded, Until: -1, Guard: g}
	if in.op == opRow {
		s.To, s.Until = b.state(pc+1), int(in.until)
	}
	for _, part := range in.parts {
		s.Parts = append(s.Parts, int(part))
	}
	return s
}

// added is list with x.
func added(list []int, x int) []int {
	if slices.Contains(list, x) {
		return list
	}
	return append(slices.Clip(list), x)
}

// with adds what an instruction demands.
func (g Guard) with(in *instr) Guard {
	switch {
	case in.op == opStart:
		g.Start = true
	case in.op == opEnd:
		g.End = true
	case in.op == opEnter:
		g.Enter = added(g.Enter, int(in.x))
	case in.loop:
		g.Loop = added(g.Loop, int(in.v))
	case in.once:
		g.Next = added(g.Next, int(in.v))
	default:
		g.Not = added(g.Not, int(in.v))
	}
	return g
}

// merged puts states together that no sequence of rows tells apart, the start
// excepted, and numbers them in the order in which they are reached.
func merged(list []State) []State {
	class := make([]int, len(list))
	for i := range class[1:] {
		class[i+1] = 1
	}
	for n := 0; ; {
		next, count := refine(list, class)
		class = next
		if count == n {
			break
		}
		n = count
	}
	return renumbered(list, class)
}

// refine tells states apart whose steps lead to states told apart before.
func refine(list []State, class []int) (next []int, count int) {
	seen := map[string]int{}
	next = make([]int, len(list))
	for i := range list {
		key := fmt.Sprint(i == 0, class[i], list[i].Accepts, list[i].Guard, list[i].Prefers)
		for _, s := range list[i].Steps {
			if s.To >= 0 {
				s.To = class[s.To]
			}
			key += fmt.Sprint(s)
		}
		if _, ok := seen[key]; !ok {
			seen[key] = len(seen)
		}
		next[i] = seen[key]
	}
	return next, len(seen)
}

func renumbered(list []State, class []int) []State {
	of := map[int]int{} // class -> number
	var reached []int   // states, one per class
	number := func(i int) int {
		n, ok := of[class[i]]
		if !ok {
			n = len(reached)
			of[class[i]] = n
			reached = append(reached, i)
		}
		return n
	}
	number(0)
	var out []State
	for n := 0; n < len(reached); n++ {
		s := list[reached[n]]
		s.Steps = slices.Clone(s.Steps)
		for k := range s.Steps {
			if s.Steps[k].To >= 0 {
				s.Steps[k].To = number(s.Steps[k].To)
			}
		}
		out = append(out, s)
	}
	return out
}
