package stdio

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/panics"
)

type stdin struct{}

// NewStdin is the connector 'stdin'.
func NewStdin() connectors.Connector { return stdin{} }

func (stdin) Name() string                     { return "stdin" }
func (stdin) Options() []connectors.OptionSpec { return []connectors.OptionSpec{formats.Spec()} }

func (stdin) Metadata() []connectors.MetadataSpec {
	return []connectors.MetadataSpec{{Key: "line", Type: event.TInt64}}
}

func (stdin) Source(t connectors.Table) (connectors.Source, error) {
	if _, err := formats.NewDecoder(t); err != nil {
		return nil, err
	}
	framing, err := formats.NewFraming(t)
	if err != nil {
		return nil, err
	}
	if t.Stdin == nil {
		return nil, fmt.Errorf("there is no standard input here")
	}
	return &source{in: t.Stdin, framing: framing}, nil
}

func (stdin) Sink(connectors.Table) (connectors.Sink, error) { return nil, connectors.ErrNotSink }

type source struct {
	in      io.Reader
	framing formats.Framing
}

func (s *source) Partitions(context.Context) ([]int32, error) { return []int32{0}, nil }
func (s *source) Replayable() bool                            { return false }
func (s *source) Bounded() bool                               { return false }
func (s *source) Close() error                                { return nil }

// blocks is how many blocks of records are read ahead.
const blocks = 4

// Open implements connectors.Source. Records are counted from the offset on.
func (s *source) Open(_ context.Context, _ int32, from int64, ready func()) (connectors.Reader, error) {
	r := &reader{next: max(from, 0), full: make(chan *block, blocks), empty: make(chan *block, blocks), stop: make(chan struct{})}
	for range blocks {
		r.empty <- &block{}
	}
	go r.read(formats.NewCutter(s.in, s.framing, 0), ready)
	return r, nil
}

// block is records in a buffer of their own, or why there are no more.
type block struct {
	buf     []byte
	spans   []event.Span
	reasons []event.Span // of damaged records; of others empty
	err     error
}

type reader struct {
	next        int64
	current     *block
	taken       int // records of current already given
	full, empty chan *block
	stop        chan struct{}
	closing     sync.Once
}

func (r *reader) Position() int64 { return r.next }
func (r *reader) End() int64      { return -1 }

// Close stops reading. A read of the input that waits for the user ends only
// when something comes, so it is not waited for.
func (r *reader) Close() error {
	r.closing.Do(func() { close(r.stop) })
	return nil
}

// read fills blocks until the input ends.
func (r *reader) read(c *formats.Cutter, ready func()) {
	for {
		var b *block
		select {
		case b = <-r.empty:
		case <-r.stop:
			return
		}
		if err := panics.Call(func() error { b.fill(c); return nil }); err != nil {
			b.spans, b.err = b.spans[:0], err
		}
		select {
		case r.full <- b:
		case <-r.stop:
			return
		}
		ready()
		if b.err != nil {
			return
		}
	}
}

// fill waits for at least one record and copies all that are there.
func (b *block) fill(c *formats.Cutter) {
	b.buf, b.spans, b.reasons, b.err = b.buf[:0], b.spans[:0], b.reasons[:0], nil
	for {
		s, _, ok, err := c.Next()
		switch {
		case err != nil:
			b.err = err
			return
		case ok:
			b.spans = append(b.spans, b.copied(c.Buf, s))
			b.reasons = append(b.reasons, b.copied(c.Buf, c.Reason))
			continue
		case len(b.spans) > 0:
			return
		}
		if err := c.Fill(); err != nil {
			b.err = err
			return
		}
	}
}

// copied is the bytes of s in the block's own buffer.
func (b *block) copied(buf []byte, s event.Span) event.Span {
	at := uint32(len(b.buf))
	b.buf = append(b.buf, buf[s.Off:s.Off+s.Len]...)
	return event.Span{Off: at, Len: s.Len}
}

// Poll implements connectors.RawReader.
func (r *reader) Poll(limit int, until int64, dst *connectors.RawBatch) error {
	dst.Reset()
	dst.Topic, dst.Part, dst.Next = "stdin", 0, r.next
	if !r.advance() {
		return nil
	}
	b := r.current
	if r.taken == len(b.spans) {
		if b.err == io.EOF {
			return io.EOF
		}
		return fmt.Errorf("read standard input: %w", b.err)
	}
	n := min(limit, len(b.spans)-r.taken)
	if until >= 0 {
		n = int(max(0, min(int64(n), until-r.next)))
	}
	for i, s := range b.spans[r.taken : r.taken+n] {
		dst.Append(s, r.next)
		if reason := b.reasons[r.taken+i]; reason.Len > 0 {
			dst.Damage(reason)
		}
		r.next++
	}
	r.taken += n
	dst.Buf, dst.Next = b.buf, r.next
	return nil
}

// advance goes to a block with something left, recycling the one that the
// caller is through with; false: there is none now.
func (r *reader) advance() bool {
	if b := r.current; b != nil {
		if r.taken < len(b.spans) || b.err != nil {
			return true
		}
		r.empty <- b
		r.current = nil
	}
	select {
	case r.current = <-r.full:
		r.taken = 0
		return true
	default:
		return false
	}
}
