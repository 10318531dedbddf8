// Package relational has the stateless operators: scan-finishing, filter,
// projection, arrangement for a sink. They keep row positions: row i of the
// output is row i of the input, and only Sel shrinks. Their output is views of
// the input's columns and of their own memory, valid until their next Process.
package relational

import (
	"time"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/kernel"
)

// stateless is what all operators here do about time: nothing.
type stateless struct{}

// Advance does nothing.
func (stateless) Advance(*operators.Context, event.Time, operators.Collector) error { return nil }

// begin readies the kernel context for a batch.
func begin(k *kernel.Context, ctx *operators.Context) {
	k.Now = ctx.Now
	k.Reset()
}

// reject reports the rows of b that failed.
func reject(ctx *operators.Context, k *kernel.Context, b *event.Batch) {
	for _, e := range k.Errs {
		r := operators.Reject{Kind: operators.RejectError, Reason: e.Err.Error()}
		if len(b.ID) > 0 {
			r.ID = b.ID[e.Row]
		}
		if len(b.Time) > 0 {
			r.Time = b.Time[e.Row]
		}
		ctx.Rejects = append(ctx.Rejects, r)
	}
}

// columns computes expressions over batches.
type columns struct {
	programs []*kernel.Program
	k        kernel.Context
	out      event.Batch
	sel      []int32
}

func (c *columns) init(exprs []expr.Expr, out *event.Schema, zone *time.Location) error {
	c.k.Zone = zone
	c.out = event.Batch{Schema: out, Cols: make([]event.Vec, len(exprs))}
	c.programs = make([]*kernel.Program, len(exprs))
	for i, e := range exprs {
		p, err := kernel.Compile(e)
		if err != nil {
			return err
		}
		c.programs[i] = p
	}
	return nil
}

// eval computes the columns of c.out; rows that fail are rejected.
func (c *columns) eval(ctx *operators.Context, b *event.Batch) {
	begin(&c.k, ctx)
	for i, p := range c.programs {
		c.out.Cols[i] = *p.Eval(&c.k, b, b.Sel)
	}
	c.out.N, c.out.Sel, c.out.Time, c.out.ID, c.out.Changes = b.N, b.Sel, b.Time, b.ID, b.Changes
	if len(c.k.Errs) > 0 {
		c.sel = dropFailed(&c.k, b, c.sel)
		c.out.Select(c.sel)
	}
}

// dropFailed is the live rows of b without those that failed, in dst.
func dropFailed(k *kernel.Context, b *event.Batch, dst []int32) []int32 {
	dst = dst[:0]
	for _, row := range b.LiveRows() {
		if !k.Failed(row) {
			dst = append(dst, row)
		}
	}
	return dst
}
