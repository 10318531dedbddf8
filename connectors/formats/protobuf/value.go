package protobuf

import (
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/cepd/cepd/connectors/formats/cell"
	"github.com/cepd/cepd/internal/event"
)

// whole decodes the record that is the rest of p from i on into row.
func (d *walker) whole(m *message, cols []event.Vec, row int, p []byte, i int) bool {
	d.fault.Reset()
	d.depth, d.items = 0, 0
	m.begin()
	return d.message(m, cols, row, p, i) >= 0 && d.finish(m, cols, row)
}

// begin forgets the message before.
func (m *message) begin() {
	clear(m.seen)
	clear(m.oneofs)
}

// message decodes the fields from p[i] to the end of p.
func (d *walker) message(m *message, cols []event.Vec, row int, p []byte, i int) int {
	if d.depth++; d.depth > maxDepth {
		return d.fault.At(i, "more than 64 levels of nesting")
	}
	for i < len(p) {
		n, w, end := d.tag(p, i)
		if end < 0 {
			return end
		}
		i = end
		f := m.find(n)
		switch {
		case f == nil || w != f.wire && !f.packed(w):
			i = d.skip(n, w, p, i)
		case f.col < 0:
			m.meet(f)
			i = d.skip(n, w, p, i)
		default:
			if i = d.field(m, f, w, cols, row, p, i); i < 0 {
				d.fault.In(f.name)
			}
		}
		if i < 0 {
			return i
		}
	}
	d.depth--
	return i
}

// packed says whether values of the field may come as one, of wire type w.
func (f *field) packed(w protowire.Type) bool {
	return f.repeated && w == protowire.BytesType && f.wire != protowire.StartGroupType
}

// meet notes that the message has the field; first is false when it had it
// before. The other members of a oneof are gone.
func (m *message) meet(f *field) (first bool) {
	if f.oneof >= 0 {
		if last := m.oneofs[f.oneof]; last != nil && last != f {
			m.seen.Clear(last.index)
		}
		m.oneofs[f.oneof] = f
	}
	first = !m.seen.Get(f.index)
	m.seen.Set(f.index)
	return first
}

// field decodes a value of the field, of wire type w.
func (d *walker) field(m *message, f *field, w protowire.Type, cols []event.Vec, row int, p []byte, i int) int {
	v := &cols[f.col]
	if f.repeated {
		if m.meet(f) {
			v.Str[row] = event.Span{Off: uint32(v.Kids[0].Rows())}
		}
		if w != f.wire {
			return d.packed(f, v, row, p, i)
		}
		return d.element(f, v, row, p, i)
	}
	if f.message != nil {
		if m.meet(f) {
			f.message.begin()
		}
		return d.nested(f, cols[f.col:f.col+1], row, p, i)
	}
	end, ignored := d.scalar(f, v, row, p, i)
	if !ignored && end > 0 {
		m.meet(f)
	}
	return end
}

// packed decodes elements that come as one value.
func (d *walker) packed(f *field, v *event.Vec, row int, p []byte, i int) int {
	i, end := d.span(p, i)
	if end < 0 {
		return end
	}
	for i < end {
		if i = d.element(f, v, row, p[:end:end], i); i < 0 {
			return i
		}
	}
	return end
}

// element decodes an element, or an entry of a map, into a new row, which is
// NULL when that fails: later rows must not find half a value. Of a repeated
// key all values are kept, the last last: reading by key takes the last.
func (d *walker) element(f *field, v *event.Vec, row int, p []byte, i int) int {
	if d.items++; d.items > maxItems {
		return d.fault.At(i, "more than "+strconv.Itoa(maxItems)+" elements")
	}
	at := v.Kids[0].Rows()
	for k := range v.Kids {
		v.Kids[k].Grow(at + 1)
	}
	end, ignored := d.fill(f, v, at, p, i)
	switch {
	case ignored:
		v.Kids[0].Grow(at)
		return end
	case end < 0:
		d.fault.In("[" + strconv.Itoa(int(v.Str[row].Len)) + "]")
		for k := range v.Kids {
			cell.SetNull(&v.Kids[k], at)
		}
	default:
		v.Str[row].Len++
	}
	return end
}

