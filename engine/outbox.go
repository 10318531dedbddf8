package engine

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/trace"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/state"
)

// outbox is the rows on their way to one sink. Rows are numbered from 1 in the
// order they are put; the number of the last acknowledged row is what a restart
// needs to know.
//
//	put (step) --> queue --> Deliver: items whose step is durable --> Sink.Write, Flush [, Commit] --> acked
//
// A state that was restored may be older than the sink: again.go.
//
// It holds limit bytes and what one step adds: the pipeline takes no step while
// an outbox is full.
type outbox struct {
	table     string
	sink      connectors.Sink
	limit     int64
	rate      int64              // rows per second that may leave; 0: any
	most      int                // rows of an item
	seq       uint64             // rows numbered so far; the pipeline's
	newest    event.Time         // of their times; the pipeline's
	rows      rows               // scratch of rejects.go
	recent    *recent            // what has left, to be watched; nil: nobody can
	warned    *warnings          // of the connector
	spans     *spans             // nil: there are no traces
	explainer *explainer         // nil: rows do not tell what they are made of
	sends     []trace.Span       // of what is on its way to the sink; of the delivery
	refuser   connectors.Refuser // the sink, if it may find that a row cannot be delivered
	letters   *letters           // where such rows go; nil: they are only counted
	wait      time.Duration      // how long rows are gathered; 0: they leave at once
	enough    int64              // bytes of rows that leave before

	tx      connectors.Transactional // the sink, if it delivers exactly once
	state   event.Time               // of the mark
	carried []carried

	place map[int32]int64 // behind the rows known to be delivered, by partition of the sink
	again *again          // nil: the sink has nothing that this state does not know of

	columns []connectors.Column
	changes bool                // rows are updated and deleted
	tap     atomic.Pointer[tap] // nil: nobody compares what is delivered

	mu     sync.Mutex
	queue  []item // oldest first
	bytes  int64
	taken  int // items at the head that a delivery works on
	acked  uint64
	free   []*event.Batch
	schema *event.Schema
	room   chan struct{} // signalled when the queue shrinks: the pipeline's ready
	work   chan struct{} // signalled when steps have become durable
}

// item is rows of one step.
type item struct {
	b     *event.Batch
	last  uint64 // number of its last row
	step  uint64
	bytes int64

	traced []connectors.Traced
}

const maxFreeBatches = 16

func newOutbox(table string, sink connectors.Sink, schema *event.Schema, limit int64, room chan struct{}) *outbox {
	tx, _ := sink.(connectors.Transactional)
	refuser, _ := sink.(connectors.Refuser)
	return &outbox{table: table, sink: sink, tx: tx, refuser: refuser, schema: schema, limit: limit,
		room: room, work: make(chan struct{}, 1), most: event.MaxRows}
}

// limited bounds how many rows leave in a second. Items are no larger, so that
// they can leave one by one.
func (o *outbox) limited(rate int64) *outbox {
	if o.rate = rate; rate > 0 {
		o.most = int(min(rate, event.MaxRows))
	}
	return o
}

// gathering has rows wait, as the sink wants it.
func (o *outbox) gathering() *outbox {
	if g, ok := o.sink.(connectors.Gatherer); ok {
		o.wait, o.enough = g.Gather()
		o.limit += o.enough
	}
	return o
}

// of says what the outbox is for.
func (o *outbox) of(s *sinkSpec) *outbox {
	o.columns, o.changes = s.columns, s.changes
	return o
}

// signal sets a flag that one waiter clears.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// put numbers the live rows of b and copies those that are not yet
// acknowledged. Salt is mixed into their IDs; lineage, which may be nil, knows what
// they are made of.
func (o *outbox) put(b *event.Batch, step uint64, salt event.ID, lineage *operators.Lineage) {
	live := b.LiveRows()
	b = o.explainer.widen(b, live, lineage)
	if len(b.Time) > 0 {
		for _, row := range live {
			o.newest = max(o.newest, b.Time[row])
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.again != nil {
		live = o.leaveOut(b, live, salt)
	}
	first := o.seq
	o.seq += uint64(len(live))
	if known := min(max(o.acked, first), o.seq) - first; known > 0 {
		o.recent.copyRows(b, live[:known], first+known, salt)
		live = live[known:]
	}
	for len(live) > 0 {
		n := min(len(live), o.most)
		o.add(b, live[:n], o.seq-uint64(len(live)-n), step, salt)
		live = live[n:]
	}
}

// add appends rows of a step, the last of which has that number; the lock is
// held.
func (o *outbox) add(b *event.Batch, live []int32, last, step uint64, salt event.ID) {
	it := o.tail(step, len(live))
	from := it.b.N
	it.b.AppendRows(b, live)
	it.traced = o.spans.leaving(it.traced, b, live, from, salt == (event.ID{}))
	for i := range it.b.ID[from:it.b.N] {
		id := &it.b.ID[from+i]
		id.Hi, id.Lo = id.Hi^salt.Hi, id.Lo^salt.Lo
	}
	it.last = last
	o.bytes -= it.bytes
	it.bytes = it.b.Bytes()
	o.bytes += it.bytes
}

// tail is the item that takes n more rows of a step.
func (o *outbox) tail(step uint64, n int) *item {
	if last := len(o.queue) - 1; last >= o.taken {
		if it := &o.queue[last]; it.step == step && it.b.N+n <= o.most {
			return it
		}
	}
	var b *event.Batch
	if n := len(o.free); n > 0 {
		b, o.free = o.free[n-1], o.free[:n-1]
	} else {
		b = event.NewBatch(o.schema)
	}
	b.Reset(0)
	o.queue = append(o.queue, item{b: b, step: step})
	return &o.queue[len(o.queue)-1]
}

// full says whether the pipeline has to wait.
func (o *outbox) full() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.bytes >= o.limit
}

// ripe says whether rows that are gathered are enough.
func (o *outbox) ripe() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.bytes >= o.enough
}

