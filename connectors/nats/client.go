package nats

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/remote"
	"github.com/cepd/cepd/internal/access"
)

const (
	dialTimeout    = 10 * time.Second
	requestTimeout = 5 * time.Second
	reconnectWait  = 100 * time.Millisecond
)

// client is a table's connection. It is made with the first use, and from then on
// renews itself.
type client struct {
	url     string
	options []nats.Option
	log     *slog.Logger

	mu   sync.Mutex
	conn *nats.Conn
}

func newClient(t connectors.Table) (*client, error) {
	list, err := servers(t.Options[optURL])
	if err != nil {
		return nil, optionFault(optURL, "%v", err)
	}
	encrypted := false
	var urls []string
	for _, u := range list {
		if err := t.Access.CheckAddress(u.Host); err != nil {
			return nil, err
		}
		urls, encrypted = append(urls, u.String()), encrypted || u.Scheme == "tls"
	}
	log := remote.Logger(t.Log, "nats")
	c := &client{url: strings.Join(urls, ","), log: log, options: []nats.Option{
		nats.Name("cepd " + t.Query), nats.Timeout(dialTimeout), nats.MaxReconnects(-1), nats.ReconnectWait(reconnectWait),
		nats.ReconnectJitter(reconnectWait, reconnectWait), nats.SetCustomDialer(dialer{t.Access}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("connection lost, connecting again", "error", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { log.Info("connected again") }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			log.Warn("the server reports an error", "error", err)
		}),
	}}
	config, err := remote.ClientTLS(t, encrypted)
	if err != nil {
		return nil, err
	}
	if config != nil {
		c.options = append(c.options, nats.Secure(config))
	}
	return c, c.logIn(t)
}

// dialer has the policy of addresses decide.
type dialer struct{ access *access.Policy }

// Dial implements nats.CustomDialer.
func (d dialer) Dial(network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	return d.access.DialContext(ctx, network, address)
}

// logIn adds the credentials.
func (c *client) logIn(t connectors.Table) error {
	o := t.Options
	switch {
	case o[optCreds] != "":
		text, err := remote.ReadFile(t, optCreds)
		if err != nil {
			return err
		}
		c.options = append(c.options, nats.UserCredentialBytes(text))
	case o[optSeed] != "":
		pair, err := nkeys.FromSeed([]byte(o[optSeed]))
		if err != nil {
			return optionFault(optSeed, "holds no seed of an NKey")
		}
		public, err := pair.PublicKey()
		if err != nil {
			return optionFault(optSeed, "holds no seed of an NKey")
		}
		c.options = append(c.options, nats.Nkey(public, pair.Sign))
	case o[optToken] != "":
		c.options = append(c.options, nats.Token(o[optToken]))
	case o[optUser] != "":
		c.options = append(c.options, nats.UserInfo(o[optUser], o[optPassword]))
	}
	return nil
}

// stream is JetStream, and a stream of it; a server that is not there is waited
// for.
func (c *client) stream(ctx context.Context, name string) (js jetstream.JetStream, s jetstream.Stream, err error) {
	err = remote.Retry(ctx, c.log, remote.OpenBudget, passes, func(ctx context.Context) error {
		if js, err = c.jetStream(); err != nil {
			return err
		}
		if name == "" {
			return nil
		}
		ctx, cancel := context.WithTimeout(ctx, requestTimeout)
		defer cancel()
		s, err = js.Stream(ctx, name)
		return err
	})
	return js, s, err
}

func (c *client) jetStream(options ...jetstream.JetStreamOpt) (jetstream.JetStream, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil {
		conn, err := nats.Connect(c.url, c.options...)
		if err != nil {
			return nil, err
		}
		c.conn = conn
	}
	return jetstream.New(c.conn, options...)
}

func (c *client) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil {
		c.conn.Close()
	}
}

// passes says whether an error may pass by itself.
func passes(err error) bool {
	switch {
	case errors.Is(err, access.ErrRefused), errors.Is(err, jetstream.ErrStreamNotFound), errors.Is(err, nats.ErrAuthorization),
		errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, nats.ErrConnectionClosed):
		return false
	}
	return true
}

// connected says whether the server answers.
func (c *client) connected() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conn != nil && c.conn.IsConnected()
}
