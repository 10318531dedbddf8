package protobuf

import (
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/cepd/cepd/internal/event"
)

// maxTyped is how many types are told of one message. Those beyond have none: a
// message may hold others again and again.
const maxTyped = 10_000

// typer finds the columns that take the fields of messages.
type typer struct {
	open []protoreflect.FullName // messages that the type at hand is inside of
	left int
}

// writtenFields are the fields of a message, as columns.
func writtenFields(d protoreflect.MessageDescriptor) []event.Field {
	t := &typer{left: maxTyped}
	t.open = append(t.open, d.FullName())
	fields := make([]event.Field, d.Fields().Len())
	for i := range fields {
		fd := d.Fields().Get(i)
		fields[i] = event.Field{Name: string(fd.Name()), Type: t.field(fd)}
	}
	return fields
}

// field is the type of a column for a field; NULL: there is none.
func (t *typer) field(fd protoreflect.FieldDescriptor) event.Type {
	switch {
	case fd.IsMap():
		key := t.value(fd.MapKey())
		return nested(event.Type{Kind: event.Map, Key: &key}, t.value(fd.MapValue()))
	case fd.IsList():
		return nested(event.Type{Kind: event.Array}, t.value(fd))
	}
	return t.value(fd)
}

func nested(t, elem event.Type) event.Type {
	if elem.Kind == event.Null {
		return elem
	}
	t.Elem = &elem
	return t
}

var scalarTypes = map[protoreflect.Kind]event.Type{
	protoreflect.BoolKind: event.TBool, protoreflect.EnumKind: event.TString, protoreflect.StringKind: event.TString, protoreflect.BytesKind: event.TBytes,
	protoreflect.FloatKind: event.TFloat32, protoreflect.DoubleKind: event.TFloat64,
	protoreflect.Int32Kind: event.TInt32, protoreflect.Sint32Kind: event.TInt32, protoreflect.Sfixed32Kind: event.TInt32,
	protoreflect.Uint32Kind: event.TInt64, protoreflect.Fixed32Kind: event.TInt64,
	protoreflect.Int64Kind: event.TInt64, protoreflect.Sint64Kind: event.TInt64, protoreflect.Sfixed64Kind: event.TInt64,
	protoreflect.Uint64Kind: event.TDecimal(20, 0), protoreflect.Fixed64Kind: event.TDecimal(20, 0),
}

func (t *typer) value(fd protoreflect.FieldDescriptor) event.Type {
	d := fd.Message()
	if d == nil {
		return scalarTypes[fd.Kind()]
	}
	switch name := d.FullName(); {
	case name == "google.protobuf.Timestamp":
		return event.Type{Kind: event.TimestampLTZ, Precision: 6}
	case wrappers[name]:
		return t.value(d.Fields().ByName("value"))
	}
	return t.row(d)
}

// row leaves out fields that have no type.
func (t *typer) row(d protoreflect.MessageDescriptor) event.Type {
	if t.left -= d.Fields().Len(); t.left < 0 || slices.Contains(t.open, d.FullName()) {
		return event.TNull
	}
	t.open = append(t.open, d.FullName())
	typ := event.Type{Kind: event.Row}
	for i := range d.Fields().Len() {
		fd := d.Fields().Get(i)
		if f := t.field(fd); f.Kind != event.Null {
			typ.Fields = append(typ.Fields, event.Field{Name: string(fd.Name()), Type: f})
		}
	}
	t.open = t.open[:len(t.open)-1]
	if len(typ.Fields) == 0 {
		return event.TNull
	}
	return typ
}
