package pattern

import (
	"fmt"
	"slices"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
)

// SkipError says that AFTER MATCH SKIP cannot go where it should: to the first
// row of the match, or to a variable that has no row.
type SkipError struct{ Reason string }

func (e *SkipError) Error() string { return "AFTER MATCH SKIP failed: " + e.Reason }

// Code classes the error for reports.
func (e *SkipError) Code() diag.Code { return "runtime-skip" }

// Matcher finds the matches of one shard. Input: prepared rows in the order of
// time. It implements operators.Stateful.
type Matcher struct {
	p       *Program
	arena   *arena
	keys    *keyTable
	timers  timerQueue
	holds   holds
	det     *automaton    // nil: threads
	edges   *edges        // not nil: the pattern has edges …
	tecs    *tecs         // not nil: … and its partial matches can be shared
	joint   *jointMatcher // not nil: several patterns run together
	view    view
	replay  attempt // finds the path of a match when det decides
	space   *workspace
	idle    []*attempt
	pagings []*paging // unused
	out     *emitter
	seen    *inspection // under way
	gauge   *emitter    // of Measure, made when first asked
	wm      event.Time
	past    event.Time // all timers up to this time + 1 have fired
	clock   event.Time // of the row or timer at hand
	cold    *coldKeys  // nil: all keys are in memory
	ended   bool
	rows    int64
	steps   []step
	// consumed: a match has used up the rows of its key; with CONSUME BY ANY those
	// of the others have to follow.
	consumed bool
	keyBuf   []byte
	probes   probes
	reaches  []reach // of small symbols
	dirty    []int32
	gone     [][]byte // encoded keys that snapshots hold and that are no more
	paged    [][]byte // encoded keys whose pages in the snapshots are no more
	track    bool
	octx     *operators.Context
}

// NewMatcher makes the operator of one shard.
func (p *Program) NewMatcher(int) operators.Stateful {
	if p.joint == nil {
		p = p.private()
	}
	a := newArena()
	m := &Matcher{p: p, arena: a, keys: newKeyTable(a), wm: event.MinTime, past: event.MinTime}
	m.timers.asleep = event.MaxTime
	m.timers.keys, m.holds.keys = m.keys, m.keys
	if !p.match.Edges {
		m.timers.id = m.timerID
	}
	m.keys.ints = len(p.keys) == 1 && p.prepared.Fields[p.keys[0]].Type.Physical() == event.PhysI64
	m.keys.owns = p.counts || !p.deterministic()
	m.view = view{p: p, arena: a}
	m.space = newWorkspace(p)
	m.replay.workspace = m.space
	m.reaches = make([]reach, 1<<min(denseBits, p.symbolBits()))
	switch {
	case p.joint != nil:
		m.joint = newJointMatcher(m)
		return m
	case p.sharable():
		m.tecs = newTECS(m)
	case p.match.Edges:
		m.edges = newEdges(m)
	case p.deterministic():
		m.det = newAutomaton(p)
	}
	m.out = newEmitter(p, event.MaxRows)
	return m
}

// private is the same program with conditions of its own: compiled scalars
// have scratch memory and serve one goroutine.
func (p *Program) private() *Program {
	own, err := compile(p.match, p.opts, p.given)
	if err != nil {
		panic(err) // it has compiled before
	}
	return own
}

// Size reports what the shard holds.
func (m *Matcher) Size() operators.Size {
	size := operators.Size{Keys: int64(m.keys.count), Rows: m.rows, Items: int64(m.keys.count), Bytes: m.bytes()}
	if m.edges != nil {
		size.Items = int64(m.edges.store.runs.used())
	}
	if c := m.cold; c != nil {
		size.Cold, size.Spilled, size.Reads, size.Loaded = c.Counts()
	}
	return size
}

func (m *Matcher) bytes() int64 {
	n := m.arena.used*8 + m.keys.size() + m.timers.bytes()
	if m.tecs != nil {
		n += m.tecs.bytes()
	}
	if m.joint != nil {
		n += int64(len(m.joint.used)) * usedBytes
	}
	if m.edges != nil {
		n += m.edges.bytes()
	}
	if m.cold != nil {
		n += m.cold.Bytes() + m.cold.alarms.Bytes()
	}
	return n
}

// Process takes sorted rows.
func (m *Matcher) Process(ctx *operators.Context, b *event.Batch, out operators.Collector) error {
	if err := m.begin(ctx, out); err != nil {
		return err
	}
	if err := m.thaw(b); err != nil {
		return err
	}
	m.probe(b)
	for n, end := 0, b.Live(); n < end; n++ {
		if m.probes.plain {
			if n = m.pass(b, n); n == end {
				break
			}
		}
		if err := m.row(b, n); err != nil {
			return err
		}
	}
	return m.flush()
}

