package aggregate

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/internal/function"
)

// distinct is an aggregate of distinct values: per state the set of them, in
// one hash table for all states. A value counts its rows, so that they can be
// taken out again. COUNT is the size of the set;
// other aggregates see the values in ascending order.
type distinct struct {
	call    *Call
	limit   int
	acc     expr.Accumulator
	sets    []valueSet
	values  []distinctValue
	free    []int32
	index   []int32 // of values, by hash: open addressing, 0 is empty
	used    int
	scratch []byte
	args    []event.Value
	bytes   int64
}

// valueSet is the values of a state: a list through distinctValue.next.
type valueSet struct {
	first int32 // 0: none; values[0] is not used
	n     int32
}

type distinctValue struct {
	hash       uint64
	slot       int32
	next, prev int32
	count      int64  // rows that have it
	bytes      []byte // the arguments, encoded
}

func newDistinct(c *Call, o Options) *distinct {
	return &distinct{call: c, limit: o.MaxRows, acc: c.Fn.Bind(c.Params, c.Result), values: make([]distinctValue, 1),
		index: make([]int32, 64), args: make([]event.Value, len(c.Args))}
}

func (c *distinct) Resize(n int) {
	for s := n; s < len(c.sets); s++ {
		c.Clear([]int32{int32(s)})
	}
	c.sets = resize(c.sets, n)
}

func (c *distinct) Clear(slots []int32) {
	for _, s := range slots {
		for c.sets[s].first != 0 {
			c.remove(c.sets[s].first)
		}
	}
}

func (c *distinct) Add(slots, rows []int32, b *event.Batch) error {
	for i, s := range slots {
		if !c.read(b, int(rows[i])) {
			continue
		}
		c.scratch = c.encode(c.scratch[:0])
		v, err := c.insert(s, c.scratch)
		if err != nil {
			return err
		}
		c.values[v].count++
	}
	return nil
}

// read takes the arguments of a row; false when it does not count. COUNT of
// several arguments counts rows without a NULL.
func (c *distinct) read(b *event.Batch, row int) bool {
	if !argsOf(c.args, c.call, b, row) {
		return false
	}
	return c.call.Fn.Name != "COUNT" || !slices.ContainsFunc(c.args, func(v event.Value) bool { return v.Null })
}

// encode makes equal values equal bytes.
func (c *distinct) encode(dst []byte) []byte {
	for i, v := range c.args {
		if x := v.F(); c.call.Params[i].Float() && !v.Null && (x == 0 || x != x) {
			v = event.FloatValue(math.Abs(x)) // one zero, one NaN
		}
		dst = event.AppendValue(dst, c.call.Params[i], v)
	}
	return dst
}

func (c *distinct) insert(slot int32, value []byte) (int32, error) {
	if v := c.find(slot, value); v != 0 {
		return v, nil
	}
	set := &c.sets[slot]
	if c.limit > 0 && int(set.n) >= c.limit {
		return 0, &LimitError{"distinct values of " + c.call.Fn.Name, c.limit}
	}
	if (c.used+1)*4 > len(c.index)*3 {
		c.rehash(2 * len(c.index))
	}
	v := c.take()
	c.values[v] = distinctValue{hash: hashOf(slot, value), slot: slot, next: set.first, bytes: append(c.values[v].bytes[:0], value...)}
	if set.first != 0 {
		c.values[set.first].prev = v
	}
	set.first, set.n = v, set.n+1
	c.place(v)
	c.used++
	c.bytes += int64(len(value)) + 56
	return v, nil
}

func (c *distinct) take() int32 {
	if n := len(c.free); n > 0 {
		v := c.free[n-1]
		c.free = c.free[:n-1]
		return v
	}
	c.values = append(c.values, distinctValue{})
	return int32(len(c.values) - 1)
}

func hashOf(slot int32, value []byte) uint64 { return xxh3.HashSeed(value, uint64(uint32(slot))) }

func (c *distinct) find(slot int32, value []byte) int32 {
	mask := uint64(len(c.index) - 1)
	h := hashOf(slot, value)
	for i := h & mask; c.index[i] != 0; i = (i + 1) & mask {
		if v := &c.values[c.index[i]]; v.hash == h && v.slot == slot && bytes.Equal(v.bytes, value) {
			return c.index[i]
		}
	}
	return 0
}

func (c *distinct) place(v int32) {
	mask := uint64(len(c.index) - 1)
	i := c.values[v].hash & mask
	for c.index[i] != 0 {
		i = (i + 1) & mask
	}
	c.index[i] = v
}

func (c *distinct) rehash(n int) {
	old := c.index
	c.index = make([]int32, n)
	for _, v := range old {
		if v != 0 {
			c.place(v)
		}
	}
}

