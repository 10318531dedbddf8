package lookup

import (
	"encoding/binary"
	"errors"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state"
)

// cache is answers by key, first in, first out: a hit changes nothing, so what a
// snapshot has to write is what came and what went. Between two steps it holds no
// more than Options.CacheRows rows; a key without rows counts as one.
//
//	v      -> version | number of the first entry
//	e seq  -> when | key | rows
type cache struct {
	p      *Program
	byKey  map[string]*entry
	queue  []*entry // in order of arrival; queue[0] has number first
	first  uint64
	rows   int
	bytes  int64
	saved  uint64 // number of the first entry that no snapshot has
	purged uint64 // … and of the first that a snapshot may have
}

const (
	cacheVersion = 1
	prefixMark   = 'v'
	prefixEntry  = 'e'
)

var errVersion = errors.New("the cache of a look-up was written by another version of cepd, which this one does not read")

func newCache(p *Program) cache { return cache{p: p, byKey: map[string]*entry{}} }

func (e *entry) weight() int { return max(1, len(e.rows)) }

// size is roughly the memory of an entry, in bytes.
func (e *entry) size() int64 {
	n := int64(len(e.key)) + 96
	for _, row := range e.rows {
		for i := range row {
			n += 56 + int64(len(row[i].S)) + 56*int64(len(row[i].L))
		}
	}
	return n
}

// add keeps an answer, and lets go of the oldest where there are too many.
func (c *cache) add(e *entry) {
	if e.failed != "" || e.weight() > c.p.opts.CacheRows || len(e.rows) == 0 && !c.p.opts.CacheMissing {
		return
	}
	c.push(e)
	for c.rows > c.p.opts.CacheRows {
		c.pop()
	}
}

func (c *cache) push(e *entry) {
	c.byKey[e.key] = e
	c.queue = append(c.queue, e)
	c.rows += e.weight()
	c.bytes += e.size()
}

func (c *cache) pop() {
	e := c.queue[0]
	c.queue[0] = nil
	c.queue = c.queue[1:]
	c.first++
	delete(c.byKey, e.key)
	c.rows -= e.weight()
	c.bytes -= e.size()
}

// expire lets go of what is too old. Entries are in the order of their times.
func (c *cache) expire(now event.Time) {
	for c.p.opts.Expire > 0 && len(c.queue) > 0 && now-c.queue[0].at >= c.p.opts.Expire {
		c.pop()
	}
}

func entryKey(n uint64) []byte { return binary.BigEndian.AppendUint64([]byte{prefixEntry}, n) }

// Snapshot writes the entries that are new, and deletes those that are gone.
func (o *Lookup) Snapshot(w state.Writer) error {
	c := &o.cache
	if c.p.opts.CacheRows == 0 {
		return nil
	}
	if c.first > c.purged {
		if err := w.DeleteRange(entryKey(c.purged), entryKey(c.first)); err != nil {
			return err
		}
	}
	c.purged, c.saved = c.first, max(c.saved, c.first)
	for ; c.saved < c.first+uint64(len(c.queue)); c.saved++ {
		if err := w.Put(entryKey(c.saved), c.encode(c.queue[c.saved-c.first])); err != nil {
			return err
		}
	}
	return w.Put([]byte{prefixMark}, binary.AppendUvarint([]byte{cacheVersion}, c.first))
}

func (c *cache) encode(e *entry) []byte {
	dst := binary.AppendVarint(nil, e.at)
	dst = binary.AppendUvarint(dst, uint64(len(e.key)))
	dst = append(dst, e.key...)
	for _, row := range e.rows {
		for i, f := range c.p.scan.Out.Fields {
			dst = event.AppendValue(dst, f.Type, row[i])
		}
	}
	return dst
}

// Restore reads the entries.
func (o *Lookup) Restore(r state.Reader) error {
	c := &o.cache
	mark, ok, err := r.Get([]byte{prefixMark})
	if err != nil || !ok {
		return err
	}
	if len(mark) == 0 || mark[0] != cacheVersion {
		return errVersion
	}
	n := 0
	if c.first, n = binary.Uvarint(mark[1:]); n <= 0 {
		return event.ErrCorrupt
	}
	err = r.Scan(entryKey(0), []byte{prefixEntry + 1}, func(key, value []byte) error {
		e, err := c.decode(append([]byte(nil), value...))
		if err != nil || len(key) != 9 || binary.BigEndian.Uint64(key[1:]) != c.first+uint64(len(c.queue)) {
			return errors.Join(event.ErrCorrupt, err)
		}
		c.push(e)
		return nil
	})
	c.saved, c.purged = c.first+uint64(len(c.queue)), c.first
	return err
}

func (c *cache) decode(src []byte) (*entry, error) {
	at, n := binary.Varint(src)
	if n <= 0 {
		return nil, event.ErrCorrupt
	}
	size, m := binary.Uvarint(src[n:])
	if m <= 0 || size > uint64(len(src)-n-m) {
		return nil, event.ErrCorrupt
	}
	src = src[n+m:]
	e := &entry{at: at, key: string(src[:size])}
	for src = src[size:]; len(src) > 0; {
		row := make([]event.Value, len(c.p.scan.Out.Fields))
		for i, f := range c.p.scan.Out.Fields {
			var err error
			if row[i], src, err = event.ReadValue(src, f.Type); err != nil {
				return nil, err
			}
		}
		e.rows = append(e.rows, row)
	}
	return e, nil
}
