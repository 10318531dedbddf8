package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/metadata"

	"github.com/cepd/cepd/internal/access"
)

const (
	// metadataTTL bounds how long a moved leader goes unnoticed.
	metadataTTL = time.Second
	// callBudget is how long a call outside the stream of data is retried.
	callBudget = 30 * time.Second
	// missingBudget is how long a topic may be unknown: just created ones
	// need a moment to become known to every broker.
	missingBudget = 5 * time.Second

	minBackoff = 20 * time.Millisecond
	maxBackoff = time.Second
)

// client is the connections of one table to its cluster.
type client struct {
	transport *kafka.Transport
	access    *access.Policy
	addr      net.Addr
	topic     string
	timeout   time.Duration // of one request
	log       *slog.Logger

	cancel context.CancelFunc // ends the library's own goroutines

	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	closed bool
}

func newClient(c *config, log *slog.Logger) *client {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	cl := &client{
		addr:    kafka.TCP(strings.Split(c.bootstrap, ",")...),
		access:  c.access,
		topic:   c.topic,
		timeout: c.requestTimeout,
		log:     log.With("connector", "kafka", "topic", c.topic),
		conns:   map[net.Conn]struct{}{},
	}
	ctx, cancel := context.WithCancel(context.Background())
	cl.cancel = cancel
	cl.transport = &kafka.Transport{
		Context:     ctx,
		Dial:        cl.dial,
		ClientID:    c.clientID,
		TLS:         c.tls,
		SASL:        c.sasl,
		MetadataTTL: metadataTTL,
	}
	if c.topic != "" { // else: all
		cl.transport.MetadataTopics = []string{c.topic}
	}
	return cl
}

// trackedConn lets Close end connections that wait for an answer, which the
// library keeps open until it has come.
type trackedConn struct {
	net.Conn
	client *client
}

func (t *trackedConn) Close() error {
	t.client.mu.Lock()
	delete(t.client.conns, t)
	t.client.mu.Unlock()
	return t.Conn.Close()
}

func (c *client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := c.access.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		conn.Close()
		return nil, net.ErrClosed
	}
	t := &trackedConn{Conn: conn, client: c}
	c.conns[t] = struct{}{}
	return t, nil
}

// close ends all connections, also those in use.
func (c *client) close() {
	c.cancel()
	c.transport.CloseIdleConnections()
	c.mu.Lock()
	c.closed = true
	open := make([]net.Conn, 0, len(c.conns))
	for conn := range c.conns {
		open = append(open, conn)
	}
	c.mu.Unlock()
	for _, conn := range open {
		conn.Close()
	}
}

// roundTrip sends one request, giving its answer extra time beyond the
// request timeout.
func (c *client) roundTrip(ctx context.Context, req protocol.Message, extra time.Duration) (protocol.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout+extra)
	defer cancel()
	return c.transport.RoundTrip(ctx, c.addr, req)
}

// call repeats op until it succeeds, fails for good or the budget is spent.
func (c *client) call(ctx context.Context, what string, op func(context.Context) error) error {
	start := time.Now()
	wait := minBackoff
	for attempt := 1; ; attempt++ {
		err := op(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("kafka: %s: %w", what, ctx.Err())
		}
		if !transient(err) || time.Since(start) > budget(err) {
			return fmt.Errorf("kafka: %s: topic %q at %s: %w", what, c.topic, c.addr, explain(err))
		}
		if attempt == 1 {
			c.log.Warn("kafka call failed, retrying", "call", what, "err", err)
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
		wait = min(2*wait, maxBackoff)
	}
}

func budget(err error) time.Duration {
	if errors.Is(err, kafka.UnknownTopicOrPartition) {
		return missingBudget
	}
	return callBudget
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// secureDial is dial with encryption, where the client has it.
func (c *client) secureDial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := c.dial(ctx, network, address)
	if err != nil || c.transport.TLS == nil {
		return conn, err
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	t := c.transport.TLS.Clone()
	if t.ServerName == "" {
		t.ServerName = host
	}
	encrypted := tls.Client(conn, t)
	if err := encrypted.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return encrypted, nil
}

// describe is the topic as last heard of (the library asks every metadataTTL
// and answers from its cache).
func (c *client) describe(ctx context.Context, topic string) (*metadata.ResponseTopic, error) {
	m, err := c.roundTrip(ctx, &metadata.Request{TopicNames: []string{topic}}, 0)
	if err != nil {
		return nil, err
	}
	t := &m.(*metadata.Response).Topics[0]
	return t, check(t.ErrorCode)
}

// partitions lists the topic's partitions, ascending.
func (c *client) partitions(ctx context.Context) (parts []int32, err error) {
	err = c.call(ctx, "describe topic", func(ctx context.Context) error {
		t, err := c.describe(ctx, c.topic)
		if err != nil {
			return err
		}
		parts = parts[:0]
		for _, p := range t.Partitions { // sorted by the library
			parts = append(parts, p.PartitionIndex)
		}
		if len(parts) == 0 {
			return kafka.LeaderNotAvailable
		}
		return nil
	})
	return parts, err
}

// leaders says which broker leads each partition, as last heard; -1: none.
func (c *client) leaders(ctx context.Context) (map[int32]int32, error) {
	return c.leadersOf(ctx, c.topic)
}

func (c *client) leadersOf(ctx context.Context, topic string) (map[int32]int32, error) {
	t, err := c.describe(ctx, topic)
	if err != nil {
		return nil, err
	}
	out := make(map[int32]int32, len(t.Partitions))
	for _, p := range t.Partitions {
		out[p.PartitionIndex] = p.LeaderID
	}
	return out, nil
}

// outage logs trouble once when it begins, again while it lasts, and its end.
type outage struct {
	since, logged time.Time
}

const outageReminder = 10 * time.Second

func (o *outage) failed(log *slog.Logger, what string, err error) {
	now := time.Now()
	if o.since.IsZero() {
		o.since = now
	}
	if now.Sub(o.logged) >= outageReminder {
		o.logged = now
		log.Warn(what+" failed, retrying", "err", err, "for", now.Sub(o.since).Round(time.Millisecond))
	}
}

func (o *outage) over(log *slog.Logger, what string) {
	if o.since.IsZero() {
		return
	}
	log.Info(what+" works again", "after", time.Since(o.since).Round(time.Millisecond))
	*o = outage{}
}
