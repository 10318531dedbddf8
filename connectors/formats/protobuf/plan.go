package protobuf

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

// op is what is done with the value of a field.
type op uint8

const (
	opInt      op = iota // varint or fixed, as the kind says, into whole numbers
	opUnsigned           // the same, of 64 bits without a sign
	opBool
	opFloat
	opDouble
	opString
	opBytes
	opEnum      // its name, into text
	opMessage   // into a ROW
	opWrapper   // google.protobuf.…Value: what is in it
	opTimestamp // google.protobuf.Timestamp
	opEntry     // of a map
)

// message is a message of the record: its fields that are columns, and those
// that matter because they share a oneof with one.
type message struct {
	fields []*field
	low    [maxLow]*field // by number
	high   map[protowire.Number]*field
	seen   event.Bitmap // fields met in the message at hand
	oneofs []*field     // the member met last
}

// maxLow is the number up to which fields are found without a map.
const maxLow = 64

// field is a field of a message.
type field struct {
	name     string
	number   protowire.Number
	index    int // in message.fields
	col      int // among the columns of the message; -1: none
	op       op
	kind     protoreflect.Kind
	wire     protowire.Type
	bits     uint8 // of the column's whole numbers
	repeated bool
	closed   bool // enum: a number without a name is an unknown field
	required bool
	nullable bool // NULL, not the default, where it is not in the record
	oneof    int  // in message.oneofs; -1: none
	names    map[protoreflect.EnumNumber][]byte
	message  *message
	parts    []event.Vec // of a Timestamp: seconds, nanoseconds
	initial  event.Value // the default
}

// planner makes messages of descriptors.
type planner struct {
	defaults bool // take defaults instead of NULL
}

// target is a column, or a field of a ROW.
type target struct {
	name string
	typ  event.Type
	col  int
}

// targetsOf are the columns that are fields of the record.
func targetsOf(columns []connectors.Column) (targets []target) {
	for i, c := range columns {
		if c.Metadata == "" {
			targets = append(targets, target{c.Name, c.Type, i})
		}
	}
	return targets
}

func targetsOfRow(t event.Type) (targets []target) {
	for i, f := range t.Fields {
		targets = append(targets, target{f.Name, f.Type, i})
	}
	return targets
}

func (p *planner) message(d protoreflect.MessageDescriptor, targets []target) (*message, error) {
	m := &message{}
	var oneofs []protoreflect.OneofDescriptor
	for _, t := range targets {
		fd := d.Fields().ByName(protoreflect.Name(t.name))
		if fd == nil {
			return nil, fmt.Errorf("column %s: message %s has no such field", t.name, d.FullName())
		}
		f, err := p.field(fd, t.typ)
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", t.name, err)
		}
		f.col = t.col
		if oneofs, err = m.add(f, fd, oneofs); err != nil {
			return nil, err
		}
	}
	for _, oneof := range oneofs {
		for i := range oneof.Fields().Len() {
			fd := oneof.Fields().Get(i)
			if m.find(fd.Number()) != nil {
				continue
			}
			f := &field{name: string(fd.Name()), number: fd.Number(), col: -1, kind: fd.Kind(), wire: wireType(fd.Kind())}
			if _, err := m.add(f, fd, oneofs); err != nil {
				return nil, err
			}
		}
	}
	m.seen = event.Bitmap(nil).Resize(len(m.fields))
	m.oneofs = make([]*field, len(oneofs))
	return m, nil
}

// add adds a field; oneofs are those met so far.
func (m *message) add(f *field, fd protoreflect.FieldDescriptor, oneofs []protoreflect.OneofDescriptor) ([]protoreflect.OneofDescriptor, error) {
	if m.find(f.number) != nil {
		return nil, fmt.Errorf("field %s: two columns read it", f.name)
	}
	f.index, f.oneof = len(m.fields), -1
	if oneof := fd.ContainingOneof(); oneof != nil && !oneof.IsSynthetic() {
		if f.oneof = slices.Index(oneofs, oneof); f.oneof < 0 {
			f.oneof, oneofs = len(oneofs), append(oneofs, oneof)
		}
	}
	m.fields = append(m.fields, f)
	if f.number < maxLow {
		m.low[f.number] = f
		return oneofs, nil
	}
	if m.high == nil {
		m.high = map[protowire.Number]*field{}
	}
	m.high[f.number] = f
	return oneofs, nil
}

func (m *message) find(n protowire.Number) *field {
	if n < maxLow {
		return m.low[n]
	}
	return m.high[n]
}

func (p *planner) field(fd protoreflect.FieldDescriptor, t event.Type) (*field, error) {
	f := &field{
		name: string(fd.Name()), number: fd.Number(), kind: fd.Kind(), wire: wireType(fd.Kind()),
		required: fd.Cardinality() == protoreflect.Required, nullable: fd.HasPresence() && !p.defaults,
	}
	switch {
	case fd.IsMap():
		return f, p.entries(f, fd, t)
	case fd.IsList():
		if t.Kind != event.Array {
			return nil, mismatch(fd, t)
		}
		f.repeated, t = true, *t.Elem
	}
	if err := p.value(f, fd, t); err != nil {
		return nil, err
	}
	if f.message != nil {
		f.nullable = true // a message has no default
		return f, nil
	}
	return f, initial(f, fd, t)
}

func mismatch(fd protoreflect.FieldDescriptor, t event.Type) error {
	what := fd.Kind().String()
	switch {
	case fd.IsMap():
		what = fmt.Sprintf("map<%s, %s>", fd.MapKey().Kind(), fd.MapValue().Kind())
	case fd.IsList():
		what = "repeated " + what
	case fd.Message() != nil:
		what = string(fd.Message().FullName())
	}
	return fmt.Errorf("%s cannot be read as %s", what, t)
}

