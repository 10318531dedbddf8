package client

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cepd/cepd/api"
)

// Options of a client; the zero value is good for a server without login.
type Options struct {
	Token   string        // "": none
	HTTP    *http.Client  // default: http.DefaultClient
	Timeout time.Duration // of a call that does not depend on how much state there is; default a minute
}

// Client speaks to a server. Its methods may be called from several goroutines.
type Client struct {
	base    string
	options Options
}

// The limits of a call.
const (
	defaultTimeout = time.Minute
	maxAnswer      = 64 << 20
	attempts       = 3
	firstPause     = 100 * time.Millisecond
)

// New is a client of the server at an address such as http://127.0.0.1:8080. A
// token goes to another machine over https only.
func New(server string, o Options) (*Client, error) {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("server %q: want an address such as http://127.0.0.1:8080", server)
	}
	if o.Token != "" && u.Scheme == "http" && !local(u.Hostname()) {
		return nil, fmt.Errorf("server %s: the token would travel in the clear; use https://", server)
	}
	o.HTTP, o.Timeout = cmp.Or(o.HTTP, http.DefaultClient), cmp.Or(o.Timeout, defaultTimeout)
	return &Client{base: strings.TrimSuffix(server, "/"), options: o}, nil
}

func local(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Error is an answer that refuses.
type Error struct {
	Status  int         // of HTTP
	Problem api.Problem // what the server says; its Detail is empty when it says nothing
}

func (e *Error) Error() string {
	if e.Problem.Detail == "" {
		return fmt.Sprintf("the server answers %d %s", e.Status, http.StatusText(e.Status))
	}
	var b strings.Builder
	b.WriteString(e.Problem.Detail)
	for _, d := range e.Problem.Errors {
		fmt.Fprintf(&b, "\n  %v", d)
	}
	return b.String()
}

// Diagnostics are the findings of an error about a submitted text; nil when it is
// about something else.
func Diagnostics(err error) []api.Diagnostic {
	var e *Error
	if errors.As(err, &e) {
		return e.Problem.Diagnostics
	}
	return nil
}

// call is one operation: a pattern such as "GET /v1/queries/{name}", what stands
// for the braces, and what goes with it.
type call struct {
	pattern string
	vars    []string
	query   url.Values
	header  http.Header
	in      any  // nil: no body; []byte goes as it is
	long    bool // it takes as long as there is state
}

// path fills the pattern in.
func (k *call) path() (method, path string) {
	method, path, _ = strings.Cut(k.pattern, " ")
	for _, v := range k.vars {
		before, rest, _ := strings.Cut(path, "{")
		_, after, _ := strings.Cut(rest, "}")
		path = before + url.PathEscape(v) + after
	}
	if len(k.query) > 0 {
		path += "?" + k.query.Encode()
	}
	return method, path
}

// do makes a call and reads the answer into out (nil: none; a *strings.Builder: as
// it is).
func (c *Client) do(ctx context.Context, k call, out any) error {
	method, path := k.path()
	return c.send(ctx, method, path, k, out)
}

// Do makes a call that no other method is for: path is below the server's
// address, in (nil: no body) goes as JSON, the answer is read into out (nil: none).
func (c *Client) Do(ctx context.Context, method, path string, in, out any) error {
	return c.send(ctx, method, path, call{in: in}, out)
}

// DoLong is Do for what takes as long as there is state: ctx alone limits it.
func (c *Client) DoLong(ctx context.Context, method, path string, in, out any) error {
	return c.send(ctx, method, path, call{in: in, long: true}, out)
}

func (c *Client) send(ctx context.Context, method, path string, k call, out any) error {
	if !k.long {
		var cancel func()
		ctx, cancel = context.WithTimeout(ctx, c.options.Timeout)
		defer cancel()
	}
	text, raw := k.in.([]byte)
	if k.in != nil && !raw {
		var err error
		if text, err = json.Marshal(k.in); err != nil {
			return err
		}
	}
	again := method == http.MethodGet || k.header.Get("Idempotency-Key") != ""
	pause := firstPause
	for attempt := 1; ; attempt++ {
		resp, err := c.request(ctx, method, path, k.header, text)
		if err == nil {
			err = read(resp, out)
		}
		if err == nil || !again || attempt == attempts || !passing(err) || !wait(ctx, pause) {
			return err
		}
		pause *= 2
	}
}

// request sends a request; the caller closes the body of the answer.
func (c *Client) request(ctx context.Context, method, path string, header http.Header, text []byte) (*http.Response, error) {
	var body io.Reader
	if text != nil {
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	for name, values := range header {
		req.Header[name] = values
	}
	if c.options.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.options.Token)
	}
	resp, err := c.options.HTTP.Do(req)
	if err != nil {
		return nil, &lostError{err}
	}
	return resp, nil
}

// lostError says that the network, or the server, was not there.
type lostError struct{ err error }

func (e *lostError) Error() string { return "no answer from the server: " + e.err.Error() }
func (e *lostError) Unwrap() error { return e.err }

// passing says whether an error may be over in a moment.
func passing(err error) bool {
	var lost *lostError
	var refused *Error
	switch {
	case errors.As(err, &lost):
		return !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
	case errors.As(err, &refused):
		return refused.Status == http.StatusBadGateway || refused.Status == http.StatusServiceUnavailable || refused.Status == http.StatusGatewayTimeout
	}
	return false
}

func wait(ctx context.Context, pause time.Duration) bool {
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func read(resp *http.Response, out any) error {
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return &lostError{err}
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return refusal(resp.StatusCode, text)
	}
	if out == nil || len(text) == 0 {
		return nil
	}
	if b, ok := out.(*strings.Builder); ok {
		b.Write(text)
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("answer of the server: %w", err)
	}
	return nil
}

func refusal(status int, text []byte) error {
	e := &Error{Status: status}
	if json.Unmarshal(text, &e.Problem) != nil {
		e.Problem = api.Problem{}
	}
	return e
}
