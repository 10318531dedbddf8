package syslog

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/pushed"
	"github.com/cepd/cepd/connectors/remote"
	"github.com/cepd/cepd/internal/duration"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state/intake"
)

// The options.
const (
	optListen      = "listen"
	optFraming     = "syslog.framing"
	optRFC         = "syslog.rfc"
	optZone        = "syslog.time-zone"
	optMax         = "max-message-bytes"
	optConnections = "max-connections"
	optIdle        = "idle-timeout"
)

const (
	defaultMax         = 64 << 10
	defaultConnections = 1000
	defaultIdle        = time.Hour
)

type connector struct{ hub *pushed.Hub }

// New is the connector 'syslog', whose tables keep what comes in logs; nil: in
// memory.
func New(logs *intake.Logs) connectors.Connector { return connector{pushed.NewHub(logs)} }

func (connector) Name() string { return "syslog" }

const metaSource = "source-address"

func (connector) Metadata() []connectors.MetadataSpec {
	return append(pushed.Metadata(), connectors.MetadataSpec{Key: metaSource, Type: event.TString})
}

var specs = []connectors.OptionSpec{
	{Name: optListen, Required: true, Doc: "Where messages are taken: udp://0.0.0.0:514, tcp://host:port or tls://host:port; several separated by commas.", Check: checkListen},
	{Name: optFraming, Default: "auto", Values: []string{"auto", "octet-counting", "newline"}, Doc: "How TCP is cut into messages; auto looks at each: a digit begins a counted one."},
	{Name: optRFC, Default: "auto", Values: []string{"auto", "5424", "3164"}, Doc: "The format of messages; auto looks at each."},
	{Name: optZone, Default: "UTC", Doc: "Time zone of timestamps of RFC 3164, such as Europe/Berlin.", Check: checkZone},
	{Name: optMax, Default: "65536", Doc: "Bytes of a message; longer ones are left out.", Check: connectors.CheckInt(480, pushed.MaxMessage/2)},
	{Name: optConnections, Default: "1000", Doc: "Connections at once; more are closed.", Check: connectors.CheckInt(1, 100_000)},
	{Name: optIdle, Default: "1 h", Doc: "After which silence a connection is closed.", Check: checkIdle},
}

func (connector) Options() []connectors.OptionSpec {
	return append(append(append([]connectors.OptionSpec{}, specs...), pushed.Specs("")...), remote.ServerTLSSpecs()...)
}

func checkIdle(value string) error {
	_, err := duration.Parse(value)
	return err
}

func checkZone(value string) error {
	if _, err := time.LoadLocation(value); err != nil {
		return fmt.Errorf("there is no time zone '%s'", value)
	}
	return nil
}

func checkListen(value string) error {
	_, err := places(value)
	return err
}

// place is where messages are taken.
type place struct {
	network string // udp, tcp or tls
	address string
}

var errListen = errors.New("expected udp://host:port, tcp://host:port or tls://host:port")

// places reads the option.
func places(value string) (list []place, err error) {
	for text := range strings.SplitSeq(value, ",") {
		u, err := url.Parse(strings.TrimSpace(text))
		if err != nil || u.Port() == "" || u.Path != "" || u.Scheme != "udp" && u.Scheme != "tcp" && u.Scheme != "tls" {
			return nil, errListen
		}
		list = append(list, place{u.Scheme, net.JoinHostPort(u.Hostname(), u.Port())})
	}
	return list, nil
}

// Source implements connectors.Connector.
func (c connector) Source(t connectors.Table) (connectors.Source, error) {
	list, err := places(t.Options[optListen])
	if err != nil {
		return nil, connectors.OptionError{Key: optListen, Message: "option 'listen': " + err.Error()}
	}
	encrypted := false
	for _, p := range list {
		if err := t.Access.CheckAddress(p.address); err != nil {
			return nil, err
		}
		encrypted = encrypted || p.network == "tls"
	}
	config, err := remote.ServerTLS(t, encrypted)
	if err != nil {
		return nil, err
	}
	return c.hub.Source(t, newReceiver(t, list, config))
}

func newReceiver(t connectors.Table, list []place, config *tls.Config) *receiver {
	idle := defaultIdle
	if d, err := duration.Parse(t.Options[optIdle]); err == nil {
		idle = d
	}
	return &receiver{places: list, tls: config, framing: t.Options[optFraming], most: int(t.Int(optMax, defaultMax)),
		slots: make(chan struct{}, t.Int(optConnections, defaultConnections)), idle: idle, log: remote.Logger(t.Log, "syslog")}
}

// Sink implements connectors.Connector.
func (connector) Sink(connectors.Table) (connectors.Sink, error) {
	return nil, connectors.ErrNotSink
}

// History implements connectors.Historian.
func (connector) History(options map[string]string, from, to time.Time) {
	pushed.History(options, from, to)
}
