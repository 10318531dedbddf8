package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/produce"
	"github.com/segmentio/kafka-go/protocol/rawproduce"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/kafka/recordbatch"
	"github.com/cepd/cepd/internal/panics"
)

const (
	// maxProduce bounds a request with batches of many partitions.
	maxProduce = 16 << 20
	// maxSpare is how many used batches are kept for their memory.
	maxSpare = 32
)

// batch is records of one partition on their way.
type batch struct {
	builder    recordbatch.Builder
	begun      time.Time // first record added
	set        []byte    // what is sent; made at the first try
	compressed []byte    // memory of set when compressed
}

// queue is the batches of one partition: the last is being filled, the first
// is being sent or will be next.
type queue struct {
	part    int32
	batches []*batch
	sealed  int  // how many, from the front, get no more records
	busy    bool // the first is in a request
	retryAt time.Time
	backoff time.Duration
	lastErr error
	trouble outage

	sequence int32 // of the first record of the first batch
	end      int64 // offset behind the last record acknowledged; 0: not known
	stranger bool  // the partition is not part of the transaction yet
}

// open is the batch being filled, or nil.
func (q *queue) open() *batch {
	if q.sealed == len(q.batches) {
		return nil
	}
	return q.batches[len(q.batches)-1]
}

// sender sends batches: one goroutine decides, one per request waits for the
// answer; at most one request per leader, so that records keep their order.
type sender struct {
	client *client
	config *sinkConfig
	from   producer // renewed by the run loop
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	wake   chan struct{} // capacity 1: something may be sent now
	idle   chan int32    // a leader's request is over
	moved  chan struct{} // capacity 1: bytes have been acknowledged, or err is set

	mu       sync.Mutex
	queues   []queue // by partition
	spare    []*batch
	round    int  // of gather
	sticky   int  // partition that records without key go to
	bytes    int  // added and not acknowledged
	flushing bool // nothing lingers
	renew    bool // a new producer id is needed: sequences begin anew
	err      error
}

func newSender(c *client, cfg *sinkConfig, partitions int, from producer) *sender {
	s := &sender{client: c, config: cfg, from: from, queues: make([]queue, partitions),
		wake: make(chan struct{}, 1), idle: make(chan int32), moved: make(chan struct{}, 1)}
	for i := range s.queues {
		s.queues[i].part = int32(i)
	}
	s.newTransaction()
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.work(s.run)
	return s
}

// work runs fn beside the rest; what goes wrong in it fails the sink, not the
// process.
func (s *sender) work(fn func()) {
	s.wg.Go(func() {
		if err := panics.Call(func() error { fn(); return nil }); err != nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.failLocked(err)
		}
	})
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (s *sender) poke() { signal(s.wake) }

// anyPartition is the partition of a record without key.
const anyPartition = -1

// nextPartition is where a record without key goes: the same partition until
// its batch is full or sent, then the next. The lock is held.
func (s *sender) nextPartition(size int) int32 {
	if b := s.queues[s.sticky].open(); b == nil || !s.fits(b, size) {
		s.sticky = (s.sticky + 1) % len(s.queues)
	}
	return int32(s.sticky)
}

func (s *sender) fits(b *batch, size int) bool {
	return b.builder.Len()+size <= min(s.config.batchBytes, s.config.requestBytes)
}

// add appends a record to a partition's open batch. The lock is held.
func (s *sender) add(part int32, now time.Time, ms int64, key, value []byte, headers []recordbatch.RecordHeader) error {
	size := recordbatch.RecordSize(key, value, headers)
	if size+recordbatch.HeaderLen > s.config.requestBytes {
		return fmt.Errorf("kafka: topic %q: a record of %d bytes is larger than 'properties.max.request.size' = '%d'",
			s.client.topic, len(key)+len(value), s.config.requestBytes)
	}
	if part == anyPartition {
		part = s.nextPartition(size)
	}
	q := &s.queues[part]
	b := q.open()
	if b != nil && !s.fits(b, size) {
		q.sealed = len(q.batches)
		b = nil
	}
	if b == nil {
		b = s.newBatch(now)
		q.batches = append(q.batches, b)
	}
	before := b.builder.Len()
	b.builder.Append(ms, key, value, headers)
	s.bytes += b.builder.Len() - before
	return nil
}

func (s *sender) newBatch(now time.Time) *batch {
	b := &batch{}
	if n := len(s.spare); n > 0 {
		b, s.spare = s.spare[n-1], s.spare[:n-1]
	}
	b.begun = now
	return b
}

