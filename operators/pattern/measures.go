package pattern

import (
	"encoding/binary"
	"fmt"

	"github.com/zeebo/xxh3"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/kernel"
	"github.com/cepd/cepd/query/ast"
)

// output is how rows are made of matches: slots are filled row by row into a
// batch, over which the output columns are computed as columns.
type output struct {
	frame
	schema *event.Schema // of the slots
	exprs  []expr.Expr   // output columns over the slots
	finals bool          // some slot is FINAL while others are RUNNING
}

// output binds the output columns.
func (c *compiler) output() error {
	m, o := c.p.match, &c.p.measures
	if m.Rows == ast.AllRowsUnmatch {
		o.slot(slot{kind: slotMatched, typ: event.TBool})
	}
	for i, k := range m.PartitionBy {
		c.outputSlot(slot{kind: slotKey, reg: i, typ: c.in.Fields[k].Type})
	}
	used := map[int]bool{}
	for _, k := range m.PartitionBy {
		used[k] = true
	}
	if m.Rows != ast.OneRow {
		for _, k := range m.OrderBy {
			if !used[k.Column] {
				used[k.Column] = true
				c.outputColumn(k.Column)
			}
		}
	}
	own := 0
	for _, ms := range m.Measures {
		if k, ok := ownConstant(ms.Expr); ok && c.p.given != nil {
			c.outputSlot(slot{kind: slotOwn, reg: own, typ: k.T})
			own++
			continue
		}
		if err := c.measure(ms.Expr); err != nil {
			return fmt.Errorf("MEASURES %s: %w", ms.Name, err)
		}
	}
	if m.Rows != ast.OneRow {
		for i := range c.in.Fields {
			if !used[i] {
				c.outputColumn(i)
			}
		}
	}
	if c.p.given != nil {
		for i, t := range c.p.given.columns {
			c.outputSlot(slot{kind: slotOwn, reg: own + i, typ: t})
		}
	}
	return c.outputSchema()
}

func (c *compiler) outputSlot(s slot) {
	o := &c.p.measures
	i := o.slot(s)
	o.exprs = append(o.exprs, &expr.Column{Base: expr.Base{T: s.typ}, Index: i})
}

// outputColumn passes an input column of the current row through.
func (c *compiler) outputColumn(i int) {
	f := c.in.Fields[i]
	from := c.operand(&expr.Column{Base: expr.Base{T: f.Type}, Index: i, Name: f.Name})
	c.outputSlot(slot{kind: slotCurrent, typ: f.Type, from: from})
}

func (c *compiler) measure(e expr.Expr) error {
	o := &c.p.measures
	bound, err := c.bindFrame(&o.frame, e, -1, func(int) {})
	if err != nil {
		return err
	}
	if c.p.match.Rows == ast.AllRowsUnmatch { // measures of unmatched rows are NULL
		matched := &expr.Column{Base: expr.Base{T: event.TBool}}
		null := &expr.Const{Base: expr.Base{T: e.Type()}, Value: event.NullValue}
		bound = &expr.Case{Base: expr.Base{T: e.Type(), Span: e.Pos()}, When: []expr.Arm{{Cond: matched, Then: bound}}, Else: null}
	}
	o.exprs = append(o.exprs, bound)
	return nil
}

func (c *compiler) outputSchema() error {
	o := &c.p.measures
	o.schema = &event.Schema{Rowtime: -1}
	running := false
	for i := range o.slots {
		s := &o.slots[i]
		s.plain = s.kind == slotNav && s.physical == 0 && s.from.kind == operandCell && s.typ.Physical() == event.PhysI64
		o.schema.Fields = append(o.schema.Fields, event.Field{Name: fmt.Sprintf("slot%d", i), Type: s.typ})
		c.p.after = max(c.p.after, s.physical)
		c.p.history = max(c.p.history, -s.physical)
		counted := s.kind == slotNav || s.kind == slotAgg
		o.finals = o.finals || counted && s.final
		running = running || counted && !s.final
	}
	o.finals = o.finals && c.p.match.Rows != ast.OneRow
	if len(o.exprs) != len(c.p.match.Out.Fields) {
		return fmt.Errorf("pattern: %d output columns, the plan has %d", len(o.exprs), len(c.p.match.Out.Fields))
	}
	return nil
}

