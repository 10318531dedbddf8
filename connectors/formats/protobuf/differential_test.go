package protobuf

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/formattest"
	"github.com/cepd/cepd/internal/event"
)

// sampler makes random schemas and messages.
type sampler struct {
	*rand.Rand
	proto2 bool
}

var kinds = []descriptorpb.FieldDescriptorProto_Type{
	descriptorpb.FieldDescriptorProto_TYPE_DOUBLE, descriptorpb.FieldDescriptorProto_TYPE_FLOAT, descriptorpb.FieldDescriptorProto_TYPE_INT64,
	descriptorpb.FieldDescriptorProto_TYPE_UINT64, descriptorpb.FieldDescriptorProto_TYPE_INT32, descriptorpb.FieldDescriptorProto_TYPE_FIXED64,
	descriptorpb.FieldDescriptorProto_TYPE_FIXED32, descriptorpb.FieldDescriptorProto_TYPE_BOOL, descriptorpb.FieldDescriptorProto_TYPE_STRING,
	descriptorpb.FieldDescriptorProto_TYPE_BYTES, descriptorpb.FieldDescriptorProto_TYPE_UINT32, descriptorpb.FieldDescriptorProto_TYPE_SFIXED32,
	descriptorpb.FieldDescriptorProto_TYPE_SFIXED64, descriptorpb.FieldDescriptorProto_TYPE_SINT32, descriptorpb.FieldDescriptorProto_TYPE_SINT64,
}

// file is a schema of one message M with an enum E.
func (r *sampler) file() protoreflect.FileDescriptor {
	f := &descriptorpb.FileDescriptorProto{Name: proto.String("m.proto"), Syntax: proto.String("proto3")}
	if r.proto2 {
		f.Syntax = nil
	}
	f.EnumType = []*descriptorpb.EnumDescriptorProto{{Name: proto.String("E"), Value: []*descriptorpb.EnumValueDescriptorProto{
		{Name: proto.String("ZERO"), Number: proto.Int32(0)}, {Name: proto.String("ONE"), Number: proto.Int32(1)}, {Name: proto.String("MINUS"), Number: proto.Int32(-1)}}}}
	f.MessageType = []*descriptorpb.DescriptorProto{r.message("M", ".M", 2)}
	d, err := protodesc.NewFile(f, nil)
	if err != nil {
		panic(err)
	}
	return d
}

func (r *sampler) message(name, full string, depth int) *descriptorpb.DescriptorProto {
	m := &descriptorpb.DescriptorProto{Name: proto.String(name)}
	members := r.IntN(4) // of a oneof: the first fields
	if members > 0 {
		m.OneofDecl = []*descriptorpb.OneofDescriptorProto{{Name: proto.String("choice")}}
	}
	for i := range max(members, 1) + r.IntN(5) {
		number := []int32{int32(i + 1), int32(60 + i), int32(1000 + i)}[r.IntN(3)]
		f := &descriptorpb.FieldDescriptorProto{Name: proto.String(fmt.Sprintf("f%d", i)), Number: proto.Int32(number), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum()}
		switch k := r.IntN(12); {
		case k < 3 && depth > 0:
			inner := fmt.Sprintf("N%d", i)
			m.NestedType = append(m.NestedType, r.message(inner, full+"."+inner, depth-1))
			f.Type, f.TypeName = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), proto.String(full+"."+inner)
		case k == 3:
			f.Type, f.TypeName = descriptorpb.FieldDescriptorProto_TYPE_ENUM.Enum(), proto.String(".E")
		case k == 4 && i >= members:
			entry := fmt.Sprintf("F%dEntry", i)
			m.NestedType = append(m.NestedType, r.entry(entry))
			f.Type, f.TypeName, f.Label = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), proto.String(full+"."+entry), descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
			m.Field = append(m.Field, f)
			continue
		default:
			f.Type = kinds[r.IntN(len(kinds))].Enum()
		}
		if i < members {
			f.OneofIndex = proto.Int32(0)
		} else if r.IntN(4) == 0 {
			f.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
		}
		m.Field = append(m.Field, f)
	}
	return m
}

