package recordbatch

import (
	stdbytes "bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
)

// Decompressor opens compressed batches. Not for concurrent use.
type Decompressor struct {
	limit int // bytes
	gzip  *gzip.Reader
	input stdbytes.Reader
	zstd  *zstd.Decoder
}

// NewDecompressor refuses batches of more than limit bytes when opened.
func NewDecompressor(limit int) *Decompressor { return &Decompressor{limit: limit} }

var errTooLarge = errors.New("more bytes than the limit ('scan.max-batch-bytes')")

// Append appends the records of a batch made by Split, opened, to dst.
func (d *Decompressor) Append(dst []byte, h *Header, batch []byte) ([]byte, error) {
	start := len(dst)
	out, err := d.open(dst, h.Codec(), batch[HeaderLen:])
	if err == nil && len(out)-start > d.limit {
		err = errTooLarge
	}
	if err != nil {
		return dst, corrupt(h.BaseOffset, "%s: %v", h.Codec(), err)
	}
	return out, nil
}

func (d *Decompressor) open(dst []byte, codec Codec, p []byte) ([]byte, error) {
	switch codec {
	case None:
		return append(dst, p...), nil
	case Gzip:
		return d.openGzip(dst, p)
	case Snappy:
		return openSnappy(dst, p, d.limit)
	case LZ4:
		return openLZ4(dst, p, d.limit)
	case Zstd:
		return d.openZstd(dst, p)
	}
	return nil, errors.New("unknown compression")
}

func (d *Decompressor) openGzip(dst, p []byte) (_ []byte, err error) {
	d.input.Reset(p)
	if d.gzip == nil {
		d.gzip, err = gzip.NewReader(&d.input)
	} else {
		err = d.gzip.Reset(&d.input)
	}
	if err != nil {
		d.gzip = nil
		return nil, err
	}
	return readAll(dst, d.gzip, d.limit)
}

// readAll appends what r gives, up to one byte above limit.
func readAll(dst []byte, r io.Reader, limit int) ([]byte, error) {
	start := len(dst)
	for len(dst)-start <= limit {
		if len(dst) == cap(dst) {
			dst = append(dst, 0)[:len(dst)]
		}
		n, err := r.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		if err == io.EOF {
			return dst, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, errTooLarge
}

func (d *Decompressor) openZstd(dst, p []byte) (_ []byte, err error) {
	if d.zstd == nil {
		d.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxMemory(uint64(d.limit)), zstd.WithDecodeAllCapLimit(false))
		if err != nil {
			return nil, fmt.Errorf("decoder: %w", err)
		}
	}
	// The decoder counts what dst holds already against its limit.
	out, err := d.zstd.DecodeAll(p, dst[len(dst):])
	if err != nil {
		return nil, err
	}
	return append(dst, out...), nil
}

// xerialMagic starts the framing of Java's snappy library.
const (
	xerialMagic  = "\x82SNAPPY\x00"
	xerialHeader = len(xerialMagic) + 8 // version, compatible version
)

func openSnappy(dst, p []byte, limit int) ([]byte, error) {
	if len(p) < xerialHeader || string(p[:len(xerialMagic)]) != xerialMagic {
		return appendSnappy(dst, p, limit)
	}
	start := len(dst)
	p = p[xerialHeader:]
	for len(p) > 0 {
		if len(p) < 4 {
			return nil, io.ErrUnexpectedEOF
		}
		n := binary.BigEndian.Uint32(p)
		if uint64(n) > uint64(len(p)-4) {
			return nil, io.ErrUnexpectedEOF
		}
		var err error
		if dst, err = appendSnappy(dst, p[4:4+n], limit-(len(dst)-start)); err != nil {
			return nil, err
		}
		p = p[4+n:]
	}
	return dst, nil
}

func appendSnappy(dst, block []byte, limit int) ([]byte, error) {
	n, err := snappy.DecodedLen(block)
	if err != nil {
		return nil, err
	}
	if n > limit {
		return nil, errTooLarge
	}
	at := len(dst)
	dst = grow(dst, n)
	if _, err := snappy.Decode(dst[at:at+n], block); err != nil {
		return nil, err
	}
	return dst[:at+n], nil
}

// grow makes room for n more bytes.
func grow(dst []byte, n int) []byte {
	if cap(dst)-len(dst) >= n {
		return dst[:len(dst)+n]
	}
	out := make([]byte, len(dst)+n, max(2*cap(dst), len(dst)+n))
	copy(out, dst)
	return out
}
