package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/panics"
	"github.com/cepd/cepd/state"
)

// comparison is what a query and its shadow have delivered, side by side. Rows
// come from taps of their outboxes, in the order of their numbers; those with one
// id are counterparts.
//
//	query   outbox --tap--> lane 0 --+
//	                                 +--> same, changed, only in one
//	shadow  outbox --tap--> lane 1 --+
//
// A row that waits for its counterpart is told as a difference when the other
// side has delivered all that it makes of the records before seen. A counterpart
// that comes later still corrects that.
type comparison struct {
	store state.Store
	root  state.Under
	clock clock.Clock
	log   *slog.Logger
	gauge func(*Outcomes) // may be nil

	mu     sync.Mutex
	doc    comparisonDoc
	tables [][2]*lane // by table that is written
	err    error      // it compares no more
}

// The sides of a comparison.
const (
	sideQuery = iota
	sideShadow
)

// The bounds of a comparison.
const (
	maxWaiting     = 100_000 // rows a side and table that wait for their counterparts
	maxTold        = 10_000  // rows a side and table that were told, and may be corrected
	maxDifferences = 100
	maxDays        = 400
	maxShown       = 4096 // bytes of a row of a difference
)

// lane is the rows of one side for one table that have no counterpart yet.
type lane struct {
	side, table int
	encoder     connectors.Encoder
	encoded     connectors.Encoded
	rows        map[event.ID][]*loneRow
	waiting     []*loneRow // oldest first; some are paired by now
	told        []*loneRow
	n           int     // of waiting that are not paired
	progress    offsets // all made of what lies before has been taken; nil: not known
}

// loneRow is a row without counterpart.
type loneRow struct {
	number uint64
	id     event.ID
	at     event.Time
	text   []byte  // as JSON
	seen   offsets // where its side was when it was delivered; nil: not known yet
	told   bool
	paired bool
}

// comparedTable is a table that both write.
type comparedTable struct {
	name    string
	columns []connectors.Column
	changes bool
}

// newComparison compares nothing yet: begin or load comes next.
func newComparison(store state.Store, prefix []byte, o *Options, tables []comparedTable) (*comparison, error) {
	c := &comparison{store: store, clock: o.Clock, log: o.Log,
		root: state.Under{R: store, Prefix: append(slices.Clone(prefix), sectionComparison)}}
	c.doc.Days, c.doc.Columns = map[string]*Outcomes{}, map[string]int64{}
	for i, t := range tables {
		var pair [2]*lane
		for side := range pair {
			e, err := newTextEncoder(t)
			if err != nil {
				return nil, err
			}
			pair[side] = &lane{side: side, table: i, encoder: e, rows: map[event.ID][]*loneRow{}}
		}
		c.tables = append(c.tables, pair)
		c.doc.Tables = append(c.doc.Tables, t.name)
		c.doc.Taken = append(c.doc.Taken, [2]uint64{})
	}
	return c, nil
}

// newTextEncoder writes rows as JSON, metadata columns among the others.
func newTextEncoder(t comparedTable) (connectors.Encoder, error) {
	columns := slices.Clone(t.columns)
	for i := range columns {
		columns[i].Metadata = ""
	}
	return formats.NewEncoder(connectors.Table{Name: t.name, Columns: columns, Physical: columns, Changes: t.changes,
		Options: map[string]string{"format": "json"}})
}

// tap gives what an outbox delivers to a comparison, before the sink gets it.
type tap struct {
	c      *comparison
	lane   *lane
	places []partition // of the units
	synced bool        // a crash must not lose what the sink knows
}

// take takes the rows of items; all says that none of the steps before the cut is
// left. A comparison that fails leaves its queries alone.
func (t *tap) take(items []item, c cut, all bool) {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	if t.c.err != nil {
		return
	}
	t.c.err = panics.Call(func() error { return t.c.take(t, items, t.offsets(c), all) })
	if t.c.err != nil {
		t.c.logEnd()
	}
}

// offsets are where the units were; nil: that is not known.
func (t *tap) offsets(c cut) offsets {
	if len(c.at) == 0 {
		return nil
	}
	at := make(offsets, len(c.at))
	for i, p := range t.places {
		if i < len(c.at) && p.table != "" {
			at[p] = c.at[i]
		}
	}
	return at
}

func (c *comparison) take(t *tap, items []item, at offsets, all bool) error {
	w := &comparisonWriter{c: c, b: c.store.NewBatch()}
	for i := range items {
		if err := c.takeItem(w, t.lane, &items[i]); err != nil {
			return w.discard(err)
		}
	}
	l := t.lane
	for i := len(l.waiting) - 1; i >= 0 && l.waiting[i].seen == nil; i-- {
		l.waiting[i].seen = at
	}
	if all && at != nil {
		l.progress = at
	}
	for _, l := range c.tables[l.table] {
		c.tell(w, l, c.tables[l.table][1-l.side].progress)
		c.bound(w, l)
	}
	return w.commit(t.synced && len(items) > 0)
}

