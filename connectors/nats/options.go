package nats

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/connectors/formats/cloudevents"
	"github.com/cepd/cepd/connectors/remote"
	"github.com/cepd/cepd/internal/duration"
	"github.com/cepd/cepd/internal/event"
)

// The options.
const (
	optURL      = "url"
	optStream   = "stream"
	optSubject  = "subject"
	optUser     = "username"
	optPassword = "password"
	optToken    = "token"
	optSeed     = "nkey-seed"
	optCreds    = "credentials.location"
	optStartup  = "scan.startup.mode"
	optSequence = "scan.startup.specific-offset"
	optStartAt  = "scan.startup.timestamp-millis"
	optBounded  = "scan.bounded.mode"
	optReset    = "scan.offset.reset"
	optFetch    = "scan.fetch.max-bytes"
	optInFlight = "sink.max-in-flight"
	optTimeout  = "sink.delivery-timeout"
)

// The modes of reading.
const (
	modeEarliest  = "earliest-offset"
	modeLatest    = "latest-offset"
	modeTimestamp = "timestamp"
	modeSpecific  = "specific-offset"
	modeUnbounded = "unbounded"
)

const (
	defaultFetch    = 8 << 20
	defaultInFlight = 1024
	defaultTimeout  = 2 * time.Minute
)

type connector struct{}

// New is the connector 'nats'.
func New() connectors.Connector { return connector{} }

func (connector) Name() string { return "nats" }

// The keys of metadata columns that are not in every connector.
const (
	metaSubject = "subject"
	metaHeaders = "headers"
)

func (connector) Metadata() []connectors.MetadataSpec {
	text, binary := event.TString, event.TBytes
	return []connectors.MetadataSpec{
		{Key: metaSubject, Type: event.TString},
		{Key: "partition", Type: event.TInt32}, {Key: "offset", Type: event.TInt64},
		{Key: "timestamp", Type: event.Type{Kind: event.TimestampLTZ, Precision: 3}},
		{Key: metaHeaders, Type: event.Type{Kind: event.Map, Key: &text, Elem: &binary}},
	}
}

var specs = []connectors.OptionSpec{
	{Name: optURL, Required: true, Doc: "Servers: nats://host:4222 or, with TLS, tls://host:4222; several separated by commas.", Check: checkURL},
	{Name: optStream, Doc: "The stream to read; of a table that is written, the one that has to take the messages. It has to be there."},
	{Name: optSubject, Doc: "Of a table that is read: subjects to take, separated by commas, with wildcards * and >. Default: all of the stream. Of one that is written: the subject; {column} stands for the row's value."},
	{Name: optUser, Doc: "To log in with."},
	{Name: optPassword, Secret: true, Doc: "To log in with."},
	{Name: optToken, Secret: true, Doc: "A token to log in with."},
	{Name: optSeed, Secret: true, Doc: "Seed of the NKey to log in with."},
	{Name: optCreds, Doc: "File of credentials, as nsc makes it, to log in with."},
	{Name: optStartup, Default: modeEarliest, Doc: "Where to start: earliest-offset, latest-offset, timestamp or specific-offset.", Check: connectors.CheckOneOf(modeEarliest, modeLatest, modeTimestamp, modeSpecific)},
	{Name: optSequence, Doc: "For mode specific-offset: the sequence of the first message.", Check: connectors.CheckInt(1, 1<<62)},
	{Name: optStartAt, Doc: "For mode timestamp: the first message stored at or after this time, in ms since 1970.", Check: connectors.CheckInt(0, 1<<52)},
	{Name: optBounded, Default: modeUnbounded, Doc: "Where to end: unbounded, or latest-offset: at the end that is found when reading starts.", Check: connectors.CheckOneOf(modeUnbounded, modeLatest)},
	{Name: optReset, Default: "fail", Doc: "When messages to read are not in the stream any more: fail, or earliest: go on with the oldest that is.", Check: connectors.CheckOneOf("fail", "earliest")},
	{Name: optFetch, Default: "8388608", Doc: "Bytes of messages that are read ahead.", Check: connectors.CheckInt(1<<16, 1<<30)},
	{Name: optInFlight, Default: "1024", Doc: "Messages that are sent before the first has to be acknowledged.", Check: connectors.CheckInt(1, 65536)},
	{Name: optTimeout, Default: "2 min", Doc: "How long messages are sent again before the query fails.", Check: checkTimeout},
}

