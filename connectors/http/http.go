package http

import (
	"strings"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
)

const (
	optURL    = "url"
	optHeader = "http.source.lookup.header."
)

type connector struct{}

// New is the connector 'http'.
func New() connectors.Connector { return connector{} }

func (connector) Name() string                        { return "http" }
func (connector) Metadata() []connectors.MetadataSpec { return nil }

func (connector) Options() []connectors.OptionSpec {
	return append([]connectors.OptionSpec{
		{Name: optURL, Required: true, Doc: "Of the rows of a key. {column} stands for its value; columns of the key that are not named so become parameters of the query.", Check: checkURL},
		{Name: optHeader, Prefix: true, Doc: "A header of the requests, such as http.source.lookup.header.Authorization."},
		formats.Spec(),
	}, connectors.LookupSpecs()...)
}

func checkURL(value string) error {
	_, err := parseTemplate(value)
	return err
}

func (connector) Source(connectors.Table) (connectors.Source, error) {
	return nil, notRead
}

func (connector) Sink(connectors.Table) (connectors.Sink, error) {
	return nil, connectors.ErrNotSink
}

var notRead = connectors.OptionError{Key: "connector", Message: "a table with 'connector' = 'http' is not read, it is asked for the rows of a key", Hint: "write JOIN t FOR SYSTEM_TIME AS OF s.proc ON t.id = s.id"}

// Looker implements connectors.Asked.
func (connector) Looker(t connectors.Table, keys []connectors.Column) (connectors.Looker, error) {
	url, err := parseTemplate(t.Options[optURL])
	if err != nil {
		return nil, connectors.OptionError{Key: optURL, Message: "option 'url': " + err.Error()}
	}
	if err := url.bind(keys); err != nil {
		return nil, connectors.OptionError{Key: optURL, Message: "option 'url': " + err.Error()}
	}
	l := &looker{table: t, url: url, keys: keys, header: map[string]string{}}
	for key, value := range t.Options {
		if name, ok := strings.CutPrefix(key, optHeader); ok {
			l.header[name] = value
		}
	}
	_, err = formats.NewDecoder(t)
	return l, err
}
