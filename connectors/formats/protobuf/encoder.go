package protobuf

import (
	"context"
	"encoding/binary"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/confluent"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/schemaregistry"
)

// Encoder writes rows as messages, fields in the order of the columns.
type Encoder struct {
	root []*output
	head []byte // of every record
	w    writer

	registry *schemaregistry.Client
	subject  string
	text     string // of the schema
	indexes  []byte // the message's place in the schema
}

// NewEncoder makes the encoder of format 'protobuf'.
func NewEncoder(t connectors.Table, get func(string) string) (*Encoder, error) {
	e, _, err := newEncoder(t, optionsOf(Plain, t, get, t.Columns))
	return e, err
}

// NewConfluentEncoder makes the encoder of format 'protobuf-confluent'. Open
// has to register its schema before it can write.
func NewConfluentEncoder(t connectors.Table, get func(string) string) (*Encoder, error) {
	o := optionsOf(Confluent, t, get, t.Columns)
	e, desc, err := newEncoder(t, o)
	if err != nil {
		return nil, err
	}
	if e.text, err = o.source(); err != nil {
		return nil, err
	}
	for i := range desc.ParentFile().Imports().Len() {
		if path := desc.ParentFile().Imports().Get(i).Path(); !wellKnown(path) {
			return nil, fmt.Errorf("the schema imports %s: to register a schema with imports is not supported yet", path)
		}
	}
	if e.subject, err = confluent.Subject(Confluent, get, t); err != nil {
		return nil, err
	}
	e.indexes = appendIndexes(nil, desc)
	e.registry, err = confluent.NewClient(Confluent, get, t)
	return e, err
}

func wellKnown(path string) bool {
	const google = "google/protobuf/"
	return len(path) > len(google) && path[:len(google)] == google
}

// appendIndexes writes where in its schema a message is, as readIndexes reads
// it.
func appendIndexes(dst []byte, m protoreflect.MessageDescriptor) []byte {
	var indexes []int
	for d := protoreflect.Descriptor(m); ; d = d.Parent() {
		if _, ok := d.(protoreflect.MessageDescriptor); !ok {
			break
		}
		indexes = append([]int{d.Index()}, indexes...)
	}
	if len(indexes) == 1 && indexes[0] == 0 {
		return append(dst, 0)
	}
	dst = binary.AppendVarint(dst, int64(len(indexes)))
	for _, i := range indexes {
		dst = binary.AppendVarint(dst, int64(i))
	}
	return dst
}

func newEncoder(t connectors.Table, o *options) (*Encoder, protoreflect.MessageDescriptor, error) {
	desc, err := o.message()
	if err != nil {
		return nil, nil, err
	}
	root, err := outputs(desc, targetsOf(t.Columns))
	return &Encoder{root: root}, desc, err
}

// Open implements connectors.Opener: it registers the schema.
func (e *Encoder) Open(ctx context.Context) error {
	if e.registry == nil {
		return nil
	}
	id, err := e.registry.Register(ctx, e.subject, schemaregistry.Protobuf, e.text)
	e.head = append(confluent.AppendHead(nil, id), e.indexes...)
	return err
}

// Encode implements connectors.Encoder. A row that the message cannot hold is
// an error.
func (e *Encoder) Encode(b *event.Batch, dst *connectors.Encoded) error {
	for _, i := range b.LiveRows() {
		from := len(dst.Buf)
		e.w.fault.Reset()
		e.w.dst = append(dst.Buf, e.head...)
		if !e.w.message(e.root, b.Cols, int(i)) {
			return fmt.Errorf("a row cannot be written as Protobuf: %s", e.w.fault.Reason(0))
		}
		dst.Buf = e.w.dst
		dst.Value = append(dst.Value, event.Span{Off: uint32(from), Len: uint32(len(dst.Buf) - from)})
	}
	return nil
}

// output is a field of a message and the column it comes from.
type output struct {
	field
	sparse  bool // its default is not written
	numbers map[string]protoreflect.EnumNumber
	kids    []*output // of a message; of an entry, key and value
	elem    *output   // of a repeated field
	packs   bool
}

// maxOneofs is how many oneofs of a message can be written.
const maxOneofs = 64

// outputs plans the fields that are columns.
func outputs(d protoreflect.MessageDescriptor, targets []target) ([]*output, error) {
	var p planner
	var out []*output
	var oneofs []protoreflect.OneofDescriptor
	m := &message{}
	for _, t := range targets {
		fd := d.Fields().ByName(protoreflect.Name(t.name))
		if fd == nil {
			return nil, fmt.Errorf("column %s: message %s has no such field", t.name, d.FullName())
		}
		o, err := newOutput(&p, fd, t.typ)
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", t.name, err)
		}
		o.col = t.col
		if oneofs, err = m.add(&o.field, fd, oneofs); err != nil {
			return nil, err
		}
		if len(oneofs) > maxOneofs {
			return nil, fmt.Errorf("message %s: more than %d oneofs", d.FullName(), maxOneofs)
		}
		out = append(out, o)
	}
	for i := range d.Fields().Len() {
		if fd := d.Fields().Get(i); fd.Cardinality() == protoreflect.Required && m.find(fd.Number()) == nil {
			return nil, fmt.Errorf("field %s is required, but there is no such column", fd.Name())
		}
	}
	return out, nil
}

func newOutput(p *planner, fd protoreflect.FieldDescriptor, t event.Type) (*output, error) {
	f, err := p.field(fd, t)
	if err != nil {
		return nil, err
	}
	o := &output{field: *f, sparse: !fd.HasPresence() && !fd.IsList()}
	if f.op == opEnum {
		o.numbers = map[string]protoreflect.EnumNumber{}
		for i := range fd.Enum().Values().Len() {
			v := fd.Enum().Values().Get(i)
			o.numbers[string(v.Name())] = v.Number()
		}
	}
	if fd.IsList() {
		t = *t.Elem
		elem := *o
		elem.repeated = false
		o.elem, o.packs = &elem, fd.IsPacked()
		elem.kids, err = inner(&elem.field, fd, t)
		return o, err
	}
	o.kids, err = inner(f, fd, t)
	return o, err
}

// inner plans what is in a message, or in the entry of a map.
func inner(f *field, fd protoreflect.FieldDescriptor, t event.Type) ([]*output, error) {
	switch f.op {
	case opMessage:
		return outputs(fd.Message(), targetsOfRow(t))
	case opWrapper:
		return outputs(fd.Message(), []target{{"value", t, 0}})
	case opEntry:
		return outputs(fd.Message(), []target{{"key", *t.Key, 0}, {"value", *t.Elem, 1}})
	}
	return nil, nil
}

// tag is the field's number with the wire type w.
func (o *output) tag(w protowire.Type) uint64 { return protowire.EncodeTag(o.number, w) }
