package workload

import (
	"context"
	"fmt"
	"io"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

type connector struct{}

// Connector is 'workload', for benchmarks only: option 'stream' is transactions
// or stock, 'number-of-rows' how many events. A table declares columns of the
// stream, with its names and types.
var Connector connectors.Connector = connector{}

func (connector) Name() string                        { return "workload" }
func (connector) Metadata() []connectors.MetadataSpec { return nil }

func (connector) Options() []connectors.OptionSpec {
	return []connectors.OptionSpec{
		{Name: "stream", Default: "transactions", Check: connectors.CheckOneOf("transactions", "stock"), Doc: "Which stream."},
		{Name: "number-of-rows", Required: true, Check: connectors.CheckInt(0, 1<<62), Doc: "How many events."},
	}
}

func (connector) Sink(connectors.Table) (connectors.Sink, error) { return nil, connectors.ErrNotSink }

func (connector) Source(t connectors.Table) (connectors.Source, error) {
	s := &source{rows: t.Int("number-of-rows", 0), schema: TransactionSchema, begin: func() stream { return NewTransactions() }}
	if t.Options["stream"] == "stock" {
		s.schema, s.begin = StockSchema, func() stream { return NewStock() }
	}
	for _, c := range t.Columns {
		i := s.schema.Index(c.Name)
		if i < 0 || !s.schema.Fields[i].Type.Equal(c.Type) {
			return nil, fmt.Errorf("the stream has no column %s %s", c.Name, c.Type)
		}
		s.columns = append(s.columns, i)
	}
	return s, nil
}

// stream is one of the two.
type stream interface {
	Fill(b *event.Batch, n int)
	Skip(n int64)
	N() int64
}

type source struct {
	rows    int64
	schema  *event.Schema
	begin   func() stream
	columns []int // of the schema
}

func (s *source) Partitions(context.Context) ([]int32, error) { return []int32{0}, nil }
func (s *source) Replayable() bool                            { return true }
func (s *source) Bounded() bool                               { return true }
func (s *source) Close() error                                { return nil }

// Open implements connectors.Source.
func (s *source) Open(_ context.Context, _ int32, from int64, _ func()) (connectors.Reader, error) {
	r := &reader{source: s, stream: s.begin(), all: event.NewBatch(s.schema)}
	r.stream.Skip(max(from, 0))
	return r, nil
}

type reader struct {
	*source
	stream stream
	all    *event.Batch
}

func (r *reader) Position() int64 { return r.stream.N() }
func (r *reader) End() int64      { return r.rows }
func (r *reader) Close() error    { return nil }

// PollColumns implements connectors.ColumnReader.
func (r *reader) PollColumns(limit int, until int64, dst *event.Batch) error {
	left := r.rows - r.Position()
	if left <= 0 {
		dst.Reset(0)
		return io.EOF
	}
	if until >= 0 {
		left = max(0, min(left, until-r.Position()))
	}
	n := int(min(left, int64(limit), event.MaxRows))
	r.stream.Fill(r.all, n)
	dst.Reset(n)
	copy(dst.ID, r.all.ID)
	for c, i := range r.columns {
		from, to := &r.all.Cols[i], &dst.Cols[c]
		copy(to.I64, from.I64)
		copy(to.F64, from.F64)
		if from.Str != nil {
			copy(to.Str, from.Str)
			to.Alias(from.Buf)
		}
	}
	return nil
}
