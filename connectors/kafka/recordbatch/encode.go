package recordbatch

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/bits"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// sizePrefix is the record set's size, which precedes the batch on the wire.
const sizePrefix = 4

// Producer identifies the writer of a batch.
type Producer struct {
	ID            int64
	Epoch         int16
	Sequence      int32
	Transactional bool
}

// Plain is a producer without idempotence.
var Plain = Producer{ID: -1, Epoch: -1, Sequence: -1}

// Builder collects the records of one batch. The zero value is ready.
type Builder struct {
	buf     []byte // sizePrefix, header, records
	n       int32
	firstMs int64
	maxMs   int64
}

// Reset empties the builder, keeping its memory.
func (b *Builder) Reset() { b.buf, b.n = b.buf[:0], 0 }

// Count is the number of records.
func (b *Builder) Count() int { return int(b.n) }

// Len is the size of the batch in bytes before compression.
func (b *Builder) Len() int { return len(b.buf) }

// RecordSize is the most bytes a record adds to a batch.
func RecordSize(key, value []byte, headers []RecordHeader) int {
	const fixed = 1 + 2*binary.MaxVarintLen64 + 4*binary.MaxVarintLen32
	n := fixed + len(key) + len(value)
	for i := range headers {
		n += 2*binary.MaxVarintLen32 + len(headers[i].Key) + len(headers[i].Value)
	}
	return n
}

// Append adds a record. A nil key or value is null.
func (b *Builder) Append(ms int64, key, value []byte, headers []RecordHeader) {
	if b.n == 0 {
		b.buf = append(b.buf[:0], make([]byte, sizePrefix+HeaderLen)...)
		b.firstMs, b.maxMs = ms, ms
	}
	b.maxMs = max(b.maxMs, ms)
	delta := ms - b.firstMs
	size := 1 + varintLen(delta) + varintLen(int64(b.n)) + bytesLen(key) + bytesLen(value) + headersLen(headers)
	p := binary.AppendVarint(b.buf, int64(size))
	p = append(p, 0)
	p = binary.AppendVarint(p, delta)
	p = binary.AppendVarint(p, int64(b.n))
	p = appendBytes(p, key)
	p = appendBytes(p, value)
	p = binary.AppendVarint(p, int64(len(headers)))
	for i := range headers {
		p = binary.AppendVarint(p, int64(len(headers[i].Key)))
		p = append(p, headers[i].Key...)
		p = appendBytes(p, headers[i].Value)
	}
	b.buf = p
	b.n++
}

func varintLen(v int64) int {
	zigzag := uint64(v<<1) ^ uint64(v>>63)
	return (bits.Len64(zigzag|1) + 6) / 7
}

func bytesLen(p []byte) int {
	if p == nil {
		return 1
	}
	return varintLen(int64(len(p))) + len(p)
}

func headersLen(headers []RecordHeader) int {
	n := varintLen(int64(len(headers)))
	for i := range headers {
		n += varintLen(int64(len(headers[i].Key))) + len(headers[i].Key) + bytesLen(headers[i].Value)
	}
	return n
}

func appendBytes(dst, p []byte) []byte {
	if p == nil {
		return binary.AppendVarint(dst, -1)
	}
	dst = binary.AppendVarint(dst, int64(len(p)))
	return append(dst, p...)
}

// Compressor makes batches out of builders. The zero value is ready. Not for
// concurrent use.
type Compressor struct {
	out  []byte // being made
	gzip *gzip.Writer
	lz4  *lz4.Writer
	zstd *zstd.Encoder
}

// Finish gives the record set of b as it goes into a produce request: its size
// in 4 bytes, then the batch. A compressed one is made in the memory of dst,
// with codec None it is b's own; either way it is valid until b changes.
func (c *Compressor) Finish(dst []byte, b *Builder, pr Producer, codec Codec) ([]byte, error) {
	set := b.buf
	if codec != None {
		c.out = append(dst[:0], set[:sizePrefix+HeaderLen]...)
		if err := c.compress(codec, set[sizePrefix+HeaderLen:]); err != nil {
			return nil, fmt.Errorf("compress with %s: %w", codec, err)
		}
		set, c.out = c.out, nil
	}
	binary.BigEndian.PutUint32(set, uint32(len(set)-sizePrefix))
	b.header(set[sizePrefix:], pr, codec)
	return set, nil
}

