package intake

import (
	"errors"
	"fmt"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state"
)

// ErrGone says that a record is not kept any more, or not there yet.
var ErrGone = errors.New("the record is not there")

// Reader reads a log in order. It is used by one goroutine.
type Reader struct {
	log     *Log
	ready   func()
	next    int64 // offset of the next record
	ahead   []Record
	aheadOf int64 // offset of the first of ahead
	buf     []byte
}

// maxAhead is how many records, and maxAheadBytes how many bytes of them, a reader
// takes from the store at once, but for the rest of a post.
const (
	maxAhead      = 1024
	maxAheadBytes = 4 << 20
)

// Oldest and Newest are offsets to open at: the first record kept, and the next.
const (
	Oldest int64 = -1
	Newest int64 = -2
)

// Open starts reading for a query at an offset, and keeps what is there from then
// on. ready is called, from any goroutine, when there are new records.
func (l *Log) Open(query string, from int64, ready func()) (*Reader, error) {
	r, err := l.open(query, from, ready)
	if err == nil && query != "" {
		err = l.writeKeep(query)
	}
	return r, err
}

func (l *Log) open(query string, from int64, ready func()) (*Reader, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case from == Oldest:
		from = l.first
	case from == Newest:
		from = l.end
	case from < l.first:
		return nil, fmt.Errorf("table %s keeps events from offset %d on, and those from %d on are to be read: raise the table's retention (bytes, age), or begin anew: %w", l.name, l.first, from, ErrGone)
	case from > l.end:
		return nil, fmt.Errorf("table %s has events up to offset %d, and those from %d on are to be read: its log was begun anew: %w", l.name, l.end, from, ErrGone)
	}
	r := &Reader{log: l, ready: ready, next: from}
	l.readers[r] = true
	if at, known := l.keep[query]; query != "" && (!known || from < at) {
		l.keep[query] = from
	}
	return r, nil
}

// At is the offset of the first record that came at a time or later; that of
// the next record when there is none.
func (l *Log) At(t event.Time) (at int64, err error) {
	l.mu.Lock()
	first, end := l.first, l.end
	l.mu.Unlock()
	at = end
	stop := errors.New("stop")
	err = l.blocks(first, end, func(b *Block) error {
		if b.Received < t {
			return nil
		}
		at = b.First
		return stop
	})
	if errors.Is(err, stop) {
		err = nil
	}
	return at, err
}

// Block is the post that a record came with.
func (l *Log) Block(offset int64) (found Block, err error) {
	l.mu.Lock()
	first, end := l.first, l.end
	l.mu.Unlock()
	if offset < first || offset >= end {
		return found, fmt.Errorf("table %s keeps events %d to %d: %w", l.name, first, end-1, ErrGone)
	}
	stop := errors.New("stop")
	err = l.blocks(offset, end, func(b *Block) error {
		found = *b
		for i := range found.Records {
			found.Records[i].Value = append([]byte(nil), found.Records[i].Value...)
		}
		return stop
	})
	if errors.Is(err, stop) {
		return found, nil
	}
	return found, errors.Join(err, errCorrupt)
}

// Blocks calls fn for each post with a record from an offset on, as far as has
// been kept. What it gives is valid during the call.
func (l *Log) Blocks(from int64, fn func(*Block) error) error {
	l.mu.Lock()
	end := l.end
	l.mu.Unlock()
	return l.blocks(from, end, fn)
}

func (l *Log) blocks(from, end int64, fn func(*Block) error) error {
	under := state.Under{R: l.logs.store, Prefix: l.prefix}
	return under.Scan(key(sectionBlock, from), key(sectionBlock, end), func(k, value []byte) error {
		b, err := readBlock(value, number(k))
		if err != nil {
			return fmt.Errorf("table %s, events up to offset %d: %w", l.name, number(k), err)
		}
		return fn(&b)
	})
}

// Position is the offset of the next record.
func (r *Reader) Position() int64 { return r.next }

// End is the offset after the last record.
func (r *Reader) End() int64 {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	return r.log.end
}

// Next is up to limit records from Position on, valid until the call after. It is
// ErrGone when they have left, which they do not before a query has kept its place
// behind them.
func (r *Reader) Next(limit int) ([]Record, error) {
	if r.next >= r.aheadOf+int64(len(r.ahead)) {
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
	list := r.ahead[min(int(r.next-r.aheadOf), len(r.ahead)):]
	list = list[:min(limit, len(list))]
	r.next += int64(len(list))
	return list, nil
}

// fill takes records from the store; what is kept of them is the reader's own.
func (r *Reader) fill() error {
	r.ahead, r.aheadOf, r.buf = r.ahead[:0], r.next, r.buf[:0]
	end := r.End()
	if r.next >= end {
		return nil
	}
	stop := errors.New("stop")
	err := r.log.blocks(r.next, end, func(b *Block) error {
		if want := r.aheadOf + int64(len(r.ahead)); b.First > want {
			return fmt.Errorf("table %s: events %d to %d are missing: %w", r.log.name, want, b.First-1, errCorrupt)
		}
		for i, x := range b.Records {
			if b.First+int64(i) >= r.next {
				r.ahead = append(r.ahead, Record{r.own(x.Key), r.own(x.Value), x.Time})
			}
		}
		if len(r.ahead) >= maxAhead || len(r.buf) >= maxAheadBytes {
			return stop
		}
		return nil
	})
	if errors.Is(err, stop) {
		err = nil
	}
	if err == nil && len(r.ahead) == 0 {
		err = fmt.Errorf("table %s: events from %d on are missing: %w", r.log.name, r.next, errCorrupt)
	}
	if err != nil && r.next < r.log.Stats().First { // they have left
		r.ahead = r.ahead[:0]
		return fmt.Errorf("table %s does not keep the events from %d on any more: %w", r.log.name, r.next, ErrGone)
	}
	return err
}

// own copies bytes into the reader's buffer, which may move: those before stay
// in the old one.
func (r *Reader) own(p []byte) []byte {
	if len(p) == 0 {
		return p[:0:0]
	}
	from := len(r.buf)
	r.buf = append(r.buf, p...)
	return r.buf[from:len(r.buf):len(r.buf)]
}

// Close ends reading.
func (r *Reader) Close() {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	delete(r.log.readers, r)
}
