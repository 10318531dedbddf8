package intake

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"sync"
	"time"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state"
)

// Limits bound a log.
type Limits struct {
	Bytes int64         // of records; 0: DefaultBytes
	Age   time.Duration // after which what has been read goes; 0: DefaultAge
	Keep  bool          // nothing ever goes: a full log refuses more

	Streamed bool // queries write it, and those who read it hold nothing back
}

// The limits of a log where nothing is said, and of all logs.
const (
	DefaultBytes = 1 << 30
	DefaultAge   = 7 * 24 * time.Hour
	MemoryBytes  = 64 << 20 // of a log without a data directory, at most
	MaxRecords   = 10_000   // of a post
	MaxPostBytes = 4 << 20  // of a post
	segments     = 32       // a full log is about so many
	minSegment   = 64 << 10 // bytes
)

// Log is the log of one table: one partition of records with offsets from 0.
type Log struct {
	logs   *Logs
	name   string
	prefix []byte

	// The committer's own.
	meta   meta
	closed []segment             // the oldest first
	fresh  map[string]remembered // idempotency keys of the group at hand

	mu      sync.Mutex
	limits  Limits
	first   int64
	end     int64
	bytes   int64
	keep    map[string]int64 // by query: it may have to be read again from here
	readers map[*Reader]bool
	refused map[string]int64 // posts, by reason
	dropped bool
}

// meta is what a log is, as of the last commit.
type meta struct {
	Format  int     `json:"format"`
	First   int64   `json:"first"` // the oldest record that is kept
	Next    int64   `json:"next"`  // offset of the next record
	Bytes   int64   `json:"bytes"`
	KeyFrom int64   `json:"key_from"` // numbers of the idempotency keys that are remembered
	KeyNext int64   `json:"key_next"`
	Segment segment `json:"segment"` // that is being filled
}

// metaFormat is the version of the format. A newer one is refused.
const metaFormat = 1

// segment is blocks that leave together.
type segment struct {
	End    int64      `json:"end"`    // offset after its last record
	Oldest event.Time `json:"oldest"` // when its first block came
	Newest event.Time `json:"newest"`
	Bytes  int64      `json:"bytes"`
}

// load reads what the store has of a log.
func (l *Log) load() error {
	under := state.Under{R: l.logs.store, Prefix: l.prefix}
	text, found, err := under.Get([]byte{sectionMeta})
	if err != nil || !found {
		return err
	}
	if err := json.Unmarshal(text, &l.meta); err != nil {
		return fmt.Errorf("table %s: %w", l.name, errCorrupt)
	}
	if l.meta.Format > metaFormat {
		return fmt.Errorf("the events of table %s were written by a newer cepd (format %d; this one reads up to %d): run that version or a later one", l.name, l.meta.Format, metaFormat)
	}
	err = under.Scan([]byte{sectionSegment}, []byte{sectionSegment + 1}, func(_, value []byte) error {
		var s segment
		if err := json.Unmarshal(value, &s); err != nil {
			return errCorrupt
		}
		l.closed = append(l.closed, s)
		return nil
	})
	if err != nil {
		return fmt.Errorf("table %s: %w", l.name, err)
	}
	l.first, l.end, l.bytes = l.meta.First, l.meta.Next, l.meta.Bytes
	return under.Scan([]byte{sectionReader}, []byte{sectionReader + 1}, func(k, value []byte) error {
		if len(value) != 9 {
			return errCorrupt
		}
		l.keep[string(k[1:])] = number(value)
		return nil
	})
}

// Name is the table's.
func (l *Log) Name() string { return l.name }

// Limit sets the limits.
func (l *Log) Limit(x Limits) {
	if x.Bytes <= 0 {
		x.Bytes = DefaultBytes
	}
	if x.Age <= 0 {
		x.Age = DefaultAge
	}
	if !l.logs.durable {
		x.Bytes = min(x.Bytes, MemoryBytes)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limits = x
}

// Streamed says whether queries write the log.
func (l *Log) Streamed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.limits.Streamed
}

// Stats is how much a log holds.
type Stats struct {
	First, End int64 // offsets of the oldest record and after the newest
	Bytes      int64
	Unread     int64 // records that some query may still have to read; all, when none reads
	Limit      int64 // bytes
}

// Stats are of the moment.
func (l *Log) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := Stats{First: l.first, End: l.end, Bytes: l.bytes, Limit: l.limits.Bytes}
	s.Unread = l.end - max(l.first, min(l.needed(), l.end))
	if len(l.keep) == 0 {
		s.Unread = l.end - l.first
	}
	return s
}

// Refused counts the posts, and single records, that were not taken, by reason.
func (l *Log) Refused() map[string]int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.refused)
}