func (m *Matcher) begin(ctx *operators.Context, out operators.Collector) error {
	m.octx = ctx
	if m.joint != nil {
		m.joint.to = out
		return m.learn()
	}
	m.out.begin(ctx, out)
	m.view.ctx.Now = ctx.Now
	return m.learn()
}

// Advance fires the timers that wm has passed; MaxTime ends every partition.
func (m *Matcher) Advance(ctx *operators.Context, wm event.Time, out operators.Collector) error {
	if err := m.begin(ctx, out); err != nil {
		return err
	}
	if wm == event.MaxTime {
		m.wm = wm
	}
	// Rows up to wm are here, so a deadline of wm+1 has passed. Timers fire at
	// their own times, so that it does not matter how far each call goes.
	if err := m.fire(deadline(wm, 1)); err != nil {
		return err
	}
	m.wm = max(m.wm, wm)
	m.past = m.wm
	if wm == event.MaxTime {
		if err := m.finish(); err != nil {
			return err
		}
	}
	return m.flush()
}

func (m *Matcher) flush() error {
	if m.joint != nil {
		return m.joint.flush()
	}
	return m.out.flush()
}

// fire runs the attempts whose time is up at t.
func (m *Matcher) fire(t event.Time) error {
	for m.timers.due(t) {
		if m.timers.wakes(t) {
			if err := m.wake(t); err != nil {
				return err
			}
			continue
		}
		first, _ := m.timers.top()
		key := first.key
		m.wm = max(m.wm, first.deadline-1)
		m.past = max(m.past, first.deadline-1)
		m.clock = first.deadline
		m.timers.remove(key)
		m.touching(m.keys.hashOf(m.keys.at(key)))
		if err := m.timeUp(key, m.keys.at(key)); err != nil {
			return err
		}
	}
	return nil
}

// Due implements operators.Timed: the first open match has no more time then. Of
// patterns that run together, time only forgets.
func (m *Matcher) Due() event.Time {
	if t := m.timers.first(); m.joint == nil && t < event.MaxTime {
		return t - 1
	}
	return event.MaxTime
}

// timeUp is the timer of a key. An attempt that waits for rows after it (NEXT)
// goes on when they come, or its time to live ends.
func (m *Matcher) timeUp(index int32, k *keyState) error {
	switch {
	case k.start >= k.n || m.joint != nil:
		m.forgetKey(index, k)
		return nil
	case m.tecs != nil:
		return m.lapse(index, m.clock)
	}
	if err := m.run(index); err != nil {
		return err
	}
	if m.p.drops && k.timer < 0 && k.flags&(keyUsed|keyActive) == keyUsed|keyActive {
		if d := deadline(m.rowTime(k, int(k.start)), m.p.opts.TTL); d > m.clock {
			m.timers.set(timer{deadline: d, id: m.rowID(k, int(k.start)), key: index})
		}
	}
	return nil
}

// finish ends every partition, in the order of the attempts' first rows.
func (m *Matcher) finish() error {
	m.ended = true
	if m.tecs != nil || m.joint != nil {
		return nil // its matches are reported as they complete
	}
	list, err := m.coldOpen()
	if err != nil {
		return err
	}
	_ = m.keys.each(func(i int32, k *keyState) error {
		if k.n > k.start {
			list = append(list, open{id: m.rowID(k, int(k.start)), key: i})
		}
		return nil
	})
	slices.SortFunc(list, func(a, b open) int { return a.id.Compare(b.id) })
	for i := range list {
		if list[i].key == 0 {
			if err := m.loadOpen(list[i:]); err != nil {
				return err
			}
		}
		if err := m.run(list[i].key); err != nil {
			return err
		}
	}
	return nil
}

// open is an attempt that the end of the input decides.
type open struct {
	id   event.ID // of its first row
	key  int32    // 0: it is cold
	name []byte   // of a cold key
}

// timerID is the ID by which the timer of a key comes among those of its time:
// that of the first row of its attempt.
func (m *Matcher) timerID(k *keyState) (id event.ID) {
	if k.start < k.n {
		id = m.rowID(k, int(k.start))
	}
	return id
}

func (m *Matcher) rowID(k *keyState, i int) event.ID {
	return m.p.layout.idOf(m.arena, k.row(m.p, m.arena, i))
}

