package pattern

import (
	"fmt"

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
)

// instr is an instruction of the nondeterministic automaton.
type instr struct {
	op       opcode
	v        int16 // opRow: the variable
	excluded bool  // opRow: inside {- -}
	x, y     int32
}

// assembler lowers a bound pattern to instructions.
type assembler struct {
	code     []instr
	excluded int // depth of {- -}
	err      error
}

func assemble(p plan.Pattern) ([]instr, error) {
	a := &assembler{}
	a.pattern(p)
	a.emit(instr{op: opAccept})
	return a.code, a.err
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
		a.emit(instr{op: opRow, v: int16(p.Var), excluded: a.excluded > 0})
	case plan.PatEmpty:
	case plan.PatAnchor:
		a.emit(instr{op: anchorOp(p.Start)})
	case plan.PatConcat:
		for _, item := range p.Items {
			a.pattern(item)
		}
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
	}
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
	for i := range n - 1 {
		split := a.emit(instr{op: opSplit})
		a.set(split, split+1, -1)
		branch(i)
		ends = append(ends, a.emit(instr{op: opJump}))
		a.code[split].y = int32(len(a.code))
		if a.err != nil {
			return
		}
	}
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
	a.alternatives(len(items), func(i int) {
		rest := append(append([]plan.Pattern(nil), items[:i]...), items[i+1:]...)
		a.pattern(items[i])
		a.permute(rest)
	})
}

func (a *assembler) quantifier(q plan.PatQuant) {
	if q.Max < 0 {
		a.copies(q.Item, q.Min-1)
		a.loop(q)
		return
	}
	a.copies(q.Item, q.Min)
	var skips []int32
	for range q.Max - q.Min {
		skips = append(skips, a.optional(q.Reluctant))
		a.pattern(q.Item)
		if a.err != nil {
			return
		}
	}
	for _, s := range skips {
		a.leave(s, q.Reluctant)
	}
}

func (a *assembler) copies(item plan.Pattern, n int) {
	for range n {
		a.pattern(item)
		if a.err != nil {
			return
		}
	}
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

// loop lays out the last required iteration and those after it:
//
//	[skip?]  body: item  again: split(body, exit)  exit:
//
// The choice to go on stands after the item. So an empty iteration that is
// required leaves the loop, and one that is not comes back to a split that has
// been taken at this row, and is dropped: the alternatives inside the item are
// tried before the loop is left, as the corpus has it (empty-cycles).
func (a *assembler) loop(q plan.PatQuant) {
	skip := int32(-1)
	if q.Min == 0 {
		skip = a.optional(q.Reluctant)
	}
	body := int32(len(a.code))
	a.pattern(q.Item)
	again := a.emit(instr{op: opSplit})
	if a.err != nil {
		return
	}
	if q.Reluctant {
		a.set(again, again+1, body)
	} else {
		a.set(again, body, again+1)
	}
	if skip >= 0 {
		a.leave(skip, q.Reluctant)
	}
}
