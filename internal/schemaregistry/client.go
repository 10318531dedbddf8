package schemaregistry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/cepd/cepd/internal/access"
)

const (
	maxSchemas    = 10_000 // kept; beyond, all are forgotten and asked for again
	maxReferences = 1_000  // of one schema, those of its references included
	callTimeout   = 10 * time.Second
	minBackoff    = 100 * time.Millisecond
	maxBackoff    = 5 * time.Second
	unknownFor    = 30 * time.Second // that an id is unknown is believed
	registerFor   = 30 * time.Second // that a registry which does not answer is asked to take a schema
)

// ErrUnknown says that the registry has no such schema.
var ErrUnknown = errors.New("the registry has no such schema")

// Kind is the language of a schema.
type Kind = sr.SchemaType

// The kinds.
const (
	Avro     = sr.TypeAvro
	Protobuf = sr.TypeProtobuf
)

// Schema is a schema with all it refers to.
type Schema struct {
	Kind       Kind
	Text       string
	References []Reference // each before those that need it
}

// Reference is a schema that another one names.
type Reference struct {
	Name string // as it is named: a full name in Avro, a path in Protobuf
	Text string
}

// Config says where a registry is and who asks.
type Config struct {
	URLs           []string
	User, Password string
	Token          string // bearer
	TLS            *tls.Config
	Access         *access.Policy // addresses that may be asked; nil: all
	Patience       time.Duration  // with a registry that does not answer, of Register; 0: 30 s
}

// Client asks one registry. It is safe for concurrent use.
type Client struct {
	api      *sr.Client
	log      *slog.Logger
	patience time.Duration

	mu      sync.Mutex
	schemas map[int]*Schema
	unknown map[int]time.Time // until when
	down    bool              // the last call could not be made, which has been logged
}

// New is a client; it asks nothing yet.
func New(c Config, log *slog.Logger) (*Client, error) {
	transport := c.Access.HTTPTransport()
	transport.TLSClientConfig = c.TLS
	options := []sr.ClientOpt{sr.URLs(c.URLs...), sr.UserAgent("cepd"), sr.HTTPClient(&http.Client{Timeout: callTimeout, Transport: transport})}
	if c.User != "" {
		options = append(options, sr.BasicAuth(c.User, c.Password))
	}
	if c.Token != "" {
		options = append(options, sr.BearerToken(c.Token))
	}
	api, err := sr.NewClient(options...)
	if err != nil {
		return nil, err
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if c.Patience == 0 {
		c.Patience = registerFor
	}
	return &Client{api: api, log: log, patience: c.Patience, schemas: map[int]*Schema{}, unknown: map[int]time.Time{}}, nil
}

// ByID is the schema with an id, or ErrUnknown. It waits until the registry
// answers or ctx ends.
func (c *Client) ByID(ctx context.Context, id int) (*Schema, error) {
	s, err := c.kept(id)
	if s != nil || err != nil {
		return s, err
	}
	err = c.call(ctx, func(ctx context.Context) error {
		s, err = c.fetch(ctx, id)
		return err
	})
	if err != nil {
		err = fmt.Errorf("schema %d: %w", id, err)
	}
	return s, c.keep(id, s, err)
}

func (c *Client) kept(id int) (*Schema, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if until, ok := c.unknown[id]; ok && time.Now().Before(until) {
		return nil, fmt.Errorf("schema %d: %w", id, ErrUnknown)
	}
	return c.schemas[id], nil
}

func (c *Client) keep(id int, s *Schema, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.schemas) >= maxSchemas || len(c.unknown) >= maxSchemas {
		clear(c.schemas)
		clear(c.unknown)
	}
	delete(c.unknown, id)
	switch {
	case errors.Is(err, ErrUnknown):
		c.unknown[id] = time.Now().Add(unknownFor)
	case err == nil:
		c.schemas[id] = s
	}
	return err
}

