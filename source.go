package cepd

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

// readAhead is how many rows of a Source wait to be processed.
const readAhead = 4096

// source is a Source as the engine has it: one partition.
type source struct {
	rows       Source
	cells      cells
	replayable bool
}

func (s *source) Partitions(context.Context) ([]int32, error) { return []int32{0}, nil }
func (s *source) Replayable() bool                            { return s.replayable }
func (s *source) Bounded() bool                               { return true }
func (s *source) Close() error                                { return nil }

// Open starts the goroutine that reads; Close of the reader waits for it.
func (s *source) Open(_ context.Context, _ int32, from int64, ready func()) (connectors.Reader, error) {
	ctx, cancel := context.WithCancel(context.Background())
	r := &reader{source: s, at: max(from, 0), cancel: cancel, done: make(chan struct{})}
	r.room.L = &r.mu
	go func() {
		defer close(r.done)
		err := r.read(ctx, ready)
		r.mu.Lock()
		r.ended, r.err = true, err
		r.mu.Unlock()
		ready()
	}()
	context.AfterFunc(ctx, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.room.Broadcast()
	})
	return r, nil
}

type reader struct {
	*source
	at     int64
	cancel context.CancelFunc
	done   chan struct{}

	mu    sync.Mutex
	room  sync.Cond // there may be room for more rows
	queue [][]event.Value
	ended bool
	err   error
}

// read calls Source.Read; a panic of it is its error.
func (r *reader) read(ctx context.Context, ready func()) (err error) {
	defer caught(&err)
	from := r.at
	n := int64(0)
	return r.rows.Read(ctx, from, func(row Row) error {
		values, err := r.cells.of(row)
		if err != nil {
			return fmt.Errorf("row %d: %w", from+n, err)
		}
		n++
		r.mu.Lock()
		for len(r.queue) >= readAhead && ctx.Err() == nil {
			r.room.Wait()
		}
		r.queue = append(r.queue, values)
		r.mu.Unlock()
		ready()
		return ctx.Err()
	})
}

func (r *reader) Position() int64 { return r.at }
func (r *reader) End() int64      { return -1 }

func (r *reader) Close() error {
	r.cancel()
	<-r.done
	return nil
}

// PollColumns implements connectors.ColumnReader.
func (r *reader) PollColumns(limit int, until int64, dst *event.Batch) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := min(limit, len(r.queue), event.MaxRows)
	if until >= 0 {
		n = min(n, int(max(0, until-r.at)))
	}
	dst.Reset(n)
	for i, row := range r.queue[:n] {
		for c, v := range row {
			dst.Cols[c].Set(i, n, v)
		}
		dst.ID[i] = event.ID{Lo: uint64(r.at)}
		r.at++
	}
	r.queue = append(r.queue[:0], r.queue[n:]...)
	r.room.Broadcast()
	switch {
	case n > 0 || len(r.queue) > 0 || !r.ended:
		return nil
	case r.err != nil:
		return r.err
	}
	return io.EOF
}
