package avro

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/twmb/avro/ocf"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/cell"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/panics"
)

// A container file is a header and blocks, each with records that are compressed
// together (Avro specification, "Object Container Files"):
//
//	"Obj" 1 | map of texts: avro.schema, avro.codec | marker
//	records | bytes | content | marker
//	…

// The limits of a container file, in bytes; of a block as it is kept, and opened.
const (
	maxHeader     = 16 << 20
	maxFileSchema = 1 << 20
	maxBlock      = 64 << 20
	maxRows       = 1 << 39
	// batchItems of arrays and maps in a batch are enough.
	batchItems = 1 << 20
)

const markerLen = 16

var containerMagic = []byte{'O', 'b', 'j', 1}

// header is the beginning of a container file.
type header struct {
	schema string
	codec  string
	marker [markerLen]byte
	len    int64 // bytes
}

// readHeader reads it.
func readHeader(in io.ReaderAt, size int64) (h header, err error) {
	limited := io.NewSectionReader(in, 0, min(size, maxHeader))
	r := &headerReader{in: bufio.NewReader(limited)}
	if !bytes.Equal(r.bytes(len(containerMagic)), containerMagic) && r.err == nil {
		return h, errors.New("it is no Avro container file: it does not begin with 'Obj' and 1")
	}
	for count := r.block(); count > 0 && r.err == nil; count = r.block() {
		for ; count > 0 && r.err == nil; count-- {
			switch key := string(r.text(1 << 10)); key {
			case "avro.schema":
				h.schema = string(r.text(maxFileSchema))
			case "avro.codec":
				h.codec = string(r.text(1 << 10))
			default:
				r.pass()
			}
		}
	}
	copy(h.marker[:], r.bytes(markerLen))
	h.len = r.n
	switch {
	case errors.Is(r.err, io.EOF) || errors.Is(r.err, io.ErrUnexpectedEOF):
		return h, fmt.Errorf("its header does not end within %d bytes", limited.Size())
	case r.err != nil:
		return h, r.err
	case h.schema == "":
		return h, errors.New("its header has no schema")
	}
	return h, nil
}

// headerReader reads values until the first error.
type headerReader struct {
	in  *bufio.Reader
	n   int64 // bytes read
	err error
}

func (r *headerReader) ReadByte() (byte, error) {
	b, err := r.in.ReadByte()
	if err == nil {
		r.n++
	}
	return b, err
}

func (r *headerReader) long() (v int64) {
	if r.err == nil {
		v, r.err = binary.ReadVarint(r)
	}
	return v
}

// block is how many entries come next.
func (r *headerReader) block() int64 {
	n := r.long()
	if n < 0 { // then follows how many bytes they are
		n = -n
		r.long()
	}
	if n < 0 && r.err == nil {
		r.err = errors.New("its header has no number of entries")
	}
	return n
}

// bytes reads n bytes.
func (r *headerReader) bytes(n int) []byte {
	if r.err != nil {
		return nil
	}
	p := make([]byte, n)
	_, r.err = io.ReadFull(r.in, p)
	r.n += int64(n)
	return p
}

// text reads a length and the bytes.
func (r *headerReader) text(limit int64) []byte {
	n := r.long()
	if r.err == nil && (n < 0 || n > limit) {
		r.err = fmt.Errorf("its header has a text of %d bytes: more than %d are not supported", n, limit)
	}
	return r.bytes(int(n))
}

func (r *headerReader) pass() {
	n := r.long()
	if r.err != nil {
		return
	}
	if n < 0 || n > maxHeader {
		r.err = fmt.Errorf("its header has a text of %d bytes", n)
		return
	}
	var done int
	done, r.err = r.in.Discard(int(n))
	r.n += int64(done)
}

// codecOf is the codec of a name.
func codecOf(name string) (ocf.Codec, error) {
	switch name {
	case "", codecNull:
		return nil, nil //nolint:nilnil // there is none
	case codecDeflate:
		return ocf.DeflateCodec(-1), nil
	case codecSnappy:
		return ocf.SnappyCodec(), nil
	case codecZstd:
		return ocf.ZstdCodec(nil, nil)
	}
	return nil, fmt.Errorf("its codec '%.40s' is not supported: null, deflate, snappy and zstandard are", name)
}

// Reader reads the rows of a container file. A row that cannot be made is rejected.
// Where the rest of a block cannot be read, that is one row, and reading goes on with
// the next block; behind what is no block nothing is read.
type Reader struct {
	d     *Decoder
	in    io.ReaderAt
	size  int64
	head  header
	codec ocf.Codec // nil: none
	over  *node     // passes over a record

	at      int64 // byte of the next block
	next    int64 // row
	content []byte
	pos     int   // in content
	end     int64 // row after those of content
	items   int   // of arrays and maps that the rest of content may have
	broken  error // the next row says so, and is the last
	done    bool
	rejects []connectors.Reject
}

