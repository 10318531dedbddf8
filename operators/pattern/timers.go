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

const (
	timerBytes = int64(unsafe.Sizeof(timer{}))
	linedBytes = int64(unsafe.Sizeof(lined{}))
)

func (t *timer) before(u *timer) bool {
	if t.deadline != u.deadline {
		return t.deadline < u.deadline
	}
	return t.id.Compare(u.id) < 0
}

// timerQueue is the timers of a shard. Rows come in the order of time, and most
// deadlines are as long after their rows: such timers stand in line, where one
// that comes goes to the end. Others lie in a heap. Each key knows where its
// timer is, so that an attempt that ends takes it along; in the line that leaves
// a gap, and gaps are closed when they are a third of it.
//
//	line   t3 gap t5 t6 gap t9 ◀── later ones
//	heap   those that are earlier than the end of the line when they come
type timerQueue struct {
	items  []timer  // the heap
	line   []lined  // from head on
	tail   event.ID // of the last that came to the line
	head   int
	base   int // number of the line's first place: keys know their timer by number
	gaps   int
	keys   *keyTable
	asleep event.Time // cold keys may have deadlines from here on
	// id finds the ID of a timer in the line; nil: there is no line, since the first
	// row of a key may change while its timer is set.
	id func(k *keyState) event.ID
}

// lined is a timer in the line, or a gap, which has no key.
type lined struct {
	deadline event.Time
	key      int32
}

const (
	inLine = 1 << 30 // in keyState.timer: the rest is a number of the line
	noKey  = -1
	// leastLine is the length from which on gaps are closed.
	leastLine = 64
)

// of is the deadline of a key that has one.
func (q *timerQueue) of(k *keyState) event.Time {
	if k.timer&inLine != 0 {
		return q.line[int(k.timer&^inLine)-q.base].deadline
	}
	return q.items[k.timer].deadline
}

// top is the deadline and the key of the first timer; false when there is none.
func (q *timerQueue) top() (lined, bool) {
	switch inside, heaped := q.head < len(q.line), len(q.items) > 0; {
	case !inside && !heaped:
		return lined{}, false
	case inside && (!heaped || !q.heapFirst()):
		return q.line[q.head], true
	}
	return lined{q.items[0].deadline, q.items[0].key}, true
}

// heapFirst says whether the heap's first timer comes before the line's.
func (q *timerQueue) heapFirst() bool {
	x, y := &q.items[0], &q.line[q.head]
	if x.deadline != y.deadline {
		return x.deadline < y.deadline
	}
	return x.id.Compare(q.id(q.keys.at(y.key))) < 0
}

// bytes is the memory of the timers.
func (q *timerQueue) bytes() int64 {
	return int64(len(q.items))*timerBytes + int64(len(q.line))*linedBytes
}

// due says whether the first timer is at or before t, or a cold key may have one.
func (q *timerQueue) due(t event.Time) bool {
	first, some := q.top()
	return some && first.deadline <= t || q.asleep <= t && q.asleep < event.MaxTime
}

// wakes says, when something is due at t, whether cold keys have to be looked at
// before the first timer.
func (q *timerQueue) wakes(t event.Time) bool {
	first, some := q.top()
	return q.asleep <= t && q.asleep < event.MaxTime && (!some || q.asleep <= first.deadline)
}

// first is the deadline of the first timer, or when a cold key may have one;
// MaxTime when there is neither.
func (q *timerQueue) first() event.Time {
	if first, some := q.top(); some {
		return min(first.deadline, q.asleep)
	}
	return q.asleep
}

// set moves the timer of key to another deadline, or adds it.
func (q *timerQueue) set(t timer) {
	k := q.keys.at(t.key)
	if k.timer < 0 || q.of(k) != t.deadline {
		k.flags &^= keyFiled
	}
	q.remove(t.key)
	if n := len(q.line); q.id != nil && (n == q.head || !t.before(&timer{deadline: q.line[n-1].deadline, id: q.tail})) {
		q.line, q.tail = append(q.line, lined{t.deadline, t.key}), t.id
		k.timer = inLine | int32(q.base+n)
		q.tidy()
		return
	}
	q.items = append(q.items, t)
	q.up(len(q.items)-1, t)
}

// remove takes the timer of a key away, if it has one.
func (q *timerQueue) remove(key int32) {
	k := q.keys.at(key)
	switch at := k.timer; {
	case at < 0:
		return
	case at&inLine == 0:
		q.take(int(at))
	default:
		q.line[int(at&^inLine)-q.base].key = noKey
		q.gaps++
		for q.head < len(q.line) && q.line[q.head].key == noKey {
			q.head, q.gaps = q.head+1, q.gaps-1
		}
		q.tidy()
	}
	k.timer = -1
}

// tidy frees the front of the line, and closes its gaps when they are many.
func (q *timerQueue) tidy() {
	n := len(q.line)
	switch {
	case q.head == n:
		q.base, q.line, q.head = q.base+n, q.line[:0], 0
	case q.head >= leastLine && q.head > n/2:
		q.base, q.line, q.head = q.base+q.head, q.line[:copy(q.line, q.line[q.head:])], 0
	}
	if n = len(q.line); q.gaps >= leastLine && q.gaps > (n-q.head)/3 || q.base+n >= inLine-1 {
		q.close()
	}
}

// close numbers the timers of the line anew, without gaps.
func (q *timerQueue) close() {
	kept := q.line[:0]
	for _, t := range q.line[q.head:] {
		if t.key != noKey {
			q.keys.at(t.key).timer = inLine | int32(len(kept))
			kept = append(kept, t)
		}
	}
	q.line, q.head, q.base, q.gaps = kept, 0, 0, 0
}

// ---- the heap

// take removes item i.
func (q *timerQueue) take(i int) {
	last := q.items[len(q.items)-1]
	q.items = q.items[:len(q.items)-1]
	if i == len(q.items) {
		return
	}
	if i > 0 && last.before(&q.items[(i-1)/2]) {
		q.up(i, last)
	} else {
		q.down(i, last)
	}
}

func (q *timerQueue) put(i int, t timer) {
	q.items[i] = t
	q.keys.at(t.key).timer = int32(i)
}

func (q *timerQueue) up(i int, t timer) {
	for i > 0 && t.before(&q.items[(i-1)/2]) {
		q.put(i, q.items[(i-1)/2])
		i = (i - 1) / 2
	}
	q.put(i, t)
}

func (q *timerQueue) down(i int, t timer) {
	for {
		c := 2*i + 1
		if c >= len(q.items) {
			break
		}
		if c+1 < len(q.items) && q.items[c+1].before(&q.items[c]) {
			c++
		}
		if !q.items[c].before(&t) {
			break
		}
		q.put(i, q.items[c])
		i = c
	}
	q.put(i, t)
}
