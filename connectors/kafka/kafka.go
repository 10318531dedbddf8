package kafka

import (
	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

// NewEncoder makes the encoder of a table's format.
type NewEncoder func(connectors.Table) (connectors.Encoder, error)

type connector struct{ newEncoder NewEncoder }

// New is the connector. newEncoder gives the encoder of record values, and of
// keys whose 'key.format' is a format.
func New(newEncoder func(connectors.Table) (connectors.Encoder, error)) connectors.Connector {
	return &connector{newEncoder}
}

func (c *connector) Name() string { return "kafka" }

func (c *connector) Options() []connectors.OptionSpec { return optionSpecs }

// The keys of metadata columns.
const (
	metaTopic         = "topic"
	metaPartition     = "partition"
	metaOffset        = "offset"
	metaTimestamp     = "timestamp"
	metaTimestampType = "timestamp-type"
	metaHeaders       = "headers"
	metaKey           = "key"
)

func (c *connector) Metadata() []connectors.MetadataSpec {
	text, binary := event.TString, event.TBytes
	return []connectors.MetadataSpec{
		{Key: metaTopic, Type: event.TString},
		{Key: metaPartition, Type: event.TInt32},
		{Key: metaOffset, Type: event.TInt64},
		{Key: metaTimestamp, Type: event.Type{Kind: event.TimestampLTZ, Precision: 3}, Writable: true},
		{Key: metaTimestampType, Type: event.TString},
		{Key: metaHeaders, Type: event.Type{Kind: event.Map, Key: &text, Elem: &binary}},
		{Key: metaKey, Type: event.TBytes},
	}
}

func (c *connector) Source(t connectors.Table) (connectors.Source, error) {
	cfg, err := parseSource(t)
	if err != nil {
		return nil, err
	}
	return newSource(cfg, t), nil
}

func (c *connector) Sink(t connectors.Table) (connectors.Sink, error) {
	cfg, err := parseSink(t)
	if err != nil {
		return nil, err
	}
	return c.sinkOf(cfg, t)
}

func (c *connector) sinkOf(cfg *sinkConfig, t connectors.Table) (connectors.Sink, error) {
	s, err := newSink(cfg, t, c.newEncoder)
	if err != nil {
		return nil, err
	}
	if cfg.transactionalID != "" {
		return newTransactionalSink(s), nil
	}
	return s, nil
}
