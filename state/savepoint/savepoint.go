// Package savepoint is files that hold the state of one query at one step, to be
// copied, kept and restored anywhere.
//
//	file:    "cepd savepoint\n" | frame of the header | frames of pairs ... | empty frame | frame of the trailer | SHA-256 of all before
//	frame:   length (4 bytes, big-endian) | CRC-32C of the content (4 bytes) | content
//	pairs:   zstd of { key length, key, value length, value }...   lengths are varints; keys are within the query's range
//	header:  JSON, Header; its "version" comes first in meaning: what follows may change with it
//
// The first line and the frame of the header stay as they are in all versions, so
// that every cepd can say what a file is.
package savepoint

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"time"

	"github.com/klauspost/compress/zstd"
)

// Version is that of the files this package writes. It reads all up to it.
const Version = 1

const magic = "cepd savepoint\n"

// Header says what a savepoint holds.
type Header struct {
	Version     int         `json:"version"` // of the file
	Format      int         `json:"format"`  // of the state in it
	Cepd        string      `json:"cepd"`    // version of the program that wrote it
	Name        string      `json:"name" doc:"Name of the savepoint"`
	Query       string      `json:"query"`
	Created     time.Time   `json:"created"`
	Fingerprint string      `json:"fingerprint"` // of the query's plan
	Step        uint64      `json:"step" doc:"The state is that after this step"`
	Journal     int         `json:"journal,omitempty" doc:"Steps behind it that a restore repeats"`
	Positions   []Position  `json:"positions"`
	Sinks       []Sink      `json:"sinks"`
	Statements  []Statement `json:"statements,omitempty"` // that make the query, in order
}

