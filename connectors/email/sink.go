package email

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/outbound"
	"github.com/cepd/cepd/internal/access"
	"github.com/cepd/cepd/internal/event"
)

// sink sends mails. It implements connectors.Refuser and connectors.Active.
type sink struct {
	table         connectors.Table
	from          string
	to            []string
	subject, text *outbound.Template
	digest        *outbound.Digest
	roots         *x509.CertPool // nil: those of the system
	timeout       time.Duration

	*outbound.Caller
}

// Open implements connectors.Sink. The server need not be there.
func (s *sink) Open(context.Context) error {
	path := s.table.Options[optCA]
	if path == "" {
		return nil
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(s.table.Dir, path)
	}
	text, err := s.table.Access.ReadKey(path)
	if err != nil {
		return err
	}
	s.roots = x509.NewCertPool()
	if !s.roots.AppendCertsFromPEM(text) {
		return fmt.Errorf("%s has no certificate", path)
	}
	return nil
}

// Write implements connectors.Sink.
func (s *sink) Write(_ context.Context, b *event.Batch) error {
	for n := range b.Live() {
		row := b.Row(n)
		text := s.text.Append(nil, b, row)
		s.digest.Add(outbound.Message{
			Rows:    []outbound.Row{{ID: b.ID[row], Time: outbound.RowTime(b, row), Value: text}},
			Subject: string(s.subject.Append(nil, b, row)), Text: string(text),
		})
	}
	return nil
}

// Flush implements connectors.Sink.
func (s *sink) Flush(ctx context.Context) error { return s.digest.Flush(ctx) }

// Close implements connectors.Sink.
func (s *sink) Close() error { return nil }

// send makes one attempt, over a connection of its own.
func (s *sink) send(ctx context.Context, c *outbound.Call) outbound.Answer {
	m, err := s.mail(c)
	if err != nil {
		return outbound.Answer{Verdict: outbound.Never, Reason: err.Error()}
	}
	client, err := s.client()
	if err != nil {
		return outbound.Answer{Verdict: outbound.Never, Reason: err.Error()}
	}
	err = client.DialAndSendWithContext(ctx, m)
	switch {
	case err == nil:
		return outbound.Answer{}
	case errors.Is(err, access.ErrRefused):
		return outbound.Answer{Verdict: outbound.Never, Reason: err.Error()}
	case ctx.Err() != nil:
		return outbound.Answer{Verdict: outbound.Again, Broken: true, Reason: "no answer within 'sink.requests.timeout'"}
	}
	return verdict(err)
}

// mail is the mail of a call. Its Message-ID has the ID of the first row, so that a
// repetition can be recognised.
func (s *sink) mail(c *outbound.Call) (*gomail.Msg, error) {
	m := gomail.NewMsg()
	if err := errors.Join(m.From(s.from), m.To(s.to...)); err != nil {
		return nil, err
	}
	id := c.ID().Hex()
	_, domain, _ := strings.Cut(strings.TrimSuffix(s.from, ">"), "@")
	m.SetMessageIDWithValue(id + "@" + domain)
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no answers of absence
	m.SetGenHeader("Cepd-Id", id)
	m.SetDate()
	m.Subject(subject(c.Target))
	m.SetBodyString(gomail.TypeTextPlain, string(c.Body))
	return m, nil
}

// maxSubject is the characters of a subject: the line of a header is bounded.
const maxSubject = 200

func subject(text string) string {
	n := 0
	for i := range text {
		if n++; n > maxSubject {
			return text[:i] + "…"
		}
	}
	return text
}

// client is set up anew for each attempt: a session that failed is not used again.
func (s *sink) client() (*gomail.Client, error) {
	o := s.table.Options
	options := []gomail.Option{gomail.WithPort(port(s.table)), gomail.WithDialContextFunc(s.dial), gomail.WithTLSConfig(s.encryption()), gomail.WithTimeout(s.timeout)}
	login := gomail.SMTPAuthAutoDiscover
	switch o[optTLS] {
	case "tls":
		options, login = append(options, gomail.WithSSL()), gomail.SMTPAuthPlain
	case "none":
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if o[optUser] != "" {
		options = append(options, gomail.WithSMTPAuth(login), gomail.WithUsername(o[optUser]), gomail.WithPassword(o[optPassword]))
	}
	return gomail.NewClient(o[optHost], options...)
}

func (s *sink) encryption() *tls.Config {
	return &tls.Config{ServerName: s.table.Options[optHost], RootCAs: s.roots, MinVersion: tls.VersionTLS12}
}

// dial connects where that is allowed, with encryption if it is there from the start.
func (s *sink) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := s.table.Access.DialContext(ctx, network, address)
	if err != nil || s.table.Options[optTLS] != "tls" {
		return conn, err
	}
	encrypted := tls.Client(conn, s.encryption())
	if err := encrypted.HandshakeContext(ctx); err != nil {
		_ = conn.Close() // the error that counts is the first
		return nil, err
	}
	return encrypted, nil
}
