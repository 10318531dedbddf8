package recordbatch

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// HeaderLen is the size of a batch before its records.
const HeaderLen = 61

const (
	offLength     = 8
	offMagic      = 16
	offCRC        = 17
	offAttributes = 21
	offLastDelta  = 23
	offFirstTime  = 27
	offMaxTime    = 35
	offProducer   = 43
	offEpoch      = 51
	offSequence   = 53
	offCount      = 57

	lengthStart = 12 // the length field counts from here
	magic2      = 2

	attrCodec         = 0x07
	attrLogAppendTime = 1 << 3
	attrTransactional = 1 << 4
	attrControl       = 1 << 5
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Codec is how the records of a batch are compressed.
type Codec int8

// The codecs, numbered as in the attributes.
const (
	None Codec = iota
	Gzip
	Snappy
	LZ4
	Zstd
)

var codecNames = [...]string{"none", "gzip", "snappy", "lz4", "zstd"}

// String is Kafka's name of the codec.
func (c Codec) String() string {
	if c < 0 || int(c) >= len(codecNames) {
		return fmt.Sprintf("codec %d", int8(c))
	}
	return codecNames[c]
}

// ParseCodec finds a codec by Kafka's name of it.
func ParseCodec(name string) (Codec, error) {
	for i, n := range codecNames {
		if n == name {
			return Codec(i), nil
		}
	}
	return None, fmt.Errorf("unknown compression %q; there are %q", name, codecNames)
}

// Error is a batch that cannot be read.
type Error struct {
	Offset int64 // base offset the batch claims, or that of the record
	Reason string
}

// Error names the offset and the reason.
func (e *Error) Error() string {
	return fmt.Sprintf("corrupt record batch at offset %d: %s", e.Offset, e.Reason)
}

func corrupt(offset int64, format string, args ...any) error {
	return &Error{Offset: offset, Reason: fmt.Sprintf(format, args...)}
}

// Header is what a batch says of itself.
type Header struct {
	BaseOffset int64
	LastOffset int64
	Attributes int16
	FirstTime  int64 // ms
	MaxTime    int64 // ms
	ProducerID int64
	Epoch      int16
	Sequence   int32
	Count      int32
}

// Codec is the batch's compression.
func (h *Header) Codec() Codec { return Codec(h.Attributes & attrCodec) }

// Control says whether the batch holds transaction markers, not records.
func (h *Header) Control() bool { return h.Attributes&attrControl != 0 }

// Transactional says whether the batch belongs to a transaction.
func (h *Header) Transactional() bool { return h.Attributes&attrTransactional != 0 }

// LogAppendTime says whether the broker set the time: MaxTime, for all records.
func (h *Header) LogAppendTime() bool { return h.Attributes&attrLogAppendTime != 0 }

// Split takes the first batch off a record set. A batch that the fetch limit
// cut short gives no batch and no error. Format versions that Parse refuses have
// their length at the same place.
func Split(set []byte) (batch, rest []byte, err error) {
	if len(set) <= offMagic {
		return nil, nil, nil
	}
	least := int64(HeaderLen)
	if set[offMagic] != magic2 {
		least = offMagic + 1
	}
	length := int64(int32(binary.BigEndian.Uint32(set[offLength:]))) + lengthStart
	if length < least {
		return nil, nil, corrupt(BaseOffset(set), "length %d is less than a header, so where the next batch begins is not known", length)
	}
	if length > int64(len(set)) {
		return nil, nil, nil
	}
	return set[:length:length], set[length:], nil
}

// BaseOffset is the offset that a batch made by Split begins with. Neither it
// nor the length is covered by the checksum.
func BaseOffset(batch []byte) int64 { return int64(binary.BigEndian.Uint64(batch)) }

// LastOffset is the offset of the last record of a batch made by Split. Cheap:
// the checksum is not looked at.
func LastOffset(batch []byte) int64 {
	if batch[offMagic] != magic2 {
		return BaseOffset(batch)
	}
	return BaseOffset(batch) + int64(int32(binary.BigEndian.Uint32(batch[offLastDelta:])))
}

// Compressed says whether the records of a batch made by Split have to be
// opened.
func Compressed(batch []byte) bool {
	return batch[offMagic] == magic2 && batch[offAttributes+1]&attrCodec != 0
}

// Parse reads and checks the header of a batch made by Split.
func Parse(batch []byte) (Header, error) {
	if batch[offMagic] != magic2 {
		return Header{}, corrupt(BaseOffset(batch), "format version %d, only 2 is supported", batch[offMagic])
	}
	h := Header{
		BaseOffset: BaseOffset(batch),
		Attributes: int16(binary.BigEndian.Uint16(batch[offAttributes:])),
		FirstTime:  int64(binary.BigEndian.Uint64(batch[offFirstTime:])),
		MaxTime:    int64(binary.BigEndian.Uint64(batch[offMaxTime:])),
		ProducerID: int64(binary.BigEndian.Uint64(batch[offProducer:])),
		Epoch:      int16(binary.BigEndian.Uint16(batch[offEpoch:])),
		Sequence:   int32(binary.BigEndian.Uint32(batch[offSequence:])),
		Count:      int32(binary.BigEndian.Uint32(batch[offCount:])),
	}
	h.LastOffset = LastOffset(batch)
	want := binary.BigEndian.Uint32(batch[offCRC:])
	if got := crc32.Checksum(batch[offAttributes:], castagnoli); got != want {
		return h, corrupt(h.BaseOffset, "checksum is %08x, should be %08x", got, want)
	}
	if h.BaseOffset < 0 || h.LastOffset < h.BaseOffset || h.Count < 0 {
		return h, corrupt(h.BaseOffset, "last offset %d, %d records", h.LastOffset, h.Count)
	}
	return h, nil
}
