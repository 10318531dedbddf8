package pattern

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/query/plan"
)

// Transfer carries the state of one program over to another version of it. What a
// key has is its kept rows; of each, the symbol says which variables it may be, and
// the cells what conditions and measures read. The new program is given the same
// rows, with symbols by which each may be the same variables, and those of the cells
// that it reads: it makes the same partial matches of them.
type Transfer struct {
	from, to *Program
	cells    []int // per cell of to: that of from; -1: the time
	columns  []int // per prepared column of to: that of from
	classes  []class
	Notes    []string // what changes for matches that are open
	Anew     bool     // conditions on the match so far are computed anew
}

// class is the bits of one program that the same variables have.
type class struct {
	vars     uint64 // by number
	context  bool   // the bits look at neighbours
	from, to uint64
}

// Compare says how the state of from becomes that of to, or why it cannot. Renamed
// are the variables whose names change, new by old.
func Compare(from, to *Program, renamed map[string]string) (*Transfer, []operators.Reason) {
	c := &comparison{Transfer: Transfer{from: from, to: to}}
	for _, check := range []func(){
		func() { c.variables(renamed) }, c.clause, c.keysAndOrder, c.reaches, c.cellsOf, c.symbols, c.historical, c.within,
	} {
		if check(); len(c.reasons) > 0 {
			return nil, c.reasons
		}
	}
	return &c.Transfer, nil
}

type comparison struct {
	Transfer
	reasons []operators.Reason
}

func (c *comparison) refuse(r operators.Reason) { c.reasons = append(c.reasons, r) }

func (c *comparison) reason(format string, args ...any) {
	c.refuse(operators.Reason{Text: fmt.Sprintf(format, args...)})
}

// variables are the same, in the order of the pattern.
func (c *comparison) variables(renamed map[string]string) {
	old, now := c.from.vars, c.to.vars
	for _, name := range slices.Sorted(maps.Keys(renamed)) {
		if !slices.ContainsFunc(old, func(v variable) bool { return v.name == name }) {
			c.reason("the running version has no variable %s to map: it has %s", name, nameList(old))
		}
	}
	if len(c.reasons) > 0 {
		return
	}
	for i := range now {
		known := func(v variable) bool { return v.name == now[i].name || renamed[v.name] == now[i].name }
		if len(now) > len(old) && !slices.ContainsFunc(old, known) {
			c.refuse(operators.Reason{Text: fmt.Sprintf("the pattern has a step %s that the running version does not have", now[i].name), Variable: now[i].name, At: c.defined(i)})
			return
		}
	}
	if len(old) != len(now) || len(old) > 64 {
		c.reason("the pattern has the variables %s, the running version has %s", nameList(now), nameList(old))
		return
	}
	for i := range now {
		want := old[i].name
		if to, ok := renamed[want]; ok {
			want = to
		}
		if now[i].name != want {
			c.refuse(operators.Reason{Text: fmt.Sprintf("the pattern has %s where the running version has %s", now[i].name, old[i].name), Variable: now[i].name, At: c.defined(i),
				Remedy: fmt.Sprintf("if it means the same rows, map %s=%s", old[i].name, now[i].name)})
		}
	}
}

func nameList(vars []variable) string {
	names := make([]string, len(vars))
	for i := range vars {
		names[i] = vars[i].name
	}
	return fmt.Sprint(names)
}

// defined is where the condition of a variable stands.
func (c *comparison) defined(v int) diag.Span {
	if d := c.to.match.Vars[v].Define; d != nil {
		return d.Pos()
	}
	return diag.Span{}
}

// clause compares what says which rows make matches, and which are reported.
func (c *comparison) clause() {
	a, b := c.from.match, c.to.match
	same := func(what string, equal bool) {
		if !equal {
			c.reason("%s differs from that of the running version", what)
		}
	}
	same("the order of steps in PATTERN", slices.EqualFunc(c.from.code, c.to.code, sameInstr) && a.Edges == b.Edges)
	same("the time limit of a part of PATTERN", slices.Equal(c.from.limits, c.to.limits))
	same("ROWS PER MATCH", a.Rows == b.Rows)
	same("AFTER MATCH SKIP", a.Skip == b.Skip && slices.Equal(a.SkipTo, b.SkipTo))
	same("SELECT, LIMIT or CONSUME", a.Selection == b.Selection)
	same("EMIT TIMEOUTS", a.Timeouts == b.Timeouts)
	same("BETWEEN ROWS", a.Gap == b.Gap)
	same("a bound of a quantifier", slices.EqualFunc(a.Bounds, b.Bounds, func(x, y plan.Bounds) bool {
		return c.sameExpr(x.Min, y.Min) && c.sameExpr(x.Max, y.Max)
	}))
	same("the limit of WITHIN that is data", c.sameExpr(a.WithinOf, b.WithinOf))
	same("the way partial matches are held", c.from.sharable() == c.to.sharable())
}

