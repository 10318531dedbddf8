package main

import (
	"context"
	"crypto/tls"
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
	"github.com/cepd/cepd/connectors/all"
	"github.com/cepd/cepd/connectors/http"
	"github.com/cepd/cepd/connectors/stream"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/trace"
	"github.com/cepd/cepd/state/intake"
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
/metrics for Prometheus, /healthz, /readyz, and / with the web page.

The default address is reachable from this machine only, and whoever reaches it
may do everything. Other addresses want a login (auth) and encryption (tls) in the
configuration, or --insecure. Queries reach files in the folder files of the data
directory only, unless the configuration says otherwise.

The configuration file is YAML; docs/operations.md lists its keys. A key that is
not known is an error.`,
		Example: "  cepd serve --data-dir /var/lib/cepd\n  cepd serve --config cepd.yaml --log-format json",
	}
	c.Flags().StringVar(&file, "config", "", "configuration `file` (YAML)")
	c.Flags().StringVar(&flags.Listen, "listen", flags.Listen, "address to listen at, host:port")
	c.Flags().StringVar(&flags.DataDir, "data-dir", "", "directory for queries and state; made if it is not there")
	c.Flags().BoolVar(&flags.insecure, "insecure", false, "listen at any address, without login and encryption")
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
		cfg.insecure = flags.insecure
		if err := cfg.validateListen(); err != nil {
			return usageError{err}
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
	log.Info("listening", "address", s.scheme()+"://"+listener.Addr().String(), "version", version)
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
	service    *api.Service
	metrics    *prometheus.Registry
	protection api.Protection
	encryption *tls.Config   // nil: none
	tracer     *trace.Tracer // nil: none
	log        *slog.Logger
	closing    sync.Once
	closed     error
}

func newServer(cfg config, log *slog.Logger) (*server, error) {
	s := &server{metrics: newMetrics()}
	o := engineOptions(log)
	var err error
	if o.Access, o.Dir, err = cfg.access(); err != nil {
		return nil, err
	}
	s.log = slog.New(o.Access.LogHandler(log.Handler()))
	if err := s.protect(cfg); err != nil {
		return nil, err
	}
	o.Metrics, o.Workers = s.metrics, cfg.Workers
	o.CommitInterval, o.SnapshotInterval, o.SnapshotBytes = cfg.CommitInterval, cfg.SnapshotInterval, cfg.SnapshotBytes
	o.Defaults, o.Maxima = cfg.QueryDefaults, cfg.QueryLimits
	if cfg.DataDir != "" {
		o.DataDir = filepath.Join(cfg.DataDir, "state")
	}
	if s.tracer, err = newTracer(cfg.Traces, s.log); err != nil {
		return nil, errors.Join(err, s.protection.Audit.Close())
	}
	o.Spans = s.tracer
	logs := intake.New(clock.Wall{})
	hub := stream.NewHub(logs)
	o.Registry = all.New(append(all.Received(logs), http.New(logs), http.NewParameters(logs), stream.New(hub))...)
	e, err := engine.New(o)
	if err != nil {
		return nil, errors.Join(err, s.protection.Audit.Close())
	}
	if err := logs.Open(e.Store()); err != nil {
		return nil, errors.Join(err, e.Close(context.Background()), s.protection.Audit.Close())
	}
	if s.service, err = api.NewService(cfg.DataDir, api.EngineRunner{Engine: e, Logs: logs, Hub: hub}, s.log); err != nil {
		logs.Close()
		return nil, errors.Join(err, e.Close(context.Background()), s.protection.Audit.Close())
	}
	s.metrics.MustRegister(api.IntakeMetrics(logs), api.StreamMetrics(hub, logs))
	s.service.UseBackups(cfg.Backup.To)
	s.service.Audit = s.protection.Audit
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
	if err := api.Serve(ctx, l, api.NewHandler(s.service, s.metrics, version, s.protection), s.encryption, s.log); err != nil {
		return fmt.Errorf("http: %w", err)
	}
	return nil
}

// close stops the queries in order; only the first call does something.
func (s *server) close() error {
	s.closing.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		s.closed = errors.Join(s.service.Close(ctx), s.protection.Audit.Close())
		s.tracer.Close(ctx)
	})
	return s.closed
}
