package engine

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state"
)

// The limits of what is kept of a sink's rows to be watched.
const (
	RecentRows  = 10_000
	RecentBytes = 1 << 20
	// RecentTotal is the bytes of all sinks above which each keeps no more than
	// recentLess.
	RecentTotal = 256 << 20
	recentLess  = 64 << 10

	copiedRows  = 512  // batches up to here are copied together
	segmentRows = 1024 // of copied ones
)

// arrivals numbers the delivered rows of all queries, and wakes those who watch.
type arrivals struct {
	last  atomic.Uint64 // number of the last row
	bytes atomic.Int64  // of all rings

	mu       sync.Mutex
	watchers atomic.Pointer[[]*Watch] // replaced, never changed
}

func newArrivals(now event.Time) *arrivals {
	a := &arrivals{}
	a.last.Store(uint64(max(now, 1)))
	a.watchers.Store(&[]*Watch{})
	return a
}

// raise makes later numbers greater than one of an earlier life.
func (a *arrivals) raise(to uint64) {
	for old := a.last.Load(); old < to && !a.last.CompareAndSwap(old, to); old = a.last.Load() {
	}
}

func (a *arrivals) wake(query string) {
	for _, w := range *a.watchers.Load() {
		if w.query == "" || w.query == query {
			signal(w.stirred)
		}
	}
}

func (a *arrivals) add(w *Watch) {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := append(slices.Clone(*a.watchers.Load()), w)
	a.watchers.Store(&list)
}

func (a *arrivals) remove(w *Watch) {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := slices.DeleteFunc(slices.Clone(*a.watchers.Load()), func(x *Watch) bool { return x == w })
	a.watchers.Store(&list)
}

// recent is the rows that a sink acknowledged last, for those who watch. It takes
// the batches of the outbox over as they are.
//
//	outbox --drop--> | segment | segment | segment | --evicted--> outbox.free
//	                      ^ pinned by readers, who encode without the lock
type recent struct {
	arrivals  *arrivals
	query     string
	table     string
	schema    *event.Schema
	version   int  // of the query's text, from 1
	explained bool // the last column tells what a row is made of

	mu       sync.Mutex
	born     event.Time // clock of the step that made the first row; 0: there is none
	segments []*segment // oldest first
	rows     int
	bytes    int64
	last     uint64 // number of the newest row taken
	evicted  uint64 // arrival of the newest row that is gone
	saved    recentHeader
	spare    *event.Batch
}

// segment is rows of a batch, numbered one after the other.
type segment struct {
	b       *event.Batch
	from    int       // first row that counts
	base    uint64    // number of row i is base + i + 1
	version int       // of the query's text
	arrived []arrival // of rows, ascending
	bytes   int64
	pins    int  // readers that look at it
	sealed  bool // no row is added any more
	saved   bool // it is in the store
}

// arrival says that row Row arrived as number At, and those behind it one by one.
type arrival struct {
	Row int    `json:"row"`
	At  uint64 `json:"at"`
}

func (s *segment) rows() int        { return s.b.N - s.from }
func (s *segment) lastRow() uint64  { return s.base + uint64(s.b.N) }
func (s *segment) firstRow() uint64 { return s.base + uint64(s.from) + 1 }

// at is the number of arrival of row i.
func (s *segment) at(i int) uint64 {
	n, found := slices.BinarySearchFunc(s.arrived, i, func(a arrival, i int) int { return a.Row - i })
	if !found {
		n--
	}
	return s.arrived[n].At + uint64(i-s.arrived[n].Row)
}

func newRecent(a *arrivals, query, table string, schema *event.Schema, explained bool) *recent {
	return &recent{arrivals: a, query: query, table: table, schema: schema, explained: explained}
}

// take takes over an item whose rows the sink has, and gives a batch to use again
// or nil.
func (r *recent) take(it *item) *event.Batch {
	if r == nil {
		return it.b
	}
	live := it.b.Live()
	if live <= copiedRows {
		r.copyRows(it.b, it.b.LiveRows(), it.last, event.ID{})
		return it.b
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if k := len(r.segments); k > 0 {
		r.segments[k-1].sealed = true
	}
	s := &segment{b: it.b, from: it.b.N - live, base: it.last - uint64(it.b.N), version: r.version, sealed: true}
	it.b.Sel = nil
	r.segments = append(r.segments, s)
	r.grow(s, live)
	free := r.spare
	r.spare = nil
	return free
}

// copyRows copies rows up to a number, of which some may be there already.
func (r *recent) copyRows(b *event.Batch, rows []int32, last uint64, salt event.ID) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if fresh := last - min(r.last, last); fresh < uint64(len(rows)) {
		rows = rows[uint64(len(rows))-fresh:]
	}
	for len(rows) > 0 {
		n := min(len(rows), segmentRows)
		r.copy(b, rows[:n], last-uint64(len(rows)-n), salt)
		rows = rows[n:]
	}
}

// copy adds rows, the last of which has that number; the lock is held.
func (r *recent) copy(b *event.Batch, rows []int32, last uint64, salt event.ID) {
	s := r.open(len(rows), last-uint64(len(rows)))
	from := s.b.N
	s.b.AppendRows(b, rows)
	for i := from; i < s.b.N; i++ {
		s.b.ID[i] = salted(s.b.ID[i], salt)
	}
	r.grow(s, len(rows))
}

