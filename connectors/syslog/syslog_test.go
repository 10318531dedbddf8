package syslog

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/pushed"
	"github.com/cepd/cepd/internal/access"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/hostile"
	"github.com/cepd/cepd/state/intake"
)

// patience bounds every wait of a test.
const patience = 2 * time.Minute

var columns = []connectors.Column{{Name: "message", Type: event.TString}}

func table(options ...string) connectors.Table {
	t := connectors.Table{Name: "t", Query: "q", Columns: columns, Physical: columns, Options: map[string]string{"connector": "syslog"}}
	for i := 0; i < len(options); i += 2 {
		t.Options[options[i]] = options[i+1]
	}
	return t
}

// bed is a table that is received.
type bed struct {
	t    *testing.T
	logs *intake.Logs
	hub  *pushed.Hub
	r    connectors.RawReader
	wake chan struct{}
	at   []net.Addr // of the places
}

func newBed(t *testing.T, options ...string) *bed {
	t.Helper()
	b := &bed{t: t, logs: intake.New(clock.Wall{}), wake: make(chan struct{}, 1)}
	if err := b.logs.Open(nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.logs.Close)
	b.hub = pushed.NewHub(b.logs)
	b.open(table(options...), connectors.Start)
	return b
}

func (b *bed) open(t connectors.Table, from int64) {
	b.t.Helper()
	list, err := places(t.Options[optListen])
	if err != nil {
		b.t.Fatal(err)
	}
	s, err := connector{b.hub}.Source(t)
	if err != nil {
		b.t.Fatal(err)
	}
	_ = s // has checked the options; the test has to know the ports
	encrypted := strings.Contains(t.Options[optListen], "tls:")
	var config *tls.Config
	if encrypted {
		config = serverConfig(b.t, t)
	}
	r := newReceiver(t, list, config)
	bound := make(chan net.Addr, len(list))
	r.bound = func(a net.Addr) { bound <- a }
	s, err = b.hub.Source(t, r)
	if err != nil {
		b.t.Fatal(err)
	}
	reader, err := s.Open(b.t.Context(), 0, from, func() {
		select {
		case b.wake <- struct{}{}:
		default:
		}
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.r, b.at = reader.(connectors.RawReader), nil
	b.t.Cleanup(func() { _ = reader.Close() })
	for range list {
		select {
		case a := <-bound:
			b.at = append(b.at, a)
		case <-time.After(patience):
			b.t.Fatal("it does not listen")
		}
	}
}

// next waits for n records.
func (b *bed) next(n int) []string {
	b.t.Helper()
	var got []string
	deadline := time.After(patience)
	for len(got) < n {
		var raw connectors.RawBatch
		if err := b.r.Poll(n-len(got), -1, &raw); err != nil {
			b.t.Fatal(err)
		}
		for _, s := range raw.Value {
			got = append(got, string(raw.Buf[s.Off:s.Off+s.Len]))
		}
		if raw.N() > 0 {
			continue
		}
		select {
		case <-b.wake:
		case <-deadline:
			b.t.Fatalf("only %q", got)
		}
	}
	return got
}

func (b *bed) has(want ...string) {
	b.t.Helper()
	if got := b.next(len(want)); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		b.t.Fatalf("%q, want %q", got, want)
	}
}

func (b *bed) dial(place int) net.Conn {
	b.t.Helper()
	c, err := net.Dial(b.at[place].Network(), b.at[place].String())
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = c.Close() })
	return c
}

