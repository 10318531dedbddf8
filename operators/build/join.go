package build

import (
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/join"
	"github.com/cepd/cepd/operators/unnest"
	"github.com/cepd/cepd/query/plan"
)

// join builds the stage of a join: both inputs lead to it.
func (b *builder) join(n *plan.Join, above Chain, to int) error {
	if n.Mode == plan.Lookup {
		return b.lookup(n, above, to)
	}
	p := &b.options.Pattern
	program, err := join.Compile(n, join.Options{
		Name: b.stageName(), Zone: b.options.Zone, MaxRows: p.MaxRows, MaxHeld: b.options.MaxJoinRows,
		Policy: join.Policy(p.Policy), TTL: b.options.TTL,
	})
	if err != nil {
		return err
	}
	s := Stage{
		Kind:     "join",
		Prepared: program.Prepared(),
		Key:      program.Key(),
		Order:    program.Order(),
		// Without a key each shard has all of a table that is read once.
		Spread:   n.Mode == plan.Static && len(program.Key()) == 0,
		Proctime: n.Proctime,
		New:      program.New,
		Explain:  program.Explain,
		Join:     program,
		Branches: b.branch(above, to),
	}
	prepare := func(right bool) Chain {
		return Chain{func() (operators.Operator, error) { return program.NewPrepare(right), nil }}
	}
	return b.fed(s, func(to int) error {
		if err := b.node(n.Left, prepare(false), to); err != nil {
			return err
		}
		sources := len(b.graph.Sources)
		if err := b.node(n.Right, prepare(true), to); err != nil {
			return err
		}
		for i := range b.graph.Sources[sources:] {
			first := &b.graph.Sources[sources+i].Branches[0]
			first.Static, first.Versions = n.Mode == plan.Static, n.Mode == plan.Versioned
		}
		return nil
	})
}

// unnest builds the stage that makes rows of elements. Late rows pass: what
// comes after it knows whether they count.
func (b *builder) unnest(n *plan.Unnest, above Chain, to int) error {
	name := b.stageName()
	return b.stage(Stage{
		Kind:      "unnest",
		Prepared:  n.Input.Schema(),
		Spread:    true,
		Unordered: true,
		Proctime:  n.Proctime,
		Deadline:  func(event.Time) event.Time { return event.MaxTime },
		New:       func(int) operators.Stateful { return unnest.New(n, name) },
		Explain:   func() string { return "held: nothing\n" },
		Branches:  b.branch(above, to),
	}, n.Input, nil)
}
