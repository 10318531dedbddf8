package pattern

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

// texts are the conditions col = 'constant' on one column, looked up together:
// a row costs one look-up, however many constants there are.
type texts struct {
	col   int
	slots []textSlot // open addressing
	shift uint       // 64 - log2(len(slots))
}

// textSlot is a constant and its bits in the symbol (the condition may be written
// in two ways); an empty one has no bit.
type textSlot struct {
	text []byte
	bit  uint64
}

// minTexts is the number of constants from which on looking up costs less than
// comparing.
const minTexts = 3

// findTexts groups conditions by column. The others stay as they are: theirs is
// the place in list, and nil that of a condition in a group.
func findTexts(list []condition) (groups []*texts, rest []expr.Expr) {
	count := map[int]int{}
	for _, c := range list {
		if col, _, ok := textEquation(c.cond); ok {
			count[col]++
		}
	}
	byColumn := map[int]*texts{}
	for i, c := range list {
		col, text, ok := textEquation(c.cond)
		if !ok || count[col] < minTexts {
			rest = append(rest, c.cond)
			continue
		}
		rest = append(rest, nil)
		t := byColumn[col]
		if t == nil {
			size := 1 << bits.Len(uint(2*count[col]))
			t = &texts{col: col, slots: make([]textSlot, size), shift: uint(65 - bits.Len(uint(size)))}
			byColumn[col] = t
			groups = append(groups, t)
		}
		s := t.slot(text)
		s.text, s.bit = text, s.bit|1<<i
	}
	return groups, rest
}

// textEquation recognises column = constant.
func textEquation(e expr.Expr) (col int, text []byte, ok bool) {
	c, ok := e.(*expr.Compare)
	if !ok || c.Op != expr.Eq {
		return 0, nil, false
	}
	x, isColumn := c.X.(*expr.Column)
	y, isConst := c.Y.(*expr.Const)
	if !isColumn || !isConst {
		x, isColumn = c.Y.(*expr.Column)
		y, isConst = c.X.(*expr.Const)
	}
	if !isColumn || !isConst || y.Value.Null || x.T.Physical() != event.PhysStr {
		return 0, nil, false
	}
	return x.Index, y.Value.S, true
}

// slot is that of a text, or the empty one where it would go.
func (t *texts) slot(s []byte) *textSlot {
	mask := uint64(len(t.slots) - 1)
	for i := textHash(s) >> t.shift; ; i = (i + 1) & mask {
		if x := &t.slots[i]; x.bit == 0 || bytes.Equal(x.text, s) {
			return x
		}
	}
}

// textHash looks at the length and the first and last bytes.
func textHash(s []byte) uint64 {
	n := len(s)
	h := uint64(n)
	switch {
	case n >= 8:
		h ^= binary.LittleEndian.Uint64(s) ^ bits.RotateLeft64(binary.LittleEndian.Uint64(s[n-8:]), 29)
	case n >= 4:
		h ^= uint64(binary.LittleEndian.Uint32(s))<<8 ^ uint64(binary.LittleEndian.Uint32(s[n-4:]))<<32
	case n > 0:
		h ^= uint64(s[0])<<8 | uint64(s[n/2])<<16 | uint64(s[n-1])<<24
	}
	return h * 0x9e3779b97f4a7c15
}

// mark sets the bits of the constants that the rows have.
func (t *texts) mark(b *event.Batch, symbols []int64) {
	v := &b.Cols[t.col]
	if b.Sel == nil && v.Nulls == nil {
		for i := range b.N {
			symbols[i] |= int64(t.slot(v.Bytes(i)).bit)
		}
		return
	}
	for n := range b.Live() {
		i := n
		if b.Sel != nil {
			i = int(b.Sel[n])
		}
		if !v.Null(i) {
			symbols[i] |= int64(t.slot(v.Bytes(i)).bit)
		}
	}
}
