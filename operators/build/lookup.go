package build

import (
	"errors"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators/lookup"
	"github.com/cepd/cepd/query/plan"
)

// lookup builds the stage of a join with a table that is asked: only the left side
// is read. Rows of a partition stay in their order; late ones pass, what comes after
// it knows whether they count.
func (b *builder) lookup(n *plan.Join, above Chain, to int) error {
	scan, ok := n.Right.(*plan.Scan)
	if !ok || b.options.Lookup == nil {
		return errors.New("tables cannot be asked for rows here")
	}
	o, err := b.options.Lookup(scan.Table)
	if err != nil {
		return err
	}
	o.Name, o.Zone = b.stageName(), b.options.Zone
	program, err := lookup.Compile(n, o)
	if err != nil {
		return err
	}
	return b.stage(Stage{
		Kind:      "lookup",
		Prepared:  program.Prepared(),
		Spread:    true,
		Unordered: true,
		Proctime:  n.Proctime,
		Deadline:  func(event.Time) event.Time { return event.MaxTime },
		New:       program.New,
		Explain:   program.Explain,
		Lookup:    program,
		Branches:  b.branch(above, to),
	}, n.Left, nil)
}
