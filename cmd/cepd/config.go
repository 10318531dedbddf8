package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/cepd/cepd/api/auth"
)

// config is the server's configuration file. Flags given on the command line
// come before it.
type config struct {
	Listen           string        `yaml:"listen"`
	DataDir          string        `yaml:"data_dir"`
	Workers          int           `yaml:"workers"`
	CommitInterval   time.Duration `yaml:"commit_interval"`
	SnapshotInterval time.Duration `yaml:"snapshot_interval"`
	SnapshotBytes    int64         `yaml:"snapshot_bytes"`
	Backup           backupConfig  `yaml:"backup"`
	Traces           tracesConfig  `yaml:"traces"`

	TLS     auth.TLS      `yaml:"tls"`
	Auth    authConfig    `yaml:"auth"`
	Audit   auditConfig   `yaml:"audit"`
	Files   filesConfig   `yaml:"files"`
	Network networkConfig `yaml:"network"`
	Secrets secretsConfig `yaml:"secrets"`

	QueryDefaults map[string]string `yaml:"query_defaults"` // settings of queries that do not say
	QueryLimits   map[string]string `yaml:"query_limits"`   // settings that none may go above

	insecure bool // --insecure: listen anywhere without login or encryption
}

// backupConfig is where and when a server backs itself up.
type backupConfig struct {
	To    string        `yaml:"to"`    // file:///folder or s3://bucket/prefix
	Every time.Duration `yaml:"every"` // 0: only when asked to
	Keep  int           `yaml:"keep"`  // the newest; 0: all
}

func (b *backupConfig) validate() error {
	switch {
	case b.Every < 0 || b.Every > 0 && b.Every < time.Second:
		return fmt.Errorf("backup.every: %v is less than a second", b.Every)
	case b.Keep < 0:
		return errors.New("backup.keep must not be negative")
	case b.To == "" && (b.Every > 0 || b.Keep > 0):
		return errors.New("backup.to is missing: file:///folder or s3://bucket/prefix")
	}
	return nil
}

// authConfig says who may use the server; without either, everybody.
type authConfig struct {
	TokensFile   string             `yaml:"tokens_file"`
	Certificates []auth.Certificate `yaml:"certificates"`
	OpenMetrics  bool               `yaml:"open_metrics"`
}

type auditConfig struct {
	File     string `yaml:"file"` // default audit/audit.jsonl in the data directory
	MaxBytes int64  `yaml:"max_bytes"`
	MaxFiles int    `yaml:"max_files"`
}

type filesConfig struct {
	Roots []string `yaml:"roots"` // default files in the data directory
}

type networkConfig struct {
	Allow []string `yaml:"allow"`
}

type secretsConfig struct {
	Env      []string `yaml:"env"`
	Dirs     []string `yaml:"dirs"`
	Literals bool     `yaml:"literals"`
}

func defaultConfig() config { return config{Listen: "127.0.0.1:8080"} }

// readConfig reads a file; a key that it does not know is an error.
func readConfig(name string) (config, error) {
	c := defaultConfig()
	if name == "" {
		return c, nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return c, err
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return c, fmt.Errorf("%s: %s", name, strings.ReplaceAll(err.Error(), " not found in type main.config", " is no key of the configuration"))
	}
	if err := c.validate(); err != nil {
		return c, fmt.Errorf("%s: %w", name, err)
	}
	return c, nil
}

func (c *config) validate() error {
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return fmt.Errorf("listen: want host:port: %w", err)
	}
	for name, d := range map[string]time.Duration{"commit_interval": c.CommitInterval, "snapshot_interval": c.SnapshotInterval} {
		if d < 0 || d != 0 && d < time.Millisecond {
			return fmt.Errorf("%s: %v is less than a millisecond", name, d)
		}
	}
	if c.Workers < 0 || c.SnapshotBytes < 0 || c.Audit.MaxBytes < 0 || c.Audit.MaxFiles < 0 {
		return errors.New("workers, snapshot_bytes, audit.max_bytes and audit.max_files must not be negative")
	}
	return errors.Join(c.validateSecurity(), c.Backup.validate())
}
