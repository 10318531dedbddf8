package changelog

import (
	"bytes"
	"encoding/binary"
	"slices"
	"sort"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/aggregate"
	"github.com/cepd/cepd/query/plan"
	"github.com/cepd/cepd/state"
)

// NewRank makes the operator that keeps the first rows of each key by an order.
// Of rows that are only added it keeps as many as are wanted; where rows are taken
// back, all, since the next may be among the first then.
func NewRank(n *plan.TopN, o Options) operators.Stateful {
	in := n.Input.Schema()
	r := &rank{plan: n, keys: newKeys(codecOf(in, n.PartitionBy), o.TTL), max: o.MaxRows,
		retract: plan.ChangelogOf(n.Input) != plan.AppendOnly, out: newOutput(n.Out, o.Name), sort: make([]event.Value, len(n.OrderBy))}
	for _, k := range n.OrderBy {
		r.order = append(r.order, aggregate.Key{Column: k.Column, Type: in.Fields[k.Column].Type, Desc: k.Desc, NullsFirst: k.NullsFirst})
	}
	return r
}

type rank struct {
	plan *plan.TopN
	keys
	order   []aggregate.Key
	max     int
	retract bool
	lists   [][]ranked // by slot, in order
	out     output
	sort    []event.Value // scratch: sort keys of a row
	row     []byte
	held    int64
	bytes   int64
}

// ranked is a row: its columns, encoded, and what it is ordered by.
type ranked struct {
	sort []event.Value
	row  []byte
}

// Process takes rows in the order in which they come.
func (o *rank) Process(_ *operators.Context, b *event.Batch, out operators.Collector) error {
	o.out.begin(out)
	live := b.LiveRows()
	o.ids.Gather(b, live, 0)
	for i, r := range live {
		if err := o.take(b, i, int(r)); err != nil {
			return err
		}
	}
	return o.out.flush()
}

func (o *rank) take(b *event.Batch, i, row int) error {
	o.row = encodeRow(o.row[:0], b.Cols, row)
	for k, key := range o.order {
		o.sort[k] = b.Cols[key.Column].Value(row)
	}
	retracts := b.Change(row).Retracts()
	s, ok := o.Find(o.ids.Hash(i), o.ids.At(i))
	if ok && o.stale(s, b.Time[row]) {
		o.forget(s)
		ok = false
	}
	switch {
	case !ok && retracts:
		return nil // a row that never came
	case !ok:
		s, _ = o.slot(i)
		o.fit()
	}
	o.touch(s, b.Time[row])
	if retracts {
		return o.remove(s, b.ID[row])
	}
	return o.insert(s, b.ID[row])
}

func (o *rank) fit() {
	for len(o.lists) < int(o.N) {
		o.lists = append(o.lists, nil)
	}
}

func (o *rank) limit() int { return int(o.plan.Limit) }

// place is where a row goes: behind those that are equal, or before them where the
// last one counts.
func (o *rank) place(list []ranked) int {
	return sort.Search(len(list), func(k int) bool {
		c := o.compare(o.sort, list[k].sort)
		return c < 0 || c == 0 && o.plan.Last
	})
}

func (o *rank) compare(a, b []event.Value) int {
	for i := range o.order {
		if c := o.order[i].Compare(a[i], b[i]); c != 0 {
			return c
		}
	}
	return 0
}

// insert adds the row at hand.
func (o *rank) insert(s int32, id event.ID) error {
	list := o.lists[s]
	at, before := o.place(list), len(list)
	if at >= o.limit() && !o.retract {
		return nil
	}
	if o.max > 0 && before >= o.max && o.retract {
		return &aggregate.LimitError{What: "rows to number", Limit: o.max}
	}
	e := ranked{sort: make([]event.Value, len(o.sort)), row: bytes.Clone(o.row)}
	for i, v := range o.sort {
		e.sort[i] = function.Clone(v)
	}
	list = slices.Insert(list, at, e)
	o.count(&e, 1)
	o.lists[s] = list
	if err := o.inserted(list, at, before, id); err != nil {
		return err
	}
	if last := len(list) - 1; !o.retract && last >= o.limit() {
		o.count(&list[last], -1)
		list[last] = ranked{}
		o.lists[s] = list[:last]
	}
	return nil
}

func (o *rank) count(e *ranked, sign int64) {
	o.held += sign
	o.bytes += sign * (int64(len(e.row)) + int64(len(e.sort))*72 + 48)
}

// inserted tells what the row at a place has changed; before is how many rows
// there were.
func (o *rank) inserted(list []ranked, at, before int, id event.ID) error {
	if at >= o.limit() {
		return nil
	}
	if !o.plan.Numbered {
		if before < o.limit() {
			return o.tell(list[at].row, at, event.Insert, id)
		}
		return o.swap(list[o.limit()].row, list[at].row, id)
	}
	for i := at; i < min(len(list), o.limit()); i++ {
		if i >= before {
			return o.tell(list[i].row, i, event.Insert, id)
		}
		if err := o.update(list[i+1].row, list[i].row, i, id); err != nil {
			return err
		}
	}
	return nil
}

