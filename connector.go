package cepd

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

// Connector is a kind of tables, 'connector' = Name.
type Connector struct {
	Name    string
	Options []string // that a table may have in WITH, beside 'connector'
	// Source makes what reads a table, Sink what writes it, Lookup what is asked for the
	// rows of a key; nil: the connector cannot.
	Source func(Table) (Source, error)
	Sink   func(Table) (Sink, error)
	Lookup func(Table) (Lookup, error)
	// Replayable says that Source.Read from an offset gives the same rows again, also
	// in another process. Of other sources the data directory keeps what was read.
	Replayable bool
}

// Table is a table as CREATE TABLE has it.
type Table struct {
	Name    string
	Columns []Column // of a Row: as declared, computed ones left out; of a Sink, those that are written
	Options map[string]string
	Keys    []Column // of a look-up: what is asked by
}

// Source reads a table.
type Source interface {
	// Read calls emit for each row from the offset on: rows are numbered from 0. emit
	// waits while the query is busy; after its error Read returns. It returns nil when
	// there are no more rows, and then the table has ended.
	Read(ctx context.Context, from int64, emit func(Row) error) error
}

// Sink writes a table.
type Sink interface {
	// Write returns when the rows are where they belong. After an error, or a crash, a
	// row may come again, with the same ID.
	Write(ctx context.Context, rows []Row) error
}

// Lookup answers for a table in joins FOR SYSTEM_TIME AS OF the processing time.
type Lookup interface {
	// Find gives the rows of a key, of which there may be none. Several goroutines call
	// it. Answers are kept, so that it may say something else another time.
	Find(ctx context.Context, key []any) ([]Row, error)
}

func (c *Connector) validate() error {
	if c.Name == "" || c.Source == nil && c.Sink == nil && c.Lookup == nil {
		return errors.New("a connector has a name, and a Source, a Sink or a Lookup")
	}
	return nil
}

// connector is a Connector as the engine has it.
type connector struct{ c Connector }

func asConnectors(list []connector) []connectors.Connector {
	out := make([]connectors.Connector, len(list))
	for i, c := range list {
		out[i] = c
	}
	return out
}

func (c connector) Name() string                        { return c.c.Name }
func (c connector) Metadata() []connectors.MetadataSpec { return nil }

func (c connector) Options() []connectors.OptionSpec {
	var specs []connectors.OptionSpec
	for _, name := range c.c.Options {
		specs = append(specs, connectors.OptionSpec{Name: name})
	}
	if c.c.Lookup != nil {
		specs = append(specs, connectors.LookupSpecs()...)
	}
	return specs
}

func tableOf(t connectors.Table, columns, keys []connectors.Column) Table {
	return Table{Name: t.Name, Columns: columnsOf(columns), Options: t.Options, Keys: columnsOf(keys)}
}

func columnsOf(list []connectors.Column) []Column {
	var columns []Column
	for _, c := range list {
		columns = append(columns, Column{c.Name, c.Type.String()})
	}
	return columns
}

func (c connector) Source(t connectors.Table) (connectors.Source, error) {
	if c.c.Source == nil {
		return nil, connectors.ErrNotSource
	}
	s, err := c.c.Source(tableOf(t, t.Physical, nil))
	return &source{rows: s, cells: cellsOf(t), replayable: c.c.Replayable}, err
}

func (c connector) Sink(t connectors.Table) (connectors.Sink, error) {
	if c.c.Sink == nil {
		return nil, connectors.ErrNotSink
	}
	s, err := c.c.Sink(tableOf(t, t.Columns, nil))
	return &sink{s}, err
}

// Looker implements connectors.Asked.
func (c connector) Looker(t connectors.Table, keys []connectors.Column) (connectors.Looker, error) {
	if c.c.Lookup == nil {
		return nil, fmt.Errorf("a table with 'connector' = '%s' cannot be asked for the rows of a key", c.c.Name)
	}
	l, err := c.c.Lookup(tableOf(t, t.Physical, keys))
	return &looker{l, cellsOf(t)}, err
}

// valuesOf is row i of columns.
func valuesOf(cols []event.Vec, i int) []any {
	values := make([]any, len(cols))
	for c := range cols {
		values[c] = toGo(cols[c].Type, cols[c].Value(i))
	}
	return values
}

// cells takes what a query reads out of rows of all declared columns.
type cells struct {
	columns []connectors.Column // that are read
	at      []int               // of each: its place in a row
	width   int
}

func cellsOf(t connectors.Table) cells {
	c := cells{columns: t.Columns, width: len(t.Physical)}
	for _, column := range t.Columns {
		c.at = append(c.at, slices.IndexFunc(t.Physical, func(p connectors.Column) bool { return p.Name == column.Name }))
	}
	return c
}

func (c *cells) of(row Row) ([]event.Value, error) {
	if len(row.Values) != c.width {
		return nil, fmt.Errorf("a row has %d values for %d columns", len(row.Values), c.width)
	}
	values := make([]event.Value, len(c.columns))
	for i, at := range c.at {
		var err error
		if values[i], err = fromGo(c.columns[i].Type, row.Values[at]); err != nil {
			return nil, fmt.Errorf("column %s: %w", c.columns[i].Name, err)
		}
	}
	return values, nil
}

type sink struct{ rows Sink }

func (s *sink) Open(context.Context) error  { return nil }
func (s *sink) Flush(context.Context) error { return nil }
func (s *sink) Close() error                { return nil }

func (s *sink) Write(ctx context.Context, b *event.Batch) error {
	rows := make([]Row, 0, b.Live())
	for _, i := range b.LiveRows() {
		rows = append(rows, Row{b.ID[i].Hex(), valuesOf(b.Cols, int(i))})
	}
	return s.rows.Write(ctx, rows)
}

type looker struct {
	rows  Lookup
	cells cells
}

func (l *looker) Open(context.Context) error { return nil }
func (l *looker) Close() error               { return nil }
func (l *looker) Batch() int                 { return 1 }

func (l *looker) Find(ctx context.Context, keys *event.Batch, add func(key int, row []event.Value)) error {
	for i := range keys.N {
		rows, err := l.rows.Find(ctx, valuesOf(keys.Cols, i))
		if err != nil {
			return err
		}
		for _, r := range rows {
			row, err := l.cells.of(r)
			if err != nil {
				return connectors.Permanent(err)
			}
			add(i, row)
		}
	}
	return nil
}
