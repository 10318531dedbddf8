package pattern

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/plan"
)

// MaxInstructions limits the size of a compiled pattern: bounded quantifiers
// and PERMUTE are unrolled.
const MaxInstructions = 20_000

type opcode uint8

const (
	opRow    opcode = iota // consume a row as variable v, go to pc+1
	opSplit                // prefer x over y
	opJump                 // go to x
	opStart                // ^
	opEnd                  // $
	opAccept               // the match ends here
	opBegin                // an iteration that may have no rows begins, at depth x
	opRows                 // it ends: with rows go on, without go to x (-1: nowhere); y is the depth
	opCount                // of loop v: go on with x or y as its count says
	opNext                 // count one more repetition of loop v, go to x

	// Only in patterns with edges.
	opNot    // from here to the next row taken, no row of v (once: the next row is not of v)
	opAbsent // as the last step: no row of v until time runs out (once: the next row is not of v)
	opEnter  // a part with a time limit begins: forget when it began last
)

// instr is an instruction of the nondeterministic automaton.
type instr struct {
	op       opcode
	v        int16    // opRow, opNot, opAbsent: the variable; opCount, opNext: the loop
	until    int16    // opRow: a row of this variable is not taken, -1: none …
	entry    bool     // … and ends the wait, but for the first row of a loop
	edge     ast.Edge // opRow: what may lie between the row before and this one
	once     bool     // opNot, opAbsent
	loop     bool     // opNot: of a possessive loop
	few      bool     // opCount: prefer y
	excluded bool     // opRow: inside {- -}
	x, y     int32    // opEnter: x is the part
	parts    []int16  // opRow: the time-limited parts it lies in
}

// assembler lowers a bound pattern to instructions.
type assembler struct {
	code     []instr
	edges    bool
	excluded int // depth of {- -}
	checked  int // depth of iterations that may have no rows
	edge     led // of the item at hand
	until    int16
	entry    bool          // the item at hand is the first of a loop
	after    []plan.PatNot // the negations right behind the item at hand
	parts    []int16
	limits   []int64                 // of the time-limited parts, µs
	loops    map[int16]plan.PatQuant // that count, by their bounds
	err      error
}

// led is the edge of the next row. An edge written around an item leads its
// first row in place of the item's own.
type led struct {
	edge  ast.Edge
	outer bool
}

func (a *assembler) assemble(p plan.Pattern) error {
	a.until = -1
	a.pattern(p)
	a.absence()
	a.emit(instr{op: opAccept})
	return a.err
}

func (a *assembler) emit(i instr) int32 {
	if len(a.code) >= MaxInstructions {
		a.err = fmt.Errorf("the pattern unrolls to more than %d steps: use smaller quantifier bounds or a shorter PERMUTE", MaxInstructions)
		return 0
	}
	a.code = append(a.code, i)
	return int32(len(a.code) - 1)
}

func (a *assembler) pattern(p plan.Pattern) {
	if a.err != nil {
		return
	}
	switch p := p.(type) {
	case plan.PatVar:
		a.emit(instr{op: opRow, v: int16(p.Var), edge: a.edge.edge, until: a.until, entry: a.entry, excluded: a.excluded > 0, parts: slices.Clone(a.parts)})
	case plan.PatEmpty:
	case plan.PatAnchor:
		a.emit(instr{op: anchorOp(p.Start)})
	case plan.PatConcat:
		a.concat(p.Items)
	case plan.PatAlt:
		a.alternatives(len(p.Alts), func(i int) { a.pattern(p.Alts[i]) })
	case plan.PatPermute:
		a.permute(p.Items)
	case plan.PatExclude:
		a.excluded++
		a.pattern(p.Item)
		a.excluded--
	case plan.PatQuant:
		a.quantifier(p)
	case plan.PatEdge:
		if !a.edge.outer {
			a.edge = led{p.Edge, true}
		}
		a.pattern(p.Item)
	case plan.PatNot:
		a.not(p)
	case plan.PatWithin:
		a.part(p)
	}
}

func (a *assembler) not(p plan.PatNot) {
	a.emit(instr{op: opNot, v: int16(p.Var), once: p.Edge == ast.EdgeDefault, until: -1})
}

func (a *assembler) concat(items []plan.Pattern) {
	after := a.after
	for i, item := range items {
		a.after = negations(items[i+1:], after)
		a.pattern(item)
		if _, not := item.(plan.PatNot); !not {
			a.edge = led{}
		}
	}
	a.after = after
}

// negations are those that rest begins with; behind nothing, those of after.
func negations(rest []plan.Pattern, after []plan.PatNot) []plan.PatNot {
	var list []plan.PatNot
	for _, item := range rest {
		not, ok := item.(plan.PatNot)
		if !ok {
			return list
		}
		list = append(list, not)
	}
	return append(list, after...)
}

func anchorOp(start bool) opcode {
	if start {
		return opStart
	}
	return opEnd
}

