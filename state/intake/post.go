package intake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state"
)

// Why a post is not taken.
var (
	// ErrFull: the log is full of what a query has not read, or keeps everything.
	ErrFull = errors.New("the log of the table is full")
	// ErrBusy: too many posts wait already.
	ErrBusy = errors.New("too many posts wait to be written")
	// ErrNoRoom: the disk is full.
	ErrNoRoom = errors.New("the disk is full")
	// ErrReused: the idempotency key was used for another body.
	ErrReused = errors.New("the idempotency key was used for another body")
	// ErrUnknown: the caller did not wait for the end; the records may be there.
	ErrUnknown = errors.New("it is not known whether the records were kept")
	// ErrClosed: the server stops, or the table was dropped.
	ErrClosed = errors.New("nothing is taken any more")
)

// Post is records to be kept together.
type Post struct {
	Records []Record // those without a time get the time of the post
	Mark    []byte   // takes the place of the log's mark; nil: it stays
	By      string
	Key     string            // for idempotency; empty: none
	Sum     [sha256.Size]byte // of the body, with Key
}

// Receipt is where the records of a post are.
type Receipt struct {
	First    int64 // offset of the first
	Count    int
	Received event.Time
	Again    bool // a post with this key was taken before, and this is its receipt
}

// How long, and how many, idempotency keys of a table are remembered.
const (
	KeyLife = 24 * time.Hour
	MaxKeys = 1_000_000
)

// remembered is what is kept of an idempotency key.
type remembered struct {
	Sum      []byte     `json:"sum"`
	First    int64      `json:"first"`
	Count    int        `json:"count"`
	Received event.Time `json:"received"`
	Number   int64      `json:"number"`
}

// waiting is a post in the queue.
type waiting struct {
	*Post
	log     *Log
	size    int64
	drop    bool // no post: the log goes
	receipt Receipt
	err     error
	done    chan struct{}
}

// Append keeps records. When it returns without an error they are on the disk,
// if there is a data directory.
func (l *Log) Append(ctx context.Context, p *Post) (Receipt, error) {
	r, err := l.append(ctx, p)
	if err != nil {
		l.refuse(err)
	}
	return r, err
}

func (l *Log) append(ctx context.Context, p *Post) (Receipt, error) {
	w := &waiting{Post: p, log: l, done: make(chan struct{})}
	for i := range p.Records {
		w.size += int64(len(p.Records[i].Key) + len(p.Records[i].Value))
	}
	switch {
	case len(p.Records) == 0 && p.Mark == nil:
		return Receipt{}, errors.New("a post has at least one record, or a mark")
	case len(p.Records) > MaxRecords || w.size > MaxPostBytes:
		return Receipt{}, fmt.Errorf("a post has at most %d records and %d bytes", MaxRecords, MaxPostBytes)
	case l.logs.noRoom():
		return Receipt{}, ErrNoRoom
	}
	if err := l.logs.enqueue(w); err != nil {
		return Receipt{}, err
	}
	select {
	case <-w.done:
		return w.receipt, w.err
	case <-ctx.Done():
		return Receipt{}, ErrUnknown
	}
}

// place puts a post into the batch of a group. An error of the post's own leaves
// the batch alone; fatal is one of the store.
func (l *Log) place(b state.Writer, p *waiting, now event.Time) (fatal error) {
	w := &state.Under{W: b, Prefix: l.prefix}
	if p.drop {
		l.mu.Lock()
		l.dropped = true
		l.mu.Unlock()
		return w.DeleteRange(nil, nil)
	}
	if p.Key != "" {
		known, found, err := l.recall(p.Key, now)
		if err != nil {
			return err
		}
		if found {
			p.receipt = Receipt{known.First, known.Count, known.Received, true}
			if !bytes.Equal(known.Sum, p.Sum[:]) {
				p.err = ErrReused
			}
			return nil
		}
	}
	if err := l.trim(w, now, p.size); err != nil {
		return err
	}
	l.mu.Lock()
	limit, dropped := l.limits.Bytes, l.dropped
	l.mu.Unlock()
	switch {
	case dropped:
		p.err = ErrClosed
		return nil
	case p.size > 0 && l.meta.Bytes+p.size > limit:
		p.err = ErrFull
		return nil
	}
	return errors.Join(l.write(w, p, now), l.putMark(w, p), l.remember(w, p, now), l.roll(w, now), l.putMeta(w))
}

