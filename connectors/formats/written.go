package formats

import (
	"context"
	"errors"
	"fmt"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/avro"
	"github.com/cepd/cepd/connectors/formats/protobuf"
	"github.com/cepd/cepd/internal/event"
)

// HasSchema says whether records of the table are written with a schema, which says
// what their fields are.
func HasSchema(t connectors.Table) bool {
	f, _, err := choice(t)
	return err == nil && f.binary && !Columnar(t)
}

// WrittenWith is the schema of a table's records: that of the options, or the latest of
// those that the values name, which is the one with the highest number. Skipped are
// values whose schema cannot be read. It waits for a registry as long as ctx lets it.
func WrittenWith(ctx context.Context, t connectors.Table, values [][]byte) (s connectors.Schema, skipped int, err error) {
	d, err := schemaDecoder(t)
	if err != nil {
		return s, 0, err
	}
	if list := d.Schemas(); len(list) > 0 {
		return list[0], 0, nil
	}
	if len(values) == 0 {
		return s, 0, errors.New("there are no records yet: write one, or declare the columns")
	}
	if w, ok := d.(connectors.Waiter); ok {
		w.Within(ctx)
	}
	raw := &connectors.RawBatch{}
	for i, v := range values {
		from := len(raw.Buf)
		raw.Buf = append(raw.Buf, v...)
		raw.Append(event.Span{Off: uint32(from), Len: uint32(len(v))}, int64(i))
	}
	dst := event.NewBatch(event.NewSchema())
	dst.Reset(len(values))
	rejects, err := d.Decode(raw, dst, nil)
	if err != nil {
		return s, 0, err
	}
	list := d.Schemas()
	if len(list) == 0 {
		return s, 0, fmt.Errorf("none of %d records has a schema: %s", len(values), rejects[0].Reason)
	}
	for _, other := range list {
		if other.ID >= s.ID {
			s = other
		}
	}
	return s, len(rejects), nil
}

// schemaDecoder decodes nothing but which schemas there are.
func schemaDecoder(t connectors.Table) (d interface {
	connectors.Decoder
	connectors.SchemaLister
}, err error) {
	f, get, err := choice(t)
	if err != nil {
		return nil, err
	}
	t.Columns, t.Physical = nil, nil
	switch f.name {
	case avro.Confluent:
		if text := get(avro.Confluent + ".schema"); text != "" { // the reader's, in whose words columns are
			return avro.NewDecoder(nil, nil, func(string) string { return text })
		}
		return avro.NewConfluentDecoder(t, get)
	case protobuf.Confluent:
		return protobuf.NewConfluentDecoder(t, get)
	case avro.Plain:
		if get("avro.schema") == "" {
			return nil, errors.New("the records do not say what they are: give their schema, 'avro.schema' = '…', or declare the columns")
		}
		return avro.NewDecoder(nil, nil, get)
	}
	if get("protobuf.schema")+get("protobuf.schema-file")+get("protobuf.descriptor-file") == "" {
		return nil, errors.New("the records do not say what they are: give their schema, 'protobuf.schema' = '…' or 'protobuf.schema-file', or declare the columns")
	}
	return protobuf.NewDecoder(t, get)
}
