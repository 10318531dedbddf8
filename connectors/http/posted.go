package http

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/connectors/pushed"
	"github.com/cepd/cepd/internal/duration"
	"github.com/cepd/cepd/state/intake"
)

// The options of a table that events are posted to.
const (
	optSecret    = "http.hmac-secret"
	optSignature = "http.hmac-header"
	optAlgorithm = "http.hmac-algorithm"
	optLinks     = "http.link-secret"
	optRate      = "http.rate-limit"
	optBytes     = "http.retention.bytes"
	optAge       = "http.retention.age"
	optStartup   = "scan.startup.mode"
	optStartAt   = "scan.startup.timestamp-millis"
	optBounded   = "scan.bounded.mode"
	optEndAt     = "scan.bounded.timestamp-millis"
)

// The modes of reading.
const (
	modeEarliest  = "earliest-offset"
	modeLatest    = "latest-offset"
	modeTimestamp = "timestamp"
	modeUnbounded = "unbounded"
)

const defaultSignature = "X-Signature-256"

var postedSpecs = []connectors.OptionSpec{
	{Name: optSecret, Secret: true, Doc: "Of the signature that each post has to have: HMAC of the body, in hexadecimal. Default: none is asked for."},
	{Name: optSignature, Default: defaultSignature, Doc: "Header with the signature; sha256= may stand before it."},
	{Name: optAlgorithm, Default: "sha256", Doc: "sha256 or sha512.", Check: connectors.CheckOneOf("sha256", "sha512")},
	{Name: optLinks, Secret: true, Doc: "Of the signature of links that people follow to post an event ('sink.link.secret' of the table that sends them). Default: no link is taken."},
	{Name: optRate, Doc: "Posts per second that are taken; more are told to wait. Default: any.", Check: connectors.CheckInt(1, 1_000_000)},
	{Name: optBytes, Default: strconv.Itoa(intake.DefaultBytes), Doc: "Bytes of events that are kept. When queries have not read so much, posts are told to wait.", Check: connectors.CheckInt(1<<20, 1<<40)},
	{Name: optAge, Default: "7 d", Doc: "How long events are kept that have been read.", Check: checkAge},
	{Name: optStartup, Default: modeEarliest, Doc: "Where to start: earliest-offset, latest-offset or timestamp.", Check: connectors.CheckOneOf(modeEarliest, modeLatest, modeTimestamp)},
	{Name: optStartAt, Doc: "For mode timestamp: the first event that came at or after this time, in ms since 1970.", Check: connectors.CheckInt(0, 1<<52)},
	{Name: optBounded, Default: modeUnbounded, Doc: "Where to end: unbounded, latest-offset or timestamp.", Check: connectors.CheckOneOf(modeUnbounded, modeLatest, modeTimestamp)},
	{Name: optEndAt, Doc: "For mode timestamp: end before the first event that came at or after this time.", Check: connectors.CheckInt(0, 1<<52)},
}

func checkAge(value string) error {
	d, err := duration.Parse(value)
	if err == nil && d < time.Minute {
		err = fmt.Errorf("expected a minute or more, found '%s'", value)
	}
	return err
}

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
	logs  *intake.Logs // nil: it is no server
	table connectors.Table
	name  string
}

func (c connector) Source(t connectors.Table) (connectors.Source, error) {
	if !Posted(t.Options) {
		return nil, notRead
	}
	notPosted := func(name string) bool { return ofAsked(name) || ofSent(name) }
	if err := keepApart(t, notPosted, "a table with 'url' is asked for rows; one without is posted to, and has options http.…, scan.… and those of its format"); err != nil {
		return nil, err
	}
	for mode, at := range map[string]string{optStartup: optStartAt, optBounded: optEndAt} {
		if (t.Options[mode] == modeTimestamp) != (t.Options[at] != "") {
			return nil, connectors.OptionError{Key: mode, Message: fmt.Sprintf("options '%s' = '%s' and '%s' go together", mode, modeTimestamp, at)}
		}
	}
	if _, err := formats.NewDecoder(t); err != nil {
		return nil, err
	}
	return &source{logs: c.logs, table: t, name: t.Name}, nil
}

