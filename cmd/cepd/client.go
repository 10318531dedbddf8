package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cepd/cepd/api"
)

const (
	clientTimeout = 60 * time.Second
	maxAnswer     = 64 << 20
)

// client speaks to a server.
type client struct {
	base     string
	patience time.Duration // for an answer; 0: clientTimeout
}

// longTimeout is for requests that take as long as there is state.
const longTimeout = 24 * time.Hour

// call sends in (nil: no body) and reads the answer into out (nil: none).
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
	resp, err := http.DefaultClient.Do(req)
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
