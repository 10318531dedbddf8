package stream

import (
	"strconv"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/pushed"
	"github.com/cepd/cepd/internal/duration"
	"github.com/cepd/cepd/state/intake"
)

// Name is the connector's.
const Name = "stream"

// The options.
const (
	optBytes   = "retention.bytes"
	optAge     = "retention.age"
	optReaders = "max-readers"
)

// What is kept of a table, and how many read it, where nothing is said.
const (
	defaultBytes   = 64 << 20
	defaultAge     = 24 * time.Hour
	defaultReaders = 100
)

// MaxRow is how many bytes a row may have, as JSON.
const MaxRow = 512 << 10

type connector struct{ hub *Hub }

// New is the connector 'stream', whose tables are those of a server; nil: there is
// none, and nothing can be written.
func New(hub *Hub) connectors.Connector { return connector{hub} }

func (connector) Name() string                        { return Name }
func (connector) Metadata() []connectors.MetadataSpec { return nil }

func (connector) Options() []connectors.OptionSpec {
	refusal := connectors.RefusalSpecs()
	refusal[0].Values = []string{string(connectors.RefusalFail), string(connectors.RefusalSkip), string(connectors.RefusalDeadLetter)} // a row that is too large stays so
	refusal[0].Doc = "What becomes of a row above 512 KiB: fail, skip, dead-letter. Default: fail; with a table for dead letters, dead-letter."
	return append([]connectors.OptionSpec{
		{Name: optBytes, Default: strconv.Itoa(defaultBytes), Doc: "Bytes of rows that are kept for readers; without a data directory 64 MiB at most.", Check: connectors.CheckInt(1<<20, 1<<40)},
		{Name: optAge, Default: "1 d", Doc: "How long rows are kept.", Check: pushed.CheckAge},
		{Name: optReaders, Default: strconv.Itoa(defaultReaders), Doc: "Readers at a time; more are refused.", Check: connectors.CheckInt(1, MaxReaders)},
	}, refusal...)
}

// Source implements connectors.Connector. A query that read the table could hold
// up the one that writes it.
func (connector) Source(connectors.Table) (connectors.Source, error) {
	return nil, connectors.ErrNotSource
}

// Sink implements connectors.Connector.
func (c connector) Sink(t connectors.Table) (connectors.Sink, error) { return newSink(c.hub, t) }

// Limits are how much of a table's rows is kept.
func Limits(options map[string]string) intake.Limits {
	l := intake.Limits{Bytes: connectors.Table{Options: options}.Int(optBytes, defaultBytes), Age: defaultAge, Streamed: true}
	if d, err := duration.Parse(options[optAge]); err == nil {
		l.Age = d
	}
	return l
}
