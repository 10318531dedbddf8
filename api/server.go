package api

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/cepd/cepd/internal/backtest"
)

// The limits of a request.
const (
	maxBodyBytes   = 2 << 20
	maxHeaderBytes = 64 << 10
	readTimeout    = 30 * time.Second
	writeTimeout   = 60 * time.Second
	idleTimeout    = 2 * time.Minute
	stopTimeout    = 10 * time.Second
)

// NewHandler is the whole of the server's paths.
func NewHandler(s *Service, metrics prometheus.Gatherer, version string, p Protection) http.Handler {
	useProblem()
	mux := http.NewServeMux()
	config := huma.DefaultConfig("cepd", version)
	config.Info.Description = "Complex event processing: queries over streams, submitted, listed, inspected and dropped."
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "/v1/openapi", "", ""
	config.CreateHooks = nil
	config.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	config.Components.SecuritySchemes = securitySchemes
	register(humago.New(mux, config), s)
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", readyz(s))
	mux.HandleFunc("GET /{$}", page(version, !p.open()))
	mux.HandleFunc("GET /assets/{file}", assets())
	mux.HandleFunc("GET /login", loginPage)
	mux.HandleFunc("POST /login", p.login)
	mux.HandleFunc("POST /logout", p.logout)
	mux.HandleFunc("GET /links/{name}/{token}", s.followLink)
	mux.HandleFunc("POST /links/{name}/{token}", s.confirmLink)
	mux.HandleFunc("/", notThere)
	return p.protect(mux, newReplays(s.dir, s.now, s.log))
}

// schemaName is that of a type: those of back-tests say so, as others of the same
// names are about something else.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.PkgPath() == reflect.TypeFor[backtest.Report]().PkgPath() {
		name = "Backtest" + name
	}
	return name
}

func notThere(w http.ResponseWriter, r *http.Request) {
	writeProblem(w, newProblem(http.StatusNotFound, "there is nothing at "+r.URL.Path+"; see /v1/openapi.json"))
}

func readyz(s *Service) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if !s.Ready() {
			http.Error(w, "starting or stopping", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	}
}

// Serve answers on the listener, with encryption unless that is nil, until the
// context ends, then lets requests under way finish.
func Serve(ctx context.Context, l net.Listener, h http.Handler, encryption *tls.Config, log *slog.Logger) error {
	server := &http.Server{
		Handler: guard(l.Addr(), h), MaxHeaderBytes: maxHeaderBytes, ReadHeaderTimeout: readTimeout, ReadTimeout: readTimeout,
		BaseContext: func(net.Listener) context.Context { return withClosing(ctx.Done()) },
		TLSConfig:   encryption, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		wait, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		stopped <- server.Shutdown(wait)
	}()
	serve := server.Serve
	if encryption != nil {
		serve = func(l net.Listener) error { return server.ServeTLS(l, "", "") }
	}
	if err := serve(limited(l, maxConnections)); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}
