// Package all is every connector and format there is.
package all

import (
	"slices"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/blackhole"
	"github.com/cepd/cepd/connectors/datagen"
	"github.com/cepd/cepd/connectors/email"
	"github.com/cepd/cepd/connectors/file"
	"github.com/cepd/cepd/connectors/filesystem"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/connectors/formats/cloudevents"
	"github.com/cepd/cepd/connectors/http"
	"github.com/cepd/cepd/connectors/jdbc"
	"github.com/cepd/cepd/connectors/kafka"
	"github.com/cepd/cepd/connectors/memory"
	"github.com/cepd/cepd/connectors/mqtt"
	"github.com/cepd/cepd/connectors/nats"
	"github.com/cepd/cepd/connectors/stdio"
	"github.com/cepd/cepd/connectors/stream"
	"github.com/cepd/cepd/connectors/syslog"
	"github.com/cepd/cepd/state/intake"
)

// New is a registry of all connectors. extra are added, or replace those of
// the same name: a program that embeds the engine gives memory.New of its own
// store.
func New(extra ...connectors.Connector) *connectors.Registry {
	return connectors.NewRegistry(formats.Specs(), append([]connectors.Connector{
		withFormat{kafka.New(formats.NewEncoder).(past)},
		withFormat{kafka.NewUpsert(formats.NewEncoder).(past)},
		file.New(),
		filesystem.New(),
		http.New(nil),
		http.NewParameters(nil),
		http.NewSlack(),
		email.New(),
		jdbc.New(),
		nats.New(),
		mqtt.New(nil),
		syslog.New(nil),
		stdio.NewStdin(),
		stdio.NewStdout(),
		stream.New(nil),
		datagen.New(time.Now),
		memory.New(memory.NewStore(0)),
		blackhole.New(),
	}, extra...)...)
}

// Received are the connectors whose tables keep what comes in logs.
func Received(logs *intake.Logs) []connectors.Connector {
	return []connectors.Connector{mqtt.New(logs), syslog.New(logs)}
}

// withFormat adds the options that choose the format to a connector that is
// given its encoder from here.
type withFormat struct{ past }

// past is a connector whose tables can be read again, and from a time on.
type past interface {
	connectors.Connector
	connectors.Historian
	connectors.Rewinder
}

// Source implements connectors.Connector. That records cannot be decoded is
// found before the first comes.
func (c withFormat) Source(t connectors.Table) (connectors.Source, error) {
	if _, err := formats.NewDecoder(t); err != nil {
		return nil, err
	}
	return c.past.Source(t)
}

// Options implements connectors.Connector.
func (c withFormat) Options() []connectors.OptionSpec {
	format := formats.Spec()
	format.Required = false
	value := format
	value.Name = "value.format"
	value.Doc = "As format, which it takes the place of; options of the format then start with value."
	return slices.Concat(c.past.Options(), []connectors.OptionSpec{format, value}, cloudevents.Specs())
}