// reasons are the names of errors in Refused.
var reasons = map[error]string{ErrFull: "full", ErrBusy: "busy", ErrNoRoom: "disk", ErrReused: "key", ErrUnknown: "timeout", ErrClosed: "closed"}

func (l *Log) refuse(err error) {
	reason, known := reasons[err]
	if !known {
		reason = "error"
	}
	l.Refuse(reason, 1)
}

// Refuse counts records that whoever takes them for the log had to leave out.
func (l *Log) Refuse(reason string, n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refused[reason] += n
}

// needed is the first offset that a query may still have to read; mu is held.
func (l *Log) needed() int64 {
	n := int64(math.MaxInt64)
	for _, at := range l.keep {
		n = min(n, at)
	}
	return n
}

// Keep notes that a query does not have to read again what is before an offset.
func (l *Log) Keep(query string, from int64) error {
	l.mu.Lock()
	old, known := l.keep[query]
	same := known && old >= from || l.dropped
	if !same {
		l.keep[query] = from
	}
	l.mu.Unlock()
	if same {
		return nil
	}
	return l.writeKeep(query)
}

// writeKeep writes where a query may have to begin. After a crash an older place
// keeps more, so nobody waits for it.
func (l *Log) writeKeep(query string) error {
	l.mu.Lock()
	defer l.mu.Unlock() // so that a later place is written later
	at, known := l.keep[query]
	if !known || l.dropped {
		return nil
	}
	b := l.logs.store.NewBatch()
	under := state.Under{W: b, Prefix: l.prefix}
	if err := under.Put(named(sectionReader, query), key(sectionReader, at)); err != nil {
		return errors.Join(err, b.Close())
	}
	return b.Commit(false)
}

// Forget has a query hold nothing back any more.
func (l *Log) Forget(query string) error {
	l.mu.Lock()
	_, known := l.keep[query]
	delete(l.keep, query)
	l.mu.Unlock()
	if !known {
		return nil
	}
	b := l.logs.store.NewBatch()
	under := state.Under{W: b, Prefix: l.prefix}
	if err := under.Delete(named(sectionReader, query)); err != nil {
		return errors.Join(err, b.Close())
	}
	return b.Commit(true)
}

// trim lets go of segments that are too old, or too much with size bytes to
// come. The committer calls it.
func (l *Log) trim(w state.Writer, now event.Time, size int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	limits, needed := l.limits, l.needed()
	if limits.Keep {
		return nil
	}
	from := l.meta.First
	for len(l.closed) > 0 {
		s := l.closed[0]
		old, much := now-s.Newest > limits.Age.Microseconds(), l.meta.Bytes+size > limits.Bytes
		if s.End > needed || !old && !much {
			break
		}
		l.closed = l.closed[1:]
		l.meta.First, l.meta.Bytes = s.End, l.meta.Bytes-s.Bytes
		if err := w.Delete(key(sectionSegment, s.End)); err != nil {
			return err
		}
	}
	if l.meta.First == from {
		return nil
	}
	l.first = l.meta.First // nobody opens at what goes
	return errors.Join(w.DeleteRange(key(sectionBlock, from), key(sectionBlock, l.meta.First)), l.putMeta(w))
}

// roll closes the segment at hand when it is large or old enough.
func (l *Log) roll(w state.Writer, now event.Time) error {
	s := &l.meta.Segment
	l.mu.Lock()
	limits := l.limits
	l.mu.Unlock()
	if s.Bytes == 0 || s.Bytes < max(minSegment, limits.Bytes/segments) && now-s.Oldest < limits.Age.Microseconds()/segments {
		return nil
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	l.closed = append(l.closed, *s)
	end := s.End
	l.meta.Segment = segment{}
	return errors.Join(w.Put(key(sectionSegment, end), text), l.putMeta(w))
}

func (l *Log) putMeta(w state.Writer) error {
	l.meta.Format = metaFormat
	text, err := json.Marshal(l.meta)
	if err != nil {
		return err
	}
	return w.Put([]byte{sectionMeta}, text)
}

// publish shows what has been committed, and wakes the readers.
func (l *Log) publish() {
	clear(l.fresh)
	l.mu.Lock()
	news := l.end != l.meta.Next
	l.first, l.end, l.bytes = l.meta.First, l.meta.Next, l.meta.Bytes
	l.mu.Unlock()
	if news {
		l.Wake()
	}
}

// Wake has all readers look again.
func (l *Log) Wake() {
	l.mu.Lock()
	var wake []func()
	for r := range l.readers {
		wake = append(wake, r.ready)
	}
	l.mu.Unlock()
	for _, f := range wake {
		f()
	}
}
