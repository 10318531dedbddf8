// Package confluent is what formats with a schema registry share: the head of
// their records and the options that lead to the registry.
//
//	00 | schema id, 4 bytes big-endian | body
package confluent

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/access"
	"github.com/cepd/cepd/internal/schemaregistry"
)

// HeadLen is the length of a record's head, in bytes.
const HeadLen = 5

// Head reads the head of a record; ok is false when it has none.
func Head(record []byte) (id int, ok bool) {
	if len(record) < HeadLen || record[0] != 0 {
		return 0, false
	}
	return int(binary.BigEndian.Uint32(record[1:])), true
}

// NoHead is why a record without a head cannot be used.
func NoHead(record []byte, format string) string {
	if len(record) < HeadLen {
		return fmt.Sprintf("%d bytes are too few for a schema id", len(record))
	}
	return fmt.Sprintf("no schema id: expected byte 0, found %d (is the format '%s' without a registry?)", record[0], format)
}

// AppendHead writes the head of a record.
func AppendHead(dst []byte, id int) []byte {
	return binary.BigEndian.AppendUint32(append(dst, 0), uint32(id))
}

// Specs lists the options of a format, whose names start with its own.
func Specs(format string) []connectors.OptionSpec {
	return []connectors.OptionSpec{
		{Name: format + ".url", Required: true, Check: checkURLs, Doc: "Schema registries to ask: URLs, separated by commas."},
		{Name: format + ".subject", Doc: "Subject under which a sink registers its schema; of Kafka, the topic followed by -value unless set."},
		{Name: format + ".basic-auth.credentials-source", Values: []string{"USER_INFO"}, Doc: "Where user and password come from: USER_INFO, the option."},
		{Name: format + ".basic-auth.user-info", Secret: true, Check: checkUserInfo, Doc: "user:password for the registry."},
		{Name: format + ".bearer-auth.credentials-source", Values: []string{"STATIC_TOKEN"}, Doc: "Where the token comes from: STATIC_TOKEN, the option."},
		{Name: format + ".bearer-auth.token", Secret: true, Doc: "Token for the registry."},
		{Name: format + ".ssl.truststore.location", Doc: "PEM file of certificates that may sign the registry's; the system's unless set."},
		{Name: format + ".ssl.keystore.location", Doc: "PEM file with a certificate and its key, to show to the registry."},
	}
}

func checkURLs(value string) error {
	for text := range strings.SplitSeq(value, ",") {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return fmt.Errorf("expected a URL http://… or https://…")
		}
		if u.User != nil {
			return fmt.Errorf("a URL must not hold a password; use '.basic-auth.user-info'")
		}
	}
	return nil
}

func checkUserInfo(value string) error {
	if !strings.Contains(value, ":") {
		return fmt.Errorf("expected user:password")
	}
	return nil
}

// NewClient makes the client that the options of a table's format describe; get
// gives an option's text, "" when absent.
func NewClient(format string, get func(string) string, t connectors.Table) (*schemaregistry.Client, error) {
	option := func(name string) string { return get(format + name) }
	if option(".url") == "" {
		return nil, fmt.Errorf("option '%s.url' is missing", format)
	}
	c := schemaregistry.Config{URLs: strings.Split(option(".url"), ","), Token: option(".bearer-auth.token"), Access: t.Access}
	c.User, c.Password, _ = strings.Cut(option(".basic-auth.user-info"), ":")
	if c.User != "" && c.Token != "" {
		return nil, fmt.Errorf("options '%s.basic-auth.user-info' and '%s.bearer-auth.token' exclude each other", format, format)
	}
	var err error
	if c.TLS, err = encryption(option(".ssl.truststore.location"), option(".ssl.keystore.location"), t); err != nil {
		return nil, err
	}
	for _, text := range c.URLs {
		if err := checkAddress(t.Access, text); err != nil {
			return nil, connectors.OptionError{Key: format + ".url", Message: fmt.Sprintf("option '%s.url': %v", format, err)}
		}
	}
	return schemaregistry.New(c, t.Log)
}

// checkAddress says early that a registry may not be asked.
func checkAddress(p *access.Policy, text string) error {
	u, err := url.Parse(text)
	if err != nil {
		return err
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return p.CheckAddress(net.JoinHostPort(u.Hostname(), port))
}

func encryption(trust, key string, t connectors.Table) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if trust != "" {
		text, err := t.Access.ReadKey(absolute(t.Dir, trust))
		if err != nil {
			return nil, err
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s holds no PEM certificate", trust)
		}
	}
	if key != "" {
		text, err := t.Access.ReadKey(absolute(t.Dir, key))
		if err != nil {
			return nil, err
		}
		pair, err := tls.X509KeyPair(text, text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

func absolute(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// Subject is the subject that a sink's schema is registered under.
func Subject(format string, get func(string) string, t connectors.Table) (string, error) {
	if s := get(format + ".subject"); s != "" {
		return s, nil
	}
	if topic := t.Options["topic"]; topic != "" {
		return topic + "-value", nil
	}
	return "", fmt.Errorf("option '%s.subject' is missing", format)
}
