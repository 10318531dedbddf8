package outbound

import (
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

// Call is what is sent at once.
type Call struct {
	Rows   []Row  // that it delivers: one, or those of a digest; never none
	Key    string // calls of a key are made one after the other; "": it has none
	Target string // where to, or what about, as the sink has it
	Body   []byte
	Header []connectors.Header // beside the body, of this call only
}

// Row is a row of a call.
type Row struct {
	ID    event.ID
	Time  event.Time
	Value []byte // as a dead letter shows it
}

// ID is that of the first row: the same in every repetition of the call.
func (c *Call) ID() event.ID { return c.Rows[0].ID }

// Verdict is what has become of an attempt.
type Verdict uint8

// The verdicts.
const (
	Taken Verdict = iota
	Again         // it may be taken later
	Never         // the service says that it will not take it
)

// Answer is how an attempt ended.
type Answer struct {
	Verdict Verdict
	Broken  bool          // the service is not well, whatever the call: the breaker counts it
	Wait    time.Duration // that the service asks for, of everybody; 0: it does not
	Reason  string        // without secrets; of one that was not taken
	Status  int           // 0: no answer, or it has no number
	Text    string        // the beginning of the answer
}

// lanes are the calls in groups: those of a key in their order, those without one
// alone.
func lanes(calls []*Call) [][]*Call {
	list := make([][]*Call, 0, len(calls))
	at := map[string]int{}
	for _, c := range calls {
		i, known := at[c.Key]
		if !known || c.Key == "" {
			at[c.Key] = len(list)
			list = append(list, []*Call{c})
			continue
		}
		list[i] = append(list[i], c)
	}
	return list
}