func send(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

func TestReceive(t *testing.T) {
	b := newBed(t, optListen, "udp://127.0.0.1:0, tcp://127.0.0.1:0")
	u, c := b.dial(0), b.dial(1)
	send(t, u, "<13>Jan  1 00:00:00 h a: by UDP\n")
	b.has("<13>Jan  1 00:00:00 h a: by UDP")
	send(t, c, "<13>one\n<13>two\r\n\n9 <13>th\nre17 <13>1 counted too<13>fo")
	b.has("<13>one", "<13>two", "<13>th\nre", "<13>1 counted too")
	send(t, c, "ur\n")
	b.has("<13>four")
	send(t, c, "<13>without an end")
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	b.has("<13>without an end")
}

// TestAgain closes the table and opens it: what was received is there, and more
// comes.
func TestAgain(t *testing.T) {
	b := newBed(t, optListen, "tcp://127.0.0.1:0")
	send(t, b.dial(0), "<13>one\n")
	b.has("<13>one")
	old := b.dial(0)
	address := b.at[0].String()
	if err := b.r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := old.Read(make([]byte, 1)); err == nil {
		t.Error("a connection outlives its table")
	}
	b.open(table(optListen, "tcp://"+address), 0)
	send(t, b.dial(0), "<13>two\n")
	b.has("<13>one", "<13>two")
}

// TestSenders: over TCP senders go on when cepd comes back at its address; what has
// come is there once, in the order of its sender.
func TestSenders(t *testing.T) {
	b := newBed(t, optListen, "tcp://127.0.0.1:0")
	const senders, lines, restarts = 4, 2000, 2
	place := table(optListen, "tcp://"+b.at[0].String())
	ctx, stop := context.WithCancel(t.Context())
	var done sync.WaitGroup
	for s := range senders {
		done.Go(func() { keepSending(ctx, b.at[0].String(), s) })
	}
	last := make([]int, senders) // line of a sender that came last
	took := func(n int) {
		for _, text := range b.next(n) {
			var s, line int
			if _, err := fmt.Sscanf(text, "<13>%d %d", &s, &line); err != nil || line <= last[s] {
				t.Fatalf("%q after line %d", text, last[s])
			}
			last[s] = line
		}
	}
	for range restarts {
		took(lines)
		at := b.r.Position()
		if err := b.r.Close(); err != nil {
			t.Fatal(err)
		}
		b.open(place, at)
	}
	took(lines)
	stop()
	done.Wait()
}

// keepSending sends lines with numbers that grow, on a new connection where one breaks.
func keepSending(ctx context.Context, address string, sender int) {
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for line := 1; ctx.Err() == nil; {
		c, err := net.Dial("tcp", address)
		if err != nil {
			<-again.C
			continue
		}
		for ; err == nil && ctx.Err() == nil; line++ {
			_, err = fmt.Fprintf(c, "<13>%d %d\n", sender, line)
		}
		_ = c.Close()
	}
}

// TestBackPressure: over TCP a sender waits while the log is full, and nothing is
// lost; by UDP what finds no room is counted.
func TestBackPressure(t *testing.T) {
	b := newBed(t, optListen, "tcp://127.0.0.1:0,udp://127.0.0.1:0")
	l := b.logs.Find("t")
	l.Limit(intake.Limits{Bytes: 1})
	const messages, size = 3000, 10_000 // 30 MB: more than the inbox, and than the kernel takes
	done := make(chan error, 1)
	c := b.dial(0)
	text := strings.Repeat("x", size-20)
	go func() {
		for i := range messages {
			if _, err := fmt.Fprintf(c, "<13>%d %s\n", i, text); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	u := b.dial(1)
	for l.Refused()["lost"] == 0 {
		send(t, u, "<13>udp")
		if t.Context().Err() != nil {
			t.FailNow()
		}
	}
	select {
	case err := <-done:
		t.Fatalf("30 MB are gone somewhere: %v", err)
	default:
	}
	l.Limit(intake.Limits{})
	for i := 0; i < messages; {
		got := b.next(1)[0]
		if got == "<13>udp" {
			continue
		}
		if !strings.HasPrefix(got, fmt.Sprintf("<13>%d ", i)) {
			t.Fatalf("message %d is %.20s", i, got)
		}
		i++
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestLimits(t *testing.T) {
	b := newBed(t, optListen, "tcp://127.0.0.1:0,udp://127.0.0.1:0", optMax, "500", optConnections, "1")
	c := b.dial(0)
	long := strings.Repeat("y", 70_000)
	send(t, c, "<13>"+long+"\n<13>line\n70000 "+long+"10 <13>countd")
	b.has("<13>line", "<13>countd")
	u := b.dial(1)
	send(t, u, long[:600])
	send(t, u, "<13>short")
	b.has("<13>short")
	if got := b.logs.Find("t").Refused()["large"]; got != 3 {
		t.Errorf("%d large messages", got)
	}
	second := b.dial(0)
	if err := second.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := second.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a second connection: %v", err)
	}
	send(t, c, "<13>the first goes on\n")
	b.has("<13>the first goes on")
}

// TestHostile sends the corpus by each way, each message between two good ones.
func TestHostile(t *testing.T) {
	records, err := hostile.Records([]byte("<13>Jan  1 00:00:00 h a: text"))
	if err != nil {
		t.Fatal(err)
	}
	b := newBed(t, optListen, "tcp://127.0.0.1:0,udp://127.0.0.1:0")
	u := b.dial(1)
	for i, r := range records {
		if len(r.Data) == 0 || len(r.Data) > 30_000 {
			continue
		}
		neighbour := fmt.Sprintf("<13>%d", i)
		trimmed := string(bytes.TrimRight(r.Data, "\r\n\x00"))
		want := []string{neighbour}
		if trimmed != "" {
			want = append([]string{trimmed}, want...)
		}
		counted := b.dial(0) // what follows a message that is none of its length is lost with its connection
		send(t, counted, fmt.Sprintf("%d ", len(r.Data))+string(r.Data)+fmt.Sprintf("%d %s", len(neighbour), neighbour))
		b.has(want...)
		send(t, u, string(r.Data))
		send(t, u, neighbour)
		b.has(want...)
		_ = counted.Close()
	}
}

// TestTLS wants the certificate of a sender.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	file := certificate(t, dir)
	options := []string{optListen, "tls://127.0.0.1:0", "tls.certificate.location", file, "tls.client-ca.location", file}
	b := newBed(t, options...)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	pair, err := tls.X509KeyPair(text, text)
	if err != nil {
		t.Fatal(err)
	}
	c, err := tls.Dial("tcp", b.at[0].String(), &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	send(t, c, "9 <13>1 tls")
	b.has("<13>1 tls")
	stranger, err := tls.Dial("tcp", b.at[0].String(), &tls.Config{RootCAs: pool})
	if err == nil { // it hears of it with the first answer
		defer stranger.Close()
		if _, err = stranger.Read(make([]byte, 1)); err == nil {
			t.Error("a sender without certificate is taken")
		}
	}
	for _, c := range []struct{ options []string }{{[]string{optListen, "tls://127.0.0.1:0"}}, {[]string{optListen, "tcp://127.0.0.1:0", "tls.certificate.location", file}},
		{[]string{optListen, "tls://127.0.0.1:0", "tls.certificate.location", filepath.Join(dir, "none")}}} {
		if _, err := New(nil).Source(table(c.options...)); err == nil {
			t.Errorf("%v is taken", c.options)
		}
	}
}

func serverConfig(t *testing.T, tab connectors.Table) *tls.Config {
	t.Helper()
	text, err := os.ReadFile(tab.Options["tls.certificate.location"])
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(text, text)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}
}

// certificate is a file of a certificate that signs itself, and its key.
func certificate(t *testing.T, dir string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
	path := filepath.Join(dir, "c.pem")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestPortInUse: the query ends with the reason.
func TestPortInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	s, err := New(nil).Source(table(optListen, "tcp://"+taken.Addr().String()))
	if err != nil {
		t.Fatal(err)
	}
	wake := make(chan struct{}, 1)
	r, err := s.Open(t.Context(), 0, connectors.Start, func() {
		select {
		case wake <- struct{}{}:
		default:
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	select {
	case <-wake:
	case <-time.After(patience):
		t.Fatal("nothing is told")
	}
	var raw connectors.RawBatch
	if err := r.(connectors.RawReader).Poll(1, -1, &raw); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Error(err)
	}
}

func TestOptions(t *testing.T) {
	for text, want := range map[string]string{
		"udp://:514": "[{udp :514}]", "tcp://a:1, tls://[::1]:2": "[{tcp a:1} {tls [::1]:2}]", "514": "expected udp://", "udp://h": "expected udp://", "http://h:1": "expected udp://", "": "expected udp://",
	} {
		list, err := places(text)
		got := fmt.Sprint(list)
		if err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, want) {
			t.Errorf("%q: %s", text, got)
		}
	}
	p, err := access.New(access.Config{Network: []string{"elsewhere.example:514"}})
	if err != nil {
		t.Fatal(err)
	}
	x := table(optListen, "udp://0.0.0.0:514")
	x.Access = p
	if _, err := New(nil).Source(x); !errors.Is(err, access.ErrRefused) {
		t.Error(err)
	}
}
