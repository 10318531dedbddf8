package why

import (
	"context"
	"fmt"
	"maps"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

// history is the connectors, with sources that read what there has been and
// sinks that drop what they are given.
func (x *replay) history(all *connectors.Registry) *connectors.Registry {
	return all.Wrap(func(c connectors.Connector) connectors.Connector { return past{c, x} })
}

// past is a connector whose tables are read again.
type past struct {
	connectors.Connector
	*replay
}

// Source implements connectors.Connector.
func (p past) Source(t connectors.Table) (connectors.Source, error) {
	s, err := p.Connector.Source(t)
	if err != nil {
		return nil, err
	}
	if h, ok := p.Connector.(connectors.Historian); ok {
		if !s.Bounded() {
			p.clipped.Store(true)
		}
		t.Options = maps.Clone(t.Options)
		h.History(t.Options, p.request.From, p.request.To)
		if s, err = p.Connector.Source(t); err != nil {
			return nil, err
		}
	}
	if !s.Replayable() || !s.Bounded() {
		return nil, fmt.Errorf("what '%s' has given cannot be read again", p.Name())
	}
	return s, nil
}

// Sink implements connectors.Connector.
func (p past) Sink(connectors.Table) (connectors.Sink, error) { return nowhere{}, nil }

// nowhere drops rows.
type nowhere struct{}

func (nowhere) Open(context.Context) error                { return nil }
func (nowhere) Write(context.Context, *event.Batch) error { return nil }
func (nowhere) Flush(context.Context) error               { return nil }
func (nowhere) Close() error                              { return nil }