func (r *sampler) entry(name string) *descriptorpb.DescriptorProto {
	keys := []descriptorpb.FieldDescriptorProto_Type{descriptorpb.FieldDescriptorProto_TYPE_STRING, descriptorpb.FieldDescriptorProto_TYPE_INT32, descriptorpb.FieldDescriptorProto_TYPE_BOOL}
	optional := descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum()
	return &descriptorpb.DescriptorProto{Name: proto.String(name), Options: &descriptorpb.MessageOptions{MapEntry: proto.Bool(true)}, Field: []*descriptorpb.FieldDescriptorProto{
		{Name: proto.String("key"), Number: proto.Int32(1), Label: optional, Type: keys[r.IntN(len(keys))].Enum()},
		{Name: proto.String("value"), Number: proto.Int32(2), Label: optional, Type: kinds[r.IntN(len(kinds))].Enum()},
	}}
}

// typeOf is a type that a field can be read as; about half of a message's
// fields are left out.
func (r *sampler) typeOf(fd protoreflect.FieldDescriptor) event.Type {
	switch {
	case fd.IsMap():
		key, elem := r.typeOf(fd.MapKey()), r.typeOf(fd.MapValue())
		return event.Type{Kind: event.Map, Key: &key, Elem: &elem}
	case fd.IsList():
		elem := r.single(fd)
		return event.Type{Kind: event.Array, Elem: &elem}
	}
	return r.single(fd)
}

func (r *sampler) single(fd protoreflect.FieldDescriptor) event.Type {
	switch fd.Kind() {
	case protoreflect.BoolKind:
		return event.TBool
	case protoreflect.FloatKind:
		return event.TFloat32
	case protoreflect.DoubleKind:
		return event.TFloat64
	case protoreflect.StringKind, protoreflect.EnumKind:
		return event.TString
	case protoreflect.BytesKind:
		return event.TBytes
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return event.TDecimal(20, 0)
	case protoreflect.MessageKind:
		return r.row(fd.Message())
	}
	return event.TInt64
}

func (r *sampler) row(d protoreflect.MessageDescriptor) event.Type {
	t := event.Type{Kind: event.Row}
	for _, i := range r.Perm(d.Fields().Len()) {
		if fd := d.Fields().Get(i); len(t.Fields) == 0 || r.IntN(3) > 0 {
			t.Fields = append(t.Fields, event.Field{Name: string(fd.Name()), Type: r.typeOf(fd)})
		}
	}
	return t
}

// fill sets random fields of a message.
func (r *sampler) fill(m protoreflect.Message) protoreflect.Message {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		switch {
		case r.IntN(3) == 0:
		case fd.IsMap():
			for range r.IntN(3) {
				m.Mutable(fd).Map().Set(r.value(fd.MapKey(), m).MapKey(), r.value(fd.MapValue(), m))
			}
		case fd.IsList():
			for range r.IntN(4) {
				list := m.Mutable(fd).List()
				if fd.Message() != nil {
					list.Append(protoreflect.ValueOfMessage(r.fill(list.NewElement().Message())))
				} else {
					list.Append(r.value(fd, m))
				}
			}
		case fd.Message() != nil:
			m.Set(fd, protoreflect.ValueOfMessage(r.fill(m.NewField(fd).Message())))
		default:
			m.Set(fd, r.value(fd, m))
		}
	}
	return m
}

func (r *sampler) value(fd protoreflect.FieldDescriptor, m protoreflect.Message) protoreflect.Value {
	n := []int64{0, 1, -1, math.MaxInt64, math.MinInt64, r.Int64() - r.Int64()}[r.IntN(6)]
	switch fd.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(n&1 != 0)
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(int32(n))
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(n)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(uint32(n))
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(uint64(n))
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(float32(n) / 8)
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(float64(n) / 8)
	case protoreflect.StringKind:
		return protoreflect.ValueOfString([]string{"", "a", "日本語", strings.Repeat("long ", 40)}[r.IntN(4)])
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte{0xff, byte(n)}[:r.IntN(3)])
	}
	numbers := []int32{0, 1, -1, 7}
	if fd.Enum().IsClosed() {
		numbers = numbers[:3] // the library takes an unknown number of a closed enum for one of an open one
	}
	return protoreflect.ValueOfEnum(protoreflect.EnumNumber(numbers[r.IntN(len(numbers))]))
}

