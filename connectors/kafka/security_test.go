package kafka_test

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/kafka"
	"github.com/cepd/cepd/internal/access"
	"github.com/cepd/cepd/internal/kafkatest"
)

// unsigned is a token that Kafka's handler for tests takes.
func unsigned(subject string, life time.Duration) string {
	part := func(v any) string {
		text, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(text)
	}
	now := time.Now()
	return part(map[string]string{"alg": "none"}) + "." +
		part(map[string]any{"sub": subject, "iat": now.Add(-time.Minute).Unix(), "exp": now.Add(life).Unix()}) + "."
}

// tokenEndpoint is an endpoint of RFC 6749 that gives tokens for one client.
type tokenEndpoint struct {
	*httptest.Server
	asked   atomic.Int64
	failing atomic.Int32 // status that is answered; 0: none
	mends   int64        // call from which it does not fail any more; 0: never
	life    time.Duration
	ca      string // file
}

func newTokenEndpoint(t *testing.T) *tokenEndpoint {
	e := &tokenEndpoint{life: time.Hour}
	e.Server = httptest.NewTLSServer(http.HandlerFunc(e.answer))
	t.Cleanup(e.Close)
	e.ca = filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: e.Certificate().Raw})
	if err := os.WriteFile(e.ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return e
}

func (e *tokenEndpoint) answer(w http.ResponseWriter, r *http.Request) {
	if e.asked.Add(1) == e.mends {
		e.failing.Store(0)
	}
	user, password, _ := r.BasicAuth()
	w.Header().Set("Content-Type", "application/json")
	switch status := int(e.failing.Load()); {
	case status != 0:
		w.WriteHeader(status)
	case r.FormValue("grant_type") != "client_credentials" || r.FormValue("scope") != "read write" || user != "cepd" || password != "s3cret":
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, `{"error":"invalid_client","error_description":"not %s"}`, password)
	default:
		fmt.Fprintf(w, `{"access_token":%q,"token_type":"bearer","expires_in":%d}`, unsigned("alice", e.life), int(e.life.Seconds()))
	}
}

// trusted is a file of both certificates.
func trusted(t *testing.T, files ...string) string {
	t.Helper()
	var all []byte
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text...)
	}
	out := filepath.Join(t.TempDir(), "trusted.pem")
	if err := os.WriteFile(out, all, 0o600); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestOAuth gets in with tokens of a file and of an endpoint.
func TestOAuth(t *testing.T) {
	b := kafkatest.Secure(t)
	topic := b.Topic(t, 1)
	e := newTokenEndpoint(t)
	file := filepath.Join(t.TempDir(), "token")
	base := []string{"properties.security.protocol", "SASL_SSL", "properties.ssl.truststore.location", trusted(t, b.CA, e.ca), "properties.sasl.mechanism", "OAUTHBEARER",
		"properties.sasl.oauthbearer.token.endpoint.url"}
	token := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	with := func(more ...string) []string { return append(base[:len(base):len(base)], more...) }
	fromFile := with("file://" + file)
	fromEndpoint := with(e.URL, "properties.sasl.oauthbearer.client.credentials.client.id", "cepd",
		"properties.sasl.oauthbearer.client.credentials.client.secret", "s3cret", "properties.sasl.oauthbearer.scope", "read write")
	fromJAAS := with(e.URL, "properties.sasl.jaas.config",
		`org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required clientId="cepd" clientSecret="s3cret" scope="read write";`)
	token(unsigned("alice", time.Hour) + "\n")
	for i, options := range [][]string{fromFile, fromEndpoint, fromJAAS} {
		writeRows(t, openSink(t, b.SASLBootstrap, topic, options...), 10*i, 10*i+10)
		p := openPartition(t, openSource(t, table(b.SASLBootstrap, topic, options...)), 0, connectors.Start)
		if got := p.values(10*i + 10); len(got) != 10*i+10 {
			t.Errorf("%q: %d records", options, len(got))
		}
		listsTransactions(t, b.SASLBootstrap, options...)
	}
	if n := e.asked.Load(); n > 8 {
		t.Errorf("%d tokens were fetched: they are not used again", n)
	}
	refused := func(what, want string, options ...string) {
		t.Helper()
		options = append(options[:len(options):len(options)], "properties.client.id", what) // not on the connections that are there
		_, err := openSource(t, table(b.SASLBootstrap, topic, options...)).Partitions(testContext(t))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "wr0ng") {
			t.Errorf("%s: error %v, want %q", what, err, want)
		}
	}
	token("nonsense")
	refused("a token that is none", "does not take the token", fromFile...)
	token(unsigned("alice", -time.Minute))
	refused("a token that has expired", "does not take the token", fromFile...)
	token("")
	refused("an empty file", "what came is not one", fromFile...)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	refused("no file", "no such file", fromFile...)
	wrong := append(fromEndpoint[:0:0], fromEndpoint...)
	wrong[len(wrong)-3] = "wr0ng"
	refused("wrong secret", `answers 401 Unauthorized ("invalid_client")`, wrong...)
}