// OpenContainer opens a container file at a row. A damaged one has a rejected row.
func OpenContainer(in io.ReaderAt, size int64, columns []connectors.Column, get func(string) string, from int64) (*Reader, error) {
	reader, err := schemaOf(Plain, get)
	if err != nil {
		return nil, err
	}
	r := &Reader{d: newDecoder(columns), in: in, size: size}
	r.d.reader = reader
	if r.broken = panics.Call(r.begin); r.broken == nil {
		r.seek(from)
	} else if from > 0 {
		r.next, r.done = from, true
	}
	return r, nil
}

// CheckContainer checks that a reader's schema can be read into the columns.
func CheckContainer(columns []connectors.Column, get func(string) string) error {
	s, err := schemaOf(Plain, get)
	if err != nil || s == nil {
		return err
	}
	if _, err = resolve(s, s, columns); err != nil {
		return fmt.Errorf("option '%s.schema': %w", Plain, err)
	}
	return nil
}

func (r *Reader) begin() (err error) {
	if r.head, err = readHeader(r.in, r.size); err != nil {
		return err
	}
	r.at = r.head.len
	if r.codec, err = codecOf(r.head.codec); err != nil {
		return err
	}
	writer, err := parse(r.head.schema)
	if err != nil {
		return fmt.Errorf("its schema: %w", err)
	}
	if r.over, err = resolve(writer, nil, nil); err != nil {
		return fmt.Errorf("its schema: %w", err)
	}
	r.d.program = &program{}
	if r.d.program.root, err = resolve(writer, r.d.reader, r.d.columns); err != nil {
		return fmt.Errorf("its schema: %w", err)
	}
	return nil
}

// block is where a block is.
type block struct {
	rows, size int64
	from       int64 // byte of the content
}

// peek reads the head of the next block. io.EOF: there is none.
func (r *Reader) peek() (b block, err error) {
	if r.at == r.size {
		return b, io.EOF
	}
	var head [2 * binary.MaxVarintLen64]byte
	n, err := r.in.ReadAt(head[:min(int64(len(head)), r.size-r.at)], r.at)
	if err != nil && !errors.Is(err, io.EOF) {
		return b, err
	}
	rows, first := binary.Varint(head[:n])
	size, second := binary.Varint(head[max(first, 0):n])
	b = block{rows, size, r.at + int64(first+second)}
	switch {
	case first <= 0 || second <= 0:
		return b, fmt.Errorf("at byte %d is no block", r.at)
	case rows < 0 || rows > maxBlock || size < 0 || size > maxBlock:
		return b, fmt.Errorf("the block at byte %d says that it has %d records in %d bytes: more than %d are not supported", r.at, rows, size, maxBlock)
	case rows > maxRows-r.next:
		return b, fmt.Errorf("the block at byte %d says that there are more than %d records", r.at, int64(maxRows))
	case size > r.size-b.from-markerLen:
		return b, fmt.Errorf("the block at byte %d goes on behind the end of the file", r.at)
	}
	var marker [markerLen]byte
	if _, err = r.in.ReadAt(marker[:], b.from+size); err != nil && !errors.Is(err, io.EOF) {
		return b, err
	}
	if marker != r.head.marker {
		return b, fmt.Errorf("the block at byte %d does not end with the marker of the file", r.at)
	}
	return b, nil
}

// seek goes to a row. Damage is met where it was met before.
func (r *Reader) seek(from int64) {
	for r.next < from {
		b, err := r.peek()
		switch {
		case errors.Is(err, io.EOF):
			r.next, r.done = from, true
		case err != nil: // the row with the damage has been taken
			r.next, r.done = from, true
		case r.next+b.rows <= from:
			r.at, r.next = b.from+b.size+markerLen, r.next+b.rows
			r.end = r.next
		default:
			r.enter(from)
			return
		}
	}
}

// enter opens the next block, which has a row, and passes over those before it.
func (r *Reader) enter(from int64) {
	first := r.next
	if r.load() != nil {
		r.leave()
		return
	}
	for n := from - first; n > 0; n-- {
		if !r.skip() {
			r.leave()
			return
		}
	}
	r.next = from
}

// leave leaves the block at hand.
func (r *Reader) leave() { r.content, r.pos, r.next = nil, 0, r.end }

// load opens the next block. The file's position is then behind it, whatever there is
// in it. errFrame: it is none.
func (r *Reader) load() error {
	b, err := r.peek()
	if err != nil {
		return errFrame{err}
	}
	r.at, r.end = b.from+b.size+markerLen, r.next+b.rows
	p := make([]byte, b.size)
	if _, err := r.in.ReadAt(p, b.from); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if r.codec != nil {
		err := panics.Call(func() (err error) {
			p, err = r.codec.(ocf.BoundedDecompressor).DecompressBounded(p, maxBlock)
			return err
		})
		if err != nil {
			return err
		}
	}
	if b.rows > int64(len(p))+spareItems {
		return fmt.Errorf("it says that it has %d records, in %d bytes", b.rows, len(p))
	}
	r.content, r.pos, r.items = p, 0, len(p)+spareItems
	return nil
}