// room waits until less than 'properties.buffer.memory' is unacknowledged.
func (s *sender) room(ctx context.Context) error {
	return s.await(ctx, func() bool { return s.bytes < s.config.memory })
}

// flush waits until everything is acknowledged.
func (s *sender) flush(ctx context.Context) error {
	s.mu.Lock()
	s.flushing = true
	s.mu.Unlock()
	s.poke()
	err := s.await(ctx, func() bool { return s.bytes == 0 })
	s.mu.Lock()
	s.flushing = false
	s.mu.Unlock()
	return err
}

// await waits for a condition, which is looked at under the lock.
func (s *sender) await(ctx context.Context, ok func() bool) error {
	for {
		s.mu.Lock()
		fine, err := ok(), s.err
		s.mu.Unlock()
		if err != nil || fine {
			return err
		}
		select {
		case <-s.moved:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.ctx.Done():
			return errors.New("kafka: the sink is closed")
		}
	}
}

func (s *sender) run() {
	leaders := map[int32]*leaderState{}
	var trouble outage
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(s.dispatch(leaders, &trouble))
		select {
		case <-s.ctx.Done():
			return
		case leader := <-s.idle:
			leaders[leader].busy = false
		case <-s.wake:
		case <-timer.C:
		}
	}
}

// leaderState is what the sender keeps per leader. The compressor belongs to
// the request under way.
type leaderState struct {
	busy       bool
	compressor recordbatch.Compressor
}

// dispatch sends a request to every idle leader that has batches due. It says
// after what time to look again, if nothing happens before.
func (s *sender) dispatch(states map[int32]*leaderState, trouble *outage) time.Duration {
	if s.quiet() {
		return maxBackoff
	}
	if !s.renewed(states) {
		return maxBackoff
	}
	leaders, err := s.client.leaders(s.ctx)
	if err != nil {
		s.noMetadata(err, trouble)
		return maxBackoff
	}
	trouble.over(s.client.log, "metadata")
	requests, again := s.gather(leaders, states)
	for leader, queues := range requests {
		states[leader].busy = true
		s.work(func() { s.send(leader, states[leader], queues) })
	}
	return again
}

func (s *sender) noMetadata(err error, trouble *outage) {
	switch {
	case s.ctx.Err() != nil:
	case transient(err):
		trouble.failed(s.client.log, "metadata", err)
	default:
		s.mu.Lock()
		defer s.mu.Unlock()
		s.failLocked(fmt.Errorf("kafka: topic %q: %w", s.client.topic, err))
	}
}

func (s *sender) quiet() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes == 0 || s.err != nil
}

// gather finds the partitions to send for, by leader, and seals their first
// batch.
func (s *sender) gather(leaders map[int32]int32, states map[int32]*leaderState) (map[int32][]*queue, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, again := time.Now(), maxBackoff
	out, size := map[int32][]*queue{}, map[int32]int{}
	s.round++
	for i := range s.queues {
		q := &s.queues[(s.round+i)%len(s.queues)] // nobody is always the last to fit
		wait, any := s.due(q, now)
		if !any {
			continue
		}
		leader, known := leaders[q.part]
		if !known || leader < 0 {
			q.lastErr, wait = kafka.LeaderNotAvailable, maxBackoff
		}
		if wait > 0 {
			again = min(again, wait)
			continue
		}
		if states[leader] == nil {
			states[leader] = &leaderState{}
		}
		n := q.batches[0].builder.Len()
		if states[leader].busy || size[leader] > 0 && size[leader]+n > maxProduce {
			continue
		}
		q.busy, q.sealed = true, max(q.sealed, 1)
		out[leader], size[leader] = append(out[leader], q), size[leader]+n
	}
	return out, again
}

// due says after what time the first batch of a queue may be sent; any is
// false when there is none that waits.
func (s *sender) due(q *queue, now time.Time) (wait time.Duration, any bool) {
	if q.busy || q.stranger || len(q.batches) == 0 {
		return 0, false
	}
	if age := now.Sub(q.batches[0].begun); q.lastErr != nil && age > s.config.giveUp {
		s.failLocked(fmt.Errorf("kafka: topic %q partition %d: not delivered within %v: %w", s.client.topic, q.part, s.config.giveUp, q.lastErr))
		return 0, false
	}
	wait = q.retryAt.Sub(now)
	if q.sealed == 0 && !s.flushing {
		wait = max(wait, q.batches[0].begun.Add(s.config.linger).Sub(now))
	}
	return max(wait, 0), true
}

