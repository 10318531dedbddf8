package load

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

// outcome is what came out.
type outcome struct {
	mu         sync.Mutex
	detections int64
	byEnd      int64 // detections that the end of the input let leave
	latency    *hdrhistogram.Histogram
}

// The latencies that the histogram tells apart: 1 µs to ten minutes, to three
// digits.
const (
	shortest = 1
	longest  = 600_000_000
	digits   = 3
)

func newOutcome() outcome { return outcome{latency: NewHistogram()} }

// NewHistogram is of latencies in µs.
func NewHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(shortest, longest, digits) }

// arrived takes rows that reached a sink.
func (r *run) arrived(t connectors.Table, b *event.Batch) {
	now := time.Now()
	q := r.query(t.Query)
	if q == nil || q.root.Table.Name != t.Name {
		return // a dead-letter or late table
	}
	r.result.mu.Lock()
	defer r.result.mu.Unlock()
	r.result.detections += int64(b.Live())
	if r.o.Rate == 0 {
		return
	}
	began, _ := r.open()
	for _, row := range b.LiveRows() {
		due, ok := q.due(began, b, row)
		if !ok {
			r.result.byEnd++
			continue
		}
		r.record(now, due)
	}
}

// record takes a latency, unless the row that brought it was due in the
// warm-up: when the engine came to it is no matter.
func (r *run) record(now, due time.Time) {
	if due.Before(r.measured) {
		return
	}
	// Out of range is above ten minutes: it counts as that.
	_ = r.result.latency.RecordValue(min(max(now.Sub(due).Microseconds(), shortest), longest))
}
