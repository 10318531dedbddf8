package engine

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/function"
)

// Detections are rows that queries have delivered, in the order in which they
// were acknowledged.
type Detections struct {
	Detections []Detection `json:"detections"`
	Gaps       []Gap       `json:"gaps,omitempty" doc:"What was delivered since after and cannot be shown any more"`
	Next       string      `json:"next" doc:"The after of the next page, or of a stream that goes on from here"`
}

// Detection is a row that a query has delivered.
type Detection struct {
	ID      string `json:"id" doc:"The same in every delivery: why takes it as detection"`
	Cursor  string `json:"cursor" doc:"The after behind this row"`
	Query   string `json:"query"`
	Version int    `json:"version,omitempty" doc:"Of the query"`

	Rule map[string]string `json:"rule,omitempty" doc:"Of the query: pack, severity, owner, runbook, tags, where SET 'rule.…' says them"`

	Sink    string          `json:"sink" doc:"Table it was written to"`
	Time    string          `json:"time,omitempty" doc:"Event time"`
	Change  string          `json:"change,omitempty" enum:"-U,+U,-D" doc:"What a row means that is not simply new"`
	Columns json.RawMessage `json:"columns" doc:"The row, as an object"`
	Events  []DetectedEvent `json:"events,omitempty" doc:"What it was made of, where that can be told without reading the history again: SET 'detections.explain'"`
	Left    int             `json:"left_out,omitempty" doc:"Events between the first and the last that are left out"`
}

// Gap says that rows were delivered which a reader cannot get.
type Gap struct {
	Query  string `json:"query"`
	Sink   string `json:"sink,omitempty"`
	Missed int64  `json:"missed,omitempty" doc:"How many rows; left out where it is not known"`
	Reason string `json:"reason" enum:"evicted,restarted,rate" doc:"The reader was too slow, or the query began anew, or more came than the reader wants"`
}

// ErrCursor says that an after makes no sense.
var ErrCursor = errors.New("after")

// FromOldest is a cursor before all that is kept.
const FromOldest = "0"

// Watch reads what queries deliver. One goroutine at a time.
type Watch struct {
	engine  *Engine
	query   string // ""; all
	stirred chan struct{}

	at   uint64              // arrival of the last row that was read, of sinks that seen lacks
	seen map[sinkAt]rowPlace // read up to here
}

// sinkAt is a sink of a query.
type sinkAt struct {
	query string
	sink  int
}

// rowPlace is a row of a sink: the clock of the step that made the first one tells
// lives of a query apart.
type rowPlace struct {
	born event.Time
	n    uint64
}

// Watch reads the detections of a query, or of all if query is empty, behind a
// cursor; behind now if that is empty. Close it.
func (e *Engine) Watch(query, after string) (*Watch, error) {
	w := &Watch{engine: e, query: query, stirred: make(chan struct{}, 1), seen: map[sinkAt]rowPlace{}}
	if err := w.goTo(after); err != nil {
		return nil, err
	}
	e.options.arrivals.add(w)
	return w, nil
}

// Stirred is signalled when there may be more.
func (w *Watch) Stirred() <-chan struct{} { return w.stirred }

// Close ends the watch.
func (w *Watch) Close() { w.engine.options.arrivals.remove(w) }

// goTo reads a cursor: of one query "clock.row", for each of its sinks, separated
// by commas; of all the number of an arrival.
func (w *Watch) goTo(after string) error {
	switch {
	case after == "":
		w.at = w.engine.options.arrivals.last.Load()
		return nil
	case after == FromOldest:
		return nil
	case w.query == "":
		at, err := strconv.ParseUint(after, 10, 64)
		if err != nil {
			return fmt.Errorf("%w=%q: want the next or the cursor of an earlier answer", ErrCursor, after)
		}
		w.at = at
		return nil
	}
	for i, text := range strings.Split(after, ",") {
		born, n, _ := strings.Cut(text, ".")
		clock, err := strconv.ParseInt(born, 10, 64)
		row, err2 := strconv.ParseUint(n, 10, 64)
		if err != nil || err2 != nil || i > 255 {
			return fmt.Errorf("%w=%q: want the next or the cursor of an earlier answer about this query", ErrCursor, after)
		}
		w.seen[sinkAt{w.query, i}] = rowPlace{clock, row}
	}
	return nil
}

