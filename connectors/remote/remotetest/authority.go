// Package remotetest is what tests of connections with TLS need: an authority, and
// certificates that it has signed.
package remotetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority signs certificates of servers and clients.
type Authority struct {
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
	dir    string
	serial int64
}

// NewAuthority makes one, with the files of a client.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{dir: t.TempDir(), key: newKey(t)}
	template := &x509.Certificate{Subject: pkix.Name{CommonName: "authority"}, SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.write(t, "ca.pem", "CERTIFICATE", der)
	client, key := a.sign(t, "client.example", x509.ExtKeyUsageClientAuth)
	a.write(t, "client.pem", "CERTIFICATE", client)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	a.write(t, "client.key", "PRIVATE KEY", private)
	return a
}

// Options are those of a table whose client trusts the authority and has a certificate
// of it: names and values in turn.
func (a *Authority) Options() []string {
	return []string{"tls.ca.location", a.file("ca.pem"), "tls.certificate.location", a.file("client.pem"), "tls.key.location", a.file("client.key")}
}

// Server is the TLS of a server of a name that wants the certificates of clients.
func (a *Authority) Server(t testing.TB, name string) *tls.Config {
	t.Helper()
	der, key := a.sign(t, name, x509.ExtKeyUsageServerAuth)
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return &tls.Config{MinVersion: tls.VersionTLS12, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// ServerFiles are the certificate and the key of a server of a name, and the
// certificate of the authority, as PEM.
func (a *Authority) ServerFiles(t testing.TB, name string) (certificate, key, ca []byte) {
	t.Helper()
	der, own := a.sign(t, name, x509.ExtKeyUsageServerAuth)
	private, err := x509.MarshalPKCS8PrivateKey(own)
	if err != nil {
		t.Fatal(err)
	}
	text := func(kind string, der []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	}
	return text("CERTIFICATE", der), text("PRIVATE KEY", private), text("CERTIFICATE", a.cert.Raw)
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *Authority) sign(t testing.TB, name string, usage x509.ExtKeyUsage) ([]byte, *ecdsa.PrivateKey) {
	t.Helper()
	a.serial++
	key := newKey(t)
	template := &x509.Certificate{Subject: pkix.Name{CommonName: name}, SerialNumber: big.NewInt(1 + a.serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{name}, ExtKeyUsage: []x509.ExtKeyUsage{usage}}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return der, key
}

func (a *Authority) file(name string) string { return filepath.Join(a.dir, name) }

func (a *Authority) write(t testing.TB, name, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(a.file(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
