package aggregate

import (
	"encoding/binary"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/internal/sketch"
)

// distinctSketch is APPROX_COUNT_DISTINCT: a sketch per state, made with its
// first value.
type distinctSketch struct {
	call   *Call
	states []*sketch.Distinct
}

// quantileSketch is APPROX_PERCENTILE.
type quantileSketch struct {
	call   *Call
	states []quantileState
}

type quantileState struct {
	q *sketch.Quantiles
	p event.Value
}

// newSketch is the Column of an approximate aggregate; nil for others.
func newSketch(c *Call) Column {
	switch c.Fn.Name {
	case "APPROX_COUNT_DISTINCT":
		return &distinctSketch{call: c}
	case "APPROX_PERCENTILE":
		return &quantileSketch{call: c}
	}
	return nil
}

func (c *distinctSketch) Resize(n int) { c.states = resize(c.states, n) }

func (c *distinctSketch) Clear(slots []int32) {
	for _, s := range slots {
		c.states[s] = nil
	}
}

func (c *distinctSketch) state(s int32) *sketch.Distinct {
	if c.states[s] == nil {
		c.states[s] = sketch.NewDistinct()
	}
	return c.states[s]
}

func (c *distinctSketch) Add(slots, rows []int32, b *event.Batch) error {
	v := &b.Cols[c.call.Args[0]]
	for i, s := range slots {
		if r := int(rows[i]); !v.Null(r) {
			c.state(s).Add(function.Hash(v.Type, v.Value(r)))
		}
	}
	return nil
}

func (c *distinctSketch) Merge(slots []int32, from Column, other []int32) error {
	f := from.(*distinctSketch)
	for i, s := range slots {
		if o := f.states[other[i]]; o != nil {
			if err := c.state(s).Merge(o); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *distinctSketch) Result(slots []int32, out *event.Vec, _ func(int, error)) {
	for i, s := range slots {
		out.I64[i] = 0
		if d := c.states[s]; d != nil {
			out.I64[i] = d.Count()
		}
	}
}

func (c *distinctSketch) Append(dst []byte, slot int32) []byte {
	d := c.states[slot]
	if d == nil {
		return binary.AppendUvarint(dst, 0)
	}
	dst, err := d.Append(dst)
	if err != nil {
		panic(err) // the encoder writes to memory
	}
	return dst
}

func (c *distinctSketch) Read(src []byte, slot int32) ([]byte, error) {
	r := reader{src: src}
	if p := r.bytes(); len(p) > 0 {
		var err error
		if c.states[slot], err = sketch.ReadDistinct(p); err != nil {
			return nil, err
		}
	}
	return r.rest()
}

func (c *distinctSketch) Bytes() int64 { return int64(len(c.states)) * 512 }

func (c *quantileSketch) Resize(n int) { c.states = resize(c.states, n) }

func (c *quantileSketch) Clear(slots []int32) {
	for _, s := range slots {
		c.states[s] = quantileState{}
	}
}

func (c *quantileSketch) state(s int32) *quantileState {
	st := &c.states[s]
	if st.q == nil {
		*st = quantileState{sketch.NewQuantiles(), event.NullValue}
	}
	return st
}

func (c *quantileSketch) Add(slots, rows []int32, b *event.Batch) error {
	v, p := &b.Cols[c.call.Args[0]], &b.Cols[c.call.Args[1]]
	for i, s := range slots {
		r := int(rows[i])
		if v.Null(r) {
			continue
		}
		st := c.state(s)
		st.p = p.Value(r)
		if err := st.q.Add(v.F64[r]); err != nil {
			return err
		}
	}
	return nil
}

func (c *quantileSketch) Merge(slots []int32, from Column, other []int32) error {
	f := from.(*quantileSketch)
	for i, s := range slots {
		o := &f.states[other[i]]
		if o.q == nil {
			continue
		}
		st := c.state(s)
		st.p = o.p
		if err := st.q.Merge(o.q); err != nil {
			return err
		}
	}
	return nil
}

func (c *quantileSketch) Result(slots []int32, out *event.Vec, fail func(int, error)) {
	for i, s := range slots {
		x := event.NullValue
		if st := &c.states[s]; st.q != nil {
			if err := function.Percentile(st.q, st.p, &x); err != nil {
				fail(i, err)
				x = event.NullValue
			}
		}
		out.Set(i, len(slots), x)
	}
}

func (c *quantileSketch) Append(dst []byte, slot int32) []byte {
	st := &c.states[slot]
	if st.q == nil {
		return binary.AppendUvarint(dst, 0)
	}
	return appendRegister(st.q.Append(dst), st.p)
}

func (c *quantileSketch) Read(src []byte, slot int32) ([]byte, error) {
	r := reader{src: src}
	p := r.bytes()
	if len(p) == 0 {
		return r.rest()
	}
	q, err := sketch.ReadQuantiles(p)
	if err != nil {
		return nil, err
	}
	c.states[slot] = quantileState{q, readRegister(&r, 0)}
	return r.rest()
}

func (c *quantileSketch) Bytes() int64 { return int64(len(c.states)) * 1024 }
