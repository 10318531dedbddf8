package nats

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/remote"
	"github.com/cepd/cepd/internal/panics"
)

// source reads a stream; it has one partition.
type source struct {
	*client
	table connectors.Table
	name  string // of the stream
}

func (s *source) Partitions(context.Context) ([]int32, error) { return []int32{0}, nil }
func (s *source) Replayable() bool                            { return true }
func (s *source) Bounded() bool                               { return s.table.Options[optBounded] == modeLatest }

// Close implements connectors.Source.
func (s *source) Close() error {
	s.close()
	return nil
}

// Open implements connectors.Source.
func (s *source) Open(ctx context.Context, _ int32, from int64, ready func()) (connectors.Reader, error) {
	js, stream, err := s.stream(ctx, s.name)
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", s.name, err)
	}
	info := stream.CachedInfo()
	if err := s.check(info); err != nil {
		return nil, err
	}
	if from == connectors.Start {
		if from, err = s.start(ctx, js, info); err != nil {
			return nil, err
		}
	}
	stop := int64(-1)
	if s.Bounded() {
		if stop, err = s.last(ctx, stream, info); err != nil {
			return nil, err
		}
	}
	running, cancel := context.WithCancel(context.Background())
	r := &reader{source: s, js: js, queue: remote.NewQueue(int(s.table.Int(optFetch, defaultFetch)), ready), stop: stop, cancel: cancel, headers: s.wantsHeaders()}
	r.next.Store(from)
	r.end.Store(int64(info.State.LastSeq) + 1)
	if at := s.table.Int(optEndAt, 0); at > 0 {
		r.before = time.UnixMilli(at)
	}
	r.wg.Go(func() { r.run(running, from) })
	return r, nil
}

// check refuses streams whose messages cannot be read twice.
func (s *source) check(info *jetstream.StreamInfo) error {
	switch {
	case info.Config.Retention != jetstream.LimitsPolicy:
		return fmt.Errorf("stream %s has retention '%s': its messages go when others have read them; read a stream with retention 'limits', which may have this one as its source", s.name, info.Config.Retention)
	case s.table.Durable && info.Config.MaxMsgsPerSubject > 0:
		return fmt.Errorf("stream %s keeps the last %d messages of a subject, so a query that starts again would not find those that it has read: read a stream without max_msgs_per_subject, which may have this one as its source, or run without a data directory", s.name, info.Config.MaxMsgsPerSubject)
	}
	return nil
}

func (s *source) wantsHeaders() bool {
	return s.table.Traced || slices.ContainsFunc(s.table.Columns, func(c connectors.Column) bool { return c.Metadata == metaHeaders || c.Metadata == metaSubject })
}

// start is the sequence where the options begin.
func (s *source) start(ctx context.Context, js jetstream.JetStream, info *jetstream.StreamInfo) (int64, error) {
	switch s.table.Options[optStartup] {
	case modeLatest:
		return int64(info.State.LastSeq) + 1, nil
	case modeSpecific:
		return s.table.Int(optSequence, 1), nil
	case modeTimestamp:
		return s.at(ctx, js, time.UnixMilli(s.table.Int(optStartAt, 0)), info)
	}
	return max(1, int64(info.State.FirstSeq)), nil
}

// at is the sequence of the first message stored at a time or later; the next one
// when there is none.
func (s *source) at(ctx context.Context, js jetstream.JetStream, t time.Time, info *jetstream.StreamInfo) (int64, error) {
	if info.State.Msgs == 0 || info.State.LastTime.Before(t) {
		return int64(info.State.LastSeq) + 1, nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	c, err := js.OrderedConsumer(ctx, s.name, jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &t, HeadersOnly: true})
	if err != nil {
		return 0, fmt.Errorf("stream %s: %w", s.name, err)
	}
	m, err := c.Next()
	if err != nil {
		return 0, fmt.Errorf("stream %s: %w", s.name, err)
	}
	meta, err := m.Metadata()
	if err != nil {
		return 0, err
	}
	return int64(meta.Sequence.Stream), nil
}

// last is the sequence behind the last message that there is to read.
func (s *source) last(ctx context.Context, stream jetstream.Stream, info *jetstream.StreamInfo) (int64, error) {
	subjects := filters(s.table)
	if len(subjects) == 0 {
		return int64(info.State.LastSeq) + 1, nil
	}
	stop := int64(0)
	for _, subject := range subjects {
		m, err := stream.GetLastMsgForSubject(ctx, subject)
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound):
		case err != nil:
			return 0, fmt.Errorf("stream %s: %w", s.name, err)
		default:
			stop = max(stop, int64(m.Sequence)+1)
		}
	}
	return stop, nil
}

// reader implements connectors.RawReader.
type reader struct {
	*source
	js      jetstream.JetStream
	queue   *remote.Queue
	next    atomic.Int64
	end     atomic.Int64
	stop    int64     // sequence not read any more; -1: none
	before  time.Time // messages from then on are not read any more; zero: none
	headers bool
	cancel  context.CancelFunc
	wg      sync.WaitGroup
}

// Position implements connectors.Reader.
func (r *reader) Position() int64 { return r.next.Load() }

