package relational

import (
	"time"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/kernel"
)

// Scan makes a table's columns of what a connector filled, and says what each
// row tells about the watermark.
type Scan struct {
	columns columns
	delay   int64           // of the form rowtime - constant
	mark    *kernel.Program // any other watermark expression; nil: none needed
	k       kernel.Context
}

// NewScan compiles the expressions of the table's columns over the columns
// read, and the watermark expression (nil: none) over the table's columns.
func NewScan(exprs []expr.Expr, watermark expr.Expr, out *event.Schema, zone *time.Location) (*Scan, error) {
	s := &Scan{k: kernel.Context{Zone: zone}}
	if err := s.columns.init(exprs, out, zone); err != nil {
		return nil, err
	}
	if watermark == nil {
		return s, nil
	}
	var fixed bool
	if s.delay, fixed = constantDelay(watermark, out.Rowtime); fixed {
		return s, nil
	}
	var err error
	s.mark, err = kernel.Compile(watermark)
	return s, err
}

// constantDelay recognises rowtime and rowtime - INTERVAL.
func constantDelay(e expr.Expr, rowtime int) (int64, bool) {
	switch e := e.(type) {
	case *expr.Column:
		return 0, e.Index == rowtime
	case *expr.Arith:
		c, ok := e.Y.(*expr.Const)
		_, column := constantDelay(e.X, rowtime)
		if x, plain := e.X.(*expr.Column); ok && column && plain && x.Index == rowtime &&
			e.Op == expr.Sub && e.Y.Type().Kind == event.IntervalDay && !c.Value.Null {
			return c.Value.I, true
		}
	}
	return 0, false
}

// Finish computes the table's columns; b.Time becomes the event time. The
// result is valid until the next call.
func (s *Scan) Finish(ctx *operators.Context, b *event.Batch) *event.Batch {
	s.columns.eval(ctx, b)
	reject(ctx, &s.columns.k, b)
	out := &s.columns.out
	if out.Schema.Rowtime >= 0 {
		out.Time = out.Cols[out.Schema.Rowtime].I64[:out.N]
	} else {
		out.Time = out.Time[:0]
	}
	return out
}

// Delay is the interval, in µs, by which the marks stay behind the rowtime; ok is
// false when another expression makes them.
func (s *Scan) Delay() (micros int64, ok bool) { return s.delay, s.mark == nil }

// Marks is, for each row of what Finish gave, the time up to which the row
// asserts completeness: the mark, less delay. A row whose expression fails or
// is NULL asserts nothing.
func (s *Scan) Marks(ctx *operators.Context, b *event.Batch) (marks *event.Vec, delay int64) {
	if s.mark == nil {
		return &b.Cols[b.Schema.Rowtime], s.delay
	}
	begin(&s.k, ctx)
	return s.mark.Eval(&s.k, b, b.Sel), 0
}