// Position is where reading goes on.
type Position struct {
	Table     string `json:"table"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
}

// Sink is how far a table has been written.
type Sink struct {
	Table     string `json:"table"`
	Rows      uint64 `json:"rows" doc:"Rows made"`
	Delivered uint64 `json:"delivered" doc:"Of them, known to be delivered; the others are in the savepoint"`
}

// Statement is text that the query needs.
type Statement struct {
	Kind     string            `json:"kind"`
	Name     string            `json:"name"`
	SQL      string            `json:"sql"`
	Params   map[string]string `json:"params,omitempty"`
	Settings map[string]string `json:"settings,omitempty"`
	Module   []byte            `json:"module,omitempty"` // of a function
}

// Trailer is what is known at the end of a file.
type Trailer struct {
	Pairs int64 `json:"pairs"`
	Bytes int64 `json:"bytes"` // of keys and values
}

// blockBytes is how much goes into a frame before it is compressed, maxFrame
// what a frame may say it has.
const (
	blockBytes = 1 << 20
	maxFrame   = 1 << 30
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Writer writes a savepoint.
type Writer struct {
	w       *bufio.Writer
	sum     hash.Hash
	zstd    *zstd.Encoder
	block   []byte
	packed  []byte
	trailer Trailer
}

// NewWriter writes the beginning of a file.
func NewWriter(w io.Writer, h *Header) (*Writer, error) {
	h.Version = Version
	text, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return nil, err
	}
	x := &Writer{sum: sha256.New(), zstd: enc}
	x.w = bufio.NewWriterSize(io.MultiWriter(w, x.sum), 64<<10)
	if _, err := x.w.WriteString(magic); err != nil {
		return nil, err
	}
	return x, x.frame(text)
}

func (x *Writer) frame(content []byte) error {
	var head [8]byte
	binary.BigEndian.PutUint32(head[:], uint32(len(content)))
	binary.BigEndian.PutUint32(head[4:], crc32.Checksum(content, castagnoli))
	if _, err := x.w.Write(head[:]); err != nil {
		return err
	}
	_, err := x.w.Write(content)
	return err
}

// Put adds a pair. Keys come in order.
func (x *Writer) Put(key, value []byte) error {
	x.block = binary.AppendUvarint(x.block, uint64(len(key)))
	x.block = append(x.block, key...)
	x.block = binary.AppendUvarint(x.block, uint64(len(value)))
	x.block = append(x.block, value...)
	x.trailer.Pairs++
	x.trailer.Bytes += int64(len(key) + len(value))
	if len(x.block) < blockBytes {
		return nil
	}
	return x.flush()
}

func (x *Writer) flush() error {
	if len(x.block) == 0 {
		return nil
	}
	x.packed = x.zstd.EncodeAll(x.block, x.packed[:0])
	x.block = x.block[:0]
	return x.frame(x.packed)
}

// Close writes the end. The caller closes what is written to.
func (x *Writer) Close(w io.Writer) error {
	text, err := json.Marshal(x.trailer)
	if err == nil {
		err = errors.Join(x.flush(), x.frame(nil), x.frame(text), x.w.Flush(), x.zstd.Close())
	}
	if err != nil {
		return err
	}
	_, err = w.Write(x.sum.Sum(nil))
	return err
}

// ErrDamaged says that a file is not what was written.
var ErrDamaged = errors.New("the savepoint is damaged: take another one")

// Reader reads a savepoint.
type Reader struct {
	Header Header
	r      *bufio.Reader
	sum    hash.Hash
	zstd   *zstd.Decoder
	frame  []byte
	block  []byte
}

// NewReader reads the header. A file of a newer version is an error that says so.
func NewReader(r io.Reader) (*Reader, error) {
	x := &Reader{r: bufio.NewReaderSize(r, 64<<10), sum: sha256.New()}
	first := make([]byte, len(magic))
	if _, err := io.ReadFull(x.r, first); err != nil || string(first) != magic {
		return nil, errors.New("this is not a savepoint of cepd")
	}
	x.sum.Write(first)
	text, err := x.next()
	if err == nil && json.Unmarshal(text, &x.Header) != nil {
		err = ErrDamaged
	}
	if err != nil {
		return nil, err
	}
	if v := x.Header.Version; v > Version {
		return nil, fmt.Errorf("the savepoint was written by cepd %s (savepoint version %d), this cepd reads up to version %d: use that cepd, or a newer one", x.Header.Cepd, v, Version)
	}
	if x.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxFrame)); err != nil {
		return nil, err
	}
	return x, nil
}

// next reads a frame. It is valid until the next one.
func (x *Reader) next() ([]byte, error) {
	var head [8]byte
	if _, err := io.ReadFull(x.r, head[:]); err != nil {
		return nil, fmt.Errorf("%w (it ends early)", ErrDamaged)
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxFrame {
		return nil, ErrDamaged
	}
	var content bytes.Buffer
	if m, err := io.CopyN(&content, x.r, int64(n)); err != nil || m != int64(n) {
		return nil, fmt.Errorf("%w (it ends early)", ErrDamaged)
	}
	x.frame = content.Bytes()
	if crc32.Checksum(x.frame, castagnoli) != binary.BigEndian.Uint32(head[4:]) {
		return nil, ErrDamaged
	}
	x.sum.Write(head[:])
	x.sum.Write(x.frame)
	return x.frame, nil
}

// Each calls fn with every pair, then checks the end of the file: what fn was
// given is right only when Each returns nil. The slices are valid during the
// call.
func (x *Reader) Each(fn func(key, value []byte) error) (t Trailer, err error) {
	defer x.zstd.Close()
	var seen Trailer
	for {
		frame, err := x.next()
		if err != nil {
			return t, err
		}
		if len(frame) == 0 {
			break
		}
		if x.block, err = x.zstd.DecodeAll(frame, x.block[:0]); err != nil {
			return t, ErrDamaged
		}
		if err := eachPair(x.block, &seen, fn); err != nil {
			return t, err
		}
	}
	text, err := x.next()
	if err != nil {
		return t, err
	}
	if json.Unmarshal(text, &t) != nil || t != seen {
		return t, ErrDamaged
	}
	want := x.sum.Sum(nil)
	got, err := io.ReadAll(io.LimitReader(x.r, int64(len(want))+1))
	if err != nil || !bytes.Equal(got, want) {
		return t, ErrDamaged
	}
	return t, nil
}

func eachPair(block []byte, seen *Trailer, fn func(key, value []byte) error) error {
	for len(block) > 0 {
		var pair [2][]byte
		for i := range pair {
			n, w := binary.Uvarint(block)
			if w <= 0 || n > uint64(len(block)-w) {
				return ErrDamaged
			}
			pair[i], block = block[w:w+int(n)], block[w+int(n):]
		}
		seen.Pairs++
		seen.Bytes += int64(len(pair[0]) + len(pair[1]))
		if err := fn(pair[0], pair[1]); err != nil {
			return err
		}
	}
	return nil
}
