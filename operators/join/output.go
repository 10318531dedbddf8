package join

import (
	"encoding/binary"

	"github.com/zeebo/xxh3"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/kernel"
	"github.com/cepd/cepd/query/plan"
)

// ref is a row of a chunk; of no chunk: NULL.
type ref struct {
	c *chunk
	i int32
}

// output puts rows together. What meets is first a candidate, if there is a
// condition, then a row of the output.
type output struct {
	p          *Program
	ctx        *operators.Context
	to         operators.Collector
	candidates [2][]ref
	rows       [2][]ref
	filter     *kernel.Filter // nil: every candidate is a row
	k          kernel.Context
	both       *event.Batch // of candidates
	sel        []int32
	out        *event.Batch
}

func (o *output) init(p *Program) {
	o.p, o.out = p, event.NewBatch(p.plan.Out)
	if p.plan.Residual == nil {
		return
	}
	o.filter, _ = kernel.CompileFilter(p.plan.Residual) // has been compiled before
	o.k.Zone = p.opts.Zone
	o.both = event.NewBatch(p.kept)
}

func (o *output) begin(ctx *operators.Context, to operators.Collector) { o.ctx, o.to = ctx, to }

// pair takes two rows that meet.
func (o *output) pair(l, r ref) error {
	if o.filter == nil {
		return o.met(l, r)
	}
	if o.p.plan.Kind.LeftOnly() && l.c.flags[l.i]&matched != 0 {
		return nil
	}
	o.candidates[left], o.candidates[right] = append(o.candidates[left], l), append(o.candidates[right], r)
	if len(o.candidates[left]) < event.MaxRows {
		return nil
	}
	return o.settle()
}

// settle decides the candidates.
func (o *output) settle() error {
	n := len(o.candidates[left])
	if n == 0 {
		return nil
	}
	o.gather(o.both, o.candidates, n, len(o.p.sides[left].schema.Fields))
	o.k.Now = o.ctx.Now
	o.k.Reset()
	o.sel = o.filter.Select(&o.k, o.both, nil, o.sel)
	for _, e := range o.k.Errs {
		o.ctx.Rejects = append(o.ctx.Rejects, operators.Reject{Kind: operators.RejectError, ID: o.both.ID[e.Row], Time: o.both.Time[e.Row], Reason: e.Err.Error()})
	}
	l, r := o.candidates[left], o.candidates[right]
	o.candidates[left], o.candidates[right] = l[:0], r[:0]
	for _, i := range o.sel {
		if err := o.met(l[i], r[i]); err != nil {
			return err
		}
	}
	return nil
}

// met takes partners.
func (o *output) met(l, r ref) error {
	first := l.c.mark(l.i)
	switch o.p.plan.Kind {
	case plan.Anti:
		return nil
	case plan.Semi:
		if !first {
			return nil
		}
		return o.row(l, ref{})
	}
	r.c.mark(r.i)
	return o.row(l, r)
}

// mark notes that a row has had a partner, and says whether that is new.
func (c *chunk) mark(i int32) bool {
	if c.flags[i]&matched != 0 {
		return false
	}
	c.flags[i] |= matched
	c.dirty = true
	return true
}

// alone takes a row of a side that has had no partner.
func (o *output) alone(s int, r ref) error {
	if s == left {
		return o.row(r, ref{})
	}
	return o.row(ref{}, r)
}

func (o *output) row(l, r ref) error {
	o.rows[left], o.rows[right] = append(o.rows[left], l), append(o.rows[right], r)
	if len(o.rows[left]) < event.MaxRows {
		return nil
	}
	return o.emit()
}

// flush emits all that is ready.
func (o *output) flush() error {
	if err := o.settle(); err != nil {
		return err
	}
	return o.emit()
}

func (o *output) emit() error {
	n := len(o.rows[left])
	if n == 0 {
		return nil
	}
	o.gather(o.out, o.rows, n, len(o.p.sides[left].schema.Fields))
	for s := range o.rows {
		clear(o.rows[s])
		o.rows[s] = o.rows[s][:0]
	}
	return o.to.Emit(o.out)
}

// gather fills b with the columns of n pairs of rows; width is how many are the
// left's.
func (o *output) gather(b *event.Batch, pairs [2][]ref, n, width int) {
	b.Reset(n)
	for c := range b.Cols {
		if c < width {
			gatherColumn(&b.Cols[c], pairs[left], c)
			continue
		}
		gatherColumn(&b.Cols[c], pairs[right], c-width)
	}
	for i := range n {
		l, r := pairs[left][i], pairs[right][i]
		b.Time[i], b.ID[i] = o.timeOf(l, r), o.idOf(l, r)
	}
}

// timeOf is the time of a row of the output.
func (o *output) timeOf(l, r ref) event.Time {
	if l.c == nil || o.p.plan.RightTime && r.c != nil {
		return r.c.b.Time[r.i]
	}
	return l.c.b.Time[l.i]
}

// idOf is the ID of a row of the output: the left row's where there is never
// more than one of it.
func (o *output) idOf(l, r ref) event.ID {
	if o.p.plan.Mode == plan.Versioned || o.p.plan.Kind.LeftOnly() {
		return l.c.b.ID[l.i]
	}
	var key [41]byte
	binary.LittleEndian.PutUint64(key[:], o.p.seed)
	for s, x := range [2]ref{l, r} {
		if x.c == nil {
			key[40] |= 1 << s
			continue
		}
		id := x.c.b.ID[x.i]
		binary.LittleEndian.PutUint64(key[8+16*s:], id.Hi)
		binary.LittleEndian.PutUint64(key[16+16*s:], id.Lo)
	}
	h := xxh3.Hash128(key[:])
	return event.Detection(h.Hi, h.Lo)
}

// gatherColumn copies column c of each row.
func gatherColumn(dst *event.Vec, rows []ref, c int) {
	n := len(rows)
	switch dst.Type.Physical() {
	case event.PhysI64:
		for i, r := range rows {
			if v := r.column(c); v == nil || v.Nulls != nil && v.Null(int(r.i)) {
				dst.SetNull(i, n)
			} else {
				dst.I64[i] = v.I64[r.i]
			}
		}
	case event.PhysF64:
		for i, r := range rows {
			if v := r.column(c); v == nil || v.Nulls != nil && v.Null(int(r.i)) {
				dst.SetNull(i, n)
			} else {
				dst.F64[i] = v.F64[r.i]
			}
		}
	default:
		for i, r := range rows {
			x := event.NullValue
			if v := r.column(c); v != nil {
				x = v.Value(int(r.i))
			}
			dst.Set(i, n, x)
		}
	}
}

// column is column c of the row's chunk; nil for NULL.
func (r ref) column(c int) *event.Vec {
	if r.c == nil {
		return nil
	}
	return &r.c.b.Cols[c]
}
