package memory

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/json"
	"github.com/cepd/cepd/internal/event"
)

type connector struct{ store *Store }

// New is the connector 'memory' over the tables of store.
func New(store *Store) connectors.Connector { return connector{store} }

func (connector) Name() string                        { return "memory" }
func (connector) Metadata() []connectors.MetadataSpec { return nil }

func (connector) Options() []connectors.OptionSpec {
	return []connectors.OptionSpec{{Name: "name", Doc: "The table in memory. Default: the name of the table."}}
}

func (c connector) table(t connectors.Table) *Table {
	if name := t.Options["name"]; name != "" {
		return c.store.Table(name)
	}
	return c.store.Table(t.Name)
}

func (c connector) Source(t connectors.Table) (connectors.Source, error) {
	return &source{table: c.table(t), columns: t.Columns}, nil
}

func (c connector) Sink(t connectors.Table) (connectors.Sink, error) {
	return &sink{table: c.table(t)}, nil
}

type sink struct{ table *Table }

func (s *sink) Open(context.Context) error                    { return nil }
func (s *sink) Write(_ context.Context, b *event.Batch) error { return s.table.Append(b) }
func (s *sink) Flush(context.Context) error                   { return nil }
func (s *sink) Close() error                                  { return nil }

// source is one partition. Rows stay as long as the process, so an offset of
// before a restart is refused by Open.
type source struct {
	table   *Table
	columns []connectors.Column
}

func (s *source) Partitions(context.Context) ([]int32, error) { return []int32{0}, nil }
func (s *source) Replayable() bool                            { return true }
func (s *source) Bounded() bool                               { return true }
func (s *source) Close() error                                { return nil }

// Open implements connectors.Source.
func (s *source) Open(_ context.Context, _ int32, from int64, ready func()) (connectors.Reader, error) {
	t := s.table
	t.mu.Lock()
	defer t.mu.Unlock()
	if from > int64(len(t.rows)) {
		return nil, fmt.Errorf("memory table %s has %d rows and cannot be read from row %d: its rows are gone when the process ends", t.name, len(t.rows), from)
	}
	r := &reader{source: s, next: max(from, 0), slot: len(t.ready)}
	t.ready = append(t.ready, ready)
	return r, nil
}

type reader struct {
	*source
	next int64
	slot int // of its ready in the table

	decoder *json.Decoder // nil before the first JSON
	raw     connectors.RawBatch
	rejects []connectors.Reject // of the last poll
}

func (r *reader) Position() int64 { return r.next }
func (r *reader) End() int64      { return int64(r.table.Len()) }

// Close implements connectors.Reader.
func (r *reader) Close() error {
	r.table.mu.Lock()
	defer r.table.mu.Unlock()
	r.table.ready[r.slot] = func() {}
	return nil
}

// PollColumns implements connectors.ColumnReader.
func (r *reader) PollColumns(limit int, until int64, dst *event.Batch) error {
	t := r.table
	r.rejects = r.rejects[:0]
	t.mu.Lock()
	defer t.mu.Unlock()
	rows := t.rows[r.next:]
	if len(rows) == 0 && t.closed {
		dst.Reset(0)
		return io.EOF
	}
	if until >= 0 {
		rows = rows[:max(0, min(int64(len(rows)), until-r.next))]
	}
	rows = sameForm(rows[:min(limit, len(rows), event.MaxRows)])
	if slices.ContainsFunc(rows, func(x row) bool { return x.change != event.Insert }) {
		return fmt.Errorf("memory table %s has rows that were updated or deleted: its changes are for the program, a query reads tables whose rows stay", t.name)
	}
	dst.Reset(len(rows))
	if len(rows) == 0 {
		return nil
	}
	for i := range rows {
		dst.ID[i] = event.ID{Lo: uint64(r.next) + uint64(i)}
	}
	if rows[0].json != nil {
		if err := r.decode(rows, dst); err != nil {
			return err
		}
	} else if err := r.fill(rows, dst); err != nil {
		return err
	}
	r.next += int64(len(rows))
	return nil
}

// sameForm is the first rows that are all values or all JSON.
func sameForm(rows []row) []row {
	for i := range rows {
		if (rows[i].json == nil) != (rows[0].json == nil) {
			return rows[:i]
		}
	}
	return rows
}

func (r *reader) decode(rows []row, dst *event.Batch) error {
	if err := r.needDecoder(); err != nil {
		return err
	}
	buf := r.raw.Buf[:0]
	r.raw.Reset()
	for i := range rows {
		r.raw.Append(event.Span{Off: uint32(len(buf)), Len: uint32(len(rows[i].json))}, r.next+int64(i))
		buf = append(buf, rows[i].json...)
	}
	r.raw.Buf = buf
	var err error
	r.rejects, err = r.decoder.Decode(&r.raw, dst, r.rejects)
	return err
}

// Rejects implements connectors.Rejecter.
func (r *reader) Rejects() []connectors.Reject { return r.rejects }

func (r *reader) needDecoder() (err error) {
	if r.decoder == nil {
		r.decoder, err = json.NewDecoder(r.columns, json.Options{})
	}
	return err
}

func (r *reader) fill(rows []row, dst *event.Batch) error {
	t := r.table
	for c, col := range r.columns {
		k, ok := t.index[col.Name]
		if !ok || t.fields[k].Type.Physical() != col.Type.Physical() {
			return fmt.Errorf("memory table %s has no column %s %s", t.name, col.Name, col.Type)
		}
		for i := range rows {
			dst.Cols[c].Set(i, dst.N, rows[i].values[k])
		}
	}
	return nil
}