// fill decodes an element into row at of v's Kids.
func (d *walker) fill(f *field, v *event.Vec, at int, p []byte, i int) (end int, ignored bool) {
	if f.message == nil {
		return d.scalar(f, &v.Kids[0], at, p, i)
	}
	f.message.begin()
	end = d.nested(f, v.Kids, at, p, i)
	if end > 0 && !d.complete(f, v.Kids, at) {
		return -1, false
	}
	return end, false
}

// nested decodes a message, whose column is the only one of vs; of a map's
// entry, key and value are.
func (d *walker) nested(f *field, vs []event.Vec, row int, p []byte, i int) int {
	from, end, after := d.body(f, p, i)
	if after < 0 {
		return after
	}
	switch p = p[:end:end]; f.op {
	case opMessage:
		end = d.message(f.message, vs[0].Kids, row, p, from)
	case opTimestamp:
		end = d.message(f.message, f.parts, 0, p, from)
	default:
		end = d.message(f.message, vs, row, p, from)
	}
	if end < 0 {
		return end
	}
	return after
}

// body finds where the fields of a message begin and end, and what comes after.
func (d *walker) body(f *field, p []byte, i int) (from, end, after int) {
	if f.wire != protowire.StartGroupType {
		from, end = d.span(p, i)
		return from, end, end
	}
	content, n := protowire.ConsumeGroup(f.number, p[i:])
	if n < 0 {
		return 0, 0, d.fault.At(i, "the group is damaged: "+protowire.ParseError(n).Error())
	}
	return i, i + len(content), i + n
}

// complete is after the last piece of a message: what it lacks gets its
// default.
func (d *walker) complete(f *field, vs []event.Vec, row int) bool {
	switch f.op {
	case opMessage:
		return d.finish(f.message, vs[0].Kids, row)
	case opTimestamp:
		return d.finish(f.message, f.parts, 0) && d.instant(f, &vs[0], row)
	}
	return d.finish(f.message, vs, row)
}

// finish completes the messages in m and sets what m lacks.
func (d *walker) finish(m *message, cols []event.Vec, row int) bool {
	for _, f := range m.fields {
		switch {
		case f.col < 0:
		case !m.seen.Get(f.index):
			if f.required {
				d.fault.Whole(f.name, "missing, but it is required")
				return false
			}
			f.lack(&cols[f.col], row)
		case f.message != nil && !f.repeated:
			if !d.complete(f, cols[f.col:f.col+1], row) {
				d.fault.In(f.name)
				return false
			}
		}
	}
	return true
}

// lack sets the value of a field that is not in the record.
func (f *field) lack(v *event.Vec, row int) {
	switch {
	case f.repeated:
		v.Str[row] = event.Span{Off: uint32(v.Kids[0].Rows())}
	case f.nullable:
		cell.SetNull(v, row)
	case v.Type.Physical() == event.PhysStr && len(f.initial.S) == 0:
		v.Str[row] = event.Span{}
	default:
		if v.Type.Physical() == event.PhysStr {
			v.Own(row)
		}
		v.Set(row, v.Rows(), f.initial)
	}
}

// instant makes a TIMESTAMP of seconds and nanoseconds.
func (d *walker) instant(f *field, v *event.Vec, row int) bool {
	seconds, nanos := f.parts[0].I64[0], f.parts[1].I64[0]
	const most = math.MaxInt64/1_000_000 - 1
	if seconds > most || seconds < -most || nanos < 0 || nanos >= 1e9 {
		d.fault.Whole("", "the value does not fit "+v.Type.String())
		return false
	}
	v.I64[row] = cell.Truncate(seconds*1_000_000+nanos/1000, v.Type.Precision)
	return true
}