func sameInstr(a, b instr) bool {
	return a.op == b.op && a.v == b.v && a.until == b.until && a.entry == b.entry && a.edge == b.edge && a.once == b.once && a.loop == b.loop &&
		a.few == b.few && a.excluded == b.excluded && a.x == b.x && a.y == b.y && slices.Equal(a.parts, b.parts)
}

func (c *comparison) sameExpr(a, b expr.Expr) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return plan.Identity(c.from.match.Input, a) == plan.Identity(c.to.match.Input, b)
}

// keysAndOrder compares PARTITION BY and ORDER BY.
func (c *comparison) keysAndOrder() {
	a, b := c.from.match, c.to.match
	column := func(x, y int) bool { return plan.ColumnIdentity(a.Input, x) == plan.ColumnIdentity(b.Input, y) }
	if !slices.EqualFunc(a.PartitionBy, b.PartitionBy, column) {
		c.reason("PARTITION BY differs: what is open belongs to other keys")
	}
	order := func(x, y plan.OrderKey) bool {
		return column(x.Column, y.Column) && x.Desc == y.Desc && x.NullsFirst == y.NullsFirst
	}
	if a.Proctime != b.Proctime || !slices.EqualFunc(a.OrderBy, b.OrderBy, order) {
		c.reason("ORDER BY differs")
	}
}

// reaches compares which rows are kept.
func (c *comparison) reaches() {
	a, b := c.from, c.to
	switch {
	case b.history > a.history:
		c.reason("PREV reads %d rows back, of which the running version keeps %d", b.history, a.history)
	case b.counts && !a.counts, b.retains && !a.retains, b.numbered && !a.numbered:
		c.reason("MATCH_NUMBER() needs a count that the running version does not keep")
	case a.recalls() != b.recalls(), a.layout.wide != b.layout.wide:
		c.reason("rows are kept in another form")
	case b.opts.MaxRows < a.opts.MaxRows || b.opts.MaxThreads < a.opts.MaxThreads:
		c.reason("a limit of a key ('state.max-rows-per-key', 'state.max-partial-matches-per-key') becomes lower than what may be held")
	}
}

// cellsOf finds each expression that the new version reads of kept rows among those
// that the rows were kept with.
func (c *comparison) cellsOf() {
	c.cells = c.find(c.to.kept, c.from.kept)
	for i, at := range c.cells {
		if at < 0 {
			c.refuse(c.unkept(c.to.kept[i]))
			continue
		}
		if rowtime := c.from.layout.cells[at].word == wordTime; rowtime != (c.to.layout.cells[i].word == wordTime) {
			c.reason("the column of time is another")
		} else if rowtime {
			c.cells[i] = -1
		}
	}
	c.columns = c.find(c.to.columns, c.from.columns)
	if i := slices.Index(c.columns, -1); i >= 0 && len(c.reasons) == 0 {
		c.refuse(c.unkept(c.to.columns[i]))
	}
}

// find is, per expression over the new input, its index among those over the old;
// -1: it is none of them.
func (c *comparison) find(now, old []expr.Expr) []int {
	known := map[string]int{}
	for i, e := range old {
		known[plan.Identity(c.from.match.Input, e)] = i
	}
	at := make([]int, len(now))
	for i, e := range now {
		var ok bool
		if at[i], ok = known[plan.Identity(c.to.match.Input, e)]; !ok {
			at[i] = -1
		}
	}
	return at
}

// unkept is the reason for an expression that rows were not kept with, and where it
// is read.
func (c *comparison) unkept(e expr.Expr) operators.Reason {
	m := c.to.match
	text := plan.ExprString(e, m.Input.Schema())
	r := operators.Reason{Text: fmt.Sprintf("%s is not kept of the rows of open matches", text), At: e.Pos(), Remedy: "replay the history from before the oldest open match, or drop what is open"}
	for i := range m.Vars {
		if at, ok := reads(m.Vars[i].Define, e); ok {
			r.Variable, r.At = m.Vars[i].Name, at
			r.Text = fmt.Sprintf("the condition of %s reads %s, which is not kept of the rows of open matches", r.Variable, text)
			return r
		}
	}
	for _, ms := range m.Measures {
		if at, ok := reads(ms.Expr, e); ok {
			r.At = at
			r.Text = fmt.Sprintf("the measure %s reads %s, which is not kept of the rows of open matches", ms.Name, text)
			return r
		}
	}
	return r
}

// reads says whether a condition or measure reads a cell, and where.
func reads(in, cell expr.Expr) (at diag.Span, ok bool) {
	if in == nil {
		return at, false
	}
	expr.Walk(in, func(x expr.Expr) bool {
		if !ok && expr.Equal(x, cell) {
			at, ok = x.Pos(), true
		}
		return !ok
	})
	return at, ok
}

