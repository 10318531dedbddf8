package load

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cepd/cepd/benchmarks/workload"
	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

// held is 'workload': rows of a stream that lie in memory.
type held struct {
	table  *workload.Table
	rounds int
}

func (held) Name() string                                   { return "workload" }
func (held) Metadata() []connectors.MetadataSpec            { return nil }
func (held) Sink(connectors.Table) (connectors.Sink, error) { return nil, connectors.ErrNotSink }
func (held) Options() []connectors.OptionSpec {
	return []connectors.OptionSpec{{Name: "stream", Required: true, Doc: "transactions or stock."}}
}

// Source implements connectors.Connector.
func (h held) Source(t connectors.Table) (connectors.Source, error) {
	if h.table == nil {
		return nil, errors.New("'workload' is for the workloads that have a name")
	}
	s := &heldSource{table: h.table, rounds: h.rounds}
	for _, c := range t.Columns {
		i := h.table.Schema.Index(c.Name)
		if i < 0 {
			return nil, fmt.Errorf("the stream has no column %s", c.Name)
		}
		s.columns = append(s.columns, i)
	}
	return s, nil
}

type heldSource struct {
	table   *workload.Table
	rounds  int
	columns []int
}

func (*heldSource) Partitions(context.Context) ([]int32, error) { return []int32{0}, nil }
func (*heldSource) Replayable() bool                            { return true }
func (*heldSource) Bounded() bool                               { return true }
func (*heldSource) Close() error                                { return nil }

// Open implements connectors.Source.
func (s *heldSource) Open(_ context.Context, _ int32, from int64, _ func()) (connectors.Reader, error) {
	return &heldReader{s, int(max(from, 0))}, nil
}

type heldReader struct {
	*heldSource
	next int
}

func (r *heldReader) Position() int64 { return int64(r.next) }
func (r *heldReader) End() int64      { return int64(r.table.N) * int64(r.rounds) }

// PollColumns implements connectors.ColumnReader.
func (r *heldReader) PollColumns(limit int, _ int64, dst *event.Batch) error {
	if r.next >= int(r.End()) {
		dst.Reset(0)
		return io.EOF
	}
	n := min(limit, event.MaxRows, r.table.N-r.next%r.table.N)
	dst.Reset(n)
	r.table.Copy(dst, r.columns, r.next)
	r.next += n
	return nil
}
