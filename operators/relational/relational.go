package relational

import (
	"time"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/kernel"
)

// Filter keeps the rows for which a condition is true.
type Filter struct {
	stateless
	filter *kernel.Filter
	k      kernel.Context
	out    event.Batch
	sel    []int32
}

// NewFilter compiles the condition.
func NewFilter(cond expr.Expr, zone *time.Location) (*Filter, error) {
	f, err := kernel.CompileFilter(cond)
	if err != nil {
		return nil, err
	}
	return &Filter{filter: f, k: kernel.Context{Zone: zone}}, nil
}

// Process emits b with a smaller selection; nothing when no row is left.
func (f *Filter) Process(ctx *operators.Context, b *event.Batch, out operators.Collector) error {
	begin(&f.k, ctx)
	f.sel = f.filter.Select(&f.k, b, b.Sel, f.sel)
	reject(ctx, &f.k, b)
	if len(f.sel) == 0 {
		return nil
	}
	f.out = *b
	f.out.Sel = f.sel
	return out.Emit(&f.out)
}

// Project computes columns.
type Project struct {
	stateless
	columns columns
}

// NewProject compiles one expression per column of out.
func NewProject(exprs []expr.Expr, out *event.Schema, zone *time.Location) (*Project, error) {
	p := &Project{}
	return p, p.columns.init(exprs, out, zone)
}

// Process emits the computed columns of the live rows.
func (p *Project) Process(ctx *operators.Context, b *event.Batch, out operators.Collector) error {
	p.columns.eval(ctx, b)
	reject(ctx, &p.columns.k, b)
	if p.columns.out.Live() == 0 {
		return nil
	}
	return out.Emit(&p.columns.out)
}

// Arrange puts columns in the order of a sink's; those that no input has are
// NULL.
type Arrange struct {
	stateless
	from []int // input column of each output column; -1: NULL
	out  event.Batch
}

// NewArrange takes output column i from input column from[i].
func NewArrange(from []int, out *event.Schema) *Arrange {
	return &Arrange{from: from, out: *event.NewBatch(out)}
}

// Process emits the arranged columns.
func (a *Arrange) Process(_ *operators.Context, b *event.Batch, out operators.Collector) error {
	for i, c := range a.from {
		v := &a.out.Cols[i]
		if c >= 0 {
			t := v.Type
			*v = b.Cols[c]
			v.Type = t
			continue
		}
		if v.Rows() < b.N || v.Nulls == nil {
			v.Reset(b.N)
			for row := range b.N {
				v.Set(row, b.N, event.NullValue)
			}
		}
	}
	a.out.N, a.out.Sel, a.out.Time, a.out.ID, a.out.Changes = b.N, b.Sel, b.Time, b.ID, b.Changes
	return out.Emit(&a.out)
}
