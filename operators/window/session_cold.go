package window

import (
	"encoding/binary"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators/cold"
	"github.com/cepd/cepd/operators/group"
	"github.com/cepd/cepd/state"
)

// coldSessions is what the operator knows of keys whose sessions are in the store
// only. The alarm of a key is the end of its earliest session.
type coldSessions struct {
	*cold.Keys
	alarms *cold.Alarms
	hand   int32 // where the search for keys to let go of goes on
}

func (o *sessions) newCold(r state.Reader) *coldSessions {
	hot := func(hash uint64, key []byte) bool {
		_, ok := o.Find(hash, key)
		return ok
	}
	return &coldSessions{Keys: cold.NewKeys(r, []byte{prefixSessions}, o.p.codec.Hash, hot), alarms: cold.NewAlarms(r, prefixTime, sessionBucket(o.gap))}
}

// sessionBucket is the width of the buckets that the ends of cold sessions lie in, µs:
// those of a bucket are in memory together when its time comes. Where a snapshot
// writes few keys, a bucket costs one entry of it.
func sessionBucket(gap int64) int64 {
	const second = 1_000_000
	return max(1000, gap/64, min(gap/8, second))
}

// thaw reads the cold keys of the rows at hand.
func (o *sessions) thaw() error {
	c := o.cold
	if err := c.Learn(); err != nil || c.none() {
		return err
	}
	for i := range o.keys.Len() {
		hash, key := o.keys.Hash(i), o.keys.At(i)
		if _, hot := o.Find(hash, key); !hot && c.Has(hash, key) {
			c.Want(key)
		}
	}
	return c.Fetch(o.admit)
}

func (c *coldSessions) none() bool { return c == nil || c.None() }

// Learn finds out some more of the cold keys that a restore has left.
func (c *coldSessions) Learn() error {
	if c == nil {
		return nil
	}
	return c.Keys.Learn()
}

// asleep is the earliest time at which a session of a cold key may end.
func (o *sessions) asleep() event.Time {
	if o.cold == nil {
		return event.MaxTime
	}
	return o.cold.alarms.Asleep(o.cold.none())
}

// wake loads some of the cold keys of which a session ends by the watermark, the
// earliest first.
func (o *sessions) wake() error {
	due, err := o.cold.alarms.Next(o.wm)
	if err != nil {
		return err
	}
	return o.cold.Ring(due, func(a cold.Alarm, value []byte) (cold.Answer, error) {
		end, err := earliestEnd(value)
		if err != nil || end > a.Deadline {
			return cold.Sleep, err // it has changed since
		}
		return cold.Wake, nil
	}, o.admit)
}

// Spills implements operators.Spiller.
func (o *sessions) Spills() bool { return true }

// Spill lets go of keys that have not changed since the last snapshot, by second
// chance.
func (o *sessions) Spill(most int64) {
	c := o.cold
	if c == nil {
		return
	}
	c.Settled()
	for left := len(o.lists) * 5 / 2; left > 0 && o.Count > len(o.dirty) && o.bytes() > most; left-- {
		if c.hand++; int(c.hand) >= len(o.lists) {
			c.hand = 0
		}
		k := &o.lists[c.hand]
		switch {
		case !o.Has(c.hand) || !k.stored || k.dirty:
		case k.recent:
			k.recent = false
		default:
			o.letGo(c.hand)
		}
	}
	if len(o.timers) > 2*(len(o.list)-len(o.free))+minTimers {
		o.timers.Keep(func(d group.Deadline) bool { x := &o.list[d.Slot]; return x.key >= 0 && x.armed == d.At })
	}
}

// minTimers is how many timers of sessions that are gone are not worth a look.
const minTimers = 1024

// letGo takes a key out of memory that the store has.
func (o *sessions) letGo(key int32) {
	c := o.cold
	if c.none() {
		c.alarms.Reach(o.unreported())
	}
	c.alarms.Set(o.earliest(key), o.Table.Key(key))
	c.LetGo(o.Table.Hash(key), o.Table.Key(key))
	for s := o.lists[key].head; s >= 0; {
		next := o.list[s].next
		o.release(s)
		s = next
	}
	o.lists[key] = sessionKey{head: -1}
	o.Table.Remove(key)
}

// earliest is the first end of a key's sessions.
func (o *sessions) earliest(key int32) event.Time {
	s := o.lists[key].head
	for o.list[s].next >= 0 {
		s = o.list[s].next
	}
	return o.list[s].end
}

// unreported is the first end that is not reported.
func (o *sessions) unreported() event.Time {
	if o.Unfinished() {
		return o.resume
	}
	return min(o.wm, event.MaxTime-1) + 1
}

// forgone notes that a stored key is no more.
func (o *sessions) forgone(key []byte) {
	o.gone = append(o.gone, append([]byte(nil), key...))
	if o.cold != nil {
		o.cold.Gone(key)
	}
}

// admit makes the sessions of a cold key warm.
func (o *sessions) admit(hash uint64, key, value []byte) error {
	if !o.p.codec.Valid(key) {
		return event.ErrCorrupt
	}
	n, w := binary.Uvarint(value)
	if w <= 0 {
		return event.ErrCorrupt
	}
	slot := o.newKey(hash, key)
	for src := value[w:]; ; n-- {
		if n == 0 {
			if len(src) > 0 || o.lists[slot].head < 0 {
				return event.ErrCorrupt
			}
			o.lists[slot].stored, o.lists[slot].recent = true, true
			return nil
		}
		var err error
		if src, err = o.readSession(slot, src); err != nil {
			return err
		}
	}
}