// want is what a message's field reads as.
func want(m protoreflect.Message, fd protoreflect.FieldDescriptor, t event.Type) event.Value {
	switch {
	case fd.IsMap():
		var v event.Value
		m.Get(fd).Map().Range(func(k protoreflect.MapKey, x protoreflect.Value) bool {
			v.L = append(v.L, scalarValue(fd.MapKey(), k.Value()), one(fd.MapValue(), x, *t.Elem))
			return true
		})
		return v
	case fd.IsList():
		var v event.Value
		list := m.Get(fd).List()
		for i := range list.Len() {
			v.L = append(v.L, one(fd, list.Get(i), *t.Elem))
		}
		return v
	case fd.HasPresence() && !m.Has(fd):
		return event.NullValue
	}
	return one(fd, m.Get(fd), t)
}

func one(fd protoreflect.FieldDescriptor, x protoreflect.Value, t event.Type) event.Value {
	if fd.Message() == nil {
		return scalarValue(fd, x)
	}
	fields := fd.Message().Fields()
	if t.Instant() {
		seconds, nanos := x.Message().Get(fields.ByName("seconds")).Int(), x.Message().Get(fields.ByName("nanos")).Int()
		return event.IntValue(seconds*1_000_000 + nanos/1000)
	}
	var v event.Value
	for _, f := range t.Fields {
		v.L = append(v.L, want(x.Message(), fields.ByName(protoreflect.Name(f.Name)), f.Type))
	}
	return v
}

func scalarValue(fd protoreflect.FieldDescriptor, x protoreflect.Value) event.Value {
	switch y := x.Interface().(type) {
	case bool:
		return event.BoolValue(y)
	case int32:
		return event.IntValue(int64(y))
	case int64:
		return event.IntValue(y)
	case uint32:
		return event.IntValue(int64(y))
	case uint64:
		return event.Value{I: int64(y)}
	case float32:
		return event.FloatValue(float64(y))
	case float64:
		return event.FloatValue(y)
	case string:
		return event.StringValue(y)
	case []byte:
		return event.Value{S: y}
	case protoreflect.EnumNumber:
		if v := fd.Enum().Values().ByNumber(y); v != nil {
			return event.StringValue(string(v.Name()))
		}
		return event.StringValue(fmt.Sprint(y))
	}
	panic(x)
}

// canonical is a row as text, maps by key with the last value of each.
func canonical(v *event.Vec, i int) string {
	switch {
	case v.Null(i) || v.Type.Physical() != event.PhysNested:
		return formattest.Cell(v, i)
	case v.Type.Kind == event.Row:
		out := "("
		for k := range v.Kids {
			out += canonical(&v.Kids[k], i) + ", "
		}
		return out + ")"
	}
	s := v.Str[i]
	entries := map[string]string{}
	var keys []string
	for e := int(s.Off); e < int(s.Off+s.Len); e++ {
		key := fmt.Sprintf("%08d", e-int(s.Off))
		if v.Type.Kind == event.Map {
			key = canonical(&v.Kids[0], e)
		}
		if _, ok := entries[key]; !ok {
			keys = append(keys, key)
		}
		entries[key] = canonical(&v.Kids[len(v.Kids)-1], e)
	}
	slices.SortFunc(keys, cmp.Compare[string])
	out := "["
	for _, k := range keys {
		out += k + ": " + entries[k] + ", "
	}
	return out + "]"
}

func rowText(b *event.Batch, i int) (out string) {
	for c := range b.Cols {
		out += canonical(&b.Cols[c], i) + " | "
	}
	return out
}

// TestAgainstLibrary has the library write random messages of random schemas,
// some in pieces that have to be merged.
func TestAgainstLibrary(t *testing.T) {
	for range 400 {
		seed := rand.Uint64()
		if !t.Run(fmt.Sprint(seed), func(t *testing.T) { compare(t, seed) }) {
			return
		}
	}
}

