package pattern

import (
	"unsafe"

	"github.com/cepd/cepd/internal/event"
)

// timer is when the attempt of a key runs out of time. Order: deadline, then
// the ID of its first row, so that it does not depend on how keys lie in
// memory.
type timer struct {
	deadline event.Time
	id       event.ID
	key      int32
}

const timerBytes = int64(unsafe.Sizeof(timer{}))

func (t *timer) before(u *timer) bool {
	if t.deadline != u.deadline {
		return t.deadline < u.deadline
	}
	return t.id.Compare(u.id) < 0
}

// timerHeap is a binary heap whose items know their place through
// keyState.timer, so that an attempt that ends takes its timer along.
type timerHeap struct {
	items  []timer
	keys   *keyTable
	asleep event.Time // cold keys may have deadlines from here on
}

// due says whether the first timer is at or before t, or a cold key may have one.
func (h *timerHeap) due(t event.Time) bool {
	return len(h.items) > 0 && h.items[0].deadline <= t || h.asleep <= t && h.asleep < event.MaxTime
}

// wakes says, when something is due at t, whether cold keys have to be looked at
// before the first timer.
func (h *timerHeap) wakes(t event.Time) bool {
	return h.asleep <= t && h.asleep < event.MaxTime && (len(h.items) == 0 || h.asleep <= h.items[0].deadline)
}

// first is the deadline of the first timer, or when a cold key may have one;
// MaxTime when there is neither.
func (h *timerHeap) first() event.Time {
	if len(h.items) == 0 {
		return h.asleep
	}
	return min(h.items[0].deadline, h.asleep)
}

func (h *timerHeap) add(t timer) {
	h.items = append(h.items, t)
	h.up(len(h.items)-1, t)
}

// set moves the timer of key to another deadline, or adds it.
func (h *timerHeap) set(t timer) {
	k := h.keys.at(t.key)
	i := int(k.timer)
	if i < 0 || h.items[i].deadline != t.deadline {
		k.flags &^= keyFiled
	}
	if i < 0 {
		h.add(t)
		return
	}
	if t.before(&h.items[i]) {
		h.up(i, t)
	} else {
		h.down(i, t)
	}
}

func (h *timerHeap) remove(key int32) {
	k := h.keys.at(key)
	i := int(k.timer)
	if i < 0 {
		return
	}
	k.timer = -1
	last := h.items[len(h.items)-1]
	h.items = h.items[:len(h.items)-1]
	if i == len(h.items) {
		return
	}
	if i > 0 && last.before(&h.items[(i-1)/2]) {
		h.up(i, last)
	} else {
		h.down(i, last)
	}
}

func (h *timerHeap) put(i int, t timer) {
	h.items[i] = t
	h.keys.at(t.key).timer = int32(i)
}

func (h *timerHeap) up(i int, t timer) {
	for i > 0 && t.before(&h.items[(i-1)/2]) {
		h.put(i, h.items[(i-1)/2])
		i = (i - 1) / 2
	}
	h.put(i, t)
}

func (h *timerHeap) down(i int, t timer) {
	for {
		c := 2*i + 1
		if c >= len(h.items) {
			break
		}
		if c+1 < len(h.items) && h.items[c+1].before(&h.items[c]) {
			c++
		}
		if !h.items[c].before(&t) {
			break
		}
		h.put(i, h.items[c])
		i = c
	}
	h.put(i, t)
}
