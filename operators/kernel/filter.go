package kernel

import (
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

// Filter selects the rows for which a condition is TRUE. It has scratch memory
// and serves one goroutine.
type Filter struct {
	root picker
	run  run
	buf  []int32
}

// picker gives the rows of in (nil: all) for which it is TRUE, in the memory of
// out, which has room for all rows and may be that of in.
type picker interface {
	pick(r *run, in, out []int32) []int32
}

// CompileFilter compiles a BOOLEAN expression. Within it, a row is not
// evaluated further once it cannot be TRUE.
func CompileFilter(e expr.Expr) (*Filter, error) {
	root, err := compilePicker(foldQuietly(e))
	if err != nil {
		return nil, err
	}
	return &Filter{root: root}, nil
}

// Select gives the rows of sel (nil: all) for which the condition is TRUE, in
// the memory of out where it has room. Rows that fail are left out and
// reported in ctx.Errs.
func (f *Filter) Select(ctx *Context, b *event.Batch, sel, out []int32) []int32 {
	if cap(out) < max(b.N, 1) {
		out = make([]int32, 0, max(b.N, 1))
	}
	f.run = run{ctx, b, b.N}
	return ctx.dropFailed(f.root.pick(&f.run, sel, out[:0]))
}

// Bits sets the bits of the rows that Select gives and clears all others; out
// has a bit for each row of the batch.
func (f *Filter) Bits(ctx *Context, b *event.Batch, sel []int32, out event.Bitmap) {
	f.buf = f.Select(ctx, b, sel, f.buf)
	clear(out)
	for _, i := range f.buf {
		out.Set(int(i))
	}
}

func compilePicker(e expr.Expr) (picker, error) {
	switch e := e.(type) {
	case *expr.And:
		args, err := compilePickers(e.Args)
		return &andPicker{args}, err
	case *expr.Or:
		args, err := compilePickers(e.Args)
		return &orPicker{args: args}, err
	case *expr.Compare:
		return compileComparePicker(e)
	}
	return boolPicker(e)
}

func compilePickers(list []expr.Expr) ([]picker, error) {
	out := make([]picker, len(list))
	for i, e := range list {
		p, err := compilePicker(e)
		if err != nil {
			return nil, err
		}
		out[i] = p
	}
	return out, nil
}

// boolPicker picks the rows where a BOOLEAN column is 1.
func boolPicker(e expr.Expr) (picker, error) {
	x, err := compileNode(typed(e, event.TBool))
	return &rangePicker{x: x, lo: 1, width: 0}, err
}

func compileComparePicker(e *expr.Compare) (picker, error) {
	if r, ok := rangeOf(e); ok {
		x, err := compileNode(r.x)
		return &rangePicker{x: x, lo: r.lo, width: r.width(), negate: int(b2i(r.negate))}, err
	}
	if r, ok := floatRangeOf(e); ok {
		x, err := compileNode(r.x)
		return &floatPicker{x: x, lo: r.lo, hi: r.hi, negate: int(b2i(r.negate))}, err
	}
	if x, text, ok := textEquality(e); ok {
		n, err := compileNode(x)
		return &textPicker{x: n, text: text, negate: int(b2i(e.Op == expr.Ne))}, err
	}
	return boolPicker(e)
}

// andPicker shrinks the selection operand by operand.
type andPicker struct{ args []picker }

func (p *andPicker) pick(r *run, in, out []int32) []int32 {
	for _, a := range p.args {
		in = a.pick(r, in, out)
		if len(in) == 0 {
			break
		}
	}
	return in
}

// orPicker gives each operand the rows that none before it picked.
type orPicker struct {
	args []picker
	hits event.Bitmap
	rest []int32
	got  []int32
}

func (p *orPicker) pick(r *run, in, out []int32) []int32 {
	p.hits = p.hits.Resize(r.n)
	rest := in
	for a, arg := range p.args {
		if a > 0 {
			rest = p.missed(r, rest)
		}
		if r.count(rest) == 0 {
			break
		}
		for _, i := range arg.pick(r, rest, rows(&p.got, r.n)) {
			p.hits.Set(int(i))
		}
	}
	for k := range r.count(in) {
		if i := row(in, k); p.hits.Get(i) {
			out = append(out, int32(i))
		}
	}
	return out
}

func (p *orPicker) missed(r *run, from []int32) []int32 {
	left := rows(&p.rest, r.n)
	for k := range r.count(from) {
		if i := row(from, k); !p.hits.Get(i) {
			left = append(left, int32(i))
		}
	}
	return left
}
