package http

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/pushed"
	"github.com/cepd/cepd/state/intake"
)

// The options of a table that events are posted to.
const (
	optSecret    = "http.hmac-secret"
	optSignature = "http.hmac-header"
	optAlgorithm = "http.hmac-algorithm"
	optLinks     = "http.link-secret"
	optRate      = "http.rate-limit"
	optBounded   = "scan.bounded.mode" // of parameters
	keepPrefix   = "http."             // of the options of keeping
)

// modeLatest ends a reading of parameters where they are now.
const modeLatest = "latest-offset"

const defaultSignature = "X-Signature-256"

var postedSpecs = append([]connectors.OptionSpec{
	{Name: optSecret, Secret: true, Doc: "Of the signature that each post has to have: HMAC of the body, in hexadecimal. Default: none is asked for."},
	{Name: optSignature, Default: defaultSignature, Doc: "Header with the signature; sha256= may stand before it."},
	{Name: optAlgorithm, Default: "sha256", Doc: "sha256 or sha512.", Check: connectors.CheckOneOf("sha256", "sha512")},
	{Name: optLinks, Secret: true, Doc: "Of the signature of links that people follow to post an event ('sink.link.secret' of the table that sends them). Default: no link is taken."},
	{Name: optRate, Doc: "Posts per second that are taken; more are told to wait. Default: any.", Check: connectors.CheckInt(1, 1_000_000)},
}, pushed.Specs(keepPrefix)...)

// ofAsked says whether an option is only of a table that is asked.
func ofAsked(name string) bool {
	return name == optURL || strings.HasPrefix(name, optHeader) || strings.HasPrefix(name, "lookup.")
}

// ofPosted says whether an option is only of a table that is posted to.
func ofPosted(name string) bool {
	for _, s := range postedSpecs {
		if s.Name == name {
			return true
		}
	}
	return false
}

// Posted says whether a table of this connector is one that events are posted to.
func Posted(options map[string]string) bool { return options[optURL] == "" }

// keepApart refuses options of the other kind of table.
func keepApart(t connectors.Table, other func(string) bool, hint string) error {
	for name := range t.Options {
		if other(name) {
			return connectors.OptionError{Key: name, Message: fmt.Sprintf("option '%s' does not belong here", name), Hint: hint}
		}
	}
	return nil
}

// source reads what was posted to a table.
type source struct {
	pushed.Reading
	logs *intake.Logs // nil: it is no server
}

func (c connector) Source(t connectors.Table) (connectors.Source, error) {
	if !Posted(t.Options) {
		return nil, notRead
	}
	notPosted := func(name string) bool { return ofAsked(name) || ofSent(name) }
	if err := keepApart(t, notPosted, "a table with 'url' is asked for rows; one without is posted to, and has options http.…, scan.… and those of its format"); err != nil {
		return nil, err
	}
	s := &source{logs: c.logs}
	s.Reading = pushed.Reading{Table: t, Log: s.log, Durable: c.logs.Durable}
	return s, s.Check()
}

// Limits are how much of a table's events is kept.
func Limits(options map[string]string) intake.Limits { return pushed.Limits(options, keepPrefix) }

// Partitions implements connectors.Source.
func (s *source) Partitions(ctx context.Context) ([]int32, error) {
	if s.logs == nil {
		return nil, connectors.OptionError{Key: "connector", Message: "a table with 'connector' = 'http' and no 'url' is posted to, which takes a server",
			Hint: "run cepd serve and submit the query there; for a run from the shell read 'stdin' or a 'file'"}
	}
	return s.Reading.Partitions(ctx)
}

// Open implements connectors.Source.
func (s *source) Open(_ context.Context, _ int32, from int64, ready func()) (connectors.Reader, error) {
	r, _, err := s.Read(from, ready)
	if err != nil {
		return nil, err
	}
	r.Topic, r.Headers = s.Table.Name, true
	return r, nil
}

func (s *source) log() (*intake.Log, error) {
	if _, err := s.Partitions(context.Background()); err != nil {
		return nil, err
	}
	l, err := s.logs.Log(s.Table.Name)
	if err == nil {
		l.Limit(Limits(s.Table.Options))
	}
	return l, err
}

// History implements connectors.Historian, by the times at which events came.
func (connector) History(options map[string]string, from, to time.Time) {
	pushed.History(options, from, to)
}