const rows = 20

func compare(t *testing.T, seed uint64) {
	r := &sampler{Rand: rand.New(rand.NewPCG(seed, 1)), proto2: seed&1 != 0}
	desc := r.file().Messages().Get(0)
	typ := r.row(desc)
	columns := make([]connectors.Column, len(typ.Fields))
	for i, f := range typ.Fields {
		columns[i] = connectors.Column{Name: f.Name, Type: f.Type}
	}
	expected, records := formattest.Batch(columns), make([]string, rows)
	expected.Reset(rows)
	for i := range records {
		for range 1 + r.IntN(3) {
			b, err := proto.Marshal(r.fill(dynamicpb.NewMessage(desc)).Interface())
			if err != nil {
				t.Fatal(err)
			}
			records[i] += string(b)
		}
		set(t, expected, i, desc, records[i], typ)
	}
	d := newDecoder(columns, &options{format: Plain, get: func(string) string { return "" }})
	root, err := d.planner.message(desc, d.targets)
	if err != nil {
		t.Fatal(err)
	}
	d.program = &program{root: root}
	got := decode(t, d, columns, records)
	for i := range rows {
		if a, b := rowText(got, i), rowText(expected, i); a != b {
			t.Fatalf("%x\n%s\ngot  %s\nwant %s", records[i], protodesc.ToDescriptorProto(desc), a, b)
		}
	}
	checkWritten(t, desc, columns, typ, got)
	damage(t, d, columns, records)
}

func decode(t *testing.T, d *Decoder, columns []connectors.Column, records []string) *event.Batch {
	t.Helper()
	raw, got := formattest.Raw(records...), formattest.Batch(columns)
	got.Reset(raw.N())
	rejects, err := d.Decode(raw, got, nil)
	if err != nil || len(rejects) > 0 {
		t.Fatal(rejects, err)
	}
	return got
}

// set sets a row to what the library reads.
func set(t *testing.T, b *event.Batch, row int, desc protoreflect.MessageDescriptor, record string, typ event.Type) {
	t.Helper()
	m := dynamicpb.NewMessage(desc)
	if err := proto.Unmarshal([]byte(record), m); err != nil {
		t.Fatal(err)
	}
	for c, f := range typ.Fields {
		b.Cols[c].Set(row, b.N, want(m, desc.Fields().ByName(protoreflect.Name(f.Name)), f.Type))
	}
}

// checkWritten has the library read what the encoder writes.
func checkWritten(t *testing.T, desc protoreflect.MessageDescriptor, columns []connectors.Column, typ event.Type, b *event.Batch) {
	t.Helper()
	root, err := outputs(desc, targetsOf(columns))
	if err != nil {
		t.Fatal(err)
	}
	e := &Encoder{root: root}
	var out connectors.Encoded
	if err := e.Encode(b, &out); err != nil {
		t.Fatal(err)
	}
	again := formattest.Batch(columns)
	again.Reset(b.N)
	for i, s := range out.Value {
		set(t, again, i, desc, string(out.Buf[s.Off:s.Off+s.Len]), typ)
		if x, y := rowText(again, i), rowText(b, i); x != y {
			t.Fatalf("%s\nread back %s\nwritten   %s", protodesc.ToDescriptorProto(desc), x, y)
		}
	}
}

// damage cuts a record at every byte and changes one: its neighbours stay.
func damage(t *testing.T, d *Decoder, columns []connectors.Column, records []string) {
	t.Helper()
	b := formattest.Batch(columns)
	for i := range min(len(records[1]), 300) {
		changed := []byte(records[1])
		changed[i] ^= byte(1 + i*37%255)
		raw := formattest.Raw(records[0], records[1][:i], string(changed), records[0])
		b.Reset(raw.N())
		rejects, err := d.Decode(raw, b, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rejects {
			if r.Row == 0 || r.Row == 3 {
				t.Fatalf("byte %d: %v", i, r)
			}
		}
		if x, y := rowText(b, 0), rowText(b, 3); x != y {
			t.Fatalf("byte %d:\n%s\n%s", i, x, y)
		}
	}
}