// empty says whether all rows are acknowledged.
func (o *outbox) empty() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.queue) == 0
}

// waiting says whether rows up to a step have not been acknowledged.
func (o *outbox) waiting(step uint64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.queue) > 0 && o.queue[0].step <= step
}

// head is the number of rows of the item that is next.
func (o *outbox) head() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.queue) == 0 {
		return 0
	}
	return int64(o.queue[0].last - o.acked)
}

// position is the number of the last acknowledged row.
func (o *outbox) position() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.acked
}

// deliver writes the rows whose step is durable, at most so many, and waits for
// the sink to acknowledge them. It says how many batches went. One goroutine at
// a time.
func (o *outbox) deliver(ctx context.Context, c cut, most int64) (n int, err error) {
	items := o.claim(c.step, most)
	if t := o.tap.Load(); t != nil {
		t.take(items, c, !o.behind(c.step))
	}
	if len(items) == 0 {
		return 0, nil
	}
	if o.tx != nil {
		return len(items), o.sent(o.transact(ctx, items, c))
	}
	if err := o.sent(o.write(ctx, items)); err != nil {
		return 0, err
	}
	o.acknowledge(len(items))
	return len(items), nil
}

func (o *outbox) write(ctx context.Context, items []item) error {
	for i := range items {
		it := &items[i]
		rows, made := o.explainer.split(it.b)
		if x, ok := o.sink.(connectors.Explainer); ok {
			x.Explain(made)
		}
		if err := o.sink.Write(o.sending(ctx, it), rows); err != nil {
			return fmt.Errorf("write to %s: %w", o.table, err)
		}
	}
	if err := o.sink.Flush(ctx); err != nil {
		return fmt.Errorf("write to %s: %w", o.table, err)
	}
	return o.refused(ctx)
}

// claim takes the durable items at the head that have at most so many rows. They
// stay in the queue, where a snapshot still finds them.
func (o *outbox) claim(durable uint64, most int64) []item {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := 0
	for n < len(o.queue) && o.queue[n].step <= durable && int64(o.queue[n].last-o.acked) <= most {
		n++
	}
	o.taken = n
	return o.queue[:n:n]
}

// behind says whether items of steps up to one are left beside those claimed.
func (o *outbox) behind(step uint64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.queue) > o.taken && o.queue[o.taken].step <= step
}

func (o *outbox) acknowledge(n int) {
	o.mu.Lock()
	o.acked = o.queue[n-1].last
	o.notePlace()
	o.drop(n)
	o.mu.Unlock()
	signal(o.room)
}

// drop takes n items off the head; the lock is held.
func (o *outbox) drop(n int) {
	for _, it := range o.queue[:n] {
		o.bytes -= it.bytes
		if b := o.recent.take(&it); b != nil && len(o.free) < maxFreeBatches {
			o.free = append(o.free, b)
		}
	}
	o.queue = append(o.queue[:0], o.queue[n:]...)
	o.taken = 0
}

// skip takes the rows up to a number as acknowledged, also those yet to come.
func (o *outbox) skip(rows uint64) {
	o.mu.Lock()
	o.acked = max(o.acked, rows)
	n := 0
	for n < len(o.queue) && o.queue[n].last <= o.acked {
		n++
	}
	o.drop(n)
	if len(o.queue) > 0 {
		o.trim(&o.queue[0])
	}
	o.mu.Unlock()
	signal(o.room)
}

// trim leaves out the rows that are acknowledged.
func (o *outbox) trim(it *item) {
	if first := it.last - uint64(it.b.N); o.acked > first {
		o.recent.copyRows(it.b, event.Rows(0, int(o.acked-first)), o.acked, event.ID{})
		it.b.Sel = event.Rows(int(o.acked-first), it.b.N)
	}
}

// save writes the unacknowledged rows; part of a snapshot. Runs between steps,
// perhaps beside a delivery, which only reads the batches.
func (o *outbox) save(w state.Writer) error {
	if err := w.DeleteRange(nil, nil); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range o.queue {
		it := &o.queue[i]
		if err := w.Put(be64(it.last), state.AppendBatch(nil, it.b)); err != nil {
			return err
		}
	}
	return nil
}

// restore reads what save wrote, as rows that may leave at once; acknowledged
// ones are dropped.
func (o *outbox) restore(r state.Reader, seq, acked uint64, explained bool) error {
	o.seq, o.acked = seq, acked
	return r.Scan(nil, nil, func(key, value []byte) error {
		b, err := keptRows(o.schema, explained, o.explainer != nil, value)
		if err != nil {
			return err
		}
		last := fromBE64(key)
		if last <= acked {
			o.recent.copyRows(b, event.Rows(0, b.N), last, event.ID{})
			return nil
		}
		it := item{b: b, last: last, bytes: b.Bytes()}
		o.trim(&it)
		o.queue, o.bytes = append(o.queue, it), o.bytes+it.bytes
		return nil
	})
}
