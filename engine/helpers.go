package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

const offsetsInterval = 5 * time.Second

// commits writes the journal when a step asks for it, and at intervals while
// there is something to write.
func (q *Query) commits() error {
	for {
		select {
		case <-q.stirred:
		case <-q.p.journal.due:
			signal(q.p.journal.due)
		case <-q.ctx.Done():
			return nil
		}
		tick, release := q.engine.options.Clock.After(q.engine.options.CommitInterval)
		select {
		case <-q.p.journal.due:
		case <-tick:
		case <-q.ctx.Done():
			release()
			return nil
		}
		release()
		if err := q.commit(); err != nil {
			return err
		}
	}
}

func (q *Query) commit() error {
	began := q.now()
	if err := q.p.Commit(); err != nil {
		return err
	}
	signal(q.p.ready) // steps may have waited for the disk
	q.p.journal.committed.Store(q.now())
	q.meter.commit(q.now() - began)
	return nil
}

// snapshots writes captured snapshots.
func (q *Query) snapshots() error {
	for write := range q.writes {
		began := q.now()
		if err := write(); err != nil {
			return err
		}
		q.meter.snapshot(q.now() - began)
		if err := q.p.checkDisk(); err != nil {
			return err
		}
		q.writing.Store(false)
		signal(q.written)
	}
	return nil
}

// deliveries writes an outbox to its sink: at once, or, in transactions, one in
// each commit interval.
func (q *Query) deliveries(o *outbox) error {
	if o.tx != nil {
		return q.transactions(o)
	}
	pace := newPacer(o.rate, q.now())
	for {
		if !q.awaitRipe(o) || !q.awaitPace(o, pace) {
			return nil
		}
		n, err := q.deliver(o, pace)
		if err != nil {
			return err
		}
		if n > 0 {
			continue
		}
		select {
		case <-o.work:
		case <-q.ctx.Done():
			return nil
		}
	}
}

// deliver writes what may leave of an outbox.
func (q *Query) deliver(o *outbox, pace *pacer) (n int, err error) {
	before := o.position()
	n, err = o.deliver(q.ctx, q.p.journal.durableCut(), pace.allowed(q.now(), o.head()))
	if err != nil {
		return n, err
	}
	pace.took(int64(o.position() - before))
	signal(q.delivered)
	if n > 0 {
		signal(q.stirred) // the positions are to be kept
	}
	return n, nil
}

// awaitRipe gathers rows for a sink that wants few large deliveries, until the
// query ends; it is false when the query must not go on.
func (q *Query) awaitRipe(o *outbox) bool {
	if o.wait == 0 || o.empty() {
		return true
	}
	tick, release := q.engine.options.Clock.After(o.wait)
	defer release()
	for !o.ripe() {
		select {
		case <-o.work:
		case <-tick:
			return true
		case <-q.left:
			return true
		case <-q.ctx.Done():
			return false
		}
	}
	return true
}

// awaitPace waits until the next item of an outbox may leave; it is false when
// the query must not go on.
func (q *Query) awaitPace(o *outbox, pace *pacer) bool {
	for {
		began := q.now()
		d := pace.wait(began, o.head())
		if d <= 0 {
			return true
		}
		tick, release := q.engine.options.Clock.After(d)
		select {
		case <-tick:
			q.meter.paced(o, q.now()-began)
		case <-q.ctx.Done():
			release()
			return false
		}
	}
}

// markInterval is how often a mark is written when nothing else is, to keep it
// from being forgotten.
const markInterval = time.Hour