// symbols finds how the bits of a kept row tell the same variables.
func (c *comparison) symbols() {
	old, now := classesOf(c.from), classesOf(c.to)
	if classes, ok := paired(old, now); ok {
		c.classes = classes
		return
	}
	for v := range c.to.vars {
		if c.to.vars[v].mask == 0 && c.from.vars[v].mask == 0 {
			continue
		}
		own := uint64(1) << v
		i := slices.IndexFunc(now, func(x class) bool { return x.vars == own })
		if i < 0 {
			c.refuse(operators.Reason{Text: fmt.Sprintf("rows that came before cannot be told to be, or not to be, %s: its condition has no part of its own any more", c.to.vars[v].name),
				Variable: c.to.vars[v].name, At: c.defined(v), Remedy: "replay, or drop what is open"})
		}
	}
	for _, x := range now { // a shared class is true where one of its variables is
		x.from = 0
		c.classes = append(c.classes, x)
	}
}

// paired gives the classes where both programs have the same.
func paired(old, now []class) ([]class, bool) {
	if len(old) != len(now) {
		return nil, false
	}
	out := slices.Clone(now)
	for i := range out {
		k := slices.IndexFunc(old, func(x class) bool { return x.vars == out[i].vars && x.context == out[i].context })
		if k < 0 {
			return nil, false
		}
		out[i].from = old[k].to
	}
	return out, true
}

// classesOf groups the bits of a program by the variables that have them.
func classesOf(p *Program) (list []class) {
	for bit := range len(p.local) + len(p.context) {
		x := class{to: 1 << bit, context: bit >= len(p.local)}
		for v := range p.vars {
			x.vars |= p.vars[v].mask >> bit & 1 << v
		}
		if i := slices.IndexFunc(list, func(o class) bool { return o.vars == x.vars && o.context == x.context }); i >= 0 {
			list[i].to |= x.to
			continue
		}
		list = append(list, x)
	}
	return list
}

// historical notes which conditions on the match so far have changed.
func (c *comparison) historical() {
	for v := range c.to.vars {
		a, b := c.from.vars[v].hist, c.to.vars[v].hist
		if a == nil && b == nil || a != nil && b != nil && c.sameExpr(a.text, b.text) {
			continue
		}
		c.Anew = true
		c.Notes = append(c.Notes, fmt.Sprintf("the condition of %s looks at the match so far: it is computed anew over the rows of open matches, which may let go of some", c.to.vars[v].name))
	}
}

// within compares how long partial matches may last.
func (c *comparison) within() {
	a, b := c.from.match.Within, c.to.match.Within
	switch shorter := b > 0 && (a == 0 || b < a); {
	case a == b:
	case shorter && (c.to.match.Timeouts || c.to.has(opAbsent)):
		c.reason("WITHIN becomes shorter, and matches that are complete when time runs out would be late")
	case shorter:
		c.Notes = append(c.Notes, "WITHIN becomes shorter: open matches that are older end")
	default:
		c.Notes = append(c.Notes, "WITHIN becomes longer: open matches last as long from now on; those that have ended stay ended")
	}
}

// symbol is the symbol of the new program for that of a kept row.
func (t *Transfer) symbol(old uint64) uint64 {
	judged := old&bitContext != 0 || len(t.from.context) == 0
	known := uint64(1)<<len(t.from.local) - 1
	if judged {
		known = 1<<(len(t.from.local)+len(t.from.context)) - 1
	}
	var now uint64
	for i := range t.classes {
		if x := &t.classes[i]; t.set(x, old, known) {
			now |= x.to
		}
	}
	if !judged {
		return now&(1<<len(t.to.local)-1) | old&bitEnded
	}
	now |= old & bitEnded
	if len(t.to.context) > 0 {
		now |= bitContext
	}
	return now
}

func (t *Transfer) set(x *class, old, known uint64) bool {
	if x.from != 0 {
		return old&x.from == x.from
	}
	for v := range t.from.vars {
		if mask := t.from.vars[v].mask & known; x.vars>>v&1 != 0 && old&mask == mask {
			return true
		}
	}
	return false
}

// row rewrites an encoded row (layout.appendRow) and gives what follows it.
func (t *Transfer) row(dst, src []byte, version byte) (out, rest []byte, err error) {
	l := &t.from.layout
	words := 4
	if version == 1 {
		words += (len(l.cells) + 63) / 64
	}
	if len(src) < words*8 {
		return nil, nil, errCorrupt
	}
	dst = append(dst, src[:24]...)
	dst = binary.LittleEndian.AppendUint64(dst, t.symbol(binary.LittleEndian.Uint64(src[24:])))
	src = src[words*8:]
	cells := make([][]byte, len(l.cells))
	for k := range l.cells {
		if l.cells[k].word == wordTime {
			continue
		}
		_, after, err := event.ReadValue(src, l.cells[k].typ)
		if err != nil {
			return nil, nil, err
		}
		cells[k], src = src[:len(src)-len(after)], after
	}
	for _, at := range t.cells {
		if at >= 0 {
			dst = append(dst, cells[at]...)
		}
	}
	return dst, src, nil
}
