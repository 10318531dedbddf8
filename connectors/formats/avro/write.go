package avro

import (
	"encoding/binary"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/cepd/cepd/connectors/formats/cell"
	"github.com/cepd/cepd/connectors/formats/fault"
	"github.com/cepd/cepd/internal/event"
)

// writer appends records to dst.
type writer struct {
	dst   []byte
	fault fault.Fault
}

func (w *writer) long(v int64) { w.dst = binary.AppendVarint(w.dst, v) }

// fail notes why a value cannot be written.
func (w *writer) fail(what string) bool {
	w.fault.Whole("", what)
	return false
}

func (w *writer) record(out *output, cols []event.Vec, row int) bool {
	for _, f := range out.kids {
		if f.constant != nil {
			w.dst = append(w.dst, f.constant...)
			continue
		}
		if !w.value(f, &cols[f.col], row) {
			w.fault.In(f.name)
			return false
		}
	}
	return true
}

func (w *writer) value(out *output, v *event.Vec, row int) bool {
	if v.Null(row) {
		if out.null < 0 {
			return w.fail("NULL, and the schema has no union with null there")
		}
		w.long(int64(out.null))
		return true
	}
	if out.branch >= 0 {
		w.long(int64(out.branch))
	}
	switch out.op {
	case opInt:
		w.long(v.I64[row])
	case opTime:
		w.long(floorDiv(v.I64[row], out.div))
	case opBool:
		w.dst = append(w.dst, byte(v.I64[row]))
	case opFloat:
		w.dst = binary.LittleEndian.AppendUint32(w.dst, math.Float32bits(float32(v.F64[row])))
	case opDouble:
		w.dst = binary.LittleEndian.AppendUint64(w.dst, math.Float64bits(v.F64[row]))
	case opRecord:
		return w.record(out, v.Kids, row)
	case opArray, opMap:
		return w.items(out, v, row)
	case opDecimal:
		return w.decimal(out, v, row)
	default:
		return w.text(out, v.Bytes(row))
	}
	return true
}

func (w *writer) text(out *output, s []byte) bool {
	switch {
	case out.op == opEnum:
		k, ok := out.symbols[string(s)]
		if !ok {
			return w.fail("the enum has no symbol " + strconv.Quote(string(s)))
		}
		w.long(int64(k))
		return true
	case out.op == opString && !utf8.Valid(s):
		return w.fail("the text is not valid UTF-8")
	case out.fixed:
		if len(s) != out.size {
			return w.fail("a fixed of " + strconv.Itoa(out.size) + " bytes cannot hold " + strconv.Itoa(len(s)))
		}
	default:
		w.long(int64(len(s)))
	}
	w.dst = append(w.dst, s...)
	return true
}

// decimal writes the fewest bytes that keep the sign, or as many as a fixed has.
func (w *writer) decimal(out *output, v *event.Vec, row int) bool {
	x := cell.Unscaled(v, row)
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(x.Hi))
	binary.BigEndian.PutUint64(b[8:], x.Lo)
	sign := byte(x.Hi >> 63)
	from := 0
	for from < len(b)-1 && b[from] == sign && (b[from+1]^sign)&0x80 == 0 {
		from++
	}
	n := len(b) - from
	if !out.fixed {
		w.long(int64(n))
	} else if n > out.size {
		return w.fail("a fixed of " + strconv.Itoa(out.size) + " bytes is too small for the decimal")
	}
	for ; out.fixed && n < out.size; n++ {
		w.dst = append(w.dst, sign)
	}
	w.dst = append(w.dst, b[from:]...)
	return true
}

// items writes an array or map as one block.
func (w *writer) items(out *output, v *event.Vec, row int) bool {
	s := v.Str[row]
	if s.Len > 0 {
		w.long(int64(s.Len))
	}
	last := len(v.Kids) - 1
	for k := s.Off; k < s.Off+s.Len; k++ {
		if out.op == opMap && !w.key(&v.Kids[0], int(k)) {
			return false
		}
		if !w.value(out.kids[0], &v.Kids[last], int(k)) {
			w.fault.In("[" + strconv.Itoa(int(k-s.Off)) + "]")
			return false
		}
	}
	w.long(0)
	return true
}

var keyOutput = output{op: opString}

func (w *writer) key(v *event.Vec, row int) bool {
	if v.Null(row) {
		return w.fail("a key of the map is NULL")
	}
	return w.text(&keyOutput, v.Bytes(row))
}
