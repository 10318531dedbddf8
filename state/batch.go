package state

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/cepd/cepd/internal/event"
)

// AppendBatch encodes the live rows of b: a row count, then Time and ID, then
// column by column.
//
//	rows | flags: 1 times, 2 changes | changes | times | has id | ids | column 0 | column 1 ...
//	column: has nulls | bitmap | values (fixed 8 bytes; strings: lengths, then bytes; nested: event.AppendValue)
//
// It is part of the state format.
func AppendBatch(dst []byte, b *event.Batch) []byte {
	rows := b.LiveRows()
	dst = binary.AppendUvarint(dst, uint64(len(rows)))
	dst = appendFlags(dst, b)
	if b.Changes != nil {
		for _, r := range rows {
			dst = append(dst, byte(b.Changes[r]))
		}
	}
	if len(b.Time) > 0 {
		dst = appendInts(dst, b.Time, rows)
	}
	dst = appendFlag(dst, len(b.ID) > 0)
	if len(b.ID) > 0 {
		for _, r := range rows {
			dst = binary.LittleEndian.AppendUint64(dst, b.ID[r].Hi)
			dst = binary.LittleEndian.AppendUint64(dst, b.ID[r].Lo)
		}
	}
	for i := range b.Cols {
		dst = appendColumn(dst, &b.Cols[i], rows)
	}
	return dst
}

// Flags of a batch.
const (
	hasTimes = 1 << iota
	hasChanges
)

func appendFlags(dst []byte, b *event.Batch) []byte {
	var flags byte
	if len(b.Time) > 0 {
		flags |= hasTimes
	}
	if b.Changes != nil {
		flags |= hasChanges
	}
	return append(dst, flags)
}

func appendFlag(dst []byte, on bool) []byte {
	if on {
		return append(dst, 1)
	}
	return append(dst, 0)
}

func appendInts(dst []byte, v []int64, rows []int32) []byte {
	for _, r := range rows {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(v[r]))
	}
	return dst
}

func appendColumn(dst []byte, v *event.Vec, rows []int32) []byte {
	dst = appendFlag(dst, v.Nulls != nil)
	if v.Nulls != nil {
		for i := 0; i < len(rows); i += 8 {
			var bits byte
			for j, r := range rows[i:min(i+8, len(rows))] {
				if v.Null(int(r)) {
					bits |= 1 << j
				}
			}
			dst = append(dst, bits)
		}
	}
	switch v.Type.Physical() {
	case event.PhysI64:
		return appendInts(dst, v.I64, rows)
	case event.PhysI128:
		return appendInts(appendInts(dst, v.I64, rows), v.Hi, rows)
	case event.PhysF64:
		for _, r := range rows {
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(v.F64[r]))
		}
	case event.PhysStr:
		return appendStrings(dst, v, rows)
	case event.PhysNested:
		for _, r := range rows {
			dst = event.AppendValue(dst, v.Type, v.Value(int(r)))
		}
	}
	return dst
}

func appendStrings(dst []byte, v *event.Vec, rows []int32) []byte {
	for _, r := range rows {
		n := uint64(v.Str[r].Len)
		if v.Null(int(r)) {
			n = 0
		}
		dst = binary.AppendUvarint(dst, n)
	}
	for _, r := range rows {
		if !v.Null(int(r)) {
			dst = append(dst, v.Bytes(int(r))...)
		}
	}
	return dst
}

// decoder reads what AppendBatch wrote; after an error it reads nothing more.
type decoder struct {
	src []byte
	bad bool
}

// ReadBatch decodes what AppendBatch made into b, which has the same column
// types. All of src must be used.
func ReadBatch(src []byte, b *event.Batch) error {
	d := decoder{src: src}
	n := d.uvarint()
	if n > event.MaxRows || d.bad {
		return fmt.Errorf("corrupt batch of %d rows in the state", n)
	}
	rows := int(n)
	b.Reset(rows)
	flags := d.byte()
	if flags&hasChanges != 0 {
		d.changes(b)
	}
	if b.Time = b.Time[:0]; flags&hasTimes != 0 {
		b.Time = slices.Grow(b.Time, rows)[:rows]
		d.ints(b.Time)
	}
	if b.ID = b.ID[:0]; d.flag() {
		b.ID = slices.Grow(b.ID, rows)[:rows]
		for i := range b.ID {
			b.ID[i] = event.ID{Hi: d.word(), Lo: d.word()}
		}
	}
	for i := range b.Cols {
		d.column(&b.Cols[i], rows)
	}
	if d.bad || len(d.src) != 0 {
		return fmt.Errorf("corrupt batch of %d rows in the state", rows)
	}
	return nil
}

func (d *decoder) take(n int) []byte {
	if d.bad || n > len(d.src) || n < 0 {
		d.bad = true
		return nil
	}
	p := d.src[:n]
	d.src = d.src[n:]
	return p
}

func (d *decoder) uvarint() uint64 {
	x, w := binary.Uvarint(d.src)
	if w <= 0 {
		d.bad = true
		return 0
	}
	d.src = d.src[w:]
	return x
}

func (d *decoder) byte() byte {
	if p := d.take(1); p != nil {
		return p[0]
	}
	return 0
}

func (d *decoder) changes(b *event.Batch) {
	for i, c := range d.take(b.N) {
		if c > byte(event.Delete) {
			d.bad = true
			return
		}
		b.SetChange(i, event.Change(c))
	}
}

func (d *decoder) flag() bool {
	p := d.take(1)
	return len(p) == 1 && p[0] == 1
}

func (d *decoder) word() uint64 {
	if p := d.take(8); p != nil {
		return binary.LittleEndian.Uint64(p)
	}
	return 0
}

func (d *decoder) ints(dst []int64) {
	p := d.take(8 * len(dst))
	for i := range dst {
		if d.bad {
			return
		}
		dst[i] = int64(binary.LittleEndian.Uint64(p[8*i:]))
	}
}

func (d *decoder) column(v *event.Vec, n int) {
	var nulls []byte
	if d.flag() {
		nulls = d.take((n + 7) / 8)
	}
	if d.bad {
		return
	}
	for i := range nulls {
		for j := 8 * i; j < min(n, 8*i+8); j++ {
			if nulls[i]>>(j&7)&1 != 0 {
				v.SetNull(j, n)
			}
		}
	}
	switch v.Type.Physical() {
	case event.PhysI64:
		d.ints(v.I64)
	case event.PhysI128:
		d.ints(v.I64)
		d.ints(v.Hi)
	case event.PhysF64:
		for i := range v.F64 {
			v.F64[i] = math.Float64frombits(d.word())
		}
	case event.PhysStr:
		d.strings(v)
	case event.PhysNested:
		d.nested(v, n)
	}
}

func (d *decoder) strings(v *event.Vec) {
	var off uint64
	for i := range v.Str {
		n := d.uvarint()
		if d.bad || n > uint64(len(d.src)) {
			d.bad = true
			return
		}
		v.Str[i] = event.Span{Off: uint32(off), Len: uint32(n)}
		off += n
	}
	if off > math.MaxUint32 {
		d.bad = true
		return
	}
	v.Buf = append(v.Buf[:0], d.take(int(off))...)
}

func (d *decoder) nested(v *event.Vec, n int) {
	for i := range n {
		x, rest, err := event.ReadValue(d.src, v.Type)
		if d.bad || err != nil {
			d.bad = true
			return
		}
		d.src = rest
		v.Set(i, n, x)
	}
}
