package pattern

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/operators/kernel"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/plan"
)

// Options bound a pattern and say how it fails.
type Options struct {
	Name       string // of the query: part of detection IDs
	MaxRows    int    // rows kept per key; 0: DefaultMaxRows
	MaxThreads int    // threads per key; 0: DefaultMaxThreads
	// ContinueOnError: a bad skip target or a failed condition ends that match
	// with a reject, and matching goes on at the next row. Otherwise it fails
	// the query.
	ContinueOnError bool
	Policy          LimitPolicy
	// TTL ends a partial match that is as old, without a result but counted; and
	// forgets what is kept of a key that has been idle for as long. µs; 0: never.
	TTL event.Time
	// Trace: the conditions can be tested one by one, for NewTracer.
	Trace bool
	// Explain keeps what conditions read, for a Lineage to tell.
	Explain bool
	// Ordered: the results are put in the order of time again, so Hold is asked.
	Ordered bool
}

// The default limits.
const (
	DefaultMaxRows    = 100_000
	DefaultMaxThreads = 10_000
)

// Bits of a symbol that are not conditions.
const (
	bitEnded   = 1 << 61 // what began with the row was ended: nothing begins with it
	bitEnd     = 1 << 62 // the row is the last of its partition ($)
	bitContext = 1 << 63 // the contextual bits are set
	maxBits    = 61
)

var errCorrupt = errors.New("pattern: corrupt snapshot of a key")

// Program is a compiled MATCH_RECOGNIZE: immutable, shared by all shards.
type Program struct {
	match     *plan.Match
	opts      Options
	code      []instr
	limits    []int64 // of the time-limited parts, µs
	loopUntil []int16 // per variable: what ends its possessive loop, -1: nothing
	vars      []variable
	local     []condition // bits 0 … of the symbol, set by Prepare
	context   []condition // the bits after them, set by the matcher
	history   int         // rows before the start that conditions may read (PREV)
	ahead     int         // rows after the current one that conditions read (NEXT, $)
	after     int         // rows after the last one that measures read (NEXT)
	kept      []expr.Expr // row-local expressions over the input, one per cell …
	given     *given      // … of which some were given; nil: the pattern is no member of others
	layout    layout
	keys      []int           // key columns of the prepared batch
	order     []plan.OrderKey // over the prepared batch
	prepared  *event.Schema
	columns   []expr.Expr // the prepared columns after the symbol
	define    frame       // registers of the historical conditions
	measures  output
	conjuncts *conjuncts  // for a trace; else nil
	limit     int         // cell of a match's own time limit, -1: none
	starts    []uint64    // local bits of the variables a match may start with
	anyStart  bool        // also a row of no variable matters: empty matches, unmatched rows …
	retains   bool        // a key is kept for good once seen: PREV, ^
	numbered  bool        // a key is kept once it has matched: MATCH_NUMBER()
	places    *placeTable // of a pattern with edges
	live      []uint64    // per instruction: the registers that conditions from there on read
	shortest  int         // rows of the shortest match that has any
	within    event.Time  // how long a partial match may stay, 0: for ever
	counts    bool        // keys count their rows and matches
	drops     bool        // the time to live may end it
	silent    bool        // a match of one row that runs out of time has no result
	joint     *joint      // the patterns that run together; nil: one pattern, this one
}

// variable is a primary pattern variable.
type variable struct {
	name  string
	local uint64    // local bits that its rows have
	ctx   uint64    // contextual bits, counted from 0
	mask  uint64    // both, as they stand in the symbol
	hist  *residual // nil: the bits decide
	equal *equality // how partial matches that wait for it are indexed; nil: they are not
	label event.Value
}

// condition is one bit of the symbol.
type condition struct {
	cond  expr.Expr
	needs uint64    // contextual: bits to be set before it is worth a look
	eval  *residual // contextual
}

// residual is a condition over a frame of slots.
type residual struct {
	text  expr.Expr
	slots []int // those it reads
	cond  *kernel.Scalar
}

func (o Options) withDefaults() Options {
	if o.MaxRows == 0 {
		o.MaxRows = DefaultMaxRows
	}
	if o.MaxThreads == 0 {
		o.MaxThreads = DefaultMaxThreads
	}
	return o
}

// Compile makes a Program of a bound clause.
func Compile(m *plan.Match, opts Options) (*Program, error) { return compile(m, opts, nil) }

// given is what patterns that run together give the one that makes the rows of
// an output.
type given struct {
	kept    []expr.Expr  // the first cells of kept rows
	columns []event.Type // constants of each pattern that follow its measures
}

