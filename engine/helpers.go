package engine

import (
	"context"
	"errors"
	"time"

	"github.com/cepd/cepd/connectors"
)

const offsetsInterval = 5 * time.Second

// commits writes the journal when a step asks for it, and at intervals.
func (q *Query) commits() error {
	for {
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
		q.writing.Store(false)
	}
	return nil
}

// deliveries writes an outbox to its sink.
func (q *Query) deliveries(o *outbox) error {
	for {
		n, err := o.deliver(q.ctx, q.p.journal.durableStep())
		if err != nil {
			return err
		}
		signal(q.delivered)
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

// tellOffsets publishes how far a table has been read, for tools that show lag.
// Nothing depends on it: a failure is only logged.
func (q *Query) tellOffsets(table string, c connectors.Committer) error {
	for {
		tick, release := q.engine.options.Clock.After(offsetsInterval)
		select {
		case <-tick:
		case <-q.ctx.Done():
			release()
			return nil
		}
		q.publishOffsets(q.ctx, table, c)
	}
}

func (q *Query) publishOffsets(ctx context.Context, table string, c connectors.Committer) {
	offsets := map[int32]int64{}
	for _, p := range q.published.Load().Partitions {
		if p.Table == table && p.Position >= 0 {
			offsets[p.Partition] = p.Position
		}
	}
	if err := c.CommitOffsets(ctx, offsets); err != nil && !errors.Is(err, context.Canceled) {
		q.log.Warn("offsets not published", "table", table, "error", err)
	}
}

// lastOffsets publishes where an orderly end has left the tables.
func (q *Query) lastOffsets() {
	ctx, cancel := context.WithTimeout(context.Background(), offsetsInterval)
	defer cancel()
	for _, s := range q.p.sources {
		if c, ok := s.source.(connectors.Committer); ok {
			q.publishOffsets(ctx, s.name, c)
		}
	}
}
