package aggregate

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

// collected is an aggregate with ORDER BY: rows are kept and aggregated in that
// order when asked. Rows that the keys leave open keep theirs.
type collected struct {
	call   *Call
	limit  int
	acc    expr.Accumulator
	types  []event.Type // of arguments, then sort keys
	states [][][]byte   // encoded rows
	bytes  int64
}

func newCollected(c *Call, o Options) *collected {
	types := slices.Clone(c.Params)
	for _, k := range c.OrderBy {
		types = append(types, k.Type)
	}
	return &collected{call: c, limit: o.MaxRows, acc: c.Fn.Bind(c.Params, c.Result), types: types}
}

func (c *collected) Resize(n int) {
	for s := n; s < len(c.states); s++ {
		c.Clear([]int32{int32(s)})
	}
	c.states = resize(c.states, n)
}

func (c *collected) Clear(slots []int32) {
	for _, s := range slots {
		for _, row := range c.states[s] {
			c.bytes -= int64(len(row)) + 24
		}
		c.states[s] = nil
	}
}

func (c *collected) Add(slots, rows []int32, b *event.Batch) error {
	args := make([]event.Value, len(c.call.Args))
	for i, s := range slots {
		row := int(rows[i])
		if !argsOf(args, c.call, b, row) {
			continue
		}
		var enc []byte
		for k, v := range args {
			enc = event.AppendValue(enc, c.types[k], v)
		}
		for _, k := range c.call.OrderBy {
			enc = event.AppendValue(enc, k.Type, b.Cols[k.Column].Value(row))
		}
		if err := c.push(s, enc); err != nil {
			return err
		}
	}
	return nil
}

func (c *collected) push(s int32, row []byte) error {
	if c.limit > 0 && len(c.states[s]) >= c.limit {
		return &LimitError{"values of " + c.call.Fn.Name, c.limit}
	}
	c.states[s] = append(c.states[s], row)
	c.bytes += int64(len(row)) + 24
	return nil
}

func (c *collected) Merge(slots []int32, from Column, other []int32) error {
	f := from.(*collected)
	for i, s := range slots {
		for _, row := range f.states[other[i]] {
			if err := c.push(s, row); err != nil {
				return err
			}
		}
	}
	return nil
}

// Retract takes out, for each row, one that is equal to it.
func (c *collected) Retract(slots []int32, from Column, other []int32) error {
	f := from.(*collected)
	for i, s := range slots {
		for _, row := range f.states[other[i]] {
			at := slices.IndexFunc(c.states[s], func(own []byte) bool { return bytes.Equal(own, row) })
			if at < 0 {
				continue // a row that never came
			}
			c.states[s] = slices.Delete(c.states[s], at, at+1)
			c.bytes -= int64(len(row)) + 24
		}
	}
	return nil
}

func (c *collected) Result(slots []int32, out *event.Vec, fail func(int, error)) {
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

// sorted is the arguments of the rows in order.
func (c *collected) sorted(slot int32) [][]event.Value {
	n := len(c.call.Args)
	rows := make([][]event.Value, len(c.states[slot]))
	for i, enc := range c.states[slot] {
		rows[i] = decode(enc, c.types)
	}
	slices.SortStableFunc(rows, func(a, b []event.Value) int {
		for i := range c.call.OrderBy {
			if d := c.call.OrderBy[i].Compare(a[n+i], b[n+i]); d != 0 {
				return d
			}
		}
		return 0
	})
	for i := range rows {
		rows[i] = rows[i][:n]
	}
	return rows
}

func (c *collected) Append(dst []byte, slot int32) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(c.states[slot])))
	for _, row := range c.states[slot] {
		dst = append(binary.AppendUvarint(dst, uint64(len(row))), row...)
	}
	return dst
}

func (c *collected) Read(src []byte, slot int32) ([]byte, error) {
	r := reader{src: src}
	for n := r.uvarint(); n > 0 && !r.bad; n-- {
		if err := c.push(slot, append([]byte(nil), r.bytes()...)); err != nil {
			return nil, err
		}
	}
	return r.rest()
}

func (c *collected) Bytes() int64 { return c.bytes + int64(len(c.states))*24 }
