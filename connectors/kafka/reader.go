package kafka

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/kafka/recordbatch"
)

// recordSet is what one fetch gave of a partition.
type recordSet struct {
	buf     []byte
	aborted []recordbatch.Aborted
	from    int64 // offset asked for
	end     int64 // offset after it
	jump    bool  // from does not follow what was read before
}

// reader reads a partition. The fetcher puts record sets into its queue, Poll
// takes them out and cuts them into records.
type reader struct {
	source *source
	part   int32
	stop   int64 // offset not read any more; -1: none
	ready  func()
	pos    atomic.Int64 // of the next record
	end    atomic.Int64

	mu       sync.Mutex
	queue    []recordSet
	buffered int   // bytes of queue and of the set being cut
	fetchAt  int64 // offset to fetch next
	err      error
	jumped   bool // fetchAt does not follow what was fetched before
	stuck    bool // what was fetched last is damaged: nothing more to fetch
	closed   bool
	asked    bool // a request for it is under way
	retryAt  time.Time
	backoff  time.Duration
	heardAt  time.Time // last answer
	trouble  outage
	refusals int // answers in a row that the log is damaged

	cutter cutter
}

func newReader(s *source, part int32, from, stop int64, ready func()) *reader {
	r := &reader{source: s, part: part, stop: stop, ready: ready, fetchAt: from}
	r.pos.Store(from)
	r.end.Store(stop) // there is no more to say until the broker does
	r.cutter = newCutter(s.config)
	return r
}

func (r *reader) client() *client { return r.source.client }

// Position implements connectors.Reader.
func (r *reader) Position() int64 { return r.pos.Load() }

// End implements connectors.Reader.
func (r *reader) End() int64 { return r.end.Load() }

// Heard implements connectors.Listener: a fetch is answered after maxWait at the
// latest, so a leader that has not answered for twice that and some time for the
// way is not silent but gone.
func (r *reader) Heard() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Since(r.heardAt) < 2*r.source.config.maxWait+2*time.Second
}

// Close implements connectors.Reader.
func (r *reader) Close() error {
	r.source.fetcher.remove(r)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, s := range r.queue {
		buffers.put(s.buf)
	}
	r.queue = nil
	return nil
}

// Poll implements connectors.RawReader.
func (r *reader) Poll(max int, until int64, dst *connectors.RawBatch) error {
	at := r.pos.Load()
	dst.Reset()
	dst.Topic, dst.Part, dst.Next = r.client().topic, r.part, at
	if r.stop >= 0 {
		if at >= r.stop {
			return io.EOF
		}
		if until < 0 || until > r.stop {
			until = r.stop
		}
	}
	if err := r.cut(max, until, dst); err != nil {
		return fmt.Errorf("kafka: topic %q partition %d: %w", dst.Topic, r.part, err)
	}
	r.pos.Store(dst.Next)
	if dst.N() == 0 && r.stop >= 0 && dst.Next >= r.stop {
		return io.EOF
	}
	return nil
}

// cut fills dst. An error waits until the records before it have been handed
// out: the cutter stays where it is and meets it again.
func (r *reader) cut(max int, until int64, dst *connectors.RawBatch) error {
	for until < 0 || dst.Next < until {
		more, err := r.cutter.cut(max, until, dst)
		if dst.N() > 0 {
			return nil
		}
		if err != nil {
			return err
		}
		if more {
			continue
		}
		set, err := r.nextSet()
		if set.buf == nil {
			return err
		}
		if r.cutter.reset(set); set.jump {
			dst.Next = set.from
		}
	}
	return nil
}

// nextSet gives the buffer of the set that has been cut back and takes the next
// one of the queue, if there is one.
func (r *reader) nextSet() (set recordSet, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if old := r.cutter.takeBuffer(); old != nil {
		r.buffered -= cap(old)
		buffers.put(old)
		r.source.fetcher.poke()
	}
	if len(r.queue) == 0 {
		return recordSet{}, r.err
	}
	set = r.queue[0]
	r.queue = append(r.queue[:0], r.queue[1:]...)
	return set, nil
}

// fetchState says whether a reader wants to be fetched for.
type fetchState uint8

