package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/cell"
	"github.com/cepd/cepd/internal/event"
)

// Name is that of the format, the others are its options.
const (
	Name           = "parquet"
	OptSplits      = "parquet.splits"
	OptCompression = "parquet.compression"
	maxSplits      = 64
)

// Specs are the options.
func Specs() []connectors.OptionSpec {
	return []connectors.OptionSpec{
		{Name: OptSplits, Default: "1", Check: connectors.CheckInt(1, maxSplits),
			Doc: "How many partitions a file is. Its row groups are dealt out to them in turn, and they are read at the same time: the order of rows in the file is then that of each partition only."},
		{Name: OptCompression, Default: "SNAPPY", Values: []string{"SNAPPY", "ZSTD", "GZIP", "UNCOMPRESSED"}, Doc: "How pages that are written are compressed."},
	}
}

// Splits is how many partitions a file is.
func Splits(t connectors.Table) int { return int(t.Int(OptSplits, 1)) }

// The limits of a file's description, in bytes, and of a batch.
const (
	maxFooter     = 16 << 20
	batchBytes    = 16 << 20
	batchElements = 1 << 20
)

// Reader reads the rows of a file, or of a split of it.
type Reader struct {
	columns []connectors.Column
	look    *inspector
	nodes   []*node // of columns; nil for metadata
	fixed   []int   // columns whose values have one size: they are read by column
	others  []int   // they are read row by row
	count   *node   // nil: another field says how many rows there are
	groups  []group // of the split, in order
	at      int     // of groups
	opened  bool    // groups[at] is being read
	next    int64   // row of the file
	end     int64
	rejects []connectors.Reject
	misfits []misfit // of the batch
	broken  *damage  // the file is damaged as a whole
}

// group is a row group, whose first row is row first of the file.
type group struct {
	parquet.RowGroup
	says        *format.RowGroup
	first, rows int64
}

// Open reads what a file says of itself. A damaged file is one with a damaged
// row; an error is that the table's columns cannot be read from this file.
func Open(in io.ReaderAt, size int64, columns []connectors.Column, split, splits int, from int64) (*Reader, error) {
	r := &Reader{columns: columns, next: from, look: &inspector{in: in, size: size, unpack: unpacker{limit: maxPage}}}
	f, err := open(in, size)
	if f == nil {
		r.broken, r.end = &damage{err}, 1
		return r, nil
	}
	if err := r.bind(f); err != nil {
		return nil, err
	}
	var first int64
	for i, g := range f.RowGroups() {
		rows := max(0, g.NumRows())
		if i%splits == split && rows > 0 {
			r.groups = append(r.groups, group{g, &f.Metadata().RowGroups[i], first, rows})
			r.end = first + rows
		}
		first += rows
	}
	r.seek()
	return r, nil
}

func (r *Reader) bind(f *parquet.File) (err error) {
	defer guard(&err)
	r.nodes, err = bind(f.Root(), r.columns)
	for c, n := range r.nodes {
		switch {
		case n == nil:
		case n.set != nil && n.typ.Physical() != event.PhysStr:
			r.fixed = append(r.fixed, c)
		default:
			r.others = append(r.others, c)
		}
	}
	if !slices.ContainsFunc(r.nodes, func(n *node) bool { return n != nil && len(n.leaves) > 0 }) && f.NumRows() > 0 {
		r.count = counting(f.Root())
	}
	return err
}

