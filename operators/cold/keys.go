package cold

import (
	"bytes"
	"errors"
	"maps"
	"slices"

	"github.com/cepd/cepd/state"
)

// Learned is how many keys are read per call of Learn. Tests make it small.
var Learned = 4096

var errEnough = errors.New("enough")

// Keys is which keys of an operator are cold. What is in memory for it:
//
//	known    32 bits of the hash of each, so that a key without state costs no read
//	gone     keys that the store still has, and that are no more
//
// After a restore all keys are cold. Which those are is learned a slice at a
// time; until then a key behind the cursor may be cold, and is looked for.
type Keys struct {
	r      state.Reader
	prefix []byte                             // of the entries of keys
	hash   func(key []byte) uint64            //
	hot    func(hash uint64, key []byte) bool // says whether a key is in memory

	known  state.Fingerprints // of the cold keys before cursor
	cursor []byte
	whole  bool // the cursor is at the end

	gone    map[string]struct{} // stored keys that are no more since the last snapshot
	leaving map[string]struct{} // … since the one before: the write of the last deletes them

	slab   []byte
	wanted [][]byte // in slab

	spilled, reads, loaded int64
}

// NewKeys is the keys of a store that may have some: they are in entries with a
// prefix.
func NewKeys(r state.Reader, prefix []byte, hash func([]byte) uint64, hot func(uint64, []byte) bool) *Keys {
	return &Keys{r: r, prefix: prefix, hash: hash, hot: hot, gone: map[string]struct{}{}, leaving: map[string]struct{}{}}
}

// None says that no key is cold.
func (c *Keys) None() bool { return c == nil || c.whole && c.known.Count() == 0 }

// Complete says that all keys of the store are in memory now.
func (c *Keys) Complete() { c.whole = true }

// Whole says that all cold keys are known.
func (c *Keys) Whole() bool { return c.whole }

// covers says whether known decides about a key.
func (c *Keys) covers(key []byte) bool { return c.whole || bytes.Compare(key, c.cursor) < 0 }

// Has says whether a key that is not in memory may be in the store.
func (c *Keys) Has(hash uint64, key []byte) bool {
	if c.covers(key) && !c.known.Has(hash) {
		return false
	}
	return !c.Absent(key)
}

// Lacks says, without the key, that none with this hash is in the store.
func (c *Keys) Lacks(hash uint64) bool { return c.whole && !c.known.Has(hash) }

// Absent says whether a key of the store is no more.
func (c *Keys) Absent(key []byte) bool {
	if len(c.gone) == 0 && len(c.leaving) == 0 {
		return false
	}
	_, gone := c.gone[string(key)]
	_, leaving := c.leaving[string(key)]
	return gone || leaving
}

// LetGo notes that a key has left memory: the store has it as it is.
func (c *Keys) LetGo(hash uint64, key []byte) {
	if c.covers(key) {
		c.known.Add(hash)
	}
	c.spilled++
}

// Take notes that a key that was cold is so no more.
func (c *Keys) Take(hash uint64, key []byte) {
	if c.covers(key) {
		c.known.Remove(hash)
	}
}

// Gone notes that a stored key is no more.
func (c *Keys) Gone(key []byte) {
	c.gone[string(key)] = struct{}{}
}

// Captured notes that a snapshot deletes the keys that are gone.
func (c *Keys) Captured() {
	maps.Copy(c.leaving, c.gone)
	clear(c.gone)
}

// Settled notes that the writes of all snapshots are in the store.
func (c *Keys) Settled() { clear(c.leaving) }

// Want notes a key to be read.
func (c *Keys) Want(key []byte) {
	if cap(c.slab)-len(c.slab) < len(key) {
		c.slab = make([]byte, 0, max(1<<16, len(key))) // what is noted stays where it is
	}
	from := len(c.slab)
	c.slab = append(c.slab, key...)
	c.wanted = append(c.wanted, c.slab[from:len(c.slab):len(c.slab)])
}

// Fetch reads the keys that are wanted and are there, in order.
func (c *Keys) Fetch(admit func(hash uint64, key, value []byte) error) error {
	if len(c.wanted) == 0 {
		return nil
	}
	slices.SortFunc(c.wanted, bytes.Compare)
	keys := slices.CompactFunc(c.wanted, bytes.Equal)
	err := c.Lookup(keys, func(i int, value []byte) error { return c.admit(keys[i], value, admit) })
	c.wanted, c.slab = c.wanted[:0], c.slab[:0]
	return err
}