const (
	hungry  fetchState = iota
	full               // has enough
	resting            // after an error
	done               // wants no more, or is being fetched for
)

// next is the offset to fetch from, if the bytes buffered are at most limit;
// answered has to follow.
func (r *reader) next(now time.Time, limit int) (from int64, state fetchState, wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed || r.stuck || r.asked || r.err != nil || r.stop >= 0 && r.fetchAt >= r.stop:
		return 0, done, 0
	case now.Before(r.retryAt):
		return 0, resting, r.retryAt.Sub(now)
	case r.buffered > limit:
		return 0, full, 0
	}
	r.asked = true
	return r.fetchAt, hungry, 0
}

// answered ends what next began.
func (r *reader) answered() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = false
}

// filled takes what a fetch from an offset gave.
func (r *reader) filled(from int64, p *fetchedPartition) {
	if r.takeAnswer(from, p) {
		r.ready()
	}
}

func (r *reader) takeAnswer(from int64, p *fetchedPartition) (news bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trouble.over(r.client().log, "fetch")
	r.backoff, r.refusals, r.heardAt = 0, 0, time.Now()
	r.end.Store(r.visibleEnd(p))
	return r.accept(from, p)
}

func (r *reader) visibleEnd(p *fetchedPartition) int64 {
	if r.source.config.readCommitted && p.LastStableOffset >= 0 {
		return p.LastStableOffset
	}
	return p.HighWatermark
}

// accept queues a record set; the lock is held.
func (r *reader) accept(from int64, p *fetchedPartition) (news bool) {
	set := p.Records.set
	if len(set) == 0 {
		return false
	}
	if r.closed {
		buffers.put(set)
		return false
	}
	next, whole := scan(set, from)
	if p.HighWatermark > from { // a damaged batch may claim more
		next = min(next, p.HighWatermark)
	}
	r.stuck = !whole
	if next <= from && whole {
		r.err = fmt.Errorf("kafka: topic %q partition %d: fetching offset %d gave %d bytes and no whole batch from there on",
			r.client().topic, r.part, from, len(set))
		buffers.put(set)
		return true
	}
	r.fetchAt = next
	r.buffered += cap(set)
	r.queue = append(r.queue, recordSet{buf: set, aborted: p.aborted(), from: from, end: next, jump: r.jumped})
	r.jumped = false
	return true
}

// scan finds the offset after a record set, as its last batch claims; whole is
// false when there is a batch in it that cannot be made out, which cutting will
// report.
func scan(set []byte, from int64) (next int64, whole bool) {
	next = from
	for {
		batch, rest, err := recordbatch.Split(set)
		if err != nil {
			return next, false
		}
		if batch == nil {
			return next, true
		}
		next = max(recordbatch.BaseOffset(batch), recordbatch.LastOffset(batch)) + 1
		set = rest
	}
}

// failed takes an error of a fetch: it is retried or final.
func (r *reader) failed(err error) {
	if !transient(err) {
		r.fail(fmt.Errorf("kafka: fetch topic %q partition %d: %w", r.client().topic, r.part, err))
		return
	}
	if errors.Is(err, kafka.InvalidMessage) && r.refused() {
		r.fail(fmt.Errorf("kafka: topic %q partition %d: the broker's log is damaged at offset %d or behind it, and it gives nothing more: mend its disk, or move the start of the log behind the damage with kafka-delete-records.sh",
			r.client().topic, r.part, r.pos.Load()))
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.backoff = min(max(2*r.backoff, minBackoff), maxBackoff)
	r.retryAt = time.Now().Add(r.backoff)
	r.trouble.failed(r.client().log.With("partition", r.part), "fetch", err)
}

// maxRefusals in a row are no matter of the way or of the replica any more.
const maxRefusals = 10

func (r *reader) refused() (final bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refusals++
	return r.refusals >= maxRefusals
}

// moved goes on at another offset, or ends with an error.
func (r *reader) moved(to int64, err error) {
	if err != nil {
		r.failed(err)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fetchAt, r.jumped = to, true
}

// fail ends the reader with an error, after what has been fetched.
func (r *reader) fail(err error) {
	r.mu.Lock()
	if r.err == nil {
		r.err = err
	}
	r.mu.Unlock()
	r.ready()
}
