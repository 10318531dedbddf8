package aggregate

import (
	"encoding/binary"

	"github.com/cepd/cepd/internal/event"
)

// count is COUNT(*) and COUNT(x).
type count struct {
	call *Call
	n    []int64
}

func (c *count) Resize(n int) { c.n = resize(c.n, n) }

// Count adds n rows to each of slots. It is for COUNT(*) without a filter, for
// which a row needs no state of its own.
func (c *count) Count(slots []int32, n int64) {
	for _, s := range slots {
		c.n[s] += n
	}
}

func (c *count) Clear(slots []int32) {
	for _, s := range slots {
		c.n[s] = 0
	}
}

func (c *count) Add(slots, rows []int32, b *event.Batch) error {
	if len(c.call.Args) == 1 {
		if v := &b.Cols[c.call.Args[0]]; v.Nulls != nil || v.Type.Kind == event.Null {
			c.addPresent(slots, rows, v)
			return nil
		}
	}
	for _, s := range slots {
		c.n[s]++
	}
	return nil
}

func (c *count) addPresent(slots, rows []int32, v *event.Vec) {
	if v.Type.Kind == event.Null {
		return
	}
	for i, s := range slots {
		if !v.Null(int(rows[i])) {
			c.n[s]++
		}
	}
}

func (c *count) Merge(slots []int32, from Column, other []int32) error {
	f := from.(*count)
	for i, s := range slots {
		c.n[s] += f.n[other[i]]
	}
	return nil
}

func (c *count) Retract(slots []int32, from Column, other []int32) error {
	f := from.(*count)
	for i, s := range slots {
		c.n[s] -= f.n[other[i]]
	}
	return nil
}

func (c *count) Result(slots []int32, out *event.Vec, _ func(int, error)) {
	for i, s := range slots {
		out.I64[i] = c.n[s]
	}
}

func (c *count) Append(dst []byte, slot int32) []byte { return binary.AppendVarint(dst, c.n[slot]) }

func (c *count) Read(src []byte, slot int32) ([]byte, error) {
	r := reader{src: src}
	c.n[slot] = r.varint()
	return r.rest()
}

func (c *count) Bytes() int64 { return int64(cap(c.n)) * 8 }

// reader decodes states; after damage it reads zeros and rest tells.
type reader struct {
	src []byte
	bad bool
}

func (r *reader) varint() int64 {
	x, w := binary.Varint(r.src)
	r.skip(w)
	return x
}

func (r *reader) uvarint() uint64 {
	x, w := binary.Uvarint(r.src)
	r.skip(w)
	return x
}

func (r *reader) word() uint64 {
	if len(r.src) < 8 {
		r.skip(0)
		return 0
	}
	x := binary.LittleEndian.Uint64(r.src)
	r.src = r.src[8:]
	return x
}

// bytes is a length and that many bytes: a view.
func (r *reader) bytes() []byte {
	n := r.uvarint()
	if n > uint64(len(r.src)) {
		r.skip(0)
		return nil
	}
	p := r.src[:n:n]
	r.src = r.src[n:]
	return p
}

// skip moves on by w bytes; none means damage.
func (r *reader) skip(w int) {
	if w <= 0 {
		r.bad, r.src = true, nil
		return
	}
	r.src = r.src[w:]
}

func (r *reader) rest() ([]byte, error) {
	if r.bad {
		return nil, event.ErrCorrupt
	}
	return r.src, nil
}