func (p *planner) entries(f *field, fd protoreflect.FieldDescriptor, t event.Type) error {
	if t.Kind != event.Map {
		return mismatch(fd, t)
	}
	var err error
	f.op, f.repeated = opEntry, true
	if f.message, err = p.message(fd.Message(), []target{{"key", *t.Key, 0}, {"value", *t.Elem, 1}}); err != nil {
		return err
	}
	for _, part := range f.message.fields {
		part.nullable = part.nullable && part.message != nil // a part that is not there is its default
	}
	return nil
}

// value plans a value of the field, an element of a repeated one.
func (p *planner) value(f *field, fd protoreflect.FieldDescriptor, t event.Type) (err error) {
	if fd.Message() != nil {
		return p.nested(f, fd, t)
	}
	if !f.scalar(fd, t) {
		return mismatch(fd, t)
	}
	return nil
}

// nested plans a message.
func (p *planner) nested(f *field, fd protoreflect.FieldDescriptor, t event.Type) (err error) {
	d := fd.Message()
	name := d.FullName()
	switch {
	case t.Kind == event.Row:
		f.op = opMessage
		f.message, err = p.message(d, targetsOfRow(t))
		return err
	case name == "google.protobuf.Timestamp" && t.Instant():
		f.op = opTimestamp
		f.parts = []event.Vec{event.NewVec(event.TInt64), event.NewVec(event.TInt64)}
		for i := range f.parts {
			f.parts[i].Reset(1)
		}
		f.message, err = (&planner{}).message(d, []target{{"seconds", event.TInt64, 0}, {"nanos", event.TInt64, 1}})
		return err
	case wrappers[name]:
		f.op = opWrapper
		f.message, err = (&planner{}).message(d, []target{{"value", t, 0}})
		return err
	}
	return mismatch(fd, t)
}

var wrappers = map[protoreflect.FullName]bool{
	"google.protobuf.DoubleValue": true, "google.protobuf.FloatValue": true, "google.protobuf.Int64Value": true, "google.protobuf.UInt64Value": true,
	"google.protobuf.Int32Value": true, "google.protobuf.UInt32Value": true, "google.protobuf.BoolValue": true, "google.protobuf.StringValue": true, "google.protobuf.BytesValue": true,
}

// scalar plans what is not a message; false: it cannot be read as t.
func (f *field) scalar(fd protoreflect.FieldDescriptor, t event.Type) bool {
	switch f.kind {
	case protoreflect.BoolKind:
		f.op = opBool
		return t.Kind == event.Bool
	case protoreflect.FloatKind:
		f.op = opFloat
		return t.Float()
	case protoreflect.DoubleKind:
		f.op = opDouble
		return t.Kind == event.Float64
	case protoreflect.StringKind:
		f.op = opString
		return t.Kind == event.String
	case protoreflect.BytesKind:
		f.op = opBytes
		return t.Kind == event.Bytes
	case protoreflect.EnumKind:
		f.enum(fd.Enum())
		if t.Kind == event.String {
			f.op = opEnum
			return true
		}
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		f.op = opUnsigned
		if t.Kind == event.Decimal && t.Scale == 0 && t.Precision >= 20 {
			return true
		}
	}
	if t.Integer() {
		f.bits = 8 << (t.Kind - event.Int8)
	}
	return t.Integer()
}

func (f *field) enum(d protoreflect.EnumDescriptor) {
	f.closed = d.IsClosed()
	f.names = map[protoreflect.EnumNumber][]byte{}
	for i := range d.Values().Len() {
		v := d.Values().Get(i)
		if f.names[v.Number()] == nil { // an alias is not the name
			f.names[v.Number()] = []byte(v.Name())
		}
	}
}

// initial sets the default of a field.
func initial(f *field, fd protoreflect.FieldDescriptor, t event.Type) error {
	if f.repeated {
		return nil
	}
	v := fd.Default()
	switch f.op {
	case opBool:
		f.initial = event.BoolValue(v.Bool())
	case opFloat, opDouble:
		f.initial = event.FloatValue(v.Float())
	case opString:
		f.initial = event.StringValue(v.String())
	case opBytes:
		f.initial = event.Value{S: v.Bytes()}
	case opEnum:
		f.initial = event.Value{S: f.names[v.Enum()]}
	case opUnsigned:
		f.initial = event.IntValue(int64(v.Uint()))
	default:
		f.initial = event.IntValue(whole(v))
	}
	if bits := f.bits; bits > 0 && f.initial.I>>(bits-1) != f.initial.I>>63 || f.op == opUnsigned && f.initial.I < 0 {
		return fmt.Errorf("the default %s does not fit %s", v, t)
	}
	return nil
}

func whole(v protoreflect.Value) int64 {
	switch x := v.Interface().(type) {
	case int32:
		return int64(x)
	case int64:
		return x
	case uint32:
		return int64(x)
	case protoreflect.EnumNumber:
		return int64(x)
	}
	return 0
}

// wireType is how a value of the kind is written.
func wireType(k protoreflect.Kind) protowire.Type {
	switch k {
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind, protoreflect.FloatKind:
		return protowire.Fixed32Type
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
		return protowire.Fixed64Type
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind:
		return protowire.BytesType
	case protoreflect.GroupKind:
		return protowire.StartGroupType
	}
	return protowire.VarintType
}
