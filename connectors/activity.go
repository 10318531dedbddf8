package connectors

import (
	"time"

	"github.com/cepd/cepd/internal/event"
)

// Refuser is a Sink that may find that a row cannot be delivered at all, and goes on
// with the others.
type Refuser interface {
	Sink
	// Refused are the rows that have been given up since the last call; it is called
	// after each Flush, before the rows count as delivered.
	Refused() []Refusal
}

// Refusal is a row that could not be delivered.
type Refusal struct {
	ID       event.ID
	Time     event.Time
	Value    []byte // as it would have been delivered
	Reason   string
	Status   int    // of the last answer; 0: there was none, or it has no number
	Answer   string // the beginning of the last answer
	Attempts int
}

// Active is a Sink that calls a service, which may fail, and tells how that goes.
// Its methods may be called at any time, beside the others.
type Active interface {
	Activity() Activity
	// Latencies are those of the calls since the last call, not more than a few thousand.
	Latencies() []time.Duration
}

// Activity is what a sink has done since it was opened.
type Activity struct {
	Calls     int64  // attempts, whatever their outcome
	Failures  int64  // attempts that did not deliver
	Delivered int64  // calls that were taken
	Rows      int64  // in those
	Refused   int64  // rows that were given up
	Breaker   string // closed, open, half-open; "" where there is none
	LastError string // of the last attempt that failed; "" after one that did not
}
