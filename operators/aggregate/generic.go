package aggregate

import (
	"encoding/binary"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

// generic is any aggregate, through its expr.Accumulator.
type generic struct {
	call   *Call
	limit  int
	acc    expr.Accumulator
	size   int
	states []event.Value // size values a state
	args   []event.Value
}

func newGeneric(c *Call, o Options) *generic {
	acc := c.Fn.Bind(c.Params, c.Result)
	return &generic{call: c, limit: o.MaxRows, acc: acc, size: acc.Size(), args: make([]event.Value, len(c.Args))}
}

func (c *generic) state(slot int32) []event.Value {
	return c.states[int(slot)*c.size:][:c.size:c.size]
}

func (c *generic) Resize(n int) {
	old := len(c.states) / c.size
	c.states = resize(c.states, n*c.size)
	for s := old; s < n; s++ {
		c.acc.Init(c.state(int32(s)))
	}
}

func (c *generic) Clear(slots []int32) {
	for _, s := range slots {
		c.acc.Init(c.state(s))
	}
}

func (c *generic) Add(slots, rows []int32, b *event.Batch) error {
	for i, s := range slots {
		if !argsOf(c.args, c.call, b, int(rows[i])) {
			continue
		}
		if err := c.acc.Add(c.state(s), c.args); err != nil {
			return err
		}
		if err := c.check(s); err != nil {
			return err
		}
	}
	return nil
}

// check limits what a list collects: its first register counts.
func (c *generic) check(s int32) error {
	if st := c.state(s); c.limit > 0 && len(st[0].L) > 0 && st[0].I > int64(c.limit) {
		return &LimitError{"values of " + c.call.Fn.Name, c.limit}
	}
	return nil
}

// argsOf reads the arguments of a row; false when the row does not count.
func argsOf(args []event.Value, c *Call, b *event.Batch, row int) bool {
	for k, col := range c.Args {
		args[k] = b.Cols[col].Value(row)
	}
	return len(args) == 0 || !args[0].Null || c.Fn.NullArgs
}

func (c *generic) Merge(slots []int32, from Column, other []int32) error {
	f := from.(*generic)
	for i, s := range slots {
		if err := c.acc.Merge(c.state(s), f.state(other[i])); err != nil {
			return err
		}
		if err := c.check(s); err != nil {
			return err
		}
	}
	return nil
}

func (c *generic) Result(slots []int32, out *event.Vec, fail func(int, error)) {
	for i, s := range slots {
		var x event.Value
		if err := c.acc.Result(c.state(s), &x); err != nil {
			fail(i, err)
			x = event.NullValue
		}
		out.Set(i, len(slots), x)
	}
}

func (c *generic) Append(dst []byte, slot int32) []byte {
	for _, v := range c.state(slot) {
		dst = appendRegister(dst, v)
	}
	return dst
}

func (c *generic) Read(src []byte, slot int32) ([]byte, error) {
	r := reader{src: src}
	for i := range c.size {
		c.states[int(slot)*c.size+i] = readRegister(&r, 0)
	}
	return r.rest()
}

func (c *generic) Bytes() int64 { return int64(cap(c.states)) * 72 }

// appendRegister encodes a Value of any shape: a register has no SQL type.
func appendRegister(dst []byte, v event.Value) []byte {
	var flags byte
	if v.Null {
		flags |= 1
	}
	if v.S != nil {
		flags |= 2
	}
	if v.L != nil {
		flags |= 4
	}
	dst = append(dst, flags)
	dst = binary.AppendVarint(binary.AppendVarint(dst, v.I), v.Hi)
	if v.S != nil {
		dst = append(binary.AppendUvarint(dst, uint64(len(v.S))), v.S...)
	}
	if v.L != nil {
		dst = binary.AppendUvarint(dst, uint64(len(v.L)))
		for _, x := range v.L {
			dst = appendRegister(dst, x)
		}
	}
	return dst
}

// maxDepth bounds the nesting of a register that is read.
const maxDepth = 64

func readRegister(r *reader, depth int) (v event.Value) {
	flags := r.uvarint()
	v.Null, v.I, v.Hi = flags&1 != 0, r.varint(), r.varint()
	if flags&2 != 0 {
		v.S = append([]byte{}, r.bytes()...)
	}
	if flags&4 != 0 {
		n := r.uvarint()
		if depth > maxDepth || n > uint64(len(r.src)) {
			r.skip(0)
			return v
		}
		v.L = make([]event.Value, n)
		for i := range v.L {
			v.L[i] = readRegister(r, depth+1)
		}
	}
	return v
}
