package over

import (
	"encoding/binary"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators/cold"
	"github.com/cepd/cepd/operators/group"
	"github.com/cepd/cepd/state"
)

// coldKeys is what the operator knows of keys whose state is in the store only.
// What the end of a key's time forgets has no result, so when that is does not
// matter.
type coldKeys struct {
	*cold.Keys
	alarms *cold.Alarms
	r      state.Reader
	hand   int32 // where the search for keys to let go of goes on
}

func (o *Over) newCold(r state.Reader) *coldKeys {
	hot := func(hash uint64, key []byte) bool {
		_, ok := o.table.Find(hash, key)
		return ok
	}
	return &coldKeys{Keys: cold.NewKeys(r, []byte{prefixKey}, o.p.codec.Hash, hot), alarms: cold.NewAlarms(r, prefixTime, max(1000, o.p.ttl/32)), r: r}
}

// thaw reads the cold keys of the rows at hand.
func (o *Over) thaw() error {
	c := o.cold
	if c == nil || c.None() {
		return nil
	}
	for i := range o.ids.Len() {
		hash, key := o.ids.Hash(i), o.ids.At(i)
		if _, hot := o.table.Find(hash, key); !hot && c.Has(hash, key) {
			c.Want(key)
		}
	}
	return c.Fetch(o.admit)
}

// admit makes a cold key warm.
func (o *Over) admit(hash uint64, key, value []byte) error {
	slot, err := o.restoreKey(key, value)
	if err != nil || !o.p.keeps {
		return err
	}
	prefix := rowPrefix(key)
	err = o.cold.r.Scan(rowKey(prefix, o.keys[slot].begin), state.PrefixEnd(prefix), func(key, value []byte) error { return o.restoreRow(key[1:], value) })
	if err != nil {
		return err
	}
	return o.rebuild(slot)
}

// Spills implements operators.Spiller.
func (o *Over) Spills() bool { return true }

// Spill lets go of keys that have not changed since the last snapshot, by second
// chance.
func (o *Over) Spill(most int64) {
	c := o.cold
	if c == nil {
		return
	}
	c.Settled()
	for left := len(o.keys) * 5 / 2; left > 0 && o.table.Count > len(o.dirty) && o.bytes() > most; left-- {
		if c.hand++; int(c.hand) >= len(o.keys) {
			c.hand = 0
		}
		k := &o.keys[c.hand]
		switch {
		case !k.used || !k.stored || k.dirty:
		case k.recent:
			k.recent = false
		default:
			o.letGo(c.hand)
		}
	}
	if len(o.timers) > 2*o.table.Count+minTimers {
		o.timers.Keep(func(d group.Deadline) bool { return o.keys[d.Slot].used && o.keys[d.Slot].armed == d.At })
	}
}

// minTimers is how many timers of keys that have left are not worth a look.
const minTimers = 1024

// letGo takes a key out of memory that the store has.
func (o *Over) letGo(slot int32) {
	c, key := o.cold, o.table.Key(slot)
	if o.p.ttl > 0 {
		if c.None() {
			c.alarms.Reach(o.open())
		}
		c.alarms.Set(o.end(slot), key)
	}
	c.LetGo(o.table.Hash(slot), key)
	o.remove(slot)
}

// open is the first end that is not over: a key without rows since is not
// forgotten before it.
func (o *Over) open() event.Time { return min(o.wm, event.MaxTime-1) + 1 }

// end is the watermark from which on nothing of a key is needed.
func (o *Over) end(slot int32) event.Time { return o.keys[slot].time + o.p.ttl - 1 }

// expireCold forgets the cold keys whose time is past.
func (o *Over) expireCold() error {
	c := o.cold
	if c == nil || o.p.ttl == 0 {
		return nil
	}
	for c.alarms.Asleep(c.None()) <= o.wm && o.wm < event.MaxTime {
		due, err := c.alarms.Next(o.wm)
		if err == nil {
			err = c.Ring(due, o.ask, nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (o *Over) ask(a cold.Alarm, value []byte) (cold.Answer, error) {
	if len(value) < 8 {
		return 0, event.ErrCorrupt
	}
	if event.Time(binary.LittleEndian.Uint64(value))+o.p.ttl-1 > a.Deadline {
		return cold.Sleep, nil // it has had rows since
	}
	o.forgone(a.Key)
	return cold.End, nil
}

// forgone notes that a stored key is no more.
func (o *Over) forgone(key []byte) {
	o.gone = append(o.gone, append([]byte(nil), key...))
	if o.cold != nil {
		o.cold.Gone(key)
	}
}
