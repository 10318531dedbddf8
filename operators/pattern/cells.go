package pattern

import (
	"encoding/binary"
	"unsafe"

	"github.com/cepd/cepd/internal/event"
)

// A kept row is words: time, ID, symbol and NULL bits, then the cells.
//
//	| time | ID | symbol, nulls | cell 0 | cell 1 … |
//
// The ID of a source row is one word, that of a detection two. The NULL bits
// lie behind those of the symbol, or, when there are many, in words of their
// own. A number is one word (a wide DECIMAL two). A string is two words: its
// length in 32 bits, then up to 12 bytes, or the block that holds them. Nested
// values are kept as strings in their own encoding.
const (
	wordTime = 0
	wordID   = 1
)

const inlineBytes = 12

// cell is where a kept column lies in a row.
type cell struct {
	typ  event.Type
	col  int // column of the prepared batch
	word int // first word in the row; wordTime for the rowtime column, which needs no place of its own
	null int // its NULL bit, counted from the word of the symbol; -1: never NULL
}

// layout is the form of kept rows.
type layout struct {
	cells   []cell
	wide    bool   // IDs are two words
	meta    int    // word of the symbol
	symbol  uint64 // its bits
	stride  int    // words per row
	strings []int
}

// newLayout lays out columns behind a symbol of so many bits.
func newLayout(types []event.Type, cols []int, rowtime []bool, symbol int, wide bool) layout {
	l := layout{wide: wide, meta: wordID + 1, symbol: 1<<symbol - 1 | bitEnded | bitContext}
	if wide {
		l.meta++
	}
	null := symbol
	if symbol+len(types) > maxBits { // then come bits of the symbol again
		null = 64
	}
	l.stride = l.meta + 1 + (max(64, null+len(types))-1)/64
	for i, t := range types {
		c := cell{typ: t, col: cols[i], word: l.stride, null: null + i}
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

func (l *layout) symbolOf(row []uint64) uint64 { return row[l.meta] & l.symbol }

func (l *layout) setSymbol(row []uint64, symbol uint64) {
	row[l.meta] = row[l.meta]&^l.symbol | symbol
}

func (l *layout) idOf(a *arena, row []uint64) event.ID {
	if l.wide {
		return event.ID{Hi: row[wordID], Lo: row[wordID+1]}
	}
	hi, lo := a.unpack(row[wordID])
	return event.ID{Hi: hi, Lo: lo}
}

// fits says whether a row can have the ID: what a source gives has one word.
func (l *layout) fits(id event.ID) bool { return l.wide || id.Lo>>offsetBits == 0 }

// begin writes what every row has, and no NULL bits.
func (l *layout) begin(a *arena, row []uint64, t event.Time, id event.ID, symbol uint64) {
	clear(row)
	row[wordTime], row[l.meta] = uint64(t), symbol
	if l.wide {
		row[wordID], row[wordID+1] = id.Hi, id.Lo
	} else {
		row[wordID] = a.pack(id.Hi, id.Lo)
	}
}

func (l *layout) null(row []uint64, c *cell) bool {
	return c.null >= 0 && row[l.meta+c.null>>6]>>(c.null&63)&1 != 0
}

func (l *layout) setNull(row []uint64, c *cell) { row[l.meta+c.null>>6] |= 1 << (c.null & 63) }

// store writes row i of b to dst, whose words it overwrites.
func (l *layout) store(a *arena, dst []uint64, b *event.Batch, i int, symbol uint64) {
	l.begin(a, dst, b.Time[i], b.ID[i], symbol)
	for k := range l.cells {
		c := &l.cells[k]
		if c.word == wordTime {
			continue
		}
		v := &b.Cols[c.col]
		if v.Null(i) || c.typ.Kind == event.Null {
			l.setNull(dst, c)
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
		r := a.alloc((len(s) + 7) / 8)
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
	if l.null(row, c) {
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
		if !l.null(row, c) {
			freeString(a, row[c.word:])
		}
	}
}

func freeString(a *arena, src []uint64) {
	if n := int(uint32(src[0])); n > inlineBytes {
		a.release(blockRef(src[1]), (n+7)/8)
	}
}

// appendRow encodes a row for a snapshot: time, ID, symbol, cells. readRow is
// its inverse.
func (l *layout) appendRow(a *arena, dst []byte, row []uint64) []byte {
	id := l.idOf(a, row)
	for _, w := range [...]uint64{row[wordTime], id.Hi, id.Lo, l.symbolOf(row)} {
		dst = binary.LittleEndian.AppendUint64(dst, w)
	}
	for k := range l.cells {
		if l.cells[k].word != wordTime {
			dst = event.AppendValue(dst, l.cells[k].typ, l.value(a, row, k))
		}
	}
	return dst
}

// readRow reads a row of a version of snapshots; the first had words of NULL
// bits before the cells.
func (l *layout) readRow(a *arena, src []byte, row []uint64, version byte) ([]byte, error) {
	words := 4
	if version == 1 {
		words += (len(l.cells) + 63) / 64
	}
	if len(src) < words*8 {
		return nil, errCorrupt
	}
	word := func(i int) uint64 { return binary.LittleEndian.Uint64(src[i*8:]) }
	id := event.ID{Hi: word(1), Lo: word(2)}
	if !l.fits(id) {
		return nil, errCorrupt
	}
	l.begin(a, row, event.Time(word(0)), id, word(3)&l.symbol)
	src = src[words*8:]
	for k := range l.cells {
		c := &l.cells[k]
		if c.word == wordTime {
			continue
		}
		v, rest, err := event.ReadValue(src, c.typ)
		if err != nil {
			return nil, err
		}
		if v.Null {
			l.setNull(row, c)
		} else {
			l.storeValue(a, row[c.word:], c.typ, v)
		}
		src = rest
	}
	return src, nil
}

func (l *layout) storeValue(a *arena, dst []uint64, t event.Type, v event.Value) {
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
