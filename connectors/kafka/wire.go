package kafka

import (
	"context"
	"net"
	"sync"

	"github.com/segmentio/kafka-go"

	"github.com/cepd/cepd/internal/access"
)

// wire is connections to a cluster: those that are idle, and what is known of a
// topic. Tables of the same options share one, whatever query they belong to.
type wire struct {
	transport *kafka.Transport
	access    *access.Policy
	cancel    context.CancelFunc // ends the library's own goroutines
	users     int                // of wires

	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	closed bool
}

// wires are those in use, by what tells them apart.
type wires struct {
	mu    sync.Mutex
	byKey map[string]*wire
}

var shared = wires{byKey: map[string]*wire{}}

func (s *wires) acquire(c *config) *wire {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.byKey[c.identity]
	if w == nil {
		w = newWire(c)
		s.byKey[c.identity] = w
	}
	w.users++
	return w
}

// release closes the connections with their last user.
func (s *wires) release(c *config, w *wire) {
	s.mu.Lock()
	w.users--
	last := w.users == 0
	if last {
		delete(s.byKey, c.identity)
	}
	s.mu.Unlock()
	if last {
		w.close()
	}
}

func newWire(c *config) *wire {
	w := &wire{access: c.access, conns: map[net.Conn]struct{}{}}
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel = cancel
	w.transport = &kafka.Transport{
		Context:     ctx,
		Dial:        w.dial,
		ClientID:    c.clientID,
		TLS:         c.tls,
		SASL:        c.sasl,
		MetadataTTL: metadataTTL,
	}
	if c.topic != "" { // else: all
		w.transport.MetadataTopics = []string{c.topic}
	}
	return w
}

// trackedConn lets close end connections that wait for an answer, which the
// library keeps open until it has come.
type trackedConn struct {
	net.Conn
	wire *wire
}

func (t *trackedConn) Close() error {
	t.wire.mu.Lock()
	delete(t.wire.conns, t)
	t.wire.mu.Unlock()
	return t.Conn.Close()
}

func (w *wire) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := w.access.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		conn.Close()
		return nil, net.ErrClosed
	}
	t := &trackedConn{Conn: conn, wire: w}
	w.conns[t] = struct{}{}
	return t, nil
}

// close ends all connections, also those in use.
func (w *wire) close() {
	w.cancel()
	w.transport.CloseIdleConnections()
	w.mu.Lock()
	w.closed = true
	open := make([]net.Conn, 0, len(w.conns))
	for conn := range w.conns {
		open = append(open, conn)
	}
	w.mu.Unlock()
	for _, conn := range open {
		conn.Close()
	}
}
