package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/plan"
)

// The limits of records that are read to infer a table from.
const (
	MaxRecords     = 100_000
	maxRecordBytes = 16 << 20 // of all of them
)

// Records are the bytes of some records, before any format.
type Records struct {
	Values     [][]byte // those without a value are left out
	Incomplete bool     // time ran out, or they are 16 MiB
}

// Records reads the first or last records that a table of these options would be
// of, whatever their format, with a reader of its own: as Sample does.
func (e *Engine) Records(ctx context.Context, name string, options map[string]string, r SampleRequest) (*Records, error) {
	if !e.hasRecords(options["connector"]) {
		return nil, fmt.Errorf("the connector '%s' has no records to look at: declare the columns", options["connector"])
	}
	t := e.rawTable(name, options)
	if err := e.ValidateTables([]*catalog.Table{t}, nil); err != nil {
		return nil, err
	}
	out, size := &Records{}, 0
	s := &sampler{engine: e, request: r, ready: make(chan struct{}, 1)}
	s.newPoll = func(_ context.Context, r connectors.Reader, _ int32) (pollSample, error) {
		raws, ok := r.(connectors.RawReader)
		if !ok {
			return nil, errors.New("it has no records of bytes to look at")
		}
		raw := &connectors.RawBatch{}
		return func(most int) (int, error) {
			err := raws.Poll(most, -1, raw)
			if err == nil {
				size += out.add(raw)
			}
			s.full = size >= maxRecordBytes
			return raw.N(), err
		}, nil
	}
	if err := s.run(ctx, catalog.New(), t); err != nil {
		return nil, err
	}
	out.Incomplete = s.incomplete || s.full
	return out, nil
}

// HasSchema says whether records of a table of these options are written with a
// schema.
func HasSchema(options map[string]string) bool {
	return formats.HasSchema(connectors.Table{Options: options})
}

// Schema is the schema that records of a table of these options are written with, and
// how many of the values cannot be read: see formats.WrittenWith.
func (e *Engine) Schema(ctx context.Context, name string, options map[string]string, values [][]byte) (s connectors.Schema, skipped int, err error) {
	t := &catalog.Table{Name: name, Rowtime: -1, Options: map[string]catalog.Option{}}
	for k, v := range options {
		if k != connectors.OptEvolution {
			t.Options[k] = catalog.Option{Value: v}
		}
	}
	b := &opener{options: &e.options, root: &plan.Insert{Name: "sample"}}
	err = callAt("the schema of "+name, func() error {
		table, err := b.table(t, nil)
		if err == nil {
			s, skipped, err = formats.WrittenWith(ctx, table, values)
		}
		return err
	})
	return s, skipped, e.options.Access.RedactError(err)
}

// hasRecords says whether what a connector reads is records of a format. One that is
// not known may be.
func (e *Engine) hasRecords(connector string) bool {
	c, ok := e.options.Registry.Lookup(connector)
	return !ok || slices.ContainsFunc(c.Options(), func(o connectors.OptionSpec) bool { return o.Name == "format" || o.Name == "value.format" })
}

// add copies the values of a batch, and says how many bytes they have.
func (r *Records) add(raw *connectors.RawBatch) (size int) {
	for i, v := range raw.Value {
		if raw.Flags[i]&(connectors.NullValue|connectors.Damaged) != 0 {
			continue
		}
		r.Values = append(r.Values, slices.Clone(raw.Buf[v.Off:v.Off+v.Len]))
		size += int(v.Len)
	}
	return size
}

// rawTable is a table of one column, the record.
func (e *Engine) rawTable(name string, options map[string]string) *catalog.Table {
	own := maps.Clone(options)
	maps.DeleteFunc(own, func(key, _ string) bool { return e.ofFormat(key) })
	own["format"] = "raw"
	t := &catalog.Table{Name: name, Rowtime: -1, Options: map[string]catalog.Option{}, Columns: []catalog.Column{{Name: "record", Type: event.TBytes}}}
	for k, v := range own {
		t.Options[k] = catalog.Option{Value: v}
	}
	return t
}

// ofFormat says whether an option is one of a format, or chooses it.
func (e *Engine) ofFormat(key string) bool {
	bare := strings.TrimPrefix(strings.TrimPrefix(key, "key."), "value.")
	if bare == "format" || bare == connectors.OptEvolution || bare == "fields" || bare == "fields-prefix" || bare == "fields-include" {
		return true
	}
	format, _, found := strings.Cut(bare, ".")
	return found && slices.Contains(e.options.Registry.Formats(), format)
}

// OpenFile opens a file that a statement names, to read: relative to Options.Dir,
// and only where queries may reach. Of a folder or a pattern it is the first file,
// by name.
func (e *Engine) OpenFile(name string) (*os.File, error) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(e.options.Dir, name)
	}
	p := e.options.Access
	info, err := p.Stat(name)
	pattern := name
	switch {
	case err == nil && !info.IsDir():
		return p.Open(name)
	case err == nil:
		pattern = filepath.Join(name, "*")
	case !strings.ContainsAny(name, "*?["):
		return nil, err
	}
	names, err := p.Glob(pattern)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	for _, n := range names {
		if info, err := p.Stat(n); err == nil && info.Mode().IsRegular() && filepath.Base(n)[0] != '.' {
			return p.Open(n)
		}
	}
	return nil, &os.PathError{Op: "open", Path: name, Err: os.ErrNotExist}
}

// Resolve is the value of an option with the secrets that it refers to.
func (e *Engine) Resolve(value string) (string, error) { return e.options.Access.Resolve(value) }
