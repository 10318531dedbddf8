package avro

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/twmb/avro/ocf"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

// OptCodec is how blocks of container files are compressed.
const OptCodec = "avro.codec"

// The codecs.
const (
	codecNull    = "null"
	codecDeflate = "deflate"
	codecSnappy  = "snappy"
	codecZstd    = "zstandard"
)

// blockBytes of records are a block.
const blockBytes = 64 << 10

// Container makes container files of a table.
type Container struct {
	encoder *Encoder
	codec   string
	rows    connectors.Encoded
}

// NewContainer makes it. Columns with Metadata are left out.
func NewContainer(columns []connectors.Column, get func(string) string) (*Container, error) {
	c := &Container{codec: get(OptCodec)}
	if c.codec == "" {
		c.codec = codecSnappy
	}
	var err error
	c.encoder, err = NewEncoder(columns, get)
	return c, err
}

// Writer writes a container file.
type Writer struct {
	of     *Container
	to     io.Writer
	codec  ocf.Codec // nil: none
	marker [markerLen]byte
	block  []byte
	rows   int64
	out    []byte // scratch
}

// NewWriter begins a file.
func (c *Container) NewWriter(to io.Writer) (*Writer, error) {
	w := &Writer{of: c, to: to}
	var err error
	if w.codec, err = codecOf(c.codec); err != nil {
		return nil, err
	}
	if _, err := rand.Read(w.marker[:]); err != nil {
		return nil, err
	}
	p := append(w.out, containerMagic...)
	p = binary.AppendVarint(p, 2)
	for _, text := range []string{"avro.schema", c.encoder.schema, "avro.codec", c.codec} {
		p = append(binary.AppendVarint(p, int64(len(text))), text...)
	}
	p = binary.AppendVarint(p, 0)
	_, err = to.Write(append(p, w.marker[:]...))
	return w, err
}

// Write adds the live rows of a batch.
func (w *Writer) Write(b *event.Batch) error {
	rows := &w.of.rows
	rows.Reset()
	if err := w.of.encoder.Encode(b, rows); err != nil {
		return err
	}
	for _, v := range rows.Value {
		if len(w.block)+int(v.Len) > maxBlock {
			if err := w.seal(); err != nil {
				return err
			}
		}
		if v.Len > maxBlock {
			return fmt.Errorf("a row has %d bytes as Avro: more than %d are not supported", v.Len, maxBlock)
		}
		w.block, w.rows = append(w.block, rows.Buf[v.Off:v.Off+v.Len]...), w.rows+1
		if len(w.block) >= blockBytes || w.rows == spareItems {
			if err := w.seal(); err != nil {
				return err
			}
		}
	}
	return nil
}

// seal writes the block at hand.
func (w *Writer) seal() (err error) {
	if w.rows == 0 {
		return nil
	}
	content := w.block
	if w.codec != nil {
		if content, err = w.codec.Compress(content); err != nil {
			return err
		}
	}
	w.out = binary.AppendVarint(binary.AppendVarint(w.out[:0], w.rows), int64(len(content)))
	w.out = append(append(w.out, content...), w.marker[:]...)
	w.block, w.rows = w.block[:0], 0
	_, err = w.to.Write(w.out)
	return err
}

// Close writes what is left. The file itself stays open.
func (w *Writer) Close() error {
	err := w.seal()
	if w.codec != nil {
		_ = w.codec.Close() // it only gives memory back
	}
	return err
}