// remove takes back the row at hand.
func (o *rank) remove(s int32, id event.ID) error {
	list := o.lists[s]
	at := sort.Search(len(list), func(k int) bool { return o.compare(o.sort, list[k].sort) <= 0 })
	for ; at < len(list) && !bytes.Equal(list[at].row, o.row); at++ {
	}
	if at == len(list) {
		return nil // a row that never came
	}
	if err := o.removed(list, at, id); err != nil {
		return err
	}
	o.count(&list[at], -1)
	o.lists[s] = slices.Delete(list, at, at+1)
	if len(o.lists[s]) == 0 {
		o.forget(s)
	}
	return nil
}

// removed tells what it changes that the row at a place goes.
func (o *rank) removed(list []ranked, at int, id event.ID) error {
	if at >= o.limit() {
		return nil
	}
	if !o.plan.Numbered {
		if len(list) <= o.limit() {
			return o.tell(list[at].row, at, event.Delete, id)
		}
		return o.swap(list[at].row, list[o.limit()].row, id)
	}
	for i := at; i < min(len(list), o.limit()); i++ {
		if i+1 >= len(list) {
			return o.tell(list[i].row, i, event.Delete, id)
		}
		if err := o.update(list[i].row, list[i+1].row, i, id); err != nil {
			return err
		}
	}
	return nil
}

// swap lets one row go and another come. Only where there is one place is that an
// update.
func (o *rank) swap(old, now []byte, id event.ID) error {
	if o.limit() == 1 {
		return o.update(old, now, 0, id)
	}
	if err := o.tell(old, 0, event.Delete, id); err != nil {
		return err
	}
	return o.tell(now, 0, event.Insert, id)
}

// update tells that place i has another row.
func (o *rank) update(old, now []byte, i int, id event.ID) error {
	if bytes.Equal(old, now) {
		return nil
	}
	if !o.plan.Upsert {
		if err := o.tell(old, i, event.UpdateBefore, id); err != nil {
			return err
		}
	}
	return o.tell(now, i, event.UpdateAfter, id)
}

// tell emits a row; i is its place, from 0.
func (o *rank) tell(row []byte, i int, c event.Change, id event.ID) error {
	if err := o.out.values(0, row); err != nil {
		return err
	}
	var place [4]byte
	binary.LittleEndian.PutUint32(place[:], uint32(i))
	if o.plan.Numbered {
		o.out.batch.Cols[len(o.out.batch.Cols)-1].Append(event.IntValue(int64(i + 1)))
	}
	return o.out.end(c, o.out.identity(id, place[:]))
}

func (o *rank) forget(s int32) {
	for i := range o.lists[s] {
		o.count(&o.lists[s][i], -1)
	}
	o.lists[s] = nil
	o.release(s)
}

// Advance forgets idle keys.
func (o *rank) Advance(_ *operators.Context, wm event.Time, _ operators.Collector) error {
	o.wm = max(o.wm, wm)
	o.idle(o.wm, o.forget)
	return nil
}

// Snapshot implements operators.Stateful.
func (o *rank) Snapshot(w state.Writer) error {
	return o.snapshot(w, func(dst []byte, s int32) []byte {
		for _, e := range o.lists[s] {
			dst = appendBytes(dst, e.row)
		}
		return dst
	})
}

// Restore implements operators.Stateful.
func (o *rank) Restore(r state.Reader) error {
	return o.restore(r, func(src []byte, s int32) error {
		o.fit()
		for src = bytes.Clone(src); len(src) > 0; {
			row, rest, err := readBytes(src)
			if err != nil {
				return err
			}
			e, err := o.read(row)
			if err != nil {
				return err
			}
			o.lists[s] = append(o.lists[s], e)
			o.count(&e, 1)
			src = rest
		}
		return nil
	})
}

// read decodes what a row is ordered by.
func (o *rank) read(row []byte) (ranked, error) {
	in := o.plan.Input.Schema()
	if err := checkRow(row, in); err != nil {
		return ranked{}, err
	}
	e := ranked{row: row, sort: make([]event.Value, len(o.order))}
	rest := row
	for c, f := range in.Fields {
		v, after, _ := event.ReadValue(rest, f.Type)
		for i := range o.order {
			if o.order[i].Column == c {
				e.sort[i] = v
			}
		}
		rest = after
	}
	return e, nil
}

// Size is what the shard holds.
func (o *rank) Size() operators.Size {
	return operators.Size{Keys: int64(o.Count), Rows: o.held, Bytes: o.memory() + o.bytes + int64(cap(o.lists))*24}
}
