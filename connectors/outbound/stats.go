package outbound

import (
	"slices"
	"sync"
	"time"

	"github.com/cepd/cepd/connectors"
)

// maxLatencies is how many latencies wait to be published.
const maxLatencies = 1 << 12

// stats is what a caller has done.
type stats struct {
	mu       sync.Mutex
	activity connectors.Activity
	latency  []time.Duration
	refused  []connectors.Refusal
}

// note counts an attempt.
func (s *stats) note(c *Call, a *Answer, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := &s.activity
	n.Calls++
	if len(s.latency) < maxLatencies {
		s.latency = append(s.latency, took)
	}
	if a.Verdict == Taken {
		n.Delivered, n.Rows, n.LastError = n.Delivered+1, n.Rows+int64(len(c.Rows)), ""
		return
	}
	n.Failures, n.LastError = n.Failures+1, a.Reason
}

// refuse notes the rows of a call that is given up.
func (s *stats) refuse(c *Call, a *Answer, attempts int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.activity.Refused += int64(len(c.Rows))
	for _, r := range c.Rows {
		s.refused = append(s.refused, connectors.Refusal{
			ID: r.ID, Time: r.Time, Value: r.Value, Reason: a.Reason, Status: a.Status, Answer: a.Text, Attempts: attempts,
		})
	}
}

func (s *stats) lastError() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.activity.LastError
}

// Refused implements connectors.Refuser.
func (s *stats) Refused() []connectors.Refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.refused
	s.refused = nil
	return list
}

// Latencies implements connectors.Active.
func (s *stats) Latencies() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.Clone(s.latency)
	s.latency = s.latency[:0]
	return list
}

// Activity implements connectors.Active.
func (c *Caller) Activity() connectors.Activity {
	c.mu.Lock()
	a := c.activity
	c.mu.Unlock()
	if c.breaker != nil {
		a.Breaker = c.breaker.State().String()
	}
	return a
}
