package filesystem

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync/atomic"
)

// An offset is the index of a file in the list and a place in the file: the byte
// after unpacking of a record, the row of columns.
//
//	index << 40 | place
//
// passed stands for a file that was passed over: it had gone before it was begun.
const (
	recordBits = 40
	maxRecord  = 1<<recordBits - 1
	passed     = maxRecord
)

// walk goes through the files of a partition.
type walk struct {
	source *source
	part   int32
	ready  func()
	index  int64 // of the file at hand
	at     int64 // place in it
	file   *object
	values values // of its folders
	bare   bool   // no row of it is taken: only what the watermark needs is read
	tally  tally

	caughtUp atomic.Int64 // the position, where there is no further file yet; else -1
}

func (w *walk) start(s *source, part int32, from int64, ready func()) error {
	w.source, w.part, w.ready, w.index = s, part, ready, int64(part)
	w.tally.next, w.tally.at = w.index, w.index
	w.caughtUp.Store(-1)
	if from < 0 {
		return nil
	}
	w.index, w.at = from>>recordBits, from&maxRecord
	if n := s.list.len(); w.index%s.n != int64(part) || w.index >= n+s.n || w.index >= n && w.at > 0 {
		return fmt.Errorf("%s: file %d of the list is to be read on, and the list has %d: it was begun anew", s.config.path, w.index, n)
	}
	return nil
}

// Position implements connectors.Reader.
func (w *walk) Position() int64 { return w.offset(w.at) }

// End implements connectors.Reader: it is known where all has been read.
func (w *walk) End() int64 { return w.caughtUp.Load() }

func (w *walk) offset(at int64) int64 { return w.index<<recordBits | at }

// bound is until in the file at hand; -1: it is not in it.
func (w *walk) bound(until int64) int64 {
	if until >= 0 && until>>recordBits == w.index {
		return until & maxRecord
	}
	return -1
}

// next leaves the file at hand.
func (w *walk) next() { w.index, w.at, w.file = w.index+w.source.n, 0, nil }

// skip leaves a file of which no row is taken. A journal of before that may know a
// place in it.
func (w *walk) skip(until int64) error {
	if at := w.bound(until); at > w.at {
		w.at = at
		return errNone
	}
	w.tally.skipped++
	w.next()
	return nil
}

// errNone says that there is nothing to read for the moment.
var errNone = errors.New("no further file")

// find goes to the next file that is to be read. io.EOF: there is none left;
// errNone: none yet, or none before until.
func (w *walk) find(until int64) error {
	for w.file == nil {
		if until >= 0 && w.Position() >= until {
			return errNone
		}
		o, ok := w.source.file(w.index)
		switch {
		case !ok:
			return w.none()
		case w.at == passed:
			w.next()
			continue
		case w.bound(until) == passed && w.at == 0:
			w.at = passed
			return errNone
		}
		w.caughtUp.Store(-1)
		w.values = w.source.valuesOf(o.Name)
		if w.bare = !w.source.wants(o, &w.values); w.bare && !w.source.pruning.marks {
			if err := w.skip(until); err != nil {
				return err
			}
			continue
		}
		w.file = o
	}
	return nil
}

// none says why there is no further file.
func (w *walk) none() error {
	s := w.source
	if s.monitor == 0 {
		return io.EOF
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return s.failed
	}
	w.caughtUp.Store(w.Position())
	return errNone
}

// file is a file by its index; there is none behind the end.
func (s *source) file(i int64) (*object, bool) {
	if s.monitor == 0 && i >= s.end {
		return nil, false
	}
	return s.list.at(i)
}

// lost decides what becomes of a file that cannot be opened or read on. One that is
// gone before it was begun is passed over; else the error is final.
func (w *walk) lost(err error, until int64) error {
	name := w.source.files.full(w.file.Name)
	begun := w.at > 0 || w.bound(until) > 0
	switch {
	case errors.Is(err, fs.ErrNotExist) && !begun:
		w.source.log.Warn("a file that was listed is not there any more, and is passed over", "file", name)
		if w.file = nil; until >= 0 && until>>recordBits > w.index { // it gave nothing then
			w.next()
			return nil
		}
		w.at = passed
		return errNone
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s is not there any more, and has been read in part: put it back as it was: %w", name, err)
	case errors.Is(err, errChanged):
		return fmt.Errorf("%s: %w; a file of a table is written under a name that begins with '_' or '.', or elsewhere, and then renamed, and not changed after that: put it back as it was", name, err)
	}
	return fmt.Errorf("read %s: %w", name, err)
}

func (w *walk) leave() {
	w.source.mu.Lock()
	defer w.source.mu.Unlock()
	delete(w.source.wake, w)
}
