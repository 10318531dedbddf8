package avro

import (
	"encoding/binary"
	"math"

	"github.com/cepd/cepd/connectors/formats/fault"
)

const (
	// maxDepth is how deep a record may nest.
	maxDepth = 64
	// spareItems is how many items of arrays and maps a record may have beyond
	// its bytes: items of null take none. maxItems is how many it may have.
	spareItems = 1024
	maxItems   = 1 << 20
)

// walker walks over one record at a time.
type walker struct {
	fault fault.Fault
	depth int
	left  int // items that the record may still have
}

const tooShort = "the record ends inside the value"

// long reads a variable-length integer; end < 0: it is none.
func (d *walker) long(p []byte, i int) (v int64, end int) {
	if i < len(p) && p[i] < 0x80 {
		return int64(p[i]>>1) ^ -int64(p[i]&1), i + 1
	}
	return d.longer(p, i)
}

func (d *walker) longer(p []byte, i int) (v int64, end int) {
	u, n := binary.Uvarint(p[min(i, len(p)):])
	switch {
	case n == 0:
		return 0, d.fault.At(i, tooShort)
	case n < 0:
		return 0, d.fault.At(i, "the integer has more than 64 bits")
	}
	return int64(u>>1) ^ -int64(u&1), i + n
}

// int reads what a node says is an int or a long.
func (d *walker) int(n *node, p []byte, i int) (v int64, end int) {
	v, end = d.long(p, i)
	if n.int32 && end > 0 && v != int64(int32(v)) {
		return 0, d.fault.At(i, "the int has more than 32 bits")
	}
	return v, end
}

// bytes reads a length and finds the end of the bytes that follow.
func (d *walker) bytes(p []byte, i int) (from, end int) {
	v, from := d.long(p, i)
	switch {
	case from < 0:
		return 0, from
	case v < 0:
		return 0, d.fault.At(i, "the length is negative")
	case v > int64(len(p)-from):
		return 0, d.fault.At(i, tooShort)
	}
	return from, from + int(v)
}

// fixed finds the end of size bytes.
func (d *walker) fixed(p []byte, i, size int) int {
	if size > len(p)-i {
		return d.fault.At(i, tooShort)
	}
	return i + size
}

// block reads how many items come next; 0: none any more. size is their length
// in bytes, -1 where the writer does not say.
func (d *walker) block(p []byte, i int) (count, size, end int) {
	v, end := d.long(p, i)
	size = -1
	if end > 0 && v < 0 {
		var bytes int64
		if bytes, end = d.long(p, end); end > 0 && (bytes < 0 || bytes > int64(len(p)-end)) {
			return 0, 0, d.fault.At(i, "the length of a block is out of the record")
		}
		v, size = -v, int(bytes)
	}
	if end < 0 {
		return 0, 0, end
	}
	if v < 0 || v > int64(d.left) {
		return 0, 0, d.fault.At(i, "more items than a record of this size can have")
	}
	d.left -= int(v)
	return int(v), size, end
}

// enter goes a level deeper.
func (d *walker) enter(i int) bool {
	if d.depth++; d.depth > maxDepth {
		d.fault.At(i, "more than 64 levels of nesting")
		return false
	}
	return true
}

// branch reads which branch of a union comes next.
func (d *walker) branch(p []byte, i, branches int) (k, end int) {
	v, end := d.long(p, i)
	if end > 0 && (v < 0 || v >= int64(branches)) {
		return 0, d.fault.At(i, "the union has no such branch")
	}
	return int(v), end
}

// symbol reads an enum.
func (d *walker) symbol(n *node, p []byte, i int) (k, end int) {
	v, end := d.long(p, i)
	if end > 0 && (v < 0 || v >= int64(len(n.symbols))) {
		return 0, d.fault.At(i, "the enum has no such symbol")
	}
	return int(v), end
}

func (d *walker) bool(p []byte, i int) (v int64, end int) {
	switch {
	case i >= len(p):
		return 0, d.fault.At(i, tooShort)
	case p[i] > 1:
		return 0, d.fault.At(i, "a boolean is 0 or 1")
	}
	return int64(p[i]), i + 1
}

func (d *walker) float(p []byte, i int) (float64, int) {
	if len(p)-i < 4 {
		return 0, d.fault.At(i, tooShort)
	}
	return float64(math.Float32frombits(binary.LittleEndian.Uint32(p[i:]))), i + 4
}

func (d *walker) double(p []byte, i int) (float64, int) {
	if len(p)-i < 8 {
		return 0, d.fault.At(i, tooShort)
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(p[i:])), i + 8
}

// skip passes over a value.
func (d *walker) skip(n *node, p []byte, i int) int {
	switch n.op {
	case opNull:
	case opBool:
		_, i = d.bool(p, i)
	case opInt:
		_, i = d.int(n, p, i)
	case opEnum:
		_, i = d.symbol(n, p, i)
	case opFloat:
		i = d.fixed(p, i, 4)
	case opDouble:
		i = d.fixed(p, i, 8)
	case opBytes:
		if n.fixed {
			return d.fixed(p, i, n.size)
		}
		_, i = d.bytes(p, i)
	default:
		if !d.enter(i) {
			return -1
		}
		i = d.skipNested(n, p, i)
		d.depth--
	}
	return i
}

func (d *walker) skipNested(n *node, p []byte, i int) int {
	switch n.op {
	case opUnion:
		k, end := d.branch(p, i, len(n.kids))
		if end < 0 {
			return end
		}
		return d.skip(n.kids[k], p, end)
	case opRecord:
		for _, kid := range n.kids {
			if i = d.skip(kid, p, i); i < 0 {
				break
			}
		}
		return i
	}
	return d.skipItems(n, p, i)
}

// skipItems passes over an array or map.
func (d *walker) skipItems(n *node, p []byte, i int) int {
	for {
		count, size, end := d.block(p, i)
		if i = end; i < 0 || count == 0 {
			return i
		}
		if size >= 0 {
			i += size
			continue
		}
		for range count {
			if n.op == opMap {
				if _, i = d.bytes(p, i); i < 0 {
					return i
				}
			}
			if i = d.skip(n.kids[0], p, i); i < 0 {
				return i
			}
		}
	}
}
