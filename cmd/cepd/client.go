package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/cepd/cepd/api"
)

const (
	clientTimeout = 60 * time.Second
	maxAnswer     = 64 << 20
)

// client speaks to a server.
type client struct {
	base  string
	token string       // "": none
	http  *http.Client // nil: the default one

	patience time.Duration     // for an answer; 0: clientTimeout
	header   map[string]string // of requests
}

// longTimeout is for requests that take as long as there is state.
const longTimeout = 24 * time.Hour

// clientFlags say how to reach a server, and as whom.
type clientFlags struct {
	server, tokenFile, ca, cert, key string
}

func (f *clientFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.server, "server", defaultServer(), "address of the server")
	flags.StringVar(&f.tokenFile, "token-file", "", "`file` with the token, in place of CEPD_TOKEN")
	flags.StringVar(&f.ca, "ca", "", "PEM `file` of the certificates to trust, beside the system's")
	flags.StringVar(&f.cert, "cert", "", "PEM `file` of the client's certificate")
	flags.StringVar(&f.key, "key", "", "PEM `file` of the certificate's key")
}

// client makes the client of the flags.
func (f *clientFlags) client() (*client, error) {
	c := &client{base: f.server, token: os.Getenv("CEPD_TOKEN")}
	if f.tokenFile != "" {
		text, err := os.ReadFile(f.tokenFile)
		if err != nil {
			return nil, usagef("--token-file: %w", err)
		}
		c.token = strings.TrimSpace(string(text))
	}
	u, err := url.Parse(c.base)
	if err != nil {
		return nil, usagef("--server: %w", err)
	}
	if c.token != "" && u.Scheme == "http" && !onThisMachine(net.JoinHostPort(u.Hostname(), "80")) {
		return nil, usagef("--server %s: the token would travel in the clear; use https://", c.base)
	}
	if f.ca == "" && f.cert == "" && f.key == "" {
		return c, nil
	}
	encryption, err := f.encryption()
	if err != nil {
		return nil, usageError{err}
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig, transport.DisableKeepAlives = encryption, true
	c.http = &http.Client{Transport: transport}
	return c, nil
}

func (f *clientFlags) encryption() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.ca != "" {
		text, err := os.ReadFile(f.ca)
		if err != nil {
			return nil, fmt.Errorf("--ca: %w", err)
		}
		if c.RootCAs, err = x509.SystemCertPool(); err != nil {
			c.RootCAs = x509.NewCertPool()
		}
		if !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("--ca %s holds no PEM certificate", f.ca)
		}
	}
	if f.cert == "" && f.key == "" {
		return c, nil
	}
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return nil, fmt.Errorf("--cert, --key: %w", err)
	}
	c.Certificates = []tls.Certificate{pair}
	return c, nil
}

// callLong is call for what takes as long as there is state.
func (f *clientFlags) callLong(ctx context.Context, method, path string, in, out any) error {
	c, err := f.client()
	if err != nil {
		return err
	}
	c.patience = longTimeout
	return c.call(ctx, method, path, in, out)
}

// call asks the server of the flags.
func (f *clientFlags) call(ctx context.Context, method, path string, in, out any) error {
	c, err := f.client()
	if err != nil {
		return err
	}
	return c.call(ctx, method, path, in, out)
}

// call sends in (nil: no body) and reads the answer into out (nil: none; a
// *strings.Builder: as it is).
func (c *client) call(ctx context.Context, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(c.patience, clientTimeout))
	defer cancel()
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.base, "/")+path, body)
	if err != nil {
		return usagef("--server %s: %w", c.base, err)
	}
	req.Header.Set("Content-Type", "application/json")
	for name, value := range c.header {
		req.Header.Set(name, value)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	do := c.http
	if do == nil {
		do = http.DefaultClient
	}
	resp, err := do.Do(req)
	if err != nil {
		return fmt.Errorf("no answer from the server: %w", err)
	}
	defer resp.Body.Close()
	return read(resp, out)
}

func read(resp *http.Response, out any) error {
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("answer of the server: %w", err)
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return problem(resp.Status, b)
	}
	if text, ok := out.(*strings.Builder); ok {
		text.Write(b)
		return nil
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("answer of the server: %w", err)
	}
	return nil
}

// problem is the error that an answer describes.
func problem(status string, body []byte) error {
	var p api.Problem
	if json.Unmarshal(body, &p) != nil || p.Detail == "" {
		return fmt.Errorf("the server answers %s", status)
	}
	var b strings.Builder
	b.WriteString(p.Detail)
	for _, e := range p.Errors {
		fmt.Fprintf(&b, "\n  %v", e)
	}
	return fmt.Errorf("%s", b.String())
}

func queryPath(name string) string { return "/v1/queries/" + url.PathEscape(name) }
