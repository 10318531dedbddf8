package pattern

import (
	"encoding/binary"
	"unsafe"

	"github.com/cepd/cepd/internal/event"
)

// A kept row is words: time, ID, symbol, NULL bits, then the cells.
//
//	| time | ID.Hi | ID.Lo | symbol | nulls … | cell 0 | cell 1 … |
//
// A number is one word (a wide DECIMAL two). A string is two words: its length
// in 32 bits, then up to 12 bytes, or the block that holds them. Nested values
// are kept as strings in their own encoding.
const (
	wordTime   = 0
	wordHi     = 1
	wordLo     = 2
	wordSymbol = 3
	wordNulls  = 4
)

const inlineBytes = 12

// cell is where a kept column lies in a row.
type cell struct {
	typ  event.Type
	col  int // column of the prepared batch
	word int // first word in the row; wordTime for the rowtime column, which needs no place of its own
	null int // its NULL bit; -1: never NULL
}

// layout is the form of kept rows.
type layout struct {
	cells   []cell
	stride  int // words per row
	strings []int
}

func newLayout(types []event.Type, cols []int, rowtime []bool) layout {
	l := layout{stride: wordNulls + (len(types)+63)/64}
	for i, t := range types {
		c := cell{typ: t, col: cols[i], word: l.stride, null: i}
		switch p := t.Physical(); {
		case rowtime[i]:
			c.word, c.null = wordTime, -1
		case p == event.PhysStr || p == event.PhysNested:
			l.strings = append(l.strings, i)
			l.stride += 2
		case p == event.PhysI128:
			l.stride += 2
		case p != event.PhysNone:
			l.stride++
		}
		l.cells = append(l.cells, c)
	}
	return l
}

// store writes row i of b to dst, whose words it overwrites.
func (l *layout) store(a *arena, dst []uint64, b *event.Batch, i int, symbol uint64) {
	dst = dst[:l.stride]
	dst[wordTime] = uint64(b.Time[i])
	dst[wordHi], dst[wordLo] = b.ID[i].Hi, b.ID[i].Lo
	dst[wordSymbol] = symbol
	for w := wordNulls; w < wordNulls+(len(l.cells)+63)/64; w++ {
		dst[w] = 0
	}
	for k := range l.cells {
		c := &l.cells[k]
		if c.word == wordTime {
			continue
		}
		v := &b.Cols[c.col]
		if v.Null(i) || c.typ.Kind == event.Null {
			dst[wordNulls+k>>6] |= 1 << (k & 63)
			continue
		}
		l.storeCell(a, dst[c.word:], c, v, i)
	}
}

func (l *layout) storeCell(a *arena, dst []uint64, c *cell, v *event.Vec, i int) {
	switch c.typ.Physical() {
	case event.PhysI64:
		dst[0] = uint64(v.I64[i])
	case event.PhysI128:
		dst[0], dst[1] = uint64(v.I64[i]), uint64(v.Hi[i])
	case event.PhysF64:
		dst[0] = uint64(event.FloatValue(v.F64[i]).I)
	case event.PhysStr:
		storeString(a, dst, v.Bytes(i))
	case event.PhysNested:
		storeString(a, dst, event.AppendValue(nil, c.typ, v.Value(i)))
	}
}

func storeString(a *arena, dst []uint64, s []byte) {
	dst[0], dst[1] = 0, 0
	if len(s) > inlineBytes {
		r := a.alloc(class((len(s) + 7) / 8))
		copy(asBytes(a.words(r)), s)
		dst[0], dst[1] = uint64(len(s)), uint64(r)
		return
	}
	copy(asBytes(dst[:2])[4:], s)
	dst[0] |= uint64(len(s))
}

// asBytes views words as bytes, in the machine's order.
func asBytes(w []uint64) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(w))), len(w)*8)
}

func loadString(a *arena, src []uint64) []byte {
	n := int(uint32(src[0]))
	if n > inlineBytes {
		return asBytes(a.words(blockRef(src[1])))[:n:n]
	}
	return asBytes(src[:2])[4 : 4+n : 4+n]
}

// value reads cell k of a row. Strings are views that die with the row.
func (l *layout) value(a *arena, row []uint64, k int) event.Value {
	c := &l.cells[k]
	if c.null >= 0 && row[wordNulls+c.null>>6]>>(c.null&63)&1 != 0 {
		return event.NullValue
	}
	switch c.typ.Physical() {
	case event.PhysI128:
		return event.Value{I: int64(row[c.word]), Hi: int64(row[c.word+1])}
	case event.PhysStr:
		return event.Value{S: loadString(a, row[c.word:])}
	case event.PhysNested:
		v, _, _ := event.ReadValue(loadString(a, row[c.word:]), c.typ)
		return v
	}
	return event.Value{I: int64(row[c.word])}
}

// drop frees what a row holds outside itself.
func (l *layout) drop(a *arena, row []uint64) {
	for _, k := range l.strings {
		c := &l.cells[k]
		if row[wordNulls+c.null>>6]>>(c.null&63)&1 == 0 {
			freeString(a, row[c.word:])
		}
	}
}

func freeString(a *arena, src []uint64) {
	if n := int(uint32(src[0])); n > inlineBytes {
		a.release(blockRef(src[1]), class((n+7)/8))
	}
}

// appendRow encodes a row for a snapshot; readRow is its inverse.
func (l *layout) appendRow(a *arena, dst []byte, row []uint64) []byte {
	for _, w := range row[:wordNulls+(len(l.cells)+63)/64] {
		dst = binary.LittleEndian.AppendUint64(dst, w)
	}
	for k := range l.cells {
		if l.cells[k].word != wordTime {
			dst = event.AppendValue(dst, l.cells[k].typ, l.value(a, row, k))
		}
	}
	return dst
}

func (l *layout) readRow(a *arena, src []byte, row []uint64) ([]byte, error) {
	head := wordNulls + (len(l.cells)+63)/64
	if len(src) < head*8 {
		return nil, errCorrupt
	}
	for w := range head {
		row[w] = binary.LittleEndian.Uint64(src[w*8:])
	}
	src = src[head*8:]
	for k := range l.cells {
		c := &l.cells[k]
		if c.word == wordTime {
			continue
		}
		v, rest, err := event.ReadValue(src, c.typ)
		if err != nil {
			return nil, err
		}
		l.storeValue(a, row[c.word:], c.typ, v)
		src = rest
	}
	return src, nil
}

func (l *layout) storeValue(a *arena, dst []uint64, t event.Type, v event.Value) {
	if v.Null {
		return
	}
	switch t.Physical() {
	case event.PhysI64, event.PhysF64:
		dst[0] = uint64(v.I)
	case event.PhysI128:
		dst[0], dst[1] = uint64(v.I), uint64(v.Hi)
	case event.PhysStr:
		storeString(a, dst, v.S)
	case event.PhysNested:
		storeString(a, dst, event.AppendValue(nil, t, v))
	}
}
