package mqtt

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
	"github.com/cepd/cepd/connectors/pushed"
	"github.com/cepd/cepd/connectors/remote"
	"github.com/cepd/cepd/internal/duration"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state/intake"
)

// The options.
const (
	optURL      = "url"
	optVersion  = "mqtt.version"
	optTopic    = "topic"
	optQoS      = "qos"
	optClient   = "client-id"
	optUser     = "username"
	optPassword = "password"
	optSession  = "session-expiry"
	optAlive    = "keep-alive"
	optRetain   = "retain"
	optExpiry   = "message-expiry"
	optInFlight = "sink.max-in-flight"
	optTimeout  = "sink.delivery-timeout"
)

const (
	version5        = "5"
	version311      = "3.1.1"
	defaultQoS      = 1
	defaultInFlight = 32
)

type connector struct{ hub *pushed.Hub }

// New is the connector 'mqtt', whose tables keep what comes in logs; nil: in memory.
func New(logs *intake.Logs) connectors.Connector { return connector{pushed.NewHub(logs)} }

func (connector) Name() string { return "mqtt" }

// The keys of metadata columns that are not in every connector.
const (
	metaTopic    = "topic"
	metaQoS      = "qos"
	metaRetained = "retained"
	metaExpiry   = "message-expiry"
	metaContent  = "content-type"
)

func (connector) Metadata() []connectors.MetadataSpec {
	text, binary := event.TString, event.TBytes
	return append(pushed.Metadata(), []connectors.MetadataSpec{
		{Key: metaTopic, Type: event.TString}, {Key: metaQoS, Type: event.TInt32}, {Key: metaRetained, Type: event.TBool},
		{Key: metaExpiry, Type: event.TInt64}, {Key: metaContent, Type: event.TString},
		{Key: "headers", Type: event.Type{Kind: event.Map, Key: &text, Elem: &binary}},
	}...)
}

var specs = []connectors.OptionSpec{
	{Name: optURL, Required: true, Doc: "The broker: mqtt://host:1883 or, with TLS, mqtts://host:8883.", Check: checkURL},
	{Name: optVersion, Default: version5, Values: []string{version5, version311}, Doc: "The protocol: 5 or 3.1.1."},
	{Name: optTopic, Required: true, Doc: "Of a table that is read: topic filters, separated by commas, with wildcards + and #; $share/GROUP/FILTER shares the messages with others. Of one that is written: the topic; {column} stands for the row's value."},
	{Name: optQoS, Default: "1", Values: []string{"0", "1", "2"}, Doc: "Quality of service asked for, or sent with: 0, 1 or 2."},
	{Name: optClient, Doc: "Client identifier, under which the broker keeps the session. Default: cepd-TABLE to read, cepd-QUERY-TABLE to write."},
	{Name: optUser, Doc: "To log in with."},
	{Name: optPassword, Secret: true, Doc: "To log in with."},
	{Name: optSession, Default: "1 d", Doc: "How long the broker keeps messages for a table that nobody reads. With 3.1.1 the broker decides.", Check: checkDuration},
	{Name: optAlive, Default: "30 s", Doc: "After which silence the connection is tried.", Check: checkDuration},
	{Name: optRetain, Default: "false", Values: connectors.Booleans, Doc: "Whether the broker keeps the last message of a topic for those who subscribe later."},
	{Name: optExpiry, Doc: "After which time the broker drops a message that nobody has fetched. MQTT 5.", Check: checkDuration},
	{Name: optInFlight, Default: "32", Doc: "Topics that are written at once; the messages of one topic go one after another.", Check: connectors.CheckInt(1, 1024)},
	{Name: optTimeout, Default: "2 min", Doc: "How long a message is sent again before the query fails.", Check: checkDuration},
}

func (connector) Options() []connectors.OptionSpec {
	return slices.Concat(specs, []connectors.OptionSpec{formats.Spec()}, pushed.Specs(""), remote.TLSSpecs(), cloudevents.Specs())
}

func checkDuration(value string) error {
	d, err := duration.Parse(value)
	if err == nil && d < time.Second {
		err = fmt.Errorf("expected a second or more, found '%s'", value)
	}
	return err
}

func checkURL(value string) error {
	_, _, err := broker(value)
	return err
}

