package kafka

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// security makes TLS and SASL of the options; relative paths start in dir.
func security(o *options, dir string) (*tls.Config, sasl.Mechanism, error) {
	protocol := o.text("properties.security.protocol")
	var encryption *tls.Config
	var mechanism sasl.Mechanism
	var err error
	if strings.HasSuffix(protocol, "SSL") {
		if encryption, err = tlsConfig(o, dir); err != nil {
			return nil, nil, err
		}
	} else if name := o.given("properties.ssl."); name != "" {
		return nil, nil, fmt.Errorf("option '%s' needs 'properties.security.protocol' = 'SSL' or 'SASL_SSL'", name)
	}
	if strings.HasPrefix(protocol, "SASL") {
		mechanism, err = saslMechanism(o)
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

func tlsConfig(o *options, dir string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	trust, err := o.pem(dir, "properties.ssl.truststore.certificates", "properties.ssl.truststore.location", "properties.ssl.ca")
	if err != nil {
		return nil, err
	}
	if trust != nil {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(trust) {
			return nil, errors.New("option 'properties.ssl.truststore.location': holds no PEM certificate")
		}
	}
	if err := clientCertificate(o, dir, c); err != nil {
		return nil, err
	}
	if o.text("properties.ssl.endpoint.identification.algorithm") == "" {
		anyName(c)
	}
	return c, nil
}

// pem is the text of the first option that is set; those named location and ca
// are files.
func (o *options) pem(dir string, names ...string) ([]byte, error) {
	for _, name := range names {
		value, set := o.values[name]
		switch {
		case !set:
		case strings.HasSuffix(name, ".location") || strings.HasSuffix(name, ".ca"):
			if !filepath.IsAbs(value) {
				value = filepath.Join(dir, value)
			}
			text, err := os.ReadFile(value)
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

func clientCertificate(o *options, dir string, c *tls.Config) error {
	chain, err := o.pem(dir, "properties.ssl.keystore.certificate.chain", "properties.ssl.keystore.location")
	if err != nil || chain == nil {
		return err
	}
	key, err := o.pem(dir, "properties.ssl.keystore.key", "properties.ssl.keystore.location")
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

func saslMechanism(o *options) (sasl.Mechanism, error) {
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
	const jaas = "properties.sasl.jaas.config"
	user, password = o.text("properties.sasl.username"), o.text("properties.sasl.password")
	if text := o.text(jaas); text != "" {
		entries, err := parseJAAS(text)
		if err != nil {
			return "", "", fmt.Errorf("option '%s': %w", jaas, err)
		}
		user, password = entries["username"], entries["password"]
	}
	if user == "" {
		return "", "", errors.New("SASL needs 'properties.sasl.username' and 'properties.sasl.password', or 'properties.sasl.jaas.config'")
	}
	return user, password, nil
}

// parseJAAS reads a login module entry as Java configures it:
//
//	org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="p";
//
// The text is never part of an error, as it holds the password.
func parseJAAS(s string) (map[string]string, error) {
	module, s := word(s)
	switch module[strings.LastIndexByte(module, '.')+1:] {
	case "PlainLoginModule", "ScramLoginModule":
	default:
		return nil, errors.New("only PlainLoginModule and ScramLoginModule are supported")
	}
	flag, s := word(s)
	if flag != "required" {
		return nil, errors.New("'required' is missing after the module")
	}
	out := map[string]string{}
	for {
		s = strings.TrimSpace(s)
		if s == ";" {
			return out, nil
		}
		name, rest, ok := strings.Cut(s, "=")
		if !ok {
			return nil, errors.New("want name=\"value\" pairs and a closing ';'")
		}
		value, rest, err := jaasValue(strings.TrimSpace(rest))
		if err != nil {
			return nil, err
		}
		out[strings.TrimSpace(name)], s = value, rest
	}
}

const space = " \t\r\n"

// word cuts the first word off.
func word(s string) (first, rest string) {
	s = strings.TrimLeft(s, space)
	end := strings.IndexAny(s, space)
	if end < 0 {
		return s, ""
	}
	return s[:end], s[end:]
}

// jaasValue reads a value, quoted (with backslash escapes) or bare.
func jaasValue(s string) (value, rest string, err error) {
	if s == "" || s[0] != '"' && s[0] != '\'' {
		end := strings.IndexAny(s, space+";")
		if end < 0 {
			return "", "", errors.New("the closing ';' is missing")
		}
		return s[:end], s[end:], nil
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == s[0]:
			return b.String(), s[i+1:], nil
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return "", "", errors.New("a quote is not closed")
}
