package window

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sort"

	"github.com/zeebo/xxh3"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/aggregate"
	"github.com/cepd/cepd/operators/group"
	"github.com/cepd/cepd/query/plan"
)

// TopProgram is a compiled TopN, shared by its shards.
type TopProgram struct {
	plan  *plan.TopN
	opts  Options
	codec *group.Codec
	seed  uint64
}

// CompileTopN prepares a TopN.
func CompileTopN(n *plan.TopN, o Options) *TopProgram {
	types, all := make([]event.Type, len(n.PartitionBy)), make([]bool, len(n.PartitionBy))
	for i, c := range n.PartitionBy {
		types[i], all[i] = n.Input.Schema().Fields[c].Type, true
	}
	return &TopProgram{plan: n, opts: o, codec: group.NewCodec(n.PartitionBy, types, [][]bool{all}), seed: xxh3.HashString(o.Name)}
}

// New makes the operator of one shard.
func (p *TopProgram) New(int) operators.Stateful {
	t := &topN{p: p, windows: map[bounds]*topWindow{}, wm: event.MinTime, out: event.NewBatch(p.plan.Out)}
	t.keys.Codec = p.codec
	return t
}

// Explain says how the program works.
func (p *TopProgram) Explain() string {
	if p.plan.Limit == 0 {
		return "kept: all rows of a window\n"
	}
	return fmt.Sprintf("kept: the first %d rows of a group of a window\n", p.plan.Limit)
}

// topN numbers the rows of each group of a window by an order, when the window
// ends. Where only the first are wanted it keeps no others.
type topN struct {
	p       *TopProgram
	windows map[bounds]*topWindow
	order   []*topWindow // by end, then start
	wm      event.Time
	keys    group.Keys
	values  []event.Value // scratch: sort keys of a row
	out     *event.Batch
	id      []byte
	rows    int64
	bytes   int64
	track   bool
	gone    [][]byte
}

// topWindow is the groups of a window.
type topWindow struct {
	bounds
	group.Table
	groups []topGroup
	dirty  []int32
	saved  bool
}

type topGroup struct {
	entries []entry // in order, where there is a limit
	dirty   bool
}

// entry is a row: its place in the order and its columns, encoded.
type entry struct {
	keys []event.Value
	time event.Time
	id   event.ID
	row  []byte
}

// Process takes rows in any order.
func (t *topN) Process(ctx *operators.Context, b *event.Batch, _ operators.Collector) error {
	live := b.LiveRows()
	if len(live) == 0 {
		return nil
	}
	t.keys.Gather(b, live, 0)
	starts, ends := b.Cols[t.p.plan.Start].I64, b.Cols[t.p.plan.End].I64
	for i, r := range live {
		w := bounds{starts[r], ends[r]}
		if w.end-1 <= t.wm {
			lateRows(ctx, live[i:i+1], b, "the window that ends at "+formatTime(w.end)+" had been reported")
			continue
		}
		if err := t.add(t.window(w), i, b, int(r)); err != nil {
			return err
		}
	}
	return nil
}

func (t *topN) window(w bounds) *topWindow {
	if n := len(t.order); n > 0 && t.order[n-1].bounds == w {
		return t.order[n-1]
	}
	if x := t.windows[w]; x != nil {
		return x
	}
	x := &topWindow{bounds: w}
	x.Reset()
	t.windows[w] = x
	at := sort.Search(len(t.order), func(i int) bool { return w.before(t.order[i].bounds) })
	t.order = slices.Insert(t.order, at, x)
	return x
}

func (t *topN) add(w *topWindow, i int, b *event.Batch, row int) error {
	slot, ok := w.Find(t.keys.Hash(i), t.keys.At(i))
	if !ok {
		slot = w.Add(t.keys.Hash(i), t.keys.At(i))
		w.groups = append(w.groups, topGroup{})
	}
	g, limit := &w.groups[slot], int(t.p.plan.Limit)
	e := entry{keys: t.sortKeys(b, row), time: b.Time[row], id: b.ID[row]}
	at := len(g.entries)
	if limit > 0 {
		at = sort.Search(at, func(k int) bool { return t.p.compare(&e, &g.entries[k]) < 0 })
		if at == limit {
			return nil
		}
	}
	if max := t.p.opts.Aggregate.MaxRows; limit == 0 && max > 0 && at >= max {
		return &aggregate.LimitError{What: "rows to number", Limit: max}
	}
	t.insert(g, at, e, b, row)
	if t.track && !g.dirty {
		g.dirty = true
		w.dirty = append(w.dirty, slot)
	}
	return nil
}

