package relational_test

import (
	"errors"
	"testing"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/relational"
)

type rows []int32

func (r *rows) Emit(b *event.Batch) error {
	*r = append(*r, b.LiveRows()...)
	return nil
}

// TestAllRowsFail: a batch of which no row is left has an empty selection, which is
// another thing than none, also when it is the first.
func TestAllRowsFail(t *testing.T) {
	fail := &expr.Call{Base: expr.Base{T: event.TInt64}, Fn: &expr.Func{Name: "FAIL", Eval: func(*expr.Context, []event.Value, *event.Value) error {
		return errors.New("no")
	}}}
	p, err := relational.NewProject([]expr.Expr{fail}, event.NewSchema(event.Field{Name: "x", Type: event.TInt64}), nil)
	if err != nil {
		t.Fatal(err)
	}
	in := event.NewBatch(event.NewSchema(event.Field{Name: "n", Type: event.TInt64}))
	in.Reset(3)
	var ctx operators.Context
	var out rows
	if err := p.Process(&ctx, in, &out); err != nil || len(out) > 0 || len(ctx.Rejects) != 3 {
		t.Errorf("rows %v, %d rejects, %v", out, len(ctx.Rejects), err)
	}
}
