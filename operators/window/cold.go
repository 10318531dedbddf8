package window

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/state"
)

// coldGroups is what a pane knows of its groups that are in the store only. The slot
// that a group got when its first row came stays its name there, and its place in
// the output; in memory it has another.
type coldGroups struct {
	numbers []int32 // by slot in memory: the slot in the store
	next    int32   // the first that is free in the store
	known   state.Fingerprints
	cursor  []byte // after a restore: known is complete for keys before it
	whole   bool   // … for all
}

// learnGroups is how many groups are read per call until all cold ones are known.
var learnGroups = 4096

var errEnough = errors.New("enough")

// number gives the store's slots to those from len(numbers) to n.
func (c *coldGroups) number(n int) {
	for len(c.numbers) < n {
		c.numbers = append(c.numbers, c.next)
		c.next++
	}
}

// has says whether a group that is not in memory may be in the store.
func (c *coldGroups) has(hash uint64, key []byte) bool {
	return !c.whole && bytes.Compare(key, c.cursor) >= 0 || c.known.Has(hash)
}

// slot is the slot in the store of a slot in memory.
func (pn *pane) slot(s int32) int32 {
	if pn.cold == nil {
		return s
	}
	return pn.cold.numbers[s]
}

// slots is how many the pane has in the store.
func (pn *pane) slots() int32 {
	if pn.cold == nil {
		return pn.N
	}
	return pn.cold.next
}

func (pn *pane) prefix(part byte) []byte {
	p := panePrefix(pn.bounds)
	p[0] = part
	return p
}

// index writes where the keys of new groups are, and how many there are.
func (pn *pane) index(w state.Writer) error {
	if pn.slots() == pn.filed {
		return nil
	}
	prefix := pn.prefix(prefixIndex)
	for _, s := range pn.dirty {
		if pn.slot(s) < max(pn.filed, pn.reported) {
			continue
		}
		if err := w.Put(append(prefix[:len(prefix):len(prefix)], pn.Key(s)...), slotKey(nil, pn.slot(s))); err != nil {
			return err
		}
	}
	pn.filed = pn.slots()
	return w.Put(pn.prefix(prefixHead), slotKey(nil, pn.filed))
}

// restoreHead makes a pane all of whose groups are cold.
func (a *aligned) restoreHead(key, value []byte) error {
	if len(key) != 17 || len(value) != 4 {
		return event.ErrCorrupt
	}
	pn := a.pane(bounds{end: readTime(key[1:]), start: readTime(key[9:])})
	pn.saved, pn.filed = true, int32(binary.BigEndian.Uint32(value))
	pn.cold = &coldGroups{next: pn.filed}
	return nil
}

// touchAll has the next snapshot write every group, with what version 1 lacks.
func (a *aligned) touchAll() {
	for _, pn := range a.order {
		for s := range pn.N {
			pn.touch(s)
		}
	}
}

// learn finds out some more of the cold groups that a restore has left.
func (a *aligned) learn() error {
	if a.r == nil {
		return nil
	}
	for _, pn := range a.order {
		if pn.cold != nil && !pn.cold.whole {
			return a.learnOf(pn)
		}
	}
	return nil
}

func (a *aligned) learnOf(pn *pane) error {
	c, prefix := pn.cold, pn.prefix(prefixIndex)
	n := 0
	var last []byte
	err := a.r.Scan(append(prefix[:len(prefix):len(prefix)], c.cursor...), state.PrefixEnd(prefix), func(entry, _ []byte) error {
		if n++; n > learnGroups {
			return errEnough
		}
		key := entry[len(prefix):]
		last = append(last[:0], key...)
		hash := a.p.codec.Hash(key)
		if _, hot := pn.Find(hash, key); !hot {
			c.known.Add(hash)
		}
		return nil
	})
	switch {
	case errors.Is(err, errEnough):
		c.cursor, err = append(last, 0), nil
	case err == nil:
		c.whole = true
	}
	return err
}

