package avro

import (
	"slices"

	"github.com/twmb/avro"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

// maxTyped is how many types are told of one schema. Those beyond have none: a
// schema may name a record again and again.
const maxTyped = 10_000

// typer finds the columns that take what a schema writes.
type typer struct {
	writer *schema
	open   []*avro.SchemaNode // records that the type at hand is inside of
	left   int
}

// writtenFields are the fields at the top of a schema, as columns. One that a column reads
// by an alias of the reader's has the column's name.
func writtenFields(writer, reader *schema, columns []connectors.Column) []event.Field {
	t := &typer{writer: writer, open: []*avro.SchemaNode{writer.root}, left: maxTyped}
	fields := make([]event.Field, len(writer.root.Fields))
	for k := range fields {
		f := &writer.root.Fields[k]
		fields[k] = event.Field{Name: f.Name, Type: t.of(&f.Type)}
	}
	if reader == nil {
		return fields
	}
	for _, c := range columns {
		field, err := readerField(reader.root, c.Name)
		if err != nil {
			continue
		}
		if k := writerField(writer.root, field, c.Name); k >= 0 {
			fields[k].Name = c.Name
		}
	}
	return fields
}

var plainTypes = map[string]event.Type{
	"boolean": event.TBool, "int": event.TInt32, "long": event.TInt64, "float": event.TFloat32, "double": event.TFloat64,
	"string": event.TString, "enum": event.TString, "bytes": event.TBytes, "fixed": event.TBytes,
}

var logicalTypes = map[string]event.Type{
	"date": event.TDate, "time-millis": {Kind: event.TimeOfDay, Precision: 3}, "time-micros": {Kind: event.TimeOfDay, Precision: 6},
	"timestamp-millis": {Kind: event.TimestampLTZ, Precision: 3}, "timestamp-micros": {Kind: event.TimestampLTZ, Precision: 6}, "timestamp-nanos": {Kind: event.TimestampLTZ, Precision: 6},
	"local-timestamp-millis": {Kind: event.Timestamp, Precision: 3}, "local-timestamp-micros": {Kind: event.Timestamp, Precision: 6}, "local-timestamp-nanos": {Kind: event.Timestamp, Precision: 6},
}

// of is the type of a column for what n writes; NULL: there is none.
func (t *typer) of(n *avro.SchemaNode) event.Type {
	n = t.writer.of(n)
	if t.left--; t.left < 0 {
		return event.TNull
	}
	switch n.Type {
	case "union":
		if other, _ := optional(n); other != nil {
			return t.of(other)
		}
		return event.TNull
	case "array":
		return t.nested(event.Type{Kind: event.Array}, n.Items)
	case "map":
		return t.nested(event.Type{Kind: event.Map, Key: &event.TString}, n.Values)
	case "record", "error":
		return t.row(n)
	}
	whole := n.Type == "int" || n.Type == "long"
	switch typ, ok := logicalTypes[n.LogicalType]; {
	case whole && ok:
		return typ
	case n.LogicalType == "decimal" && !whole && n.Precision <= maxDigits:
		return event.TDecimal(n.Precision, n.Scale)
	case n.LogicalType == "uuid":
		return event.TString
	}
	return plainTypes[n.Type]
}

func (t *typer) nested(typ event.Type, n *avro.SchemaNode) event.Type {
	elem := t.of(n)
	if elem.Kind == event.Null {
		return elem
	}
	typ.Elem = &elem
	return typ
}

// row leaves out fields that have no type.
func (t *typer) row(n *avro.SchemaNode) event.Type {
	if slices.Contains(t.open, n) {
		return event.TNull
	}
	t.open = append(t.open, n)
	typ := event.Type{Kind: event.Row}
	for i := range n.Fields {
		if f := t.of(&n.Fields[i].Type); f.Kind != event.Null {
			typ.Fields = append(typ.Fields, event.Field{Name: n.Fields[i].Name, Type: f})
		}
	}
	t.open = t.open[:len(t.open)-1]
	if len(typ.Fields) == 0 {
		return event.TNull
	}
	return typ
}
