package pattern

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

// The deadlines of keys lie in the store by time, in buckets. Each snapshot adds
// to a bucket the deadlines of the keys it writes that fall into it, those that
// are new, as one entry:
//
//	"t" bucket serial -> deadline - start of the bucket | length | key | …
//
// Those of a key that has changed since are left where they are: a key says in
// its own entry what its deadline is. A bucket that is past goes as a whole.

// alarm is a deadline of a key that is, or was, cold.
type alarm struct {
	deadline event.Time
	key      []byte
}

// alarmHeap is a binary heap, the earliest first.
type alarmHeap []alarm

func (h *alarmHeap) add(a alarm) {
	*h = append(*h, a)
	s := *h
	for i := len(s) - 1; i > 0; {
		parent := (i - 1) / 2
		if s[parent].deadline <= s[i].deadline {
			return
		}
		s[i], s[parent] = s[parent], s[i]
		i = parent
	}
}

func (h *alarmHeap) pop() alarm {
	s := *h
	first, last := s[0], len(s)-1
	s[0], s[last] = s[last], alarm{}
	s = s[:last]
	*h = s
	for i := 0; ; {
		c := 2*i + 1
		if c+1 < last && s[c+1].deadline < s[c].deadline {
			c++
		}
		if c >= last || s[i].deadline <= s[c].deadline {
			return first
		}
		s[i], s[c] = s[c], s[i]
		i = c
	}
}

const alarmBytes = 48

// bucket is that of a time t + more.
func (c *cold) bucket(t, more event.Time) int64 {
	t = deadline(t, more)
	b := t / c.width
	if t%c.width < 0 {
		b--
	}
	return b
}

// opens is the first deadline of a bucket.
func (c *cold) opens(bucket int64) event.Time {
	switch {
	case bucket <= math.MinInt64/c.width:
		return event.MinTime
	case bucket >= math.MaxInt64/c.width:
		return event.MaxTime
	}
	return bucket * c.width
}

func bucketKey(bucket int64) []byte {
	return binary.BigEndian.AppendUint64([]byte{prefixTime}, uint64(bucket)^1<<63)
}

// asleep is the earliest time at which a cold key may have its deadline; MaxTime:
// none has one.
func (c *cold) asleep() event.Time {
	if c.none() {
		c.alarms = c.alarms[:0]
		return event.MaxTime
	}
	t := c.opens(c.horizon)
	if len(c.alarms) > 0 {
		t = min(t, c.alarms[0].deadline)
	}
	return t
}

// wake loads some of the cold keys whose deadline is t or less, the earliest
// first, or reads the next bucket. No timer fires before all cold keys of its
// time are loaded: these go first (wakes).
func (m *Matcher) wake(t event.Time) error {
	c := m.cold
	if open := c.opens(c.horizon); len(c.alarms) == 0 || c.alarms[0].deadline >= open {
		err := c.readBucket(t)
		m.timers.asleep = c.asleep()
		return err
	}
	var due []alarm
	open := c.opens(c.horizon)
	for len(c.alarms) > 0 {
		d := c.alarms[0].deadline
		if d > t || d >= open || len(due) >= wakeKeys {
			break
		}
		due = append(due, c.alarms.pop())
	}
	return m.ring(due)
}

// readBucket reads the deadlines of the next bucket that has any and begins by t.
func (c *cold) readBucket(t event.Time) error {
	end := []byte{prefixTime + 1}
	next := int64(math.MaxInt64)
	if t < event.MaxTime {
		next = c.bucket(t, 0) + 1
		end = bucketKey(next)
	}
	found := false
	err := c.r.Scan(bucketKey(c.horizon), end, func(key, value []byte) error {
		if len(key) != bucketKeyBytes {
			return errCorrupt
		}
		bucket := int64(binary.BigEndian.Uint64(key[1:]) ^ 1<<63)
		if found && bucket >= next {
			return errEnough
		}
		found, next = true, bucket+1
		return c.readAlarms(c.opens(bucket), bytes.Clone(value))
	})
	c.horizon = next
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

const bucketKeyBytes = 1 + 8 + 8

func (c *cold) readAlarms(open event.Time, src []byte) error {
	d := decoder{src: src}
	for len(d.src) > 0 {
		at := open + event.Time(d.uvarint())
		n := d.uvarint()
		if d.bad || n > uint64(len(d.src)) {
			return errCorrupt
		}
		c.alarms.add(alarm{at, d.src[:n:n]})
		d.src = d.src[n:]
	}
	return nil
}

// ring loads the keys whose deadline has come, but for those that just end.
func (m *Matcher) ring(due []alarm) error {
	c := m.cold
	slices.SortFunc(due, func(a, b alarm) int {
		return cmp.Or(bytes.Compare(a.key, b.key), cmp.Compare(b.deadline, a.deadline))
	})
	due = slices.CompactFunc(due, func(a, b alarm) bool { return bytes.Equal(a.key, b.key) })
	due = slices.DeleteFunc(due, func(a alarm) bool {
		hash := hashKey(a.key)
		return m.keys.find(hash, a.key) != 0 || !c.has(hash, a.key)
	})
	keys := make([][]byte, len(due))
	for i := range due {
		keys[i] = due[i].key
	}
	c.reads += int64(len(keys))
	err := c.r.Lookup(m.entries(keys), func(i int, value []byte) error {
		h, _, err := m.readEntry(keys[i], value)
		switch {
		case err != nil:
			return err
		case !h.timed || h.until > due[i].deadline:
			return nil // it has changed since
		case m.p.endsSilently(&h):
			if c.covers(keys[i]) {
				c.known.Remove(hashKey(keys[i]))
			}
			m.forgone(keys[i])
			return nil
		}
		return m.admit(keys[i], value)
	})
	m.timers.asleep = c.asleep()
	return err
}

// endsSilently says whether the end of a key's time has no result and leaves
// nothing.
func (p *Program) endsSilently(h *header) bool {
	return p.joint != nil || p.silent && h.rows == 1 && h.start == 0
}

// filed is a deadline on its way to the store.
type filed struct {
	deadline event.Time
	from, to int // of the keys' bytes
}

// fileDeadlines writes the deadlines, of the keys that a snapshot writes, that the
// store has not, and deletes the buckets that are past.
func (c *cold) fileDeadlines(w state.Writer, list []filed, keys []byte, past event.Time) error {
	slices.SortFunc(list, func(a, b filed) int {
		return cmp.Or(cmp.Compare(a.deadline, b.deadline), cmp.Compare(a.from, b.from))
	})
	c.serial++
	var buf []byte
	for len(list) > 0 {
		bucket := c.bucket(list[0].deadline, 0)
		open := c.opens(bucket)
		for buf = buf[:0]; len(list) > 0 && c.bucket(list[0].deadline, 0) == bucket; list = list[1:] {
			key := keys[list[0].from:list[0].to]
			buf = binary.AppendUvarint(buf, uint64(list[0].deadline-open))
			buf = append(binary.AppendUvarint(buf, uint64(len(key))), key...)
		}
		if err := w.Put(binary.BigEndian.AppendUint64(bucketKey(bucket), c.serial), buf); err != nil {
			return err
		}
	}
	if b := c.bucket(past, 2); b > c.swept {
		from := c.swept
		c.swept = b
		return w.DeleteRange(bucketKey(from), bucketKey(b))
	}
	return nil
}
