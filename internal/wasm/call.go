package wasm

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/cepd/cepd/internal/event"
)

// The bytes of nulls.
const (
	present = 0
	null    = 1
	failed  = 2
)

const descriptor = 16 // bytes

var (
	errRow   = errors.New("the function could not compute the row")
	errFrame = errors.New("the function has given a result outside its memory")
)

// call is one call of an exported function.
type call struct {
	m      *Module
	export string
	params []event.Type
	result event.Type
}

// rows computes rows; args has a column per argument. fail reports those that cannot
// be computed, which stay NULL. Where the call itself fails, rows are tried one by one,
// so that what a row gives does not depend on those beside it.
func (c *call) rows(args []*event.Vec, sel []int32, out *event.Vec, n int, fail func(row int32, err error)) error {
	err := c.some(args, sel, out, n, fail)
	if err == nil || fatal(err) {
		return err
	}
	for i := range sel {
		if len(sel) > 1 {
			err = c.some(args, sel[i:i+1], out, n, fail)
		}
		if fatal(err) {
			return err
		}
		if err != nil {
			out.SetNull(int(sel[i]), n)
			fail(sel[i], err)
		}
	}
	return nil
}

// some computes rows in one call.
func (c *call) some(args []*event.Vec, sel []int32, out *event.Vec, n int, fail func(row int32, err error)) error {
	i, err := c.m.take()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.m.options.Timeout)
	defer cancel()
	if err := c.run(ctx, i, args, sel); err != nil {
		c.m.drop(i)
		return err
	}
	if err := c.read(i, len(args), sel, out, n, fail); err != nil {
		c.m.drop(i)
		return err
	}
	c.m.give(i)
	return nil
}

func (c *call) run(ctx context.Context, i *instance, args []*event.Vec, sel []int32) error {
	size := c.size(args, sel)
	if size > math.MaxInt32 {
		return fmt.Errorf("a call needs %d bytes", size)
	}
	if err := c.m.room(ctx, i, uint32(size)); err != nil {
		return err
	}
	c.write(i, args, sel)
	if !i.module.Memory().Write(i.at, i.frame) {
		return errFrame
	}
	f := i.module.ExportedFunction(c.export)
	out, err := f.Call(ctx, uint64(len(sel)), uint64(i.at))
	switch {
	case err != nil:
		return c.m.told(ctx, err)
	case uint32(out[0]) != 0:
		return fmt.Errorf("the function has failed with %d", int32(out[0]))
	}
	return nil
}

func text(t event.Type) bool { return t.Physical() == event.PhysStr }

func aligned(n int) int { return (n + 7) &^ 7 }

// width is the bytes of values and nulls of a column.
func width(t event.Type, rows int) (values, nulls int) {
	if text(t) {
		return aligned(4 * (rows + 1)), aligned(rows)
	}
	return 8 * rows, aligned(rows)
}

// size is the bytes of a frame with all it describes.
func (c *call) size(args []*event.Vec, sel []int32) int {
	n := descriptor * (len(args) + 1)
	for a, t := range c.params {
		values, nulls := width(t, len(sel))
		n += values + nulls
		if text(t) {
			for _, row := range sel {
				if !args[a].Null(int(row)) {
					n += int(args[a].Str[row].Len)
				}
			}
			n = aligned(n)
		}
	}
	values, nulls := width(c.result, len(sel))
	return n + values + nulls
}

// write makes the frame.
//
//	descriptors | per column: values, nulls, bytes
func (c *call) write(i *instance, args []*event.Vec, sel []int32) {
	f := append(i.frame[:0], make([]byte, descriptor*(len(args)+1))...)
	put := func(column, field, at int) {
		binary.LittleEndian.PutUint32(f[descriptor*column+4*field:], i.at+uint32(at))
	}
	for a, t := range c.params {
		v := args[a]
		put(a, 0, len(f))
		if text(t) {
			f = appendOffsets(f, v, sel)
		} else {
			f = appendValues(f, v, sel)
		}
		put(a, 1, len(f))
		for _, row := range sel {
			f = append(f, nullByte(v, row))
		}
		f = pad(f)
		if !text(t) {
			continue
		}
		put(a, 2, len(f))
		from := len(f)
		for _, row := range sel {
			if !v.Null(int(row)) {
				f = append(f, v.Bytes(int(row))...)
			}
		}
		binary.LittleEndian.PutUint32(f[descriptor*a+12:], uint32(len(f)-from))
		f = pad(f)
	}
	values, nulls := width(c.result, len(sel))
	put(len(args), 0, len(f))
	put(len(args), 1, len(f)+values)
	i.frame = append(f, make([]byte, values+nulls)...)
}

