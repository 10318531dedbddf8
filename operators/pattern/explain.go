package pattern

import (
	"fmt"
	"strings"

	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/query/ast"
)

// Explain shows how the pattern runs: variables and the class of their
// conditions, the automaton, and what a key keeps.
func (p *Program) Explain() string {
	if p.joint != nil {
		return p.explainJoint()
	}
	var b strings.Builder
	p.explainVariables(&b)
	p.explainAutomaton(&b)
	b.WriteString(p.Samples().String())
	p.explainState(&b)
	return b.String()
}

func (p *Program) explainVariables(b *strings.Builder) {
	fmt.Fprintf(b, "symbols: %d bits on the row alone, %d with its neighbours\n", len(p.local), len(p.context))
	for i, c := range p.local {
		fmt.Fprintf(b, "  bit %d  %s\n", i, p.match.ExprString(c.cond))
	}
	for i, c := range p.context {
		fmt.Fprintf(b, "  bit %d  %s  (contextual)\n", len(p.local)+i, p.match.ExprString(c.cond))
	}
	b.WriteString("variables:\n")
	for i := range p.vars {
		v := &p.vars[i]
		fmt.Fprintf(b, "  %-8s %s\n", v.name, p.variableCondition(v))
	}
}

func (p *Program) variableCondition(v *variable) string {
	var parts []string
	for i := range len(p.local) + len(p.context) {
		if v.mask>>i&1 != 0 {
			parts = append(parts, fmt.Sprintf("bit %d", i))
		}
	}
	if v.hist != nil {
		parts = append(parts, p.perThread()+": "+p.match.ExprString(v.hist.text))
	}
	if len(parts) == 0 {
		return "any row"
	}
	text := strings.Join(parts, " AND ")
	if v.equal != nil {
		text += "; partial matches are indexed by " + p.match.ExprString(conjunction(v.equal.text))
	}
	return text
}

func (p *Program) perThread() string {
	if p.match.Edges {
		return "per partial match"
	}
	return "per thread"
}

func (p *Program) explainAutomaton(b *strings.Builder) {
	switch {
	case p.sharable():
		b.WriteString("automaton: every match; partial matches at one place are shared, a row costs one step per place it concerns\n")
	case p.match.Edges:
		fmt.Fprintf(b, "automaton: every match; partial matches wait at %d places (not shared: %s), at most %d per key, with %d registers each; a row costs a step per partial match that it concerns\n",
			len(p.places.list), p.unshared(), p.opts.MaxThreads, len(p.define.navs)+len(p.define.aggs))
	case p.deterministic():
		b.WriteString("automaton: deterministic, built as symbols ask for it; one look-up per row\n")
	default:
		fmt.Fprintf(b, "automaton: threads in order of preference, at most %d per key, with %d registers each\n",
			p.opts.MaxThreads, len(p.define.navs)+len(p.define.aggs))
	}
	b.WriteString(p.States())
}

func (p *Program) explainState(b *strings.Builder) {
	fmt.Fprintf(b, "state per key with an open match: about %d bytes, and per row kept %d bytes", p.keyBytes(), p.layout.stride*8)
	var names []string
	for _, e := range p.kept {
		names = append(names, p.match.ExprString(e))
	}
	if len(names) > 0 {
		fmt.Fprintf(b, ": time, id, symbol, %s", strings.Join(names, ", "))
	}
	fmt.Fprintf(b, "\n  rows are kept from the start of the open match on, at most %d\n", p.opts.MaxRows)
	if p.history > 0 {
		fmt.Fprintf(b, "  PREV reads up to %d rows before it: every key seen keeps as many\n", p.history)
	}
	if p.numbered {
		b.WriteString("  MATCH_NUMBER(): every key that has matched keeps its count\n")
	}
	if p.sharable() {
		fmt.Fprintf(b, "  a partial match costs its row and %d bytes in the graph\n", nodeBytes)
	}
	switch {
	case p.within == 0:
	case p.within == p.match.Within:
		fmt.Fprintf(b, "  WITHIN %s drops what is older\n", interval(p.within))
	default:
		fmt.Fprintf(b, "  'state.ttl' drops and counts what is older than %s\n", interval(p.within))
	}
	switch p.opts.Policy {
	case LimitDropOldest:
		b.WriteString("  a key that is full gives up, and counts, what began first\n")
	case LimitRejectNew:
		b.WriteString("  a key that is full takes no further rows, and counts them\n")
	}
	p.explainOwn(b)
	for i := range p.define.aggs {
		a := &p.define.aggs[i]
		fmt.Fprintf(b, "  register: running aggregate over %s, %d values\n", p.varNames(a.vars), a.size)
	}
	for i := range p.define.navs {
		n := &p.define.navs[i]
		fmt.Fprintf(b, "  register: %s row %d of %s\n", map[bool]string{true: "first", false: "last"}[n.first], n.offset, p.varNames(n.vars))
	}
	p.explainDecision(b)
}

// keyBytes is what a key takes beside its rows, when two thirds of the table
// are full and the key is a number.
func (p *Program) keyBytes() int64 {
	n := keyStateBytes + slotBytes*3/2
	if p.counts || !p.deterministic() {
		n += rareBytes
	}
	if p.within > 0 {
		n += timerBytes
	}
	return n
}

func (p *Program) varNames(s expr.VarSet) string {
	if s == nil {
		return "all variables"
	}
	var names []string
	for _, v := range s {
		names = append(names, p.vars[v].name)
	}
	return strings.Join(names, ", ")
}

// explainDecision says when a match is emitted.
func (p *Program) explainDecision(b *strings.Builder) {
	if p.match.Edges {
		b.WriteString("a match is emitted when it is complete, absence and time-outs when the watermark passes their end\n")
		return
	}
	b.WriteString("a match is emitted when no later row can change it")
	if p.ahead > 0 {
		fmt.Fprintf(b, "; a row is looked at when %d more of its key have come, or the input ends", p.ahead)
	}
	if p.after > 0 {
		fmt.Fprintf(b, "; measures wait for %d rows after the match", p.after)
	}
	if p.match.Rows == ast.AllRowsUnmatch {
		b.WriteString("; an unmatched row when its start has failed")
	}
	b.WriteString("\n")
}

func interval(us int64) string {
	switch {
	case us%86_400_000_000 == 0:
		return fmt.Sprintf("INTERVAL '%d' DAY", us/86_400_000_000)
	case us%3_600_000_000 == 0:
		return fmt.Sprintf("INTERVAL '%d' HOUR", us/3_600_000_000)
	case us%60_000_000 == 0:
		return fmt.Sprintf("INTERVAL '%d' MINUTE", us/60_000_000)
	}
	return fmt.Sprintf("INTERVAL '%g' SECOND", float64(us)/1e6)
}
