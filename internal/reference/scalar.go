package reference

import (
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/operators/kernel"
)

// scalar evaluates what is left of an expression when its pattern nodes are
// columns: arithmetic, comparisons, functions. That part is the same in every
// engine, so it is taken from the kernels.
type scalar struct {
	program *kernel.Scalar
	ctx     kernel.Context
}

func newScalar(e expr.Expr) (*scalar, error) {
	p, err := kernel.CompileScalar(e)
	return &scalar{program: p}, err
}

func (s *scalar) eval(frame []event.Value) (event.Value, error) {
	v, err := s.program.Eval(&s.ctx, frame)
	v.S = slices.Clone(v.S) // the program may use its buffer again
	return v, err
}
