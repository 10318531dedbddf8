package pattern

import (
	"sort"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/operators/kernel"
)

// frame is the slots that expressions over a match read, and the registers
// that feed them.
//
//	row of variable v ──apply──▶ registers ──read──▶ slots ──▶ expression
//	                             navs: which row is FIRST(A), LAST(B, 2) …
//	                             aggs: running COUNT, SUM, AVG …
type frame struct {
	slots    []slot
	context  []slot // of contextual conditions: no registers
	navs     []navRegister
	aggs     []aggRegister
	loops    []loopRegister
	feeds    []feeds // per variable
	ints     int     // size of the nav and loop registers
	vals     int     // size of the aggregate states
	numbered bool
	pathDep  bool // a slot needs the variable of a row by its place: threads never merge
}

type slotKind uint8

const (
	slotCurrent slotKind = iota // the row being tested, or a neighbour
	slotNav                     // the row a register points to, or a neighbour
	slotAgg                     // an aggregate
	slotNumber                  // MATCH_NUMBER()
	slotKey                     // a partition column
	slotMatched                 // FALSE for an unmatched row
	slotStatus                  // MATCH_STATUS()
	slotAt                      // the time of the detection
	slotOwn                     // a constant of one of the patterns that run together
)

// slot is one input of a condition or of the measures.
type slot struct {
	kind     slotKind
	typ      event.Type
	reg      int // slotNav, slotAgg: the register; slotKey: which key column; slotOwn: which constant
	physical int // rows to go on (PREV negative, NEXT positive)
	from     operand
	final    bool
	plain    bool // of the measures: one word of the row that a register points to
}

type operandKind uint8

const (
	operandCell operandKind = iota
	operandClassifier
	operandProgram // over [classifier, match number, cells …]
	operandBad
)

// operand is what to read at a row.
type operand struct {
	kind    operandKind
	cell    int
	cells   []int
	program *kernel.Scalar
	err     error
}

// navRegister remembers rows: FIRST(vars, offset) or LAST(vars, offset).
//
//	FIRST: [count so far, at most offset+1 | row]
//	LAST:  [row, row before, … offset+1 of them]
type navRegister struct {
	vars   expr.VarSet
	first  bool
	offset int
	at     int // first of its ints
}

// aggRegister is a running aggregate.
type aggRegister struct {
	vars    expr.VarSet
	acc     expr.Accumulator
	star    bool
	skip    bool // rows with a NULL first argument do not count
	args    []operand
	filter  *operand
	collect *collector // DISTINCT or ORDER BY: rows are collected and aggregated when asked
	at      int        // first of its vals
	size    int
}

// collector is how a collected aggregate is computed at the end.
type collector struct {
	distinct bool
	types    []event.Type // of args, then of the sort keys
	order    []expr.SortKey
	keys     []operand
}

// A row and its variable in a nav register; zero is none.
func entry(row int, v int16) int64 { return int64(row+1)<<16 | int64(v) }
func entryRow(e int64) int         { return int(e>>16) - 1 }
func entryVar(e int64) int16       { return int16(e & 0xffff) }

// bindFrame replaces the pattern nodes of e by columns of the frame. v is the
// variable being defined, or -1 in MEASURES. use is told each slot.
func (c *compiler) bindFrame(f *frame, e expr.Expr, v int, use func(int)) (expr.Expr, error) {
	var err error
	bound := rewriteTop(e, func(x expr.Expr) (expr.Expr, bool) {
		s, ok := c.slotOf(f, x, v)
		if !ok {
			return nil, false
		}
		if s.from.err != nil {
			err = s.from.err
		}
		i := f.slot(s)
		use(i)
		return &expr.Column{Base: expr.Base{T: x.Type(), Span: x.Pos()}, Index: i}, true
	})
	return bound, err
}

// rewriteTop replaces the topmost nodes for which f answers true.
func rewriteTop(e expr.Expr, f func(expr.Expr) (expr.Expr, bool)) expr.Expr {
	if n, ok := f(e); ok {
		return n
	}
	children := e.Children()
	if len(children) == 0 {
		return e
	}
	out := make([]expr.Expr, len(children))
	for i, x := range children {
		out[i] = rewriteTop(x, f)
	}
	return e.WithChildren(out)
}