// alternatives lays out n branches, the first preferred.
func (a *assembler) alternatives(n int, branch func(int)) {
	var ends []int32
	edge := a.edge
	for i := range n - 1 {
		split := a.emit(instr{op: opSplit})
		a.set(split, split+1, -1)
		a.edge = edge
		branch(i)
		ends = append(ends, a.emit(instr{op: opJump}))
		a.code[split].y = int32(len(a.code))
		if a.err != nil {
			return
		}
	}
	a.edge = edge
	branch(n - 1)
	for _, e := range ends {
		a.code[e].x = int32(len(a.code))
	}
}

func (a *assembler) set(at, x, y int32) { a.code[at].x, a.code[at].y = x, y }

// permute lays out all orders of the items, lexicographic order preferred.
func (a *assembler) permute(items []plan.Pattern) {
	if len(items) == 0 {
		return
	}
	after := a.after
	a.alternatives(len(items), func(i int) {
		if a.after = after; len(items) > 1 {
			a.after = nil
		}
		rest := append(append([]plan.Pattern(nil), items[:i]...), items[i+1:]...)
		a.pattern(items[i])
		a.edge, a.after = led{}, after
		a.permute(rest)
	})
}

func (a *assembler) quantifier(q plan.PatQuant) {
	outer := a.until
	if q.Until != nil {
		a.until, a.entry = int16(q.Until.Var), true
	}
	switch {
	case q.Bounds > 0:
		a.counted(q)
	case q.Max >= 0:
		a.bounded(q)
	case nullable(q.Item) && !a.edges: // where every match counts, so does no preference among empty ones
		a.copies(q, q.Min-1)
		a.nullableLoop(q)
	default:
		a.copies(q, q.Min-1)
		a.loop(q, max(q.Min-1, 0))
	}
	a.until, a.entry = outer, false
}

// bounded lays out p{min,max}.
func (a *assembler) bounded(q plan.PatQuant) {
	a.copies(q, q.Min)
	var skips []int32
	for n := q.Min; n < q.Max; n++ {
		skips = append(skips, a.optional(q.Reluctant))
		a.iteration(q, n)
		if a.err != nil {
			return
		}
	}
	for _, s := range skips {
		a.leave(s, q.Reluctant)
	}
	if q.Possessive && len(skips) > 0 {
		a.keep(q)
	}
}

// counted lays out a loop whose bounds are data of the match:
//
//	again: count(body, exit)  body: item  next(again)  exit:
//
// An edge from outside leads the first iteration, which then has a copy of its
// own before that.
func (a *assembler) counted(q plan.PatQuant) {
	if len(a.after) > 0 {
		a.err = errors.New("NOT behind a loop whose bounds are data is not supported yet")
	}
	loop := int16(q.Bounds - 1)
	a.loops[loop] = q
	first := int32(-1)
	if a.edge.outer {
		first = a.turn(q, loop)
		a.code[len(a.code)-1].x = int32(len(a.code))
	}
	again := a.turn(q, loop)
	if a.err != nil {
		return
	}
	a.code[len(a.code)-1].x = again
	for _, count := range []int32{first, again} {
		if count >= 0 {
			a.set(count, count+1, int32(len(a.code)))
		}
	}
}

// turn lays out one copy of what a counted loop repeats; its last instruction
// has still to learn where to go.
func (a *assembler) turn(q plan.PatQuant, loop int16) int32 {
	count := a.emit(instr{op: opCount, v: loop, few: q.Reluctant, until: -1})
	a.iteration(q, 0)
	a.emit(instr{op: opNext, v: loop, until: -1})
	return count
}

// keep guards the way out of a possessive loop: a row that fits the loop
// belongs to it.
func (a *assembler) keep(q plan.PatQuant) {
	if v, ok := loopVar(q.Item); ok {
		a.emit(instr{op: opNot, v: v, loop: true, until: a.until})
	}
}

// loopVar is the variable of a loop over single rows.
func loopVar(p plan.Pattern) (int16, bool) {
	switch p := p.(type) {
	case plan.PatVar:
		return int16(p.Var), true
	case plan.PatEdge:
		return loopVar(p.Item)
	}
	return 0, false
}

// copies lays out the first iterations.
func (a *assembler) copies(q plan.PatQuant, most int) {
	for n := range most {
		a.iteration(q, n)
		if a.err != nil {
			return
		}
	}
}

// iteration lays out iteration n. The edge from outside leads only the first;
// before the others, what the negations behind the loop forbid is forbidden.
func (a *assembler) iteration(q plan.PatQuant, n int) {
	after := a.after
	if n > 0 || q.Min == 0 {
		for _, not := range between(q, n, after) {
			a.not(not)
		}
	}
	a.after = between(q, n+1, after)
	a.pattern(q.Item)
	a.edge, a.entry, a.after = led{}, false, after
}

