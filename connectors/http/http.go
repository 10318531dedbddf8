package http

import (
	"slices"
	"strings"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state/intake"
)

const (
	optURL    = "url"
	optHeader = "http.source.lookup.header."
)

type connector struct{ logs *intake.Logs }

// New is the connector 'http': with 'url' a table is asked for rows, or its rows are
// sent; without it events are posted to it, into logs. Without logs (nil: it is no server) such a
// table cannot be read.
func New(logs *intake.Logs) connectors.Connector { return connector{logs} }

func (connector) Name() string { return "http" }

func (connector) Metadata() []connectors.MetadataSpec {
	text, binary := event.TString, event.TBytes
	return []connectors.MetadataSpec{
		{Key: "headers", Type: event.Type{Kind: event.Map, Key: &text, Elem: &binary}},
		{Key: "partition", Type: event.TInt32}, {Key: "offset", Type: event.TInt64},
		{Key: "timestamp", Type: event.Type{Kind: event.TimestampLTZ, Precision: 3}},
	}
}

func (connector) Options() []connectors.OptionSpec {
	return append(append([]connectors.OptionSpec{
		{Name: optURL, Doc: "Where the rows of a key are asked for, or where rows are sent; without it events are posted to the table. {column} stands for its value; columns of the key that are not named so become parameters of the query.", Check: checkURL},
		{Name: optHeader, Prefix: true, Doc: "A header of the requests, such as http.source.lookup.header.Authorization."},
		formats.Spec(),
	}, connectors.LookupSpecs()...), slices.Concat(postedSpecs, sentSpecs)...)
}

func checkURL(value string) error {
	_, err := parseTemplate(value)
	return err
}

var notRead = connectors.OptionError{Key: "connector", Message: "a table with 'connector' = 'http' and 'url' is not read, it is asked for the rows of a key", Hint: "write JOIN t FOR SYSTEM_TIME AS OF s.proc ON t.id = s.id"}

// Looker implements connectors.Asked.
func (connector) Looker(t connectors.Table, keys []connectors.Column) (connectors.Looker, error) {
	notAsked := func(name string) bool { return ofPosted(name) || ofSent(name) }
	if err := keepApart(t, notAsked, "a table with 'url' is asked for rows: nothing is posted or sent"); err != nil {
		return nil, err
	}
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
