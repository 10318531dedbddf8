package join

import "github.com/cepd/cepd/internal/event"

// slack is how many rows of a log of versions may be out of date before the
// oldest chunk is written anew.
const slack = 4 * chunkRows

// delete lets go of the version of a key: row n says that there is none any more.
func (j *Join) delete(s int, n uint64, slot int32) {
	c, i := j.logs[s].place(n)
	j.logs[s].drop(c, i)
	if slot == none {
		return
	}
	j.keys[slot].pins--
	if l := &j.keys[slot].sides[s]; l.n > 0 {
		j.release(s, l.first)
	}
	j.forget(slot)
}

// clean moves the versions that are valid out of the oldest chunks, while most
// of the log is out of date.
func (j *Join) clean() error {
	l := &j.logs[right]
	for l.trim(l.next); l.next-l.first > uint64(2*l.live)+slack; l.trim(l.next) {
		if err := j.moveChunk(l); err != nil {
			return err
		}
	}
	j.hands[right].next = l.next
	return nil
}

// moveChunk writes the valid versions of the first chunk again at the end.
func (j *Join) moveChunk(l *log) error {
	c := l.chunks[0]
	if err := l.warm(c, l.base); err != nil {
		return err
	}
	j.run = j.run[:0]
	for i := range int32(c.rows()) {
		if c.flags[i]&gone == 0 {
			j.run = append(j.run, i)
		}
	}
	n, err := l.append(c.b, j.run)
	if err != nil {
		return err
	}
	for k, i := range j.run {
		slot := c.slots[i]
		j.release(right, l.base<<chunkBits+uint64(i))
		to, at := l.place(n + uint64(k))
		j.link(right, n+uint64(k), to, at, slot)
	}
	return nil
}

// age forgets the versions at the front of the log that are older than the time
// to live; others are not found any more, and are forgotten when they get there.
func (j *Join) age(wm event.Time) {
	l := &j.logs[right]
	for l.trim(l.next); l.first < l.next; l.trim(l.next) {
		c, i := l.place(l.first)
		if later(c.time(i), j.p.opts.TTL) > wm {
			return
		}
		slot := c.slots[i]
		j.release(right, l.first)
		j.forget(slot)
	}
}

// Reload forgets the rows of a table that has been read anew.
func (j *Join) Reload() {
	l := &j.logs[right]
	j.nulls = 0
	for l.trim(l.next); l.first < l.next; l.trim(l.next) {
		c, i := l.place(l.first)
		slot := c.slots[i]
		j.release(right, l.first)
		j.forget(slot)
	}
	l.recycle()
}