func compile(m *plan.Match, opts Options, g *given) (*Program, error) {
	p := &Program{match: m, opts: opts.withDefaults(), given: g}
	if g != nil {
		p.kept = slices.Clip(g.kept)
	}
	var err error
	a := assembler{edges: m.Edges, loops: map[int16]plan.PatQuant{}}
	if err = a.assemble(m.Pattern); err != nil {
		return nil, err
	}
	p.code, p.limits = a.code, a.limits
	p.loopUntil = make([]int16, len(m.Vars))
	for _, in := range p.code {
		if in.op == opNot && in.loop {
			p.loopUntil[in.v] = in.until
		}
	}
	if m.Edges && len(m.Vars) > 64 {
		return nil, fmt.Errorf("a pattern with edges may have 64 variables, this one has %d", len(m.Vars))
	}
	if len(m.Bounds) > maxCounted {
		return nil, fmt.Errorf("a pattern may have %d quantifiers whose bounds are data, this one has %d", maxCounted, len(m.Bounds))
	}
	c := &compiler{p: p, in: m.Input.Schema(), loops: a.loops}
	if err := c.variables(); err != nil {
		return nil, err
	}
	if err := c.output(); err != nil {
		return nil, err
	}
	if err := p.tryKernels(); err != nil {
		return nil, err
	}
	if len(p.local)+len(p.context) > maxBits {
		return nil, fmt.Errorf("a pattern may have %d distinct conditions on single rows, this one has %d", maxBits, len(p.local)+len(p.context))
	}
	if m.Edges && (p.after > 0 || p.define.numbered) {
		return nil, errors.New("NEXT in MEASURES and MATCH_NUMBER() in DEFINE are not supported yet in a pattern with edges")
	}
	if m.Consume == plan.ConsumeAny && p.ahead > 0 {
		return nil, errors.New("NEXT in DEFINE is not supported yet in a pattern with CONSUME BY ANY")
	}
	if opts.Trace || opts.Explain {
		if err := c.testable(); err != nil {
			return nil, err
		}
	}
	c.limits()
	p.define.feed(len(p.vars))
	p.measures.feed(len(p.vars))
	c.layOut()
	p.entry()
	p.liveness()
	p.shortest = p.shortestMatch()
	p.lifetime()
	p.silent = !m.Edges && p.shortest > 1 && !p.drops && p.ahead == 0 && !p.retains && !p.numbered && m.Rows != ast.AllRowsUnmatch
	if err := p.checkLimits(); err != nil {
		return nil, err
	}
	if m.Edges {
		p.places, err = p.findPlaces()
	}
	return p, err
}

// tryKernels compiles what each unit and shard will compile for itself, so that
// they cannot fail.
func (p *Program) tryKernels() error {
	for _, e := range append(append([]expr.Expr(nil), p.kept...), p.measures.exprs...) {
		if _, err := kernel.Compile(e); err != nil {
			return err
		}
	}
	for _, l := range p.local {
		if _, err := kernel.CompileFilter(l.cond); err != nil {
			return err
		}
	}
	return nil
}

// Prepared is the schema between Prepare and the matcher: the symbol, then
// key, order and kept columns.
func (p *Program) Prepared() *event.Schema { return p.prepared }

// Key lists the partition columns in the prepared schema.
func (p *Program) Key() []int { return p.keys }

// Order lists the sort keys after event time, in the prepared schema.
func (p *Program) Order() []plan.OrderKey { return p.order }

// deterministic says whether symbols decide everything.
func (p *Program) deterministic() bool { return !p.define.stateful() }

type compiler struct {
	p     *Program
	in    *event.Schema
	loops map[int16]plan.PatQuant
	atoms []expr.Expr // conjuncts on the row alone, bound, of all variables
}

// keep gives a row-local expression a cell of the kept rows.
func (c *compiler) keep(e expr.Expr) int {
	for i := range c.p.kept {
		if expr.Equal(c.p.kept[i], e) {
			return i
		}
	}
	c.p.kept = append(c.p.kept, e)
	return len(c.p.kept) - 1
}

// operand says how to read e at a row: a cell, the classifier, or a small
// program over all cells.
func (c *compiler) operand(e expr.Expr) operand {
	if _, ok := e.(*expr.Classifier); ok {
		return operand{kind: operandClassifier}
	}
	if !mentions[*expr.Classifier](e) && !mentions[*expr.MatchNumber](e) {
		return operand{kind: operandCell, cell: c.keep(e)}
	}
	var cells []int
	bound := expr.Rewrite(e, func(x expr.Expr) expr.Expr {
		switch x := x.(type) {
		case *expr.Column:
			cells = append(cells, c.keep(x))
			return &expr.Column{Base: x.Base, Index: 1 + len(cells)}
		case *expr.Classifier:
			return &expr.Column{Base: x.Base, Index: 0}
		case *expr.MatchNumber:
			return &expr.Column{Base: x.Base, Index: 1}
		}
		return x
	})
	prog, err := kernel.CompileScalar(bound)
	if err != nil {
		return operand{kind: operandBad, err: err}
	}
	return operand{kind: operandProgram, cells: cells, program: prog}
}

