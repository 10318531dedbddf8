package protobuf

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

// derive is the schema that a table's columns make: a message Row with a field for
// each, numbered from 1 in their order. A column that may be NULL has presence, so
// that NULL and the default are told apart.
//
//	syntax = "proto3";
//	message Row {
//	  int64 card = 1;                  // BIGINT NOT NULL
//	  optional string city = 2;        // STRING
//	  message device_row { optional string id = 1; }
//	  device_row device = 3;           // ROW<id STRING>
//	}
func derive(columns []connectors.Column) (string, error) {
	d := &deriver{}
	var fields []fieldText
	for _, c := range columns {
		if c.Metadata == "" {
			fields = append(fields, fieldText{c.Name, c.Type, c.NotNull})
		}
	}
	if err := d.message("Row", fields, ""); err != nil {
		return "", err
	}
	head := "syntax = \"proto3\";\n"
	if d.timestamps {
		head += "import \"google/protobuf/timestamp.proto\";\n"
	}
	return head + d.text.String(), nil
}

type fieldText struct {
	name    string
	typ     event.Type
	notNull bool
}

type deriver struct {
	text       strings.Builder
	timestamps bool
}

func (d *deriver) message(name string, fields []fieldText, indent string) error {
	fmt.Fprintf(&d.text, "%smessage %s {\n", indent, name)
	for i, f := range fields {
		if !protoreflect.Name(f.name).IsValid() {
			return fmt.Errorf("column %s: a field of Protobuf cannot have this name: give the schema", f.name)
		}
		kind, err := d.typeOf(f.name, f.typ, indent+"  ")
		if err != nil {
			return fmt.Errorf("column %s: %w", f.name, err)
		}
		if !f.notNull && scalars[f.typ.Kind] != "" {
			kind = "optional " + kind
		}
		fmt.Fprintf(&d.text, "%s  %s %s = %d;\n", indent, kind, f.name, i+1)
	}
	d.text.WriteString(indent + "}\n")
	return nil
}

var scalars = map[event.Kind]string{
	event.Bool: "bool", event.Int8: "int32", event.Int16: "int32", event.Int32: "int32", event.Int64: "int64",
	event.Float32: "float", event.Float64: "double", event.String: "string", event.Bytes: "bytes",
}

// typeOf is a field's type, after the messages that it needs.
func (d *deriver) typeOf(name string, t event.Type, indent string) (string, error) {
	switch t.Kind {
	case event.Array:
		elem, err := d.single(name, *t.Elem, indent)
		return "repeated " + elem, err
	case event.Map:
		if k := t.Key.Kind; k != event.Bool && k != event.String && !t.Key.Integer() {
			return "", fmt.Errorf("Protobuf has no map with keys of %s", t.Key)
		}
		elem, err := d.single(name, *t.Elem, indent)
		return fmt.Sprintf("map<%s, %s>", scalars[t.Key.Kind], elem), err
	}
	return d.single(name, t, indent)
}

func (d *deriver) single(name string, t event.Type, indent string) (string, error) {
	if kind := scalars[t.Kind]; kind != "" {
		return kind, nil
	}
	switch t.Kind {
	case event.Timestamp, event.TimestampLTZ:
		d.timestamps = true
		return "google.protobuf.Timestamp", nil
	case event.Row:
		var fields []fieldText
		for _, f := range t.Fields {
			fields = append(fields, fieldText{f.Name, f.Type, false})
		}
		return name + "_row", d.message(name+"_row", fields, indent)
	}
	return "", fmt.Errorf("Protobuf has no type for %s: give the schema, or write it as another type", t)
}
