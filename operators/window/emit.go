package window

import (
	"encoding/binary"

	"github.com/zeebo/xxh3"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/group"
	"github.com/cepd/cepd/query/plan"
)

// emitter makes the output rows.
type emitter struct {
	p      *Program
	batch  *event.Batch
	failed []bool
	reason error // the first, of the batch at hand
	sel    []int32
	id     []byte
}

func newEmitter(p *Program) *emitter { return &emitter{p: p, batch: event.NewBatch(p.plan.Out)} }

// bounds is a window.
type bounds struct{ start, end event.Time }

// source is where the rows of a batch come from: row i is of the group
// keys[i] of table, in window(i).
type source struct {
	table  *group.Table
	keys   []int32
	window func(i int) bounds
	// result writes call c of all rows.
	result func(c int, out *event.Vec, fail func(int, error)) error
}

// emit passes on up to MaxRows results.
func (e *emitter) emit(ctx *operators.Context, s source, out operators.Collector) error {
	b, n := e.batch, len(s.keys)
	b.Reset(n)
	keys := len(e.p.codec.Cols)
	for i, slot := range s.keys {
		e.row(s.table.Key(slot), s.window(i), i, n)
	}
	e.failed, e.reason = resize(e.failed, n), nil
	clear(e.failed)
	fail := func(i int, err error) {
		if !e.failed[i] {
			e.reject(ctx, i, err)
		}
	}
	for c := range e.p.results() {
		if err := s.result(c, &b.Cols[keys+plan.OutCalls+c], fail); err != nil {
			return err
		}
	}
	if e.reason != nil {
		if !e.p.opts.ContinueOnError {
			return e.reason
		}
		e.dropFailed()
	}
	return out.Emit(b)
}

// results is the number of output columns behind the grouping.
func (p *Program) results() int { return len(p.plan.Out.Fields) - len(p.codec.Cols) - plan.OutCalls }

// row writes everything of row i but the calls.
func (e *emitter) row(key []byte, w bounds, i, n int) {
	b, keys := e.batch, len(e.p.codec.Cols)
	g := e.p.codec.Write(key, b.Cols[:keys], i, n)
	b.Cols[keys+plan.OutStart].I64[i] = w.start
	b.Cols[keys+plan.OutEnd].I64[i] = w.end
	b.Cols[keys+plan.OutTime].I64[i] = w.end - oneMilli
	b.Cols[keys+plan.OutGrouping].I64[i] = g
	b.Time[i] = w.end - oneMilli
	b.ID[i] = e.identity(key, w)
}

// identity is a hash of the query, the window and the group.
func (e *emitter) identity(key []byte, w bounds) event.ID {
	e.id = binary.LittleEndian.AppendUint64(e.id[:0], e.p.seed)
	e.id = binary.LittleEndian.AppendUint64(e.id, uint64(w.start))
	e.id = binary.LittleEndian.AppendUint64(e.id, uint64(w.end))
	e.id = append(e.id, key...)
	h := xxh3.Hash128(e.id)
	return event.ID{Hi: h.Hi, Lo: h.Lo}
}

func (e *emitter) reject(ctx *operators.Context, i int, err error) {
	e.failed[i] = true
	if e.reason == nil {
		e.reason = err
	}
	ctx.Rejects = append(ctx.Rejects, operators.Reject{Kind: operators.RejectError, ID: e.batch.ID[i], Time: e.batch.Time[i], Reason: err.Error()})
}

func (e *emitter) dropFailed() {
	e.sel = e.sel[:0]
	for i, bad := range e.failed {
		if !bad {
			e.sel = append(e.sel, int32(i))
		}
	}
	e.batch.Select(e.sel)
}