// layOut fixes the prepared columns and the row layout.
func (c *compiler) layOut() {
	p, in := c.p, c.in
	p.prepared = &event.Schema{Rowtime: -1, Fields: []event.Field{{Name: "symbol", Type: event.TInt64}}}
	for _, k := range p.match.PartitionBy {
		p.keys = append(p.keys, c.column(&expr.Column{Base: expr.Base{T: in.Fields[k].Type}, Index: k, Name: in.Fields[k].Name}))
	}
	for _, k := range p.match.OrderBy {
		if k.Column == in.Rowtime {
			continue
		}
		col := c.column(&expr.Column{Base: expr.Base{T: in.Fields[k.Column].Type}, Index: k.Column, Name: in.Fields[k.Column].Name})
		p.order = append(p.order, plan.OrderKey{Column: col, Desc: k.Desc, NullsFirst: k.NullsFirst})
	}
	var types []event.Type
	var cols []int
	var rowtime []bool
	for _, e := range p.kept {
		col, ok := e.(*expr.Column)
		isTime := ok && col.Index == in.Rowtime
		index := -1
		if !isTime {
			index = c.column(e)
		}
		types, cols, rowtime = append(types, e.Type()), append(cols, index), append(rowtime, isTime)
	}
	p.layout = newLayout(types, cols, rowtime, p.symbolBits(), !sourced(p.match.Input))
}

func (p *Program) symbolBits() int {
	if p.joint != nil {
		return p.joint.bits
	}
	return len(p.local) + len(p.context)
}

// sourced says whether the rows of n have the IDs of rows of a source.
func sourced(n plan.Node) bool {
	switch n.(type) {
	case *plan.Scan, *plan.Values, *plan.Filter, *plan.Project, *plan.Union:
		return !slices.ContainsFunc(n.Inputs(), func(in plan.Node) bool { return !sourced(in) })
	}
	return false
}

func (c *compiler) column(e expr.Expr) int {
	for i := range c.p.columns {
		if expr.Equal(c.p.columns[i], e) {
			return i + 1
		}
	}
	name := fmt.Sprintf("kept%d", len(c.p.columns))
	if col, ok := e.(*expr.Column); ok {
		name = c.in.Fields[col.Index].Name
	}
	c.p.columns = append(c.p.columns, e)
	c.p.prepared.Fields = append(c.p.prepared.Fields, event.Field{Name: name, Type: e.Type()})
	return len(c.p.columns)
}

// entry finds what a match may start with, and whether keys must be kept when
// nothing is going on.
func (p *Program) entry() {
	seen := make([]bool, len(p.code))
	var visit func(pc int32)
	visit = func(pc int32) {
		if seen[pc] {
			return
		}
		seen[pc] = true
		switch in := p.code[pc]; in.op {
		case opRow:
			p.starts = append(p.starts, p.vars[in.v].local)
		case opSplit:
			visit(in.x)
			visit(in.y)
		case opJump, opNext:
			visit(in.x)
		case opRows:
			visit(pc + 1)
			if in.x >= 0 {
				visit(in.x)
			}
		case opCount:
			visit(in.x)
			if p.mayBeZero(&in) {
				visit(in.y)
			}
		case opStart, opEnd, opNot, opEnter, opBegin:
			visit(pc + 1)
		case opAccept:
			p.anyStart = true
		}
	}
	visit(0)
	p.numbered = p.measures.numbered || p.define.numbered
	p.retains = p.history > 0 || p.has(opStart)
	p.counts = p.numbered || p.has(opStart) || p.match.Edges || p.match.Rows == ast.AllRowsUnmatch
	p.anyStart = p.anyStart || p.retains || p.match.Rows == ast.AllRowsUnmatch
	if p.has(opEnd) {
		p.ahead = max(p.ahead, 1)
	}
}

func (p *Program) has(op opcode) bool {
	for _, in := range p.code {
		if in.op == op {
			return true
		}
	}
	return false
}

// maybeStart says whether a row with these local bits may start a match.
func (p *Program) maybeStart(symbol uint64) bool {
	for _, m := range p.starts {
		if symbol&m == m {
			return true
		}
	}
	return false
}

// liveness computes, per instruction, the registers that some condition from
// there on reads: threads that agree in those are the same to the future.
func (p *Program) liveness() {
	if p.deterministic() || p.match.Edges {
		return
	}
	p.live = make([]uint64, len(p.code))
	for changed := true; changed; {
		changed = false
		for pc := len(p.code) - 1; pc >= 0; pc-- {
			l := p.live[pc] | p.liveAfter(pc)
			changed = changed || l != p.live[pc]
			p.live[pc] = l
		}
	}
}

func (p *Program) liveAfter(pc int) uint64 {
	switch in := p.code[pc]; in.op {
	case opRow:
		l := p.live[pc+1]
		if r := p.vars[in.v].hist; r != nil {
			l |= p.define.registersOf(r.slots)
		}
		return l
	case opSplit, opCount:
		return p.live[in.x] | p.live[in.y]
	case opJump, opNext:
		return p.live[in.x]
	case opRows:
		if in.x >= 0 {
			return p.live[in.x] | p.live[pc+1]
		}
		return p.live[pc+1]
	case opStart, opEnd, opBegin:
		return p.live[pc+1]
	}
	return 0
}
