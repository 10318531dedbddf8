package pattern

import (
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/kernel"
)

// inspection is a look at the open matches of a shard.
type inspection struct {
	m       *Matcher
	at      *operators.Look
	p       *Program // of the variables and the output
	view    *view    // of the instance at hand
	gauge   *emitter // of its measures; nil: the matcher's
	outputs map[int]*jointOutput
	yield   func(x *operators.Instance) bool
	x       operators.Instance
	steps   []step
	first   int32 // kept row that the instance begins with
	member  int   // of patterns that run together
	done    bool
	held    []waiting      // of the key at hand
	index   map[uint64]int // of held, by ID
	shown   int            // of the key at hand
	name    [intKeyBytes]byte
}

// waiting is a partial match that may wait at several places: it is shown once.
type waiting struct {
	x     operators.Instance
	steps []step
	first int32
}

func (m *Matcher) inspection(at *operators.Look, yield func(x *operators.Instance) bool) *inspection {
	return &inspection{m: m, p: m.p, view: &m.view, at: at, yield: yield, index: map[uint64]int{}, outputs: map[int]*jointOutput{}}
}

// Inspect implements operators.Inspector. It reads what the matcher holds, key
// by key, and changes nothing.
func (m *Matcher) Inspect(at *operators.Look, matches int, yield func(x *operators.Instance) bool) {
	left := matches
	in := m.inspection(at, func(x *operators.Instance) bool { left--; return yield(x) })
	m.seen = in
	defer func() { m.seen = nil }()
	for at.Slot+1 < m.keys.next {
		if left <= 0 {
			return
		}
		at.Slot++
		if k := m.keys.at(at.Slot); k.flags&keyUsed != 0 && in.key(at.Slot, k) != nil {
			return
		}
	}
	err := m.eachCold(at.Cold, func(i int32, k *keyState) error {
		if left <= 0 {
			return errEnough
		}
		at.Cold = append(k.keyBytes(m.arena, at.Cold[:0]), 0) // the next one, if there were one
		return in.key(i, k)
	})
	at.Done = err == nil
}

// InspectKey implements operators.Inspector.
func (m *Matcher) InspectKey(name []byte, yield func(x *operators.Instance) bool) {
	in := m.inspection(&operators.Look{}, yield)
	m.seen = in
	defer func() { m.seen = nil }()
	if index, err := m.warm(name); err == nil && index != 0 {
		_ = in.key(index, m.keys.at(index))
	}
}

// warm is the state of a key, read from the store if need be; 0: it has none.
func (m *Matcher) warm(name []byte) (int32, error) {
	hash := hashKey(name)
	if index := m.keys.find(hash, name); index != 0 || m.cold.none() || !m.cold.Has(hash, name) {
		return index, nil
	}
	m.cold.Want(name)
	if err := m.fetch(); err != nil {
		return 0, err
	}
	return m.keys.find(hash, name), nil
}

func (in *inspection) key(i int32, k *keyState) error {
	m := in.m
	if k.start >= k.n || in.at.Keys != nil && !in.at.Keys(m.values(k)) {
		return nil
	}
	in.shown = 0
	m.look(k)
	switch {
	case m.joint != nil:
		in.together(i, k)
	case m.tecs != nil:
		in.shared(k)
	case m.edges != nil:
		in.runs(k)
	default:
		in.attempt(k)
	}
	in.flush()
	if in.done {
		return errEnough
	}
	return nil
}

// attempt shows the one attempt of a key: its preferred thread.
func (in *inspection) attempt(k *keyState) {
	m := in.m
	if k.flags&keyActive == 0 {
		return
	}
	in.begin(k, k.start)
	in.x.ID = rowIdentity(m.rowID(k, int(k.start)), noVar)
	a, err := m.threads(k)
	if err != nil || !a.alive() {
		return
	}
	in.steps = in.steps[:0]
	for node := a.cur.threads[0].path; node >= 0; node = a.paths[node].parent {
		in.steps = append(in.steps, a.paths[node].step)
	}
	slices.Reverse(in.steps)
	for _, t := range a.cur.threads {
		in.waits(m.p.code[t.pc].v)
	}
	in.x.Complete = k.cand > k.start
	if d := m.deadline(k); d > event.MinTime {
		in.x.Expires = d
	}
	in.show(k)
}

