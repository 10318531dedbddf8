package pattern

import (
	"errors"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators/cold"
	"github.com/cepd/cepd/query/plan"
	"github.com/cepd/cepd/state"
)

// coldKeys is what the matcher knows of keys whose state is in the store only.
type coldKeys struct {
	*cold.Keys
	alarms *cold.Alarms
	r      state.Reader
	hand   int32 // where the search for keys to let go of goes on
}

var errEnough = errors.New("enough")

func (m *Matcher) newCold(r state.Reader) *coldKeys {
	width := event.Time(60e6)
	if m.p.within > 0 {
		width = max(1000, m.p.within/32)
	}
	hot := func(hash uint64, key []byte) bool { return m.keys.find(hash, key) != 0 }
	return &coldKeys{Keys: cold.NewKeys(r, []byte{prefixKey}, hashKey, hot), alarms: cold.NewAlarms(r, prefixTime, width), r: r}
}

// spills says whether keys can be let go of. They cannot where a row of one key
// changes others, nor where the watermark of the results hangs on all of them.
func (p *Program) spills() bool {
	return !p.opts.Ordered && p.match.Consume != plan.ConsumeAny
}

// none says that no key is cold.
func (c *coldKeys) none() bool { return c == nil || c.None() }

// asleep is the earliest time at which a cold key may have its deadline.
func (c *coldKeys) asleep() event.Time { return c.alarms.Asleep(c.none()) }

// thaw reads the cold keys of the batch, all together.
func (m *Matcher) thaw(b *event.Batch) error {
	c := m.cold
	if c.none() {
		return nil
	}
	ints := m.plainKeys(b)
	for n := range b.Live() {
		i := n
		if b.Sel != nil {
			i = int(b.Sel[n])
		}
		if ints {
			key := uint64(b.Cols[m.p.keys[0]].I64[i])
			if hash := hashInt(key); m.keys.findInt(hash, key) != 0 || c.Lacks(hash) {
				continue
			}
		}
		m.encodeKey(b, i)
		if hash := hashKey(m.keyBuf); m.keys.find(hash, m.keyBuf) == 0 && c.Has(hash, m.keyBuf) {
			c.Want(m.keyBuf)
		}
	}
	return m.fetch()
}

// fetch reads the keys that are wanted.
func (m *Matcher) fetch() error {
	err := m.cold.Fetch(m.admit)
	m.timers.asleep = m.cold.asleep()
	return err
}

// admit makes a cold key warm. Its rows are fed again as after a restore: what
// has been fired by now has been, and no more.
func (m *Matcher) admit(hash uint64, key, value []byte) error {
	wm, clock, ended := m.wm, m.clock, m.ended
	m.wm, m.clock, m.ended = m.past, 0, false
	defer func() { m.wm, m.clock, m.ended = wm, clock, ended }()
	m.touching(hash)
	h, rest, err := m.readEntry(key, value)
	if err != nil {
		return err
	}
	if h.paged {
		return m.restorePaged(m.cold.r, &h, rest)
	}
	return m.restoreKey(&h, func(k *keyState) ([]byte, error) { return m.readRows(k, &h, rest, h.rows) })
}

// learn finds out some more of the cold keys that a restore has left.
func (m *Matcher) learn() error {
	c := m.cold
	if c == nil || c.Whole() {
		return nil
	}
	err := c.Learn()
	m.timers.asleep = c.asleep()
	return err
}

// Spills says whether keys can be let go of.
func (m *Matcher) Spills() bool { return m.p.spills() }

// Spill lets go of keys that have not changed since the last snapshot, by second
// chance: those that changed before that one are passed over once.
func (m *Matcher) Spill(most int64) {
	c := m.cold
	if c == nil {
		return
	}
	c.Settled()
	// Two turns and a half: the first may only take their chance from all.
	for left := int(m.keys.next) * 5 / 2; left > 0 && m.keys.count > len(m.dirty) && m.bytes() > most; left-- {
		if c.hand++; c.hand >= m.keys.next {
			c.hand = 1
		}
		k := m.keys.at(c.hand)
		switch {
		case k.flags&(keyUsed|keyStored|keyDirty) != keyUsed|keyStored:
		case k.flags&keyRecent != 0:
			k.flags &^= keyRecent
		default:
			m.letGo(c.hand, k)
		}
	}
	m.timers.asleep = c.asleep()
}