// broker is the URL of the option, and whether it asks for TLS.
func broker(value string) (u *url.URL, encrypted bool, err error) {
	u, err = url.Parse(value)
	if err != nil || u.Hostname() == "" {
		return nil, false, errors.New("expected mqtt://host:port or mqtts://host:port") // the text may show a password
	}
	port := "1883"
	switch u.Scheme {
	case "mqtt", "tcp":
	case "mqtts", "ssl", "tls":
		port, encrypted = "8883", true
	default:
		return nil, false, errors.New("expected mqtt://host:port or mqtts://host:port")
	}
	if u.User != nil {
		return nil, false, errors.New("a name or password has no place in it: give 'username' and 'password'")
	}
	if u.Port() == "" {
		u.Host += ":" + port
	}
	return u, encrypted, nil
}

func optionFault(key, format string, args ...any) error {
	return connectors.OptionError{Key: key, Message: fmt.Sprintf("option '%s' ", key) + fmt.Sprintf(format, args...)}
}

// span is an option that is a time.
func span(t connectors.Table, key string, fallback time.Duration) time.Duration {
	if d, err := duration.Parse(t.Options[key]); err == nil {
		return d
	}
	return fallback
}

// filters are the topic filters to subscribe to.
func filters(t connectors.Table) (list []string, err error) {
	for text := range strings.SplitSeq(t.Options[optTopic], ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		if err := checkFilter(text); err != nil {
			return nil, err
		}
		list = append(list, text)
	}
	if len(list) == 0 {
		return nil, optionFault(optTopic, "names no topic")
	}
	return list, nil
}

// checkFilter is section 4.7.1 of MQTT 5, and 4.8.2 for shared subscriptions.
func checkFilter(text string) error {
	filter := text
	if rest, ok := strings.CutPrefix(text, "$share/"); ok {
		group, after, found := strings.Cut(rest, "/")
		if !found || group == "" || after == "" || strings.ContainsAny(group, "+#") {
			return optionFault(optTopic, "= '%s': expected $share/GROUP/FILTER", text)
		}
		filter = after
	}
	levels := strings.Split(filter, "/")
	for i, level := range levels {
		if strings.Contains(level, "#") && (level != "#" || i < len(levels)-1) || strings.Contains(level, "+") && level != "+" {
			return optionFault(optTopic, "= '%s': + stands for a whole level, # for the last ones", text)
		}
	}
	return nil
}

// Source implements connectors.Connector.
func (c connector) Source(t connectors.Table) (connectors.Source, error) {
	list, err := filters(t)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{optRetain, optExpiry, optInFlight, optTimeout} {
		if t.Options[name] != "" {
			return nil, optionFault(name, "is of tables that are written")
		}
	}
	cfg, err := newConfig(t, "cepd-"+t.Name)
	if err != nil {
		return nil, err
	}
	return c.hub.Source(t, &receiver{config: cfg, filters: list})
}

// Sink implements connectors.Connector.
func (c connector) Sink(t connectors.Table) (connectors.Sink, error) {
	encoder, err := formats.NewEncoder(t)
	if err != nil {
		return nil, err
	}
	if topic := t.Options[optTopic]; topic == "" || strings.ContainsAny(topic, "+#\x00") || strings.HasPrefix(topic, "$") {
		return nil, optionFault(optTopic, "of a table that is written is one topic, without + and #; {column} stands for the row's value")
	}
	topic, err := remote.ParseRoute(t.Options[optTopic], t.Columns, "/+#\x00")
	if err != nil {
		return nil, optionFault(optTopic, "%v", err)
	}
	name := fmt.Sprintf("cepd-%s-%s", t.Query, t.Name)
	if t.Writer > 0 {
		name += fmt.Sprintf("-%d", t.Writer+1)
	}
	cfg, err := newConfig(t, name)
	if err != nil {
		return nil, err
	}
	if e, ok := encoder.(connectors.Attributed); ok && cfg.v3() && len(e.Attributes()) > 0 {
		return nil, optionFault(cloudevents.OptMode, "= 'binary' takes MQTT 5: 3.1.1 has no place for attributes, so use 'structured'")
	}
	return newSink(cfg, encoder, topic), nil
}

// History implements connectors.Historian.
func (connector) History(options map[string]string, from, to time.Time) {
	pushed.History(options, from, to)
}
