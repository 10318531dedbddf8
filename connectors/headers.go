package connectors

import (
	"encoding/binary"
	"strings"
)

// Header is a header of a record.
type Header struct {
	Key   string
	Value []byte
}

// hidden begins the names of headers that are no headers of the record, but
// metadata that a connector has of each record.
const hidden = "\x00"

// Hidden is metadata that travels as a header: a column METADATA FROM 'key' is
// filled from its text, and the column 'headers' does not show it.
func Hidden(key string, value []byte) Header { return Header{hidden + key, value} }

// HiddenKey is the key of metadata, where a header's name says that it is such.
func HiddenKey(name string) (key string, ok bool) { return strings.CutPrefix(name, hidden) }

// AppendHeaders appends headers in the encoding of RawBatch.Headers, Kafka's: a
// count, then per header the length and bytes of key and value, all lengths
// zig-zag varints.
func AppendHeaders(p []byte, list []Header) []byte {
	p = binary.AppendVarint(p, int64(len(list)))
	for i := range list {
		p = binary.AppendVarint(p, int64(len(list[i].Key)))
		p = append(p, list[i].Key...)
		p = binary.AppendVarint(p, int64(len(list[i].Value)))
		p = append(p, list[i].Value...)
	}
	return p
}
