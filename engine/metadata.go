package engine

import (
	"encoding/binary"
	"strconv"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state"
)

// fillMetadata fills a metadata column of dst from the records.
type fillMetadata func(raw *connectors.RawBatch, dst *event.Batch)

// metadataFiller makes the filler of column c with a connector's key.
func metadataFiller(key string, c int) fillMetadata {
	per := func(set func(v *event.Vec, i int, raw *connectors.RawBatch)) fillMetadata {
		return func(raw *connectors.RawBatch, dst *event.Batch) {
			for i := range raw.N() {
				set(&dst.Cols[c], i, raw)
			}
		}
	}
	switch key {
	case "partition":
		return per(func(v *event.Vec, i int, raw *connectors.RawBatch) { v.I64[i] = int64(raw.Part) })
	case "offset", "line":
		return per(func(v *event.Vec, i int, raw *connectors.RawBatch) { v.I64[i] = raw.Offset[i] })
	case "version":
		return per(func(v *event.Vec, i int, raw *connectors.RawBatch) { v.I64[i] = raw.Offset[i] + 1 })
	case "timestamp", "valid-from":
		return per(func(v *event.Vec, i int, raw *connectors.RawBatch) { v.I64[i] = raw.Time[i] })
	case "timestamp-type":
		return per(setTimestampType)
	case "topic", "path":
		return per(setTopic)
	case "key":
		return per(setKey)
	case "headers":
		return per(setHeaders)
	}
	return per(func(v *event.Vec, i int, raw *connectors.RawBatch) { setHidden(v, i, raw, key) })
}

// setTopic is the batch's, or, where it has none, the record's own.
func setTopic(v *event.Vec, i int, raw *connectors.RawBatch) {
	if raw.Topic == "" {
		setHidden(v, i, raw, "topic")
		return
	}
	v.SetBytes(i, []byte(raw.Topic))
}

// setHidden is what the connector has told of the record under a key; NULL when
// that is nothing, or no value of the column's type.
func setHidden(v *event.Vec, i int, raw *connectors.RawBatch, key string) {
	found := event.NullValue
	eachHeader(raw, i, func(name string, value event.Value) {
		if k, ok := connectors.HiddenKey(name); ok && k == key {
			found = ofText(v.Type, value)
		}
	})
	v.Set(i, raw.N(), found)
}

// ofText is a text as a value of a type of metadata; that of a time is µs since 1970.
func ofText(t event.Type, text event.Value) event.Value {
	switch {
	case t.Kind == event.Bool:
		return event.BoolValue(string(text.S) == "true")
	case t.Integer(), t.Instant():
		n, err := strconv.ParseInt(string(text.S), 10, 64)
		if err != nil {
			return event.NullValue
		}
		return event.IntValue(n)
	}
	return text
}

func setTimestampType(v *event.Vec, i int, raw *connectors.RawBatch) {
	if raw.Flags[i]&connectors.LogAppendTime != 0 {
		v.SetBytes(i, []byte("LogAppendTime"))
		return
	}
	v.SetBytes(i, []byte("CreateTime"))
}

func setKey(v *event.Vec, i int, raw *connectors.RawBatch) {
	if raw.Flags[i]&connectors.NullKey != 0 {
		v.Set(i, raw.N(), event.NullValue)
		return
	}
	s := raw.Key[i]
	v.SetBytes(i, raw.Buf[s.Off:s.Off+s.Len])
}

// setHeaders is the record's headers as a map.
func setHeaders(v *event.Vec, i int, raw *connectors.RawBatch) {
	var pairs []event.Value
	eachHeader(raw, i, func(name string, value event.Value) {
		if _, ok := connectors.HiddenKey(name); !ok {
			pairs = append(pairs, event.StringValue(name), value)
		}
	})
	v.Set(i, raw.N(), event.Value{L: pairs})
}

// eachHeader decodes Kafka's record headers: a count, then per header the
// length and bytes of key and value, all lengths zig-zag varints, -1 for a null
// value.
func eachHeader(raw *connectors.RawBatch, i int, fn func(name string, value event.Value)) {
	if i >= len(raw.Headers) {
		return
	}
	s := raw.Headers[i]
	r := reader{src: raw.Buf[s.Off : s.Off+s.Len]}
	for n := r.varint(); n > 0 && !r.bad; n-- {
		name := r.bytes(uint64(r.varint()))
		value := event.NullValue
		if size := r.varint(); size >= 0 {
			value = event.Value{S: r.bytes(uint64(size))}
		}
		if !r.bad {
			fn(string(name), value)
		}
	}
}

// keepPayload appends the records of the poll at hand to what the journal
// stores, for sources that cannot give them again.
//
//	length | partition topic, next offset, per record: offset, time, flags, value, key, headers
func (u *unit) keepPayload() {
	start := len(u.payload)
	p := append(u.payload, 0, 0, 0, 0)
	if u.raws != nil {
		p = appendRaw(p, &u.raw)
	} else {
		p = state.AppendBatch(p, u.in)
	}
	binary.BigEndian.PutUint32(p[start:], uint32(len(p)-start-4))
	u.payload = p
}

func appendRaw(p []byte, raw *connectors.RawBatch) []byte {
	p = binary.AppendUvarint(p, uint64(len(raw.Topic)))
	p = append(p, raw.Topic...)
	p = binary.AppendVarint(p, raw.Next)
	p = binary.AppendUvarint(p, uint64(raw.N()))
	for i := range raw.N() {
		p = binary.AppendVarint(p, raw.Offset[i])
		p = binary.AppendVarint(p, raw.Time[i])
		p = append(p, byte(raw.Flags[i]))
		p = appendSpan(p, raw, raw.Value, i)
		p = appendSpan(p, raw, raw.Key, i)
		p = appendSpan(p, raw, raw.Headers, i)
	}
	return p
}

func appendSpan(p []byte, raw *connectors.RawBatch, spans []event.Span, i int) []byte {
	if i >= len(spans) {
		return append(p, 0)
	}
	s := spans[i]
	p = binary.AppendUvarint(p, uint64(s.Len))
	return append(p, raw.Buf[s.Off:s.Off+s.Len]...)
}

// readRaw is the reverse of appendRaw; spans are of src.
func readRaw(src []byte, part int32, raw *connectors.RawBatch) error {
	raw.Reset()
	r := reader{src: src}
	raw.Topic, raw.Part, raw.Buf = string(r.bytes(r.uvarint())), part, src
	raw.Next = r.varint()
	for n := r.uvarint(); n > 0 && !r.bad; n-- {
		raw.Offset = append(raw.Offset, r.varint())
		raw.Time = append(raw.Time, r.varint())
		raw.Flags = append(raw.Flags, connectors.Flags(r.byte()))
		for _, spans := range []*[]event.Span{&raw.Value, &raw.Key, &raw.Headers} {
			b := r.bytes(r.uvarint())
			*spans = append(*spans, event.Span{Off: uint32(len(src) - len(r.src) - len(b)), Len: uint32(len(b))})
		}
	}
	if r.bad {
		return errCorruptJournal
	}
	return nil
}
