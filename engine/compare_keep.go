package engine

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state"
)

// sectionComparison is in the range of a shadow.
//
//	c              comparisonDoc
//	c r side table number   a row without counterpart: id | told | time | text
const (
	sectionComparison = 'c'
	comparisonRow     = 'r'
)

// comparisonDoc is a comparison but for the rows without counterpart.
type comparisonDoc struct {
	Begun       event.Time           `json:"begun"`
	Tables      []string             `json:"tables"`
	Taken       [][2]uint64          `json:"taken"` // number of the last row, by table and side
	Days        map[string]*Outcomes `json:"days"`
	Columns     map[string]int64     `json:"columns"`
	Differences []Difference         `json:"differences"` // oldest first
	Uncompared  int64                `json:"uncompared"`
}

// day is the counts of a day. Of very many days, the oldest are one.
func (d *comparisonDoc) day(t event.Time) *Outcomes {
	name := dayOf(t)
	if o := d.Days[name]; o != nil {
		return o
	}
	if len(d.Days) >= maxDays {
		first := slices.Min(slices.Collect(maps.Keys(d.Days)))
		if name < first {
			return d.Days[first]
		}
		o := d.Days[first]
		delete(d.Days, first)
		next := slices.Min(slices.Collect(maps.Keys(d.Days)))
		d.Days[next].add(o)
	}
	d.Days[name] = &Outcomes{}
	return d.Days[name]
}

func (d *comparisonDoc) add(x Difference) {
	d.Differences = append(d.Differences, x)
	if n := len(d.Differences) - maxDifferences; n > 0 {
		d.Differences = slices.Delete(d.Differences, 0, n)
	}
}

// retract takes back what was told of a row.
func (d *comparisonDoc) retract(id event.ID) {
	name := id.Hex()
	i := slices.IndexFunc(d.Differences, func(x Difference) bool { return x.ID == name && x.Kind != DifferenceChanged })
	if i >= 0 {
		d.Differences = slices.Delete(d.Differences, i, i+1)
	}
}

// comparisonWriter collects what a call changes.
type comparisonWriter struct {
	c       *comparison
	b       state.Batch
	changed bool
	err     error
}

func (w *comparisonWriter) under() *state.Under {
	return &state.Under{W: w.b, Prefix: w.c.root.Prefix}
}

func rowKey(l *lane, r *loneRow) []byte {
	return append([]byte{comparisonRow, byte(l.side), byte(l.table)}, be64(r.number)...)
}

func (w *comparisonWriter) put(l *lane, r *loneRow) {
	value := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, r.id.Hi), r.id.Lo)
	told := byte(0)
	if r.told {
		told = 1
	}
	value = append(binary.BigEndian.AppendUint64(append(value, told), uint64(r.at)), r.text...)
	w.changed, w.err = true, errors.Join(w.err, w.under().Put(rowKey(l, r), value))
}

func (w *comparisonWriter) remove(l *lane, r *loneRow) {
	w.changed, w.err = true, errors.Join(w.err, w.under().Delete(rowKey(l, r)))
}

func (w *comparisonWriter) discard(err error) error { return errors.Join(err, w.b.Close()) }

// commit writes what has changed. Without sync it is as durable as what is
// written next: a delivery that is lost with it comes again.
func (w *comparisonWriter) commit(sync bool) error {
	if w.err != nil || !w.changed {
		return w.discard(w.err)
	}
	text, err := json.Marshal(&w.c.doc)
	if err == nil {
		err = w.under().Put(nil, text)
	}
	if err != nil {
		return w.discard(err)
	}
	if w.c.gauge != nil {
		t := w.c.doc.total()
		w.c.gauge(&t)
	}
	return w.b.Commit(sync)
}

// begin begins behind the rows with these numbers, by table and side.
func (c *comparison) begin(taken [][2]uint64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.doc.Begun, c.doc.Taken = c.clock.Now(), taken
	w := &comparisonWriter{c: c, b: c.store.NewBatch(), changed: true}
	return w.commit(true)
}

// begun says whether it compares.
func (c *comparison) begun() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.doc.Begun != 0
}

// end has it take nothing more: what it has kept is about to be deleted.
func (c *comparison) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = errShadowEnded
}

// load reads a comparison that has begun; false when it has not.
func (c *comparison) load() (bool, error) {
	text, found, err := c.root.Get(nil)
	if err != nil || !found {
		return false, err
	}
	var doc comparisonDoc
	if err := json.Unmarshal(text, &doc); err != nil {
		return false, fmt.Errorf("the comparison is corrupt: %w", err)
	}
	if !slices.Equal(doc.Tables, c.doc.Tables) || len(doc.Taken) != len(doc.Tables) || doc.Days == nil || doc.Columns == nil {
		return false, errors.New("the comparison is one of other tables")
	}
	c.doc = doc
	return true, c.root.Scan([]byte{comparisonRow}, []byte{comparisonRow + 1}, c.loadRow)
}

func (c *comparison) loadRow(key, value []byte) error {
	const fixed = 16 + 1 + 8
	if len(key) != 3+8 || len(value) < fixed || key[1] > 1 || int(key[2]) >= len(c.tables) {
		return errors.New("the comparison is corrupt")
	}
	l := c.tables[key[2]][key[1]]
	l.add(&loneRow{
		number: fromBE64(key[3:]), id: event.ID{Hi: fromBE64(value), Lo: fromBE64(value[8:])},
		told: value[16] == 1, at: event.Time(fromBE64(value[17:])), text: slices.Clone(value[fixed:]),
	})
	return nil
}
