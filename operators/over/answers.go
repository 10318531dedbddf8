package over

import (
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/aggregate"
)

// answers is the output: the rows of the input with the results behind.
type answers struct {
	p      *Program
	out    event.Batch
	cols   []event.Vec // of the calls
	dense  []event.Vec // results of a round
	failed []int32
	reason []error
	sel    []int32
}

func (a *answers) init(p *Program) {
	a.p = p
	a.out = event.Batch{Schema: p.plan.Out, Cols: make([]event.Vec, len(p.plan.Out.Fields))}
	for _, f := range p.plan.Out.Fields[len(p.in.Fields):] {
		a.cols, a.dense = append(a.cols, event.NewVec(f.Type)), append(a.dense, event.NewVec(f.Type))
	}
}

// begin readies the columns for the rows of b.
func (a *answers) begin(b *event.Batch) {
	for i := range a.cols {
		a.cols[i].Reset(b.N)
	}
	a.failed, a.reason = a.failed[:0], a.reason[:0]
}

// write puts the results of slots into the rows of a round.
func (a *answers) write(c int, col aggregate.Column, slots []int32, w *work, round []int32) {
	dense := &a.dense[c]
	dense.Reset(len(slots))
	col.Result(slots, dense, func(i int, err error) {
		a.failed, a.reason = append(a.failed, w.live[round[i]]), append(a.reason, err)
	})
	scatter(&a.cols[c], dense, w, round)
}

// scatter copies value i of src to row w.live[round[i]] of dst.
func scatter(dst, src *event.Vec, w *work, round []int32) {
	n := w.b.N
	switch {
	case dst.Type.Physical() == event.PhysI64:
		for i, k := range round {
			dst.I64[w.live[k]] = src.I64[i]
		}
	case dst.Type.Physical() == event.PhysF64:
		for i, k := range round {
			dst.F64[w.live[k]] = src.F64[i]
		}
	default:
		for i, k := range round {
			dst.Set(int(w.live[k]), n, src.Value(i))
		}
		return
	}
	if src.Nulls == nil {
		return
	}
	for i, k := range round {
		if src.Null(i) {
			dst.SetNull(int(w.live[k]), n)
		}
	}
}

// emit passes the rows of w on.
func (a *answers) emit(ctx *operators.Context, w *work, out operators.Collector) error {
	o := &a.out
	n := copy(o.Cols, w.b.Cols)
	copy(o.Cols[n:], a.cols)
	o.N, o.Sel, o.Time, o.ID = w.b.N, w.live, w.b.Time, w.b.ID
	if len(a.failed) > 0 {
		if !a.p.opts.ContinueOnError {
			return a.reason[0]
		}
		a.drop(ctx, w)
	}
	return out.Emit(o)
}

// drop rejects the rows that failed, each once.
func (a *answers) drop(ctx *operators.Context, w *work) {
	bad := map[int32]bool{}
	for i, row := range a.failed {
		if bad[row] {
			continue
		}
		bad[row] = true
		ctx.Rejects = append(ctx.Rejects, operators.Reject{Kind: operators.RejectError, ID: w.b.ID[row], Time: w.b.Time[row], Reason: a.reason[i].Error()})
	}
	a.sel = a.sel[:0]
	for _, row := range w.live {
		if !bad[row] {
			a.sel = append(a.sel, row)
		}
	}
	a.out.Select(a.sel)
}
