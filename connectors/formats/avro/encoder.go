package avro

import (
	"context"
	"fmt"

	"github.com/twmb/avro"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/confluent"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/schemaregistry"
)

// Encoder writes rows as records of one schema.
type Encoder struct {
	root *output
	head []byte // of every record
	w    writer

	// Of Confluent's format.
	registry *schemaregistry.Client
	subject  string
	schema   string
}

// NewEncoder makes the encoder of format 'avro'.
func NewEncoder(columns []connectors.Column, get func(string) string) (*Encoder, error) {
	return newEncoder(Plain, columns, get)
}

// NewConfluentEncoder makes the encoder of format 'avro-confluent'. Open has to
// register its schema before it can write.
func NewConfluentEncoder(t connectors.Table, get func(string) string) (*Encoder, error) {
	e, err := newEncoder(Confluent, t.Columns, get)
	if err != nil {
		return nil, err
	}
	if e.subject, err = confluent.Subject(Confluent, get, t); err != nil {
		return nil, err
	}
	e.registry, err = confluent.NewClient(Confluent, get, t)
	return e, err
}

func newEncoder(format string, columns []connectors.Column, get func(string) string) (*Encoder, error) {
	s, err := schemaOf(format, get)
	if err == nil && s == nil {
		s, err = derive(fieldsOf(columns), get(format+".timestamp_mapping.legacy") != "false")
	}
	if err != nil {
		return nil, err
	}
	root, err := plan(s, columns)
	return &Encoder{root: root, schema: s.text}, err
}

func fieldsOf(columns []connectors.Column) (out []connectors.Column) {
	for _, c := range columns {
		if c.Metadata == "" {
			out = append(out, c)
		}
	}
	return out
}

// Open implements connectors.Opener: it registers the schema.
func (e *Encoder) Open(ctx context.Context) error {
	if e.registry == nil {
		return nil
	}
	id, err := e.registry.Register(ctx, e.subject, schemaregistry.Avro, e.schema)
	e.head = confluent.AppendHead(nil, id)
	return err
}

// Encode implements connectors.Encoder. A row that the schema cannot hold is an
// error.
func (e *Encoder) Encode(b *event.Batch, dst *connectors.Encoded) error {
	for _, i := range b.LiveRows() {
		from := len(dst.Buf)
		e.w.fault.Reset()
		e.w.dst = append(dst.Buf, e.head...)
		if !e.w.record(e.root, b.Cols, int(i)) {
			return fmt.Errorf("a row cannot be written as Avro: %s", e.w.fault.Reason(0))
		}
		dst.Buf = e.w.dst
		dst.Value = append(dst.Value, event.Span{Off: uint32(from), Len: uint32(len(dst.Buf) - from)})
	}
	return nil
}

// output is a value of the schema and the column it comes from.
type output struct {
	op       op
	constant []byte // what a field without a column is; nil: it has one
	name     string
	col      int
	fixed    bool
	size     int
	div      int64 // of µs
	branch   int   // of a union that it is in, -1: none
	null     int   // branch of that union that is null, -1: none
	symbols  map[string]int
	kids     []*output
}

type planner struct{ schema *schema }

// plan finds how rows become records of the schema.
func plan(s *schema, columns []connectors.Column) (*output, error) {
	if s.root.Type != "record" {
		return nil, fmt.Errorf("the schema is of type %s, not a record", s.root.Type)
	}
	var targets []target
	for i, c := range columns {
		if c.Metadata == "" {
			targets = append(targets, target{c.Name, c.Type, i, c.NotNull})
		}
	}
	p := &planner{s}
	return p.record(s.root, targets)
}

func (p *planner) record(n *avro.SchemaNode, targets []target) (*output, error) {
	out := &output{op: opRecord, branch: -1}
	left := map[string]target{}
	for _, t := range targets {
		left[t.name] = t
	}
	for i := range n.Fields {
		f := &n.Fields[i]
		t, ok := left[f.Name]
		if !ok {
			kid, err := fill(f)
			if err != nil {
				return nil, err
			}
			out.kids = append(out.kids, kid)
			continue
		}
		delete(left, f.Name)
		kid, err := p.value(&f.Type, t.typ)
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", f.Name, err)
		}
		kid.name, kid.col = f.Name, t.col
		out.kids = append(out.kids, kid)
	}
	for _, t := range targets {
		if _, ok := left[t.name]; ok {
			return nil, fmt.Errorf("column %s: the schema has no such field", t.name)
		}
	}
	return out, nil
}

