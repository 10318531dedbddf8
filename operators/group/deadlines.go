package group

import (
	"slices"

	"github.com/cepd/cepd/internal/event"
)

// Deadline is when to look at a slot.
type Deadline struct {
	At   event.Time
	Slot int32
}

// Deadlines is a heap with the earliest first.
type Deadlines []Deadline

// Push adds a deadline.
func (h *Deadlines) Push(d Deadline) {
	*h = append(*h, d)
	a := *h
	for i := len(a) - 1; i > 0 && a[i].At < a[(i-1)/2].At; i = (i - 1) / 2 {
		a[i], a[(i-1)/2] = a[(i-1)/2], a[i]
	}
}

// Pop takes the earliest.
func (h *Deadlines) Pop() Deadline {
	a := *h
	first, last := a[0], len(a)-1
	a[0] = a[last]
	a = a[:last]
	*h = a
	a.down(0)
	return first
}

// Keep drops the deadlines that keep says nothing for.
func (h *Deadlines) Keep(keep func(Deadline) bool) {
	a := slices.DeleteFunc(*h, func(d Deadline) bool { return !keep(d) })
	for i := len(a)/2 - 1; i >= 0; i-- {
		a.down(i)
	}
	*h = a
}

func (h Deadlines) down(i int) {
	for {
		c := 2*i + 1
		if c >= len(h) {
			return
		}
		if c+1 < len(h) && h[c+1].At < h[c].At {
			c++
		}
		if h[i].At <= h[c].At {
			return
		}
		h[i], h[c] = h[c], h[i]
		i = c
	}
}
