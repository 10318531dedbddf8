package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query/catalog"
)

// Produce writes a row, a JSON object, to where a table is read from, in the
// table's format: an event that a person raises. It is there when it returns.
func (e *Engine) Produce(ctx context.Context, t *catalog.Table, object []byte) error {
	table, err := e.Connect(t)
	if err != nil {
		return err
	}
	b, err := rowOf(table, columnSchema(table.Columns), object)
	if err != nil {
		return err
	}
	c, ok := e.options.Registry.Lookup(t.Option("connector", ""))
	if !ok {
		return fmt.Errorf("table %s: unknown connector '%s'", t.Name, t.Option("connector", ""))
	}
	sink, err := c.Sink(table)
	if err != nil {
		return fmt.Errorf("table %s: %w", t.Name, err)
	}
	if err = sink.Open(ctx); err == nil {
		err = sink.Write(ctx, b)
	}
	if err == nil {
		err = sink.Flush(ctx)
	}
	return e.options.Access.RedactError(errors.Join(err, sink.Close()))
}

// rowOf reads a JSON object as a row.
func rowOf(t connectors.Table, s *event.Schema, object []byte) (*event.Batch, error) {
	t.Options = map[string]string{"format": "json"}
	d, err := formats.NewDecoder(t)
	if err != nil {
		return nil, err
	}
	raw := connectors.RawBatch{Buf: object}
	raw.Append(event.Span{Len: uint32(len(object))}, 0)
	b := event.NewBatch(s)
	b.Reset(1)
	rejects, err := d.Decode(&raw, b, nil)
	if err == nil && len(rejects) > 0 {
		err = errors.New(rejects[0].Reason)
	}
	return b, err
}