// letGo takes a key out of memory that the store has.
func (m *Matcher) letGo(index int32, k *keyState) {
	c := m.cold
	var own [intKeyBytes]byte
	key := k.keyBytes(m.arena, own[:0])
	if c.none() {
		c.alarms.Reach(deadline(m.past, 2))
	}
	if k.timer >= 0 {
		c.alarms.Set(m.timers.of(k), key)
		m.timers.remove(index)
	}
	c.LetGo(m.keys.hashOf(k), key)
	m.lay(k)
	k.start = k.n
	if k.paging != nil {
		k.paging.stored = false // its pages stay in the store
	}
	m.dropRows(k, int(k.n))
	m.releaseRows(k)
	if m.joint != nil {
		delete(m.joint.used, index)
	}
	m.keys.remove(index)
}

// forgone notes that a stored key is no more.
func (m *Matcher) forgone(key []byte) {
	m.gone = append(m.gone, append([]byte(nil), key...))
	if m.cold != nil {
		m.cold.Gone(key)
	}
}

// eachCold visits the cold keys from one on, in the order of the store. Each is
// in memory for the visit.
func (m *Matcher) eachCold(from []byte, f func(index int32, k *keyState) error) error {
	c := m.cold
	if c.none() {
		return nil
	}
	defer func() { m.timers.asleep = c.asleep() }()
	return c.EachFrom(from, func(hash uint64, key, value []byte) error {
		c.Admit(hash, key)
		if err := m.admit(hash, key, value); err != nil {
			return err
		}
		index := m.keys.find(hash, key)
		if index == 0 {
			return nil
		}
		k := m.keys.at(index)
		err := f(index, k)
		if k.flags&keyDirty == 0 {
			m.letGo(index, k)
		}
		return err
	})
}

// wake loads some of the cold keys whose deadline is t or less, the earliest
// first, or reads the next bucket. No timer fires before all cold keys of its
// time are loaded: these go first (wakes). Keys that just end are not loaded.
func (m *Matcher) wake(t event.Time) error {
	c := m.cold
	due, err := c.alarms.Next(t)
	if err == nil {
		err = c.Ring(due, func(a cold.Alarm, value []byte) (cold.Answer, error) {
			h, _, err := m.readEntry(a.Key, value)
			switch {
			case err != nil:
				return 0, err
			case !h.timed || h.until > a.Deadline:
				return cold.Sleep, nil // it has changed since
			case m.p.endsSilently(&h):
				m.forgone(a.Key)
				return cold.End, nil
			}
			return cold.Wake, nil
		}, m.admit)
	}
	m.timers.asleep = c.asleep()
	return err
}

// endsSilently says whether the end of a key's time has no result and leaves
// nothing.
func (p *Program) endsSilently(h *header) bool {
	return p.joint != nil || p.silent && h.rows == 1 && h.start == 0
}

// ---- the end of the input

// coldOpen lists the cold keys that have an attempt under way, by its first row.
func (m *Matcher) coldOpen() (list []open, err error) {
	c := m.cold
	if c.none() {
		return nil, nil
	}
	scratch := make([]uint64, m.p.layout.stride)
	err = c.Each(func(_ uint64, key, value []byte) error {
		h, rest, err := m.readEntry(key, value)
		if err != nil || h.start >= h.rows {
			return err
		}
		if h.paged {
			c.Want(key) // such keys are few
			return nil
		}
		id, err := m.idAt(&h, rest, scratch)
		list = append(list, open{id: id, name: append([]byte(nil), key...)})
		return err
	})
	if err == nil {
		err = m.fetch()
	}
	return list, err
}

// idAt is the ID of the row that an entry's attempt starts with.
func (m *Matcher) idAt(h *header, rows []byte, scratch []uint64) (event.ID, error) {
	for range h.start + 1 {
		var err error
		if rows, err = m.p.layout.readRow(m.arena, rows, scratch, h.version); err != nil {
			return event.ID{}, err
		}
		m.p.layout.drop(m.arena, scratch)
	}
	return m.p.layout.idOf(m.arena, scratch), nil
}

// loadOpen reads the next cold keys of the list.
func (m *Matcher) loadOpen(list []open) error {
	list = list[:min(len(list), cold.Woken)]
	for i := range list {
		if list[i].key == 0 {
			m.cold.Want(list[i].name)
		}
	}
	if err := m.fetch(); err != nil {
		return err
	}
	for i := range list {
		if o := &list[i]; o.key == 0 {
			if o.key = m.keys.find(hashKey(o.name), o.name); o.key == 0 {
				return errCorrupt
			}
		}
	}
	return nil
}
