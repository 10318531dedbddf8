package file

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/connectors/formats/cloudevents"
	"github.com/cepd/cepd/internal/access"
	"github.com/cepd/cepd/internal/event"
)

type connector struct{}

// New is the connector 'file'.
func New() connectors.Connector { return connector{} }

func (connector) Name() string { return "file" }

func (connector) Options() []connectors.OptionSpec {
	return append([]connectors.OptionSpec{
		{Name: "path", Required: true, Doc: "A file; to read also a directory or a pattern with * and ?. Relative to the place of the query."},
		{Name: "scan.reload-interval", Doc: "After which the file is read again, if it has changed, where a join looks its rows up. Default: never."},
		formats.Spec(),
	}, cloudevents.StructuredSpecs()...)
}

func (connector) Metadata() []connectors.MetadataSpec {
	return []connectors.MetadataSpec{{Key: "path", Type: event.TString}, {Key: "offset", Type: event.TInt64}, {Key: "partition", Type: event.TInt32}}
}

func (connector) Source(t connectors.Table) (connectors.Source, error) {
	if formats.Columnar(t) {
		return columnSource(t)
	}
	if _, err := formats.NewDecoder(t); err != nil {
		return nil, err
	}
	framing, err := formats.NewFraming(t)
	if err != nil {
		return nil, err
	}
	path, err := path(t)
	if err == nil {
		err = allowed(t, path)
	}
	return &source{path: path, access: t.Access, framing: framing, reload: t.Reload, log: t.Log}, err
}

// columnSource is a source of files that are columns, not records.
func columnSource(t connectors.Table) (connectors.Source, error) {
	path, err := path(t)
	if err == nil {
		err = allowed(t, path)
	}
	if err != nil {
		return nil, err
	}
	return newColumnar(t, path)
}

func (connector) Sink(t connectors.Table) (connectors.Sink, error) {
	encoder, err := formats.NewEncoder(t)
	if err != nil {
		return nil, err
	}
	framing, err := formats.NewFraming(t)
	if err != nil {
		return nil, err
	}
	path, err := path(t)
	if err == nil {
		err = allowed(t, path)
	}
	return &sink{path: path, access: t.Access, encoder: encoder, head: framing.Head, sync: t.Delivery != connectors.None}, err
}

// allowed says early that the path may not be used; what a link leads to is
// found when the file is opened.
func allowed(t connectors.Table, path string) error {
	if _, err := t.Access.Stat(path); errors.Is(err, access.ErrRefused) {
		return connectors.OptionError{Key: "path", Message: fmt.Sprintf("option 'path': %v", err)}
	}
	return nil
}

func path(t connectors.Table) (string, error) {
	p := t.Options["path"]
	if p == "" {
		return "", fmt.Errorf("option 'path' is missing")
	}
	if !filepath.IsAbs(p) {
		p = filepath.Join(t.Dir, p)
	}
	return p, nil
}
