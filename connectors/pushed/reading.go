package pushed

import (
	"context"
	"fmt"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/state/intake"
)

// Reading is the part of a source that reads the log of its table, from where to
// where its options say.
type Reading struct {
	Table   connectors.Table
	Log     func() (*intake.Log, error)
	Durable func() bool // the query's state is on the disk: its snapshots say what it needs
}

// Check says what is wrong with the options.
func (r *Reading) Check() error {
	options := r.Table.Options
	for mode, at := range map[string]string{optStartup: optStartAt, optBounded: optEndAt} {
		if (options[mode] == modeTimestamp) != (options[at] != "") {
			return connectors.OptionError{Key: mode, Message: fmt.Sprintf("options '%s' = '%s' and '%s' go together", mode, modeTimestamp, at)}
		}
	}
	_, err := formats.NewDecoder(r.Table)
	return err
}

// Partitions implements connectors.Source.
func (r *Reading) Partitions(context.Context) ([]int32, error) { return []int32{0}, nil }

// Replayable implements connectors.Source.
func (r *Reading) Replayable() bool { return true }

// Close implements connectors.Source.
func (r *Reading) Close() error { return nil }

// Bounded implements connectors.Source.
func (r *Reading) Bounded() bool {
	mode := r.Table.Options[optBounded]
	return mode != "" && mode != modeUnbounded
}

// Read opens the log. A reading that ends keeps nothing from being let go.
func (r *Reading) Read(from int64, ready func()) (*LogReader, *intake.Log, error) {
	l, err := r.Log()
	if err != nil {
		return nil, nil, err
	}
	if from == connectors.Start {
		if from, err = r.start(l); err != nil {
			return nil, nil, err
		}
	}
	stop, query := int64(-1), r.Table.Query
	if r.Bounded() {
		query = ""
		if stop, err = r.stop(l); err != nil {
			return nil, nil, err
		}
	}
	reader, err := l.Open(query, from, ready)
	if err != nil {
		return nil, nil, err
	}
	return &LogReader{Reader: reader, Stop: stop}, l, nil
}

func (r *Reading) start(l *intake.Log) (int64, error) {
	switch r.Table.Options[optStartup] {
	case modeInitial:
		if first := l.Stats().First; first > 0 {
			return 0, fmt.Errorf("the log of table %s does not have its beginning any more, but only what has come from record %d on: raise 'retention.bytes' and 'retention.age', and drop the table and create it again, which reads the rows anew; or set '%s' = '%s'", r.Table.Name, first, optStartup, modeEarliest)
		}
	case modeLatest:
		return intake.Newest, nil
	case modeTimestamp:
		return l.At(1000 * r.Table.Int(optStartAt, 0))
	}
	return intake.Oldest, nil
}

func (r *Reading) stop(l *intake.Log) (int64, error) {
	if r.Table.Options[optBounded] == modeTimestamp {
		return l.At(1000 * r.Table.Int(optEndAt, 0))
	}
	return l.Stats().End, nil
}

// Keep implements connectors.Keeper.
func (r *Reading) Keep(offsets map[int32]int64) error {
	l, err := r.Log()
	if err != nil || r.Bounded() {
		return err
	}
	return l.Keep(r.Table.Query, offsets[0])
}

// CommitOffsets implements connectors.Committer: without state on disk there are no
// snapshots, and what has been delivered is not read again.
func (r *Reading) CommitOffsets(_ context.Context, offsets map[int32]int64) error {
	at, ok := offsets[0]
	if !ok || r.Durable() {
		return nil
	}
	return r.Keep(map[int32]int64{0: at})
}
