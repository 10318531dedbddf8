package kafka

import (
	"maps"
	"slices"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

// upsertConnector is the connector of topics whose records are upserts by their
// key: the last record of a key counts, and one without a value deletes it. A
// compacted topic keeps no more than that.
type upsertConnector struct{ connector }

// NewUpsert is the connector 'upsert-kafka'; newEncoder as of New.
func NewUpsert(newEncoder func(connectors.Table) (connectors.Encoder, error)) connectors.Connector {
	return &upsertConnector{connector{newEncoder}}
}

func (c *upsertConnector) Name() string { return "upsert-kafka" }

// Options implements connectors.Connector: those of 'kafka', but for what the
// primary key decides, and where to start, which is at the beginning.
func (c *upsertConnector) Options() []connectors.OptionSpec {
	specs := slices.DeleteFunc(slices.Clone(optionSpecs), func(s connectors.OptionSpec) bool {
		return s.Name == "key.fields" || s.Name == "properties.group.id" || strings.HasPrefix(s.Name, "scan.startup.")
	})
	for i := range specs {
		if specs[i].Name == "key.format" {
			specs[i].Required, specs[i].Default = true, ""
		}
	}
	return specs
}

// table is the table with the options that follow from its key.
func (c *upsertConnector) table(t connectors.Table) connectors.Table {
	t.Options = maps.Clone(t.Options)
	t.Options["scan.startup.mode"] = "earliest-offset"
	t.Options["key.fields"] = strings.Join(t.Key, ";")
	t.Changes = false // the records say it by themselves
	return t
}

func (c *upsertConnector) Source(t connectors.Table) (connectors.Source, error) {
	own := c.table(t)
	delete(own.Options, "value.fields-include") // the decoder reads the key
	return c.connector.Source(own)
}

func (c *upsertConnector) Sink(t connectors.Table) (connectors.Sink, error) {
	cfg, err := parseSink(c.table(t))
	if err != nil {
		return nil, err
	}
	cfg.upserts = true
	return c.sinkOf(cfg, c.table(t))
}

// superseded marks the rows of a batch that a later one of the same key takes the
// place of; nil: none. Keys are told apart by 128 bits of hash.
func (s *sink) superseded(b *event.Batch) []bool {
	if !s.config.upserts {
		return nil
	}
	if s.seen == nil {
		s.seen = map[xxh3.Uint128]struct{}{}
	}
	clear(s.seen)
	live := b.LiveRows()
	s.old = append(s.old[:0], make([]bool, len(live))...)
	for n := len(live) - 1; n >= 0; n-- {
		h := xxh3.Hash128(s.keys.key(n, int(live[n])))
		_, s.old[n] = s.seen[h]
		s.seen[h] = struct{}{}
	}
	return s.old
}