// remove takes a value out of its set and of the table.
func (c *distinct) remove(v int32) {
	x := &c.values[v]
	if x.prev != 0 {
		c.values[x.prev].next = x.next
	} else {
		c.sets[x.slot].first = x.next
	}
	if x.next != 0 {
		c.values[x.next].prev = x.prev
	}
	c.sets[x.slot].n--
	c.unplace(v)
	c.used--
	c.bytes -= int64(len(x.bytes)) + 56
	*x = distinctValue{bytes: x.bytes}
	c.free = append(c.free, v)
}

// unplace empties the value's place in the table and closes the gap.
func (c *distinct) unplace(v int32) {
	mask := uint64(len(c.index) - 1)
	i := c.values[v].hash & mask
	for c.index[i] != v {
		i = (i + 1) & mask
	}
	for j := (i + 1) & mask; c.index[j] != 0; j = (j + 1) & mask {
		if home := c.values[c.index[j]].hash & mask; (j-home)&mask >= (j-i)&mask {
			c.index[i] = c.index[j]
			i = j
		}
	}
	c.index[i] = 0
}

func (c *distinct) Merge(slots []int32, from Column, other []int32) error {
	f := from.(*distinct)
	for i, s := range slots {
		for v := f.sets[other[i]].first; v != 0; v = f.values[v].next {
			own, err := c.insert(s, f.values[v].bytes)
			if err != nil {
				return err
			}
			c.values[own].count += f.values[v].count
		}
	}
	return nil
}

func (c *distinct) Retract(slots []int32, from Column, other []int32) error {
	f := from.(*distinct)
	for i, s := range slots {
		for v := f.sets[other[i]].first; v != 0; v = f.values[v].next {
			own := c.find(s, f.values[v].bytes)
			if own == 0 {
				continue // a row that never came
			}
			if c.values[own].count -= f.values[v].count; c.values[own].count <= 0 {
				c.remove(own)
			}
		}
	}
	return nil
}

func (c *distinct) Result(slots []int32, out *event.Vec, fail func(int, error)) {
	if c.call.Fn.Name == "COUNT" {
		for i, s := range slots {
			out.I64[i] = int64(c.sets[s].n)
		}
		return
	}
	state := make([]event.Value, c.acc.Size())
	for i, s := range slots {
		x := event.NullValue
		if err := fold(c.acc, state, c.sorted(s), &x); err != nil {
			fail(i, err)
			x = event.NullValue
		}
		out.Set(i, len(slots), x)
	}
}

// fold aggregates rows of arguments.
func fold(acc expr.Accumulator, state []event.Value, rows [][]event.Value, out *event.Value) error {
	acc.Init(state)
	for _, args := range rows {
		if err := acc.Add(state, args); err != nil {
			return err
		}
	}
	return acc.Result(state, out)
}

// sorted is the values of a set, in the order that the call asks for, else
// ascending.
func (c *distinct) sorted(slot int32) [][]event.Value {
	var rows [][]event.Value
	for v := c.sets[slot].first; v != 0; v = c.values[v].next {
		rows = append(rows, decode(c.values[v].bytes, c.call.Params))
	}
	slices.SortFunc(rows, func(a, b []event.Value) int {
		for _, k := range c.call.OrderBy {
			at := slices.Index(c.call.Args, k.Column)
			if d := k.Compare(a[at], b[at]); d != 0 {
				return d
			}
		}
		for i, t := range c.call.Params {
			if d := function.Compare(t, a[i], b[i]); d != 0 {
				return d
			}
		}
		return 0
	})
	return rows
}

// decode reads values that encode has written.
func decode(src []byte, types []event.Type) []event.Value {
	row := make([]event.Value, len(types))
	for i, t := range types {
		row[i], src, _ = event.ReadValue(src, t)
	}
	return row
}

// Compare orders two values: -1, 0 or 1.
func (k *Key) Compare(a, b event.Value) int {
	switch {
	case a.Null && b.Null:
		return 0
	case a.Null || b.Null:
		if a.Null == k.NullsFirst {
			return -1
		}
		return 1
	case k.Desc:
		return -function.Compare(k.Type, a, b)
	}
	return function.Compare(k.Type, a, b)
}

func (c *distinct) Append(dst []byte, slot int32) []byte {
	dst = binary.AppendUvarint(dst, uint64(c.sets[slot].n))
	for v := c.sets[slot].first; v != 0; v = c.values[v].next {
		x := &c.values[v]
		dst = binary.AppendVarint(dst, x.count)
		dst = append(binary.AppendUvarint(dst, uint64(len(x.bytes))), x.bytes...)
	}
	return dst
}

func (c *distinct) Read(src []byte, slot int32) ([]byte, error) {
	r := reader{src: src}
	for n := r.uvarint(); n > 0 && !r.bad; n-- {
		count := r.varint()
		v, err := c.insert(slot, r.bytes())
		if err != nil {
			return nil, err
		}
		c.values[v].count = count
	}
	return r.rest()
}

func (c *distinct) Bytes() int64 { return c.bytes + int64(len(c.index))*4 + int64(len(c.sets))*8 }
