package engine

import (
	"context"
	"io"
	"math"
	"slices"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/build"
	"github.com/cepd/cepd/query/plan"
)

// source is a table that the query reads, or a list of constant rows.
type source struct {
	index       int
	name        string
	connector   string
	warned      *warnings // of the connector
	traced      bool      // its records may be part of traces
	plan        *build.Source
	source      connectors.Source
	replayable  bool
	kept        bool // there is a journal
	bounded     bool
	newDecoder  func() (connectors.Decoder, error)
	read        *event.Schema // what the connector fills
	metadata    []fillMetadata
	idleTimeout int64 // µs; 0: never idle
	policy      policy
	deadLetters *outbox // nil: none
	lateRows    *outbox // nil: none
	wantValue   bool    // the records of rejects are wanted
	units       []*unit
	carried     bool // its offsets go with the sink's transactions
	alignment   *alignment
	drift       drift
}

// readColumns is what the connector of a scan gets to know of the columns.
func readColumns(s *plan.Scan) []connectors.Column {
	cols := make([]connectors.Column, len(s.Read))
	for i, c := range s.Read {
		cols[i] = connectors.Column(c)
	}
	return cols
}

func readSchema(s *plan.Scan) *event.Schema {
	fields := make([]event.Field, len(s.Read))
	for i, c := range s.Read {
		fields[i] = event.Field{Name: c.Name, Type: c.Type}
	}
	return event.NewSchema(fields...)
}

// static says whether a stage reads the table to its end before all else.
func (s *source) static() bool {
	return s.plan.Scan != nil && slices.ContainsFunc(s.plan.Branches, func(b build.Branch) bool { return b.Static })
}

// staged says whether a stage orders the table's rows by their time.
func (s *source) staged() bool {
	return slices.ContainsFunc(s.units, func(u *unit) bool { return slices.ContainsFunc(u.branches, (*branch).timed) })
}

func (s *source) topic() string {
	if s.plan.Scan == nil {
		return s.name
	}
	t := s.plan.Scan.Table
	return t.Option("topic", t.Option("path", s.name))
}

// watermark is that of the first stage which the source feeds.
func (s *source) watermark() event.Time {
	for _, u := range s.units {
		for _, r := range u.branches {
			if r.domain != nil {
				return r.domain.combined
			}
		}
	}
	return event.MinTime
}

// addFillers prepares the metadata columns, for readers of records: other
// readers fill them themselves.
func (s *source) addFillers() {
	if s.metadata != nil {
		return
	}
	for i, c := range s.plan.Scan.Read {
		if c.Metadata != "" {
			s.metadata = append(s.metadata, metadataFiller(c.Metadata, i))
		}
	}
}

// newUnit makes the unit of a partition; it is not open yet.
func (s *source) newUnit(part int32, maxRows int) (*unit, error) {
	u := &unit{src: s, part: part, max: maxRows, mark: event.MinTime, newest: event.MinTime, in: event.NewBatch(s.read)}
	if s.plan.NewScan != nil {
		scan, err := s.plan.NewScan()
		if err != nil {
			return nil, err
		}
		u.scan = scan
	}
	for i := range s.plan.Branches {
		r, err := newBranch(u, &s.plan.Branches[i])
		if err != nil {
			return nil, err
		}
		u.branches = append(u.branches, r)
	}
	return u, nil
}

// constants is the source of plan.Values: one partition with the rows.
type constants struct{ rows *plan.Values }

func (c constants) Partitions(context.Context) ([]int32, error) { return []int32{0}, nil }
func (c constants) Replayable() bool                            { return true }
func (c constants) Bounded() bool                               { return true }
func (c constants) Close() error                                { return nil }

func (c constants) Open(_ context.Context, _ int32, from int64, _ func()) (connectors.Reader, error) {
	return &constantReader{rows: c.rows, at: max(from, 0)}, nil
}

type constantReader struct {
	rows *plan.Values
	at   int64
}

func (r *constantReader) Position() int64 { return r.at }
func (r *constantReader) End() int64      { return int64(len(r.rows.Rows)) }
func (r *constantReader) Close() error    { return nil }

func (r *constantReader) PollColumns(limit int, until int64, dst *event.Batch) error {
	end := min(r.End(), r.at+int64(limit))
	if until >= 0 {
		end = min(end, until)
	}
	n := int(max(0, end-r.at))
	dst.Reset(n)
	dst.Time = dst.Time[:0]
	for i := range n {
		for c, v := range r.rows.Rows[r.at] {
			dst.Cols[c].Set(i, n, v)
		}
		dst.ID[i] = event.ID{Lo: uint64(r.at)}
		r.at++
	}
	if n == 0 && r.at == r.End() {
		return io.EOF
	}
	return nil
}

// unitStats are the counts of a unit, for status and metrics. They begin at
// zero with the process.
type unitStats struct {
	rows, bytes, rejects, late int64
	byKind                     [rejectKindCount]int64
}

const rejectKindCount = int(operators.RejectTime) + 1

func (s *unitStats) reject(k operators.RejectKind) {
	s.byKind[k]++
	if k == operators.RejectLate {
		s.late++
		return
	}
	s.rejects++
}

// lag is how many offsets the unit is behind; -1 when unknown.
func (u *unit) lag() int64 {
	end := u.reader.End()
	if end < 0 || u.position < 0 {
		return -1
	}
	return max(0, min(end-u.position, math.MaxInt64))
}