// between is what the negations behind a loop forbid before iteration n: what
// they would if the loop ended here and, where it cannot end yet, the rows that
// may not lie between (as in Flink CEP).
func between(q plan.PatQuant, n int, after []plan.PatNot) []plan.PatNot {
	if n >= q.Min {
		return after
	}
	return slices.DeleteFunc(slices.Clone(after), func(not plan.PatNot) bool { return not.Edge == ast.EdgeDefault })
}

// part lays out an item with a time limit of its own.
func (a *assembler) part(p plan.PatWithin) {
	n := int16(len(a.limits))
	a.limits = append(a.limits, p.Within)
	a.emit(instr{op: opEnter, x: int32(n)})
	a.parts = append(a.parts, n)
	a.pattern(p.Item)
	a.parts = a.parts[:len(a.parts)-1]
}

// absence turns a negation at the very end into a step that waits.
func (a *assembler) absence() {
	if n := len(a.code); n > 0 && a.code[n-1].op == opNot && !a.code[n-1].loop && !a.jumpedTo(int32(n)) {
		a.code[n-1].op = opAbsent
	}
}

func (a *assembler) jumpedTo(pc int32) bool {
	for _, in := range a.code {
		if (in.op == opSplit || in.op == opCount) && (in.x == pc || in.y == pc) || in.op == opJump && in.x == pc {
			return true
		}
	}
	return false
}

// optional emits a split whose one side is the next instruction.
func (a *assembler) optional(reluctant bool) int32 {
	s := a.emit(instr{op: opSplit})
	if reluctant {
		a.code[s].y = s + 1
	} else {
		a.code[s].x = s + 1
	}
	return s
}

// leave points the other side of an optional split here.
func (a *assembler) leave(s int32, reluctant bool) {
	if reluctant {
		a.code[s].x = int32(len(a.code))
	} else {
		a.code[s].y = int32(len(a.code))
	}
}

// loop lays out the last required iteration, number n, and those after it:
//
//	[skip?]  body: item  again: split(body, exit)  exit:
func (a *assembler) loop(q plan.PatQuant, n int) {
	skip := int32(-1)
	if n >= q.Min {
		skip = a.optional(q.Reluctant)
	}
	if a.edge.outer || a.entry || n < q.Min && len(a.after) > 0 { // the next iteration is not like those after it
		a.iteration(q, n)
		rest := q
		rest.Possessive = false
		a.loop(rest, n+1)
	} else {
		a.body(q, n)
	}
	if skip >= 0 {
		a.leave(skip, q.Reluctant)
	}
	if q.Possessive {
		a.keep(q)
	}
}

func (a *assembler) body(q plan.PatQuant, n int) {
	start := int32(len(a.code))
	a.iteration(q, n)
	again := a.emit(instr{op: opSplit})
	if a.err != nil {
		return
	}
	if q.Reluctant {
		a.set(again, again+1, start)
	} else {
		a.set(again, start, again+1)
	}
}

// nullableLoop is loop over an item that may match no row. The last required
// iteration, or the first, may be empty, and then there is no further one. A
// later one that is empty is none: another way through the item is tried.
//
//	[skip?]  begin item rows(exit)  again: split(body, exit)  body: begin item rows(nowhere) jump(again)  exit:
func (a *assembler) nullableLoop(q plan.PatQuant) {
	skip := int32(-1)
	if q.Min == 0 {
		skip = a.optional(q.Reluctant)
	}
	first := a.checkedIteration(q.Item)
	again := a.optional(q.Reluctant)
	a.checkedIteration(q.Item)
	a.set(a.emit(instr{op: opJump}), again, 0)
	if a.err != nil {
		return
	}
	a.leave(again, q.Reluctant)
	a.code[first].x = int32(len(a.code))
	if skip >= 0 {
		a.leave(skip, q.Reluctant)
	}
}

// checkedIteration lays out an item that may match no row, with the check
// whether it did, which it returns.
func (a *assembler) checkedIteration(item plan.Pattern) int32 {
	depth := int32(a.checked)
	if a.emit(instr{op: opBegin, x: depth}); depth == 63 {
		a.err = errors.New("loops over what may match no row are nested more than 63 deep")
	}
	a.checked++
	a.pattern(item)
	a.checked--
	return a.emit(instr{op: opRows, x: -1, y: depth})
}

// nullable says whether p can match no row.
func nullable(p plan.Pattern) bool {
	switch p := p.(type) {
	case plan.PatVar:
		return false
	case plan.PatConcat:
		return !slices.ContainsFunc(p.Items, func(item plan.Pattern) bool { return !nullable(item) })
	case plan.PatAlt:
		return slices.ContainsFunc(p.Alts, nullable)
	case plan.PatPermute:
		return !slices.ContainsFunc(p.Items, func(item plan.Pattern) bool { return !nullable(item) })
	case plan.PatExclude:
		return nullable(p.Item)
	case plan.PatQuant:
		return p.Min == 0 || nullable(p.Item)
	}
	return true
}