// thaw reads those groups of a.keys that are cold, all together.
func (a *aligned) thaw(pn *pane) error {
	if pn.cold == nil {
		return nil
	}
	prefix := pn.prefix(prefixIndex)
	var wanted [][]byte
	for i := range a.keys.Len() {
		hash, key := a.keys.Hash(i), a.keys.At(i)
		if _, hot := pn.Find(hash, key); !hot && pn.cold.has(hash, key) {
			wanted = append(wanted, append(prefix[:len(prefix):len(prefix)], key...))
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	slices.SortFunc(wanted, bytes.Compare)
	wanted = slices.CompactFunc(wanted, bytes.Equal)
	a.counts.Reads += int64(len(wanted))
	var slots []int32
	err := a.r.Lookup(wanted, func(_ int, value []byte) error {
		if len(value) != 4 {
			return event.ErrCorrupt
		}
		slots = append(slots, int32(binary.BigEndian.Uint32(value)))
		return nil
	})
	if err != nil {
		return err
	}
	return a.load(pn, slots)
}

// load reads groups by their slots in the store.
func (a *aligned) load(pn *pane, slots []int32) error {
	slices.Sort(slots)
	prefix := pn.prefix(prefixPane)
	entries := make([][]byte, len(slots))
	for i, s := range slots {
		entries[i] = slotKey(prefix[:len(prefix):len(prefix)], s)
	}
	found := 0
	err := a.r.Lookup(entries, func(i int, value []byte) error {
		found++
		pn.cold.numbers = append(pn.cold.numbers, slots[i])
		s, hash, err := a.read(pn, value)
		if err == nil && (pn.cold.whole || bytes.Compare(pn.Key(s), pn.cold.cursor) < 0) {
			pn.cold.known.Remove(hash)
		}
		return err
	})
	if err == nil && found < len(slots) {
		err = event.ErrCorrupt
	}
	a.counts.Loaded += int64(found)
	return err
}

// read adds a group from an entry.
func (a *aligned) read(pn *pane, value []byte) (slot int32, hash uint64, err error) {
	id, rows, rest, err := readGroup(a.p.codec, value)
	if err != nil {
		return 0, 0, err
	}
	hash = a.p.codec.Hash(id)
	slot = pn.Table.Add(hash, id)
	pn.grow()
	pn.rows[slot] = rows
	if rest, err = pn.states.Read(rest, slot); err == nil && len(rest) > 0 {
		err = event.ErrCorrupt
	}
	return slot, hash, err
}

// Spills says whether groups can be let go of: not those of running totals.
func (a *aligned) Spills() bool { return a.running == nil }

// Spill lets go of groups that have not changed since the last snapshot, pane by
// pane, that to which rows came longest ago first.
func (a *aligned) Spill(most int64) {
	if a.r == nil {
		return
	}
	for a.Size().Bytes > most {
		var oldest *pane
		for _, pn := range a.order {
			if pn.Count > len(pn.dirty) && (oldest == nil || pn.used < oldest.used) {
				oldest = pn
			}
		}
		if oldest == nil {
			return
		}
		a.letGo(oldest)
	}
}

// letGo keeps of a pane the groups that the store has not, or not as they are, in
// new memory.
func (a *aligned) letGo(pn *pane) {
	c := pn.cold
	if c == nil {
		c = &coldGroups{whole: true}
		c.number(int(pn.N))
	}
	kept := newPane(a.p)
	kept.open(pn.bounds)
	kept.saved, kept.filed, kept.used, kept.reported = pn.saved, pn.filed, pn.used, pn.reported
	if a.closing != nil && a.closing.pn == pn {
		a.closing = nil
	}
	var numbers []int32
	var buf []byte
	for s := range pn.N {
		if !pn.marked[s] {
			if c.whole || bytes.Compare(pn.Key(s), c.cursor) < 0 {
				c.known.Add(pn.Hash(s))
			}
			a.counts.Spilled++
			continue
		}
		if c.numbers[s] < pn.reported {
			continue
		}
		numbers = append(numbers, c.numbers[s])
		buf = a.copy(kept, pn, s, buf)
	}
	for _, s := range kept.Live(nil) {
		kept.touch(s)
	}
	c.numbers, kept.cold = numbers, c
	*pn = *kept
}

// copy adds group s of from to a pane.
func (a *aligned) copy(to, from *pane, s int32, buf []byte) []byte {
	buf = from.states.Append(appendGroup(buf[:0], from.Key(s), from.rows[s]), s)
	if _, _, err := a.read(to, buf); err != nil {
		panic(err) // it was encoded here
	}
	return buf
}

// close reports groups of a pane that is a window, those in memory and those in
// the store, in the order of their first rows: as many as are left to report.
func (a *aligned) close(ctx *operators.Context, pn *pane, out operators.Collector) error {
	if pn.cold == nil {
		to := int32(min(int64(pn.N), int64(pn.reported)+int64(a.left)))
		from := pn.reported
		a.left -= int(to - from)
		pn.reported = to
		return a.report(ctx, pn, from, to, out)
	}
	if a.closing == nil {
		a.beginClosing(pn, pn.reported)
	}
	err := a.closing.portion(ctx, out)
	pn.reported = a.closing.from
	return err
}

// closing is a pane on its way out.
type closing struct {
	a   *aligned
	pn  *pane
	ctx *operators.Context
	out operators.Collector
	// from is the slot in the store from which on groups are to be reported.
	from int32
	hot  []int32 // slots in memory that are to be reported, by their slots in the store
	buf  []byte
}

func (a *aligned) beginClosing(pn *pane, from int32) {
	o := &closing{a: a, pn: pn, from: from}
	for s := range pn.N {
		if pn.slot(s) >= from {
			o.hot = append(o.hot, s)
		}
	}
	slices.SortFunc(o.hot, func(x, y int32) int { return int(pn.slot(x)) - int(pn.slot(y)) })
	if a.scratch == nil {
		a.scratch = newPane(a.p)
	}
	a.closing = o
}

// portion reports as many groups as are left to report.
func (o *closing) portion(ctx *operators.Context, out operators.Collector) error {
	o.ctx, o.out = ctx, out
	o.a.scratch.open(o.pn.bounds)
	err := o.scan()
	for err == nil && len(o.hot) > 0 {
		err = o.next()
	}
	switch {
	case err == nil:
		o.from = o.pn.slots()
	case !errors.Is(err, errEnough):
		return err
	}
	return o.flush()
}

// scan takes the groups of the store, where some may be only there, and those in
// memory between them.
func (o *closing) scan() error {
	if o.pn.cold == nil {
		return nil
	}
	prefix := o.pn.prefix(prefixPane)
	return o.a.r.Scan(slotKey(prefix[:len(prefix):len(prefix)], o.from), state.PrefixEnd(prefix), func(key, value []byte) error {
		if len(key) != 21 {
			return event.ErrCorrupt
		}
		return o.stored(int32(binary.BigEndian.Uint32(key[17:])), value)
	})
}

// stored takes the next group of the store, unless it is in memory, and what
// comes before it.
func (o *closing) stored(slot int32, value []byte) error {
	for len(o.hot) > 0 && o.pn.slot(o.hot[0]) < slot {
		if err := o.next(); err != nil {
			return err
		}
	}
	if len(o.hot) > 0 && o.pn.slot(o.hot[0]) == slot {
		return o.next()
	}
	if o.a.left == 0 {
		return errEnough
	}
	if _, _, err := o.a.read(o.a.scratch, value); err != nil {
		return err
	}
	return o.taken(slot)
}

// next takes the next group in memory.
func (o *closing) next() error {
	if o.a.left == 0 {
		return errEnough
	}
	slot := o.pn.slot(o.hot[0])
	o.buf = o.a.copy(o.a.scratch, o.pn, o.hot[0], o.buf)
	o.hot = o.hot[1:]
	return o.taken(slot)
}

// taken counts the group that is in scratch now.
func (o *closing) taken(slot int32) error {
	o.a.left--
	o.from = slot + 1
	if o.a.scratch.N < event.MaxRows {
		return nil
	}
	return o.flush()
}

func (o *closing) flush() error {
	var err error
	if o.a.whole != nil {
		err = o.a.together(o.ctx, o.out)
	} else {
		err = o.a.report(o.ctx, o.a.scratch, 0, o.a.scratch.N, o.out)
	}
	o.a.scratch.open(o.pn.bounds)
	return err
}
