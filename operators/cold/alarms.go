package cold

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state"
)

// Woken is how many keys are loaded at a time because their deadline has come.
// Tests make it small.
var Woken = 4096

// Alarms is the deadlines of keys that are cold. They lie in the store by time, in
// buckets. Each snapshot adds to a bucket the deadlines of the keys it writes that
// fall into it, those that are new, as one entry:
//
//	prefix bucket serial -> deadline - start of the bucket | length | key | …
//
// Those of a key that has changed since are left where they are: a key says in
// its own entry what its deadline is. A bucket that is past goes as a whole.
type Alarms struct {
	r       state.Reader
	prefix  byte
	width   event.Time // of a bucket
	near    alarmHeap
	horizon int64  // the first bucket whose deadlines are not in near
	swept   int64  // buckets before this one are deleted
	serial  uint64 // of snapshots

	filed []filed // by the snapshot under way
	names []byte
}

// Alarm is a deadline of a key that is, or was, cold.
type Alarm struct {
	Deadline event.Time
	Key      []byte
}

// filed is a deadline on its way to the store.
type filed struct {
	deadline event.Time
	from, to int // of the key, in names
}

// NewAlarms is those of a store that has none. Width is that of a bucket, µs.
func NewAlarms(r state.Reader, prefix byte, width event.Time) *Alarms {
	return &Alarms{r: r, prefix: prefix, width: width}
}

// Begin says that all deadlines before from are over. Where known is true, those
// of the keys in the store are in memory, with the keys.
func (a *Alarms) Begin(from event.Time, known bool) {
	a.horizon = a.bucket(from)
	a.swept = a.horizon
	if !known {
		a.swept--
	}
}

// MarkBytes is the length of a mark.
const MarkBytes = 16

// AppendMark encodes what the next life has to know.
func (a *Alarms) AppendMark(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(a.width))
	return binary.LittleEndian.AppendUint64(dst, a.serial)
}

// ReadMark reads what AppendMark wrote.
func (a *Alarms) ReadMark(src []byte) error {
	if len(src) != MarkBytes {
		return event.ErrCorrupt
	}
	a.width = event.Time(binary.LittleEndian.Uint64(src))
	if a.serial = binary.LittleEndian.Uint64(src[8:]); a.width <= 0 {
		return event.ErrCorrupt
	}
	return nil
}

// alarmHeap is a binary heap, the earliest first.
type alarmHeap []Alarm

func (h *alarmHeap) add(a Alarm) {
	*h = append(*h, a)
	s := *h
	for i := len(s) - 1; i > 0; {
		parent := (i - 1) / 2
		if s[parent].Deadline <= s[i].Deadline {
			return
		}
		s[i], s[parent] = s[parent], s[i]
		i = parent
	}
}

func (h *alarmHeap) pop() Alarm {
	s := *h
	first, last := s[0], len(s)-1
	s[0], s[last] = s[last], Alarm{}
	s = s[:last]
	*h = s
	for i := 0; ; {
		c := 2*i + 1
		if c+1 < last && s[c+1].Deadline < s[c].Deadline {
			c++
		}
		if c >= last || s[i].Deadline <= s[c].Deadline {
			return first
		}
		s[i], s[c] = s[c], s[i]
		i = c
	}
}

const alarmBytes = 48

// Bytes is the memory held.
func (a *Alarms) Bytes() int64 {
	if a == nil {
		return 0
	}
	return int64(len(a.near)) * alarmBytes
}

// bucket is that of a time.
func (a *Alarms) bucket(t event.Time) int64 {
	b := t / a.width
	if t%a.width < 0 {
		b--
	}
	return b
}

// opens is the first deadline of a bucket.
func (a *Alarms) opens(bucket int64) event.Time {
	switch {
	case bucket <= math.MinInt64/a.width:
		return event.MinTime
	case bucket >= math.MaxInt64/a.width:
		return event.MaxTime
	}
	return bucket * a.width
}

func (a *Alarms) bucketKey(bucket int64) []byte {
	return binary.BigEndian.AppendUint64([]byte{a.prefix}, uint64(bucket)^1<<63)
}

// Asleep is the earliest time at which a cold key may have its deadline; MaxTime:
// none has one. None says that no key is cold.
func (a *Alarms) Asleep(none bool) event.Time {
	if none {
		a.near = a.near[:0]
		return event.MaxTime
	}
	t := a.opens(a.horizon)
	if len(a.near) > 0 {
		t = min(t, a.near[0].Deadline)
	}
	return t
}