// takeItem takes the rows that have not been taken.
func (c *comparison) takeItem(w *comparisonWriter, l *lane, it *item) error {
	taken := &c.doc.Taken[l.table][l.side]
	first := it.last - uint64(it.b.N) + 1
	var live []int32
	for _, row := range it.b.LiveRows() {
		if first+uint64(row) > *taken {
			live = append(live, row)
		}
	}
	if len(live) == 0 {
		return nil
	}
	b := *it.b
	b.Sel = live
	l.encoded.Reset()
	if err := l.encoder.Encode(&b, &l.encoded); err != nil {
		return err
	}
	for i, row := range live {
		v := l.encoded.Value[i]
		c.takeRow(w, l, &loneRow{number: first + uint64(row), id: b.ID[row], at: c.timeOf(&b, row), text: bytes.Clone(l.encoded.Buf[v.Off : v.Off+v.Len])})
	}
	*taken, w.changed = it.last, true
	return nil
}

func (c *comparison) timeOf(b *event.Batch, row int32) event.Time {
	if len(b.Time) > 0 && b.Time[row] != event.MinTime && b.Time[row] != event.MaxTime {
		return b.Time[row]
	}
	return c.clock.Now()
}

func (c *comparison) takeRow(w *comparisonWriter, l *lane, r *loneRow) {
	other := c.tables[l.table][1-l.side]
	if found := other.rows[r.id]; len(found) > 0 {
		theirs := found[0]
		other.remove(theirs)
		w.remove(other, theirs)
		c.pair(l, r, theirs)
		return
	}
	l.add(r)
	w.put(l, r)
}

func (l *lane) add(r *loneRow) {
	l.rows[r.id] = append(l.rows[r.id], r)
	if r.told {
		l.told = append(l.told, r)
		return
	}
	l.waiting = append(l.waiting, r)
	l.n++
}

// remove takes a row out of the index; the lists let go of it later.
func (l *lane) remove(r *loneRow) {
	r.paired = true
	if !r.told {
		l.n--
	}
	rest := slices.DeleteFunc(l.rows[r.id], func(x *loneRow) bool { return x == r })
	if len(rest) == 0 {
		delete(l.rows, r.id)
		return
	}
	l.rows[r.id] = rest
}

// pair counts two rows with one id. mine came last, on lane l.
func (c *comparison) pair(l *lane, mine, theirs *loneRow) {
	if theirs.told {
		*c.doc.day(theirs.at).lone(1 - l.side)--
		c.doc.retract(theirs.id)
	}
	q, s := theirs, mine
	if l.side == sideQuery {
		q, s = mine, theirs
	}
	day := c.doc.day(q.at)
	if bytes.Equal(q.text, s.text) {
		day.Same++
		return
	}
	day.Changed++
	columns := changedColumns(q.text, s.text)
	for _, name := range columns {
		c.doc.Columns[name]++
	}
	c.doc.add(Difference{Kind: DifferenceChanged, Table: c.doc.Tables[l.table], ID: q.id.Hex(), Time: showTime(q.at), Columns: columns, Old: shown(q.text), New: shown(s.text)})
}

// tell tells the rows whose counterparts do not come: the other side is behind
// where they were delivered.
func (c *comparison) tell(w *comparisonWriter, l *lane, other offsets) {
	for len(l.waiting) > 0 {
		r := l.waiting[0]
		if !r.paired && (other == nil || r.seen == nil || !other.reached(r.seen)) {
			return
		}
		l.waiting = l.waiting[1:]
		if r.paired {
			continue
		}
		l.n--
		r.told, w.changed = true, true
		l.told = append(l.told, r)
		*c.doc.day(r.at).lone(l.side)++
		c.doc.add(lonely(l.side, c.doc.Tables[l.table], r))
		w.put(l, r)
	}
}

func lonely(side int, table string, r *loneRow) Difference {
	d := Difference{Kind: DifferenceOnlyOld, Table: table, ID: r.id.Hex(), Time: showTime(r.at)}
	if side == sideQuery {
		d.Old = shown(r.text)
		return d
	}
	d.Kind, d.New = DifferenceOnlyNew, shown(r.text)
	return d
}

// shown is a row as a difference shows it.
func shown(text []byte) json.RawMessage {
	if len(text) > maxShown {
		return json.RawMessage(`"(a row of more than 4096 bytes)"`)
	}
	return slices.Clone(text)
}

// bound lets go of the oldest rows above the limits.
func (c *comparison) bound(w *comparisonWriter, l *lane) {
	for l.n > maxWaiting {
		r := l.waiting[0]
		l.waiting = l.waiting[1:]
		if !r.paired {
			l.remove(r)
			w.remove(l, r)
			c.doc.Uncompared++
		}
	}
	for len(l.told) > maxTold || len(l.told) > 0 && l.told[0].paired {
		r := l.told[0]
		l.told = l.told[1:]
		if !r.paired {
			l.remove(r)
			w.remove(l, r)
		}
	}
}

// changedColumns are the columns in which two JSON objects differ, ascending.
func changedColumns(a, b []byte) (names []string) {
	var x, y map[string]json.RawMessage
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return nil
	}
	for name, v := range x {
		if !bytes.Equal(v, y[name]) {
			names = append(names, name)
		}
	}
	for name := range y {
		if _, both := x[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func dayOf(t event.Time) string { return time.UnixMicro(t).UTC().Format(time.DateOnly) }

func (c *comparison) logEnd() {
	var p *PanicError
	if errors.As(c.err, &p) {
		c.log.Error("the shadow is compared no more", "error", c.err, "stack", string(p.Stack))
		return
	}
	c.log.Error("the shadow is compared no more", "error", c.err)
}