// transactions delivers in transactions. Without rows, one tells how far the
// sources have been read.
func (q *Query) transactions(o *outbox) error {
	var told cut
	var at event.Time
	pace := newPacer(o.rate, q.now())
	for {
		if !q.awaitRipe(o) || !q.awaitPace(o, pace) {
			return nil
		}
		next, release := q.engine.options.Clock.After(q.engine.options.CommitInterval)
		c := q.p.journal.durableCut()
		n, err := q.deliver(o, pace)
		age := time.Duration(q.now()-at) * time.Microsecond
		if err == nil && n == 0 && (age > markInterval || age > offsetsInterval && len(o.carried) > 0 && !slices.Equal(c.at, told.at)) {
			n, err = 1, o.refresh(q.ctx, c)
		}
		if err != nil {
			release()
			return err
		}
		if n > 0 {
			told, at = c, q.now()
		}
		if !q.pause(o, n > 0, next) {
			release()
			return nil
		}
		release()
	}
}

// pause waits for the end of the commit interval after a transaction, else for
// work; it is false when the query must not go on.
func (q *Query) pause(o *outbox, paced bool, next <-chan time.Time) bool {
	if paced {
		select {
		case <-next:
		case <-q.stop:
		case <-q.ctx.Done():
			return false
		}
		return true
	}
	tick, release := q.engine.options.Clock.After(offsetsInterval)
	defer release()
	select {
	case <-o.work:
	case <-tick:
	case <-q.ctx.Done():
		return false
	}
	return true
}

// tellOffsets publishes how far a table has been read, for tools that show lag
// and for the next start of a query without state. A failure is only logged.
func (q *Query) tellOffsets(s *source, c connectors.Committer) error {
	for {
		tick, release := q.engine.options.Clock.After(offsetsInterval)
		select {
		case <-tick:
		case <-q.ctx.Done():
			release()
			return nil
		}
		if r := q.safe.Load(); r != nil {
			q.publishOffsets(q.ctx, s, c, r.partitions)
		}
	}
}

func (q *Query) publishOffsets(ctx context.Context, s *source, c connectors.Committer, partitions []PartitionStatus) {
	offsets := map[int32]int64{}
	for _, p := range partitions {
		if p.Table == s.name && p.Position >= 0 {
			offsets[p.Partition] = p.Position
		}
	}
	if err := c.CommitOffsets(ctx, offsets); err != nil && !errors.Is(err, context.Canceled) {
		q.log.Warn("offsets not published", "table", s.name, "error", err)
	}
}

// reading is how far the tables had been read when so many rows had been made.
type reading struct {
	partitions []PartitionStatus
	put        []uint64
}

// noteReading keeps two readings: one whose rows are all delivered, which may
// be published, and the next one. Between two steps.
func (q *Query) noteReading(s *Status) {
	if q.next == nil {
		q.next = &reading{partitions: s.Partitions}
		for _, o := range q.p.boxes {
			q.next.put = append(q.next.put, o.seq)
		}
	}
	for i, o := range q.p.boxes {
		if o.position() < q.next.put[i] {
			return
		}
	}
	q.safe.Store(q.next)
	q.next = nil
}

// lastOffsets publishes where an orderly end has left the tables.
func (q *Query) lastOffsets() {
	ctx, cancel := context.WithTimeout(context.Background(), offsetsInterval)
	defer cancel()
	for _, s := range q.p.sources {
		if c, ok := s.source.(connectors.Committer); ok && !s.carried {
			q.publishOffsets(ctx, s, c, q.published.Load().Partitions)
		}
	}
	if o := q.p.boxes[0]; len(o.carried) > 0 {
		if err := o.refresh(ctx, q.p.journal.durableCut()); err != nil {
			q.log.Warn("offsets not published", "error", err)
		}
	}
}

// forgetMarks has sinks that deliver exactly once forget a query that is
// dropped, so that another may begin under its name.
func (q *Query) forgetMarks() {
	ctx, cancel := context.WithTimeout(context.Background(), offsetsInterval)
	defer cancel()
	for _, o := range q.p.boxes {
		if o.tx == nil {
			continue
		}
		if err := o.tx.Forget(ctx); err != nil {
			q.log.Warn("the place in the sink is not forgotten: a query that begins anew under this name will be refused", "table", o.table, "identity", o.tx.Identity(), "error", err)
		}
	}
}
