package mqtt

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/pushed"
	"github.com/cepd/cepd/connectors/remote"
)

// ackEvery is how often acknowledgements leave.
const ackEvery = 20 * time.Millisecond

// receiveMaximum is how many messages of QoS 1 and 2 the broker sends before the
// first has to be acknowledged.
const receiveMaximum = 4096

// connect5 connects by MQTT 5, again and again. The caller completes the config.
func (c *config) connect5(ctx context.Context, change func(*autopaho.ClientConfig)) (*autopaho.ConnectionManager, error) {
	cfg := autopaho.ClientConfig{
		ServerUrls:       []*url.URL{c.url},
		KeepAlive:        uint16(min(span(c.table, optAlive, 30*time.Second).Seconds(), 65535)),
		ConnectUsername:  c.table.Options[optUser],
		ConnectPassword:  []byte(c.table.Options[optPassword]),
		ConnectTimeout:   dialTimeout,
		ReconnectBackoff: autopaho.NewExponentialBackoff(leastWait, mostWait, leastWait, 2),
		OnConnectError:   func(err error) { c.log.Warn("cannot connect, trying again", "error", refusal(err)) },
		AttemptConnection: func(ctx context.Context, _ autopaho.ClientConfig, _ *url.URL) (net.Conn, error) {
			conn, err := c.dial(ctx)
			if err != nil {
				return nil, err
			}
			return packets.NewThreadSafeConn(conn), nil
		},
		ClientConfig: paho.ClientConfig{ClientID: c.clientID, PacketTimeout: ackTimeout},
	}
	change(&cfg)
	return autopaho.NewConnection(ctx, cfg)
}

// refusal is an error in words, where the broker gave a code only.
func refusal(err error) error {
	var refused *autopaho.ConnackError
	if errors.As(err, &refused) {
		return fmt.Errorf("the broker refuses the connection: reason code %d %s", refused.ReasonCode, refused.Reason)
	}
	return err
}

// receive5 implements receiver.Run by MQTT 5.
func (r *receiver) receive5(ctx context.Context, in *pushed.Inbox) error {
	failed := make(chan error, 1)
	var subscribing sync.WaitGroup
	m, err := r.connect5(ctx, func(cfg *autopaho.ClientConfig) {
		cfg.SessionExpiryInterval = uint32(min(span(r.table, optSession, 24*time.Hour).Seconds(), 1<<32-2))
		cfg.ConnectPacketBuilder = func(p *paho.Connect, _ *url.URL) (*paho.Connect, error) {
			most := uint16(receiveMaximum)
			if p.Properties == nil {
				p.Properties = &paho.ConnectProperties{}
			}
			p.Properties.ReceiveMaximum, p.Properties.RequestProblemInfo = &most, true // some brokers take the latter for user properties too
			return p, nil
		}
		cfg.EnableManualAcknowledgment, cfg.SendAcksInterval = true, ackEvery
		cfg.OnPublishReceived = []func(paho.PublishReceived) (bool, error){func(p paho.PublishReceived) (bool, error) {
			return true, r.take(ctx, in, fromV5(p))
		}}
		cfg.OnConnectionDown = func() bool {
			in.Connected(false)
			r.log.Warn("connection lost, connecting again")
			return true
		}
		cfg.OnConnectionUp = func(m *autopaho.ConnectionManager, _ *paho.Connack) {
			subscribing.Go(func() {
				switch err := r.subscribe5(ctx, m); {
				case err == nil:
					in.Connected(true)
				case ctx.Err() == nil:
					select {
					case failed <- err:
					default:
					}
				}
			})
		}
	})
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		err = nil
	case err = <-failed:
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), ackTimeout)
	defer cancel()
	_ = m.Disconnect(closing) // it is left, whatever comes
	subscribing.Wait()
	return err
}

// idInUse is the reason of brokers that take identifiers of both directions for one set,
// as long as messages of the session before are not acknowledged.
const idInUse = 0x91