// TestTokensAreFetchedAgain has tokens that are about to end, and an endpoint
// that fails for a while.
func TestTokensAreFetchedAgain(t *testing.T) {
	e := newTokenEndpoint(t)
	e.life = 20 * time.Second // less than cepd keeps in reserve
	options := []string{"properties.security.protocol", "SASL_SSL", "properties.ssl.truststore.location", e.ca, "properties.sasl.mechanism", "OAUTHBEARER",
		"properties.sasl.oauthbearer.token.endpoint.url", e.URL, "properties.sasl.oauthbearer.client.credentials.client.id", "cepd",
		"properties.sasl.oauthbearer.client.credentials.client.secret", "s3cret", "properties.sasl.oauthbearer.scope", "read write"}
	b := kafkatest.Secure(t)
	topic := b.Topic(t, 1)
	options[3] = trusted(t, b.CA, e.ca)
	e.failing.Store(http.StatusServiceUnavailable)
	e.mends = 3
	writeRows(t, openSink(t, b.SASLBootstrap, topic, options...), 0, 10)
	before := e.asked.Load()
	options = append(options, "properties.client.id", "reader") // not on the connections that are there
	if got := openPartition(t, openSource(t, table(b.SASLBootstrap, topic, options...)), 0, connectors.Start).values(10); len(got) != 10 {
		t.Errorf("%d records", len(got))
	}
	if e.asked.Load() == before {
		t.Error("an old token is used again")
	}
}

// TestClearRefusals says what to do about a broker that cannot be trusted, or
// does not trust us, and does not ask it again and again.
func TestClearRefusals(t *testing.T) {
	b := kafkatest.Secure(t)
	topic := b.Topic(t, 1)
	trusting := func(ca string) []string {
		return []string{"properties.security.protocol", "SSL", "properties.ssl.truststore.location", ca}
	}
	sasl := func(mechanism, password string) []string {
		return []string{"properties.security.protocol", "SASL_SSL", "properties.ssl.truststore.location", b.CA, "properties.sasl.mechanism", mechanism,
			"properties.sasl.username", b.User, "properties.sasl.password", password}
	}
	for what, c := range map[string]struct {
		bootstrap, want string
		options         []string
	}{
		"expired certificate":   {b.Expired, "a new certificate, or a clock is wrong", trusting(b.BadCA)},
		"another host's":        {b.Misnamed, "as its certificate does", trusting(b.BadCA)},
		"unknown authority":     {b.SSLBootstrap, "'properties.ssl.truststore.location'", trusting(b.BadCA)},
		"wrong PLAIN password":  {b.SASLBootstrap, "check 'properties.sasl.username'", sasl("PLAIN", "wr0ng")},
		"wrong SCRAM password":  {b.SASLBootstrap, "check 'properties.sasl.username'", sasl("SCRAM-SHA-512", "wr0ng")},
		"no client certificate": {b.SSLBootstrap, "'properties.ssl.keystore.location'", trusting(b.CA)},
	} {
		relay := newRelay(t, c.bootstrap)
		source, err := kafka.New(newLines).Source(table(relay.address, topic, c.options...))
		if err != nil {
			t.Fatal(err)
		}
		_, err = source.Partitions(testContext(t))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "wr0ng") {
			t.Errorf("%s: error %v, want %q", what, err, c.want)
		}
		source.Close()
		if n := relay.accepted.Load(); n > 10 {
			t.Errorf("%s: %d connections", what, n)
		}
		written := table(c.bootstrap, topic, c.options...)
		written.Columns = sinkColumns
		sink, err := kafka.New(newLines).Sink(written)
		if err != nil {
			t.Fatal(err)
		}
		err = sink.Open(testContext(t))
		sink.Close()
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s, writing: error %v, want %q", what, err, c.want)
		}
	}
}

// relay counts connections to an address.
type relay struct {
	address  string
	accepted atomic.Int64
}

func newRelay(t *testing.T, to string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	r := &relay{address: l.Addr().String()}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			r.accepted.Add(1)
			go join(in, to)
		}
	}()
	return r
}

func join(in net.Conn, to string) {
	defer in.Close()
	out, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer out.Close()
	go func() {
		io.Copy(out, in)
		out.Close()
	}()
	io.Copy(in, out)
}

// TestConfined has a broker that may not be asked, and one that may and leads,
// by its metadata, to where nobody may go.
func TestConfined(t *testing.T) {
	b := kafkatest.Broker(t)
	topic := b.Topic(t, 1)
	relay := newRelay(t, b.Bootstrap)
	_, port, _ := net.SplitHostPort(relay.address)
	p, err := access.New(access.Config{Network: []string{"127.0.0.1:" + port}})
	if err != nil {
		t.Fatal(err)
	}
	own := table(b.Bootstrap, topic)
	own.Access = p
	if _, err := kafka.New(newLines).Source(own); err == nil || !strings.Contains(err.Error(), "network.allow") {
		t.Errorf("error %v", err)
	}
	led := table(relay.address, topic)
	led.Access, led.Columns = p, sinkColumns
	sink, err := kafka.New(newLines).Sink(led)
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	err = sink.Open(testContext(t))
	if err == nil {
		if err = sink.Write(testContext(t), rows(0, 1)); err == nil {
			err = sink.Flush(testContext(t))
		}
	}
	if err == nil || !strings.Contains(err.Error(), "network.allow") {
		t.Errorf("error %v", err)
	}
}
