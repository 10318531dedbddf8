package parquet

import (
	"errors"
	"fmt"
	"io"
	"math/bits"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// The limits of a page.
const (
	maxPage   = 256 << 20 // bytes, when it is opened
	maxValues = 1 << 24
	maxHeader = 1 << 20 // bytes
)

// headerBytes is how much is read at first for the header of a page.
const headerBytes = 512

// inspector looks at pages before the library does, which makes room for what they
// say of themselves, and only then finds that it is not there: more than there is of
// memory ends the process.
type inspector struct {
	in     io.ReaderAt
	size   int64 // of the file
	header []byte
	body   []byte
	opened []byte
	unpack unpacker
}

// chunk is the pages of a column in a row group that were not yet inspected.
type chunk struct {
	at, end  int64
	rep, def uint // bits of the levels
	codec    format.CompressionCodec
	kind     parquet.Kind
}

// chunkOf is where the library reads a column of a row group.
func (x *inspector) chunkOf(c *parquet.Column, m *format.ColumnMetaData) chunk {
	at := m.DataPageOffset
	if m.DictionaryPageOffset != 0 {
		at = m.DictionaryPageOffset
	}
	return chunk{
		at: at, end: at + max(0, min(m.TotalCompressedSize, x.size-at)), codec: c.Compression().CompressionCodec(), kind: c.Type().Kind(),
		rep: uint(bits.Len(uint(c.MaxRepetitionLevel()))), def: uint(bits.Len(uint(c.MaxDefinitionLevel()))),
	}
}

// next inspects what the library reads for the next page with data.
func (x *inspector) next(c *chunk) error {
	for c.at < c.end {
		h, size, err := x.head(c)
		if err != nil {
			return err
		}
		if err := x.page(c, h, c.at+int64(size)); err != nil {
			return err
		}
		c.at += int64(size) + int64(h.CompressedPageSize)
		if h.Type == format.DataPage || h.Type == format.DataPageV2 {
			return nil
		}
	}
	return nil // the library says that it is the end
}

// head reads the header of a page, and says how many bytes it has.
func (x *inspector) head(c *chunk) (*format.PageHeader, int, error) {
	for n := headerBytes; ; n = maxHeader {
		if err := x.read(&x.header, c.at, min(c.end-c.at, int64(n))); err != nil {
			return nil, 0, err
		}
		size, err := structure(x.header)
		if errors.Is(err, io.ErrUnexpectedEOF) && len(x.header) == n && n < maxHeader {
			continue
		}
		h := new(format.PageHeader)
		if err == nil {
			err = thrift.NewDecoder(new(thrift.CompactProtocol).NewReaderFromBytes(x.header[:size])).Decode(h)
		}
		if err != nil {
			return nil, 0, fmt.Errorf("the header of a page: %w", err)
		}
		return h, size, nil
	}
}

// read replaces buf by n bytes of the file.
func (x *inspector) read(buf *[]byte, at, n int64) error {
	if int64(cap(*buf)) < n {
		*buf = make([]byte, n)
	}
	*buf = (*buf)[:n]
	_, err := x.in.ReadAt(*buf, at)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// page inspects a page whose bytes begin at an offset.
func (x *inspector) page(c *chunk, h *format.PageHeader, at int64) error {
	if h.CompressedPageSize < 0 || int64(h.CompressedPageSize) > c.end-at {
		return fmt.Errorf("a page has %d bytes, and its column %d more", h.CompressedPageSize, c.end-at)
	}
	if h.UncompressedPageSize < 0 || h.UncompressedPageSize > maxPage {
		return fmt.Errorf("a page has %d bytes: more than %d are not supported", h.UncompressedPageSize, maxPage)
	}
	p, err := partsOf(h)
	if err != nil {
		return err
	}
	if c.codec == format.Uncompressed && p.plain() && c.rep+c.def == 0 {
		return nil
	}
	if err := x.read(&x.body, at, int64(h.CompressedPageSize)); err != nil {
		return err
	}
	levels, values := x.body[:0], x.body
	if p.split {
		if p.repBytes < 0 || p.defBytes < 0 || p.repBytes+p.defBytes > int64(len(values)) {
			return errors.New("the levels of a page have more bytes than the page")
		}
		levels, values = values[:p.repBytes+p.defBytes], values[p.repBytes+p.defBytes:]
	}
	if p.packed && c.codec != format.Uncompressed {
		if values, err = x.unpack.open(c.codec, x.opened, values, int(h.UncompressedPageSize)); err != nil {
			return err
		}
		x.opened = values
	}
	return p.inspect(c, levels, values)
}

// parts is what a page says of its parts.
type parts struct {
	values             int32
	encoding, rep, def format.Encoding
	data               bool // it has levels
	split              bool // which are apart, in as many bytes, and not compressed
	repBytes, defBytes int64
	packed             bool // values may be compressed
}

func partsOf(h *format.PageHeader) (p parts, err error) {
	kinds := 0
	if d := h.DataPageHeader; d.Valid {
		kinds++
		p = parts{values: d.V.NumValues, encoding: d.V.Encoding, rep: d.V.RepetitionLevelEncoding, def: d.V.DefinitionLevelEncoding, data: true, packed: true}
	}
	if d := h.DataPageHeaderV2; d.Valid {
		kinds++
		p = parts{values: d.V.NumValues, encoding: d.V.Encoding, data: true, split: true, packed: true,
			repBytes: int64(d.V.RepetitionLevelsByteLength), defBytes: int64(d.V.DefinitionLevelsByteLength)}
		if c := d.V.IsCompressed; c.Valid {
			p.packed = c.V
		}
	}
	if d := h.DictionaryPageHeader; d.Valid {
		kinds++
		p = parts{values: d.V.NumValues, encoding: d.V.Encoding, packed: true}
		if d.V.Encoding != format.Plain && d.V.Encoding != format.PlainDictionary { //nolint:staticcheck // of files that are old
			return p, fmt.Errorf("a dictionary is encoded as %s", d.V.Encoding)
		}
		p.encoding = format.Plain
	}
	switch {
	case kinds > 1:
		return p, errors.New("a page has headers of several kinds")
	case p.values < 0 || p.values > maxValues:
		return p, fmt.Errorf("a page has %d values: more than %d are not supported", p.values, maxValues)
	}
	return p, nil
}

// plain says whether values take the room of their bytes.
func (p *parts) plain() bool {
	return p.encoding == format.Plain || p.encoding == format.ByteStreamSplit
}

// inspect looks at what stands for more than its bytes: runs and deltas.
func (p *parts) inspect(c *chunk, levels, values []byte) (err error) {
	if !p.data {
		return nil
	}
	if p.split {
		if err := runs(levels[:p.repBytes], c.rep); err != nil {
			return err
		}
		if err := runs(levels[p.repBytes:], c.def); err != nil {
			return err
		}
		return encoded(values, p.encoding, c.kind)
	}
	if c.rep > 0 {
		if values, err = prefixed(values, p.rep, c.rep); err != nil {
			return err
		}
	}
	if c.def > 0 {
		if values, err = prefixed(values, p.def, c.def); err != nil {
			return err
		}
	}
	return encoded(values, p.encoding, c.kind)
}
