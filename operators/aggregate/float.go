package aggregate

import (
	"encoding/binary"
	"math"

	"github.com/cepd/cepd/internal/event"
)

// floatSum is SUM and AVG of FLOAT and DOUBLE.
type floatSum struct {
	call   *Call
	mean   bool
	states []floatState
}

type floatState struct {
	sum float64
	n   int64
}

func (c *floatSum) Resize(n int) { c.states = resize(c.states, n) }

func (c *floatSum) Clear(slots []int32) {
	for _, s := range slots {
		c.states[s] = floatState{}
	}
}

func (c *floatSum) Add(slots, rows []int32, b *event.Batch) error {
	v := &b.Cols[c.call.Args[0]]
	for i, s := range slots {
		r := rows[i]
		if v.Nulls != nil && v.Null(int(r)) {
			continue
		}
		st := &c.states[s]
		st.sum += v.F64[r]
		st.n++
	}
	return nil
}

func (c *floatSum) Merge(slots []int32, from Column, other []int32) error {
	f := from.(*floatSum)
	for i, s := range slots {
		c.states[s].sum += f.states[other[i]].sum
		c.states[s].n += f.states[other[i]].n
	}
	return nil
}

func (c *floatSum) Result(slots []int32, out *event.Vec, _ func(int, error)) {
	single := out.Type.Kind == event.Float32
	for i, s := range slots {
		st := &c.states[s]
		x := st.sum
		if c.mean {
			x /= float64(st.n)
		}
		if single {
			x = float64(float32(x))
		}
		out.F64[i] = x
		if st.n == 0 {
			out.SetNull(i, len(slots))
		}
	}
}

func (c *floatSum) Append(dst []byte, slot int32) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(c.states[slot].sum))
	return binary.AppendVarint(dst, c.states[slot].n)
}

func (c *floatSum) Read(src []byte, slot int32) ([]byte, error) {
	r := reader{src: src}
	c.states[slot] = floatState{math.Float64frombits(r.word()), r.varint()}
	return r.rest()
}

func (c *floatSum) Bytes() int64 { return int64(cap(c.states)) * 16 }

// extreme is MIN and MAX of values that fit a word. NaN is above all numbers.
type extreme[T int64 | float64] struct {
	call   *Call
	max    bool
	values func(*event.Vec) []T
	states []extremeState[T]
}

type extremeState[T int64 | float64] struct {
	x   T
	any bool
}

func (s *extremeState[T]) take(x T, max bool) {
	if !s.any || max && above(x, s.x) || !max && above(s.x, x) {
		s.x, s.any = x, true
	}
}

func above[T int64 | float64](x, y T) bool { return x > y || x != x && y == y }

func (c *extreme[T]) Resize(n int) { c.states = resize(c.states, n) }

func (c *extreme[T]) Clear(slots []int32) {
	for _, s := range slots {
		c.states[s] = extremeState[T]{}
	}
}

func (c *extreme[T]) Add(slots, rows []int32, b *event.Batch) error {
	v := &b.Cols[c.call.Args[0]]
	x := c.values(v)
	for i, s := range slots {
		if r := rows[i]; v.Nulls == nil || !v.Null(int(r)) {
			c.states[s].take(x[r], c.max)
		}
	}
	return nil
}

func (c *extreme[T]) Merge(slots []int32, from Column, other []int32) error {
	f := from.(*extreme[T])
	for i, s := range slots {
		if x := &f.states[other[i]]; x.any {
			c.states[s].take(x.x, c.max)
		}
	}
	return nil
}

func (c *extreme[T]) Result(slots []int32, out *event.Vec, _ func(int, error)) {
	x := c.values(out)
	for i, s := range slots {
		x[i] = c.states[s].x
		if !c.states[s].any {
			out.SetNull(i, len(slots))
		}
	}
}

func (c *extreme[T]) Append(dst []byte, slot int32) []byte {
	s := &c.states[slot]
	if !s.any {
		return append(dst, 0)
	}
	return binary.LittleEndian.AppendUint64(append(dst, 1), word(s.x))
}

func (c *extreme[T]) Read(src []byte, slot int32) ([]byte, error) {
	r := reader{src: src}
	c.states[slot] = extremeState[T]{any: r.uvarint() == 1}
	if c.states[slot].any {
		c.states[slot].x = unword[T](r.word())
	}
	return r.rest()
}

func (c *extreme[T]) Bytes() int64 { return int64(cap(c.states)) * 16 }

// word and unword are a number as bits and back.
func word[T int64 | float64](x T) uint64 {
	switch x := any(x).(type) {
	case float64:
		return math.Float64bits(x)
	case int64:
		return uint64(x)
	}
	return 0
}

func unword[T int64 | float64](w uint64) (x T) {
	switch p := any(&x).(type) {
	case *float64:
		*p = math.Float64frombits(w)
	case *int64:
		*p = int64(w)
	}
	return x
}