// Reach moves the horizon to where time is, when no key has been cold so far.
func (a *Alarms) Reach(from event.Time) { a.horizon = max(a.horizon, a.bucket(from)) }

// Set notes the deadline of a key that is let go of, and whose deadline has been
// filed.
func (a *Alarms) Set(deadline event.Time, key []byte) {
	if a.bucket(deadline) < a.horizon {
		a.near.add(Alarm{deadline, bytes.Clone(key)})
	}
}

// Next takes some of the deadlines up to t, the earliest first, in the order of
// keys, each key once; or reads the next bucket and takes none.
func (a *Alarms) Next(t event.Time) ([]Alarm, error) {
	open := a.opens(a.horizon)
	if len(a.near) == 0 || a.near[0].Deadline >= open {
		return nil, a.readBucket(t)
	}
	var due []Alarm
	for len(a.near) > 0 && len(due) < Woken {
		if d := a.near[0].Deadline; d > t || d >= open {
			break
		}
		due = append(due, a.near.pop())
	}
	slices.SortFunc(due, func(a, b Alarm) int {
		return cmp.Or(bytes.Compare(a.Key, b.Key), cmp.Compare(b.Deadline, a.Deadline))
	})
	return slices.CompactFunc(due, func(a, b Alarm) bool { return bytes.Equal(a.Key, b.Key) }), nil
}

// readBucket reads the deadlines of the next bucket that has any and begins by t.
func (a *Alarms) readBucket(t event.Time) error {
	end := []byte{a.prefix + 1}
	next := int64(math.MaxInt64)
	if t < event.MaxTime {
		next = a.bucket(t) + 1
		end = a.bucketKey(next)
	}
	found := false
	err := a.r.Scan(a.bucketKey(a.horizon), end, func(key, value []byte) error {
		if len(key) != bucketKeyBytes {
			return event.ErrCorrupt
		}
		bucket := int64(binary.BigEndian.Uint64(key[1:]) ^ 1<<63)
		if found && bucket >= next {
			return errEnough
		}
		found, next = true, bucket+1
		return a.readDeadlines(a.opens(bucket), bytes.Clone(value))
	})
	a.horizon = next
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

const bucketKeyBytes = 1 + 8 + 8

func (a *Alarms) readDeadlines(open event.Time, src []byte) error {
	for len(src) > 0 {
		after, w := binary.Uvarint(src)
		if w <= 0 {
			return event.ErrCorrupt
		}
		n, v := binary.Uvarint(src[w:])
		if v <= 0 || n > uint64(len(src)-w-v) {
			return event.ErrCorrupt
		}
		src = src[w+v:]
		a.near.add(Alarm{open + event.Time(after), src[:n:n]})
		src = src[n:]
	}
	return nil
}

// File notes the deadline of a key for Write.
func (a *Alarms) File(deadline event.Time, key []byte) {
	from := len(a.names)
	a.names = append(a.names, key...)
	a.filed = append(a.filed, filed{deadline, from, len(a.names)})
}

// Write writes the deadlines that were filed, and deletes the buckets that are
// past: deadlines before from are over.
func (a *Alarms) Write(w state.Writer, from event.Time) error {
	list := a.filed
	slices.SortFunc(list, func(x, y filed) int {
		return cmp.Or(cmp.Compare(x.deadline, y.deadline), cmp.Compare(x.from, y.from))
	})
	a.serial++
	var buf []byte
	for len(list) > 0 {
		bucket := a.bucket(list[0].deadline)
		open := a.opens(bucket)
		for buf = buf[:0]; len(list) > 0 && a.bucket(list[0].deadline) == bucket; list = list[1:] {
			key := a.names[list[0].from:list[0].to]
			buf = binary.AppendUvarint(buf, uint64(list[0].deadline-open))
			buf = append(binary.AppendUvarint(buf, uint64(len(key))), key...)
		}
		if err := w.Put(binary.BigEndian.AppendUint64(a.bucketKey(bucket), a.serial), buf); err != nil {
			return err
		}
	}
	a.filed, a.names = a.filed[:0], a.names[:0]
	return a.sweep(w, from)
}

func (a *Alarms) sweep(w state.Writer, until event.Time) error {
	b, from := a.bucket(until), a.swept
	if b <= from {
		return nil
	}
	a.swept = b
	return w.DeleteRange(a.bucketKey(from), a.bucketKey(b))
}