// subscribe5 subscribes. A connection that breaks meanwhile is no error: the next
// one subscribes.
func (r *receiver) subscribe5(ctx context.Context, m *autopaho.ConnectionManager) error {
	s := &paho.Subscribe{}
	for _, f := range r.filters {
		// Retained messages come with a new subscription only, not with each connection.
		s.Subscriptions = append(s.Subscriptions, paho.SubscribeOptions{Topic: f, QoS: r.qos, RetainHandling: 1})
	}
	var wait remote.Wait
	answer, err := m.Subscribe(ctx, s)
	for answer != nil && slices.Contains(answer.Reasons, idInUse) && wait.Wait(ctx) == nil {
		answer, err = m.Subscribe(ctx, s)
	}
	if answer != nil {
		for i, code := range answer.Reasons {
			if code >= 0x80 {
				return fmt.Errorf("the broker refuses the subscription to '%s': reason code %d", r.filters[min(i, len(r.filters)-1)], code)
			}
		}
	}
	if err != nil {
		r.log.Warn("not subscribed yet", "error", err)
	}
	return nil
}

func fromV5(p paho.PublishReceived) *incoming {
	m := &incoming{topic: p.Packet.Topic, value: p.Packet.Payload, qos: p.Packet.QoS, retained: p.Packet.Retain}
	m.ack = func() { _ = p.Client.Ack(p.Packet) } // after the connection it was on, the broker sends it again
	properties := p.Packet.Properties
	if properties == nil {
		return m
	}
	if properties.MessageExpiry != nil {
		m.more = append(m.more, connectors.Hidden(metaExpiry, strconv.AppendUint(nil, uint64(*properties.MessageExpiry), 10)))
	}
	if properties.ContentType != "" {
		m.more = append(m.more, connectors.Hidden(metaContent, []byte(properties.ContentType)))
	}
	for _, u := range properties.User {
		if _, hidden := connectors.HiddenKey(u.Key); !hidden {
			m.more = append(m.more, connectors.Header{Key: u.Key, Value: []byte(u.Value)})
		}
	}
	return m
}

// link5 publishes by MQTT 5.
type link5 struct {
	*config
	manager *autopaho.ConnectionManager
	expiry  *uint32

	mu   sync.Mutex
	up   context.Context // of the connection, which ends with it
	lost context.CancelFunc
}

// open5 waits for the first connection.
func (c *config) open5(ctx context.Context) (link, error) {
	running := context.WithoutCancel(ctx)
	l := &link5{config: c}
	l.up, l.lost = context.WithCancel(running)
	m, err := c.connect5(running, func(cfg *autopaho.ClientConfig) {
		cfg.OnConnectionUp = func(*autopaho.ConnectionManager, *paho.Connack) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.lost()
			l.up, l.lost = context.WithCancel(running)
		}
		cfg.OnConnectionDown = func() bool {
			c.log.Warn("connection lost, connecting again")
			l.mu.Lock()
			defer l.mu.Unlock()
			l.lost()
			return true
		}
	})
	if err != nil {
		return nil, err
	}
	l.manager = m
	if d := span(c.table, optExpiry, 0); d > 0 {
		seconds := uint32(min(d.Seconds(), 1<<32-1))
		l.expiry = &seconds
	}
	if err := m.AwaitConnection(ctx); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *link5) publish(ctx context.Context, m *outgoing) error {
	if err := l.manager.AwaitConnection(ctx); err != nil {
		return err
	}
	l.mu.Lock()
	up := l.up
	l.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(up, cancel)() // what was under way is not acknowledged any more
	user := paho.UserProperties{{Key: "cepd-id", Value: m.id}}
	for i := range m.attributes {
		user.Add(m.attributes[i].Key, string(m.attributes[i].Value))
	}
	p := &paho.Publish{Topic: m.topic, Payload: m.value, QoS: l.qos, Retain: l.table.Options[optRetain] == "true",
		Properties: &paho.PublishProperties{MessageExpiry: l.expiry, ContentType: m.contentType, User: user}}
	answer, err := l.manager.Publish(ctx, p)
	if answer != nil && answer.ReasonCode >= 0x80 {
		return &refusedError{m.topic, answer.ReasonCode}
	}
	if err != nil && up.Err() != nil {
		return errLost
	}
	return err
}

func (l *link5) close() {
	ctx, cancel := context.WithTimeout(context.Background(), ackTimeout)
	defer cancel()
	_ = l.manager.Disconnect(ctx) // it is left, whatever comes
}