// Cursor is where the watch is.
func (w *Watch) Cursor() string {
	if w.query == "" {
		return strconv.FormatUint(w.at, 10)
	}
	var b []byte
	for i := range max(1, w.sinks()) {
		if i > 0 {
			b = append(b, ',')
		}
		p := w.seen[sinkAt{w.query, i}]
		b = strconv.AppendInt(b, p.born, 10)
		b = strconv.AppendUint(append(b, '.'), p.n, 10)
	}
	return string(b)
}

func (w *Watch) sinks() (n int) {
	for at := range w.seen {
		n = max(n, at.sink+1)
	}
	return n
}

// Next gives rows that have come since, at most so many: the oldest, or the newest,
// which skips others.
func (w *Watch) Next(limit int, newest bool) *Detections {
	bound := w.engine.options.arrivals.last.Load() // first: what arrives later is left for later in all rings
	out := &Detections{Detections: []Detection{}}
	var looks []*ringLook
	var found []foundRow
	for _, at := range w.rings() {
		l := w.look(at, bound)
		defer l.unpin()
		looks = append(looks, l)
		found = append(found, l.rows(limit, newest)...)
		w.seen[at.at] = l.begin
	}
	slices.SortFunc(found, func(a, b foundRow) int { return cmp.Compare(a.at, b.at) })
	all := newest || len(found) <= limit
	for cut := len(found) - limit; newest && cut > 0; cut-- {
		found[0].look.skipped++
		found = found[1:]
	}
	for _, f := range found[:min(len(found), limit)] {
		out.Detections = append(out.Detections, w.read(f))
	}
	for _, l := range looks {
		out.Gaps = append(out.Gaps, l.gaps()...)
		if all {
			w.seen[l.ring.at] = l.end
		}
	}
	if all {
		w.at = max(w.at, bound)
	}
	out.Next = w.Cursor()
	return out
}

// read writes a row out and goes behind it.
func (w *Watch) read(f foundRow) Detection {
	w.at = f.at
	w.seen[f.look.ring.at] = rowPlace{f.look.end.born, f.base + uint64(f.row) + 1}
	d := f.look.ring.describe(f.b, f.row)
	d.Cursor, d.Version = w.Cursor(), f.version
	return d
}

// ring is what a sink of a query has delivered.
type ring struct {
	*recent
	at    sinkAt
	query *Query
}

func (w *Watch) rings() (list []ring) {
	for _, q := range w.engine.Queries() {
		if w.query != "" && q.name != w.query {
			continue
		}
		for i, o := range q.p.boxes {
			if o.recent != nil {
				list = append(list, ring{o.recent, sinkAt{q.name, i}, q})
			}
		}
	}
	return list
}

// ringLook is what a watch finds in a ring.
type ringLook struct {
	ring       ring
	begin, end rowPlace
	chunks     []chunk
	missed     int64 // -1: not known
	skipped    int64
	restarted  bool
}

// chunk is rows of a pinned segment.
type chunk struct {
	*segment
	from, to int
}

type foundRow struct {
	look *ringLook
	chunk
	row int
	at  uint64
}

// look pins the rows of a ring that have arrived up to bound and were not read.
func (w *Watch) look(at ring, bound uint64) *ringLook {
	r := at.recent
	r.mu.Lock()
	defer r.mu.Unlock()
	place, known := w.seen[at.at]
	l := &ringLook{ring: at, begin: place, end: place}
	switch {
	case r.born == 0: // it has made nothing, or is about to make it again
		return l
	case known && place.n > 0 && place.born != r.born:
		place.n, l.restarted = 0, true
	case !known && r.evicted > w.at:
		l.missed = -1
	case !known:
		place.n = r.last
	}
	l.begin = rowPlace{r.born, place.n}
	for _, s := range r.segments {
		from, to := s.from, s.arrivedAfter(bound)
		if known {
			from = max(from, int(min(max(place.n, s.base)-s.base, uint64(s.b.N))))
		} else {
			from = s.arrivedAfter(w.at)
		}
		if n := s.base + uint64(from); len(l.chunks) == 0 && (!known || n > place.n && from < to) {
			if known && !l.restarted {
				l.missed = int64(n - place.n)
			}
			l.begin.n = n
		}
		if from < to {
			s.sealed = true // nothing is added while it is read
			s.pins++
			l.chunks = append(l.chunks, chunk{s, from, to})
		}
	}
	l.end = l.begin
	if k := len(l.chunks); k > 0 {
		l.end.n = l.chunks[k-1].base + uint64(l.chunks[k-1].to)
	}
	return l
}

