package build

import (
	"fmt"

	"github.com/cepd/cepd/operators/aggregate"
	"github.com/cepd/cepd/operators/over"
	"github.com/cepd/cepd/operators/window"
	"github.com/cepd/cepd/query/plan"
)

// defaultGroupRows is how many values a group may collect by default.
const defaultGroupRows = 1 << 20

// aggregate builds the stage of a windowed GROUP BY.
func (b *builder) aggregate(n *plan.Aggregate, above Chain, to int) error {
	if n.Window.Kind == plan.Unwindowed || n.Emit != nil {
		return b.changingAggregate(n, above, to)
	}
	program, err := window.Compile(n, window.Options{
		Name: b.stageName(), ContinueOnError: b.options.Pattern.ContinueOnError, Aggregate: b.aggregateOptions(), Portion: b.options.Portion, Spill: b.options.Spill,
	})
	if err != nil {
		return err
	}
	if first, second, ok := program.Phases(); ok && n.TwoPhases {
		return b.stage(windowStage(second, b.branch(above, to)), &phase{n, first}, nil)
	}
	return b.stage(windowStage(program, b.branch(above, to)), n.Input, nil)
}

// phase is the first of two phases, as the input of the second.
type phase struct {
	*plan.Aggregate
	program *window.Program
}

func (b *builder) firstPhase(n *phase, above Chain, to int) error {
	return b.stage(windowStage(n.program, b.branch(above, to)), n.Input, nil)
}

func windowStage(program *window.Program, branches []Branch) Stage {
	return Stage{
		Kind:      KindWindow,
		Prepared:  program.Prepared(),
		Key:       program.Key(),
		Spread:    program.Local(),
		Proctime:  program.Proctime(),
		Unordered: !program.Ordered(),
		Deadline:  program.Deadline(),
		New:       program.New,
		Explain:   program.Explain,
		Window:    program,
		Branches:  branches,
	}
}

// over builds the stage of aggregates with OVER.
func (b *builder) over(n *plan.Over, above Chain, to int) error {
	o := b.aggregateOptions()
	program, err := over.Compile(n, over.Options{ContinueOnError: b.options.Pattern.ContinueOnError, MaxRows: o.MaxRows, TTL: b.options.TTL, Aggregate: o})
	if err != nil {
		return err
	}
	return b.stage(Stage{
		Kind:     "over",
		Prepared: program.Prepared(),
		Key:      program.Key(),
		Proctime: n.Proctime,
		New:      program.New,
		Explain:  program.Explain,
		Over:     program,
		Branches: b.branch(above, to),
	}, n.Input, nil)
}

// topN builds the stage of ROW_NUMBER over windows.
func (b *builder) topN(n *plan.TopN, above Chain, to int) error {
	if !n.Windowed() {
		return b.rank(n, above, to)
	}
	program := window.CompileTopN(n, window.Options{Name: b.stageName(), Aggregate: b.aggregateOptions(), Portion: b.options.Portion})
	return b.stage(Stage{
		Kind:      KindWindow,
		Prepared:  n.Input.Schema(),
		Key:       n.PartitionBy,
		Unordered: true,
		New:       program.New,
		Explain:   program.Explain,
		Branches:  b.branch(above, to),
	}, n.Input, nil)
}

func (b *builder) aggregateOptions() aggregate.Options {
	limit := b.options.Pattern.MaxRows
	if limit == 0 {
		limit = defaultGroupRows
	}
	return aggregate.Options{MaxRows: limit}
}

// stageName tells the results of one stage from those of another. Stages are
// built from the sink up.
func (b *builder) stageName() string {
	b.named++
	return fmt.Sprintf("%s/%d", b.options.Pattern.Name, b.named)
}
