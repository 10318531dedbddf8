package demo

import (
	"sort"
	"sync"
	"time"
)

// History remembers the last payments of each card and which frauds were
// planted, so that a detection can be shown with its events and counted. It
// is bounded: a ring of payments, each linked to the one before of its card.
type History struct {
	mu      sync.Mutex
	ring    []entry
	next    uint64   // entries written so far
	latest  []uint64 // per card: 1 + number of its last entry
	plants  map[identity]bool
	planted int
	found   int
	alarms  int // detections that were not planted
	repeats int
	delays  []time.Duration // a sample: the ring's length at most
}

type entry struct {
	Payment
	prev uint64
	sent time.Time
}

// identity of a fraud: the card and the time of the large purchase, in ms.
type identity struct{ card, last int64 }

// maxDelays bounds the sample of delays.
const maxDelays = 1 << 16

// NewHistory remembers the last size payments.
func NewHistory(cards, size int) *History {
	return &History{ring: make([]entry, size), latest: make([]uint64, cards), plants: map[identity]bool{}}
}

// Add remembers a payment sent now.
func (h *History) Add(p Payment, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	id := cardIndex(p.Card)
	h.ring[h.next%uint64(len(h.ring))] = entry{Payment: p, prev: h.latest[id], sent: now}
	h.next++
	h.latest[id] = h.next
}

// Plant remembers a fraud that must be found.
func (h *History) Plant(p Plant) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.planted++
	h.plants[identity{p.Card, p.Last.UnixMilli()}] = false
}

// Verdict is what a detection turned out to be.
type Verdict uint8

// The verdicts.
const (
	Found Verdict = iota
	FalseAlarm
	Repeated // the same detection once more: delivery is at least once
)

// Judge counts a detection and gives the payments that made it, and how long
// after the last of them it came.
func (h *History) Judge(d Detection, now time.Time) (Verdict, []Payment, time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	events, sent := h.events(d)
	delay := time.Duration(0)
	if !sent.IsZero() {
		delay = now.Sub(sent)
	}
	id := identity{d.Card, d.Last.UnixMilli()}
	seen, planted := h.plants[id]
	switch {
	case !planted:
		h.alarms++
		return FalseAlarm, events, delay
	case seen:
		h.repeats++
		return Repeated, events, delay
	}
	h.plants[id] = true
	h.found++
	if len(h.delays) < maxDelays && delay > 0 {
		h.delays = append(h.delays, delay)
	}
	return Found, events, delay
}

// events lists the card's payments from d.First to d.Last that are still in
// the ring, and when the last was sent.
func (h *History) events(d Detection) (list []Payment, sent time.Time) {
	id := cardIndex(d.Card)
	if id < 0 || id >= len(h.latest) {
		return nil, sent
	}
	for n := h.latest[id]; n > 0 && n+uint64(len(h.ring)) > h.next; {
		e := &h.ring[(n-1)%uint64(len(h.ring))]
		if !e.Time.Before(d.First) && !e.Time.After(d.Last) {
			list = append(list, e.Payment)
		}
		if e.Time.Equal(d.Last) {
			sent = e.sent
		}
		n = e.prev
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].Time.Before(list[j].Time) })
	return list, sent
}

// Tally is the count of a demonstration.
type Tally struct {
	Planted, Found, Missed, FalseAlarms, Repeated int
	Median, P99                                   time.Duration // from the last payment sent to the detection read
}

// Tally counts so far.
func (h *History) Tally() Tally {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := Tally{Planted: h.planted, Found: h.found, Missed: h.planted - h.found, FalseAlarms: h.alarms, Repeated: h.repeats}
	if n := len(h.delays); n > 0 {
		sorted := append([]time.Duration(nil), h.delays...)
		sort.Slice(sorted, func(i, j int) bool { return sorted[i] < sorted[j] })
		t.Median, t.P99 = sorted[n/2], sorted[n*99/100]
	}
	return t
}
