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
	parts  int
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
	s := &heldSource{held: h}
	for _, c := range t.Columns {
		i := h.table.Schema.Index(c.Name)
		if i < 0 {
			return nil, fmt.Errorf("the stream has no column %s", c.Name)
		}
		s.columns = append(s.columns, i)
	}
	return s, nil
}

// heldSource deals the rows out to its partitions in blocks of a batch.
type heldSource struct {
	held
	columns []int
}

func (s *heldSource) Partitions(context.Context) (list []int32, err error) {
	for p := range s.parts {
		list = append(list, int32(p))
	}
	return list, nil
}

func (*heldSource) Replayable() bool { return true }
func (*heldSource) Bounded() bool    { return true }
func (*heldSource) Close() error     { return nil }

// Open implements connectors.Source.
func (s *heldSource) Open(_ context.Context, part int32, from int64, _ func()) (connectors.Reader, error) {
	return &heldReader{s, int(part), int(max(from, 0))}, nil
}

type heldReader struct {
	*heldSource
	part int
	next int // row of the partition
}

func (r *heldReader) Position() int64 { return int64(r.next) }

// End implements connectors.Reader.
func (r *heldReader) End() int64 {
	rows := r.rows()
	whole := rows / (event.MaxRows * r.parts) * event.MaxRows
	rest := rows - whole*r.parts - r.part*event.MaxRows
	return int64(whole + min(max(rest, 0), event.MaxRows))
}

// rows is those of all partitions.
func (r *heldReader) rows() int { return r.table.N * r.rounds }

// PollColumns implements connectors.ColumnReader.
func (r *heldReader) PollColumns(limit int, _ int64, dst *event.Batch) error {
	block, at := r.next/event.MaxRows, r.next%event.MaxRows
	row := (block*r.parts+r.part)*event.MaxRows + at
	if row >= r.rows() {
		dst.Reset(0)
		return io.EOF
	}
	n := min(limit, event.MaxRows-at, r.table.N-row%r.table.N)
	dst.Reset(n)
	r.table.Copy(dst, r.columns, row)
	r.next += n
	return nil
}
