package kafka

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"github.com/cepd/cepd/connectors"
)

const (
	optJAAS         = "properties.sasl.jaas.config"
	mechanismBearer = "OAUTHBEARER"
)

// security makes TLS and SASL of a table's options.
func security(o *options, t connectors.Table) (*tls.Config, sasl.Mechanism, error) {
	protocol := o.text("properties.security.protocol")
	var encryption *tls.Config
	var mechanism sasl.Mechanism
	var err error
	if strings.HasSuffix(protocol, "SSL") {
		if encryption, err = tlsConfig(o, t); err != nil {
			return nil, nil, err
		}
	} else if name := o.given("properties.ssl."); name != "" {
		return nil, nil, fmt.Errorf("option '%s' needs 'properties.security.protocol' = 'SSL' or 'SASL_SSL'", name)
	}
	if strings.HasPrefix(protocol, "SASL") {
		mechanism, err = saslMechanism(o, t)
	} else if name := o.given("properties.sasl."); name != "" {
		err = fmt.Errorf("option '%s' needs 'properties.security.protocol' = 'SASL_SSL' or 'SASL_PLAINTEXT'", name)
	}
	return encryption, mechanism, err
}

// given is an option with the prefix that has been set, or "".
func (o *options) given(prefix string) string {
	for _, s := range securitySpecs {
		if _, set := o.values[s.Name]; set && strings.HasPrefix(s.Name, prefix) {
			return s.Name
		}
	}
	return ""
}

// trust is the certificates that the options trust; nil: the system's.
func (o *options) trust(t connectors.Table) ([]byte, error) {
	return o.pem(t, "properties.ssl.truststore.certificates", "properties.ssl.truststore.location", "properties.ssl.ca")
}

// alsoTrusting trusts the system's certificates and more.
func alsoTrusting(more []byte) (*tls.Config, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if more != nil && !pool.AppendCertsFromPEM(more) {
		return nil, errNoCertificate
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}, nil
}

var errNoCertificate = errors.New("option 'properties.ssl.truststore.location': holds no PEM certificate")

func tlsConfig(o *options, t connectors.Table) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	trust, err := o.trust(t)
	if err != nil {
		return nil, err
	}
	if trust != nil {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(trust) {
			return nil, errNoCertificate
		}
	}
	if err := clientCertificate(o, t, c); err != nil {
		return nil, err
	}
	if o.text("properties.ssl.endpoint.identification.algorithm") == "" {
		anyName(c)
	}
	return c, nil
}

// pem is the text of the first option that is set; those named location and ca
// are files.
func (o *options) pem(t connectors.Table, names ...string) ([]byte, error) {
	for _, name := range names {
		value, set := o.values[name]
		switch {
		case !set:
		case strings.HasSuffix(name, ".location") || strings.HasSuffix(name, ".ca"):
			if !filepath.IsAbs(value) {
				value = filepath.Join(t.Dir, value)
			}
			text, err := t.Access.ReadKey(value)
			if err != nil {
				return nil, fmt.Errorf("option '%s': %w", name, err)
			}
			return text, nil
		default:
			return []byte(value), nil
		}
	}
	return nil, nil
}

func clientCertificate(o *options, t connectors.Table, c *tls.Config) error {
	chain, err := o.pem(t, "properties.ssl.keystore.certificate.chain", "properties.ssl.keystore.location")
	if err != nil || chain == nil {
		return err
	}
	key, err := o.pem(t, "properties.ssl.keystore.key", "properties.ssl.keystore.location")
	if err != nil {
		return err
	}
	cert, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return fmt.Errorf("options 'properties.ssl.keystore.…': %w", err)
	}
	c.Certificates = []tls.Certificate{cert}
	return nil
}

// anyName checks the broker's certificate chain but not its name.
func anyName(c *tls.Config) {
	roots := c.RootCAs
	c.InsecureSkipVerify = true // replaced by:
	c.VerifyConnection = func(s tls.ConnectionState) error {
		o := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
		for _, cert := range s.PeerCertificates[1:] {
			o.Intermediates.AddCert(cert)
		}
		_, err := s.PeerCertificates[0].Verify(o)
		return err
	}
}

func saslMechanism(o *options, t connectors.Table) (sasl.Mechanism, error) {
	if o.text("properties.sasl.mechanism") == mechanismBearer {
		return oauth(o, t)
	}
	user, password, err := credentials(o)
	if err != nil {
		return nil, err
	}
	switch o.text("properties.sasl.mechanism") {
	case "SCRAM-SHA-256":
		return scram.Mechanism(scram.SHA256, user, password)
	case "SCRAM-SHA-512":
		return scram.Mechanism(scram.SHA512, user, password)
	}
	return plain.Mechanism{Username: user, Password: password}, nil
}

func credentials(o *options) (user, password string, err error) {
	user, password = o.text("properties.sasl.username"), o.text("properties.sasl.password")
	if text := o.text(optJAAS); text != "" {
		entries, err := parseJAAS(text)
		if err != nil {
			return "", "", fmt.Errorf("option '%s': %w", optJAAS, err)
		}
		user, password = entries["username"], entries["password"]
	}
	if user == "" {
		return "", "", errors.New("SASL needs 'properties.sasl.username' and 'properties.sasl.password', or 'properties.sasl.jaas.config'")
	}
	return user, password, nil
}