// runs shows the partial matches of a pattern with edges, and the matches that
// are held back for earlier ones.
func (in *inspection) runs(k *keyState) {
	e, r := in.m.edges, k.runs
	if r == nil {
		return
	}
	for s := r.first; s != none && !in.full(); s = e.store.starts.at(s).next {
		start := e.store.starts.at(s)
		for i := start.run; i != none && !in.full(); i = e.store.runs.at(i).next {
			x := e.store.runs.at(i)
			in.begin(k, int32(start.number-k.before))
			in.path(x.path)
			in.place(&e.p.places.list[x.place])
			in.x.Expires = x.end
			if w := in.m.p.within; w > 0 {
				in.x.Expires = min(x.end, deadline(start.time, w))
			}
			in.hold(k)
		}
	}
	for _, f := range r.held {
		if in.full() {
			return
		}
		in.begin(k, int32(f.start-k.before))
		in.path(f.path)
		in.x.Complete = true
		in.show(k)
	}
}

func (in *inspection) path(i int32) {
	in.steps = in.m.edges.store.paths.steps(in.steps[:0], i)
	in.x.ID = in.m.view.identity(in.steps)
}

// shared shows the partial matches that lie in the key's graph.
func (in *inspection) shared(k *keyState) {
	s, g := in.m.tecs, k.graph
	if g == nil {
		return
	}
	for i, head := range g.heads {
		if head == none || g.at(head).max < k.before || in.full() {
			continue
		}
		_ = s.reader.list(&in.m.view, g, head, k.before, func(steps []step, id uint64) error {
			in.begin(k, int32(steps[0].row-k.before))
			in.steps, in.x.ID = append(in.steps[:0], steps...), id
			in.place(&s.p.places.list[i])
			if w := in.m.p.within; w > 0 {
				in.x.Expires = deadline(in.x.Since, w)
			}
			if in.x.Expires <= deadline(in.m.wm, 1) {
				return nil // it is forgotten when a row comes
			}
			if in.hold(k); in.full() {
				return errEnough
			}
			return nil
		})
	}
}

// begin starts the instance whose first row is kept row i.
func (in *inspection) begin(k *keyState, i int32) {
	x := &in.x
	in.first = i
	*x = operators.Instance{Name: x.Name[:0], Key: x.Key[:0], Rows: x.Rows[:0], Waits: x.Waits[:0], Absent: x.Absent[:0], Measures: x.Measures[:0],
		Since: in.m.rowTime(k, int(i)), Expires: event.MaxTime, Out: in.p.match.Out.Fields}
}

// place says what is waited for at a place of a pattern with edges.
func (in *inspection) place(at *placeInfo) {
	if at.in.op == opAbsent {
		in.x.Absent = append(in.x.Absent, in.p.vars[at.in.v].name)
		return
	}
	in.waits(at.in.v)
	for v := range in.p.vars {
		if at.not>>v&1 != 0 {
			in.x.Absent = append(in.x.Absent, in.p.vars[v].name)
		}
	}
}

func (in *inspection) waits(v int16) {
	if name := in.p.vars[v].name; !slices.Contains(in.x.Waits, name) {
		in.x.Waits = append(in.x.Waits, name)
	}
}

// full says that no more is to be shown, of this key or at all.
func (in *inspection) full() bool {
	if !in.done && in.shown == operators.MaxPerKey {
		in.at.Cut++
		in.shown++
	}
	return in.done || in.shown > operators.MaxPerKey
}

