package engine

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/panics"
)

// PanicError is a panic in the work of a query, which failed that query only.
type PanicError = panics.Error

// Failure is the end of a query that failed.
type Failure struct {
	Err  error
	Kept bool // it goes on where it was when it is started again
}

// Failure is nil while the query has not failed.
func (q *Query) Failure() *Failure {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.state != StateFailed {
		return nil
	}
	return &Failure{q.err, q.p.journal.store != nil}
}

func failureOf(err error, at event.Time) *FailureStatus {
	f := &FailureStatus{At: showTime(at)}
	var p *PanicError
	if errors.As(err, &p) {
		f.Panic, f.Where = true, p.Where
	}
	return f
}

// callAt is f() with a panic as its error, which says what was at work.
func callAt(what string, f func() error) (err error) {
	defer panics.RecoverAt(&err, func() string { return what })
	return f()
}

// atWork says what the unit was doing when it panicked: the records of the poll
// at hand hold the one to blame.
func (u *unit) atWork() string {
	first, last := u.from, u.position-1
	if u.raws != nil && u.raw.N() > 0 {
		first, last = u.raw.Offset[0], u.raw.Offset[u.raw.N()-1]
	}
	if last < first {
		return fmt.Sprintf("%s at offset %d", u, first)
	}
	return fmt.Sprintf("%s, offsets %d to %d", u, first, last)
}

// entrance is where rows come to a shard's operator; it keeps the batch in view
// for a panic's report.
type entrance struct{ h *shard }

func (e *entrance) Emit(b *event.Batch) error {
	h := e.h
	h.at = b
	err := h.op.Process(&h.ctx, b, h)
	h.at = nil
	return err
}

// atWork says what the shard was doing when it panicked.
func (h *shard) atWork() string {
	name := fmt.Sprintf("stage %d shard %d (%s)", h.stage.index, h.index, h.stage.plan.Kind)
	if h.at == nil {
		return fmt.Sprintf("%s at the watermark %s", name, formatTime(h.stage.domain.combined))
	}
	return name + ", " + h.stage.rowsOf(h.at)
}

// maxPlaces is how many partitions the report of a panic names.
const maxPlaces = 4

// rowsOf names the rows of a batch by where they came from: the least and the
// highest offset of each partition, in the order of the rows.
func (s *stage) rowsOf(b *event.Batch) string {
	type place struct{ first, last uint64 }
	places, order, detected := map[uint64]*place{}, []uint64{}, 0
	for _, row := range b.LiveRows() {
		id := b.ID[row]
		if id.Detected() {
			detected++
			continue
		}
		p := places[id.Hi]
		if p == nil {
			p = &place{id.Lo, id.Lo}
			places[id.Hi], order = p, append(order, id.Hi)
		}
		p.first, p.last = min(p.first, id.Lo), max(p.last, id.Lo)
	}
	var parts []string
	for _, hi := range order[:min(len(order), maxPlaces)] {
		parts = append(parts, fmt.Sprintf("%s partition %d offsets %d to %d", s.tableOf(hi), uint32(hi), places[hi].first, places[hi].last))
	}
	if more := len(order) - maxPlaces; more > 0 {
		parts = append(parts, fmt.Sprintf("%d more partitions", more))
	}
	if detected > 0 {
		parts = append(parts, fmt.Sprintf("%d detections", detected))
	}
	return "rows of " + strings.Join(parts, ", ")
}

// tableOf is the table that an ID's upper half names.
func (s *stage) tableOf(hi uint64) string {
	for _, r := range s.domain.branches {
		if uint64(r.unit.src.index) == hi>>32&0xffff {
			return r.unit.src.name
		}
	}
	return s.source().name
}
