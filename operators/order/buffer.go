package order

import (
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/kernel"
)

const (
	chunkRows   = 1024 // a chunk takes no further rows from here on
	maxOpen     = 8    // chunks that rows are appended to
	maxFree     = 32   // chunks kept for re-use
	viewSegment = 32   // shorter segments are gathered
)

// Key is a sort key after time: a column of the schema.
type Key struct {
	Column     int
	Desc       bool
	NullsFirst bool
}

// Buffer is the rows of one shard that wait for the watermark.
type Buffer struct {
	keys   []Key
	schema *event.Schema
	heap   []run    // by first row
	open   []*chunk // those that may take rows, oldest first
	free   []*chunk
	gone   []uint64 // saved chunks that are no more
	nextID uint64
	size   operators.Size

	sorted [][]int32 // scratch: sorted selections of unsorted input
	left   []run     // scratch: views to store
	gather *event.Batch
	view   event.Batch
}

// run is rows of a batch in order, of which next is the first not released.
type run struct {
	b     *event.Batch
	rows  []int32 // of a view; nil: all rows of the chunk's batch
	next  int
	chunk *chunk // nil: a view of this step's input
}

// chunk is a batch of sorted rows that the buffer owns.
type chunk struct {
	b     *event.Batch
	id    uint64
	saved int // rows at the last snapshot; 0: never saved
	bytes int64
}

// New is an empty buffer.
func New(schema *event.Schema, keys []Key) *Buffer {
	return &Buffer{keys: keys, schema: schema, gather: empty(schema)}
}

func empty(s *event.Schema) *event.Batch {
	b := event.NewBatch(s)
	b.Reset(0)
	return b
}

func (r *run) len() int {
	if r.rows == nil {
		return r.b.N
	}
	return len(r.rows)
}

func (r *run) row(i int) int {
	if r.rows == nil {
		return i
	}
	return int(r.rows[i])
}

// Step takes the rows of a step and emits all rows with a time of wm or less,
// in order. The batches of in are used only during the call.
func (o *Buffer) Step(in []event.Batch, wm event.Time, out operators.Collector) error {
	for i := range in {
		o.add(&in[i], i)
	}
	if err := o.release(wm, out); err != nil {
		return err
	}
	o.keep()
	return nil
}

// add puts a batch on the heap as a view.
func (o *Buffer) add(b *event.Batch, slot int) {
	rows := b.LiveRows()
	if len(rows) == 0 {
		return
	}
	if !o.inOrder(b, rows) {
		for len(o.sorted) <= slot {
			o.sorted = append(o.sorted, nil)
		}
		o.sorted[slot] = append(o.sorted[slot][:0], rows...)
		rows = o.sorted[slot]
		slices.SortFunc(rows, func(x, y int32) int { return o.compare(b, int(x), b, int(y)) })
	}
	o.push(run{b: b, rows: rows})
}

func (o *Buffer) inOrder(b *event.Batch, rows []int32) bool {
	for i := 1; i < len(rows); i++ {
		x, y := rows[i-1], rows[i]
		if b.Time[x] > b.Time[y] || b.Time[x] == b.Time[y] && o.compare(b, int(x), b, int(y)) > 0 {
			return false
		}
	}
	return true
}

// compare orders rows by (time, keys, ID).
func (o *Buffer) compare(a *event.Batch, i int, b *event.Batch, j int) int {
	if x, y := a.Time[i], b.Time[j]; x != y {
		if x < y {
			return -1
		}
		return 1
	}
	for _, k := range o.keys {
		if c := k.compare(&a.Cols[k.Column], i, &b.Cols[k.Column], j); c != 0 {
			return c
		}
	}
	return a.ID[i].Compare(b.ID[j])
}

func (k Key) compare(x *event.Vec, i int, y *event.Vec, j int) int {
	xn, yn := x.Null(i), y.Null(j)
	switch {
	case xn && yn:
		return 0
	case xn || yn:
		if xn == k.NullsFirst {
			return -1
		}
		return 1
	}
	c := kernel.Compare(x.Type, x.Value(i), y.Value(j))
	if k.Desc {
		return -c
	}
	return c
}

// release emits what the watermark has passed.
func (o *Buffer) release(wm event.Time, out operators.Collector) error {
	for len(o.heap) > 0 {
		r := &o.heap[0]
		from, to := r.next, o.segment(r, wm)
		if from == to {
			break
		}
		if err := o.emit(r, from, to, out); err != nil {
			return err
		}
		o.advance(to)
	}
	return o.flush(out)
}

// segment is the end of the rows of r, the least run, that come before wm and
// before every other run.
func (o *Buffer) segment(r *run, wm event.Time) int {
	n := r.len()
	if r.b.Time[r.row(r.next)] > wm {
		return r.next
	}
	second := o.second()
	if last := r.row(n - 1); r.b.Time[last] <= wm && (second == nil || o.compare(r.b, last, second.b, second.row(second.next)) < 0) {
		return n
	}
	i := r.next + 1
	for ; i < n; i++ {
		row := r.row(i)
		if r.b.Time[row] > wm || second != nil && o.compare(r.b, row, second.b, second.row(second.next)) > 0 {
			break
		}
	}
	return i
}

