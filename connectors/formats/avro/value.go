package avro

import (
	"encoding/hex"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/cepd/cepd/connectors/formats/cell"
	"github.com/cepd/cepd/internal/event"
)

// whole decodes the record that is the rest of p from i on into row.
func (d *walker) whole(root *node, cols []event.Vec, row int, p []byte, i int) bool {
	d.fault.Reset()
	d.depth, d.left = 0, min(len(p)-i+spareItems, maxItems)
	if i = d.record(root, cols, row, p, i); i < 0 {
		return false
	}
	return i == len(p) || d.fault.At(i, "the record goes on after its last field") > 0
}

// record decodes the fields at p[i] and returns the place after them, as all
// that follow do; negative: d.fault says why.
func (d *walker) record(n *node, cols []event.Vec, row int, p []byte, i int) int {
	if !d.enter(i) {
		return -1
	}
	for _, f := range n.kids {
		if f.skip {
			i = d.skip(f, p, i)
		} else {
			i = d.value(f, &cols[f.col], row, p, i)
		}
		if i < 0 {
			d.fault.In(f.name)
			return i
		}
	}
	for k := range n.absent {
		a := &n.absent[k]
		if a.value.Null {
			cell.SetNull(&cols[a.col], row)
			continue
		}
		setConstant(&cols[a.col], row, a.value)
	}
	d.depth--
	return i
}

// setConstant writes a value that is not in the record.
func setConstant(v *event.Vec, row int, x event.Value) {
	own(v, row)
	v.Set(row, v.Rows(), x)
}

// own makes v and what is nested in it a column that can take text that is not
// in the record.
func own(v *event.Vec, row int) {
	switch v.Type.Physical() {
	case event.PhysStr:
		v.Own(row)
	case event.PhysNested:
		for k := range v.Kids {
			at := row
			if v.Type.Kind != event.Row {
				at = v.Kids[k].Rows()
			}
			own(&v.Kids[k], at)
		}
	}
}

// value decodes the value at p[i] into row row of v.
func (d *walker) value(n *node, v *event.Vec, row int, p []byte, i int) int {
	if n.optional != 0 {
		k, end := d.branch(p, i, 2)
		if end < 0 {
			return end
		}
		if k == int(n.optional)-1 {
			cell.SetNull(v, row)
			return end
		}
		i = end
	}
	switch n.op {
	case opInt:
		x, end := d.int(n, p, i)
		if v.I64[row] = x; end > 0 && x>>(n.bits-1) != x>>63 {
			return d.misfit(v, i)
		}
		return end
	case opTime:
		return d.time(n, v, row, p, i)
	case opToFloat:
		x, end := d.int(n, p, i)
		if v.F64[row] = float64(x); v.Type.Kind == event.Float32 {
			v.F64[row] = float64(float32(x))
		}
		return end
	case opFloat:
		v.F64[row], i = d.float(p, i)
		return i
	case opDouble:
		v.F64[row], i = d.double(p, i)
		return i
	case opBool:
		v.I64[row], i = d.bool(p, i)
		return i
	case opString, opBytes, opUUID, opEnum, opDecimal:
		return d.text(n, v, row, p, i)
	}
	return d.other(n, v, row, p, i)
}

func (d *walker) misfit(v *event.Vec, i int) int {
	return d.fault.At(i, "the value does not fit "+v.Type.String())
}

func (d *walker) time(n *node, v *event.Vec, row int, p []byte, i int) int {
	x, end := d.int(n, p, i)
	if end < 0 {
		return end
	}
	if n.mul > 1 && (x > math.MaxInt64/n.mul || x < math.MinInt64/n.mul) {
		return d.misfit(v, i)
	}
	x *= n.mul
	if n.div > 1 {
		x = floorDiv(x, n.div)
	}
	if v.Type.Kind == event.TimeOfDay && (x < 0 || x >= microsPerDay) {
		return d.misfit(v, i)
	}
	if v.I64[row] = x; v.Type.Precision < 6 {
		v.I64[row] = cell.Truncate(x, v.Type.Precision)
	}
	return end
}

