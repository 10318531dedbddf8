package main

import (
	"context"
	"log/slog"

	"github.com/cepd/cepd/internal/trace"
)

// tracesConfig is where traces go; without it, where OTEL_EXPORTER_OTLP_ENDPOINT says.
type tracesConfig struct {
	Endpoint string `yaml:"endpoint"`
}

// newTracer is nil when nobody asks for traces.
func newTracer(c tracesConfig, log *slog.Logger) (*trace.Tracer, error) {
	return trace.New(context.Background(), trace.Options{Endpoint: c.Endpoint, Version: version, Log: log})
}
