package http

import (
	"context"
	"io"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/connectors/pushed"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state/intake"
)

// parameters is the connector of rows by key that are set over HTTP, each change
// a version. It implements connectors.Historian.
type parameters struct{ logs *intake.Logs }

// NewParameters is the connector 'parameters' over the logs of a server (nil: it is
// none). A record of a log is a change: the key and the row in JSON, no row where it
// was deleted, and as its time that from which on it is valid.
func NewParameters(logs *intake.Logs) connectors.Connector { return parameters{logs} }

func (parameters) Name() string { return formats.Parameters }

func (parameters) Options() []connectors.OptionSpec { return nil }

func (parameters) Metadata() []connectors.MetadataSpec {
	return []connectors.MetadataSpec{
		{Key: "valid-from", Type: event.Type{Kind: event.TimestampLTZ, Precision: 3}}, {Key: "version", Type: event.TInt64},
	}
}

func (parameters) Sink(connectors.Table) (connectors.Sink, error) {
	return nil, connectors.OptionError{Key: "connector", Message: "a table with 'connector' = 'parameters' is not written by queries", Hint: "its rows are set by cepd parameters set, or over HTTP"}
}

func (c parameters) Source(t connectors.Table) (connectors.Source, error) {
	if _, err := formats.NewDecoder(t); err != nil {
		return nil, err
	}
	return &parameterSource{c.logs, t}, nil
}

// History implements connectors.Historian: all versions, since those of before may be
// valid still.
func (parameters) History(options map[string]string, _, _ time.Time) {
	options[optBounded] = modeLatest
}

type parameterSource struct {
	logs  *intake.Logs
	table connectors.Table
}

// Partitions implements connectors.Source.
func (s *parameterSource) Partitions(context.Context) ([]int32, error) {
	if s.logs == nil {
		return nil, connectors.OptionError{Key: "connector", Message: "a table with 'connector' = 'parameters' takes a server, which keeps its rows",
			Hint: "run cepd serve and submit the query there; for a run from the shell read a 'file' that ends"}
	}
	return []int32{0}, nil
}

func (s *parameterSource) Replayable() bool { return true }
func (s *parameterSource) Bounded() bool    { return s.table.Options[optBounded] != "" }
func (s *parameterSource) Close() error     { return nil }

// ParameterLimits are those of a log of parameters: nothing of it goes.
var ParameterLimits = intake.Limits{Bytes: 64 << 20, Keep: true}

// Open implements connectors.Source.
func (s *parameterSource) Open(ctx context.Context, _ int32, from int64, ready func()) (connectors.Reader, error) {
	if _, err := s.Partitions(ctx); err != nil {
		return nil, err
	}
	l, err := s.logs.Log(s.table.Name)
	if err != nil {
		return nil, err
	}
	l.Limit(ParameterLimits)
	r, err := l.Open("", from, ready)
	if err != nil {
		return nil, err
	}
	return &parameterReader{pushed.LogReader{Reader: r, Stop: -1, Topic: s.table.Name}, r.End(), s.Bounded()}, nil
}

// parameterReader implements connectors.Beside.
type parameterReader struct {
	pushed.LogReader
	goal int64 // the end when it was opened
	ends bool  // there
}

// CaughtUp implements connectors.Beside.
func (r *parameterReader) CaughtUp() bool { return r.Position() >= r.goal }

// Poll implements connectors.RawReader.
func (r *parameterReader) Poll(limit int, until int64, dst *connectors.RawBatch) error {
	if r.ends && r.CaughtUp() {
		dst.Reset()
		dst.Topic, dst.Next = r.Topic, r.Position()
		return io.EOF
	}
	return r.LogReader.Poll(limit, until, dst)
}
