package email

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/access"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/hostile"
	"github.com/cepd/cepd/internal/listentest"
)

// server is a mail server. What it answers to the n-th mail is a list; behind it, all
// are taken.
type server struct {
	answers []error
	user    string // that has to log in; "": nobody

	address  string
	implicit bool // TLS from the start
	tls      *tls.Config
	down     func()

	mu    sync.Mutex
	tries int
	taken []string // mails
	to    []string
}

type session struct {
	s    *server
	to   []string
	user string
}

func (s *server) NewSession(*smtp.Conn) (smtp.Session, error) { return &session{s: s}, nil }
func (x *session) Reset()                                     { x.to = nil }
func (x *session) Logout() error                              { return nil }
func (x *session) AuthMechanisms() []string                   { return []string{sasl.Plain} }

func (x *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != x.s.user || password != "sesame" {
			return errors.New("no")
		}
		x.user = user
		return nil
	}), nil
}

func (x *session) Mail(string, *smtp.MailOptions) error {
	if x.user != x.s.user {
		return smtp.ErrAuthRequired
	}
	return nil
}

func (x *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	x.to = append(x.to, to)
	return nil
}

func (x *session) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	x.s.tries++
	if n := x.s.tries - 1; n < len(x.s.answers) && x.s.answers[n] != nil {
		return x.s.answers[n]
	}
	x.s.taken, x.s.to = append(x.s.taken, string(text)), x.to
	return nil
}

// start starts the server, with a certificate of its own, and gives the options of a
// table that sends there.
func (s *server) start(t *testing.T, implicit bool) map[string]string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600); err != nil {
		t.Fatal(err)
	}
	s.implicit, s.address = implicit, "127.0.0.1:0"
	s.tls = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert}, PrivateKey: key}}}
	s.up(t)
	t.Cleanup(func() { s.down() })
	_, port, _ := net.SplitHostPort(s.address)
	o := map[string]string{"connector": "email", "smtp.host": "127.0.0.1", "smtp.port": port, "smtp.ca-file": ca,
		"email.from": "cepd <cepd@example.org>", "email.to": "Ann <ann@example.org>, bob@example.org",
		"email.subject": "Card {{card}}", "email.text": "Card {{card}} spent {{amount}}.",
		"sink.retry-strategy.exponential-delay.initial-backoff": "1 ms", "sink.retry-strategy.exponential-delay.max-backoff": "5 ms"}
	if implicit {
		o["smtp.tls"] = "tls"
	}
	return o
}

// up has the server listen, at its address of before if it had one.
func (s *server) up(t *testing.T) {
	t.Helper()
	web := smtp.NewServer(s)
	web.TLSConfig, web.ErrorLog = s.tls, slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	bare := listentest.Again(t, s.address)
	s.address = bare.Addr().String()
	l := bare
	if s.implicit {
		l = tls.NewListener(l, s.tls)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = web.Serve(l) }()
	s.down = func() { web.Close(); _ = bare.Close(); <-done }
}

var columns = []connectors.Column{{Name: "card", Type: event.TString}, {Name: "amount", Type: event.TInt64}}

func table(o map[string]string) connectors.Table {
	return connectors.Table{Name: "mail", Columns: columns, Physical: columns, Options: o, Log: slog.New(slog.DiscardHandler)}
}

// send sends mails about cards and gives the sink.
func send(t *testing.T, o map[string]string, cards ...string) (*sink, error) {
	t.Helper()
	made, err := New().Sink(table(o))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s := made.(*sink)
	if err := s.Open(ctx); err != nil {
		t.Fatal(err)
	}
	return s, deliver(t, s, cards...)
}

func deliver(t *testing.T, s *sink, cards ...string) error {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	b := event.NewBatch(event.NewSchema(event.Field{Name: "card", Type: event.TString}, event.Field{Name: "amount", Type: event.TInt64}))
	b.Reset(len(cards))
	for i, c := range cards {
		b.Cols[0].Set(i, len(cards), event.StringValue(c))
		b.Cols[1].Set(i, len(cards), event.IntValue(int64(i)))
		b.ID[i] = event.Detection(7, uint64(i))
	}
	return errors.Join(s.Write(ctx, b), s.Flush(ctx))
}

func TestMail(t *testing.T) {
	for _, implicit := range []bool{false, true} {
		s := &server{user: "cepd"}
		o := s.start(t, implicit)
		o["smtp.username"], o["smtp.password"] = "cepd", "sesame"
		if _, err := send(t, o, "a\r\nBcc: eve@example.org\u00e4"); err != nil {
			t.Fatal(err)
		}
		m, err := mail.ReadMessage(strings.NewReader(s.taken[0]))
		if err != nil {
			t.Fatal(err)
		}
		id := event.Detection(7, 0).Hex()
		if m.Header.Get("Message-Id") != "<"+id+"@example.org>" || m.Header.Get("Cepd-Id") != id || m.Header.Get("Bcc") != "" || m.Header.Get("Auto-Submitted") != "auto-generated" {
			t.Errorf("%v", m.Header)
		}
		if !slices.Equal(s.to, []string{"ann@example.org", "bob@example.org"}) {
			t.Error(s.to)
		}
	}
}

