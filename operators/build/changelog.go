package build

import (
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/changelog"
	"github.com/cepd/cepd/query/plan"
)

// KindChangelog is the Kind of a stage whose results change.
const KindChangelog = "changelog"

func (b *builder) changelogOptions() changelog.Options {
	return changelog.Options{
		Name: b.stageName(), TTL: b.options.TTL, MaxRows: b.aggregateOptions().MaxRows, ContinueOnError: b.options.Pattern.ContinueOnError,
	}
}

// changing adds a stage that takes rows as they come. None is late; without
// event time the clock says when keys are forgotten.
func (b *builder) changing(s Stage, input plan.Node) error {
	s.Kind, s.Prepared, s.Unordered = KindChangelog, input.Schema(), true
	if s.Deadline == nil {
		s.Deadline = func(event.Time) event.Time { return event.MaxTime }
	}
	s.Proctime = s.Proctime || input.Schema().Rowtime < 0
	return b.stage(s, input, nil)
}

// changingAggregate builds the stage of an Aggregate whose results change.
func (b *builder) changingAggregate(n *plan.Aggregate, above Chain, to int) error {
	program, err := changelog.Compile(n, b.changelogOptions())
	if err != nil {
		return err
	}
	return b.changing(Stage{
		Key: program.Key(), Deadline: program.Deadline, Proctime: n.Window.Proctime,
		New: program.New, Explain: program.Explain, Branches: b.branch(above, to),
	}, n.Input)
}

// normalize builds the stage that makes changes of upserts.
func (b *builder) normalize(n *plan.Normalize, above Chain, to int) error {
	o := b.changelogOptions()
	return b.changing(Stage{
		Key:      n.Key,
		New:      func(int) operators.Stateful { return changelog.NewNormalize(n, o) },
		Explain:  func() string { return "held: the last row of each key\n" },
		Branches: b.branch(above, to),
	}, n.Input)
}

// rank builds the stage of the first rows of each key.
func (b *builder) rank(n *plan.TopN, above Chain, to int) error {
	o := b.changelogOptions()
	held := "held: the first rows of each key\n"
	if plan.ChangelogOf(n.Input) != plan.AppendOnly {
		held = "held: all rows of each key, for the first may be taken back\n"
	}
	return b.changing(Stage{
		Key:      n.PartitionBy,
		New:      func(int) operators.Stateful { return changelog.NewRank(n, o) },
		Explain:  func() string { return held },
		Branches: b.branch(above, to),
	}, n.Input)
}