// rows are the oldest of what was found, and one more than wanted if there is
// one; or the newest, the others counted as skipped.
func (l *ringLook) rows(limit int, newest bool) (list []foundRow) {
	var all int
	for _, c := range l.chunks {
		all += c.to - c.from
	}
	skip := 0
	if newest {
		skip = max(0, all-limit)
		l.skipped = int64(skip)
	}
	for _, c := range l.chunks {
		n := min(skip, c.to-c.from)
		skip -= n
		for i := c.from + n; i < c.to && len(list) <= limit; i++ {
			list = append(list, foundRow{l, c, i, c.at(i)})
		}
	}
	return list
}

func (l *ringLook) unpin() {
	l.ring.mu.Lock()
	defer l.ring.mu.Unlock()
	for _, c := range l.chunks {
		c.pins--
	}
}

// arrivedAfter is the first row that arrived after a number; from or greater.
func (s *segment) arrivedAfter(at uint64) int {
	i, _ := slices.BinarySearchFunc(s.arrived, at+1, func(a arrival, at uint64) int { return cmp.Compare(a.At, at) })
	if i == 0 {
		return s.from
	}
	a := s.arrived[i-1]
	end := s.b.N
	if i < len(s.arrived) {
		end = s.arrived[i].Row
	}
	return min(end, a.Row+int(min(at+1-a.At, uint64(end))))
}

func (l *ringLook) gaps() (list []Gap) {
	q, sink := l.ring.at.query, l.ring.table
	switch {
	case l.restarted:
		list = append(list, Gap{Query: q, Sink: sink, Reason: "restarted"})
	case l.missed != 0:
		list = append(list, Gap{Query: q, Sink: sink, Missed: max(0, l.missed), Reason: "evicted"})
	}
	if l.skipped > 0 {
		list = append(list, Gap{Query: q, Sink: sink, Missed: l.skipped, Reason: "rate"})
	}
	return list
}

// describe writes a row out.
func (r *ring) describe(b *event.Batch, row int) Detection {
	d := Detection{ID: b.ID[row].Hex(), Query: r.at.query, Sink: r.table, Columns: appendColumns(nil, b, row, r.columns())}
	r.tellEvents(&d, b, row)
	if len(b.Time) > 0 {
		d.Time = showTime(b.Time[row])
	}
	if c := b.Change(row); c != event.Insert {
		d.Change = c.String()
	}
	return d
}

// columns is the number of the rows' own columns.
func (r *recent) columns() int {
	if r.explained {
		return len(r.schema.Fields) - 1
	}
	return len(r.schema.Fields)
}

// tellEvents says what a row was made of, as far as it tells.
func (r *ring) tellEvents(d *Detection, b *event.Batch, row int) {
	if r.explained {
		if m, err := explained(b.Cols[r.columns()].Value(row).S); err == nil && m.Version > 0 {
			d.Events, d.Left = m.Events, m.Left
			return
		}
	}
	d.Events = r.query.p.madeOf(b.ID[row])
}

// appendColumns appends the first columns of a row as a JSON object.
func appendColumns(dst []byte, b *event.Batch, row, columns int) []byte {
	dst = append(dst, '{')
	for i, f := range b.Schema.Fields[:columns] {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, function.JSON(event.TString, event.Value{S: []byte(f.Name)})...)
		dst = append(dst, ':')
		dst = append(dst, function.JSON(f.Type, b.Cols[i].Value(row))...)
	}
	return append(dst, '}')
}

// madeOf is the input row that a row is of whose ID says it: no pattern, window
// or join was in between.
func (p *Pipeline) madeOf(id event.ID) []DetectedEvent {
	for _, salt := range append([]event.ID{{}}, p.salts...) {
		if table, partition, offset, ok := p.origin(salted(id, salt)); ok {
			return []DetectedEvent{{Table: table, Partition: partition, Offset: offset}}
		}
	}
	return nil
}

// forgetRecent lets go of what could be watched.
func (p *Pipeline) forgetRecent() {
	for _, o := range p.boxes {
		o.recent.forget()
	}
}
