package protobuf

import (
	"encoding/binary"
	"math"
	"strconv"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/cepd/cepd/connectors/formats/cell"
	"github.com/cepd/cepd/connectors/formats/fault"
	"github.com/cepd/cepd/internal/event"
)

const (
	// maxDepth is how deep a record may nest.
	maxDepth = 64
	// maxItems is how many elements and entries a record may have: an empty
	// message takes two bytes, but a row of all its columns.
	maxItems = 1 << 20
)

const tooShort = "the record ends inside the value"

// walker walks over one record at a time. Its methods return the place after
// what they have read; negative: fault says why.
type walker struct {
	fault fault.Fault
	depth int
	items int
}

// varint reads an unsigned integer; end < 0: it is none.
func (d *walker) varint(p []byte, i int) (v uint64, end int) {
	if i < len(p) && p[i] < 0x80 {
		return uint64(p[i]), i + 1
	}
	v, n := binary.Uvarint(p[min(i, len(p)):])
	switch {
	case n == 0:
		return 0, d.fault.At(i, tooShort)
	case n < 0:
		return 0, d.fault.At(i, "the integer has more than 64 bits")
	}
	return v, i + n
}

// tag reads the number and wire type of a field.
func (d *walker) tag(p []byte, i int) (n protowire.Number, w protowire.Type, end int) {
	v, end := d.varint(p, i)
	if end > 0 && (v>>3 == 0 || v>>3 > uint64(protowire.MaxValidNumber)) {
		return 0, 0, d.fault.At(i, "there is no field number "+strconv.FormatUint(v>>3, 10))
	}
	return protowire.Number(v >> 3), protowire.Type(v & 7), end
}

// span finds the end of what comes after a length.
func (d *walker) span(p []byte, i int) (from, end int) {
	v, from := d.varint(p, i)
	if from < 0 {
		return 0, from
	}
	if v > uint64(len(p)-from) {
		return 0, d.fault.At(i, tooShort)
	}
	return from, from + int(v)
}

// skip passes over a value.
func (d *walker) skip(n protowire.Number, w protowire.Type, p []byte, i int) int {
	switch w { // the usual ones
	case protowire.BytesType:
		_, i = d.span(p, i)
		return i
	case protowire.VarintType:
		_, i = d.varint(p, i)
		return i
	}
	length := protowire.ConsumeFieldValue(n, w, p[i:])
	if length < 0 {
		return d.fault.At(i, "field number "+strconv.Itoa(int(n))+" is damaged: "+protowire.ParseError(length).Error())
	}
	return i + length
}

// bits reads the bits of a number, as the wire type says.
func (d *walker) bits(w protowire.Type, p []byte, i int) (v uint64, end int) {
	switch w {
	case protowire.Fixed32Type:
		if len(p)-i < 4 {
			return 0, d.fault.At(i, tooShort)
		}
		return uint64(binary.LittleEndian.Uint32(p[i:])), i + 4
	case protowire.Fixed64Type:
		if len(p)-i < 8 {
			return 0, d.fault.At(i, tooShort)
		}
		return binary.LittleEndian.Uint64(p[i:]), i + 8
	}
	return d.varint(p, i)
}

// signed is the number that bits are, of a kind of whole numbers.
func signed(k protoreflect.Kind, v uint64) int64 {
	switch k {
	case protoreflect.Sint32Kind:
		return int64(int32(protowire.DecodeZigZag(v & math.MaxUint32)))
	case protoreflect.Sint64Kind:
		return protowire.DecodeZigZag(v)
	case protoreflect.Int32Kind, protoreflect.Sfixed32Kind, protoreflect.EnumKind:
		return int64(int32(v))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return int64(uint32(v))
	}
	return int64(v)
}

// scalar decodes a value that is not a message into row row of v; ignored: it
// is a number that the enum does not have.
func (d *walker) scalar(f *field, v *event.Vec, row int, p []byte, i int) (end int, ignored bool) {
	if f.wire == protowire.BytesType {
		return d.text(f, v, row, p, i), false
	}
	bits, end := d.bits(f.wire, p, i)
	if end < 0 {
		return end, false
	}
	switch f.op {
	case opFloat:
		v.F64[row] = float64(math.Float32frombits(uint32(bits)))
	case opDouble:
		v.F64[row] = math.Float64frombits(bits)
	case opBool:
		v.I64[row] = 0
		if bits != 0 {
			v.I64[row] = 1
		}
	case opEnum:
		return end, !f.setName(v, row, bits)
	case opUnsigned:
		if v.I64[row] = int64(bits); v.Type.Wide() {
			v.Hi[row] = 0
		} else if !f.fits(int64(bits)) || bits > math.MaxInt64 {
			return d.misfit(v, i), false
		}
	default:
		x := signed(f.kind, bits)
		if f.closed && f.names[protoreflect.EnumNumber(x)] == nil {
			return end, true
		}
		if v.I64[row] = x; !f.fits(x) {
			return d.misfit(v, i), false
		}
	}
	return end, false
}

func (f *field) fits(x int64) bool { return x>>(f.bits-1) == x>>63 }

func (d *walker) misfit(v *event.Vec, i int) int {
	return d.fault.At(i, "the value does not fit "+v.Type.String())
}

// setName sets the name of an enum's number, or the number where it has none;
// false: the enum is closed.
func (f *field) setName(v *event.Vec, row int, bits uint64) bool {
	number := protoreflect.EnumNumber(int32(bits))
	name := f.names[number]
	if name == nil {
		if f.closed {
			return false
		}
		name = strconv.AppendInt(nil, int64(number), 10)
	}
	v.Own(row)
	v.SetBytes(row, name)
	return true
}

func (d *walker) text(f *field, v *event.Vec, row int, p []byte, i int) int {
	from, end := d.span(p, i)
	if end < 0 {
		return end
	}
	if f.op == opString && !utf8.Valid(p[from:end]) {
		return d.fault.At(from, "the text is not valid UTF-8")
	}
	cell.SetView(v, row, p, from, end)
	return end
}