func (c *Keys) admit(key, value []byte, admit func(hash uint64, key, value []byte) error) error {
	hash := c.hash(key)
	c.loaded++
	c.Take(hash, key)
	return admit(hash, key, value)
}

// Lookup reads the entries of keys, which are in order.
func (c *Keys) Lookup(keys [][]byte, fn func(i int, value []byte) error) error {
	size := 0
	for _, k := range keys {
		size += len(c.prefix) + len(k)
	}
	buf, entries := make([]byte, 0, size), make([][]byte, len(keys))
	for i, k := range keys {
		from := len(buf)
		buf = append(append(buf, c.prefix...), k...)
		entries[i] = buf[from:]
	}
	c.reads += int64(len(keys))
	return c.r.Lookup(entries, fn)
}

// Learn finds out some more of the cold keys that a restore has left.
func (c *Keys) Learn() error {
	if c == nil || c.whole {
		return nil
	}
	n := 0
	var last []byte
	err := c.scan(c.cursor, func(key, _ []byte) error {
		if n == Learned {
			return errEnough
		}
		n++
		last = append(last[:0], key...)
		if hash := c.hash(key); !c.hot(hash, key) && !c.Absent(key) {
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

func (c *Keys) scan(from []byte, fn func(key, value []byte) error) error {
	prefix := c.prefix[:len(c.prefix):len(c.prefix)]
	return c.r.Scan(append(prefix, from...), state.PrefixEnd(prefix), func(entry, value []byte) error {
		return fn(entry[len(prefix):], value)
	})
}

// Each visits the entries of the cold keys, in the order of the store.
func (c *Keys) Each(fn func(hash uint64, key, value []byte) error) error { return c.EachFrom(nil, fn) }

// EachFrom is Each of the keys from one on.
func (c *Keys) EachFrom(from []byte, fn func(hash uint64, key, value []byte) error) error {
	if c.None() {
		return nil
	}
	return c.scan(from, func(key, value []byte) error {
		hash := c.hash(key)
		if c.hot(hash, key) || c.Absent(key) {
			return nil
		}
		return fn(hash, key, value)
	})
}

// Admit makes the key of an entry that Each visits warm.
func (c *Keys) Admit(hash uint64, key []byte) {
	c.loaded++
	c.Take(hash, key)
}

// Bytes is the memory held above the least.
func (c *Keys) Bytes() int64 {
	if c == nil {
		return 0
	}
	return c.known.Bytes() + int64(max(0, len(c.gone)+len(c.leaving)-leastGone))*goneBytes
}

const (
	goneBytes = 64
	leastGone = 64
)

// Counts are how many keys are cold, and how often keys were let go of, looked for
// and read.
func (c *Keys) Counts() (cold, spilled, reads, loaded int64) {
	if c == nil {
		return 0, 0, 0, 0
	}
	return int64(c.known.Count()), c.spilled, c.reads, c.loaded
}

// Answer is what is to be done with a key whose deadline may have come.
type Answer uint8

// The answers.
const (
	Sleep Answer = iota // its deadline is another one
	Wake                // it is loaded
	End                 // it is no more
)

// Ring looks at the cold keys of alarms: ask says, by its entry, what is to be done
// with each.
func (c *Keys) Ring(due []Alarm, ask func(a Alarm, value []byte) (Answer, error), admit func(hash uint64, key, value []byte) error) error {
	due = slices.DeleteFunc(due, func(a Alarm) bool {
		hash := c.hash(a.Key)
		return c.hot(hash, a.Key) || !c.Has(hash, a.Key)
	})
	keys := make([][]byte, len(due))
	for i := range due {
		keys[i] = due[i].Key
	}
	return c.Lookup(keys, func(i int, value []byte) error {
		answer, err := ask(due[i], value)
		switch {
		case err != nil || answer == Sleep:
			return err
		case answer == End:
			c.Take(c.hash(keys[i]), keys[i])
			return nil
		}
		return c.admit(keys[i], value, admit)
	})
}
