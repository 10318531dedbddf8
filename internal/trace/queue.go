package trace

import (
	"context"
	"log/slog"
	"os"
	"strconv"
	"sync/atomic"

	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// Counts is what has become of spans.
type Counts struct {
	Exported  int64 // the collector has them
	Failed    int64 // it has not, after all tries
	Dropped   int64 // there was no room
	Forgotten int64 // events that were too long ago for a match to be linked with them
}

// queue lets the library's batches take no more spans than they have room for,
// and counts: the library only drops.
type queue struct {
	sdk.SpanProcessor
	limit   int64
	waiting atomic.Int64 // spans that have ended and are not sent

	exported, failed, dropped, forgotten atomic.Int64
}

// queueSize is the number of spans that wait at most.
func queueSize() int {
	n, err := strconv.Atoi(os.Getenv("OTEL_BSP_MAX_QUEUE_SIZE"))
	if err != nil || n <= 0 {
		return sdk.DefaultMaxQueueSize
	}
	return n
}

func newQueue(to sdk.SpanExporter, log *slog.Logger) *queue {
	q := &queue{limit: int64(queueSize())}
	q.SpanProcessor = sdk.NewBatchSpanProcessor(&sender{SpanExporter: to, queue: q, log: log}, sdk.WithMaxQueueSize(int(q.limit)))
	return q
}

// OnEnd implements the library's SpanProcessor.
func (q *queue) OnEnd(s sdk.ReadOnlySpan) {
	if !s.SpanContext().IsSampled() {
		return
	}
	if q.waiting.Add(1) > q.limit {
		q.waiting.Add(-1)
		q.dropped.Add(1)
		return
	}
	q.SpanProcessor.OnEnd(s)
}

// sender counts what leaves, and tells of the first failure of a row of them.
type sender struct {
	sdk.SpanExporter
	queue *queue
	log   *slog.Logger
	down  bool // the last batch failed; of the library's one goroutine
}

// ExportSpans implements the library's SpanExporter. Failures end here: they are
// nobody's error.
func (s *sender) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := s.SpanExporter.ExportSpans(ctx, spans)
	s.queue.waiting.Add(-int64(len(spans)))
	if err == nil {
		s.queue.exported.Add(int64(len(spans)))
		if s.down {
			s.log.Info("traces are sent again")
		}
	} else {
		s.queue.failed.Add(int64(len(spans)))
		if !s.down {
			s.log.Warn("traces cannot be sent and are lost; queries go on", "error", err)
		}
	}
	s.down = err != nil
	return nil
}

// Forgot counts events that no match can be linked with any more.
func (t *Tracer) Forgot(n int) { t.queue.forgotten.Add(int64(n)) }

// Counts is what has become of spans so far.
func (t *Tracer) Counts() Counts {
	q := t.queue
	return Counts{Exported: q.exported.Load(), Failed: q.failed.Load(), Dropped: q.dropped.Load(), Forgotten: q.forgotten.Load()}
}