func (c *Client) fetch(ctx context.Context, id int) (*Schema, error) {
	got, err := c.api.SchemaByID(ctx, id)
	if err != nil {
		return nil, err
	}
	s := &Schema{Kind: got.Type, Text: got.Schema}
	return s, c.references(ctx, s, got.References, map[string]bool{})
}

// references adds what the list names, with what that names before it.
func (c *Client) references(ctx context.Context, s *Schema, list []sr.SchemaReference, seen map[string]bool) error {
	for _, r := range list {
		if seen[r.Name] {
			continue
		}
		if seen[r.Name] = true; len(seen) > maxReferences {
			return fmt.Errorf("more than %d references", maxReferences)
		}
		got, err := c.api.SchemaByVersion(ctx, r.Subject, r.Version)
		if err != nil {
			return fmt.Errorf("reference %s: %w", r.Name, err)
		}
		if err := c.references(ctx, s, got.References, seen); err != nil {
			return err
		}
		s.References = append(s.References, Reference{r.Name, got.Schema.Schema})
	}
	return nil
}

// Register is the id of a schema under a subject, which gets a new version if
// it has no such schema yet. A registry that does not answer is asked again for
// some time only: it is better that a query does not start than that it starts and
// does nothing.
func (c *Client) Register(ctx context.Context, subject string, kind Kind, text string) (id int, err error) {
	within, cancel := context.WithTimeout(ctx, c.patience)
	defer cancel()
	last := context.DeadlineExceeded
	err = c.call(within, func(ctx context.Context) error {
		id, err = c.api.RegisterSchema(ctx, subject, sr.Schema{Schema: text, Type: kind}, -1, -1)
		if ctx.Err() == nil {
			last = err
		}
		return err
	})
	switch {
	case err == nil && (id <= 0 || id > math.MaxInt32):
		err = fmt.Errorf("the registry answers with the id %d, which is none", id)
	case ctx.Err() == nil && within.Err() != nil:
		err = fmt.Errorf("the registry does not answer within %v: %w", c.patience, last)
	}
	if err != nil {
		return 0, fmt.Errorf("register the schema of subject %q: %w", subject, refusal(err))
	}
	return id, nil
}

// refusal says who does not want a schema, and what to do about it.
func refusal(err error) error {
	var r *sr.ResponseError
	if !errors.As(err, &r) {
		return err
	}
	switch r.StatusCode {
	case http.StatusConflict:
		return fmt.Errorf("the registry refuses it, because it is not compatible with the schema that is there: %w", err)
	case http.StatusUnprocessableEntity:
		return fmt.Errorf("the registry refuses it as invalid: %w", err)
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("the registry refuses who asks: %w", err)
	}
	return err
}

// call repeats do until the registry has answered.
func (c *Client) call(ctx context.Context, do func(context.Context) error) error {
	for backoff := minBackoff; ; backoff = min(2*backoff, maxBackoff) {
		err := do(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if !transient(err) {
			c.outage(nil)
			return final(err)
		}
		c.outage(err)
		timer := time.NewTimer(backoff)
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-timer.C:
		}
	}
}

// transient says whether the registry may answer another time.
func transient(err error) bool {
	var untrusted *tls.CertificateVerificationError
	if errors.As(err, &untrusted) || errors.Is(err, access.ErrRefused) {
		return false
	}
	var r *sr.ResponseError
	if !errors.As(err, &r) {
		return err != nil
	}
	return r.StatusCode >= 500 || r.StatusCode == http.StatusTooManyRequests || r.StatusCode == http.StatusRequestTimeout
}

func final(err error) error {
	var r *sr.ResponseError
	if errors.As(err, &r) && r.StatusCode == http.StatusNotFound {
		return ErrUnknown
	}
	return err
}

// outage logs where the registry ceases to answer, and where it does again.
func (c *Client) outage(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err != nil && !c.down:
		c.log.Warn("the schema registry does not answer: waiting for it", "error", err)
	case err == nil && c.down:
		c.log.Info("the schema registry answers again")
	}
	c.down = err != nil
}
