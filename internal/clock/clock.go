// Package clock is the only place that reads the wall clock. Everything else
// is handed a Clock, so that tests and the simulator decide what time it is.
package clock

import (
	"sync"
	"time"

	"github.com/cepd/cepd/internal/event"
)

// Clock tells time and wakes sleepers.
type Clock interface {
	// Now is the time in µs since the epoch.
	Now() event.Time
	// After is a channel that gets one value when d has passed, and a function
	// that releases the timer before that.
	After(d time.Duration) (<-chan time.Time, func())
}

// Wall is the clock of the machine.
type Wall struct{}

// Now is the time of day.
func (Wall) Now() event.Time { return time.Now().UnixMicro() }

// After is a timer of the runtime.
func (Wall) After(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}

// Manual is a clock that moves when told to. The zero value stands at the
// epoch.
type Manual struct {
	mu    sync.Mutex
	now   event.Time
	waits map[chan time.Time]event.Time
}

// Now is where the clock stands.
func (m *Manual) Now() event.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

// Advance moves the clock on and fires the timers it passes.
func (m *Manual) Advance(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now += d.Microseconds()
	for c, at := range m.waits {
		if at <= m.now {
			delete(m.waits, c)
			c <- time.UnixMicro(m.now)
		}
	}
}

// After fires when Advance has moved the clock by d.
func (m *Manual) After(d time.Duration) (<-chan time.Time, func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := make(chan time.Time, 1)
	if m.waits == nil {
		m.waits = map[chan time.Time]event.Time{}
	}
	m.waits[c] = m.now + d.Microseconds()
	return c, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.waits, c)
	}
}