// open is a segment that takes n more rows behind a number; the lock is held.
func (r *recent) open(n int, behind uint64) *segment {
	if k := len(r.segments); k > 0 {
		if s := r.segments[k-1]; !s.sealed && s.b.N+n <= segmentRows && s.lastRow() == behind {
			return s
		}
		r.segments[k-1].sealed = true
	}
	b := r.spare
	if r.spare = nil; b == nil {
		b = event.NewBatch(r.schema)
	}
	b.Reset(0)
	s := &segment{b: b, base: behind, version: r.version}
	r.segments = append(r.segments, s)
	return s
}

// grow accounts for n rows at the end of the last segment, and lets go of the
// oldest; the lock is held.
func (r *recent) grow(s *segment, n int) {
	at := r.arrivals.last.Add(uint64(n)) - uint64(n) + 1
	row := s.b.N - n
	if k := len(s.arrived); k == 0 || s.arrived[k-1].At+uint64(row-s.arrived[k-1].Row) != at {
		s.arrived = append(s.arrived, arrival{row, at})
	}
	r.rows += n
	r.last = s.lastRow()
	r.resize(s, s.b.Bytes())
	r.evict()
	r.arrivals.wake(r.query)
}

func (r *recent) resize(s *segment, bytes int64) {
	r.bytes += bytes - s.bytes
	r.arrivals.bytes.Add(bytes - s.bytes)
	s.bytes = bytes
}

func (r *recent) evict() {
	most := int64(RecentBytes)
	if r.arrivals.bytes.Load() > RecentTotal {
		most = recentLess
	}
	for len(r.segments) > 1 && (r.rows-r.segments[0].rows() >= RecentRows || r.bytes > most) {
		s := r.segments[0]
		r.segments = r.segments[1:]
		r.evicted = s.at(s.b.N - 1)
		r.rows -= s.rows()
		r.resize(s, 0)
		if s.pins == 0 {
			r.spare = s.b
		}
	}
}

// begin notes the clock of a step, which may be the one that made the first row.
func (r *recent) begin(now event.Time) {
	if r == nil || r.born != 0 { // this goroutine alone writes it
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.born = now
}

// forget lets go of everything: the query has ended.
func (r *recent) forget() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.arrivals.bytes.Add(-r.bytes)
	r.segments, r.rows, r.bytes, r.spare = nil, 0, 0, nil
}

// recentHeader is beside the segments in the store.
type recentHeader struct {
	Born    event.Time `json:"born"`
	Last    uint64     `json:"last"`
	Evicted uint64     `json:"evicted,omitempty"`
}

// save writes what is new since the last snapshot; part of a snapshot.
//
//	0 -> header; number of the first row -> length | header of the segment | rows
func (r *recent) save(w state.Writer) error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	changed := false
	for _, s := range r.segments {
		if s.saved {
			continue
		}
		s.sealed, s.saved, changed = true, true, true
		if err := w.Put(be64(s.firstRow()), s.encode(r.explained)); err != nil {
			return err
		}
	}
	// Rows may be made and not yet taken: which life they are of has to last.
	h := recentHeader{r.born, r.last, r.evicted}
	if h == r.saved {
		return nil
	}
	header, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if r.saved = h; changed {
		err = w.DeleteRange(be64(1), be64(r.segments[0].firstRow()))
	}
	return errors.Join(err, w.Put(be64(0), header))
}

type segmentHeader struct {
	Version int       `json:"version"`
	Arrived []arrival `json:"arrived"`

	Explained bool `json:"explained,omitempty"`
}

func (s *segment) encode(explained bool) []byte {
	text, _ := json.Marshal(segmentHeader{s.version, s.arrived, explained}) // numbers always encode
	b := append(binary.AppendUvarint(nil, uint64(len(text))), text...)
	whole := *s.b
	whole.Sel = event.Rows(s.from, s.b.N)
	return state.AppendBatch(b, &whole)
}

// restore reads what save wrote. The rows behind it come from the outbox and the
// replay.
func (r *recent) restore(from state.Reader) error {
	if r == nil {
		return nil
	}
	return from.Scan(nil, nil, func(key, value []byte) error {
		first := fromBE64(key)
		if first == 0 {
			var h recentHeader
			err := json.Unmarshal(value, &h)
			r.born, r.last, r.evicted, r.saved = h.Born, h.Last, h.Evicted, h
			return err
		}
		s, err := r.decode(first, value)
		if err != nil {
			return err
		}
		r.segments = append(r.segments, s)
		r.rows, r.last = r.rows+s.rows(), s.lastRow()
		r.resize(s, s.b.Bytes())
		r.arrivals.raise(s.at(s.b.N - 1))
		return nil
	})
}

var errCorruptRecent = errors.New("the kept detections are corrupt")

func (r *recent) decode(first uint64, value []byte) (*segment, error) {
	in := reader{src: value}
	text := in.bytes(in.uvarint())
	var h segmentHeader
	if in.bad || json.Unmarshal(text, &h) != nil || len(h.Arrived) == 0 {
		return nil, errCorruptRecent
	}
	s := &segment{base: first - 1, version: h.Version, arrived: h.Arrived, sealed: true, saved: true}
	from := s.arrived[0].Row
	for i := range s.arrived {
		s.arrived[i].Row -= from
	}
	var err error
	if s.b, err = keptRows(r.schema, h.Explained, r.explained, in.src); err != nil {
		return nil, err
	}
	if s.b.N == 0 {
		return nil, errCorruptRecent
	}
	return s, nil
}