const microsPerDay = 86400 * 1_000_000

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// text decodes what lies in the record as bytes, and enums.
func (d *walker) text(n *node, v *event.Vec, row int, p []byte, i int) int {
	if n.op == opEnum {
		k, end := d.symbol(n, p, i)
		if end > 0 {
			v.Own(row)
			v.SetBytes(row, n.symbols[k])
		}
		return end
	}
	from, end := i, 0
	if n.fixed {
		end = d.fixed(p, i, n.size)
	} else {
		from, end = d.bytes(p, i)
	}
	if end < 0 {
		return end
	}
	switch n.op {
	case opDecimal:
		x, ok := cell.BigEndian(p[from:end])
		if !ok || !cell.SetUnscaled(v, row, x, n.scale) {
			return d.misfit(v, i)
		}
	case opUUID:
		v.Own(row)
		v.SetBytes(row, appendUUID(nil, p[from:end]))
	case opString:
		if !utf8.Valid(p[from:end]) {
			return d.fault.At(from, "the text is not valid UTF-8")
		}
		cell.SetView(v, row, p, from, end)
	default:
		cell.SetView(v, row, p, from, end)
	}
	return end
}

// appendUUID writes 16 bytes as RFC 9562 does: in groups of 4, 2, 2, 2 and 6.
func appendUUID(dst, id []byte) []byte {
	dst = hex.AppendEncode(dst, id[:4])
	for k := 4; k < 10; k += 2 {
		dst = hex.AppendEncode(append(dst, '-'), id[k:k+2])
	}
	return hex.AppendEncode(append(dst, '-'), id[10:])
}

func (d *walker) other(n *node, v *event.Vec, row int, p []byte, i int) int {
	switch n.op {
	case opNull:
		cell.SetNull(v, row)
		return i
	case opRefuse:
		return d.fault.At(i, n.refusal)
	case opRecord:
		return d.record(n, v.Kids, row, p, i)
	case opUnion:
		k, end := d.branch(p, i, len(n.kids))
		if end < 0 {
			return end
		}
		return d.value(n.kids[k], v, row, p, end)
	}
	if !d.enter(i) {
		return -1
	}
	i = d.elements(n, v, row, p, i)
	d.depth--
	return i
}

// elements decodes an array or map. Of a repeated key all values are kept, the
// last last: reading by key takes the last.
func (d *walker) elements(n *node, v *event.Vec, row int, p []byte, i int) int {
	from := v.Kids[0].Rows()
	for {
		count, _, end := d.block(p, i)
		if i = end; i < 0 {
			return i
		}
		if count == 0 {
			break
		}
		for range count {
			at := v.Kids[0].Rows()
			if i = d.item(n, v, at, p, i); i < 0 {
				d.fault.In("[" + strconv.Itoa(at-from) + "]")
				return i
			}
		}
	}
	v.Str[row] = event.Span{Off: uint32(from), Len: uint32(v.Kids[0].Rows() - from)}
	return i
}

// item decodes an element of an array, or a key and a value, into a new row,
// which is NULL when that fails: later rows must not find half a value.
func (d *walker) item(n *node, v *event.Vec, row int, p []byte, i int) int {
	for k := range v.Kids {
		v.Kids[k].Grow(row + 1)
	}
	end := i
	if n.op == opMap {
		end = d.text(&mapKey, &v.Kids[0], row, p, i)
	}
	last := len(v.Kids) - 1
	if end >= 0 {
		end = d.value(n.kids[0], &v.Kids[last], row, p, end)
	}
	if end < 0 {
		for k := range v.Kids {
			cell.SetNull(&v.Kids[k], row)
		}
	}
	return end
}

var mapKey = node{op: opString}
