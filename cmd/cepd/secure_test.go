package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cepd/cepd/api/auth"
)

// authority signs certificates.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	a.cert = &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	a.key = newKey(t)
	a.file, _ = a.issue("ca", a.cert)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// issue signs a certificate and writes it with its key.
func (a *authority) issue(name string, c *x509.Certificate) (cert, key string) {
	a.t.Helper()
	private := newKey(a.t)
	if c == a.cert {
		private = a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, private.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, key = filepath.Join(a.dir, name+".pem"), filepath.Join(a.dir, name+"-key.pem")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
	return cert, key
}

func (a *authority) server(serial int64) (cert, key string) {
	return a.issue("server", &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "cepd"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
}

func (a *authority) client(name string) (cert, key string) {
	return a.issue(name, &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: name, Organization: []string{"Bank"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
}

// secureServer runs a server of a configuration file; the answer has its
// address.
func secureServer(t *testing.T, yaml string) (address string, log *bytes.Buffer) {
	t.Helper()
	writeTestFile(t, "cepd.yaml", yaml)
	cfg, err := readConfig("cepd.yaml")
	if err != nil {
		t.Fatal(err)
	}
	log = &bytes.Buffer{}
	s, err := newServer(cfg, slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := s.close(); err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return s.scheme() + "://" + l.Addr().String(), log
}

const tenSQL = `CREATE TABLE a (x BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '1000', 'fields.x.kind' = 'sequence', 'fields.x.start' = '1', 'fields.x.end' = '10');
CREATE TABLE b (x BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO b /*+ NAME('numbers') */ SELECT x FROM a;`

// makeToken is `cepd token create` into tokens.json.
func makeToken(t *testing.T, name, role string) (file string) {
	t.Helper()
	out := cepd([]string{"token", "create", "--name", name, "--role", role, "--file", "tokens.json"}, "")
	text, ok := strings.CutPrefix(out, "exit 0\n")
	if !ok || !strings.HasPrefix(text, "cepd_") {
		t.Fatal(out)
	}
	file = name + ".token"
	writeTestFile(t, file, text)
	return file
}

// TestSecureServer has users with tokens and with certificates.
func TestSecureServer(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	t.Chdir(t.TempDir())
	ca := newAuthority(t)
	cert, key := ca.server(2)
	alice, aliceKey := ca.client("alice")
	mallory, malloryKey := ca.client("mallory")
	stranger := newAuthority(t)
	forged, forgedKey := stranger.client("alice")
	viewer, author := makeToken(t, "viewer", "viewer"), makeToken(t, "author", "author")
	writeTestFile(t, "q.sql", tenSQL)
	address, _ := secureServer(t, "data_dir: data\ntls: {cert_file: "+cert+", key_file: "+key+", client_ca_file: "+ca.file+"}\n"+
		"auth:\n  tokens_file: tokens.json\n  certificates:\n    - {subject: 'CN=alice,O=Bank', role: operator}\n")
	query := func(args ...string) string {
		return cepd(append([]string{"query"}, append(args, "--server", address, "--ca", ca.file)...), "")
	}
	for _, c := range []struct {
		want string
		args []string
	}{
		{"exit 1\nstderr:\ncepd: no token was given", []string{"list"}},
		{"exit 1\nstderr:\ncepd: this needs the role author; viewer has the role viewer", []string{"submit", "q.sql", "--token-file", viewer}},
		{"exit 0\nquery numbers runs", []string{"submit", "q.sql", "--token-file", author}},
		{"exit 0\nQUERY", []string{"list", "--token-file", viewer}},
		{"exit 0\nQUERY", []string{"list", "--cert", alice, "--key", aliceKey}},
		{"exit 1\nstderr:\ncepd: no token was given", []string{"list", "--cert", mallory, "--key", malloryKey}},
		{"exit 1\nstderr:\ncepd: no answer from the server", []string{"list", "--cert", forged, "--key", forgedKey}},
		{"exit 0\n", []string{"drop", "numbers", "--cert", alice, "--key", aliceKey}},
		{"exit 2", []string{"list", "--cert", alice}},
		{"exit 2", []string{"list", "--token-file", "nowhere"}},
	} {
		if out := query(c.args...); !strings.HasPrefix(out, c.want) {
			t.Errorf("%q:\n%swant:\n%s", c.args, out, c.want)
		}
	}
	if out := cepd([]string{"query", "list", "--server", address, "--token-file", viewer}, ""); !strings.Contains(out, "certificate") {
		t.Error("an authority that is not trusted:", out)
	}
	if out := cepd([]string{"query", "list", "--server", "http://cepd.example", "--token-file", viewer}, ""); !strings.Contains(out, "in the clear") {
		t.Error(out)
	}
	audit := cepd([]string{"audit", "data/audit/audit.jsonl"}, "")
	for _, want := range []string{"refused  403", "author           author", "submit", "CN=alice,O=Bank", "drop-query"} {
		if !strings.Contains(audit, want) {
			t.Errorf("the audit log lacks %q:\n%s", want, audit)
		}
	}
	if out := cepd([]string{"audit", "data/audit/audit.jsonl", "--refused", "--who", "viewer", "--since", "1h", "--output", "json"}, ""); strings.Count(out, `"request_id"`) != 1 {
		t.Error(out)
	}
	renewed(t, ca, address)
}

// renewed gives the server another certificate while it runs.
func renewed(t *testing.T, ca *authority, address string) {
	t.Helper()
	writeTestFile(t, "q2.sql", "SHOW QUERIES;")
	ca.server(99)
	waitFor(t, func() bool {
		c, err := (&clientFlags{ca: ca.file}).http()
		if err != nil {
			t.Fatal(err)
		}
		res, err := c.Get(address + "/healthz")
		if err != nil {
			return false // the file is being written
		}
		res.Body.Close()
		return res.TLS.PeerCertificates[0].SerialNumber.Int64() == 99
	})
}

// TestListenRefusals are addresses that others reach.
func TestListenRefusals(t *testing.T) {
	t.Chdir(t.TempDir())
	writeTestFile(t, "login.yaml", "auth: {tokens_file: tokens.json}\n")
	for want, args := range map[string][]string{
		"there is no login":                {"serve", "--listen", "0.0.0.0:0"},
		"listen :0: others reach":          {"serve", "--listen", ":0"},
		"tokens would travel in the clear": {"serve", "--listen", "192.0.2.1:0", "--config", "login.yaml"},
		"the demo has no login":            {"demo", "fraud", "--listen", "0.0.0.0:0"},
	} {
		if out := cepd(args, ""); !strings.HasPrefix(out, "exit 2") || !strings.Contains(out, want) {
			t.Errorf("%q: %s", args, out)
		}
	}
	for want, yaml := range map[string]string{
		"auth.certificates needs tls.client_ca_file": "auth: {certificates: [{subject: CN=a, role: viewer}]}",
		"tls.client_ca_file needs auth.certificates": "tls: {client_ca_file: x}",
		"expected viewer, author":                    "auth: {certificates: [{subject: CN=a, role: boss}]}",
	} {
		writeTestFile(t, "bad.yaml", yaml)
		if _, err := readConfig("bad.yaml"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", yaml, err)
		}
	}
	for want, cfg := range map[string]config{
		"must lie apart":             {DataDir: "data", Files: filesConfig{Roots: []string{"."}}},
		"must lie apart ":            {DataDir: "data", Files: filesConfig{Roots: []string{"data/state/x"}}},
		"tokens.json must lie apart": {Auth: authConfig{TokensFile: "tokens.json"}, Secrets: secretsConfig{Dirs: []string{"."}}},
		"network.allow: 'x'":         {Network: networkConfig{Allow: []string{"x"}}},
		"cert_file and key_file":     {TLS: auth.TLS{CertFile: "x"}},
		"nowhere":                    {Auth: authConfig{TokensFile: "nowhere"}},
	} {
		if _, err := newServer(cfg, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), strings.TrimSpace(want)) {
			t.Errorf("%+v: %v, want %s", cfg, err, want)
		}
	}
}
