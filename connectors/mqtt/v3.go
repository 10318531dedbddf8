package mqtt

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"

	mqtt3 "github.com/eclipse/paho.mqtt.golang"

	"github.com/cepd/cepd/connectors/pushed"
	"github.com/cepd/cepd/connectors/remote"
)

// quiesce is how long a connection that is left may still send, in ms.
const quiesce = 250

// options3 connects by MQTT 3.1.1, again and again.
func (c *config) options3(ctx context.Context) *mqtt3.ClientOptions {
	o := mqtt3.NewClientOptions().AddBroker("tcp://" + c.url.Host).SetClientID(c.clientID).SetProtocolVersion(4).
		SetUsername(c.table.Options[optUser]).SetPassword(c.table.Options[optPassword]).
		SetKeepAlive(span(c.table, optAlive, 30*time.Second)).SetConnectTimeout(dialTimeout).SetOrderMatters(true).
		SetAutoReconnect(true).SetConnectRetry(true).SetConnectRetryInterval(leastWait).SetMaxReconnectInterval(mostWait)
	o.SetCustomOpenConnectionFn(func(*url.URL, mqtt3.ClientOptions) (net.Conn, error) {
		conn, err := c.dial(ctx)
		if err != nil {
			c.log.Warn("cannot connect, trying again", "error", err)
		}
		return conn, err
	})
	return o
}

// receive3 implements receiver.Run by MQTT 3.1.1.
func (r *receiver) receive3(ctx context.Context, in *pushed.Inbox) error {
	failed := make(chan error, 1)
	subscriptions := map[string]byte{}
	for _, f := range r.filters {
		subscriptions[f] = r.qos
	}
	o := r.options3(ctx).SetCleanSession(false).SetAutoAckDisabled(true)
	o.SetConnectionLostHandler(func(_ mqtt3.Client, err error) {
		in.Connected(false)
		r.log.Warn("connection lost, connecting again", "error", err)
	})
	o.SetDefaultPublishHandler(func(_ mqtt3.Client, m mqtt3.Message) {
		_ = r.take(ctx, in, &incoming{topic: m.Topic(), value: m.Payload(), qos: m.Qos(), retained: m.Retained(), ack: m.Ack}) // ctx has ended
	})
	o.SetOnConnectHandler(func(c mqtt3.Client) {
		t := c.SubscribeMultiple(subscriptions, nil)
		go func() { // the library answers the token, at the latest when the connection ends
			<-t.Done()
			switch err := refused3(t); {
			case err != nil:
				select {
				case failed <- err:
				default:
				}
			case t.Error() == nil:
				in.Connected(true)
			}
		}()
	})
	c := mqtt3.NewClient(o)
	c.Connect()
	defer c.Disconnect(quiesce)
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}

// refused3 is the refusal of a subscription.
func refused3(t mqtt3.Token) error {
	s, ok := t.(*mqtt3.SubscribeToken)
	if !ok {
		return nil
	}
	for filter, code := range s.Result() {
		if code == 0x80 {
			return fmt.Errorf("the broker refuses the subscription to '%s'", filter)
		}
	}
	return nil
}

// link3 publishes by MQTT 3.1.1. It makes each connection itself: where the library
// does, it takes what was under way as delivered.
type link3 struct {
	*config
	mu     sync.Mutex
	client mqtt3.Client  // nil: none yet
	lost   chan struct{} // closed when its connection is
}

// open3 waits for the first connection.
func (c *config) open3(ctx context.Context) (link, error) {
	l := &link3{config: c}
	err := remote.Retry(ctx, c.log, remote.OpenBudget, func(error) bool { return true }, func(ctx context.Context) error {
		_, _, err := l.connected(ctx)
		return err
	})
	return l, err
}

// connected is a client that is connected, as far as it knows; lost is closed when it
// is not any more.
func (l *link3) connected(ctx context.Context) (c mqtt3.Client, lost chan struct{}, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.client != nil && l.client.IsConnectionOpen() {
		return l.client, l.lost, nil
	}
	o := l.options3(context.WithoutCancel(ctx)).SetCleanSession(true).SetAutoReconnect(false).SetConnectRetry(false).SetWriteTimeout(ackTimeout)
	lost = make(chan struct{})
	o.SetConnectionLostHandler(func(_ mqtt3.Client, err error) {
		l.log.Warn("connection lost, connecting again", "error", err)
		close(lost)
	})
	c = mqtt3.NewClient(o)
	if err := wait3(ctx, c.Connect()); err != nil {
		c.Disconnect(0)
		return nil, nil, err
	}
	l.client, l.lost = c, lost
	return c, lost, nil
}

func (l *link3) publish(ctx context.Context, m *outgoing) error {
	c, lost, err := l.connected(ctx)
	if err != nil {
		return err
	}
	sent := make(chan mqtt3.Token, 1)
	go func() { // as long as the time limit of a write where the connection has just been lost
		sent <- c.Publish(m.topic, l.qos, l.table.Options[optRetain] == "true", m.value)
	}()
	select {
	case t := <-sent:
		return wait3(ctx, t)
	case <-lost:
		return errLost
	case <-ctx.Done():
		return ctx.Err()
	}
}

func wait3(ctx context.Context, t mqtt3.Token) error {
	select {
	case <-t.Done():
		return t.Error()
	case <-ctx.Done():
		return errors.Join(ctx.Err(), t.Error())
	}
}

func (l *link3) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.client != nil {
		l.client.Disconnect(quiesce)
	}
}
