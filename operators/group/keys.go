// Package group finds the slots of group keys: keys of a batch are encoded
// column by column, and looked up in a table.
package group

import (
	"encoding/binary"

	"github.com/zeebo/xxh3"

	"github.com/cepd/cepd/internal/event"
)

// Codec is the form of group keys. Where all columns fit a word a key is words,
// else bytes; both begin with a word of flags:
//
//	bit i        column i is NULL
//	bits 48 …    the grouping set
//
//	| flags | column 0 | column 1 | …        fixed: 8 bytes each
//	| flags | event.AppendValue of each …    otherwise
type Codec struct {
	Cols  []int // of the input
	Types []event.Type
	Sets  [][]bool // by grouping set: whether it has the column
	fixed bool
}

const setShift = 48

// MaxKeys and MaxSets are what the word of flags has room for.
const (
	MaxKeys = setShift
	MaxSets = 1 << 12
)

// NewCodec is the form of keys of some columns and their types; sets are the
// grouping sets, at least one.
func NewCodec(cols []int, types []event.Type, sets [][]bool) *Codec {
	c := &Codec{Cols: cols, Types: types, Sets: sets, fixed: true}
	for _, t := range types {
		p := t.Physical()
		c.fixed = c.fixed && (p == event.PhysI64 || p == event.PhysF64)
	}
	return c
}

func (c *Codec) stride() int { return 8 * (1 + len(c.Cols)) }

// Keys is the encoded keys of some rows.
type Keys struct {
	Codec  *Codec
	buf    []byte
	ends   []uint32 // of the keys in buf
	hashes []uint64
	recent [recentTexts]recentText
}

// Len is how many keys there are.
func (k *Keys) Len() int { return len(k.ends) }

// Hash is the hash of key i.
func (k *Keys) Hash(i int) uint64 { return k.hashes[i] }

// At is key i: a view until the next Gather.
func (k *Keys) At(i int) []byte {
	from := uint32(0)
	if i > 0 {
		from = k.ends[i-1]
	}
	return k.buf[from:k.ends[i]]
}

// Gather encodes the keys of rows for a grouping set.
func (k *Keys) Gather(b *event.Batch, rows []int32, set int) {
	k.ends, k.hashes = resize(k.ends, len(rows)), resize(k.hashes, len(rows))
	if k.Codec.fixed {
		k.gatherFixed(b, rows, set)
		return
	}
	k.buf = k.buf[:0]
	if k.Codec.isText() && b.Cols[k.Codec.Cols[0]].Nulls == nil {
		k.gatherText(&b.Cols[k.Codec.Cols[0]], rows)
		return
	}
	has := k.Codec.Sets[set]
	for i, r := range rows {
		from := len(k.buf)
		k.buf = k.encode(k.buf, b, int(r), set, has)
		k.ends[i] = uint32(len(k.buf))
		k.hashes[i] = xxh3.Hash(k.buf[from:])
	}
}

func (k *Keys) encode(dst []byte, b *event.Batch, row, set int, has []bool) []byte {
	at := len(dst)
	flags := uint64(set) << setShift
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0)
	for c, col := range k.Codec.Cols {
		v := &b.Cols[col]
		if !has[c] || v.Null(row) {
			flags |= 1 << c
			continue
		}
		dst = event.AppendValue(dst, k.Codec.Types[c], canonical(v.Type, v.Value(row)))
	}
	binary.LittleEndian.PutUint64(dst[at:], flags)
	return dst
}

// canonical gives equal numbers one form: there is one zero and one NaN.
func canonical(t event.Type, v event.Value) event.Value {
	if t.Float() {
		v.I = int64(canonicalFloat(v.F()))
	}
	return v
}

// gatherFixed writes the keys column by column.
func (k *Keys) gatherFixed(b *event.Batch, rows []int32, set int) {
	stride := k.Codec.stride()
	k.buf = resize(k.buf, len(rows)*stride)
	for i := range rows {
		binary.LittleEndian.PutUint64(k.buf[i*stride:], uint64(set)<<setShift)
		k.ends[i] = uint32((i + 1) * stride)
		k.hashes[i] = mix(uint64(set) + 1)
	}
	has := k.Codec.Sets[set]
	for c, col := range k.Codec.Cols {
		if !has[c] {
			k.nullColumn(c, stride)
			continue
		}
		k.column(&b.Cols[col], rows, c, stride)
	}
}

func (k *Keys) nullColumn(c, stride int) {
	for i := range k.hashes {
		k.set(i, c, stride, 0, true)
	}
}

func (k *Keys) column(v *event.Vec, rows []int32, c, stride int) {
	float := v.Type.Float()
	for i, r := range rows {
		if v.Nulls != nil && v.Null(int(r)) {
			k.set(i, c, stride, 0, true)
			continue
		}
		if float {
			k.set(i, c, stride, canonicalFloat(v.F64[r]), false)
			continue
		}
		k.set(i, c, stride, uint64(v.I64[r]), false)
	}
}

// set writes column c of key i.
func (k *Keys) set(i, c, stride int, word uint64, null bool) {
	at := k.buf[i*stride:][:stride]
	if null {
		at[c>>3] |= 1 << (c & 7) // bit c of the flags, which are little endian
		word = 0x9e3779b97f4a7c15
		k.hashes[i] = mix(k.hashes[i] ^ word)
		binary.LittleEndian.PutUint64(at[8+8*c:], 0)
		return
	}
	binary.LittleEndian.PutUint64(at[8+8*c:], word)
	k.hashes[i] = mix(k.hashes[i] ^ word)
}

// Hash is the hash that Gather gives a key.
func (c *Codec) Hash(key []byte) uint64 {
	if !c.fixed {
		return xxh3.Hash(key)
	}
	flags := binary.LittleEndian.Uint64(key)
	h := mix(flags>>setShift + 1)
	for i := range c.Cols {
		word := binary.LittleEndian.Uint64(key[8+8*i:])
		if flags>>i&1 != 0 {
			word = 0x9e3779b97f4a7c15
		}
		h = mix(h ^ word)
	}
	return h
}

// Write decodes a key into row i of n of the output's key columns, and gives
// its grouping.
func (c *Codec) Write(key []byte, out []event.Vec, i, n int) int64 {
	flags := binary.LittleEndian.Uint64(key)
	src := key[8:]
	for k, t := range c.Types {
		null := flags>>k&1 != 0
		switch {
		case c.fixed:
			v := event.Value{I: int64(binary.LittleEndian.Uint64(src[8*k:])), Null: null}
			out[k].Set(i, n, v)
		case null:
			out[k].Set(i, n, event.NullValue)
		default:
			var v event.Value
			v, src, _ = event.ReadValue(src, t)
			out[k].Set(i, n, v)
		}
	}
	return c.Grouping(int(flags >> setShift))
}

// Grouping has a bit for each key that the set has not, the last key's lowest.
func (c *Codec) Grouping(set int) (g int64) {
	for _, has := range c.Sets[set] {
		g <<= 1
		if !has {
			g |= 1
		}
	}
	return g
}

// HasNull says whether a column of a key is NULL.
func (c *Codec) HasNull(key []byte) bool {
	return binary.LittleEndian.Uint64(key)&(1<<setShift-1) != 0
}

// Valid says whether bytes can be a key.
func (c *Codec) Valid(key []byte) bool {
	return len(key) >= 8 && (!c.fixed || len(key) == c.stride()) && int(binary.LittleEndian.Uint64(key)>>setShift) < len(c.Sets)
}
