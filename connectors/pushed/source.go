package pushed

import (
	"context"
	"fmt"
	"sync"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/state/intake"
)

// source reads the log of a table, and has it received meanwhile.
type source struct {
	hub      *Hub
	table    connectors.Table
	receiver Receiver
}

// Source is a table's source.
func (h *Hub) Source(t connectors.Table, r Receiver) (connectors.Source, error) {
	for mode, at := range map[string]string{optStartup: optStartAt, optBounded: optEndAt} {
		if (t.Options[mode] == modeTimestamp) != (t.Options[at] != "") {
			return nil, connectors.OptionError{Key: mode, Message: fmt.Sprintf("options '%s' = '%s' and '%s' go together", mode, modeTimestamp, at)}
		}
	}
	if _, err := formats.NewDecoder(t); err != nil {
		return nil, err
	}
	return &source{hub: h, table: t, receiver: r}, nil
}

func (s *source) Partitions(context.Context) ([]int32, error) { return []int32{0}, nil }
func (s *source) Replayable() bool                            { return true }
func (s *source) Close() error                                { return nil }

// Bounded implements connectors.Source.
func (s *source) Bounded() bool {
	mode := s.table.Options[optBounded]
	return mode != "" && mode != modeUnbounded
}

// Open implements connectors.Source. A reading that ends keeps nothing from being
// let go, and receives nothing.
func (s *source) Open(_ context.Context, _ int32, from int64, ready func()) (connectors.Reader, error) {
	l, err := s.hub.log(s.table)
	if err != nil {
		return nil, err
	}
	if from == connectors.Start {
		if from, err = s.start(l); err != nil {
			return nil, err
		}
	}
	stop, query := int64(-1), s.table.Query
	if s.Bounded() {
		query = ""
		if stop, err = s.stop(l); err != nil {
			return nil, err
		}
	}
	r, err := l.Open(query, from, ready)
	if err != nil {
		return nil, err
	}
	out := &reader{LogReader: LogReader{Reader: r, Stop: stop, Headers: true}, source: s, name: l.Name()}
	if !s.Bounded() {
		s.hub.join(s.table, l, s.receiver)
		out.joined = true
	}
	return out, nil
}

func (s *source) start(l *intake.Log) (int64, error) {
	switch s.table.Options[optStartup] {
	case modeLatest:
		return intake.Newest, nil
	case modeTimestamp:
		return l.At(1000 * s.table.Int(optStartAt, 0))
	}
	return intake.Oldest, nil
}

func (s *source) stop(l *intake.Log) (int64, error) {
	if s.table.Options[optBounded] == modeTimestamp {
		return l.At(1000 * s.table.Int(optEndAt, 0))
	}
	return l.Stats().End, nil
}

// Keep implements connectors.Keeper.
func (s *source) Keep(offsets map[int32]int64) error {
	l, err := s.hub.log(s.table)
	if err != nil || s.Bounded() {
		return err
	}
	return l.Keep(s.table.Query, offsets[0])
}

// CommitOffsets implements connectors.Committer: without state on disk there are no
// snapshots, and what has been delivered is not read again.
func (s *source) CommitOffsets(_ context.Context, offsets map[int32]int64) error {
	at, ok := offsets[0]
	if !ok || s.table.Durable {
		return nil
	}
	return s.Keep(map[int32]int64{0: at})
}

// reader reads the log while the table is received. It implements
// connectors.Listener.
type reader struct {
	LogReader
	source  *source
	name    string
	joined  bool
	leaving sync.Once
}

// Heard implements connectors.Listener.
func (r *reader) Heard() bool {
	if !r.joined {
		return true
	}
	x := r.source.hub.current(r.name)
	return x != nil && x.inbox.connected.Load()
}

// Poll implements connectors.RawReader. That nothing more can come is told when
// what has come is read.
func (r *reader) Poll(limit int, until int64, dst *connectors.RawBatch) error {
	if err := r.LogReader.Poll(limit, until, dst); err != nil || dst.N() > 0 || !r.joined {
		return err
	}
	if x := r.source.hub.current(r.name); x != nil {
		return x.err()
	}
	return nil
}

// Close implements connectors.Reader. A query without state on disk holds nothing
// back when it is gone.
func (r *reader) Close() error {
	var err error
	r.leaving.Do(func() {
		if r.joined {
			r.source.hub.leave(r.name)
		}
		err = r.LogReader.Close()
	})
	return err
}
