package pattern

import (
	"math/bits"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/kernel"
)

// prepare computes symbols and kept columns, a batch at a time.
type prepare struct {
	p       *Program
	filters []*kernel.Filter // per local condition; nil: in texts
	texts   []*texts
	digits  []digit // of patterns that run together
	columns []*kernel.Program
	ctx     kernel.Context
	bits    event.Bitmap
	batch   event.Batch
	symbols event.Vec
	good    []int32
}

// NewPrepare makes the operator of one source partition. It keeps no state and
// the positions of rows.
func (p *Program) NewPrepare() operators.Operator {
	o := &prepare{p: p, symbols: event.NewVec(event.TInt64)}
	o.batch = event.Batch{Schema: p.prepared, Cols: make([]event.Vec, len(p.prepared.Fields))}
	groups, rest := findTexts(p.local)
	o.texts = groups
	if p.joint != nil {
		o.digits, rest = p.joint.digits, p.joint.single()
	}
	for _, cond := range rest {
		var f *kernel.Filter
		if cond != nil {
			var err error
			if f, err = kernel.CompileFilter(cond); err != nil {
				panic(err) // Compile has made it once already
			}
		}
		o.filters = append(o.filters, f)
	}
	for _, e := range p.columns {
		c, err := kernel.Compile(e)
		if err != nil {
			panic(err) // as above
		}
		o.columns = append(o.columns, c)
	}
	return o
}

// Process emits the prepared batch, whose columns are those of b or the
// operator's own.
func (o *prepare) Process(ctx *operators.Context, b *event.Batch, out operators.Collector) error {
	o.ctx.Now = ctx.Now
	o.symbols.Reset(b.N)
	clear(o.symbols.I64)
	for _, t := range o.texts {
		t.mark(b, o.symbols.I64)
	}
	for i := range o.digits {
		if d := &o.digits[i]; d.classes != nil {
			d.classes.Mark(b, o.symbols.I64, d.shift)
		}
	}
	for i, f := range o.filters {
		if f == nil {
			continue
		}
		o.bits = o.bits.Resize(b.N)
		f.Bits(&o.ctx, b, b.Sel, o.bits)
		spread(o.symbols.I64, o.bits, i)
	}
	o.batch.Cols[0] = o.symbols
	for i, c := range o.columns {
		o.batch.Cols[i+1] = *c.Eval(&o.ctx, b, b.Sel)
	}
	o.batch.N, o.batch.Sel, o.batch.Time, o.batch.ID = b.N, b.Sel, b.Time, b.ID
	var err error
	if o.good, err = dropFailed(&o.ctx, ctx, &o.batch, o.good, o.p.opts.ContinueOnError); err != nil {
		return err
	}
	return out.Emit(&o.batch)
}

// spread sets bit i of the symbols of the rows in set.
func spread(symbols []int64, set event.Bitmap, i int) {
	for w, word := range set {
		for word != 0 {
			symbols[w<<6+bits.TrailingZeros64(word)] |= 1 << i
			word &= word - 1
		}
	}
}

// dropFailed rejects the rows on which an expression failed and takes them out
// of b's selection, in the memory of sel; or returns the first error, when the
// query is to fail.
func dropFailed(k *kernel.Context, ctx *operators.Context, b *event.Batch, sel []int32, reject bool) ([]int32, error) {
	if len(k.Errs) == 0 {
		return sel, nil
	}
	if !reject {
		return sel, k.Errs[0].Err
	}
	for _, f := range k.Errs {
		ctx.Rejects = append(ctx.Rejects, operators.Reject{Kind: operators.RejectError, ID: b.ID[f.Row], Time: b.Time[f.Row], Reason: f.Err.Error()})
	}
	sel = sel[:0]
	for n := range b.Live() {
		i := int32(n)
		if b.Sel != nil {
			i = b.Sel[n]
		}
		if !k.Failed(i) {
			sel = append(sel, i)
		}
	}
	b.Select(sel)
	k.Reset()
	return sel, nil
}

// Advance does nothing: the operator holds no rows.
func (o *prepare) Advance(*operators.Context, event.Time, operators.Collector) error { return nil }
