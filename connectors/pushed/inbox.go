package pushed

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/remote"
	"github.com/cepd/cepd/state/intake"
)

// Message is what came from outside.
type Message struct {
	Value   []byte // nil, with a mark: there is no record
	Headers []connectors.Header
	Mark    []byte // how far the outside has been taken in with it; nil: nothing is said
	Kept    func() // called when the log has it; nil: nobody waits for that
}

func (m *Message) size() int {
	n := len(m.Value) + len(m.Mark) + 64
	for i := range m.Headers {
		n += len(m.Headers[i].Key) + len(m.Headers[i].Value) + 8
	}
	return n
}

// maxInbox is how many bytes of messages wait for the log, and MaxMessage how many
// one has at most; half of what the log keeps, where that is less.
const (
	maxInbox     = 8 << 20
	MaxMessage   = 1 << 20
	minRetention = 1 << 20 // bytes of a log that anybody may ask for
)

// Reasons for which messages are lost, in intake.Log.Refused.
const (
	lostFull  = "lost"  // they could not be held back
	lostLarge = "large" // MaxMessage
)

// Inbox takes messages to the log of a table.
type Inbox struct {
	log       *intake.Log
	logger    *slog.Logger
	connected atomic.Bool
	large     atomic.Int64

	mu    sync.Mutex
	list  []Message
	bytes int
	work  chan struct{} // gets one value when there are messages
	room  chan struct{} // gets one value when some are gone
}

func newInbox(l *intake.Log, logger *slog.Logger) *Inbox {
	return &Inbox{log: l, logger: logger, work: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// Connected says whether messages can come: a table that hears nobody is not idle.
func (in *Inbox) Connected(yes bool) { in.connected.Store(yes) }

// Mark is the mark of the last message with one that the log has; nil: there is none.
func (in *Inbox) Mark() ([]byte, error) { return in.log.Mark() }

// Durable says whether what is kept outlives the process.
func (in *Inbox) Durable() bool { return in.log.Durable() }

// Put takes a message, which it keeps, and waits while too much waits already.
func (in *Inbox) Put(ctx context.Context, m Message) error {
	for !in.add(m) {
		select {
		case <-in.room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Offer takes a message that nobody can send again; where there is no room it is
// lost, and counted.
func (in *Inbox) Offer(m Message) {
	if !in.add(m) {
		in.Lost(1)
	}
}

// Lost counts messages that could not be taken.
func (in *Inbox) Lost(n int64) { in.log.Refuse(lostFull, n) }

// Large counts a message of so many bytes that is left out. Not each is logged.
func (in *Inbox) Large(bytes int) {
	if n := in.large.Add(1); n%1000 == 1 {
		in.logger.Warn("a message is too large and left out", "bytes", bytes, "so_far", n)
	}
	in.log.Refuse(lostLarge, 1)
}

// add says whether there was room. A message that is too large is never taken:
// held back, it would hold back all others.
func (in *Inbox) add(m Message) bool {
	if m.size() > min(MaxMessage, in.half()) {
		in.Large(m.size())
		if m.Kept != nil {
			m.Kept()
		}
		return true
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.bytes > maxInbox {
		return false
	}
	in.list, in.bytes = append(in.list, m), in.bytes+m.size()
	poke(in.work)
	return true
}

// half is half of what the log keeps, in bytes.
func (in *Inbox) half() int { return int(max(minRetention, in.log.Stats().Limit) / 2) }

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// take waits for messages and takes as many as go into one post, which is no more than
// a small log has room for when all that it has may leave.
func (in *Inbox) take(ctx context.Context) ([]Message, error) {
	most := min(intake.MaxPostBytes, in.half())
	for {
		in.mu.Lock()
		n, size := 0, 0
		for n < min(len(in.list), intake.MaxRecords) && size+in.list[n].size() <= most {
			size += in.list[n].size()
			n++
		}
		some := in.list[:n:n]
		in.list, in.bytes = in.list[n:], in.bytes-size
		in.mu.Unlock()
		if n > 0 {
			poke(in.room)
			return some, nil
		}
		select {
		case <-in.work:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// keep puts messages into the log until the context ends, and acknowledges them. It
// ends with an error, that of the context where there is no other.
func (in *Inbox) keep(ctx context.Context) error {
	for {
		some, err := in.take(ctx)
		if err != nil {
			return err
		}
		if err := in.append(ctx, postOf(some)); err != nil { // it is sent again
			return err
		}
		for i := range some {
			if some[i].Kept != nil {
				some[i].Kept()
			}
		}
	}
}

// postOf is messages as one post, whose mark is the last one's.
func postOf(some []Message) *intake.Post {
	post := &intake.Post{Records: make([]intake.Record, 0, len(some))}
	for i := range some {
		m := &some[i]
		if m.Mark != nil {
			post.Mark = m.Mark
		}
		if m.Value != nil || m.Mark == nil {
			post.Records = append(post.Records, intake.Record{Key: connectors.AppendHeaders(nil, m.Headers), Value: m.Value})
		}
	}
	return post
}

// append waits for room in the log.
func (in *Inbox) append(ctx context.Context, post *intake.Post) error {
	return Append(ctx, in.log, post, in.logger)
}

// Append keeps a post in a log, and waits while there is no room for it.
func Append(ctx context.Context, l *intake.Log, post *intake.Post, logger *slog.Logger) error {
	var wait remote.Wait
	told := false
	for {
		// What is being written is waited for: who receives next has to know its mark.
		_, err := l.Append(context.WithoutCancel(ctx), post)
		switch {
		case err == nil, ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, intake.ErrClosed): // the process ends, or the table goes
			<-ctx.Done()
			return ctx.Err()
		case !errors.Is(err, intake.ErrFull) && !errors.Is(err, intake.ErrBusy) && !errors.Is(err, intake.ErrNoRoom):
			return err
		}
		if !told {
			logger.Warn("messages wait outside: "+err.Error(), "table", l.Name())
			told = true
		}
		if err := wait.Wait(ctx); err != nil {
			return err
		}
	}
}
