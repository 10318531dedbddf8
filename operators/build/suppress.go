package build

import (
	"fmt"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/relational"
	"github.com/cepd/cepd/operators/suppress"
	"github.com/cepd/cepd/query/plan"
)

// suppress builds the stage of a SUPPRESS: its input is the detections, then
// the keys that are no columns of theirs.
func (b *builder) suppress(n *plan.Suppress, above Chain, to int) error {
	in := n.Input.Schema()
	prepared := &event.Schema{Rowtime: in.Rowtime, Fields: append([]event.Field(nil), in.Fields...)}
	exprs := make([]expr.Expr, len(in.Fields))
	for i, f := range in.Fields {
		exprs[i] = &expr.Column{Base: expr.Base{T: f.Type}, Index: i, Name: f.Name}
	}
	spec := suppress.Spec{Prepared: prepared, For: n.For, Columns: n.Columns, Out: n.Out, MaxKeys: b.options.MaxSuppressed}
	for _, e := range n.By {
		if col, ok := e.(*expr.Column); ok {
			spec.Key = append(spec.Key, col.Index)
			continue
		}
		spec.Key = append(spec.Key, len(exprs))
		exprs = append(exprs, e)
		prepared.Fields = append(prepared.Fields, event.Field{Name: plan.ExprString(e, in), Type: e.Type()})
	}
	var below Chain
	if len(exprs) > len(in.Fields) {
		below = Chain{func() (operators.Operator, error) {
			return relational.NewProject(exprs, prepared, b.options.Zone)
		}}
	}
	return b.stage(Stage{
		Kind:     "suppress",
		Prepared: prepared,
		Key:      spec.Key,
		Proctime: n.Proctime,
		New:      func(int) operators.Stateful { return suppress.New(spec) },
		Explain:  func() string { return explainSuppress(&spec) },
		Branches: b.branch(above, to),
	}, n.Input, below)
}

func explainSuppress(s *suppress.Spec) string {
	limit := s.MaxKeys
	if limit == 0 {
		limit = suppress.DefaultMaxKeys
	}
	return fmt.Sprintf("state: the last withheld row of each key; at most %d keys a shard, then the oldest ends early\n", limit)
}
