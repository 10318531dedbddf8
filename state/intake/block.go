package intake

import (
	"encoding/binary"
	"errors"

	"github.com/cepd/cepd/internal/event"
)

// Record is one record of a log.
type Record struct {
	Key   []byte     // nil: none
	Value []byte     // nil: none, a tombstone
	Time  event.Time // µs
}

// Block is the records of one post.
type Block struct {
	First    int64 // offset of the first record
	Received event.Time
	By       string // who posted
	Records  []Record
}

// blockVersion is the first byte of a block.
const blockVersion = 1

var errCorrupt = errors.New("a log of the intake is corrupt: it holds what cepd never writes")

// appendBlock encodes a block but for its place.
//
//	version | received | by | count | per record: time - received, length of key + 1, key, length of value + 1, value
func appendBlock(dst []byte, b *Block) []byte {
	dst = append(dst, blockVersion)
	dst = binary.AppendVarint(dst, b.Received)
	dst = binary.AppendUvarint(dst, uint64(len(b.By)))
	dst = append(dst, b.By...)
	dst = binary.AppendUvarint(dst, uint64(len(b.Records)))
	for i := range b.Records {
		r := &b.Records[i]
		dst = binary.AppendVarint(dst, r.Time-b.Received)
		dst = appendBytes(dst, r.Key)
		dst = appendBytes(dst, r.Value)
	}
	return dst
}

func appendBytes(dst, p []byte) []byte {
	if p == nil {
		return append(dst, 0)
	}
	dst = binary.AppendUvarint(dst, uint64(len(p))+1)
	return append(dst, p...)
}

// decoder reads what appendBlock wrote; after an error it reads nothing more.
type decoder struct {
	src []byte
	bad bool
}

// readBlock decodes a block whose last record has this offset. Keys and values
// alias src.
func readBlock(src []byte, last int64) (b Block, err error) {
	if len(src) == 0 || src[0] != blockVersion {
		return b, errCorrupt
	}
	d := decoder{src: src[1:]}
	b.Received = d.varint()
	b.By = string(d.take(d.uvarint()))
	n := d.uvarint()
	if n == 0 || n > MaxRecords || int64(n)-1 > last {
		return b, errCorrupt
	}
	b.First = last - int64(n) + 1
	b.Records = make([]Record, n)
	for i := range b.Records {
		b.Records[i] = Record{Time: b.Received + d.varint(), Key: d.bytes(), Value: d.bytes()}
	}
	if d.bad || len(d.src) > 0 {
		return b, errCorrupt
	}
	return b, nil
}

func (d *decoder) uvarint() uint64 {
	x, w := binary.Uvarint(d.src)
	if w <= 0 {
		d.bad, d.src = true, nil
		return 0
	}
	d.src = d.src[w:]
	return x
}

func (d *decoder) varint() int64 {
	x, w := binary.Varint(d.src)
	if w <= 0 {
		d.bad, d.src = true, nil
		return 0
	}
	d.src = d.src[w:]
	return x
}

func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.src)) {
		d.bad, d.src = true, nil
		return nil
	}
	p := d.src[:n:n]
	d.src = d.src[n:]
	return p
}

func (d *decoder) bytes() []byte {
	n := d.uvarint()
	if n == 0 {
		return nil
	}
	return d.take(n - 1)
}
