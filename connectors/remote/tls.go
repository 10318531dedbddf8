package remote

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/cepd/cepd/connectors"
)

// The options of TLS.
const (
	optCA          = "tls.ca.location"
	optCertificate = "tls.certificate.location"
	optKey         = "tls.key.location"
	optName        = "tls.server-name"
)

// TLSSpecs are the options of a client that may use TLS.
func TLSSpecs() []connectors.OptionSpec {
	return []connectors.OptionSpec{
		{Name: optCA, Doc: "PEM file of the certificates to trust. Default: the system's."},
		{Name: optCertificate, Doc: "PEM file of the client's certificate chain, where the server asks for one."},
		{Name: optKey, Doc: "PEM file of the client's private key. Default: it is in tls.certificate.location."},
		{Name: optName, Doc: "The name in the server's certificate, where it is not the host's."},
	}
}

// ClientTLS is the TLS of a client of a server of this name; on says whether the
// connection is encrypted at all.
func ClientTLS(t connectors.Table, on bool) (*tls.Config, error) {
	if !on {
		for _, s := range TLSSpecs() {
			if t.Options[s.Name] != "" {
				return nil, connectors.OptionError{Key: s.Name, Message: fmt.Sprintf("option '%s' is of connections with TLS, and the URL asks for none", s.Name)}
			}
		}
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.Options[optName]}
	if t.Options[optCA] != "" {
		pool, err := readPool(t, optCA)
		if err != nil {
			return nil, err
		}
		c.RootCAs = pool
	}
	return c, addCertificate(t, c, optCertificate, optKey)
}

// readPool is the certificates of a file.
func readPool(t connectors.Table, option string) (*x509.CertPool, error) {
	text, err := ReadFile(t, option)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fault(option, errors.New("holds no PEM certificate"))
	}
	return pool, nil
}

// addCertificate adds the certificate of two options, if there is one.
func addCertificate(t connectors.Table, c *tls.Config, certificate, key string) error {
	if t.Options[certificate] == "" {
		return nil
	}
	chain, err := ReadFile(t, certificate)
	if err != nil {
		return err
	}
	private := chain
	if t.Options[key] != "" {
		if private, err = ReadFile(t, key); err != nil {
			return err
		}
	}
	cert, err := tls.X509KeyPair(chain, private)
	if err != nil {
		return fault(certificate, err)
	}
	c.Certificates = []tls.Certificate{cert}
	return nil
}

// ReadFile is the file that an option names, if the policy has it read.
func ReadFile(t connectors.Table, option string) ([]byte, error) {
	path := t.Options[option]
	if !filepath.IsAbs(path) {
		path = filepath.Join(t.Dir, path)
	}
	text, err := t.Access.ReadKey(path)
	if err != nil {
		return nil, fault(option, err)
	}
	return text, nil
}

func fault(option string, err error) error { return fmt.Errorf("option '%s': %w", option, err) }

const optClientCA = "tls.client-ca.location"

// ServerTLSSpecs are the options of what listens with TLS.
func ServerTLSSpecs() []connectors.OptionSpec {
	return []connectors.OptionSpec{
		{Name: optCertificate, Doc: "With tls://: PEM file of the certificate chain."},
		{Name: optKey, Doc: "PEM file of its private key. Default: it is in tls.certificate.location."},
		{Name: optClientCA, Doc: "PEM file of the certificates that those of senders are signed by. Default: senders need none."},
	}
}

// ServerTLS is the TLS of what listens; on says whether a place asks for it.
func ServerTLS(t connectors.Table, on bool) (*tls.Config, error) {
	if !on {
		for _, s := range ServerTLSSpecs() {
			if t.Options[s.Name] != "" {
				return nil, connectors.OptionError{Key: s.Name, Message: fmt.Sprintf("option '%s' is of places with tls://", s.Name)}
			}
		}
		return nil, nil
	}
	if t.Options[optCertificate] == "" {
		return nil, connectors.OptionError{Key: optCertificate, Message: fmt.Sprintf("tls:// needs option '%s'", optCertificate)}
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.Options[optClientCA] != "" {
		pool, err := readPool(t, optClientCA)
		if err != nil {
			return nil, err
		}
		c.ClientCAs, c.ClientAuth = pool, tls.RequireAndVerifyClientCert
	}
	return c, addCertificate(t, c, optCertificate, optKey)
}