func (c *compiler) slotOf(f *frame, x expr.Expr, v int) (slot, bool) {
	switch x := x.(type) {
	case *expr.Nav:
		return c.navSlot(f, x, v), true
	case *expr.Agg:
		return c.aggSlot(f, x), true
	case *expr.MatchNumber:
		f.numbered = true
		return slot{kind: slotNumber, typ: x.T}, true
	case *expr.MatchStatus:
		return slot{kind: slotStatus, typ: x.T}, true
	case *expr.MatchTime:
		return slot{kind: slotAt, typ: x.T}, true
	}
	return slot{}, false
}

func (c *compiler) navSlot(f *frame, n *expr.Nav, v int) slot {
	s := slot{kind: slotNav, typ: n.T, physical: n.Physical, from: c.operand(n.X)}
	// In MEASURES, FIRST looks at the whole match even where it is RUNNING (as in
	// Trino): counting forward does not stop at the current row.
	s.final = n.Final || v < 0 && n.First
	f.numbered = f.numbered || mentions[*expr.MatchNumber](n.X)
	f.pathDep = f.pathDep || n.Physical != 0 && mentions[*expr.Classifier](n.X)
	if v >= 0 && ofCurrent(v, n) {
		s.kind = slotCurrent
		return s
	}
	s.reg = f.nav(navRegister{vars: n.Vars, first: n.First, offset: n.Offset})
	return s
}

func (f *frame) nav(r navRegister) int {
	for i, o := range f.navs {
		if o.first == r.first && o.offset == r.offset && (o.vars == nil) == (r.vars == nil) && equalInts(o.vars, r.vars) {
			return i
		}
	}
	r.at = f.ints
	f.ints += 2
	if !r.first {
		f.ints += r.offset - 1
	}
	f.navs = append(f.navs, r)
	return len(f.navs) - 1
}

