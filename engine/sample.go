package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/plan"
)

// The limits of a sample.
const (
	MaxSampleRows = 1000
	maxSampleText = 1024 // bytes of a record that is no row
	samplePoll    = 256
)

// SampleRequest says what of a table is looked at.
type SampleRequest struct {
	Rows   int  // 1 to MaxSampleRows
	Latest bool // the last of each partition, where its end is known; else the first

	From map[int32]int64 // of these partitions those from an offset on; nil: of all
}

// TableSample is rows of a table as its connector and format give them.
type TableSample struct {
	Table      string      `json:"table"`
	Rows       []SampleRow `json:"rows"`
	Incomplete bool        `json:"incomplete,omitempty" doc:"Time ran out before there were enough"`
}

// SampleRow is a record.
type SampleRow struct {
	Partition int32           `json:"partition"`
	Offset    int64           `json:"offset"`
	Time      string          `json:"time,omitempty" doc:"Of the record, as the connector tells it"`
	Columns   json.RawMessage `json:"columns,omitempty" doc:"The row, as an object; computed columns are left out"`
	Rejected  string          `json:"rejected,omitempty" doc:"Why the record is no row"`
	Record    string          `json:"record,omitempty" doc:"A record that is no row, at most 1 KiB of it"`
}

// ErrSample says that a table cannot be looked at.
var ErrSample = errors.New("sample")

// Sample reads some rows of a table with a reader of its own, which commits no
// offsets and disturbs no query. When ctx ends first, it gives what there is.
func (e *Engine) Sample(ctx context.Context, cat *catalog.Catalog, table string, r SampleRequest) (*TableSample, error) {
	t, ok := cat.Table(table)
	if !ok {
		return nil, fmt.Errorf("%w: there is no table %q", ErrSample, table)
	}
	out := &TableSample{Table: t.Name, Rows: []SampleRow{}}
	s := &sampler{engine: e, request: r, ready: make(chan struct{}, 1)}
	s.newPoll = func(ctx context.Context, r connectors.Reader, part int32) (pollSample, error) {
		return s.rowPoller(ctx, r, part, out)
	}
	if err := s.run(ctx, cat, t); err != nil {
		return nil, err
	}
	out.Incomplete = s.incomplete
	return out, nil
}

// run reads, and shields the engine from what reading may do.
func (s *sampler) run(ctx context.Context, cat *catalog.Catalog, t *catalog.Table) error {
	if err := callAt("the sample of "+t.Name, func() error { return s.read(ctx, cat, t) }); err != nil {
		return s.engine.options.Access.RedactError(fmt.Errorf("%w of %s: %w", ErrSample, t.Name, err))
	}
	return nil
}

// sampler reads a sample.
type sampler struct {
	engine  *Engine
	request SampleRequest
	newPoll func(ctx context.Context, r connectors.Reader, part int32) (pollSample, error)

	table      connectors.Table
	source     connectors.Source
	schema     *event.Schema
	fillers    []fillMetadata
	ready      chan struct{}
	got        int  // rows
	full       bool // no more is wanted
	incomplete bool // time ran out
}

// pollSample takes the next rows of a reader, and says how many there were.
type pollSample func(most int) (n int, err error)

func (s *sampler) read(ctx context.Context, cat *catalog.Catalog, t *catalog.Table) error {
	if err := s.open(cat, t); err != nil {
		return err
	}
	parts, err := s.source.Partitions(ctx)
	if err != nil {
		return errors.Join(err, s.source.Close())
	}
	if s.request.From != nil {
		parts = slices.DeleteFunc(slices.Clone(parts), func(part int32) bool { _, ok := s.request.From[part]; return !ok })
	}
	for i, part := range parts {
		left := s.request.Rows - s.got
		share := (left + len(parts) - i - 1) / (len(parts) - i)
		if err = s.partition(ctx, part, share); err != nil || s.incomplete || s.full {
			break
		}
	}
	return errors.Join(err, s.source.Close())
}

func (s *sampler) open(cat *catalog.Catalog, t *catalog.Table) error {
	c, ok := s.engine.options.Registry.Lookup(t.Option("connector", ""))
	if !ok {
		return fmt.Errorf("unknown connector '%s'", t.Option("connector", ""))
	}
	var columns []connectors.Column
	for i := range t.Columns {
		if t.Columns[i].Kind != catalog.Computed {
			columns = append(columns, tableColumn(&t.Columns[i]))
		}
	}
	b := &opener{options: &s.engine.options, cat: cat, root: &plan.Insert{Name: "sample"}}
	var err error
	if s.table, err = b.table(t, columns); err != nil {
		return err
	}
	if _, ok := c.(connectors.Historian); ok { // where the query begins is not where there is something to see
		s.table.Options = maps.Clone(s.table.Options)
		c.(connectors.Historian).History(s.table.Options, time.Time{}, time.Time{})
	}
	if s.source, err = c.Source(s.table); err != nil {
		return err
	}
	if !s.source.Replayable() {
		return errors.Join(fmt.Errorf("what '%s' gives can be read only once", c.Name()), s.source.Close())
	}
	s.schema = columnSchema(columns)
	for i, col := range columns {
		if col.Metadata == "" {
			continue
		}
		s.fillers = append(s.fillers, metadataFiller(col.Metadata, i))
	}
	return nil
}