// fill is a field that has no column: its default, or null.
func fill(f *avro.SchemaField) (*output, error) {
	value := f.Default
	if other, _ := optional(&f.Type); !f.HasDefault && other == nil {
		return nil, fmt.Errorf("field %s: there is no such column, and the schema has no default", f.Name)
	}
	s, err := f.Type.Schema()
	if err != nil {
		return nil, err
	}
	bytes, err := s.AppendEncode([]byte{}, value)
	return &output{name: f.Name, constant: bytes}, err
}

func (p *planner) value(n *avro.SchemaNode, t event.Type) (*output, error) {
	n = p.schema.of(n)
	if n.Type == "union" {
		return p.union(n, t)
	}
	out, err := p.plain(n, t)
	if err == nil && out == nil {
		err = fmt.Errorf("%s cannot be written as %s", t, nameOf(n))
	}
	if out != nil {
		out.branch, out.null = -1, -1
	}
	return out, err
}

// union takes the first branch that values of type t can be written as.
func (p *planner) union(n *avro.SchemaNode, t event.Type) (*output, error) {
	null := -1
	var found *output
	var last error
	for i := range n.Branches {
		if n.Branches[i].Type == "null" {
			null = i
			continue
		}
		if found != nil {
			continue
		}
		out, err := p.value(&n.Branches[i], t)
		if err != nil {
			last = err
			continue
		}
		found = out
		found.branch = i
	}
	if found == nil {
		if last == nil {
			last = fmt.Errorf("%s cannot be written as null", t)
		}
		return nil, last
	}
	found.null = null
	return found, nil
}

func (p *planner) plain(n *avro.SchemaNode, t event.Type) (*output, error) {
	switch n.Type {
	case "array":
		if t.Kind == event.Array {
			kid, err := p.value(n.Items, *t.Elem)
			return &output{op: opArray, kids: []*output{kid}}, err
		}
	case "map":
		if t.Kind == event.Map && t.Key.Kind == event.String {
			kid, err := p.value(n.Values, *t.Elem)
			return &output{op: opMap, kids: []*output{kid}}, err
		}
	case "record", "error":
		if t.Kind == event.Row {
			return p.record(n, targetsOf(t))
		}
	default:
		return flat(n, t), nil
	}
	return nil, nil
}

// flat plans a value that is neither nested nor a union; nil: it cannot be
// written so.
func flat(n *avro.SchemaNode, t event.Type) *output {
	switch n.Type {
	case "int":
		if t.Integer() && t.Kind != event.Int64 || t.Kind == event.Date && n.LogicalType == "date" {
			return &output{op: opInt}
		}
		return instant(n, t)
	case "long":
		if t.Integer() {
			return &output{op: opInt}
		}
		return instant(n, t)
	case "boolean":
		return outWhen(t.Kind == event.Bool, opBool)
	case "float":
		return outWhen(t.Kind == event.Float32, opFloat)
	case "double":
		return outWhen(t.Float(), opDouble)
	case "string":
		return outWhen(t.Kind == event.String, opString)
	case "enum":
		if t.Kind != event.String {
			return nil
		}
		out := &output{op: opEnum, symbols: map[string]int{}}
		for i, s := range n.Symbols {
			out.symbols[s] = i
		}
		return out
	case "bytes", "fixed":
		return binaryOutput(n, t)
	}
	return nil
}

func outWhen(ok bool, op op) *output {
	if !ok {
		return nil
	}
	return &output{op: op}
}

// instant plans a time in the schema's unit, which is no finer than the
// column's.
func instant(n *avro.SchemaNode, t event.Type) *output {
	out := &output{op: opTime, div: 1}
	millis := t.Precision <= 3
	switch n.LogicalType {
	case "time-millis":
		out.div = 1000
		return ifOut(t.Kind == event.TimeOfDay && millis, out)
	case "time-micros":
		return ifOut(t.Kind == event.TimeOfDay, out)
	case "timestamp-millis", "local-timestamp-millis":
		out.div = 1000
		return ifOut(t.Instant() && millis, out)
	case "timestamp-micros", "local-timestamp-micros":
		return ifOut(t.Instant(), out)
	}
	return nil
}

func ifOut(ok bool, out *output) *output {
	if !ok {
		return nil
	}
	return out
}

func binaryOutput(n *avro.SchemaNode, t event.Type) *output {
	out := &output{op: opBytes, fixed: n.Type == "fixed", size: n.Size}
	switch {
	case t.Kind == event.Bytes && n.LogicalType != "decimal":
		return out
	case t.Kind == event.Decimal && n.LogicalType == "decimal" && n.Scale == t.Scale && n.Precision >= t.Precision:
		out.op = opDecimal
		return out
	}
	return nil
}