// emitter makes output batches.
type emitter struct {
	p        *Program
	programs []*kernel.Program
	slots    *event.Batch
	batch    event.Batch // the output columns, which are the programs' own
	sel      []int32
	n        int // rows in slots
	ints     []int64
	vals     []event.Value
	finals   []event.Value
	ctx      kernel.Context
	seed     uint64
	room     int                                                     // rows that slots has room for
	seen     func(w *view, steps []step, id event.ID, at event.Time) // of a trace; else nil
	out      operators.Collector
	octx     *operators.Context
	noted    bool // the match is in the lineage
}

func newEmitter(p *Program, room int) *emitter {
	o := &p.measures
	e := &emitter{p: p, room: room, slots: event.NewBatch(o.schema),
		ints: make([]int64, o.ints), vals: make([]event.Value, o.vals), finals: make([]event.Value, len(o.slots)),
		seed: xxh3.HashString(p.opts.Name)}
	e.batch = event.Batch{Schema: p.match.Out, Cols: make([]event.Vec, len(o.exprs))}
	for _, x := range o.exprs {
		prog, err := kernel.Compile(x)
		if err != nil {
			panic(err) // Compile has made it once already
		}
		e.programs = append(e.programs, prog)
	}
	e.slots.Reset(e.room)
	return e
}

// begin says where the rows of this call go.
func (e *emitter) begin(ctx *operators.Context, out operators.Collector) {
	e.octx, e.out = ctx, out
	e.ctx.Now = ctx.Now
}

// flush computes the output columns and passes them on.
func (e *emitter) flush() error {
	if e.n == 0 {
		return nil
	}
	b := &e.batch
	e.slots.N, b.N, b.Sel = e.n, e.n, nil
	for i, p := range e.programs {
		b.Cols[i] = *p.Eval(&e.ctx, e.slots, nil)
	}
	b.Time, b.ID = e.slots.Time[:e.n], e.slots.ID[:e.n]
	if err := e.failures(b); err != nil {
		return err
	}
	err := e.out.Emit(b)
	e.n = 0
	e.slots.Reset(e.room)
	return err
}

// failures takes out the rows whose measures failed.
func (e *emitter) failures(b *event.Batch) error {
	sel, err := dropFailed(&e.ctx, e.octx, b, e.sel, e.p.opts.ContinueOnError)
	e.sel = sel
	return err
}

// match emits the rows of a match; no steps make an empty match.
func (e *emitter) match(w *view, steps []step) error {
	w.classes = steps
	if steps == nil {
		w.classes = []step{}
	}
	e.noted = false
	mode := e.p.match.Rows
	switch {
	case len(steps) == 0 && mode == ast.AllRowsOmit:
		return nil
	case mode == ast.OneRow || len(steps) == 0:
		return e.oneRow(w, steps)
	}
	return e.allRows(w, steps)
}

func (e *emitter) oneRow(w *view, steps []step) error {
	if err := e.applyAll(w, steps); err != nil {
		return err
	}
	last := 0
	if len(steps) > 0 {
		last = int(steps[len(steps)-1].row)
	}
	if err := e.fill(w, last, false); err != nil {
		return err
	}
	return e.done(w, steps, last, 0)
}

func (e *emitter) applyAll(w *view, steps []step) error {
	e.p.measures.init(e.ints, e.vals)
	for _, s := range steps {
		if err := e.p.measures.apply(w, e.ints, e.vals, int(s.row), s.v); err != nil {
			return err
		}
	}
	return nil
}

func (e *emitter) allRows(w *view, steps []step) error {
	o := &e.p.measures
	if o.finals {
		if err := e.takeFinals(w, steps); err != nil {
			return err
		}
	}
	o.init(e.ints, e.vals)
	for i, s := range steps {
		if err := o.apply(w, e.ints, e.vals, int(s.row), s.v); err != nil {
			return err
		}
		if s.excluded {
			continue
		}
		if err := e.fill(w, int(s.row), o.finals); err != nil {
			return err
		}
		if err := e.done(w, steps, int(s.row), uint64(i)+1); err != nil {
			return err
		}
	}
	return nil
}

// takeFinals computes the FINAL slots, which see the whole match from every
// row of it.
func (e *emitter) takeFinals(w *view, steps []step) error {
	if err := e.applyAll(w, steps); err != nil {
		return err
	}
	o, last := &e.p.measures, steps[len(steps)-1]
	for i := range o.slots {
		if s := &o.slots[i]; s.final {
			x, err := w.read(&o.frame, s, e.ints, e.vals, int(last.row), last.v)
			if err != nil {
				return err
			}
			e.finals[i] = cloneValue(x)
		}
	}
	return nil
}

