package kafka

import (
	"strconv"
	"time"

	"github.com/cepd/cepd/connectors"
)

var (
	_ connectors.Historian = connector{}
	_ connectors.Rewinder  = connector{}
)

// History implements connectors.Historian, by the timestamps of the records.
func (connector) History(options map[string]string, from, to time.Time) {
	for _, name := range []string{"properties.group.id", "scan.startup.timestamp-millis", "scan.startup.specific-offsets",
		"scan.bounded.timestamp-millis", "scan.bounded.specific-offsets"} {
		delete(options, name)
	}
	options["scan.startup.mode"], options["scan.bounded.mode"] = "earliest-offset", "latest-offset"
	if !from.IsZero() {
		startAt(options, from)
	}
	if !to.IsZero() {
		options["scan.bounded.mode"], options["scan.bounded.timestamp-millis"] = "timestamp", strconv.FormatInt(to.UnixMilli(), 10)
	}
}

// Rewind implements connectors.Rewinder, by the timestamps of the records.
func (connector) Rewind(options map[string]string, from time.Time) {
	delete(options, "scan.startup.specific-offsets")
	startAt(options, from)
}

func startAt(options map[string]string, from time.Time) {
	options["scan.startup.mode"], options["scan.startup.timestamp-millis"] = "timestamp", strconv.FormatInt(from.UnixMilli(), 10)
}
