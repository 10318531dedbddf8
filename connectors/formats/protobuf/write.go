package protobuf

import (
	"encoding/binary"
	"math"
	"strconv"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/cepd/cepd/connectors/formats/fault"
	"github.com/cepd/cepd/internal/event"
)

// writer appends messages to dst.
type writer struct {
	dst   []byte
	fault fault.Fault
}

// fail notes why a value cannot be written.
func (w *writer) fail(what string) bool {
	w.fault.Whole("", what)
	return false
}

func (w *writer) message(fields []*output, cols []event.Vec, row int) bool {
	taken := uint64(0) // oneofs with a member that is not NULL
	for _, o := range fields {
		if o.oneof >= 0 && !cols[o.col].Null(row) {
			if taken>>o.oneof&1 != 0 {
				return w.in(o, w.fail("the oneof has another member that is not NULL"))
			}
			taken |= 1 << o.oneof
		}
		if !w.field(o, cols, row) {
			return w.in(o, false)
		}
	}
	return true
}

func (w *writer) in(o *output, ok bool) bool {
	if !ok {
		w.fault.In(o.name)
	}
	return ok
}

// field writes a column, unless it is NULL or the default that goes without
// saying.
func (w *writer) field(o *output, cols []event.Vec, row int) bool {
	v := &cols[o.col]
	switch {
	case v.Null(row):
		return !o.required || w.fail("NULL, but it is required")
	case o.op == opEntry:
		return w.entries(o, v, row)
	case o.elem != nil:
		return w.elements(o, v, row)
	case o.sparse && o.isZero(v, row):
		return true
	}
	return w.tagged(o, cols[o.col:o.col+1], row)
}

// isZero says whether the value is the zero that is not written.
func (o *output) isZero(v *event.Vec, row int) bool {
	switch o.op {
	case opString, opBytes:
		return v.Str[row].Len == 0
	case opEnum:
		n, ok := o.numbers[string(v.Bytes(row))]
		return ok && n == 0
	case opFloat, opDouble:
		return math.Float64bits(v.F64[row]) == 0
	}
	return v.I64[row] == 0 && (!v.Type.Wide() || v.Hi[row] == 0)
}

// tagged writes the tag and the value of vs[0].
func (w *writer) tagged(o *output, vs []event.Vec, row int) bool {
	w.dst = binary.AppendUvarint(w.dst, o.tag(o.wire))
	switch {
	case o.wire == protowire.StartGroupType:
		ok := w.body(o, vs, row)
		w.dst = binary.AppendUvarint(w.dst, o.tag(protowire.EndGroupType))
		return ok
	case o.message != nil:
		from := len(w.dst)
		ok := w.body(o, vs, row)
		w.prefix(from)
		return ok
	}
	return w.scalar(o, &vs[0], row)
}

// body writes what is in a message.
func (w *writer) body(o *output, vs []event.Vec, row int) bool {
	switch o.op {
	case opMessage:
		return w.message(o.kids, vs[0].Kids, row)
	case opTimestamp:
		return w.timestamp(vs[0].I64[row])
	}
	return w.message(o.kids, vs, row)
}

func (w *writer) timestamp(micros int64) bool {
	seconds, rest := micros/1e6, micros%1e6
	if rest < 0 {
		seconds, rest = seconds-1, rest+1e6
	}
	if seconds != 0 {
		w.dst = binary.AppendUvarint(append(w.dst, 1<<3), uint64(seconds))
	}
	if rest != 0 {
		w.dst = binary.AppendUvarint(append(w.dst, 2<<3), uint64(rest*1000))
	}
	return true
}

// prefix puts the length of what has been written since from before it.
func (w *writer) prefix(from int) {
	var length [binary.MaxVarintLen64]byte
	n := len(w.dst) - from
	k := binary.PutUvarint(length[:], uint64(n))
	w.dst = append(w.dst, length[:k]...)
	copy(w.dst[from+k:], w.dst[from:from+n])
	copy(w.dst[from:], length[:k])
}

func (w *writer) elements(o *output, v *event.Vec, row int) bool {
	s := v.Str[row]
	if s.Len == 0 {
		return true
	}
	if o.packs {
		w.dst = binary.AppendUvarint(w.dst, o.tag(protowire.BytesType))
	}
	from := len(w.dst)
	for k := int(s.Off); k < int(s.Off+s.Len); k++ {
		if !w.element(o, v, k) {
			w.fault.In("[" + strconv.Itoa(k-int(s.Off)) + "]")
			return false
		}
	}
	if o.packs {
		w.prefix(from)
	}
	return true
}

func (w *writer) element(o *output, v *event.Vec, k int) bool {
	switch {
	case v.Kids[0].Null(k):
		return w.fail("NULL, which a repeated field cannot have")
	case o.packs:
		return w.scalar(o.elem, &v.Kids[0], k)
	}
	return w.tagged(o.elem, v.Kids, k)
}

func (w *writer) entries(o *output, v *event.Vec, row int) bool {
	s := v.Str[row]
	for k := int(s.Off); k < int(s.Off+s.Len); k++ {
		if v.Kids[0].Null(k) || v.Kids[1].Null(k) {
			return w.fail("NULL as key or value of a map")
		}
		if !w.tagged(o, v.Kids, k) {
			return false
		}
	}
	return true
}

// scalar writes a value that is not a message.
func (w *writer) scalar(o *output, v *event.Vec, row int) bool {
	if o.wire == protowire.BytesType {
		s := v.Bytes(row)
		if o.op == opString && !utf8.Valid(s) {
			return w.fail("the text is not valid UTF-8")
		}
		w.dst = append(binary.AppendUvarint(w.dst, uint64(len(s))), s...)
		return true
	}
	bits, ok := o.bitsOf(v, row)
	if !ok {
		return w.fail("the value does not fit " + o.kind.String())
	}
	switch o.wire {
	case protowire.Fixed32Type:
		w.dst = binary.LittleEndian.AppendUint32(w.dst, uint32(bits))
	case protowire.Fixed64Type:
		w.dst = binary.LittleEndian.AppendUint64(w.dst, bits)
	default:
		w.dst = binary.AppendUvarint(w.dst, bits)
	}
	return true
}

// bitsOf is a number as its kind is written; false: it does not fit the kind.
func (o *output) bitsOf(v *event.Vec, row int) (bits uint64, ok bool) {
	switch o.op {
	case opFloat:
		return uint64(math.Float32bits(float32(v.F64[row]))), true
	case opDouble:
		return math.Float64bits(v.F64[row]), true
	case opEnum:
		return o.number32(v.Bytes(row))
	case opUnsigned:
		if v.Type.Wide() {
			return uint64(v.I64[row]), v.Hi[row] == 0
		}
		return uint64(v.I64[row]), v.I64[row] >= 0
	}
	x := v.I64[row]
	switch o.kind {
	case protoreflect.Sint32Kind:
		return protowire.EncodeZigZag(x), x == int64(int32(x))
	case protoreflect.Sint64Kind:
		return protowire.EncodeZigZag(x), true
	case protoreflect.Int32Kind, protoreflect.Sfixed32Kind, protoreflect.EnumKind:
		return uint64(x), x == int64(int32(x))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return uint64(x), x == int64(uint32(x))
	}
	return uint64(x), true
}

// number32 is the number of an enum's name; an open enum also takes a number
// as text.
func (o *output) number32(name []byte) (bits uint64, ok bool) {
	if n, ok := o.numbers[string(name)]; ok {
		return uint64(int64(n)), true
	}
	n, err := strconv.ParseInt(string(name), 10, 32)
	return uint64(n), err == nil && !o.closed
}