func equalInts(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func (c *compiler) aggSlot(f *frame, a *expr.Agg) slot {
	f.numbered = f.numbered || mentions[*expr.MatchNumber](a)
	r := aggRegister{vars: a.Vars, star: a.Star, skip: !a.Star && !a.Fn.NullArgs && len(a.Args) > 0}
	var types []event.Type
	s := slot{kind: slotAgg, typ: a.T, final: a.Final}
	for _, arg := range a.Args {
		o := c.operand(arg)
		if o.err != nil {
			s.from = o
		}
		r.args, types = append(r.args, o), append(types, arg.Type())
	}
	if a.Filter != nil {
		o := c.operand(a.Filter)
		r.filter = &o
	}
	r.acc = a.Fn.Bind(types, a.T)
	r.size = r.acc.Size()
	if a.Distinct || len(a.OrderBy) > 0 {
		r.size = 1
		r.collect = &collector{distinct: a.Distinct, types: types, order: a.OrderBy}
		for _, k := range a.OrderBy {
			r.collect.keys = append(r.collect.keys, c.operand(k.X))
			r.collect.types = append(r.collect.types, k.X.Type())
		}
	}
	r.at = f.vals
	f.vals += r.size
	f.aggs = append(f.aggs, r)
	s.reg = len(f.aggs) - 1
	return s
}

// slot adds a slot, or finds the one that reads the same.
func (f *frame) slot(s slot) int {
	if s.kind != slotAgg && (s.from.kind == operandCell || s.from.kind == operandClassifier) {
		for i, o := range f.slots {
			if o.kind == s.kind && o.reg == s.reg && o.physical == s.physical && o.final == s.final && o.from.kind == s.from.kind && o.from.cell == s.from.cell {
				return i
			}
		}
	}
	f.slots = append(f.slots, s)
	return len(f.slots) - 1
}

// registersOf is the set of registers that slots read: navs first, then aggs;
// a register beyond the 63rd shares the last bit.
func (f *frame) registersOf(slots []int) uint64 {
	var set uint64
	for _, i := range slots {
		switch s := &f.slots[i]; s.kind {
		case slotNav:
			set |= 1 << min(s.reg, 63)
		case slotAgg:
			set |= 1 << min(len(f.navs)+s.reg, 63)
		}
	}
	return set
}

// init sets registers to the empty match.
func (f *frame) init(ints []int64, vals []event.Value) {
	clear(ints)
	for i := range f.aggs {
		a := &f.aggs[i]
		state := vals[a.at : a.at+a.size]
		if a.collect != nil {
			state[0] = event.Value{}
			continue
		}
		a.acc.Init(state)
	}
}

// apply takes row as variable v into the registers.
func (f *frame) apply(w *view, ints []int64, vals []event.Value, row int, v int16) error {
	feeds := &f.feeds[v]
	for _, n := range feeds.navs {
		n.apply(ints[n.at:], entry(row, v))
	}
	for _, a := range feeds.aggs {
		if err := a.apply(w, vals[a.at:a.at+a.size], row, v); err != nil {
			return err
		}
	}
	return nil
}

// feeds is the registers that rows of one variable go to.
type feeds struct {
	navs []*navRegister
	aggs []*aggRegister
}

// feed finds what each of n variables feeds; the registers are all there.
func (f *frame) feed(n int) {
	f.feeds = make([]feeds, n)
	for v := range f.feeds {
		x := &f.feeds[v]
		for i := range f.navs {
			if f.navs[i].vars.Has(v) {
				x.navs = append(x.navs, &f.navs[i])
			}
		}
		for i := range f.aggs {
			if f.aggs[i].vars.Has(v) {
				x.aggs = append(x.aggs, &f.aggs[i])
			}
		}
	}
}

func (n *navRegister) apply(ints []int64, e int64) {
	if !n.first {
		copy(ints[1:n.offset+1], ints[:n.offset])
		ints[0] = e
		return
	}
	if ints[0] <= int64(n.offset) {
		ints[0]++
		if ints[0] == int64(n.offset)+1 {
			ints[1] = e
		}
	}
}

// target is the entry the register points to, zero when there is none.
func (n *navRegister) target(ints []int64) int64 {
	if n.first {
		return ints[n.at+1]
	}
	return ints[n.at+n.offset]
}

func (a *aggRegister) apply(w *view, state []event.Value, row int, v int16) error {
	if a.filter != nil {
		if keep, err := w.operand(a.filter, row, v); err != nil || !keep.Bool() {
			return err
		}
	}
	args := w.args[:0]
	for i := range a.args {
		x, err := w.operand(&a.args[i], row, v)
		if err != nil {
			return err
		}
		args = append(args, x)
	}
	w.args = args
	if a.skip && args[0].Null {
		return nil
	}
	if a.collect != nil {
		return a.gather(w, state, args, row, v)
	}
	return a.acc.Add(state, args)
}

// gather appends the arguments and sort keys to the collected rows. The list
// is copied, since forked threads share it.
func (a *aggRegister) gather(w *view, state []event.Value, args []event.Value, row int, v int16) error {
	item := make([]event.Value, 0, len(args)+len(a.collect.keys))
	for _, x := range args {
		item = append(item, cloneValue(x))
	}
	for i := range a.collect.keys {
		x, err := w.operand(&a.collect.keys[i], row, v)
		if err != nil {
			return err
		}
		item = append(item, cloneValue(x))
	}
	list := state[0].L
	state[0].L = append(list[:len(list):len(list)], event.Value{L: item})
	return nil
}

func cloneValue(v event.Value) event.Value {
	if v.S != nil {
		v.S = append([]byte(nil), v.S...)
	}
	return v
}

// result computes the aggregate.
func (a *aggRegister) result(state []event.Value, out *event.Value) error {
	if a.collect == nil {
		return a.acc.Result(state, out)
	}
	rows := append([]event.Value(nil), state[0].L...)
	n := len(a.args)
	sort.SliceStable(rows, func(i, j int) bool { return a.collect.less(rows[i].L[n:], rows[j].L[n:]) })
	fresh := make([]event.Value, a.acc.Size())
	a.acc.Init(fresh)
	seen := map[string]bool{}
	for _, r := range rows {
		if a.collect.distinct {
			k := a.collect.encode(r.L[:n])
			if seen[k] {
				continue
			}
			seen[k] = true
		}
		if err := a.acc.Add(fresh, r.L[:n]); err != nil {
			return err
		}
	}
	return a.acc.Result(fresh, out)
}

func (c *collector) encode(args []event.Value) string {
	var key []byte
	for i, x := range args {
		key = event.AppendValue(key, c.types[i], x)
	}
	return string(key)
}

func (c *collector) less(x, y []event.Value) bool {
	first := len(c.types) - len(c.keys)
	for i, k := range c.order {
		if x[i].Null || y[i].Null {
			if x[i].Null != y[i].Null {
				return x[i].Null == k.NullsFirst
			}
			continue
		}
		if d := kernel.Compare(c.types[first+i], x[i], y[i]); d != 0 {
			return d < 0 != k.Desc
		}
	}
	return false
}