// second is the run whose first row is next after that of the least run.
func (o *Buffer) second() *run {
	switch {
	case len(o.heap) < 2:
		return nil
	case len(o.heap) > 2 && o.less(2, 1):
		return &o.heap[2]
	}
	return &o.heap[1]
}

func (o *Buffer) emit(r *run, from, to int, out operators.Collector) error {
	rows := r.rows
	if rows == nil {
		rows = event.Rows(0, r.b.N)
	}
	rows = rows[from:to]
	if r.chunk != nil {
		o.size.Rows -= int64(len(rows))
	}
	if len(rows) < viewSegment {
		o.gather.AppendRows(r.b, rows)
		if o.gather.N < chunkRows {
			return nil
		}
		return o.flush(out)
	}
	if err := o.flush(out); err != nil {
		return err
	}
	o.view = *r.b
	o.view.Sel = rows
	return out.Emit(&o.view)
}

func (o *Buffer) flush(out operators.Collector) error {
	if o.gather.N == 0 {
		return nil
	}
	err := out.Emit(o.gather)
	o.gather.Reset(0)
	return err
}

// advance moves the least run on to its row to.
func (o *Buffer) advance(to int) {
	r := &o.heap[0]
	if r.next = to; to < r.len() {
		o.down(0)
		return
	}
	if r.chunk != nil {
		o.drop(r.chunk)
	}
	last := len(o.heap) - 1
	o.heap[0] = o.heap[last]
	o.heap[last] = run{}
	o.heap = o.heap[:last]
	o.down(0)
}

// keep copies the views that are left on the heap into chunks.
func (o *Buffer) keep() {
	o.left = o.left[:0]
	chunks := o.heap[:0]
	for _, r := range o.heap {
		if r.chunk == nil {
			o.left = append(o.left, r)
		} else {
			chunks = append(chunks, r)
		}
	}
	if len(o.left) == 0 {
		return
	}
	o.heap = chunks
	for _, r := range o.left {
		o.store(r.b, r.rows[r.next:])
	}
	o.heapify()
}

func (o *Buffer) heapify() {
	for i := len(o.heap)/2 - 1; i >= 0; i-- {
		o.down(i)
	}
}

// store appends sorted rows to the open chunk that ends closest before them,
// or to a new one.
func (o *Buffer) store(b *event.Batch, rows []int32) {
	c := o.fitting(b, int(rows[0]))
	if c == nil || c.b.N+len(rows) > event.MaxRows {
		c = o.newChunk()
	}
	c.b.AppendRows(b, rows)
	o.size.Rows += int64(len(rows))
	o.size.Bytes -= c.bytes
	c.bytes = c.b.Bytes()
	o.size.Bytes += c.bytes
}

func (o *Buffer) fitting(b *event.Batch, first int) (best *chunk) {
	for _, c := range o.open {
		last := c.b.N - 1
		if c.b.N < chunkRows && o.compare(c.b, last, b, first) < 0 &&
			(best == nil || o.compare(best.b, best.b.N-1, c.b, last) < 0) {
			best = c
		}
	}
	return best
}

func (o *Buffer) newChunk() *chunk {
	var c *chunk
	if n := len(o.free); n > 0 {
		c, o.free = o.free[n-1], o.free[:n-1]
	} else {
		c = &chunk{b: event.NewBatch(o.schema)}
	}
	c.b.Reset(0)
	c.id, c.saved, c.bytes = o.nextID, 0, 0
	o.nextID++
	o.open = append(o.open, c)
	if len(o.open) > maxOpen {
		o.open = slices.Delete(o.open, 0, 1)
	}
	o.heap = append(o.heap, run{b: c.b, chunk: c})
	return c
}

// drop recycles a chunk whose rows are all released.
func (o *Buffer) drop(c *chunk) {
	o.size.Bytes -= c.bytes
	if i := slices.Index(o.open, c); i >= 0 {
		o.open = slices.Delete(o.open, i, i+1)
	}
	if c.saved > 0 {
		o.gone = append(o.gone, c.id)
	}
	if len(o.free) < maxFree {
		o.free = append(o.free, c)
	}
}

// Size is what waits.
func (o *Buffer) Size() operators.Size { return o.size }

// Oldest is the time of the first row that waits; false when none does.
func (o *Buffer) Oldest() (event.Time, bool) {
	if len(o.heap) == 0 {
		return 0, false
	}
	r := &o.heap[0]
	return r.b.Time[r.row(r.next)], true
}

func (o *Buffer) less(i, j int) bool {
	x, y := &o.heap[i], &o.heap[j]
	return o.compare(x.b, x.row(x.next), y.b, y.row(y.next)) < 0
}

func (o *Buffer) push(r run) {
	o.heap = append(o.heap, r)
	for i := len(o.heap) - 1; i > 0; {
		parent := (i - 1) / 2
		if !o.less(i, parent) {
			return
		}
		o.heap[i], o.heap[parent] = o.heap[parent], o.heap[i]
		i = parent
	}
}

func (o *Buffer) down(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(o.heap); child++ {
			if o.less(child, least) {
				least = child
			}
		}
		if least == i {
			return
		}
		o.heap[i], o.heap[least] = o.heap[least], o.heap[i]
		i = least
	}
}