// insert puts a row at its place, and lets go of the one behind the last.
func (t *topN) insert(g *topGroup, at int, e entry, b *event.Batch, row int) {
	if limit := int(t.p.plan.Limit); limit > 0 && len(g.entries) == limit {
		t.count(&g.entries[limit-1], -1)
		g.entries = g.entries[:limit-1]
	}
	for i := range e.keys {
		e.keys[i] = function.Clone(e.keys[i])
	}
	e.keys = slices.Clone(e.keys)
	for c := range b.Cols {
		e.row = event.AppendValue(e.row, b.Cols[c].Type, b.Cols[c].Value(row))
	}
	g.entries = slices.Insert(g.entries, at, e)
	t.count(&e, 1)
}

func (t *topN) count(e *entry, sign int64) {
	t.rows += sign
	t.bytes += sign * (int64(len(e.row)) + int64(len(e.keys))*72 + 96)
}

// sortKeys is the values that a row is ordered by: views of b, valid until the
// next row.
func (t *topN) sortKeys(b *event.Batch, row int) []event.Value {
	t.values = t.values[:0]
	for _, k := range t.p.plan.OrderBy {
		t.values = append(t.values, b.Cols[k.Column].Value(row))
	}
	return t.values
}

// compare orders rows by the keys, then by time and ID.
func (p *TopProgram) compare(a, b *entry) int {
	in := p.plan.Input.Schema()
	for i, k := range p.plan.OrderBy {
		key := aggregate.Key{Type: in.Fields[k.Column].Type, Desc: k.Desc, NullsFirst: k.NullsFirst}
		if c := key.Compare(a.keys[i], b.keys[i]); c != 0 {
			return c
		}
	}
	switch {
	case a.time < b.time:
		return -1
	case a.time > b.time:
		return 1
	}
	return a.id.Compare(b.id)
}

// Advance reports the windows whose end wm has passed.
func (t *topN) Advance(_ *operators.Context, wm event.Time, out operators.Collector) error {
	t.wm = max(t.wm, wm)
	for len(t.order) > 0 && t.order[0].end-1 <= t.wm {
		w := t.order[0]
		if err := t.report(w, out); err != nil {
			return err
		}
		delete(t.windows, w.bounds)
		if w.saved {
			t.gone = append(t.gone, panePrefix(w.bounds))
		}
		t.order = slices.Delete(t.order, 0, 1)
	}
	return nil
}

// Due implements operators.Timed: a window ends then.
func (t *topN) Due() event.Time {
	if len(t.order) == 0 {
		return event.MaxTime
	}
	return t.order[0].end - 1
}

func (t *topN) report(w *topWindow, out operators.Collector) error {
	t.out.Reset(0)
	for g := range w.groups {
		entries := w.groups[g].entries
		if t.p.plan.Limit == 0 {
			slices.SortFunc(entries, func(a, b entry) int { return t.p.compare(&a, &b) })
		}
		for i := range entries {
			if err := t.emit(w, &entries[i], i+1, out); err != nil {
				return err
			}
			t.count(&entries[i], -1)
		}
	}
	if t.out.N == 0 {
		return nil
	}
	return out.Emit(t.out)
}

// emit appends a row to the output, and passes it on when that is full.
func (t *topN) emit(w *topWindow, e *entry, number int, out operators.Collector) error {
	b, src := t.out, e.row
	last := len(b.Cols) - 1
	for c := range b.Cols[:last] {
		v, rest, err := event.ReadValue(src, b.Cols[c].Type)
		if err != nil {
			return err
		}
		b.Cols[c].Append(v)
		src = rest
	}
	b.Cols[last].Append(event.IntValue(int64(number)))
	b.Time, b.ID = append(b.Time, w.end-oneMilli), append(b.ID, t.identity(w, e))
	if b.N++; b.N < event.MaxRows {
		return nil
	}
	err := out.Emit(b)
	b.Reset(0)
	return err
}

// identity is a hash of the query, the window and the row.
func (t *topN) identity(w *topWindow, e *entry) event.ID {
	t.id = t.id[:0]
	for _, x := range [...]uint64{t.p.seed, uint64(w.start), uint64(w.end), e.id.Hi, e.id.Lo} {
		t.id = binary.LittleEndian.AppendUint64(t.id, x)
	}
	h := xxh3.Hash128(t.id)
	return event.ID{Hi: h.Hi, Lo: h.Lo}
}

// Hold is the watermark of the output.
func (t *topN) Hold(wm event.Time) event.Time {
	if wm == event.MinTime || wm == event.MaxTime {
		return wm
	}
	return wm - oneMilli + 1
}

// Size is what the shard holds.
func (t *topN) Size() operators.Size {
	s := operators.Size{Rows: t.rows, Bytes: t.bytes}
	for _, w := range t.order {
		s.Keys += int64(w.Count)
		s.Bytes += w.Bytes() + int64(cap(w.groups))*32
	}
	return s
}
