package avro

import (
	"fmt"

	"github.com/twmb/avro"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

// op is what is done with a value of the record.
type op uint8

const (
	opNull op = iota
	opBool
	opInt     // int or long, into a column of whole numbers
	opTime    // int or long, in a unit of time
	opToFloat // int or long, into FLOAT or DOUBLE
	opFloat
	opDouble
	opString // bytes that have to be UTF-8
	opBytes
	opDecimal
	opUUID // bytes, into text
	opEnum
	opArray
	opMap
	opRecord
	opUnion
	opRefuse // a branch of a union that the column cannot take
)

// node is a value of the record: what the writer wrote and where it goes.
type node struct {
	op       op
	optional uint8 // a union with null: 1 null is branch 0, 2 null is branch 1, 0 none
	skip     bool  // passed over
	int32    bool  // int, not long
	bits     uint8 // of the column's whole numbers
	name     string
	col      int  // among the columns of the record it is a field of
	fixed    bool // bytes without a length: there are always size
	size     int
	mul, div int64
	scale    int
	symbols  [][]byte
	kids     []*node  // record: fields as written; array, map: the element; union: branches
	absent   []absent // record: columns without a field
	refusal  string
}

// absent is a column that the writer did not know.
type absent struct {
	col   int
	value event.Value
}

// resolver finds how records of the writer's schema become columns. The
// reader's schema is optional: it adds aliases and defaults.
type resolver struct {
	writer, reader *schema
	skipped        map[*avro.SchemaNode]*node // schemas may contain themselves
}

// resolve compiles a record of the writer's schema.
func resolve(writer, reader *schema, columns []connectors.Column) (*node, error) {
	if writer.root.Type != "record" {
		return nil, fmt.Errorf("the schema is of type %s, not a record", writer.root.Type)
	}
	var root *avro.SchemaNode
	if reader != nil {
		if root = reader.root; root.Type != "record" {
			return nil, fmt.Errorf("the reader's schema is of type %s, not a record", root.Type)
		}
		if err := avro.CheckCompatibility(writer.parsed, reader.parsed); err != nil {
			return nil, err
		}
	}
	r := &resolver{writer: writer, reader: reader, skipped: map[*avro.SchemaNode]*node{}}
	targets := make([]target, 0, len(columns))
	for i, c := range columns {
		if c.Metadata == "" {
			targets = append(targets, target{c.Name, c.Type, i, c.NotNull})
		}
	}
	return r.record(writer.root, root, targets)
}

// target is a column, or a field of a ROW.
type target struct {
	name    string
	typ     event.Type
	col     int
	notNull bool
}

func (r *resolver) record(w, rd *avro.SchemaNode, targets []target) (*node, error) {
	n := &node{op: opRecord}
	taken := make([]*node, len(w.Fields))
	for _, t := range targets {
		field, err := readerField(rd, t.name)
		if err != nil {
			return nil, err
		}
		k := writerField(w, field, t.name)
		if k < 0 {
			a, err := r.missing(field, t)
			if err != nil {
				return nil, err
			}
			n.absent = append(n.absent, a)
			continue
		}
		if taken[k] != nil {
			return nil, fmt.Errorf("field %s: two columns read it", t.name)
		}
		var kind *avro.SchemaNode
		if field != nil {
			kind = &field.Type
		}
		if taken[k], err = r.value(&w.Fields[k].Type, kind, t.typ); err != nil {
			return nil, fmt.Errorf("field %s: %w", t.name, err)
		}
		taken[k].name, taken[k].col = t.name, t.col
	}
	for k := range w.Fields {
		if taken[k] == nil {
			taken[k] = r.skip(&w.Fields[k].Type)
		}
	}
	n.kids = taken
	return n, nil
}

// readerField is the field of a column in the reader's schema, if there is one.
func readerField(rd *avro.SchemaNode, name string) (*avro.SchemaField, error) {
	if rd == nil {
		return nil, nil
	}
	for i := range rd.Fields {
		if rd.Fields[i].Name == name {
			return &rd.Fields[i], nil
		}
	}
	return nil, fmt.Errorf("column %s: the schema has no such field", name)
}

// writerField is the place of the field that is read, by name or by an alias of
// the reader's; -1: the writer did not know it.
func writerField(w *avro.SchemaNode, field *avro.SchemaField, name string) int {
	names := []string{name}
	if field != nil {
		names = append(names, field.Aliases...)
	}
	for _, name := range names {
		for k := range w.Fields {
			if w.Fields[k].Name == name {
				return k
			}
		}
	}
	return -1
}

// missing is what a column gets that the writer did not know: the reader's
// default, or NULL.
func (r *resolver) missing(field *avro.SchemaField, t target) (absent, error) {
	a := absent{t.col, event.NullValue}
	switch {
	case field != nil && field.HasDefault:
		return a, r.constant(field, t.typ, &a.value)
	case t.notNull:
		return a, fmt.Errorf("field %s: the writer's schema has none, and the column is NOT NULL", t.name)
	}
	return a, nil
}

// constant reads a default as the record that has just that value.
func (r *resolver) constant(field *avro.SchemaField, t event.Type, value *event.Value) error {
	one := avro.SchemaNode{Type: "record", Name: "one", Fields: []avro.SchemaField{{Name: field.Name, Type: field.Type}}}
	text, err := one.Schema()
	if err != nil {
		return err
	}
	record, err := text.Encode(map[string]any{field.Name: field.Default})
	if err != nil {
		return fmt.Errorf("field %s: its default: %w", field.Name, err)
	}
	s, err := parse(text.String())
	if err != nil {
		return err
	}
	columns := []connectors.Column{{Name: field.Name, Type: t}}
	root, err := resolve(s, nil, columns)
	if err != nil {
		return err
	}
	b := event.NewBatch(event.NewSchema(event.Field{Name: field.Name, Type: t}))
	b.Reset(1)
	var d walker
	if !d.whole(root, b.Cols, 0, record, 0) {
		return fmt.Errorf("field %s: its default: %s", field.Name, d.fault.Reason(0))
	}
	*value = b.Cols[0].Value(0)
	return nil
}

// value compiles a value of the writer's type w for a column of type t.
func (r *resolver) value(w, rd *avro.SchemaNode, t event.Type) (*node, error) {
	w = r.writer.of(w)
	if rd != nil {
		rd = r.reader.of(rd)
		if other, _ := optional(rd); other != nil {
			rd = r.reader.of(other)
		}
	}
	if other, nullFirst := optional(w); other != nil {
		n, err := r.value(other, rd, t)
		if err != nil {
			return nil, err
		}
		if n.op != opUnion { // a union in a union there is none
			n.optional = branchOfNull(nullFirst)
		}
		return n, nil
	}
	if w.Type == "union" {
		return r.union(w, rd, t)
	}
	if rd != nil && rd.Type == "union" {
		rd = nil // which branch is meant follows from the column's type
	}
	n, err := r.plain(w, rd, t)
	if err != nil {
		return nil, err
	}
	if n == nil {
		return nil, fmt.Errorf("%s cannot be read as %s", nameOf(w), t)
	}
	return n, nil
}

func branchOfNull(first bool) uint8 {
	if first {
		return 1
	}
	return 2
}

func nameOf(n *avro.SchemaNode) string {
	if n.LogicalType != "" {
		return n.Type + " (" + n.LogicalType + ")"
	}
	return n.Type
}

func (r *resolver) union(w, rd *avro.SchemaNode, t event.Type) (*node, error) {
	n := &node{op: opUnion}
	possible := false
	var last error
	for i := range w.Branches {
		kid, err := r.value(&w.Branches[i], rd, t)
		if err != nil {
			kid, last = &node{op: opRefuse, refusal: err.Error()}, err
		} else if kid.op != opNull {
			possible = true
		}
		n.kids = append(n.kids, kid)
	}
	if !possible && last != nil {
		return nil, last
	}
	return n, nil
}

// plain compiles what is no union; nil: w cannot be read as t.
func (r *resolver) plain(w, rd *avro.SchemaNode, t event.Type) (*node, error) {
	switch w.Type {
	case "null":
		return &node{op: opNull}, nil
	case "int", "long":
		return whole(w, rd, t), nil
	case "array":
		if t.Kind == event.Array {
			return r.nested(opArray, w.Items, itemsOf(rd), *t.Elem)
		}
	case "map":
		if t.Kind == event.Map && t.Key.Kind == event.String {
			return r.nested(opMap, w.Values, valuesOf(rd), *t.Elem)
		}
	case "record", "error":
		if t.Kind == event.Row {
			return r.record(w, rd, targetsOf(t))
		}
	default:
		return scalar(w, t), nil
	}
	return nil, nil
}

func (r *resolver) nested(op op, w, rd *avro.SchemaNode, t event.Type) (*node, error) {
	kid, err := r.value(w, rd, t)
	if err != nil {
		return nil, err
	}
	return &node{op: op, kids: []*node{kid}}, nil
}

func itemsOf(rd *avro.SchemaNode) *avro.SchemaNode {
	if rd == nil {
		return nil
	}
	return rd.Items
}

func valuesOf(rd *avro.SchemaNode) *avro.SchemaNode {
	if rd == nil {
		return nil
	}
	return rd.Values
}

func targetsOf(t event.Type) []target {
	targets := make([]target, len(t.Fields))
	for i, f := range t.Fields {
		targets[i] = target{f.Name, f.Type, i, false}
	}
	return targets
}

// whole compiles an int or long; a logical type that only the reader's schema
// has counts too.
func whole(w, rd *avro.SchemaNode, t event.Type) *node {
	n := &node{op: opInt, int32: w.Type == "int", mul: 1, div: 1}
	logical := w.LogicalType
	if logical == "" && rd != nil {
		logical = rd.LogicalType
	}
	switch {
	case t.Integer():
		n.bits = 8 << (t.Kind - event.Int8)
		return n
	case t.Float():
		n.op = opToFloat
		return n
	case t.Kind == event.Date && logical == "date":
		n.bits = 64
		return n
	case t.Kind == event.TimeOfDay && len(logical) > 5 && logical[:5] == "time-", t.Instant():
		return n.inUnit(logical)
	}
	return nil
}

// inUnit takes µs from the unit that a logical type of times ends with.
func (n *node) inUnit(logical string) *node {
	n.op = opTime
	switch logical {
	case "time-millis", "timestamp-millis", "local-timestamp-millis":
		n.mul = 1000
	case "time-micros", "timestamp-micros", "local-timestamp-micros":
	case "timestamp-nanos", "local-timestamp-nanos":
		n.div = 1000
	default:
		return nil
	}
	return n
}

// maxDigits is the precision up to which decimals can be read.
const maxDigits = event.MaxPrecision

func scalar(w *avro.SchemaNode, t event.Type) *node {
	text, binary := t.Kind == event.String, t.Kind == event.Bytes
	switch w.Type {
	case "boolean":
		return when(t.Kind == event.Bool, opBool)
	case "float":
		return when(t.Float(), opFloat)
	case "double":
		return when(t.Kind == event.Float64, opDouble)
	case "string":
		if binary {
			return &node{op: opBytes}
		}
		return when(text, opString)
	case "bytes", "fixed":
		return binaryNode(w, t)
	case "enum":
		if !text {
			return nil
		}
		n := &node{op: opEnum}
		for _, s := range w.Symbols {
			n.symbols = append(n.symbols, []byte(s))
		}
		return n
	}
	return nil
}

func when(ok bool, op op) *node {
	if !ok {
		return nil
	}
	return &node{op: op}
}

func binaryNode(w *avro.SchemaNode, t event.Type) *node {
	n := &node{op: opBytes, fixed: w.Type == "fixed", size: w.Size}
	switch {
	case t.Kind == event.Decimal && w.LogicalType == "decimal" && w.Precision <= maxDigits:
		n.op, n.scale = opDecimal, w.Scale
	case t.Kind == event.Bytes:
	case t.Kind == event.String && w.Type == "bytes" && w.LogicalType == "":
		n.op = opString
	case t.Kind == event.String && w.LogicalType == "uuid" && n.fixed && w.Size == uuidSize:
		n.op = opUUID
	default:
		return nil
	}
	return n
}

// uuidSize is the length of a UUID, in bytes.
const uuidSize = 16

// skip compiles a value that is passed over. A named type is compiled once.
func (r *resolver) skip(w *avro.SchemaNode) *node {
	w = r.writer.of(w)
	if n, ok := r.skipped[w]; ok {
		return n
	}
	n := &node{skip: true, col: -1, fixed: w.Type == "fixed", size: w.Size}
	r.skipped[w] = n
	var kids []*avro.SchemaNode
	switch w.Type {
	case "null":
		n.op = opNull
	case "boolean":
		n.op = opBool
	case "int", "long", "enum":
		n.op = opInt
		if n.int32 = w.Type != "long"; w.Type == "enum" {
			n.op, n.symbols = opEnum, make([][]byte, len(w.Symbols))
		}
	case "float":
		n.op = opFloat
	case "double":
		n.op = opDouble
	case "array":
		n.op, kids = opArray, append(kids, w.Items)
	case "map":
		n.op, kids = opMap, append(kids, w.Values)
	case "record", "error":
		n.op = opRecord
		for i := range w.Fields {
			kids = append(kids, &w.Fields[i].Type)
		}
	case "union":
		n.op = opUnion
		for i := range w.Branches {
			kids = append(kids, &w.Branches[i])
		}
	default: // string, bytes, fixed
		n.op = opBytes
	}
	for _, kid := range kids {
		n.kids = append(n.kids, r.skip(kid))
	}
	return n
}
