package pushed

import (
	"fmt"
	"strconv"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/duration"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state/intake"
)

// The options of every such table.
const (
	optBytes   = "retention.bytes"
	optAge     = "retention.age"
	optStartup = "scan.startup.mode"
	optStartAt = "scan.startup.timestamp-millis"
	optBounded = "scan.bounded.mode"
	optEndAt   = "scan.bounded.timestamp-millis"
)

// The modes of reading.
const (
	modeInitial   = "initial" // all that has ever come; where the connector offers it
	modeEarliest  = "earliest-offset"
	modeLatest    = "latest-offset"
	modeTimestamp = "timestamp"
	modeUnbounded = "unbounded"
)

// Specs are the options of keeping and reading; those of keeping have a prefix.
func Specs(prefix string) []connectors.OptionSpec {
	return []connectors.OptionSpec{
		{Name: prefix + optBytes, Default: strconv.Itoa(intake.DefaultBytes), Doc: "Bytes of messages that are kept. When queries have not read so much, no more are taken.", Check: connectors.CheckInt(minRetention, 1<<40)},
		{Name: prefix + optAge, Default: "7 d", Doc: "How long messages are kept that have been read.", Check: CheckAge},
		{Name: optStartup, Default: modeEarliest, Doc: "Where to start in what is kept: earliest-offset, latest-offset or timestamp.", Check: connectors.CheckOneOf(modeEarliest, modeLatest, modeTimestamp)},
		{Name: optStartAt, Doc: "For mode timestamp: the first message that came at or after this time, in ms since 1970.", Check: connectors.CheckInt(0, 1<<52)},
		{Name: optBounded, Default: modeUnbounded, Doc: "Where to end: unbounded, or, of what is kept, latest-offset or timestamp; then nothing is received.", Check: connectors.CheckOneOf(modeUnbounded, modeLatest, modeTimestamp)},
		{Name: optEndAt, Doc: "For mode timestamp: end before the first message that came at or after this time.", Check: connectors.CheckInt(0, 1<<52)},
	}
}

// Metadata are the metadata columns of every such table.
func Metadata() []connectors.MetadataSpec {
	return []connectors.MetadataSpec{
		{Key: "partition", Type: event.TInt32}, {Key: "offset", Type: event.TInt64},
		{Key: "timestamp", Type: event.Type{Kind: event.TimestampLTZ, Precision: 3}},
	}
}

// CheckAge checks the option of how long something is kept.
func CheckAge(value string) error {
	d, err := duration.Parse(value)
	if err == nil && d < time.Minute {
		err = fmt.Errorf("expected a minute or more, found '%s'", value)
	}
	return err
}

// Limits are how much of a table's messages is kept, by options with the prefix.
func Limits(options map[string]string, prefix string) intake.Limits {
	age, _ := duration.Parse(options[prefix+optAge]) // it has been checked; 0 is the default
	return intake.Limits{Bytes: connectors.Table{Options: options}.Int(prefix+optBytes, 0), Age: age}
}

// History changes options as connectors.Historian has it, by the times at which
// messages came.
func History(options map[string]string, from, to time.Time) {
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
