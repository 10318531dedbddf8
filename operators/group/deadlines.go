package group

import "github.com/cepd/cepd/internal/event"

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
	for i := 0; ; {
		c := 2*i + 1
		if c >= len(a) {
			return first
		}
		if c+1 < len(a) && a[c+1].At < a[c].At {
			c++
		}
		if a[i].At <= a[c].At {
			return first
		}
		a[i], a[c] = a[c], a[i]
		i = c
	}
}
