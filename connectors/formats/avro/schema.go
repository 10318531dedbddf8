package avro

import (
	"fmt"

	"github.com/twmb/avro"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/schemaregistry"
)

// schema is a parsed schema whose names can be looked up.
type schema struct {
	text   string
	parsed *avro.Schema
	root   *avro.SchemaNode
	named  map[string]*avro.SchemaNode
}

func parse(text string, references ...schemaregistry.Reference) (*schema, error) {
	var cache avro.SchemaCache
	for _, r := range references {
		if _, err := cache.Parse(r.Text); err != nil {
			return nil, fmt.Errorf("schema %s: %w", r.Name, err)
		}
	}
	parsed, err := cache.Parse(text)
	if err != nil {
		return nil, err
	}
	s := &schema{text: text, parsed: parsed, root: parsed.Root().ExpandReferences(), named: map[string]*avro.SchemaNode{}}
	s.collect(s.root)
	return s, nil
}

// collect notes the definitions of named types.
func (s *schema) collect(n *avro.SchemaNode) {
	switch n.Type {
	case "record", "error", "enum", "fixed":
		s.named[fullName(n)] = n
	}
	for i := range n.Fields {
		s.collect(&n.Fields[i].Type)
	}
	for i := range n.Branches {
		s.collect(&n.Branches[i])
	}
	for _, kid := range []*avro.SchemaNode{n.Items, n.Values} {
		if kid != nil {
			s.collect(kid)
		}
	}
}

func fullName(n *avro.SchemaNode) string {
	if n.Namespace == "" {
		return n.Name
	}
	return n.Namespace + "." + n.Name
}

// of is the definition behind a node that only names a type. A record may well
// be called "record", as those of derive are.
func (s *schema) of(n *avro.SchemaNode) *avro.SchemaNode {
	if definition, ok := s.named[n.Type]; ok && n.Name == "" {
		return definition
	}
	return n
}

// optional takes a union of null and one type apart; other is nil when n is
// none.
func optional(n *avro.SchemaNode) (other *avro.SchemaNode, nullFirst bool) {
	if n.Type != "union" || len(n.Branches) != 2 {
		return nil, false
	}
	switch {
	case n.Branches[0].Type == "null":
		return &n.Branches[1], true
	case n.Branches[1].Type == "null":
		return &n.Branches[0], false
	}
	return nil, false
}

// derive is the schema of a table's columns: a record named "record", with a
// union of null and the type for a column that may be NULL. legacy writes
// TIMESTAMP as an instant, as Flink does unless told otherwise.
func derive(columns []connectors.Column, legacy bool) (*schema, error) {
	root := avro.SchemaNode{Type: "record", Name: "record"}
	for _, c := range columns {
		n, err := typeOf(c.Type, root.Name+"_"+c.Name, legacy)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", c.Name, err)
		}
		root.Fields = append(root.Fields, fieldOf(c.Name, n, c.NotNull))
	}
	parsed, err := root.Schema()
	if err != nil {
		return nil, err
	}
	return parse(parsed.String())
}

func fieldOf(name string, n avro.SchemaNode, notNull bool) avro.SchemaField {
	if notNull {
		return avro.SchemaField{Name: name, Type: n}
	}
	return avro.SchemaField{Name: name, Type: nullable(n), HasDefault: true}
}

func nullable(n avro.SchemaNode) avro.SchemaNode {
	return avro.SchemaNode{Type: "union", Branches: []avro.SchemaNode{{Type: "null"}, n}}
}

var simpleTypes = map[event.Kind]avro.SchemaNode{
	event.Bool: {Type: "boolean"}, event.Int8: {Type: "int"}, event.Int16: {Type: "int"}, event.Int32: {Type: "int"}, event.Int64: {Type: "long"},
	event.Float32: {Type: "float"}, event.Float64: {Type: "double"}, event.String: {Type: "string"}, event.Bytes: {Type: "bytes"},
	event.Date: {Type: "int", LogicalType: "date"},
}

func typeOf(t event.Type, name string, legacy bool) (n avro.SchemaNode, err error) {
	if n, ok := simpleTypes[t.Kind]; ok {
		return n, nil
	}
	switch t.Kind {
	case event.Decimal:
		return avro.SchemaNode{Type: "bytes", LogicalType: "decimal", Precision: t.Precision, Scale: t.Scale}, nil
	case event.TimeOfDay:
		if t.Precision <= 3 {
			return avro.SchemaNode{Type: "int", LogicalType: "time-millis"}, nil
		}
		return avro.SchemaNode{Type: "long", LogicalType: "time-micros"}, nil
	case event.Timestamp, event.TimestampLTZ:
		return instantType(t, legacy), nil
	case event.Array:
		elem, err := typeOf(*t.Elem, name, legacy)
		elem = nullable(elem)
		return avro.SchemaNode{Type: "array", Items: &elem}, err
	case event.Map:
		if t.Key.Kind != event.String {
			return n, fmt.Errorf("keys of a MAP are STRING in Avro, not %s", t.Key)
		}
		elem, err := typeOf(*t.Elem, name, legacy)
		elem = nullable(elem)
		return avro.SchemaNode{Type: "map", Values: &elem}, err
	case event.Row:
		return rowType(t, name, legacy)
	}
	return n, fmt.Errorf("Avro has no type for %s", t)
}

func instantType(t event.Type, legacy bool) avro.SchemaNode {
	name := "timestamp-micros"
	if t.Precision <= 3 {
		name = "timestamp-millis"
	}
	if t.Kind == event.Timestamp && !legacy {
		name = "local-" + name
	}
	return avro.SchemaNode{Type: "long", LogicalType: name}
}

func rowType(t event.Type, name string, legacy bool) (avro.SchemaNode, error) {
	n := avro.SchemaNode{Type: "record", Name: name}
	for _, f := range t.Fields {
		kid, err := typeOf(f.Type, name+"_"+f.Name, legacy)
		if err != nil {
			return n, err
		}
		n.Fields = append(n.Fields, fieldOf(f.Name, kid, false))
	}
	return n, nil
}