func (connector) Options() []connectors.OptionSpec {
	return slices.Concat(specs, []connectors.OptionSpec{formats.Spec()}, remote.TLSSpecs(), cloudevents.Specs())
}

func checkURL(value string) error {
	_, err := servers(value)
	return err
}

func checkTimeout(value string) error {
	_, err := duration.Parse(value)
	return err
}

// servers are the URLs of the option.
func servers(value string) (list []*url.URL, err error) {
	for text := range strings.SplitSeq(value, ",") {
		u, err := url.Parse(strings.TrimSpace(text))
		if err != nil || u.Host == "" || u.Scheme != "nats" && u.Scheme != "tls" {
			return nil, errors.New("expected nats://host:port or tls://host:port") // the text may show a password
		}
		if u.User != nil {
			return nil, errors.New("a name or password has no place in it: give 'username' and 'password'")
		}
		if u.Port() == "" {
			u.Host += ":4222"
		}
		list = append(list, u)
	}
	return list, nil
}

// optionFault is a fault of an option that its Check cannot see.
func optionFault(key, format string, args ...any) error {
	return connectors.OptionError{Key: key, Message: fmt.Sprintf("option '%s' ", key) + fmt.Sprintf(format, args...)}
}

// timeout is that of delivery.
func timeout(t connectors.Table) time.Duration {
	if d, err := duration.Parse(t.Options[optTimeout]); err == nil {
		return d
	}
	return defaultTimeout
}

// filters are the subjects to read; none: all.
func filters(t connectors.Table) (list []string) {
	for text := range strings.SplitSeq(t.Options[optSubject], ",") {
		if text = strings.TrimSpace(text); text != "" {
			list = append(list, text)
		}
	}
	return list
}

// Source implements connectors.Connector.
func (connector) Source(t connectors.Table) (connectors.Source, error) {
	if _, err := formats.NewDecoder(t); err != nil {
		return nil, err
	}
	if t.Options[optStream] == "" {
		return nil, optionFault(optStream, "is missing: it names the stream to read")
	}
	for mode, option := range map[string]string{modeSpecific: optSequence, modeTimestamp: optStartAt} {
		if (t.Options[optStartup] == mode) != (t.Options[option] != "") {
			return nil, optionFault(optStartup, "= '%s' and '%s' go together", mode, option)
		}
	}
	c, err := newClient(t)
	if err != nil {
		return nil, err
	}
	return &source{client: c, table: t, name: t.Options[optStream]}, nil
}

// Sink implements connectors.Connector.
func (connector) Sink(t connectors.Table) (connectors.Sink, error) {
	encoder, err := formats.NewEncoder(t)
	if err != nil {
		return nil, err
	}
	if t.Options[optSubject] == "" || strings.ContainsAny(t.Options[optSubject], "*> \t\r\n,") {
		return nil, optionFault(optSubject, "of a table that is written is one subject, without * and >; {column} stands for the row's value")
	}
	subject, err := remote.ParseRoute(t.Options[optSubject], t.Columns, ".*> \t\r\n\x00")
	if err != nil {
		return nil, optionFault(optSubject, "%v", err)
	}
	c, err := newClient(t)
	if err != nil {
		return nil, err
	}
	return newSink(c, t, encoder, subject), nil
}

// History implements connectors.Historian.
func (connector) History(options map[string]string, from, to time.Time) {
	delete(options, optStartAt)
	delete(options, optSequence)
	options[optStartup], options[optBounded] = modeEarliest, modeLatest
	if !from.IsZero() {
		options[optStartup], options[optStartAt] = modeTimestamp, fmt.Sprint(from.UnixMilli())
	}
	if !to.IsZero() {
		options[optEndAt] = fmt.Sprint(to.UnixMilli())
	}
}

// optEndAt is set by History alone.
const optEndAt = "scan.bounded.timestamp-millis"
