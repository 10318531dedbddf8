package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/cepd/cepd/api/audit"
	"github.com/cepd/cepd/api/auth"
	"github.com/cepd/cepd/internal/access"
)

// What a server allows where its configuration says nothing.
var (
	defaultNetwork   = []string{"*:*"} // but not the addresses of a link: access refuses them
	defaultSecretEnv = []string{"CEPD_SECRET_*"}
)

func (c *config) validateSecurity() error {
	switch {
	case len(c.Auth.Certificates) > 0 && c.TLS.ClientCAFile == "":
		return errors.New("auth.certificates needs tls.client_ca_file")
	case c.TLS.ClientCAFile != "" && len(c.Auth.Certificates) == 0:
		return errors.New("tls.client_ca_file needs auth.certificates: subjects and their roles")
	}
	return nil
}

// login says whether users have to say who they are.
func (c *config) login() bool { return c.Auth.TokensFile != "" || len(c.Auth.Certificates) > 0 }

func (c *config) encrypted() bool { return c.TLS != auth.TLS{} }

// validateListen refuses an address that others reach, without a login or with
// tokens in the clear.
func (c *config) validateListen() error {
	switch {
	case c.insecure || onThisMachine(c.Listen):
		return nil
	case !c.login():
		return fmt.Errorf("listen %s: others reach this address, and there is no login: configure auth, listen at 127.0.0.1, or say --insecure", c.Listen)
	case !c.encrypted():
		return fmt.Errorf("listen %s: tokens would travel in the clear: configure tls, listen at 127.0.0.1 behind a proxy, or say --insecure", c.Listen)
	}
	return nil
}

// onThisMachine says whether only this machine reaches an address.
func onThisMachine(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// access is what queries may reach, and the folder where their relative paths
// start.
func (c *config) access() (*access.Policy, string, error) {
	roots := c.Files.Roots
	if roots == nil && c.DataDir != "" {
		dir := filepath.Join(c.DataDir, "files")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, "", fmt.Errorf("data directory: %w", err)
		}
		roots = []string{dir}
	}
	for _, folder := range append(roots[:len(roots):len(roots)], c.Secrets.Dirs...) {
		if err := c.apart(folder); err != nil {
			return nil, "", err
		}
	}
	network, env := c.Network.Allow, c.Secrets.Env
	if network == nil {
		network = defaultNetwork
	}
	if env == nil {
		env = defaultSecretEnv
	}
	p, err := access.New(access.Config{Roots: roots, Network: network, SecretEnv: env, SecretDirs: c.Secrets.Dirs, Literals: c.Secrets.Literals})
	if err != nil || len(roots) == 0 {
		return p, "", err
	}
	dir, err := filepath.Abs(roots[0])
	return p, dir, err
}

// apart refuses a folder for queries in which the server keeps its own files.
func (c *config) apart(folder string) error {
	for _, own := range []string{c.dataFile("registry.json"), c.dataFile("state"), c.auditFile(), c.Auth.TokensFile, c.TLS.KeyFile} {
		if own != "" && (below(folder, own) || below(own, folder)) {
			return fmt.Errorf("files.roots, secrets.dirs: %s and the server's own %s must lie apart", folder, own)
		}
	}
	return nil
}

func (c *config) dataFile(name string) string {
	if c.DataDir == "" {
		return ""
	}
	return filepath.Join(c.DataDir, name)
}

func below(folder, file string) bool {
	rel, err := filepath.Rel(withoutLinks(folder), withoutLinks(file))
	return err == nil && filepath.IsLocal(rel)
}

// withoutLinks is a path without links, as far as it exists.
func withoutLinks(path string) string {
	path, _ = filepath.Abs(path)
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		return resolved
	}
	if dir := filepath.Dir(path); dir != path {
		return filepath.Join(withoutLinks(dir), filepath.Base(path))
	}
	return path
}

func (c *config) auditFile() string {
	if c.Audit.File != "" {
		return c.Audit.File
	}
	return c.dataFile(filepath.Join("audit", "audit.jsonl"))
}

// protect makes what stands before the API.
func (s *server) protect(c config) (err error) {
	p := &s.protection
	p.Log, p.OpenMetrics = s.log, c.Auth.OpenMetrics
	if p.Auth, err = auth.New(auth.Config{TokenFile: c.Auth.TokensFile, Certificates: c.Auth.Certificates}, s.log); err != nil {
		return fmt.Errorf("auth: %w", err)
	}
	if c.encrypted() {
		if s.encryption, err = c.TLS.Config(c.TLS.ClientCAFile != "" && c.Auth.TokensFile == "", s.log); err != nil {
			return err
		}
	}
	if file := c.auditFile(); file != "" {
		p.Audit, err = audit.Open(file, c.Audit.MaxBytes, c.Audit.MaxFiles)
	}
	return err
}

func (s *server) scheme() string {
	if s.encryption != nil {
		return "https"
	}
	return "http"
}