// open reads the footer.
func open(in io.ReaderAt, size int64) (f *parquet.File, err error) {
	defer guard(&err)
	var tail [8]byte
	if size < int64(len(tail)) {
		return nil, errors.New("it is too short for a Parquet file")
	}
	if _, err := in.ReadAt(tail[:], size-int64(len(tail))); err != nil {
		return nil, err
	}
	n := int64(binary.LittleEndian.Uint32(tail[:]))
	if string(tail[4:]) == "PAR1" && n > maxFooter {
		return nil, fmt.Errorf("its footer has %d bytes: more than %d are not supported", n, maxFooter)
	}
	footer := make([]byte, max(0, min(n, size-int64(len(tail)))))
	if _, err := in.ReadAt(footer, size-int64(len(tail)+len(footer))); err != nil {
		return nil, err
	}
	if _, err := structure(footer); err != nil {
		return nil, fmt.Errorf("its footer: %w", err)
	}
	return parquet.OpenFile(in, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
}

// seek goes to the row next: reading begins at the row group, so that damage is
// met where it was met before.
func (r *Reader) seek() {
	for r.at < len(r.groups) && r.groups[r.at].first+r.groups[r.at].rows <= r.next {
		r.at++
	}
	if r.at == len(r.groups) {
		r.next = max(r.next, r.end)
		return
	}
	skip := r.next - r.groups[r.at].first
	r.next = max(r.next, r.groups[r.at].first)
	if skip > 0 && r.pass(skip) != nil { // the row with the damage has been taken
		r.leave()
	}
}

// pass takes rows of the row group without reading them.
func (r *Reader) pass(rows int64) (err error) {
	defer guard(&err)
	r.begin()
	for range rows {
		for n := range r.fields() {
			n.pass()
		}
	}
	return nil
}

// Position is the next row, as its number in the file.
func (r *Reader) Position() int64 { return r.next }

// End is the row after the last of the split.
func (r *Reader) End() int64 { return r.end }

// Done is how many rows have been read, and of how many.
func (r *Reader) Done() (part, whole int64) { return r.next, r.end }

// Rejects are the rows of the last Read that could not be made: they are NULL.
func (r *Reader) Rejects() []connectors.Reject { return r.rejects }

// Close ends reading.
func (r *Reader) Close() {
	for n := range r.fields() {
		for _, l := range n.leaves {
			l.close()
		}
	}
	r.look.unpack.close()
}

// fields are those that are read.
func (r *Reader) fields() iter.Seq[*node] {
	return func(yield func(*node) bool) {
		for _, n := range append(r.nodes[:len(r.nodes):len(r.nodes)], r.count) {
			if n != nil && !yield(n) {
				return
			}
		}
	}
}

// Read replaces dst by the next rows: at most limit, none with the number until
// or more (until < 0: no limit). io.EOF: there are none left.
func (r *Reader) Read(limit int, until int64, dst *event.Batch) error {
	r.rejects = r.rejects[:0]
	dst.Reset(0)
	if r.next >= r.end {
		return io.EOF
	}
	if until >= 0 && r.next >= until {
		return nil
	}
	if r.broken != nil {
		r.spoil(dst, 0, r.broken.err)
		dst.ID[0] = event.ID{Lo: uint64(r.next)}
		r.next = r.end
		return nil //nolint:nilerr // it is a rejected row
	}
	r.read(limit, until, dst)
	return nil
}

// read reads rows of a row group. Damage is the last of them.
func (r *Reader) read(limit int, until int64, dst *event.Batch) {
	g := &r.groups[r.at]
	n := min(int64(limit), event.MaxRows, g.first+g.rows-r.next)
	if until >= 0 {
		n = min(n, until-r.next)
	}
	dst.Reset(int(n))
	first := r.next
	rows, err := r.fill(dst)
	if r.next += int64(rows); err != nil {
		r.spoil(dst, rows, err)
		rows++
		r.leave()
	} else if r.next == g.first+g.rows {
		r.leave()
	}
	cut(dst, rows)
	for i := range dst.ID {
		dst.ID[i] = event.ID{Lo: uint64(first) + uint64(i)}
	}
}

// leave ends a row group; what follows is the first row of the next.
func (r *Reader) leave() {
	r.at, r.opened = r.at+1, false
	if r.next = r.end; r.at < len(r.groups) {
		r.next = r.groups[r.at].first
	}
}

func (r *Reader) begin() {
	if r.opened {
		return
	}
	for n := range r.fields() {
		for _, l := range n.leaves {
			l.open(r.look, &r.groups[r.at])
		}
	}
	r.opened = true
}

// fill reads the rows of dst, or fewer when they are many bytes, and says how
// many. An error is damage in the row after them. Fields of one size are read by
// column, after the others.
func (r *Reader) fill(dst *event.Batch) (rows int, err error) {
	rows, err = r.fillRows(dst)
	done, damaged := r.fillColumns(dst, rows)
	if damaged != nil {
		rows, err = done, damaged
	}
	r.rejectMisfits(dst, rows)
	return rows, err
}

func (r *Reader) fillRows(dst *event.Batch) (rows int, err error) {
	defer guard(&err)
	r.begin()
	if r.count == nil && len(r.others) == 0 {
		return dst.N, nil
	}
	for rows < dst.N && !r.full(dst) {
		r.row(dst, rows)
		rows++
	}
	return rows, nil
}

// row reads the fields of a row that are not read by column.
func (r *Reader) row(dst *event.Batch, row int) {
	if r.count != nil {
		r.count.pass()
	}
	for _, c := range r.others {
		r.value(c, &dst.Cols[c], row)
	}
}

// value reads a field's value in a row.
func (r *Reader) value(c int, v *event.Vec, row int) {
	n := r.nodes[c]
	why := n.read(v, row)
	if r.columns[c].NotNull && v.Null(row) {
		why = n.name + ": NULL in a NOT NULL column"
	}
	if why != "" {
		r.note(row, c, why)
	}
}

// full says whether a batch should have no more rows.
func (r *Reader) full(dst *event.Batch) bool {
	for _, c := range r.others {
		if large(&dst.Cols[c]) {
			return true
		}
	}
	return false
}

func large(v *event.Vec) bool {
	if len(v.Buf) > batchBytes || v.Type.Kind != event.Row && len(v.Kids) > 0 && v.Kids[0].Rows() > batchElements {
		return true
	}
	for k := range v.Kids {
		if large(&v.Kids[k]) {
			return true
		}
	}
	return false
}

func (r *Reader) reject(dst *event.Batch, row int, reason string) {
	r.rejects = append(r.rejects, connectors.Reject{Row: int32(row), Reason: reason})
	for c := range r.columns {
		if r.columns[c].Metadata == "" {
			cell.SetNull(&dst.Cols[c], row)
		}
	}
}

// spoil makes a row that stands for what is damaged.
func (r *Reader) spoil(dst *event.Batch, row int, err error) {
	if row == dst.N {
		dst.Reset(row + 1)
	}
	if r.at < len(r.groups) {
		g := &r.groups[r.at]
		err = fmt.Errorf("row group with the rows %d to %d: %w", g.first, g.first+g.rows-1, err)
	}
	r.reject(dst, row, "row "+strconv.FormatInt(r.next, 10)+" and what follows it cannot be read: "+err.Error())
}

// cut makes the batch rows long, which has at least as many.
func cut(b *event.Batch, rows int) {
	b.N, b.ID, b.Time = rows, b.ID[:rows], b.Time[:0]
	for c := range b.Cols {
		b.Cols[c].Grow(rows)
	}
}
