package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query/catalog"
)

// letters writes the rows that a sink cannot deliver to a table. That is a matter of
// the outside, which a replay would not repeat, so they are no rows of the query: they
// are written where they were refused, before the rows around them count as delivered.
// After a crash in between they may come twice, with the same id.
type letters struct {
	query, table string // that they were for
	name         string // of the table they go to
	sink         connectors.Sink
	schema       *event.Schema
}

// letterColumns are the columns that a table for undeliverable rows may have.
var letterColumns = map[string]func(l *letters, r *connectors.Refusal) event.Value{
	"query":  func(l *letters, _ *connectors.Refusal) event.Value { return event.StringValue(l.query) },
	"table":  func(l *letters, _ *connectors.Refusal) event.Value { return event.StringValue(l.table) },
	"id":     func(_ *letters, r *connectors.Refusal) event.Value { return event.StringValue(r.ID.Hex()) },
	"reason": func(_ *letters, r *connectors.Refusal) event.Value { return event.StringValue(r.Reason) },
	"value": func(_ *letters, r *connectors.Refusal) event.Value {
		return event.Value{Null: r.Value == nil, S: r.Value}
	},
	"status": func(_ *letters, r *connectors.Refusal) event.Value {
		return event.Value{Null: r.Status == 0, I: int64(r.Status)}
	},
	"answer":   func(_ *letters, r *connectors.Refusal) event.Value { return event.StringValue(r.Answer) },
	"attempts": func(_ *letters, r *connectors.Refusal) event.Value { return event.IntValue(int64(r.Attempts)) },
	"rowtime":  func(_ *letters, r *connectors.Refusal) event.Value { return timeValue(r.Time) },
}

// letterKinds are the families of types that the columns have; STRING where there
// is none.
var letterKinds = map[string][]event.Kind{
	"value":  {event.Bytes, event.String},
	"status": {event.Int32, event.Int64}, "attempts": {event.Int32, event.Int64},
	"rowtime": {event.Timestamp, event.TimestampLTZ},
}

// checkLetterTable says what is wrong with a table for undeliverable rows.
func checkLetterTable(t *catalog.Table) error {
	for i := range t.Columns {
		c := &t.Columns[i]
		if _, ok := letterColumns[c.Name]; !ok {
			return fmt.Errorf("column %q of %s: a table for rows that cannot be delivered has columns out of query, table, id, reason, value, status, answer, attempts, rowtime", c.Name, t.Name)
		}
		kinds := letterKinds[c.Name]
		if kinds == nil {
			kinds = []event.Kind{event.String}
		}
		if !slices.Contains(kinds, c.Type.Kind) {
			return fmt.Errorf("column %q of %s cannot be %s", c.Name, t.Name, c.Type)
		}
	}
	if delivery(t.Option(optDelivery, "")) == connectors.ExactlyOnce {
		return fmt.Errorf("table %s: rows that cannot be delivered come at least once: leave out 'sink.delivery-guarantee'", t.Name)
	}
	return nil
}

// openLetters opens the table for rows that t's sink cannot deliver; nil where it
// names none.
func (b *opener) openLetters(t *catalog.Table) (*letters, error) {
	name := t.Option(connectors.OptRefusalTable, "")
	if name == "" || b.shadow != nil {
		return nil, nil
	}
	to, ok := b.cat.Table(name)
	if !ok {
		return nil, fmt.Errorf("there is no table %q for rows that cannot be delivered", name)
	}
	if err := checkLetterTable(to); err != nil {
		return nil, err
	}
	c, ok := b.options.Registry.Lookup(to.Option("connector", ""))
	if !ok {
		return nil, fmt.Errorf("table %s: unknown connector '%s'", to.Name, to.Option("connector", ""))
	}
	columns := allColumns(to)
	table, err := b.table(to, columns)
	if err != nil {
		return nil, err
	}
	l := &letters{query: b.name(), table: t.Name, name: to.Name, schema: columnSchema(columns)}
	if l.sink, err = c.Sink(table); err != nil {
		return nil, fmt.Errorf("table %s: %w", to.Name, err)
	}
	return l, nil
}

// refused writes what the sink has given up.
func (o *outbox) refused(ctx context.Context) error {
	if o.refuser == nil {
		return nil
	}
	list := o.refuser.Refused()
	if len(list) == 0 || o.letters == nil {
		return nil
	}
	return o.letters.write(ctx, list)
}

func (l *letters) write(ctx context.Context, list []connectors.Refusal) error {
	b := event.NewBatch(l.schema)
	for part := range slices.Chunk(list, event.MaxRows) {
		l.fill(b, part)
		if err := l.sink.Write(ctx, b); err != nil {
			return fmt.Errorf("write to %s: %w", l.name, err)
		}
	}
	if err := l.sink.Flush(ctx); err != nil {
		return fmt.Errorf("write to %s: %w", l.name, err)
	}
	if r, ok := l.sink.(connectors.Refuser); ok {
		if lost := r.Refused(); len(lost) > 0 {
			return fmt.Errorf("write to %s: a row that %s could not take cannot be delivered there either: %s", l.name, l.table, lost[0].Reason)
		}
	}
	return nil
}

func (l *letters) fill(b *event.Batch, list []connectors.Refusal) {
	b.Reset(len(list))
	for i := range list {
		r := &list[i]
		for c, f := range l.schema.Fields {
			b.Cols[c].Set(i, len(list), letterColumns[f.Name](l, r))
		}
		b.ID[i], b.Time[i] = r.ID, r.Time
	}
}

func (l *letters) close() error {
	if l == nil {
		return nil
	}
	return l.sink.Close()
}
