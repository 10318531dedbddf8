package http

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	nethttp "net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/cloudevents"
	"github.com/cepd/cepd/connectors/outbound"
	"github.com/cepd/cepd/internal/access"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/function"
)

const (
	maxUnsent = 8 << 20  // bytes of requests that wait for Flush before they are sent
	maxAnswer = 4 << 10  // bytes of an answer that are kept
	maxRead   = 64 << 10 // bytes of an answer that are read, so that its connection can be used again
)

// webhook sends a request for each row. It implements connectors.Refuser and
// connectors.Active.
type webhook struct {
	table   connectors.Table
	url     *template
	method  string
	header  map[string]string
	success codes
	again   codes
	sign    *signer // nil: nothing is signed
	encoder connectors.Encoder
	events  connectors.Attributed // the encoder, where rows are CloudEvents; else nil
	keys    []int                 // columns of the primary key
	options outbound.Options

	*outbound.Caller
	client  *nethttp.Client
	encoded connectors.Encoded
	unsent  []*outbound.Call
	bytes   int
}

// Open implements connectors.Sink. The service need not be there.
func (s *webhook) Open(ctx context.Context) error {
	transport := s.table.Access.HTTPTransport()
	transport.DisableKeepAlives = false
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = s.options.InFlight, s.options.InFlight
	// A redirect would take row and headers to a place that nobody has named.
	stay := func(*nethttp.Request, []*nethttp.Request) error { return nethttp.ErrUseLastResponse }
	s.client = &nethttp.Client{Transport: transport, CheckRedirect: stay}
	return connectors.OpenEncoder(ctx, s.encoder)
}

// Write implements connectors.Sink.
func (s *webhook) Write(ctx context.Context, b *event.Batch) error {
	s.encoded.Reset()
	if err := s.encoder.Encode(b, &s.encoded); err != nil {
		return err
	}
	for n := range b.Live() {
		s.add(b, n)
	}
	if s.bytes < maxUnsent {
		return nil
	}
	return s.Flush(ctx)
}

// add makes the call of live row n.
func (s *webhook) add(b *event.Batch, n int) {
	row := b.Row(n)
	span := s.encoded.Value[n]
	body := append([]byte{}, s.encoded.Buf[span.Off:span.Off+span.Len]...)
	call := &outbound.Call{Rows: []outbound.Row{{ID: b.ID[row], Time: outbound.RowTime(b, row), Value: body}}, Key: s.key(b, row), Target: s.url.fill(b, row), Body: body,
		Header: s.attributes(b, row)}
	s.unsent = append(s.unsent, call)
	s.bytes += len(body) + len(call.Target)
}

// attributes are the headers of a CloudEvent in binary mode, by the HTTP binding
// of the specification.
func (s *webhook) attributes(b *event.Batch, row int) (list []connectors.Header) {
	if s.events == nil {
		return nil
	}
	for i, value := range s.events.AttributesOf(b, row) {
		if value != nil {
			list = append(list, connectors.Header{Key: attributePrefix + s.events.Attributes()[i], Value: cloudevents.AppendHeader(nil, value)})
		}
	}
	return list
}

// key is the text of the primary key; "" where there is none.
func (s *webhook) key(b *event.Batch, row int) string {
	var key []byte
	for _, c := range s.keys {
		v := function.Text(b.Cols[c].Type, b.Cols[c].Value(row), time.UTC)
		key = append(append(strconv.AppendInt(key, int64(len(v)), 10), ':'), v...)
	}
	return string(key)
}

// Flush implements connectors.Sink: each row has been taken, or given up.
func (s *webhook) Flush(ctx context.Context) error {
	if len(s.unsent) == 0 {
		return nil
	}
	err := s.Deliver(ctx, s.unsent)
	if err == nil {
		clear(s.unsent)
		s.unsent, s.bytes = s.unsent[:0], 0
	}
	return err
}

// Close implements connectors.Sink.
func (s *webhook) Close() error {
	if s.client != nil {
		s.client.CloseIdleConnections()
	}
	return nil
}

// send makes one attempt.
func (s *webhook) send(ctx context.Context, c *outbound.Call) outbound.Answer {
	req, err := nethttp.NewRequestWithContext(ctx, s.method, c.Target, bytes.NewReader(c.Body))
	if err != nil {
		return outbound.Answer{Verdict: outbound.Never, Reason: "the URL is malformed"}
	}
	for name, value := range s.header {
		req.Header.Set(name, value)
	}
	for i := range c.Header {
		req.Header.Set(c.Header[i].Key, string(c.Header[i].Value))
	}
	req.Header.Set(idempotencyHeader, c.ID().Hex())
	if s.sign != nil {
		req.Header.Set(s.sign.header, s.sign.of(c.Body))
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return noAnswer(err)
	}
	defer resp.Body.Close()
	return s.judge(resp)
}

// noAnswer is the answer where there is none. Errors name neither the URL nor
// headers: both may hold secrets.
func noAnswer(err error) outbound.Answer {
	err = withoutURL(err)
	a := outbound.Answer{Verdict: outbound.Again, Broken: true, Reason: err.Error()}
	switch {
	case errors.Is(err, access.ErrRefused):
		a.Verdict, a.Broken = outbound.Never, false
	case errors.Is(err, context.DeadlineExceeded):
		a.Reason = "no answer within 'sink.requests.timeout'"
	}
	return a
}

// judge reads an answer.
func (s *webhook) judge(resp *nethttp.Response) outbound.Answer {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer)) // what it says beside its code is for people
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxRead))
	a := outbound.Answer{Status: resp.StatusCode, Reason: fmt.Sprintf("the service answers %s", resp.Status), Text: s.table.Access.Redact(strings.TrimSpace(string(text)))}
	switch {
	case s.success.has(resp.StatusCode):
		return outbound.Answer{Verdict: outbound.Taken, Status: resp.StatusCode}
	case !s.again.has(resp.StatusCode):
		a.Verdict = outbound.Never
		return a
	}
	a.Verdict, a.Broken = outbound.Again, resp.StatusCode >= 500
	a.Wait = retryAfter(resp.Header.Get("Retry-After"), time.Now())
	return a
}

// retryAfter is how long to wait (RFC 9110, 10.2.3): seconds, or a date; 0 where
// nothing is asked for.
func retryAfter(value string, now time.Time) time.Duration {
	if n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 32); err == nil {
		return time.Duration(max(n, 0)) * time.Second
	}
	if at, err := nethttp.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// signer signs bodies.
type signer struct {
	algorithm string
	secret    []byte
	header    string
	hash      func() hash.Hash
}

func newSigner(options map[string]string) *signer {
	if options[optSinkSecret] == "" {
		return nil
	}
	s := &signer{algorithm: "sha256", secret: []byte(options[optSinkSecret]), header: options[optSinkSignature], hash: sha256.New}
	if s.header == "" {
		s.header = defaultSignature
	}
	if options[optSinkAlgorithm] == "sha512" {
		s.algorithm, s.hash = "sha512", sha512.New
	}
	return s
}

// of is the signature, as GitHub writes it: sha256=….
func (s *signer) of(body []byte) string {
	mac := hmac.New(s.hash, s.secret)
	mac.Write(body)
	return s.algorithm + "=" + hex.EncodeToString(mac.Sum(nil))
}
