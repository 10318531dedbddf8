package parquet

import (
	"bytes"
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"
)

// unpacker opens compressed pages, of which none may become larger than limit.
type unpacker struct {
	limit int
	gzip  *gzip.Reader
	zstd  *zstd.Decoder
}

// open opens a page that has size bytes, as it says; dst is scratch.
func (u *unpacker) open(codec format.CompressionCodec, dst, src []byte, size int) ([]byte, error) {
	switch codec {
	case format.Snappy:
		n, err := snappy.DecodedLen(src)
		if err != nil || n > u.limit {
			return nil, u.tooLarge(err)
		}
		return snappy.Decode(dst[:cap(dst)], src)
	case format.Zstd:
		if u.zstd == nil {
			var err error
			if u.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(u.limit))); err != nil {
				return nil, err
			}
		}
		return u.zstd.DecodeAll(src, dst[:0])
	case format.Gzip:
		return u.gunzip(dst, src)
	case format.Brotli:
		return u.within(dst, brotli.NewReader(bytes.NewReader(src)))
	}
	if cap(dst) < size {
		dst = make([]byte, size)
	}
	if codec == format.Lz4Raw { // the library tries again with twice the room, for ever
		n, err := lz4.UncompressBlock(src, dst[:size])
		return dst[:max(n, 0)], err
	}
	return parquet.LookupCompressionCodec(codec).Decode(dst[:size], src)
}

func (u *unpacker) tooLarge(err error) error {
	if err == nil {
		err = fmt.Errorf("a page has more than %d bytes", u.limit)
	}
	return err
}

func (u *unpacker) gunzip(dst, src []byte) (_ []byte, err error) {
	in := bytes.NewReader(src)
	if u.gzip == nil {
		u.gzip, err = gzip.NewReader(in)
	} else {
		err = u.gzip.Reset(in)
	}
	if err != nil {
		return nil, err
	}
	return u.within(dst, u.gzip)
}

// within reads all there is, up to the limit.
func (u *unpacker) within(dst []byte, in io.Reader) ([]byte, error) {
	out := bytes.NewBuffer(dst[:0])
	n, err := io.Copy(out, io.LimitReader(in, int64(u.limit)+1))
	if err != nil || n > int64(u.limit) {
		return nil, u.tooLarge(err)
	}
	return out.Bytes(), nil
}

func (u *unpacker) close() {
	if u.zstd != nil {
		u.zstd.Close()
		u.zstd = nil
	}
}