// errFrame says that there is no block where one should be.
type errFrame struct{ error }

// Unwrap is what is there.
func (e errFrame) Unwrap() error { return e.error }

// skip passes over a record; false: nothing says where it ends.
func (r *Reader) skip() bool {
	w := &r.d.walk
	w.fault.Reset()
	w.depth, w.left = 0, min(r.items, maxItems)
	had := w.left
	end := w.record(r.over, nil, 0, r.content, r.pos)
	if end < 0 {
		return false
	}
	r.pos, r.items = end, r.items-(had-w.left)
	return true
}

// Position is the next row, as its number in the file.
func (r *Reader) Position() int64 { return r.next }

// End is the row after the last; -1: it is not known yet.
func (r *Reader) End() int64 {
	if r.done {
		return r.next
	}
	return -1
}

// Done is how much has been read, and of what.
func (r *Reader) Done() (part, whole int64) { return r.at, r.size }

// Rejects are the rows of the last Read that could not be made: they are NULL.
func (r *Reader) Rejects() []connectors.Reject { return r.rejects }

// Close ends reading.
func (r *Reader) Close() {
	if r.codec != nil {
		_ = r.codec.Close() // it only gives memory back
	}
}

// Read replaces dst by the next rows: at most limit, none with the number until or
// more (until < 0: no limit). io.EOF: there are none left. Text is that of the block.
func (r *Reader) Read(limit int, until int64, dst *event.Batch) error {
	r.rejects = r.rejects[:0]
	dst.Reset(0)
	for r.broken == nil && !r.done && r.content == nil {
		if until >= 0 && r.next >= until {
			return nil
		}
		err := r.load()
		var frame errFrame
		switch {
		case err == nil && r.next == r.end:
			r.content = nil // a block without records
		case err == nil:
		case errors.As(err, &frame) && errors.Is(err, io.EOF):
			r.done = true
		case errors.As(err, &frame):
			r.broken = frame.error
		case r.next == r.end:
		default:
			r.one(dst, fmt.Sprintf("row %d and the others of its block cannot be read: %v", r.next, err))
			r.leave()
			return nil
		}
	}
	switch {
	case r.done:
		return io.EOF
	case until >= 0 && r.next >= until:
		return nil
	case r.broken != nil:
		r.one(dst, fmt.Sprintf("row %d and what follows it cannot be read: %v", r.next, r.broken))
		r.next, r.broken, r.done = r.next+1, nil, true
		return nil //nolint:nilerr // it is a rejected row
	}
	r.rows(limit, until, dst)
	return nil
}

// one makes a row that is rejected.
func (r *Reader) one(dst *event.Batch, reason string) {
	dst.Reset(1)
	dst.ID[0] = event.ID{Lo: uint64(r.next)}
	r.reject(dst, 0, reason)
}

func (r *Reader) reject(dst *event.Batch, row int, reason string) {
	for _, c := range r.d.cols {
		cell.SetNull(&dst.Cols[c], row)
	}
	r.rejects = append(r.rejects, connectors.Reject{Row: int32(row), Reason: reason})
}

// rows reads rows of the block at hand.
func (r *Reader) rows(limit int, until int64, dst *event.Batch) {
	n := min(int64(limit), event.MaxRows, r.end-r.next)
	if until >= 0 {
		n = min(n, until-r.next)
	}
	dst.Reset(int(n))
	for _, c := range r.d.cols {
		cell.Alias(&dst.Cols[c], r.content)
	}
	row, first, items := 0, r.next, r.items
	for ; row < int(n) && items-r.items < batchItems && r.content != nil; row++ {
		dst.ID[row] = event.ID{Lo: uint64(first) + uint64(row)}
		r.row(dst, row)
	}
	if r.next == r.end {
		r.leave()
	}
	dst.N, dst.ID, dst.Time = row, dst.ID[:row], dst.Time[:0]
	for c := range dst.Cols {
		dst.Cols[c].Grow(row)
	}
}

// row reads a record. Of one that does not fit the end is looked for.
func (r *Reader) row(dst *event.Batch, row int) {
	w, from := &r.d.walk, r.pos
	w.fault.Reset()
	w.depth, w.left = 0, min(r.items, maxItems)
	had := w.left
	end := w.record(r.d.program.root, dst.Cols, row, r.content, from)
	if end >= 0 {
		r.pos, r.items, r.next = end, r.items-(had-w.left), r.next+1
		if why := r.d.missing(dst.Cols, row); why != "" {
			r.reject(dst, row, why)
		}
		return
	}
	why := "not valid Avro: " + w.fault.Reason(from)
	if r.skip() {
		r.reject(dst, row, why)
		r.next++
		return
	}
	r.reject(dst, row, fmt.Sprintf("row %d and the others of its block cannot be read: %s", r.next, why))
	r.leave()
}