func (m *Matcher) rowTime(k *keyState, i int) event.Time {
	return event.Time(k.row(m.p, m.arena, i)[wordTime])
}

// row takes the n-th of the selected rows of a batch.
func (m *Matcher) row(b *event.Batch, n int) error {
	i := b.Row(n)
	symbol := uint64(b.Cols[0].I64[i])
	if t := b.Time[i]; m.timers.due(t) {
		if err := m.fire(t); err != nil {
			return err
		}
	}
	m.clock = b.Time[i]
	index, hash := m.keyOf(b, n, i)
	if index != 0 && m.p.opts.Policy != LimitFail && m.tecs == nil {
		if taken, err := m.makeRoom(index, b, i); !taken || err != nil {
			return err
		}
		index = m.keys.find(hash, m.keyBuf)
	}
	m.touching(hash)
	if m.tecs != nil {
		return m.shared(index, hash, b, i, symbol)
	}
	if !m.keeps(index, symbol) {
		return nil
	}
	if index == 0 {
		index = m.keys.add(hash, m.keyBuf)
	}
	if err := m.append(m.keys.at(index), b, i, symbol); err != nil {
		return err
	}
	err := m.run(index)
	m.settle()
	return err
}

// keyOf finds the state of a row's key, 0 when it has none, and its hash.
func (m *Matcher) keyOf(b *event.Batch, n, i int) (int32, uint64) {
	m.encodeKey(b, i)
	if m.probes.plain && m.probes.effects[n] != doesNothing {
		return m.find(n), m.probes.hashes[n]
	}
	hash := hashKey(m.keyBuf)
	return m.keys.find(hash, m.keyBuf), hash
}

// keeps says whether a row matters to its key; index is 0 for a key without
// state.
func (m *Matcher) keeps(index int32, symbol uint64) bool {
	if m.edges != nil {
		return m.edges.keeps(index, symbol)
	}
	if m.joint != nil {
		return index != 0 || m.p.joint.opens(symbol)
	}
	return index != 0 || m.p.anyStart || m.p.maybeStart(symbol)
}

// encodeKey writes the partition columns of row i to keyBuf.
func (m *Matcher) encodeKey(b *event.Batch, i int) {
	m.keyBuf = m.keyBuf[:0]
	for _, c := range m.p.keys {
		v := &b.Cols[c]
		if v.Type.Physical() == event.PhysI64 && !v.Null(i) {
			x := uint64(v.I64[i])
			m.keyBuf = append(m.keyBuf, 1, byte(x), byte(x>>8), byte(x>>16), byte(x>>24), byte(x>>32), byte(x>>40), byte(x>>48), byte(x>>56))
			continue
		}
		m.keyBuf = event.AppendValue(m.keyBuf, v.Type, v.Value(i))
	}
}

// append keeps a row.
func (m *Matcher) append(k *keyState, b *event.Batch, i int, symbol uint64) error {
	if int(k.n) >= m.p.opts.MaxRows {
		return &LimitError{What: "rows", Limit: m.p.opts.MaxRows, Setting: "state.max-rows-per-key"}
	}
	if !m.p.layout.fits(b.ID[i]) {
		return fmt.Errorf("the offset %d does not fit a pattern: offsets are less than 2^%d", b.ID[i].Lo, offsetBits)
	}
	m.room(k)
	k.n++
	m.rows++
	m.p.layout.store(m.arena, k.row(m.p, m.arena, int(k.n)-1), b, i, symbol)
	return nil
}

// touch notes that the key has changed since the last snapshot.
func (m *Matcher) touch(index int32, k *keyState) {
	if m.track && k.flags&keyDirty == 0 {
		k.flags |= keyDirty
		m.dirty = append(m.dirty, index)
	}
}

// release lets go of what an idle key does not need; a key that nothing refers
// to any more is forgotten.
func (m *Matcher) release(index int32, k *keyState) {
	m.lay(k)
	if k.n == 0 {
		m.releaseRows(k)
	}
	if m.p.retains || k.n > 0 || m.p.numbered && k.matches > 0 {
		m.retire(index)
		return
	}
	m.forgetKey(index, k)
}

// lay takes the attempt, or the partial matches, from a key.
func (m *Matcher) lay(k *keyState) {
	if k.at != nil {
		m.idle = append(m.idle, k.at)
		k.at = nil
	}
	if k.graph != nil {
		m.tecs.give(k.graph)
		k.graph = nil
	}
	if k.runs != nil {
		m.edges.give(k.runs)
		k.runs, k.state = nil, 0
	}
}