// TestRepeated: what the server cannot take now is sent again; what it never takes is
// given up.
func TestRepeated(t *testing.T) {
	s := &server{answers: []error{&smtp.SMTPError{Code: 451, Message: "later"}, &smtp.SMTPError{Code: 421, Message: "busy"}, nil, &smtp.SMTPError{Code: 554, Message: "spam"}}}
	o := s.start(t, false)
	o["sink.error-policy"] = "skip"
	x, err := send(t, o, "a", "b", "c")
	if a := x.Activity(); err != nil || len(s.taken) != 2 || a.Refused != 1 || a.Failures != 3 {
		t.Errorf("%v %d %+v", err, len(s.taken), a)
	}
	if list := x.Refused(); len(list) != 1 || list[0].Status != 554 || string(list[0].Value) != "Card b spent 1." {
		t.Errorf("%+v", list)
	}
}

// TestRestart: the mail server goes while mails leave, and comes back at its address:
// each mail is taken.
func TestRestart(t *testing.T) {
	s := &server{}
	o := s.start(t, false)
	o["sink.max-retries"], o["sink.circuit-breaker.failures"] = "100000", "0"
	x, err := send(t, o, "a", "b")
	if err != nil {
		t.Fatal(err)
	}
	s.down()
	done := make(chan error, 1)
	go func() { done <- deliver(t, x, "c", "d", "e") }()
	look, late := time.NewTicker(time.Millisecond), time.After(time.Minute)
	defer look.Stop()
	for x.Activity().Failures < 3 {
		select {
		case <-look.C:
		case <-late:
			t.Fatalf("%+v", x.Activity())
		}
	}
	s.up(t)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	all := strings.Join(s.taken, "")
	for _, card := range []string{"a", "b", "c", "d", "e"} {
		if !strings.Contains(all, "Card "+card+" spent") {
			t.Errorf("no mail about %s", card)
		}
	}
}

// TestHostileTexts: whatever a mail is to say, it says in one mail that a mail program
// can read.
func TestHostileTexts(t *testing.T) {
	list, err := hostile.Texts()
	if err != nil {
		t.Fatal(err)
	}
	s := &server{}
	o := s.start(t, false)
	o["email.subject"], o["email.text"], o["digest.messages"], o["sink.requests.max-inflight"] = "{{card}}", "{{card}}|", "1000", "1"
	if _, err := send(t, o, list...); err != nil {
		t.Fatal(err)
	}
	lines := strings.NewReplacer("\r\n", "\n", "\r", "\n")
	want := map[string]bool{}
	for _, text := range list {
		want[lines.Replace(text)+"|"] = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, text := range s.taken {
		m, err := mail.ReadMessage(strings.NewReader(text))
		if err != nil {
			t.Fatalf("%.200q: %v", text, err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
		got := strings.TrimSuffix(lines.Replace(string(body)), "\n")
		if !want[got] || err != nil || m.Header.Get("Bcc") != "" {
			t.Errorf("%.100q came: %v %v", got, err, m.Header)
		}
		delete(want, got)
	}
	for text := range want {
		t.Errorf("%.100q did not come", text)
	}
}

// TestDigest: more than may leave leave as one.
func TestDigest(t *testing.T) {
	s := &server{}
	o := s.start(t, false)
	o["digest.messages"], o["digest.interval"], o["digest.max-rows"] = "2", "100 ms", "3"
	cards := make([]string, 100)
	for i := range cards {
		cards[i] = "c"
	}
	x, err := send(t, o, cards...)
	if err != nil {
		t.Fatal(err)
	}
	// A slow machine may let more than two leave alone before the others gather.
	last := s.taken[len(s.taken)-1]
	if a := x.Activity(); a.Rows != 100 || a.Delivered != int64(len(s.taken)) || len(s.taken) < 3 {
		t.Errorf("%+v", a)
	}
	if len(s.taken) < 90 && (!strings.Contains(last, "more)") || strings.Count(last, " spent ") != 3 || !strings.Contains(last, "\nand ")) {
		t.Error(last)
	}
}

// TestRefusals: what would be unsafe, or cannot be, is refused.
func TestRefusals(t *testing.T) {
	s := &server{}
	good := s.start(t, false)
	confined, err := access.New(access.Config{Network: []string{"mail.example:587"}})
	if err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]map[string]string{
		"in the clear":           {"smtp.tls": "none", "smtp.username": "a", "smtp.password": "b"},
		"go together":            {"smtp.username": "a"},
		"{{none}} is no column":  {"email.text": "{{none}}"},
		"option 'email.to'":      {"email.to": "nobody"},
		"option 'smtp.host'":     {"confined": "true"},
		"option 'email.subject'": {"email.subject": "{{"},
	} {
		o := map[string]string{}
		for k, v := range good {
			o[k] = v
		}
		for k, v := range change {
			o[k] = v
		}
		x := table(o)
		if o["confined"] != "" {
			x.Access = confined
		}
		if _, err := New().Sink(x); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	delete(good, "smtp.ca-file") // nobody knows who the server is
	good["sink.max-retries"] = "1"
	if _, err := send(t, good, "a"); err == nil || !strings.Contains(err.Error(), "certificate") || len(s.taken) > 0 {
		t.Error(err)
	}
}
