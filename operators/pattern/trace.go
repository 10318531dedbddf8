package pattern

import (
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/query/ast"
)

// Tracer is a matcher that sees the rows of one key alone and keeps a book of
// them: what each match was made of, and what became of those that began. The
// program must have been compiled with Options.Trace.
//
//	rows of the key ──▶ matcher ──▶ matches
//	      │                │ open matches before and behind each row
//	      ▼                ▼
//	     book ─────────▶ misses: the conditions tested again, one by one
type Tracer struct {
	*Matcher
	// More says, when the input ends, whether it was only cut off there: what is
	// open then stays so. Nil: it was not.
	More   func() bool
	wanted func(key []event.Value) bool
	book   *Matcher // of which only the rows are used
	k      *keyState
	index  map[event.ID]int32 // row in the book
	key    []byte
	trace  operators.Trace
	open   map[uint64]openMatch // patterns with edges: behind the last row
	ends   []openMatch
	work   int // open matches compared
}

// openMatch is a partial match between two rows.
type openMatch struct {
	id      uint64
	steps   []step // rows are those of the book
	waits   []string
	absent  []string
	expires event.Time
	grown   bool  // something longer was made of it
	end     int32 // row that ended it; -1: time did
	at      event.Time
}

// maxTraced bounds the rows of the book, and maxFollowedRows the work on them.
const (
	maxTraced       = 100_000
	maxFollowedRows = 5_000_000
	maxEnded        = 100_000
)

// NewTracer makes a tracer of the first key that is wanted.
func (p *Program) NewTracer(shard int, wanted func(key []event.Value) bool) *Tracer {
	t := &Tracer{Matcher: p.NewMatcher(shard).(*Matcher), wanted: wanted, book: p.NewMatcher(shard).(*Matcher),
		index: map[event.ID]int32{}, open: map[uint64]openMatch{}}
	t.book.p.opts.MaxRows = maxTraced
	t.book.keys.owns = true
	t.k = t.book.keys.at(t.book.keys.add(0, nil))
	t.out.seen = t.matched
	return t
}

// Process implements operators.Operator.
func (t *Tracer) Process(ctx *operators.Context, b *event.Batch, out operators.Collector) error {
	for n := range b.Live() {
		i := n
		if b.Sel != nil {
			i = int(b.Sel[n])
		}
		if !t.takes(b, i) {
			continue
		}
		one := *b
		one.Sel = []int32{int32(i)}
		if err := t.book.append(t.k, b, i, uint64(b.Cols[0].I64[i])); err != nil {
			t.trace.Cut = true
			continue
		}
		row := t.k.n - 1
		t.index[b.ID[i]] = row
		if err := t.Matcher.Process(ctx, &one, out); err != nil {
			return err
		}
		t.compare(row, b.Time[i])
	}
	return nil
}

// takes says whether row i is of the key.
func (t *Tracer) takes(b *event.Batch, i int) bool {
	values := make([]event.Value, len(t.p.keys))
	for n, c := range t.p.keys {
		values[n] = b.Cols[c].Value(i)
	}
	if !t.wanted(values) {
		return false
	}
	t.encodeKey(b, i)
	if t.trace.Rows == 0 {
		t.key = slices.Clone(t.keyBuf)
		for _, v := range values {
			t.trace.Key = append(t.trace.Key, cloneValue(v))
		}
	}
	if string(t.key) != string(t.keyBuf) {
		t.trace.Others++
		return false
	}
	t.trace.Rows++
	return true
}

// Advance implements operators.Operator.
func (t *Tracer) Advance(ctx *operators.Context, wm event.Time, out operators.Collector) error {
	if wm == event.MaxTime && t.More != nil && t.More() {
		return nil
	}
	if err := t.Matcher.Advance(ctx, wm, out); err != nil {
		return err
	}
	t.compare(none, wm)
	return nil
}

// matched notes an output row.
func (t *Tracer) matched(w *view, steps []step, id event.ID, at event.Time) {
	if len(steps) == 0 {
		return
	}
	rows := t.bound(t.booked(w, steps))
	if n := len(t.trace.Matches); n > 0 && t.p.match.Rows != ast.OneRow {
		if m := &t.trace.Matches[n-1]; slices.Equal(m.Rows, rows) {
			m.IDs = append(m.IDs, id)
			return
		}
	}
	if len(t.trace.Matches) == maxEnded {
		t.trace.Cut = true
		return
	}
	t.trace.Matches = append(t.trace.Matches, operators.TracedMatch{IDs: []event.ID{id}, At: at, TimedOut: w.timedOut, Rows: rows})
}

