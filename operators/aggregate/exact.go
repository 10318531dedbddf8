package aggregate

import (
	"encoding/binary"
	"math/bits"

	"github.com/cepd/cepd/internal/decimal"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

// exact is SUM and AVG of integers, DECIMAL and intervals: 128-bit sums, in
// which order does not matter and a value can be taken out again.
type exact struct {
	call   *Call
	wide   bool // values have 128 bits
	mean   bool
	acc    expr.Accumulator // makes results
	states []sum
}

type sum struct {
	lo uint64
	hi int64
	n  int64 // values that were not NULL
}

func newExact(c *Call) *exact {
	return &exact{call: c, wide: c.Params[0].Wide(), mean: c.Fn.Name == "AVG", acc: c.Fn.Bind(c.Params, c.Result)}
}

func (c *exact) Resize(n int) { c.states = resize(c.states, n) }

func (c *exact) Clear(slots []int32) {
	for _, s := range slots {
		c.states[s] = sum{}
	}
}

func (s *sum) add(hi int64, lo uint64) {
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, lo, 0)
	s.hi += hi + int64(carry)
}

func (c *exact) Add(slots, rows []int32, b *event.Batch) error {
	v := &b.Cols[c.call.Args[0]]
	switch {
	case c.wide:
		return c.addWide(slots, rows, v)
	case v.Nulls == nil:
		for i, s := range slots {
			x := v.I64[rows[i]]
			st := &c.states[s]
			st.add(x>>63, uint64(x))
			st.n++
		}
	default:
		for i, s := range slots {
			if r := rows[i]; !v.Null(int(r)) {
				x := v.I64[r]
				st := &c.states[s]
				st.add(x>>63, uint64(x))
				st.n++
			}
		}
	}
	return nil
}

// addWide checks each step, since two values may need more than 128 bits.
func (c *exact) addWide(slots, rows []int32, v *event.Vec) error {
	for i, s := range slots {
		r := rows[i]
		if v.Null(int(r)) {
			continue
		}
		if err := c.states[s].join(sum{uint64(v.I64[r]), v.Hi[r], 1}); err != nil {
			return err
		}
	}
	return nil
}

func (s *sum) join(x sum) error {
	r, err := decimal.Add(decimal.Int{Hi: s.hi, Lo: s.lo}, decimal.Int{Hi: x.hi, Lo: x.lo})
	s.hi, s.lo, s.n = r.Hi, r.Lo, s.n+x.n
	return err
}

func (c *exact) Merge(slots []int32, from Column, other []int32) error {
	f := from.(*exact)
	for i, s := range slots {
		if err := c.states[s].join(f.states[other[i]]); err != nil {
			return err
		}
	}
	return nil
}

func (c *exact) Retract(slots []int32, from Column, other []int32) error {
	f := from.(*exact)
	for i, s := range slots {
		x := f.states[other[i]]
		n := decimal.Int{Hi: x.hi, Lo: x.lo}.Neg()
		if err := c.states[s].join(sum{n.Lo, n.Hi, -x.n}); err != nil {
			return err
		}
	}
	return nil
}

func (c *exact) Result(slots []int32, out *event.Vec, fail func(int, error)) {
	if !c.mean && out.Type.Wide() {
		c.wideSums(slots, out, fail)
		return
	}
	var registers [2]event.Value
	for i, s := range slots {
		st := &c.states[s]
		registers[0] = event.Value{I: int64(st.lo), Hi: st.hi, Null: st.n == 0 && !c.mean}
		registers[1].I = st.n
		var x event.Value
		if err := c.acc.Result(registers[:c.acc.Size()], &x); err != nil && st.n > 0 {
			fail(i, err)
			x = event.NullValue
		}
		x.Null = x.Null || st.n == 0
		out.Set(i, len(slots), x)
	}
}

// wideSums writes sums in their own form; out is DECIMAL(38, s).
func (c *exact) wideSums(slots []int32, out *event.Vec, fail func(int, error)) {
	for i, s := range slots {
		st := &c.states[s]
		out.I64[i], out.Hi[i] = int64(st.lo), st.hi
		switch {
		case st.n == 0:
			out.SetNull(i, len(slots))
		case !decimal.Int{Hi: st.hi, Lo: st.lo}.Fits(decimal.MaxDigits):
			fail(i, decimal.ErrOverflow)
		}
	}
}

func (c *exact) Append(dst []byte, slot int32) []byte {
	s := &c.states[slot]
	dst = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(dst, s.lo), uint64(s.hi))
	return binary.AppendVarint(dst, s.n)
}

func (c *exact) Read(src []byte, slot int32) ([]byte, error) {
	r := reader{src: src}
	c.states[slot] = sum{r.word(), int64(r.word()), r.varint()}
	return r.rest()
}

func (c *exact) Bytes() int64 { return int64(cap(c.states)) * 24 }