func (l *Log) putMark(w state.Writer, p *waiting) error {
	if p.Mark == nil {
		return nil
	}
	return w.Put([]byte{sectionMark}, p.Mark)
}

// Mark is what the last post with a mark has left: how far the outside has been
// taken into the log. It is kept in one step with the records of its post; nil:
// there is none.
func (l *Log) Mark() ([]byte, error) {
	under := state.Under{R: l.logs.store, Prefix: l.prefix}
	mark, found, err := under.Get([]byte{sectionMark})
	if err != nil || !found {
		return nil, err
	}
	return mark, nil
}

// write adds the block of the records, if there are any.
func (l *Log) write(w state.Writer, p *waiting, now event.Time) error {
	if len(p.Records) == 0 {
		return nil
	}
	block := Block{First: l.meta.Next, Received: now, By: p.By, Records: p.Records}
	for i := range block.Records {
		if block.Records[i].Time == 0 {
			block.Records[i].Time = now
		}
	}
	n := len(block.Records)
	p.receipt = Receipt{First: block.First, Count: n, Received: now}
	last := block.First + int64(n) - 1
	l.meta.Next, l.meta.Bytes = last+1, l.meta.Bytes+p.size
	s := &l.meta.Segment
	if s.Bytes == 0 {
		s.Oldest = now
	}
	s.End, s.Newest, s.Bytes = l.meta.Next, now, s.Bytes+p.size
	return w.Put(key(sectionBlock, last), appendBlock(make([]byte, 0, int(p.size)+16*n+64), &block))
}

// recall finds an idempotency key that is not too old.
func (l *Log) recall(name string, now event.Time) (x remembered, found bool, err error) {
	if x, found = l.fresh[name]; found {
		return x, true, nil
	}
	under := state.Under{R: l.logs.store, Prefix: l.prefix}
	text, found, err := under.Get(named(sectionKey, name))
	if err != nil || !found {
		return x, false, err
	}
	if err := json.Unmarshal(text, &x); err != nil {
		return x, false, errCorrupt
	}
	return x, now-x.Received <= KeyLife.Microseconds(), nil
}

// remember keeps the key of a post, and forgets old ones: two for each that
// comes, so that a limit is reached again where it was passed.
func (l *Log) remember(w state.Writer, p *waiting, now event.Time) error {
	if p.Key == "" {
		return nil
	}
	x := remembered{Sum: p.Sum[:], First: p.receipt.First, Count: p.receipt.Count, Received: now, Number: l.meta.KeyNext}
	text, err := json.Marshal(x)
	if err != nil {
		return err
	}
	l.fresh[p.Key] = x
	l.meta.KeyNext++
	order := append(key(sectionOrder, now), p.Key...)[1:] // the value: when, and which
	err = errors.Join(w.Put(named(sectionKey, p.Key), text), w.Put(key(sectionOrder, x.Number), order))
	if err != nil {
		return err
	}
	return l.forgetKeys(w, now, 2)
}

// forgetKeys forgets up to n keys that are too old or too many.
func (l *Log) forgetKeys(w state.Writer, now event.Time, n int) error {
	under := state.Under{R: l.logs.store, Prefix: l.prefix}
	for range n {
		value, found, err := under.Get(key(sectionOrder, l.meta.KeyFrom))
		if err != nil || !found || len(value) < 8 {
			return err
		}
		at := number(append([]byte{0}, value[:8]...))
		if now-at <= KeyLife.Microseconds() && l.meta.KeyNext-l.meta.KeyFrom <= MaxKeys {
			return nil
		}
		if err := l.forgetKey(w, string(value[8:])); err != nil {
			return err
		}
	}
	return nil
}

// forgetKey forgets the oldest key, unless it has been used anew since.
func (l *Log) forgetKey(w state.Writer, name string) error {
	at := l.meta.KeyFrom
	l.meta.KeyFrom++
	if err := w.Delete(key(sectionOrder, at)); err != nil {
		return err
	}
	under := state.Under{R: l.logs.store, Prefix: l.prefix}
	text, found, err := under.Get(named(sectionKey, name))
	var x remembered
	if err != nil || !found || json.Unmarshal(text, &x) != nil || x.Number != at {
		return err
	}
	if _, again := l.fresh[name]; again {
		return nil
	}
	return w.Delete(named(sectionKey, name))
}