// End implements connectors.Reader.
func (r *reader) End() int64 { return r.end.Load() }

// Heard implements connectors.Listener.
func (r *reader) Heard() bool { return r.connected() }

// Close implements connectors.Reader.
func (r *reader) Close() error {
	r.cancel()
	r.wg.Wait()
	return nil
}

// Poll implements connectors.RawReader. A message before until was there when it
// was read first, so one behind it instead says that it is gone.
func (r *reader) Poll(limit int, until int64, dst *connectors.RawBatch) error {
	dst.Reset()
	dst.Topic, dst.Part, dst.Next = "", 0, r.next.Load()
	if r.stop >= 0 && dst.Next >= r.stop {
		return io.EOF
	}
	if err := r.queue.Take(limit, until, dst); err != nil {
		return err
	}
	if head, ok := r.queue.Head(); dst.N() == 0 && ok && until > dst.Next && head >= until {
		return fmt.Errorf("stream %s: message %d, which has been read, is not in the stream any more", r.name, until-1)
	}
	r.next.Store(dst.Next)
	return nil
}

// run receives until the reader closes.
func (r *reader) run(ctx context.Context, from int64) {
	var wait remote.Wait
	for ctx.Err() == nil {
		next := from
		err := panics.Call(func() (err error) {
			next, err = r.receive(ctx, from)
			return err
		})
		var bug *panics.Error
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, io.EOF), errors.As(err, new(*goneError)), errors.As(err, &bug):
			r.queue.End(err)
			return
		case next > from:
			wait.Reset()
		}
		from = next
		r.log.Warn("reading is interrupted, beginning again", "stream", r.name, "at", from, "error", err)
		_ = wait.Wait(ctx)
	}
}

// goneError says that messages to read have been dropped.
type goneError struct {
	stream   string
	from, to int64
}

func (e *goneError) Error() string {
	return fmt.Sprintf("stream %s: messages %d to %d, which are to be read, are not in the stream any more: raise its limits; 'scan.offset.reset' = 'earliest' goes on behind them", e.stream, e.from, e.to)
}

// gone decides what to do about messages that are not there.
func (r *reader) gone(from, to int64) error {
	if r.table.Options[optReset] != "earliest" {
		return &goneError{r.name, from, to}
	}
	r.log.Warn("messages are gone, going on behind them", "stream", r.name, "from", from, "to", to)
	return nil
}

// receive puts messages into the queue, from a sequence on; next is where to go on
// after an error.
func (r *reader) receive(ctx context.Context, from int64) (next int64, err error) {
	it, err := r.consume(ctx, from)
	if err != nil {
		return from, err
	}
	defer it.Stop()
	filtered := len(filters(r.table)) > 0
	for {
		m, err := it.Next(jetstream.NextContext(ctx))
		if err != nil {
			return from, err
		}
		meta, err := m.Metadata()
		if err != nil {
			return from, err
		}
		at := int64(meta.Sequence.Stream)
		if at > from && !filtered {
			if err := r.gone(from, at-1); err != nil {
				return from, err
			}
		}
		if r.stop >= 0 && at >= r.stop || !r.before.IsZero() && !meta.Timestamp.Before(r.before) {
			return from, io.EOF
		}
		if err := r.queue.Put(ctx, r.message(m, meta)); err != nil {
			return from, err
		}
		from = at + 1
		r.end.Store(from + int64(meta.NumPending))
	}
}

// consume begins to read at a sequence.
func (r *reader) consume(ctx context.Context, from int64) (jetstream.MessagesContext, error) {
	asking, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	stream, err := r.js.Stream(asking, r.name)
	if err != nil {
		return nil, err
	}
	info := stream.CachedInfo()
	if first := int64(info.State.FirstSeq); first > from {
		if err := r.gone(from, first-1); err != nil {
			return nil, err
		}
	}
	if last := int64(info.State.LastSeq); from > last+1 {
		return nil, fmt.Errorf("it has messages up to %d, and those from %d on are to be read: it has been made anew, or is behind", last, from)
	}
	config := jetstream.OrderedConsumerConfig{FilterSubjects: filters(r.table), DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: uint64(max(from, 1)), MaxResetAttempts: 1}
	c, err := r.js.OrderedConsumer(asking, r.name, config)
	if err != nil {
		return nil, err
	}
	if r.stop >= 0 && c.CachedInfo().NumPending == 0 {
		return nil, io.EOF // what was there is gone, or none of it matches
	}
	return c.Messages(jetstream.PullMaxBytes(int(r.table.Int(optFetch, defaultFetch))))
}

func (r *reader) message(m jetstream.Msg, meta *jetstream.MsgMetadata) remote.Message {
	out := remote.Message{Offset: int64(meta.Sequence.Stream), Time: meta.Timestamp.UnixMicro(), Value: m.Data()}
	if !r.headers {
		return out
	}
	list := []connectors.Header{connectors.Hidden(metaSubject, []byte(m.Subject()))}
	names := make([]string, 0, len(m.Headers()))
	for name := range m.Headers() {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range m.Headers()[name] {
			list = append(list, connectors.Header{Key: name, Value: []byte(value)})
		}
	}
	out.Headers = connectors.AppendHeaders(nil, list)
	return out
}
