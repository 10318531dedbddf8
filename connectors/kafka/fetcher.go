package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/cepd/cepd/internal/panics"
)

const (
	// minShare is the least memory of a partition for fetched records.
	minShare = 128 << 10
	// shortWait is the wait of a request that had to leave out a full reader,
	// which may have room again long before new records arrive elsewhere.
	shortWait = 20 * time.Millisecond
)

var errClosed = errors.New("kafka: the source is closed")

// fetcher fills the open readers of a source: one goroutine decides, one per
// request waits for the answer, and at most one request per leader is under way.
type fetcher struct {
	client *client
	config *sourceConfig
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	wake   chan struct{} // capacity 1: something may be fetched now
	idle   chan int32    // a leader's request is over

	mu      sync.Mutex
	readers []*reader // by partition
	running bool
	closed  bool
}

func newFetcher(c *client, cfg *sourceConfig) *fetcher {
	f := &fetcher{client: c, config: cfg, wake: make(chan struct{}, 1), idle: make(chan int32)}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	return f
}

// share is the memory of each reader.
func (f *fetcher) share(readers int) int { return max(f.config.memory/max(readers, 1), minShare) }

func (f *fetcher) add(r *reader) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return errClosed
	}
	if slices.ContainsFunc(f.readers, func(o *reader) bool { return o.part == r.part }) {
		return fmt.Errorf("kafka: topic %q: partition %d is open already", f.client.topic, r.part)
	}
	f.readers = append(f.readers, r)
	slices.SortFunc(f.readers, func(a, b *reader) int { return cmp.Compare(a.part, b.part) })
	if !f.running {
		f.running = true
		f.work(f.run)
	}
	f.poke()
	return nil
}

// work runs fn beside the rest; what goes wrong in it ends the readers, not the
// process.
func (f *fetcher) work(fn func()) {
	f.wg.Go(func() {
		if err := panics.Call(func() error { fn(); return nil }); err != nil {
			f.failAll(err)
		}
	})
}

func (f *fetcher) remove(r *reader) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.readers = slices.DeleteFunc(f.readers, func(o *reader) bool { return o == r })
}

func (f *fetcher) poke() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *fetcher) close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.cancel()
	f.client.close()
	f.wg.Wait()
	f.failAll(errClosed)
}

func (f *fetcher) run() {
	busy := map[int32]bool{}
	var trouble outage
	timer := time.NewTimer(0)
	defer timer.Stop()
	for round := 0; ; round++ {
		timer.Reset(f.dispatch(round, busy, &trouble))
		select {
		case <-f.ctx.Done():
			return
		case leader := <-f.idle:
			delete(busy, leader)
		case <-f.wake:
		case <-timer.C:
		}
	}
}

// dispatch sends a request to every leader that is not busy and has readers
// with room. It says after what time to look again, if nothing happens before.
func (f *fetcher) dispatch(round int, busy map[int32]bool, trouble *outage) time.Duration {
	leaders, err := f.client.leaders(f.ctx)
	if err != nil {
		f.noMetadata(err, trouble)
		return maxBackoff
	}
	trouble.over(f.client.log, "metadata")
	requests, again := f.gather(round, leaders, busy)
	for leader, r := range requests {
		if len(r.readers) > 0 {
			busy[leader] = true
			f.work(func() { f.fetch(leader, r) })
		}
	}
	return again
}

func (f *fetcher) noMetadata(err error, trouble *outage) {
	switch {
	case f.ctx.Err() != nil:
	case transient(err):
		trouble.failed(f.client.log, "metadata", err)
	default:
		f.failAll(fmt.Errorf("kafka: topic %q: %w", f.client.topic, err))
	}
}

func (f *fetcher) failAll(err error) {
	f.mu.Lock()
	readers := slices.Clone(f.readers)
	f.mu.Unlock()
	for _, r := range readers {
		r.fail(err)
	}
}

// request is what one leader will be asked for.
type request struct {
	readers []*reader
	from    []int64
	bytes   int // most per reader
	left    int // readers left out because they are full
}

// gather finds the readers to fetch for, by leader. The round moves the start,
// so that no partition is always the last to fit into an answer.
func (f *fetcher) gather(round int, leaders map[int32]int32, busy map[int32]bool) (map[int32]*request, time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now, again := time.Now(), maxBackoff
	out := map[int32]*request{}
	n := len(f.readers)
	share := f.share(n)
	bytes := min(share/2, f.config.fetchBytes)
	for i := range n {
		r := f.readers[(round+i)%n]
		leader, known := leaders[r.part]
		if !known || leader < 0 || busy[leader] {
			continue
		}
		req := out[leader]
		if req == nil {
			req = &request{bytes: bytes}
			out[leader] = req
		}
		from, state, wait := r.next(now, share-bytes)
		switch state {
		case hungry:
			req.readers, req.from = append(req.readers, r), append(req.from, from)
		case full:
			req.left++
		case resting:
			again = min(again, wait)
		}
	}
	return out, again
}

// fetch asks a leader and hands the answer to the readers.
func (f *fetcher) fetch(leader int32, req *request) {
	defer func() {
		for _, r := range req.readers {
			r.answered()
		}
		select {
		case f.idle <- leader:
		case <-f.ctx.Done():
		}
	}()
	m, err := f.client.roundTrip(f.ctx, f.message(leader, req), f.config.maxWait)
	if f.ctx.Err() != nil {
		return
	}
	if err == nil {
		err = check(m.(*fetchResponse).ErrorCode)
	}
	if err != nil {
		for _, r := range req.readers {
			r.failed(err)
		}
		return
	}
	for _, t := range m.(*fetchResponse).Topics {
		for i := range t.Partitions {
			f.deliver(req, &t.Partitions[i])
		}
	}
}

func (f *fetcher) message(leader int32, req *request) *fetchRequest {
	wait := f.config.maxWait
	if req.left > 0 {
		wait = min(wait, shortWait)
	}
	parts := make([]fetchPartition, len(req.readers))
	for i, r := range req.readers {
		parts[i] = fetchPartition{Partition: r.part, CurrentLeaderEpoch: -1, FetchOffset: req.from[i],
			LogStartOffset: -1, PartitionMaxBytes: int32(req.bytes)}
	}
	const noSession = -1
	return &fetchRequest{
		ReplicaID: -1, MaxWaitTime: int32(wait.Milliseconds()), MinBytes: int32(f.config.minBytes),
		MaxBytes: int32(min(len(parts)*req.bytes, maxRecordSet)), IsolationLevel: req.readers[0].source.isolation(),
		SessionEpoch: noSession, Topics: []fetchTopic{{Topic: f.client.topic, Partitions: parts}}, leader: leader,
	}
}

func (f *fetcher) deliver(req *request, p *fetchedPartition) {
	i := slices.IndexFunc(req.readers, func(r *reader) bool { return r.part == p.Partition })
	if i < 0 {
		buffers.put(p.Records.set)
		return
	}
	r := req.readers[i]
	err := check(p.ErrorCode)
	switch {
	case err == nil:
		r.filled(req.from[i], p)
	case errors.Is(err, kafka.OffsetOutOfRange):
		to, err := r.source.outOfRange(f.ctx, r, req.from[i])
		r.moved(to, err)
	default:
		r.failed(err)
	}
}