func pad(f []byte) []byte {
	for len(f)%8 != 0 {
		f = append(f, 0)
	}
	return f
}

func nullByte(v *event.Vec, row int32) byte {
	if v.Null(int(row)) {
		return null
	}
	return present
}

func appendValues(f []byte, v *event.Vec, sel []int32) []byte {
	float := v.Type.Physical() == event.PhysF64
	for _, row := range sel {
		var x uint64
		switch {
		case v.Null(int(row)):
		case float:
			x = math.Float64bits(canonical(v.F64[row]))
		default:
			x = uint64(v.I64[row])
		}
		f = binary.LittleEndian.AppendUint64(f, x)
	}
	return f
}

func appendOffsets(f []byte, v *event.Vec, sel []int32) []byte {
	at := uint32(0)
	f = binary.LittleEndian.AppendUint32(f, at)
	for _, row := range sel {
		if !v.Null(int(row)) {
			at += v.Str[row].Len
		}
		f = binary.LittleEndian.AppendUint32(f, at)
	}
	return pad(f)
}

// canonical gives all NaN one form: that of a NaN that was computed differs between
// processors.
func canonical(x float64) float64 {
	if x != x {
		return math.NaN()
	}
	return x
}

// read takes the result from the frame.
func (c *call) read(i *instance, args int, sel []int32, out *event.Vec, n int, fail func(row int32, err error)) error {
	memory := i.module.Memory()
	d, ok := memory.Read(i.at+uint32(descriptor*args), descriptor)
	if !ok {
		return errFrame
	}
	field := func(k int) uint32 { return binary.LittleEndian.Uint32(d[4*k:]) }
	width, _ := width(c.result, len(sel))
	values, ok1 := memory.Read(field(0), uint32(width))
	nulls, ok2 := memory.Read(field(1), uint32(len(sel)))
	if !ok1 || !ok2 {
		return errFrame
	}
	var bytes []byte
	if text(c.result) && field(3) > 0 {
		if bytes, ok = memory.Read(field(2), field(3)); !ok {
			return errFrame
		}
	}
	for k, row := range sel {
		x, err := c.value(values, nulls, bytes, k)
		if err != nil {
			fail(row, err)
			x = event.NullValue
		}
		out.Set(int(row), n, x)
	}
	return nil
}

// value is row k of the result.
func (c *call) value(values, nulls, bytes []byte, k int) (event.Value, error) {
	switch nulls[k] {
	case null:
		return event.NullValue, nil
	case present:
	default:
		return event.NullValue, errRow
	}
	if text(c.result) {
		from, to := binary.LittleEndian.Uint32(values[4*k:]), binary.LittleEndian.Uint32(values[4*k+4:])
		if from > to || uint64(to) > uint64(len(bytes)) {
			return event.NullValue, errFrame
		}
		if c.result.Kind == event.String && !utf8.Valid(bytes[from:to]) {
			return event.NullValue, errors.New("the function has given a text that is not UTF-8")
		}
		return event.Value{S: bytes[from:to]}, nil
	}
	x := int64(binary.LittleEndian.Uint64(values[8*k:]))
	switch {
	case c.result.Kind == event.Float32:
		return event.FloatValue(canonical(float64(float32(math.Float64frombits(uint64(x)))))), nil
	case c.result.Float():
		return event.FloatValue(canonical(math.Float64frombits(uint64(x)))), nil
	case c.result.Kind == event.Bool:
		return event.BoolValue(x != 0), nil
	}
	return event.IntValue(x), inRange(c.result, x)
}
