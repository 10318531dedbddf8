package recordbatch

import (
	"encoding/binary"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

// Records walks the records of one batch, which lie uncompressed in a buffer.
// The zero value has none.
type Records struct {
	header  Header
	headers bool // of records, wanted
	pos     int  // in the buffer
	end     int
	left    int32
	last    int64 // offset of the record read before
}

// NewRecords walks buf[from:to], the records of the batch with header h.
// withHeaders says whether record headers are wanted.
func NewRecords(h Header, from, to int, withHeaders bool) Records {
	return Records{header: h, headers: withHeaders, pos: from, end: to, left: h.Count, last: h.BaseOffset - 1}
}

// Done says whether all records have been read.
func (r *Records) Done() bool { return r.left == 0 }

// Append adds the next records to dst, whose Buf is the buffer, until dst has
// most, or the batch ends, or a record has an offset of until or more (until <
// 0: no limit). Records before the offset from are passed over. dst.Next
// follows what was read.
func (r *Records) Append(dst *connectors.RawBatch, from int64, most int, until int64) error {
	if until < 0 {
		until = 1<<63 - 1
	}
	for r.left > 0 && dst.N() < most {
		rec, err := r.record(dst.Buf)
		if err != nil {
			return err
		}
		if rec.offset >= until {
			dst.Next = until
			return nil
		}
		r.pos, r.last = rec.next, rec.offset
		r.left--
		if rec.offset >= from {
			r.add(dst, &rec)
			dst.Next = rec.offset + 1
		}
	}
	if r.left == 0 {
		dst.Next = max(dst.Next, min(r.header.LastOffset+1, until))
	}
	return nil
}

func (r *Records) add(dst *connectors.RawBatch, rec *record) {
	dst.Value = append(dst.Value, rec.value)
	dst.Key = append(dst.Key, rec.key)
	dst.Offset = append(dst.Offset, rec.offset)
	dst.Time = append(dst.Time, rec.time*1000)
	dst.Flags = append(dst.Flags, rec.flags)
	if r.headers {
		dst.Headers = append(dst.Headers, rec.headers)
	}
}

// record is one record as spans of the buffer.
type record struct {
	offset, time        int64
	key, value, headers event.Span
	flags               connectors.Flags
	next                int
}

// record reads the record at r.pos without taking it.
func (r *Records) record(buf []byte) (rec record, err error) {
	size, p := varint(buf[:r.end], r.pos)
	if p < 0 || size < 1 || size > int64(r.end-p) {
		return rec, r.corrupt("length")
	}
	rec.next = p + int(size)
	if r.left == 1 && rec.next != r.end {
		return rec, r.corrupt("length")
	}
	body := buf[:rec.next]
	deltaTime, p := varint(body, p+1) // after the attributes, which mean nothing
	deltaOffset, p := varint(body, p)
	rec.offset, rec.time = r.header.BaseOffset+deltaOffset, r.header.FirstTime+deltaTime
	if p < 0 || deltaOffset < 0 || rec.offset <= r.last || rec.offset > r.header.LastOffset {
		return rec, r.corrupt("offset or timestamp")
	}
	if r.header.LogAppendTime() {
		rec.time, rec.flags = r.header.MaxTime, connectors.LogAppendTime
	}
	var null bool
	if rec.key, null, p = bytes(body, p); null {
		rec.flags |= connectors.NullKey
	}
	if p < 0 {
		return rec, r.corrupt("key")
	}
	if rec.value, null, p = bytes(body, p); null {
		rec.flags |= connectors.NullValue
	}
	if p < 0 || p == rec.next {
		return rec, r.corrupt("value")
	}
	rec.headers = event.Span{Off: uint32(p), Len: uint32(rec.next - p)}
	return rec, nil
}

func (r *Records) corrupt(what string) error {
	return corrupt(r.last+1, "%s of record %d of %d is wrong", what, r.header.Count-r.left+1, r.header.Count)
}

// bytes reads a length and that many bytes at p; -1 is null. next is -1 when
// they do not fit.
func bytes(b []byte, p int) (s event.Span, null bool, next int) {
	n, p := varint(b, p)
	switch {
	case p < 0 || n < -1 || n > int64(len(b)-p):
		return s, false, -1
	case n == -1:
		return s, true, p
	}
	return event.Span{Off: uint32(p), Len: uint32(n)}, false, p + int(n)
}

// varint reads a zig-zag number at p; next is -1 when there is none. A
// negative p is passed on, so that several reads need one check.
func varint(b []byte, p int) (v int64, next int) {
	if uint(p) >= uint(len(b)) {
		return 0, -1
	}
	if c := b[p]; c < 0x80 {
		return int64(c>>1) ^ -int64(c&1), p + 1
	}
	return longVarint(b, p)
}

func longVarint(b []byte, p int) (v int64, next int) {
	if p+1 < len(b) && b[p+1] < 0x80 {
		u := uint64(b[p]&0x7f) | uint64(b[p+1])<<7
		return int64(u>>1) ^ -int64(u&1), p + 2
	}
	v, n := binary.Varint(b[p:])
	if n <= 0 {
		return 0, -1
	}
	return v, p + n
}

// RecordHeader is a header of a record.
type RecordHeader struct{ Key, Value []byte }

// Headers reads the headers of a record (a Headers span of a RawBatch) into
// dst. Keys and values are views of p; a null value is nil.
func Headers(p []byte, dst []RecordHeader) ([]RecordHeader, error) {
	n, at := varint(p, 0)
	if at < 0 || n < 0 || n > int64(len(p)) {
		return dst, corrupt(0, "number of headers")
	}
	for ; n > 0; n-- {
		var h RecordHeader
		var key, value event.Span
		var null bool
		if key, null, at = bytes(p, at); at < 0 || null {
			return dst, corrupt(0, "key of a header")
		}
		if value, null, at = bytes(p, at); at < 0 {
			return dst, corrupt(0, "value of a header")
		}
		h.Key = view(p, key)
		if !null {
			h.Value = view(p, value)
		}
		dst = append(dst, h)
	}
	return dst, nil
}

func view(p []byte, s event.Span) []byte { return p[s.Off : s.Off+s.Len : s.Off+s.Len] }
