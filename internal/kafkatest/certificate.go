package kafkatest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// clientCertificate writes a certificate that signs itself, and its key, as
// PEM files.
func clientCertificate(t testing.TB, dir string) (certificate, key string) {
	t.Helper()
	cert, private := selfSigned(t, &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "cepd-test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	certificate, key = filepath.Join(dir, "client.pem"), filepath.Join(dir, "client-key.pem")
	writePEM(t, certificate, cert)
	writePEM(t, key, private)
	return certificate, key
}

// badCertificates writes what a broker should not show: expired.pem and
// misnamed.pem, and bad-ca.pem, which trusts them.
func badCertificates(t testing.TB, dir string) {
	t.Helper()
	local := []net.IP{net.IPv4(127, 0, 0, 1)}
	expired, expiredKey := selfSigned(t, &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"}, IPAddresses: local,
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(-24 * time.Hour), IsCA: true, BasicConstraintsValid: true})
	misnamed, misnamedKey := selfSigned(t, &x509.Certificate{SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: "elsewhere.example"}, DNSNames: []string{"elsewhere.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true})
	writePEM(t, filepath.Join(dir, "expired.pem"), expiredKey, expired)
	writePEM(t, filepath.Join(dir, "misnamed.pem"), misnamedKey, misnamed)
	writePEM(t, filepath.Join(dir, "bad-ca.pem"), expired, misnamed)
}

func selfSigned(t testing.TB, template *x509.Certificate) (certificate, key *pem.Block) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return &pem.Block{Type: "CERTIFICATE", Bytes: der}, &pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}
}

func writePEM(t testing.TB, path string, blocks ...*pem.Block) {
	t.Helper()
	var text []byte
	for _, b := range blocks {
		text = append(text, pem.EncodeToMemory(b)...)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