func (b *Builder) header(h []byte, pr Producer, codec Codec) {
	attributes := uint16(codec)
	if pr.Transactional {
		attributes |= attrTransactional
	}
	const noLeaderEpoch = ^uint32(0)
	binary.BigEndian.PutUint64(h, 0)
	binary.BigEndian.PutUint32(h[offLength:], uint32(len(h)-lengthStart))
	binary.BigEndian.PutUint32(h[lengthStart:], noLeaderEpoch)
	h[offMagic] = magic2
	binary.BigEndian.PutUint16(h[offAttributes:], attributes)
	binary.BigEndian.PutUint32(h[offLastDelta:], uint32(b.n-1))
	binary.BigEndian.PutUint64(h[offFirstTime:], uint64(b.firstMs))
	binary.BigEndian.PutUint64(h[offMaxTime:], uint64(b.maxMs))
	binary.BigEndian.PutUint64(h[offProducer:], uint64(pr.ID))
	binary.BigEndian.PutUint16(h[offEpoch:], uint16(pr.Epoch))
	binary.BigEndian.PutUint32(h[offSequence:], uint32(pr.Sequence))
	binary.BigEndian.PutUint32(h[offCount:], uint32(b.n))
	binary.BigEndian.PutUint32(h[offCRC:], crc32.Checksum(h[offAttributes:], castagnoli))
}

// Write appends to the batch being made; the stream codecs call it.
func (c *Compressor) Write(p []byte) (int, error) {
	c.out = append(c.out, p...)
	return len(p), nil
}

func (c *Compressor) compress(codec Codec, records []byte) error {
	switch codec {
	case Gzip:
		return c.compressGzip(records)
	case Snappy:
		c.compressSnappy(records)
		return nil
	case LZ4:
		return c.compressLZ4(records)
	case Zstd:
		return c.compressZstd(records)
	}
	return fmt.Errorf("no such codec")
}

func (c *Compressor) compressGzip(records []byte) error {
	if c.gzip == nil {
		c.gzip = gzip.NewWriter(c)
	}
	c.gzip.Reset(c)
	if _, err := c.gzip.Write(records); err != nil {
		return err
	}
	return c.gzip.Close()
}

// compressSnappy uses the framing of Java's library, which every client reads.
func (c *Compressor) compressSnappy(records []byte) {
	const block = 32 << 10
	c.out = append(c.out, xerialMagic...)
	c.out = append(c.out, 0, 0, 0, 1, 0, 0, 0, 1)
	for len(records) > 0 {
		n := min(block, len(records))
		at := len(c.out)
		c.out = grow(c.out, 4+snappy.MaxEncodedLen(n))
		size := len(snappy.Encode(c.out[at+4:], records[:n]))
		binary.BigEndian.PutUint32(c.out[at:], uint32(size))
		c.out, records = c.out[:at+4+size], records[n:]
	}
}

func (c *Compressor) compressLZ4(records []byte) error {
	if c.lz4 == nil {
		c.lz4 = lz4.NewWriter(c)
		if err := c.lz4.Apply(lz4.BlockSizeOption(lz4.Block64Kb), lz4.ConcurrencyOption(1)); err != nil {
			return err
		}
	}
	c.lz4.Reset(c)
	if _, err := c.lz4.Write(records); err != nil {
		return err
	}
	return c.lz4.Close()
}

func (c *Compressor) compressZstd(records []byte) (err error) {
	if c.zstd == nil {
		c.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
		if err != nil {
			return err
		}
	}
	c.out = c.zstd.EncodeAll(records, c.out)
	return nil
}
