package stream

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state/intake"
)

// FromOldest is a cursor before all that is kept.
const FromOldest = "0"

// ErrCursor says that a cursor is none.
var ErrCursor = errors.New("after")

// Row is a row of a stream.
type Row struct {
	Cursor string // behind it
	ID     event.ID
	Change event.Change
	JSON   []byte // valid until the next call of Next
}

// Gap says that rows were written which a reader does not get.
type Gap struct {
	Missed int64  `json:"missed,omitempty" doc:"How many rows; left out where it is not known"`
	Reason string `json:"reason" enum:"evicted,restarted" doc:"They are not kept any more, or the table began anew"`
}

// Reader follows a table. One goroutine at a time, except for Stirred.
type Reader struct {
	hub     *Hub
	table   string
	log     *intake.Log
	from    *intake.Reader
	filter  *filter
	stirred chan struct{}
	last    event.Time // when the row before Position was written; 0: not known
	gap     *Gap       // not yet told
	rows    []Row
	leaving sync.Once
}

// Read follows a table behind a cursor; behind now if that is empty. where are
// conditions column=value, all of which have to hold. Close the reader.
func (h *Hub) Read(t connectors.Table, after string, where []string) (*Reader, error) {
	f, err := newFilter(t.Columns, where)
	if err != nil {
		return nil, err
	}
	r := &Reader{hub: h, table: t.Name, filter: f, stirred: make(chan struct{}, 1)}
	if r.log, err = h.log(t); err != nil {
		return nil, err
	}
	if err := h.enter(t); err != nil {
		return nil, err
	}
	if err := r.goTo(after); err != nil {
		h.leave(t.Name)
		return nil, err
	}
	return r, nil
}

// Close ends reading.
func (r *Reader) Close() {
	r.leaving.Do(func() {
		r.from.Close()
		r.hub.leave(r.table)
	})
}

// Dropped notes that whoever reads took nothing and is sent away.
func (r *Reader) Dropped() { r.hub.count(r.table, func(c *Counts) { c.Dropped++ }) }

// Stirred is signalled when there may be more.
func (r *Reader) Stirred() <-chan struct{} { return r.stirred }

// Cursor is where the reader is: the offset of the next row, and when the one before
// it was written, in µs, which tells a log from another of a table with this name.
func (r *Reader) Cursor() string { return cursor(r.from.Position(), r.last) }

func cursor(next int64, last event.Time) string {
	return strconv.FormatInt(next, 10) + "." + strconv.FormatInt(last, 10)
}

func parseCursor(s string) (next int64, last event.Time, err error) {
	a, b, found := strings.Cut(s, ".")
	next, err1 := strconv.ParseInt(a, 10, 64)
	last, err2 := strconv.ParseInt(b, 10, 64)
	if !found || err1 != nil || err2 != nil || next < 0 {
		return 0, 0, fmt.Errorf("%w=%q: want the id of an event of this stream, or %s", ErrCursor, s, FromOldest)
	}
	return next, last, nil
}

// goTo opens the log behind a cursor.
func (r *Reader) goTo(after string) (err error) {
	switch after {
	case "":
		if err := r.open(intake.Newest); err != nil {
			return err
		}
		r.last, err = r.written(r.from.Position() - 1)
		return err
	case FromOldest:
		return r.open(intake.Oldest)
	}
	next, last, err := parseCursor(after)
	if err != nil {
		return err
	}
	same, err := r.same(next, last)
	switch {
	case err != nil:
		return err
	case !same:
		r.gap = &Gap{Reason: "restarted"}
		return r.open(intake.Oldest)
	}
	r.last = last
	if err = r.open(next); errors.Is(err, intake.ErrGone) {
		return r.skip(next)
	}
	return err
}

func (r *Reader) open(from int64) (err error) {
	r.from, err = r.log.Open("", from, func() {
		select {
		case r.stirred <- struct{}{}:
		default:
		}
	})
	return err
}

// same says whether a cursor is of this log. Of one whose row is not kept any more
// that cannot be told, and it is taken for one.
func (r *Reader) same(next int64, last event.Time) (bool, error) {
	if next > r.log.Stats().End {
		return false, nil
	}
	was, err := r.written(next - 1)
	return was == 0 || last == 0 || was == last, err
}

// written is when a row was written; 0: it is not there.
func (r *Reader) written(offset int64) (event.Time, error) {
	b, err := r.log.Block(offset)
	if err != nil {
		if s := r.log.Stats(); offset < s.First || offset >= s.End {
			return 0, nil
		}
		return 0, err
	}
	return b.Records[offset-b.First].Time, nil
}

// skip goes on with the oldest row, as the one at an offset is gone.
func (r *Reader) skip(next int64) error {
	if r.from != nil {
		r.from.Close()
	}
	if err := r.open(intake.Oldest); err != nil {
		return err
	}
	missed := r.from.Position() - next
	r.last, r.gap = 0, &Gap{Missed: missed, Reason: "evicted"}
	r.hub.count(r.table, func(c *Counts) { c.Missed += missed })
	return nil
}

// Next takes up to limit rows of the table and gives those that are asked for, after
// the gap before them, if there is one. more says that others are there already.
func (r *Reader) Next(limit int) (gap *Gap, rows []Row, more bool, err error) {
	at := r.from.Position()
	list, err := r.from.Next(limit)
	if errors.Is(err, intake.ErrGone) {
		if err := r.skip(at); err != nil {
			return nil, nil, false, err
		}
		at = r.from.Position()
		list, err = r.from.Next(limit)
		if errors.Is(err, intake.ErrGone) { // it is that slow: the next call goes on
			list, err = nil, nil
		}
	}
	if err != nil {
		return nil, nil, false, err
	}
	gap, r.gap = r.gap, nil
	rows, err = r.take(at, list)
	if err != nil {
		return nil, nil, false, fmt.Errorf("table %s: %w", r.table, err)
	}
	r.hub.count(r.table, func(c *Counts) { c.Sent += int64(len(rows)) })
	return gap, rows, r.from.Position() < r.from.End(), nil
}

// take makes rows of records, the first of which has an offset.
func (r *Reader) take(at int64, list []intake.Record) ([]Row, error) {
	wanted, err := r.filter.match(list)
	if err != nil {
		return nil, err
	}
	r.rows = r.rows[:0]
	for i := range list {
		r.last = list[i].Time
		if wanted != nil && !wanted[i] {
			continue
		}
		m, err := markOf(list[i].Key)
		if err != nil {
			return nil, err
		}
		r.rows = append(r.rows, Row{cursor(at+int64(i)+1, r.last), m.id, m.change, list[i].Value})
	}
	return r.rows, nil
}

// Alive says whether the table is still the one that was opened.
func (r *Reader) Alive() bool { return r.hub.logs.Find(r.table) == r.log }
