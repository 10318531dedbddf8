package join

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state"
)

// The rows held lie in chunks in the order in which they came, and so they pass
// away. A chunk that the last snapshot has can be let go of: of its rows the times,
// the keys, the lists and the flags stay, some 21 bytes each; the columns are read
// again, a chunk at a time, when a row of it has a partner or leaves without one.

// time is that of a row.
func (c *chunk) time(i int32) event.Time {
	if c.b == nil {
		return c.times[i]
	}
	return c.b.Time[i]
}

// rows is how many rows the chunk has, held or not.
func (c *chunk) rows() int { return len(c.flags) }

// warm reads the columns of a chunk, if they are not in memory.
func (l *log) warm(c *chunk, number uint64) error {
	l.tick++
	if c.used = l.tick; c.b != nil {
		return nil
	}
	value, found, err := l.r.Get(chunkKey(prefixChunk, l.side, number))
	if err != nil {
		return err
	}
	l.reads++
	b := event.NewBatch(l.schema)
	if found {
		err = state.ReadBatch(value, b)
	}
	if !found || err != nil || b.N != c.rows() {
		return fmt.Errorf("chunk %d of a join: %w", number, event.ErrCorrupt)
	}
	c.b, c.times = b, nil
	l.loaded += int64(b.N)
	l.cold -= int64(b.N)
	return nil
}

// letGo drops the columns of a chunk that the store has.
func (l *log) letGo(c *chunk) {
	c.times, c.b = slices.Clone(c.b.Time), nil
	l.cold += int64(c.rows())
	l.spilled += int64(c.rows())
}

// Spills implements operators.Spiller.
func (j *Join) Spills() bool { return true }

// Spill lets go of the columns of rows, those first that were not looked at for
// longest.
func (j *Join) Spill(most int64) {
	over := j.bytes() - most
	if over <= 0 {
		return
	}
	for s := range j.logs {
		l := &j.logs[s]
		if l.r == nil {
			return
		}
		l.evict(over / int64(len(j.logs)-s))
		over = j.bytes() - most
	}
}

// evict frees some bytes of columns, if there are chunks that have not changed.
func (l *log) evict(over int64) {
	var idle []*chunk
	for _, c := range l.chunks {
		if c.b != nil && c.saved == c.rows() {
			idle = append(idle, c)
		}
	}
	slices.SortFunc(idle, func(a, b *chunk) int { return cmp.Compare(a.used, b.used) })
	for _, c := range idle {
		if over <= 0 {
			return
		}
		over -= c.b.Bytes()
		l.letGo(c)
	}
}
