package pattern

import "github.com/cepd/cepd/query/ast"

// sharable says whether partial matches at one place have one future, and the
// order in which matches of one row come does not matter.
func (p *Program) sharable() bool { return p.match.Edges && p.unshared() == "" }

// unshared is why partial matches of a pattern with edges are not shared.
func (p *Program) unshared() string {
	m := p.match
	switch {
	case !p.deterministic():
		return "conditions look at rows before"
	case p.ahead > 0 || p.history > 0:
		return "conditions look at neighbours"
	case m.Skip != ast.NoSkip:
		return "AFTER MATCH drops some"
	case m.Timeouts:
		return "EMIT TIMEOUTS"
	case m.Gap > 0:
		return "BETWEEN ROWS"
	case len(p.limits) > 0:
		return "a part has a time limit"
	case p.places.merges:
		return "one row may fit in several ways"
	case p.numbered:
		return "MATCH_NUMBER() needs their order"
	}
	return p.unsharedStep()
}

func (p *Program) unsharedStep() string {
	for i := range p.code {
		switch in := &p.code[i]; {
		case in.op == opAbsent:
			return "NOT at the end"
		case in.op == opRow && in.until >= 0, in.op == opNot && in.until >= 0:
			return "a loop ends at a row"
		case in.op == opNot && !in.loop && p.mayEnd(i):
			return "only optional steps follow NOT"
		}
	}
	return ""
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
