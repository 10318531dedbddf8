package mqtt

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/url"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/remote"
)

const (
	dialTimeout = 10 * time.Second
	ackTimeout  = 10 * time.Second // of one packet
	leastWait   = 100 * time.Millisecond
	mostWait    = 5 * time.Second
)

// config is what source and sink have in common.
type config struct {
	table    connectors.Table
	url      *url.URL
	tls      *tls.Config // nil: none
	clientID string
	qos      byte
	log      *slog.Logger
}

func newConfig(t connectors.Table, clientID string) (*config, error) {
	u, encrypted, err := broker(t.Options[optURL])
	if err != nil {
		return nil, optionFault(optURL, "%v", err)
	}
	if err := t.Access.CheckAddress(u.Host); err != nil {
		return nil, err
	}
	if id := t.Options[optClient]; id != "" {
		clientID = id
	}
	c := &config{table: t, url: u, clientID: clientID, qos: byte(t.Int(optQoS, defaultQoS)), log: remote.Logger(t.Log, "mqtt")}
	if c.tls, err = remote.ClientTLS(t, encrypted); err != nil {
		return nil, err
	}
	if c.tls != nil && c.tls.ServerName == "" {
		c.tls.ServerName = u.Hostname()
	}
	if c.v3() && t.Options[optExpiry] != "" {
		return nil, optionFault(optExpiry, "takes 'mqtt.version' = '5'")
	}
	return c, nil
}

func (c *config) v3() bool { return c.table.Options[optVersion] == version311 }

// dial connects as the policy of addresses allows.
func (c *config) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := c.table.Access.DialContext(ctx, "tcp", c.url.Host)
	if err != nil || c.tls == nil {
		return conn, err
	}
	encrypted := tls.Client(conn, c.tls)
	if err := encrypted.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return encrypted, nil
}

// outgoing is a message to publish.
type outgoing struct {
	topic string
	value []byte
	id    string // of the row

	contentType string // "": none is said; MQTT 5
	attributes  []connectors.Header
}

// link is a connection to the broker that renews itself.
type link interface {
	// publish returns when the broker has the message, as the QoS has it.
	publish(ctx context.Context, m *outgoing) error
	close()
}

// incoming is a message that came.
type incoming struct {
	topic    string
	value    []byte
	qos      byte
	retained bool
	more     []connectors.Header
	ack      func()
}

// headers are the message's metadata and user properties.
func (m *incoming) headers() []connectors.Header {
	flag := "false"
	if m.retained {
		flag = "true"
	}
	return append([]connectors.Header{
		connectors.Hidden(metaTopic, []byte(m.topic)), connectors.Hidden(metaQoS, []byte{'0' + m.qos}), connectors.Hidden(metaRetained, []byte(flag)),
	}, m.more...)
}