// booked is steps with the rows of the book.
func (t *Tracer) booked(w *view, steps []step) []step {
	out := make([]step, len(steps))
	for i, s := range steps {
		out[i] = step{v: s.v, excluded: s.excluded, row: int64(t.index[w.rowID(int(s.row))])}
	}
	return out
}

func (t *Tracer) bound(steps []step) []operators.BoundRow {
	out := make([]operators.BoundRow, len(steps))
	for i, s := range steps {
		out[i] = t.boundRow(int32(s.row), s.v)
	}
	return out
}

func (t *Tracer) boundRow(row int32, v int16) operators.BoundRow {
	x := operators.BoundRow{ID: t.book.rowID(t.k, int(row)), Time: t.book.rowTime(t.k, int(row))}
	if v != noVar {
		x.Variable = t.p.vars[v].name
	}
	return x
}

// compare finds the partial matches of a pattern with edges that are no more,
// and are not part of longer ones. row is none when time alone has passed.
func (t *Tracer) compare(row int32, now event.Time) {
	if !t.p.match.Edges {
		return
	}
	next := t.instances(now)
	if t.work += len(t.open) + len(next); t.work > maxFollowedRows {
		t.trace.Cut = true
		t.open = next
		return
	}
	for id, o := range t.open {
		o.grown = o.grown || row != none && t.extended(&o, row, next)
		if x, ok := next[id]; ok {
			x.grown = o.grown
			next[id] = x
			continue
		}
		if o.end = row; o.expires <= now {
			o.end, o.at = none, o.expires
		}
		if !o.grown && len(t.ends) < maxEnded && !t.isMatch(o.steps) {
			t.ends = append(t.ends, o)
		}
	}
	t.open = next
}

// instances are the open matches, by id.
func (t *Tracer) instances(now event.Time) map[uint64]openMatch {
	list := map[uint64]openMatch{}
	t.Inspect(&operators.Look{}, maxEnded, func(x *operators.Instance) bool {
		o := openMatch{id: x.ID, waits: slices.Clone(x.Waits), absent: slices.Clone(x.Absent), expires: x.Expires, end: none, at: now}
		for _, r := range x.Rows {
			o.steps = append(o.steps, step{v: t.variable(r.Variable), row: int64(t.index[r.ID])})
		}
		list[x.ID] = o
		t.trace.Cut = t.trace.Cut || len(list) == maxEnded
		return len(list) < maxEnded
	})
	return list
}

func (t *Tracer) variable(name string) int16 {
	return int16(slices.IndexFunc(t.p.vars, func(v variable) bool { return v.name == name }))
}

// extended says whether the row made something longer of a partial match.
func (t *Tracer) extended(o *openMatch, row int32, next map[uint64]openMatch) bool {
	id := t.book.rowID(t.k, int(row))
	for v := range t.p.vars {
		if _, ok := next[o.id+rowIdentity(id, int16(v))]; ok || t.isMatch(append(slices.Clip(o.steps), step{v: int16(v), row: int64(row)})) {
			return true
		}
	}
	return false
}

// isMatch says whether a match over these rows was among the last.
func (t *Tracer) isMatch(steps []step) bool {
	rows := t.bound(steps)
	last := steps[len(steps)-1].row
	for i := len(t.trace.Matches) - 1; i >= 0; i-- {
		m := &t.trace.Matches[i]
		if slices.Equal(m.Rows, rows) {
			return true
		}
		if int64(t.index[m.Rows[len(m.Rows)-1].ID])+maxBack < last {
			return false
		}
	}
	return false
}

// maxBack is how many rows a match may be held back for isMatch to find it.
const maxBack = 10_000

// NewWitness makes a matcher that tells of each output row of a match: its ID,
// the key, and the rows that the match is made of.
func (p *Program) NewWitness(shard int, tell func(id event.ID, key []event.Value, rows []event.ID)) operators.Stateful {
	m := p.NewMatcher(shard).(*Matcher)
	m.out.seen = func(w *view, steps []step, id event.ID, _ event.Time) {
		rows := make([]event.ID, len(steps))
		for i, s := range steps {
			rows[i] = w.rowID(int(s.row))
		}
		tell(id, m.values(w.k), rows)
	}
	return m
}

// values decodes the key.
func (m *Matcher) values(k *keyState) []event.Value {
	list := make([]event.Value, len(m.p.keys))
	for i := range list {
		v, err := k.keyValue(m.p, m.arena, i)
		if err != nil {
			v = event.NullValue
		}
		list[i] = v
	}
	return list
}
