package load

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"strings"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/all"
	"github.com/cepd/cepd/connectors/file"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/internal/event"
)

// registry is every connector, with its sources and sinks measured by r.
func (r *run) registry() *connectors.Registry {
	plain := all.New(held{r.o.Held, max(r.o.Rounds, 1), max(r.o.Split, 1)})
	var list []connectors.Connector
	for _, name := range plain.Names() {
		c, _ := plain.Lookup(name)
		list = append(list, measured{c, r})
	}
	return connectors.NewRegistry(formats.Specs(), list...)
}

// measured is a connector whose sources and sinks are part of a run.
type measured struct {
	connectors.Connector
	run *run
}

// Source implements connectors.Connector.
func (m measured) Source(t connectors.Table) (connectors.Source, error) {
	s, err := m.input(t)
	if err != nil {
		return nil, err
	}
	return &source{Source: s, run: m.run, table: t}, nil
}

// input is the recording given for a table, or what the table makes by itself.
func (m measured) input(t connectors.Table) (connectors.Source, error) {
	for name, path := range m.run.o.Inputs {
		if strings.EqualFold(name, t.Name) {
			return recording(t, path)
		}
	}
	switch m.Name() {
	case "datagen":
		t.Options = maps.Clone(t.Options)
		t.Options["rows-per-second"] = "0"
	case "file", "workload":
	default:
		return nil, connectors.OptionError{Key: "connector", Message: fmt.Sprintf("a benchmark cannot repeat what comes from '%s'", m.Name()),
			Hint: fmt.Sprintf("give a recording of the table with --input %s=FILE, or use 'datagen'", t.Name)}
	}
	return m.Connector.Source(t)
}

// recording reads a file in the table's format.
func recording(t connectors.Table, path string) (connectors.Source, error) {
	options := maps.Clone(t.Options)
	if f := options["value.format"]; f != "" {
		options["format"] = f
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	options["connector"], options["path"] = "file", absolute
	t.Options = options
	return file.New().Source(t)
}

// Sink implements connectors.Connector.
func (m measured) Sink(t connectors.Table) (connectors.Sink, error) {
	if _, err := m.Connector.Sink(t); err != nil {
		return nil, err
	}
	return &sink{run: m.run, table: t}, nil
}

// sink counts rows and drops them.
type sink struct {
	run   *run
	table connectors.Table
}

func (*sink) Open(context.Context) error  { return nil }
func (*sink) Flush(context.Context) error { return nil }
func (*sink) Close() error                { return nil }

// Write implements connectors.Sink.
func (s *sink) Write(_ context.Context, b *event.Batch) error {
	s.run.arrived(s.table, b)
	return nil
}

// source is a source whose readers follow the run.
type source struct {
	connectors.Source
	run   *run
	table connectors.Table
}

// Bounded implements connectors.Source: every run ends.
func (*source) Bounded() bool { return true }

// Open implements connectors.Source.
func (s *source) Open(ctx context.Context, part int32, from int64, ready func()) (connectors.Reader, error) {
	inner, err := s.Source.Open(ctx, part, from, ready)
	if err != nil {
		return nil, err
	}
	r, err := s.run.newReader(ctx, s, part, inner, ready)
	if err != nil {
		return nil, err
	}
	if _, ok := inner.(connectors.RawReader); ok {
		return rawReader{r}, nil
	}
	return columnReader{r}, nil
}