// partition reads at most so many rows of a partition.
func (s *sampler) partition(ctx context.Context, part int32, most int) error {
	from, ok := s.request.From[part]
	if !ok {
		from = connectors.Start
	}
	r, err := s.source.Open(ctx, part, from, func() { signal(s.ready) })
	if err != nil {
		return err
	}
	if end := r.End(); s.request.Latest && end > 0 && end-r.Position() > int64(most) {
		if err := r.Close(); err != nil {
			return err
		}
		if r, err = s.source.Open(ctx, part, end-int64(most), func() { signal(s.ready) }); err != nil {
			return err
		}
	}
	poll, err := s.newPoll(ctx, r, part)
	for end := s.got + most; err == nil && s.got < end && !s.full; {
		var n int
		if n, err = poll(min(end-s.got, samplePoll)); err == nil && n == 0 {
			err = s.wait(ctx, r)
		}
		s.got += n
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, r.Close())
}

// wait returns when there may be more, or io.EOF when there is nothing to wait
// for.
func (s *sampler) wait(ctx context.Context, r connectors.Reader) error {
	if end := r.End(); end >= 0 && r.Position() >= end {
		return io.EOF
	}
	select {
	case <-s.ready:
		return nil
	case <-ctx.Done():
		s.incomplete = true
		return io.EOF
	}
}

// rowPoller makes what adds the next rows of a reader to a sample.
func (s *sampler) rowPoller(ctx context.Context, r connectors.Reader, part int32, out *TableSample) (pollSample, error) {
	b := event.NewBatch(s.schema)
	if cr, ok := r.(connectors.ColumnReader); ok {
		return func(most int) (int, error) {
			if err := cr.PollColumns(most, -1, b); err != nil {
				return 0, err
			}
			return out.take(part, b, nil, rejectsOf(r)), nil
		}, nil
	}
	decoder, err := s.engine.options.NewDecoder(s.table)
	if err != nil {
		return nil, err
	}
	if w, ok := decoder.(connectors.Waiter); ok {
		w.Within(ctx)
	}
	raws, raw := r.(connectors.RawReader), &connectors.RawBatch{}
	return func(most int) (int, error) {
		if err := raws.Poll(most, -1, raw); err != nil || raw.N() == 0 {
			return 0, err
		}
		b.Reset(raw.N())
		rejects, err := decoder.Decode(raw, b, nil)
		if err != nil {
			return 0, err
		}
		if f, ok := r.(connectors.Filler); ok {
			f.Fill(raw, b)
		} else {
			for _, fill := range s.fillers {
				fill(raw, b)
			}
		}
		return out.take(part, b, raw, raw.AppendFaults(rejects)), nil
	}, nil
}

func rejectsOf(r connectors.Reader) []connectors.Reject {
	if x, ok := r.(connectors.Rejecter); ok {
		return x.Rejects()
	}
	return nil
}

// take adds rows of a batch, and its rejects, and says how many; raw is nil where
// there are no records.
func (t *TableSample) take(part int32, b *event.Batch, raw *connectors.RawBatch, rejects []connectors.Reject) int {
	before := len(t.Rows)
	for i := range b.N {
		row := SampleRow{Partition: part}
		if raw != nil {
			row.Offset, row.Time = raw.Offset[i], showTime(raw.Time[i])
		} else {
			row.Offset = int64(b.ID[i].Lo)
		}
		at := slices.IndexFunc(rejects, func(r connectors.Reject) bool { return int(r.Row) == i })
		switch {
		case at < 0:
			row.Columns = appendColumns(nil, b, i, len(b.Cols))
		case rejects[at].Reason == "":
			continue
		default:
			row.Rejected = rejects[at].Reason
			if raw != nil {
				v := raw.Value[i]
				row.Record = readable(raw.Buf[v.Off : v.Off+v.Len])
			}
		}
		t.Rows = append(t.Rows, row)
	}
	return len(t.Rows) - before
}

// readable is the beginning of a record as text.
func readable(p []byte) string {
	cut := p[:min(len(p), maxSampleText)]
	for n := 0; n < utf8.UTFMax && len(cut) < len(p) && !utf8.Valid(cut); n++ {
		cut = cut[:len(cut)-1] // it ends within a character
	}
	if utf8.Valid(cut) {
		return string(cut)
	}
	return fmt.Sprintf("%x", p[:min(len(p), maxSampleText/2)])
}
