package avro

import (
	"errors"
	"io"
	"slices"

	"github.com/twmb/avro"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/panics"
)

// maxFields bounds the columns of a schema, with those inside of ROW.
const maxFields = 10_000

// Columns are those that a container file can be read into. Fields that no type takes
// are left out: unions of several types, and records inside of themselves.
func Columns(in io.ReaderAt, size int64) (columns []event.Field, err error) {
	err = panics.Call(func() error {
		h, err := readHeader(in, size)
		if err != nil {
			return err
		}
		s, err := parse(h.schema)
		if err != nil {
			return err
		}
		t := &typer{schema: s, left: maxFields}
		if columns = t.fields(s.root); len(columns) == 0 || t.left < 0 {
			return errors.New("it has no column that can be read, or too many")
		}
		return nil
	})
	return columns, err
}

// typer finds the types of a schema.
type typer struct {
	schema *schema
	inside []*avro.SchemaNode // records around what is at hand
	left   int
}

func (t *typer) fields(n *avro.SchemaNode) (list []event.Field) {
	if n.Type != "record" && n.Type != "error" {
		return nil
	}
	t.inside = append(t.inside, n)
	for i := range n.Fields {
		if t.left--; t.left < 0 {
			break
		}
		if typ := t.of(&n.Fields[i].Type); typ.Kind != event.Null {
			list = append(list, event.Field{Name: n.Fields[i].Name, Type: typ})
		}
	}
	t.inside = t.inside[:len(t.inside)-1]
	return list
}

// of is the type that takes a value; NULL: none does.
func (t *typer) of(n *avro.SchemaNode) event.Type {
	n = t.schema.of(n)
	if other, _ := optional(n); other != nil {
		n = t.schema.of(other)
	}
	switch n.Type {
	case "array":
		return around(event.Type{Kind: event.Array}, t.of(n.Items))
	case "map":
		key := event.TString
		return around(event.Type{Kind: event.Map, Key: &key}, t.of(n.Values))
	case "record", "error":
		if len(t.inside) >= maxDepth || slices.ContainsFunc(t.inside, func(o *avro.SchemaNode) bool { return fullName(o) == fullName(n) }) {
			return event.TNull
		}
		if fields := t.fields(n); len(fields) > 0 {
			return event.Type{Kind: event.Row, Fields: fields}
		}
		return event.TNull
	}
	return flatType(n)
}

func around(t, elem event.Type) event.Type {
	if elem.Kind == event.Null {
		return elem
	}
	t.Elem = &elem
	return t
}

// flatType is that of what is not nested.
func flatType(n *avro.SchemaNode) event.Type {
	if t, ok := logicalTypes[n.LogicalType]; ok {
		return t
	}
	if n.LogicalType == "decimal" && n.Precision <= event.MaxPrecision {
		return event.TDecimal(n.Precision, n.Scale)
	}
	return plainTypes[n.Type]
}

var logicalTypes = map[string]event.Type{
	"date": event.TDate, "time-millis": {Kind: event.TimeOfDay, Precision: 3}, "time-micros": {Kind: event.TimeOfDay, Precision: 6},
	"timestamp-millis": {Kind: event.TimestampLTZ, Precision: 3}, "timestamp-micros": {Kind: event.TimestampLTZ, Precision: 6},
	"local-timestamp-millis": {Kind: event.Timestamp, Precision: 3}, "local-timestamp-micros": {Kind: event.Timestamp, Precision: 6},
}

// plainTypes lacks null and unions, which no type takes.
var plainTypes = map[string]event.Type{
	"boolean": event.TBool, "int": event.TInt32, "long": event.TInt64, "float": event.TFloat32, "double": event.TFloat64,
	"string": event.TString, "enum": event.TString, "bytes": event.TBytes, "fixed": event.TBytes,
}
