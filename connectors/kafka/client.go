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

// client is a table's way to its cluster.
type client struct {
	config  *config
	addr    net.Addr
	topic   string
	timeout time.Duration // of one request
	log     *slog.Logger

	mu     sync.Mutex
	wire   *wire // nil: not used yet
	closed bool
}

func newClient(c *config, log *slog.Logger) *client {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &client{
		config:  c,
		addr:    kafka.TCP(strings.Split(c.bootstrap, ",")...),
		topic:   c.topic,
		timeout: c.requestTimeout,
		log:     log.With("connector", "kafka", "topic", c.topic),
	}
}

// wired is the client's connections.
func (c *client) wired() (*wire, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, net.ErrClosed
	}
	if c.wire == nil {
		c.wire = shared.acquire(c.config)
	}
	return c.wire, nil
}

// close lets go of the connections.
func (c *client) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.wire != nil {
		shared.release(c.config, c.wire)
		c.wire = nil
	}
}

// roundTrip sends one request, giving its answer extra time beyond the
// request timeout.
func (c *client) roundTrip(ctx context.Context, req protocol.Message, extra time.Duration) (protocol.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout+extra)
	defer cancel()
	return c.RoundTrip(ctx, c.addr, req)
}

// RoundTrip implements kafka.RoundTripper.
func (c *client) RoundTrip(ctx context.Context, addr net.Addr, req protocol.Message) (protocol.Message, error) {
	w, err := c.wired()
	if err != nil {
		return nil, err
	}
	return w.transport.RoundTrip(ctx, addr, req)
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
	w, err := c.wired()
	if err != nil {
		return nil, err
	}
	conn, err := w.dial(ctx, network, address)
	if err != nil || w.transport.TLS == nil {
		return conn, err
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	t := w.transport.TLS.Clone()
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
