package kernel

import (
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

// The loops below store every row and advance by the outcome, 0 or 1, so that
// no branch depends on data.

func bit(b bool) int {
	var i int
	if b {
		i = 1
	}
	return i
}

// valid is 1 when the row is not NULL.
func valid(nulls event.Bitmap, i int32) int {
	return int(nulls[i>>6]>>(uint32(i)&63)&1) ^ 1
}

// rangePicker picks rows of an int64 column in (or outside) a range.
type rangePicker struct {
	x      node
	lo     int64
	width  uint64
	negate int
}

func (p *rangePicker) pick(r *run, in, out []int32) []int32 {
	v := p.x.eval(r, in)
	switch {
	case v.Nulls != nil:
		return pickRangeNulls(v.I64, v.Nulls, p, r.n, in, out[:r.n])
	case in == nil:
		return pickRangeAll(v.I64[:r.n], p.lo, p.width, p.negate, out[:r.n])
	}
	return pickRangeSel(v.I64, p.lo, p.width, p.negate, in, out[:r.n])
}

func pickRangeAll(x []int64, lo int64, width uint64, negate int, out []int32) []int32 {
	k := 0
	for i, v := range x {
		out[k] = int32(i)
		k += bit(uint64(v)-uint64(lo) <= width) ^ negate
	}
	return out[:k]
}

func pickRangeSel(x []int64, lo int64, width uint64, negate int, in, out []int32) []int32 {
	k := 0
	for _, i := range in {
		out[k] = i
		k += bit(uint64(x[i])-uint64(lo) <= width) ^ negate
	}
	return out[:k]
}

func pickRangeNulls(x []int64, nulls event.Bitmap, p *rangePicker, n int, in, out []int32) []int32 {
	k := 0
	if in == nil {
		for i := range int32(n) {
			out[k] = i
			k += (bit(uint64(x[i])-uint64(p.lo) <= p.width) ^ p.negate) & valid(nulls, i)
		}
		return out[:k]
	}
	for _, i := range in {
		out[k] = i
		k += (bit(uint64(x[i])-uint64(p.lo) <= p.width) ^ p.negate) & valid(nulls, i)
	}
	return out[:k]
}

// floatPicker picks rows of a DOUBLE column in (or outside) a range.
type floatPicker struct {
	x      node
	lo, hi float64
	negate int
}

func (p *floatPicker) pick(r *run, in, out []int32) []int32 {
	v := p.x.eval(r, in)
	out = out[:r.n]
	x, lo, hi, negate, k := v.F64[:r.n], p.lo, p.hi, p.negate, 0
	switch {
	case v.Nulls != nil:
		return p.pickNulls(v, r.n, in, out)
	case in == nil:
		for i, f := range x {
			out[k] = int32(i)
			k += bit(f >= lo)&bit(f <= hi) ^ negate
		}
	default:
		for _, i := range in {
			out[k] = i
			k += bit(x[i] >= lo)&bit(x[i] <= hi) ^ negate
		}
	}
	return out[:k]
}

func (p *floatPicker) pickNulls(v *event.Vec, n int, in, out []int32) []int32 {
	k := 0
	if in == nil {
		for i := range int32(n) {
			out[k] = i
			k += (bit(v.F64[i] >= p.lo)&bit(v.F64[i] <= p.hi) ^ p.negate) & valid(v.Nulls, i)
		}
		return out[:k]
	}
	for _, i := range in {
		out[k] = i
		k += (bit(v.F64[i] >= p.lo)&bit(v.F64[i] <= p.hi) ^ p.negate) & valid(v.Nulls, i)
	}
	return out[:k]
}

// textPicker picks rows of a text column equal (or not) to a constant.
type textPicker struct {
	x      node
	text   string
	negate int
}

// textEquality finds text = 'constant' and text <> 'constant'.
func textEquality(e *expr.Compare) (x expr.Expr, text string, ok bool) {
	x, c := e.X, e.Y
	if _, swapped := x.(*expr.Const); swapped {
		x, c = c, x
	}
	k, isConst := c.(*expr.Const)
	if !isConst || k.Value.Null || e.Op > expr.Ne || k.T.Physical() != event.PhysStr {
		return nil, "", false
	}
	return x, string(k.Value.S), true
}

func (p *textPicker) pick(r *run, in, out []int32) []int32 {
	v := p.x.eval(r, in)
	out = out[:r.n]
	k := 0
	switch {
	case v.Nulls != nil:
		for j := range r.count(in) {
			i := int32(row(in, j))
			if valid(v.Nulls, i) == 0 {
				continue
			}
			out[k] = i
			k += p.equal(v, i) ^ p.negate
		}
	case in == nil:
		for i := range int32(r.n) {
			out[k] = i
			k += p.equal(v, i) ^ p.negate
		}
	default:
		for _, i := range in {
			out[k] = i
			k += p.equal(v, i) ^ p.negate
		}
	}
	return out[:k]
}

func (p *textPicker) equal(v *event.Vec, i int32) int {
	s := v.Str[i]
	return bit(int(s.Len) == len(p.text) && string(v.Buf[s.Off:s.Off+s.Len]) == p.text)
}