// Limits are how much of a table's events is kept.
func Limits(options map[string]string) intake.Limits {
	age, _ := duration.Parse(options[optAge]) // it has been checked; 0 is the default
	return intake.Limits{Bytes: connectors.Table{Options: options}.Int(optBytes, 0), Age: age}
}

// Partitions implements connectors.Source.
func (s *source) Partitions(context.Context) ([]int32, error) {
	if s.logs == nil {
		return nil, connectors.OptionError{Key: "connector", Message: "a table with 'connector' = 'http' and no 'url' is posted to, which takes a server",
			Hint: "run cepd serve and submit the query there; for a run from the shell read 'stdin' or a 'file'"}
	}
	return []int32{0}, nil
}

func (s *source) Replayable() bool { return true }
func (s *source) Bounded() bool {
	mode := s.table.Options[optBounded]
	return mode != "" && mode != modeUnbounded
}
func (s *source) Close() error { return nil }

// Open implements connectors.Source. A reading that ends keeps nothing from
// being let go.
func (s *source) Open(_ context.Context, _ int32, from int64, ready func()) (connectors.Reader, error) {
	l, err := s.log()
	if err != nil {
		return nil, err
	}
	if from == connectors.Start {
		if from, err = s.start(l); err != nil {
			return nil, err
		}
	}
	stop, query := int64(-1), s.table.Query
	if s.Bounded() {
		query = ""
		if stop, err = s.stop(l); err != nil {
			return nil, err
		}
	}
	r, err := l.Open(query, from, ready)
	if err != nil {
		return nil, err
	}
	return &pushed.LogReader{Reader: r, Stop: stop, Topic: s.name}, nil
}

func (s *source) log() (*intake.Log, error) {
	if _, err := s.Partitions(context.Background()); err != nil {
		return nil, err
	}
	l, err := s.logs.Log(s.name)
	if err == nil {
		l.Limit(Limits(s.table.Options))
	}
	return l, err
}

func (s *source) start(l *intake.Log) (int64, error) {
	switch s.table.Options[optStartup] {
	case modeLatest:
		return intake.Newest, nil
	case modeTimestamp:
		return l.At(1000 * s.table.Int(optStartAt, 0))
	}
	return intake.Oldest, nil
}

func (s *source) stop(l *intake.Log) (int64, error) {
	if s.table.Options[optBounded] == modeTimestamp {
		return l.At(1000 * s.table.Int(optEndAt, 0))
	}
	return l.Stats().End, nil
}

// Keep implements connectors.Keeper.
func (s *source) Keep(offsets map[int32]int64) error {
	l, err := s.log()
	if err != nil || s.Bounded() {
		return err
	}
	return l.Keep(s.table.Query, offsets[0])
}

// CommitOffsets implements connectors.Committer: without a data directory there
// are no snapshots, and what has been delivered is not read again.
func (s *source) CommitOffsets(_ context.Context, offsets map[int32]int64) error {
	at, ok := offsets[0]
	if !ok || s.logs.Durable() {
		return nil
	}
	return s.Keep(map[int32]int64{0: at})
}

// History implements connectors.Historian, by the times at which events came.
func (connector) History(options map[string]string, from, to time.Time) {
	delete(options, optStartAt)
	delete(options, optEndAt)
	options[optStartup], options[optBounded] = modeEarliest, modeLatest
	if !from.IsZero() {
		options[optStartup], options[optStartAt] = modeTimestamp, strconv.FormatInt(from.UnixMilli(), 10)
	}
	if !to.IsZero() {
		options[optBounded], options[optEndAt] = modeTimestamp, strconv.FormatInt(to.UnixMilli(), 10)
	}
}
