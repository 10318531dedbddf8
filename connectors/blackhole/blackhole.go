// Package blackhole is the sink that keeps nothing, for measuring and trying.
package blackhole

import (
	"context"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

type connector struct{}

// New is the connector 'blackhole'.
func New() connectors.Connector { return connector{} }

func (connector) Name() string                        { return "blackhole" }
func (connector) Options() []connectors.OptionSpec    { return nil }
func (connector) Metadata() []connectors.MetadataSpec { return nil }

func (connector) Source(connectors.Table) (connectors.Source, error) {
	return nil, connectors.ErrNotSource
}

func (connector) Sink(connectors.Table) (connectors.Sink, error) { return sink{}, nil }

type sink struct{}

func (sink) Open(context.Context) error                { return nil }
func (sink) Write(context.Context, *event.Batch) error { return nil }
func (sink) Flush(context.Context) error               { return nil }
func (sink) Close() error                              { return nil }