// show completes the instance and lets it be looked at.
func (in *inspection) show(k *keyState) {
	in.complete(k)
	in.shown++
	in.done = !in.yield(&in.x)
}

// hold keeps the instance until all places of the key are known at which it
// waits.
func (in *inspection) hold(k *keyState) {
	if i, ok := in.index[in.x.ID]; ok {
		in.held[i].join(&in.x)
		return
	}
	if k.runs != nil && k.runs.count == 1 {
		in.show(k) // it cannot wait elsewhere too
		return
	}
	in.complete(k)
	in.shown++
	x := in.x
	x.Name, x.Key, x.Rows, x.Waits, x.Absent = slices.Clone(x.Name), slices.Clone(x.Key), slices.Clone(x.Rows), slices.Clone(x.Waits), slices.Clone(x.Absent)
	in.index[x.ID] = len(in.held)
	in.held = append(in.held, waiting{x, slices.Clone(in.steps), in.first})
}

// join adds what is waited for at another place.
func (h *waiting) join(x *operators.Instance) {
	h.x.Waits = union(h.x.Waits, x.Waits)
	h.x.Absent = union(h.x.Absent, x.Absent)
	h.x.Expires = max(h.x.Expires, x.Expires)
}

// union is the names of both lists, each once.
func union(a, b []string) []string {
	a = append(a, b...)
	slices.Sort(a)
	return slices.Compact(a)
}

// flush lets those that are held be looked at.
func (in *inspection) flush() {
	for i := range in.held {
		if !in.done {
			in.x, in.steps, in.first = in.held[i].x, in.held[i].steps, in.held[i].first
			in.done = !in.yield(&in.x)
		}
	}
	in.held = in.held[:0]
	clear(in.index)
}

// complete fills in the key and the rows.
func (in *inspection) complete(k *keyState) {
	m := in.m
	in.x.Name = append(in.x.Name, k.keyBytes(m.arena, in.name[:0])...)
	in.x.Key = append(in.x.Key, m.values(k)...)
	for _, s := range in.steps {
		row := m.view.row(int(s.row))
		in.x.Rows = append(in.x.Rows, operators.BoundRow{Variable: in.p.vars[s.v].name, ID: m.p.layout.idOf(m.arena, row), Time: event.Time(row[wordTime])})
	}
}

// Measure implements operators.Inspector: the FINAL values as if the match
// ended here.
func (m *Matcher) Measure(x *operators.Instance) {
	in := m.seen
	e, w := in.gauge, in.view
	if e == nil {
		if m.gauge == nil {
			m.gauge = newEmitter(m.p, 1)
		}
		e = m.gauge
	}
	w.classes, w.number, w.timedOut, w.at = in.steps, 0, true, x.Since
	if len(in.steps) == 0 {
		w.classes = []step{}
	}
	defer func() { w.classes = nil }()
	for range x.Out {
		x.Measures = append(x.Measures, event.NullValue)
	}
	if e.applyAll(w, in.steps) != nil {
		return
	}
	last := 0
	if n := len(in.steps); n > 0 {
		last = int(in.steps[n-1].row)
	}
	if e.fill(w, last, false) != nil {
		return
	}
	e.slots.N = 1
	ctx := kernel.Context{Now: w.ctx.Now}
	for i, p := range e.programs[:len(x.Out)] {
		ctx.Reset()
		if v := p.Eval(&ctx, e.slots, nil); len(ctx.Errs) == 0 {
			x.Measures[i] = cloneValue(v.Value(0))
		}
	}
	e.slots.Reset(e.room)
}

// KeyFields implements operators.Inspector.
func (m *Matcher) KeyFields() []event.Field { return m.p.KeyFields() }

// KeyFields are the partition columns.
func (p *Program) KeyFields() []event.Field {
	fields := make([]event.Field, len(p.match.PartitionBy))
	for i, c := range p.match.PartitionBy {
		fields[i] = p.match.Input.Schema().Fields[c]
	}
	return fields
}
