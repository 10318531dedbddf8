package pushed

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/remote"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/panics"
	"github.com/cepd/cepd/state/intake"
)

// Receiver takes messages of one table from outside.
type Receiver interface {
	// Run gives them to in until the context ends. Connections that break are made
	// again; an error ends the queries that read the table.
	Run(ctx context.Context, in *Inbox) error
}

// Forgetter is a Receiver for which the outside keeps what it has not received.
type Forgetter interface {
	// Forget has the outside keep nothing more: a log in memory goes when nobody reads
	// the table any more, and reading begins anew.
	Forget(ctx context.Context) error
}

// Hub has the tables of one connector that are being received.
type Hub struct {
	mu      sync.Mutex
	logs    *intake.Logs
	own     bool // logs are its own, in memory
	running map[string]*receiving
}

// NewHub keeps messages in logs. Without (nil) it has logs of its own in memory:
// what they have is gone with the process.
func NewHub(logs *intake.Logs) *Hub {
	return &Hub{logs: logs, running: map[string]*receiving{}}
}

// log is the log of a table.
func (h *Hub) log(t connectors.Table) (*intake.Log, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.logs == nil {
		logs := intake.New(clock.Wall{})
		if err := logs.Open(nil); err != nil {
			return nil, err
		}
		h.logs, h.own = logs, true
	}
	if h.own && t.Durable {
		return nil, errors.New("what comes is kept in memory here, and the query keeps its state on disk: it could not read again what it has read")
	}
	l, err := h.logs.Log(t.Name)
	if err == nil {
		l.Limit(Limits(t.Options, ""))
	}
	return l, err
}

// receiving is a table being received.
type receiving struct {
	readers  int
	options  map[string]string
	receiver Receiver
	inbox    *Inbox
	cancel   context.CancelFunc
	done     sync.WaitGroup
	failed   error // of the receiver, after done
	mu       sync.Mutex
}

// join begins to receive a table, if no other reader has; the reader leaves with
// leave. Of two sets of options the later counts.
func (h *Hub) join(t connectors.Table, l *intake.Log, r Receiver) {
	h.mu.Lock()
	defer h.mu.Unlock()
	name := l.Name()
	x := h.running[name]
	readers := 0
	if x != nil && (!maps.Equal(x.options, t.Options) || x.err() != nil) {
		readers = x.readers
		x.stop()
		x = nil
	}
	if x == nil {
		ctx, cancel := context.WithCancel(context.Background())
		x = &receiving{readers: readers, options: t.Options, receiver: r, cancel: cancel, inbox: newInbox(l, remote.Logger(t.Log, t.Options["connector"]))}
		h.running[name] = x
		x.done.Go(func() { x.run(ctx, r) })
	}
	x.readers++
}

// leave ends receiving with the last reader.
func (h *Hub) leave(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	x := h.running[name]
	if x == nil {
		return
	}
	if x.readers--; x.readers == 0 {
		x.stop()
		delete(h.running, name)
		h.forget(x)
	}
}

// forgetting is how long the outside is waited for that is told to forget.
const forgetting = 10 * time.Second

// forget lets a log in memory go, if the outside keeps what it does not have.
func (h *Hub) forget(x *receiving) {
	f, ok := x.receiver.(Forgetter)
	if !ok || x.inbox.log.Durable() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), forgetting)
	defer cancel()
	if err := errors.Join(f.Forget(ctx), h.logs.Drop(x.inbox.log.Name())); err != nil && !errors.Is(err, intake.ErrClosed) {
		x.inbox.logger.Warn("what was received is not forgotten outside", "table", x.inbox.log.Name(), "error", err)
	}
}

// current is the table's receiving of now.
func (h *Hub) current(name string) *receiving {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.running[name]
}

func (x *receiving) stop() {
	x.cancel()
	x.done.Wait()
}

// run receives and keeps.
func (x *receiving) run(ctx context.Context, r Receiver) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var keeping sync.WaitGroup
	keeping.Go(func() {
		if err := panics.Call(func() error { return x.inbox.keep(ctx) }); ctx.Err() == nil {
			x.fail(err)
		}
		cancel()
	})
	err := panics.Call(func() error { return r.Run(ctx, x.inbox) })
	x.inbox.Connected(false)
	if ctx.Err() == nil {
		x.fail(err)
	}
	cancel()
	keeping.Wait()
	if x.err() != nil {
		x.inbox.log.Wake()
	}
}

func (x *receiving) fail(err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.failed == nil {
		x.failed = err
	}
}

func (x *receiving) err() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.failed
}