func (s *sender) failLocked(err error) {
	if s.err == nil {
		s.err = err
	}
	signal(s.moved)
}

// send sends the first batch of each queue to the leader.
func (s *sender) send(leader int32, state *leaderState, queues []*queue) {
	defer func() {
		select {
		case s.idle <- leader:
		case <-s.ctx.Done():
		}
	}()
	req, err := s.message(state, queues)
	if err != nil {
		s.settle(queues, err, nil)
		return
	}
	m, err := s.client.roundTrip(s.ctx, req, 0)
	if s.ctx.Err() != nil {
		return
	}
	response, _ := m.(*produce.Response) // nil with acks=0
	s.settle(queues, err, response)
}

func (s *sender) message(state *leaderState, queues []*queue) (*rawproduce.Request, error) {
	parts := make([]rawproduce.RequestPartition, len(queues))
	for i, q := range queues {
		s.mu.Lock()
		b := q.batches[0] // sealed: nobody else touches it
		s.mu.Unlock()
		if b.set == nil {
			set, err := state.compressor.Finish(b.compressed, &b.builder, s.from.batch(q.sequence), s.config.codec)
			if err != nil {
				return nil, err
			}
			if b.set = set; s.config.codec != recordbatch.None {
				b.compressed = set
			}
		}
		parts[i] = rawproduce.RequestPartition{Partition: q.part, RecordSet: protocol.RawRecordSet{Reader: bytes.NewReader(b.set)}}
	}
	return &rawproduce.Request{TransactionalID: s.from.txn, Acks: s.config.acks, Timeout: int32(s.client.timeout.Milliseconds()),
		Topics: []rawproduce.RequestTopic{{Topic: s.client.topic, Partitions: parts}}}, nil
}

// settle takes the outcome of a request for each of its queues.
func (s *sender) settle(queues []*queue, err error, response *produce.Response) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range queues {
		q.busy = false
		outcome, first := err, int64(-1)
		if err == nil && response != nil {
			first, outcome = produceOutcome(response, q.part)
		}
		if outcome == nil && first >= 0 {
			q.end = first + int64(q.batches[0].builder.Count())
		}
		s.settleQueue(q, outcome)
	}
	signal(s.moved)
}

func (s *sender) settleQueue(q *queue, outcome error) {
	switch v := judge(protocol.Produce, outcome); {
	case v == fine:
		s.acknowledged(q)
	case v == again:
		s.postpone(q, outcome)
	case v == lost && s.config.idempotent && s.from.txn == "":
		s.renew = true
		s.postpone(q, outcome)
	default:
		err := fmt.Errorf("kafka: write topic %q partition %d: %w", s.client.topic, q.part, explain(outcome))
		if v == lost && s.from.txn != "" {
			err = fmt.Errorf("%w: %w", connectors.ErrInDoubt, err)
		}
		s.failLocked(err)
	}
}

// produceOutcome is where the first record of a batch has gone, and the error.
func produceOutcome(r *produce.Response, part int32) (first int64, err error) {
	for _, t := range r.Topics {
		for i := range t.Partitions {
			if t.Partitions[i].Partition == part {
				return t.Partitions[i].BaseOffset, check(t.Partitions[i].ErrorCode)
			}
		}
	}
	return -1, kafka.NetworkException // it did not say: ask again
}

// ends are the offsets behind the last records acknowledged, where they are
// known.
func (s *sender) ends() map[int32]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := map[int32]int64{}
	for i := range s.queues {
		if q := &s.queues[i]; q.end > 0 {
			at[q.part] = q.end
		}
	}
	return at
}

func (s *sender) acknowledged(q *queue) {
	b := q.batches[0]
	q.batches = append(q.batches[:0], q.batches[1:]...)
	q.sealed--
	s.bytes -= b.builder.Len()
	q.sequence = nextSequence(q.sequence, b.builder.Count())
	q.trouble.over(s.client.log, "write")
	q.backoff, q.lastErr = 0, nil
	if len(s.spare) < maxSpare {
		b.builder.Reset()
		b.set = nil
		s.spare = append(s.spare, b)
	}
}

func (s *sender) postpone(q *queue, err error) {
	q.lastErr = err
	q.backoff = min(max(2*q.backoff, minBackoff), maxBackoff)
	q.retryAt = time.Now().Add(q.backoff)
	q.trouble.failed(s.client.log.With("partition", q.part), "write", err)
}
