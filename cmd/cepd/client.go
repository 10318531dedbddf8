package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/cepd/cepd/api/client"
)

// clientFlags say how to reach a server, and as whom.
type clientFlags struct {
	server, tokenFile, ca, cert, key string
}

func (f *clientFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.server, "server", defaultServer(), "address of the server")
	flags.StringVar(&f.tokenFile, "token-file", "", "`file` with the token, in place of CEPD_TOKEN")
	flags.StringVar(&f.ca, "ca", "", "PEM `file` of the certificates to trust, beside the system's")
	flags.StringVar(&f.cert, "cert", "", "PEM `file` of the client's certificate")
	flags.StringVar(&f.key, "key", "", "PEM `file` of the certificate's key")
}

// client makes the client of the flags.
func (f *clientFlags) client() (*client.Client, error) {
	o := client.Options{Token: os.Getenv("CEPD_TOKEN")}
	if f.tokenFile != "" {
		text, err := os.ReadFile(f.tokenFile)
		if err != nil {
			return nil, usagef("--token-file: %w", err)
		}
		o.Token = strings.TrimSpace(string(text))
	}
	var err error
	if o.HTTP, err = f.http(); err != nil {
		return nil, err
	}
	c, err := client.New(f.server, o)
	if err != nil {
		return nil, usagef("--server: %w", err)
	}
	return c, nil
}

// http is the way to the server; nil: the default one.
func (f *clientFlags) http() (*http.Client, error) {
	if f.ca == "" && f.cert == "" && f.key == "" {
		return nil, nil
	}
	encryption, err := f.encryption()
	if err != nil {
		return nil, usageError{err}
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig, transport.DisableKeepAlives = encryption, true
	return &http.Client{Transport: transport}, nil
}

func (f *clientFlags) encryption() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.ca != "" {
		text, err := os.ReadFile(f.ca)
		if err != nil {
			return nil, fmt.Errorf("--ca: %w", err)
		}
		if c.RootCAs, err = x509.SystemCertPool(); err != nil {
			c.RootCAs = x509.NewCertPool()
		}
		if !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("--ca %s holds no PEM certificate", f.ca)
		}
	}
	if f.cert == "" && f.key == "" {
		return c, nil
	}
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return nil, fmt.Errorf("--cert, --key: %w", err)
	}
	c.Certificates = []tls.Certificate{pair}
	return c, nil
}

// callLong is call for what takes as long as there is state.
func (f *clientFlags) callLong(ctx context.Context, method, path string, in, out any) error {
	c, err := f.client()
	if err != nil {
		return err
	}
	return c.DoLong(ctx, method, path, in, out)
}

// call asks the server of the flags.
func (f *clientFlags) call(ctx context.Context, method, path string, in, out any) error {
	c, err := f.client()
	if err != nil {
		return err
	}
	return c.Do(ctx, method, path, in, out)
}

func queryPath(name string) string { return "/v1/queries/" + url.PathEscape(name) }
