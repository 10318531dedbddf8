package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"

	"github.com/cepd/cepd/api"
	"github.com/cepd/cepd/engine"
)

func newServe(g *global) *cobra.Command {
	var file string
	flags := defaultConfig()
	c := &cobra.Command{
		Use: "serve", Short: "Run a server that queries are submitted to", Args: noArgs,
		Long: `serve runs queries that are submitted over HTTP, by "cepd query submit" or any
client. With --data-dir its tables, queries and their state are kept, and a
restart goes on with them; without, they are gone with the process.

Paths: /v1/queries, /v1/tables, /v1/validate (described by /v1/openapi.json),
/metrics for Prometheus, /healthz, /readyz, and / with a status page.

There is no login: whoever reaches the address may run queries, which read and
write files and brokers with the rights of the process. The default address is
reachable from this machine only.

The configuration file is YAML with the keys listen, data_dir, workers,
commit_interval, snapshot_interval, snapshot_bytes and backup (to, every, keep);
another key is an error.`,
		Example: "  cepd serve --data-dir /var/lib/cepd\n  cepd serve --config cepd.yaml --log-format json",
	}
	c.Flags().StringVar(&file, "config", "", "configuration `file` (YAML)")
	c.Flags().StringVar(&flags.Listen, "listen", flags.Listen, "address to listen at, host:port")
	c.Flags().StringVar(&flags.DataDir, "data-dir", "", "directory for queries and state; made if it is not there")
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg, err := readConfig(file)
		if err != nil {
			return usageError{err}
		}
		if c.Flags().Changed("listen") {
			cfg.Listen = flags.Listen
		}
		if c.Flags().Changed("data-dir") {
			cfg.DataDir = flags.DataDir
		}
		if !c.Flags().Changed("log-level") {
			g.logLevel = "info"
		}
		log, err := g.logger()
		if err != nil {
			return err
		}
		return serve(c.Context(), cfg, log)
	}
	return c
}

// serve runs a server until the context ends.
func serve(ctx context.Context, cfg config, log *slog.Logger) error {
	if cfg.DataDir == "" {
		log.Warn("no data directory: queries and their state are gone with this process")
	}
	s, err := newServer(cfg, log)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return errors.Join(err, s.close())
	}
	log.Info("listening", "address", "http://"+listener.Addr().String(), "version", version)
	ctx, cancel := context.WithCancel(ctx)
	retried := make(chan struct{})
	go func() {
		defer close(retried)
		s.service.Retry(ctx)
	}()
	backups := make(chan struct{})
	go func() {
		defer close(backups)
		newBackupSchedule(s, cfg.Backup).run(ctx)
	}()
	err = s.serve(ctx, listener)
	cancel()
	<-retried
	<-backups
	log.Info("stopping")
	return errors.Join(err, s.close())
}

// server is an engine with its API.
type server struct {
	service *api.Service
	metrics *prometheus.Registry
	log     *slog.Logger
	closing sync.Once
	closed  error
}

func newServer(cfg config, log *slog.Logger) (*server, error) {
	s := &server{metrics: newMetrics(), log: log}
	o := engineOptions(log)
	o.Metrics, o.Workers = s.metrics, cfg.Workers
	o.CommitInterval, o.SnapshotInterval, o.SnapshotBytes = cfg.CommitInterval, cfg.SnapshotInterval, cfg.SnapshotBytes
	if cfg.DataDir != "" {
		o.DataDir = filepath.Join(cfg.DataDir, "state")
	}
	e, err := engine.New(o)
	if err != nil {
		return nil, err
	}
	if s.service, err = api.NewService(cfg.DataDir, api.EngineRunner{Engine: e}, log); err != nil {
		return nil, errors.Join(err, e.Close(context.Background()))
	}
	s.service.UseBackups(cfg.Backup.To)
	return s, nil
}

func newMetrics() *prometheus.Registry {
	r := prometheus.NewRegistry()
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "cepd_build_info", Help: "1, with the version.",
		ConstLabels: prometheus.Labels{"version": version, "go": runtime.Version()}})
	build.Set(1)
	r.MustRegister(build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

func (s *server) serve(ctx context.Context, l net.Listener) error {
	if err := api.Serve(ctx, l, api.NewHandler(s.service, s.metrics, version), s.log); err != nil {
		return fmt.Errorf("http: %w", err)
	}
	return nil
}

// close stops the queries in order; only the first call does something.
func (s *server) close() error {
	s.closing.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		s.closed = s.service.Close(ctx)
	})
	return s.closed
}
