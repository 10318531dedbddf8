package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/segmentio/kafka-go/sasl"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/access"
)

const (
	tokenTimeout = 10 * time.Second
	// tokenSpare is how long before its end a token is fetched anew. (Brokers
	// close connections whose token has ended; the next one takes a new one.)
	tokenSpare = 30 * time.Second
)

// bearer is the mechanism OAUTHBEARER (RFC 7628) with the tokens that token
// gives; it is asked once per connection.
type bearer struct {
	token func() (string, error)
}

// Name implements sasl.Mechanism.
func (bearer) Name() string { return mechanismBearer }

// Start implements sasl.Mechanism.
func (b bearer) Start(context.Context) (sasl.StateMachine, []byte, error) {
	token, err := b.token()
	if err != nil {
		return nil, nil, fmt.Errorf("no token for OAUTHBEARER: %w", err)
	}
	if token == "" || strings.ContainsAny(token, "\x01\r\n ") {
		return nil, nil, errors.New("no token for OAUTHBEARER: what came is not one")
	}
	return b, []byte("n,,\x01auth=Bearer " + token + "\x01\x01"), nil
}

// errToken is what a broker makes of a token that it does not take.
var errToken = errors.New("the broker does not take the token")

// Next implements sasl.StateMachine: a challenge is why the token is refused.
func (bearer) Next(_ context.Context, challenge []byte) (bool, []byte, error) {
	if len(challenge) > 0 {
		return false, nil, fmt.Errorf("%w: %.200q", errToken, challenge)
	}
	return true, nil, nil
}

// oauth makes the mechanism of the options: tokens of a file, which is read
// again for each connection, or of an endpoint (RFC 6749 section 4.4).
func oauth(o *options, t connectors.Table) (sasl.Mechanism, error) {
	const name = "properties.sasl.oauthbearer.token.endpoint.url"
	u, err := url.Parse(o.text(name))
	if err != nil || o.text(name) == "" {
		return nil, fmt.Errorf("OAUTHBEARER needs '%s': https://… or file:///…", name)
	}
	switch {
	case u.Scheme == "file":
		return tokenFile(t, u.Path), nil
	case u.User != nil:
		return nil, fmt.Errorf("option '%s': must not hold a password", name)
	case u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname()):
	default:
		return nil, fmt.Errorf("option '%s': must be https://… or file:///…; http:// would send the secret in the clear", name)
	}
	if err := t.Access.CheckAddress(hostPort(u)); err != nil {
		return nil, connectors.OptionError{Key: name, Message: fmt.Sprintf("option '%s': %v", name, err)}
	}
	return endpoint(o, t, u.String())
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func hostPort(u *url.URL) string {
	if port := u.Port(); port != "" {
		return net.JoinHostPort(u.Hostname(), port)
	}
	return net.JoinHostPort(u.Hostname(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
}

func tokenFile(t connectors.Table, path string) sasl.Mechanism {
	if !filepath.IsAbs(path) {
		path = filepath.Join(t.Dir, path)
	}
	return bearer{func() (string, error) {
		text, err := t.Access.ReadKey(path)
		return strings.TrimSpace(string(text)), err
	}}
}

func endpoint(o *options, t connectors.Table, address string) (sasl.Mechanism, error) {
	c := clientcredentials.Config{TokenURL: address, ClientID: o.text("properties.sasl.oauthbearer.client.credentials.client.id"),
		ClientSecret: o.text("properties.sasl.oauthbearer.client.credentials.client.secret"), AuthStyle: oauth2.AuthStyleInHeader}
	scope := o.text("properties.sasl.oauthbearer.scope")
	if o.text(optJAAS) != "" {
		entries, err := parseJAAS(o.text(optJAAS))
		if err != nil {
			return nil, fmt.Errorf("option '%s': %w", optJAAS, err)
		}
		c.ClientID, c.ClientSecret, scope = entries["clientId"], entries["clientSecret"], entries["scope"]
	}
	if c.ClientID == "" || c.ClientSecret == "" {
		return nil, errors.New("OAUTHBEARER needs 'properties.sasl.oauthbearer.client.credentials.client.id' and '….client.secret', or clientId and clientSecret in 'properties.sasl.jaas.config'")
	}
	c.Scopes = strings.Fields(scope)
	client, err := tokenClient(o, t)
	if err != nil {
		return nil, err
	}
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, client)
	fresh := fetchToken(func() (*oauth2.Token, error) { return c.Token(ctx) })
	source := oauth2.ReuseTokenSourceWithExpiry(nil, fresh, tokenSpare)
	return bearer{func() (string, error) {
		token, err := source.Token()
		if err != nil {
			return "", err
		}
		return token.AccessToken, nil
	}}, nil
}

// fetchToken is a token source that says briefly what the endpoint answered:
// its text may hold anything.
type fetchToken func() (*oauth2.Token, error)

// Token implements oauth2.TokenSource.
func (f fetchToken) Token() (*oauth2.Token, error) {
	token, err := f()
	var answer *oauth2.RetrieveError
	if errors.As(err, &answer) {
		return nil, &endpointError{status: answer.Response.StatusCode, code: answer.ErrorCode}
	}
	return token, err
}

// endpointError is the refusal of a token endpoint.
type endpointError struct {
	status int
	code   string // of RFC 6749 section 5.2
}

func (e *endpointError) Error() string {
	return fmt.Sprintf("the token endpoint answers %d %s (%.60q); check client id, secret and scope", e.status, http.StatusText(e.status), e.code)
}

func (e *endpointError) transient() bool {
	return e.status >= 500 || e.status == http.StatusTooManyRequests
}

// tokenClient trusts what the table trusts and what the system does.
func tokenClient(o *options, t connectors.Table) (*http.Client, error) {
	transport := t.Access.HTTPTransport()
	trust, err := o.trust(t)
	if err != nil {
		return nil, err
	}
	if transport.TLSClientConfig, err = alsoTrusting(trust); err != nil {
		return nil, err
	}
	return &http.Client{Timeout: tokenTimeout, Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return fmt.Errorf("%w: the token endpoint leads elsewhere", access.ErrRefused)
	}}, nil
}
