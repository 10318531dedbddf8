package recordbatch

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/pierrec/lz4/v4"
)

const (
	lz4Magic         = 0x184D2204
	lz4MinHeader     = 7 // magic, FLG, BD, header checksum
	lz4Version       = 0x40
	lz4VersionMask   = 0xC0
	lz4Independent   = 0x20
	lz4BlockChecksum = 0x10
	lz4ContentSize   = 0x08
	lz4DictID        = 0x01
	lz4Window        = 64 << 10
	lz4Raw           = 1 << 31
)

var errLZ4Header = errors.New("not an LZ4 frame")

// openLZ4 appends the content of an LZ4 frame, block by block, straight to
// dst: dependent blocks find what they refer to just before them. Checksums of
// blocks and content are not looked at, as the batch has its own.
func openLZ4(dst, p []byte, limit int) ([]byte, error) {
	flags, blockMax, p, err := lz4Header(p)
	if err != nil {
		return nil, err
	}
	start := len(dst)
	for {
		if len(p) < 4 {
			return nil, io.ErrUnexpectedEOF
		}
		word := binary.LittleEndian.Uint32(p)
		if word == 0 {
			return dst, nil
		}
		size := int(word &^ lz4Raw)
		if p = p[4:]; size > len(p) || size > blockMax {
			return nil, io.ErrUnexpectedEOF
		}
		if dst, err = lz4Block(dst, start, p[:size], word&lz4Raw != 0, flags, blockMax); err != nil {
			return nil, err
		}
		if len(dst)-start > limit {
			return nil, errTooLarge
		}
		if p = p[size:]; flags&lz4BlockChecksum != 0 {
			p = p[min(4, len(p)):]
		}
	}
}

func lz4Header(p []byte) (flags byte, blockMax int, rest []byte, err error) {
	if len(p) < lz4MinHeader || binary.LittleEndian.Uint32(p) != lz4Magic || p[4]&lz4VersionMask != lz4Version {
		return 0, 0, nil, errLZ4Header
	}
	flags = p[4]
	size := p[5] >> 4 & 7
	if size < 4 || flags&lz4DictID != 0 {
		return 0, 0, nil, errLZ4Header
	}
	skip := lz4MinHeader
	if flags&lz4ContentSize != 0 {
		skip += 8
	}
	if len(p) < skip {
		return 0, 0, nil, errLZ4Header
	}
	return flags, 1 << (8 + 2*size), p[skip:], nil
}

func lz4Block(dst []byte, start int, block []byte, raw bool, flags byte, blockMax int) ([]byte, error) {
	if raw {
		return append(dst, block...), nil
	}
	at := len(dst)
	dst = grow(dst, blockMax)
	var n int
	var err error
	if flags&lz4Independent != 0 {
		n, err = lz4.UncompressBlock(block, dst[at:])
	} else {
		n, err = lz4.UncompressBlockWithDict(block, dst[at:], dst[max(start, at-lz4Window):at])
	}
	return dst[:at+n], err
}
