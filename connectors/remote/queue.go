package remote

import (
	"context"
	"sync"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

// Message is a record on its way.
type Message struct {
	Offset  int64
	Time    event.Time
	Value   []byte
	Headers []byte // in the encoding of connectors.AppendHeaders; nil: none
	Null    bool   // it has no value
}

func (m *Message) size() int { return len(m.Value) + len(m.Headers) + 64 }

// Queue holds messages between the goroutine that receives them and a reader. At
// most limit bytes wait, and one message more.
type Queue struct {
	ready func()
	limit int

	mu    sync.Mutex
	list  []Message
	bytes int
	err   error         // follows the messages
	room  chan struct{} // gets one value when messages were taken
	buf   []byte        // of the last Take
}

// NewQueue is a queue that calls ready when there is something to take.
func NewQueue(limit int, ready func()) *Queue {
	return &Queue{ready: ready, limit: limit, room: make(chan struct{}, 1)}
}

// Put adds a message, and waits while the queue is full. The queue keeps its bytes.
func (q *Queue) Put(ctx context.Context, m Message) error {
	for {
		q.mu.Lock()
		if q.bytes <= q.limit {
			q.list, q.bytes = append(q.list, m), q.bytes+m.size()
			q.mu.Unlock()
			q.ready()
			return nil
		}
		q.mu.Unlock()
		select {
		case <-q.room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// End lets an error follow the messages; only the first counts.
func (q *Queue) End(err error) {
	q.mu.Lock()
	if q.err == nil {
		q.err = err
	}
	q.mu.Unlock()
	q.ready()
}

// Head is the offset of the next message, if there is one.
func (q *Queue) Head() (offset int64, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.list) == 0 {
		return 0, false
	}
	return q.list[0].Offset, true
}

// Take appends up to max messages to dst, none with an offset of until or more
// (until < 0: no limit); when there is none, and none will come, it gives the
// error of End. What dst has is valid until the next Take.
func (q *Queue) Take(max int, until int64, dst *connectors.RawBatch) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := 0
	q.buf = q.buf[:0]
	for n < min(max, len(q.list)) && (until < 0 || q.list[n].Offset < until) {
		q.append(&q.list[n], dst)
		n++
	}
	dst.Buf = q.buf
	if n == 0 {
		if len(q.list) == 0 {
			return q.err
		}
		return nil
	}
	clear(q.list[:n])
	if q.list = q.list[n:]; len(q.list) == 0 {
		q.list = nil
	}
	select {
	case q.room <- struct{}{}:
	default:
	}
	return nil
}

func (q *Queue) append(m *Message, dst *connectors.RawBatch) {
	dst.Append(q.span(m.Value), m.Offset)
	last := dst.N() - 1
	dst.Time[last] = m.Time
	dst.Headers = append(dst.Headers, q.span(m.Headers))
	if m.Null {
		dst.Flags[last] |= connectors.NullValue
	}
	q.bytes -= m.size()
	dst.Next = m.Offset + 1
}

func (q *Queue) span(p []byte) event.Span {
	s := event.Span{Off: uint32(len(q.buf)), Len: uint32(len(p))}
	q.buf = append(q.buf, p...)
	return s
}