// fill writes the slots of one output row whose current row is row; final says
// that the FINAL ones were computed before.
func (e *emitter) fill(w *view, row int, final bool) error {
	o := &e.p.measures
	v := w.classOf(row)
	for i := range o.slots {
		s, x := &o.slots[i], e.finals[i]
		if !final || !s.final {
			if s.plain && e.copyCell(w, s, &e.slots.Cols[i]) {
				continue
			}
			var err error
			if x, err = w.read(&o.frame, s, e.ints, e.vals, row, v); err != nil {
				return err
			}
		}
		e.slots.Cols[i].Set(e.n, e.room, x)
	}
	return nil
}

// copyCell writes a slot that is one word of a row straight into its column. It
// says whether it did: NULL goes the long way.
func (e *emitter) copyCell(w *view, s *slot, col *event.Vec) bool {
	at := e.p.measures.navs[s.reg].target(e.ints)
	if at == 0 {
		return false
	}
	row, c := w.row(entryRow(at)), &e.p.layout.cells[s.from.cell]
	if row == nil || e.p.layout.null(row, c) {
		return false
	}
	col.I64[e.n] = int64(row[c.word])
	return true
}

// unmatched emits the start row as one that no match covers.
func (e *emitter) unmatched(w *view) error {
	w.classes = []step{}
	o := &e.p.measures
	for i := range o.slots {
		s := &o.slots[i]
		x := event.NullValue
		if s.kind == slotKey || s.kind == slotCurrent {
			var err error
			if x, err = w.read(&o.frame, s, e.ints, e.vals, 0, noVar); err != nil {
				return err
			}
		}
		if s.kind == slotMatched {
			x = event.BoolValue(false)
		}
		e.slots.Cols[i].Set(e.n, e.room, x)
	}
	return e.done(w, nil, 0, 1<<63)
}

// done closes the output row: its time is that of row last, or, where a match
// with edges gives one row, of the detection; its ID a hash of the query, the
// match's start, that row, and which row of the match it is; where many matches
// may have one start and one end, of all rows of the match.
func (e *emitter) done(w *view, steps []step, last int, ordinal uint64) error {
	first := 0
	if e.p.match.Edges {
		first = int(steps[0].row)
		ordinal += w.id
	}
	z := w.row(last)
	from, to := w.rowID(first), w.rowID(last)
	var key [48]byte
	for i, x := range [...]uint64{e.seed, from.Hi, from.Lo, to.Hi, to.Lo, ordinal} {
		binary.LittleEndian.PutUint64(key[8*i:], x)
	}
	h := xxh3.Hash128(key[:])
	e.slots.Time[e.n] = event.Time(z[wordTime])
	if e.p.match.Edges && e.p.match.Rows == ast.OneRow {
		e.slots.Time[e.n] = w.at
	}
	e.slots.ID[e.n] = event.Detection(h.Hi, h.Lo)
	if e.seen != nil {
		e.seen(w, steps, e.slots.ID[e.n], e.slots.Time[e.n])
	}
	if e.octx.Lineage != nil {
		e.note(w, steps, e.slots.ID[e.n])
	}
	e.n++
	if e.n == e.room {
		return e.flush()
	}
	return nil
}

// note tells what an output row is made of.
func (e *emitter) note(w *view, steps []step, id event.ID) {
	if e.noted {
		e.octx.Lineage.Again(id)
		return
	}
	e.noted = true
	rows := e.octx.Lineage.Add(id, len(steps))
	for i := range rows {
		s := &steps[operators.Noted(i, len(steps))]
		rows[i].BoundRow = operators.BoundRow{ID: w.rowID(int(s.row)), Time: event.Time(w.row(int(s.row))[wordTime])}
		if s.v == noVar {
			continue
		}
		rows[i].Variable = e.p.vars[s.v].name
		if e.octx.Lineage.Conditions && len(steps) <= maxExplained {
			rows[i].Met = e.p.conjuncts.test(w, steps[:operators.Noted(i, len(steps))], int(s.row), s.v)
		}
	}
	w.classes = steps
}

// maxExplained is the rows of a match up to which conditions are tested once more
// to tell what they read: the work grows with the square.
const maxExplained = 1000
