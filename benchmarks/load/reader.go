package load

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

// reader gives the rows of one partition as the run allows: none before the
// gate opens, at a rate those that are due, no end before the run is over.
type reader struct {
	connectors.Reader
	run   *run
	src   *source
	part  int32
	ready func()
	index *index // nil: flat out

	limit     int64 // rows to give; -1: no limit
	given     atomic.Int64
	exhausted bool
	perSecond float64 // share of the rate

	mu    sync.Mutex
	timer *time.Timer // runs; nil: none
	done  bool
}

// rawReader and columnReader are a reader of either kind.
type (
	rawReader    struct{ *reader }
	columnReader struct{ *reader }
)

func (r *run) newReader(ctx context.Context, s *source, part int32, inner connectors.Reader, ready func()) (*reader, error) {
	rd := &reader{Reader: inner, run: r, src: s, part: part, ready: ready, limit: -1}
	if r.o.Events > 0 {
		rd.limit = r.o.Events
	}
	if r.o.Rate > 0 {
		x, err := r.newIndex(ctx, s, part)
		if err != nil {
			return nil, err
		}
		rd.index, rd.limit = x, int64(x.rows)
	}
	r.add(rd)
	return rd, nil
}

// Close implements connectors.Reader.
func (r *reader) Close() error {
	r.mu.Lock()
	r.done = true
	if r.timer != nil {
		r.timer.Stop()
	}
	r.mu.Unlock()
	return r.Reader.Close()
}

// Poll implements connectors.RawReader.
func (r rawReader) Poll(limit int, until int64, dst *connectors.RawBatch) error {
	n, end := r.allowed(limit)
	if n == 0 {
		dst.Reset()
		return end
	}
	err := r.Reader.(connectors.RawReader).Poll(n, until, dst)
	return r.gave(dst.N(), err)
}

// PollColumns implements connectors.ColumnReader.
func (r columnReader) PollColumns(limit int, until int64, dst *event.Batch) error {
	n, end := r.allowed(limit)
	if n == 0 {
		dst.Reset(0)
		return end
	}
	err := r.Reader.(connectors.ColumnReader).PollColumns(n, until, dst)
	return r.gave(dst.N, err)
}

// allowed is how many rows may be given now; with none, end is io.EOF when the
// run is over.
func (r *reader) allowed(limit int) (n int, end error) {
	began, open := r.run.open()
	switch {
	case !open:
		return 0, nil
	case r.exhausted:
		return 0, r.run.end()
	}
	given := r.given.Load()
	if r.limit >= 0 && given >= r.limit || r.run.late(began) {
		return 0, r.exhaust()
	}
	if r.limit >= 0 {
		limit = int(min(int64(limit), r.limit-given))
	}
	if r.perSecond == 0 {
		return limit, nil
	}
	due := int64(time.Since(began.Add(lead)).Seconds()*r.perSecond) - given
	if due <= 0 {
		r.wait(began)
		return 0, nil
	}
	return int(min(int64(limit), due)), nil
}

// gave counts rows; the end of the input is not the end of the run.
func (r *reader) gave(n int, err error) error {
	r.given.Add(int64(n))
	r.run.gave(n)
	if err == io.EOF {
		return r.exhaust()
	}
	return err
}

func (r *reader) exhaust() error {
	if !r.exhausted {
		r.exhausted = true
		r.run.exhaust()
	}
	return r.run.end()
}

// due is when row i (from 0) of the partition is to be sent.
func (r *reader) due(began time.Time, i int) time.Time {
	return began.Add(lead + time.Duration(float64(i+1)/r.perSecond*float64(time.Second)))
}

// pause is the least time to wait for a row: below it the clock is no help.
const pause = 50 * time.Microsecond

// wait calls ready when the next row is due.
func (r *reader) wait(began time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.timer != nil || r.done {
		return
	}
	r.timer = time.AfterFunc(max(time.Until(r.due(began, int(r.given.Load()))), pause), func() {
		r.mu.Lock()
		r.timer = nil
		r.mu.Unlock()
		r.ready()
	})
}
