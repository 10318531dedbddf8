package pattern

import (
	"fmt"
	"math"
	"slices"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/query/ast"
)

// SkipError says that AFTER MATCH SKIP cannot go where it should: to the first
// row of the match, or to a variable that has no row.
type SkipError struct{ Reason string }

func (e *SkipError) Error() string { return "AFTER MATCH SKIP failed: " + e.Reason }

// Code classes the error for reports.
func (e *SkipError) Code() diag.Code { return "runtime-skip" }

// LimitError says that a key outgrew a declared limit.
type LimitError struct {
	What    string
	Limit   int
	Setting string
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("one partition key holds more than %d %s for a match that is still open: add or shorten WITHIN, make the pattern's loops end, or raise '%s'",
		e.Limit, e.What, e.Setting)
}

// Matcher finds the matches of one shard. Input: prepared rows in the order of
// time. It implements operators.Stateful.
type Matcher struct {
	p      *Program
	arena  *arena
	keys   *keyTable
	timers timerHeap
	det    *automaton // nil: threads
	view   view
	replay attempt // finds the path of a match when det decides
	space  *workspace
	idle   []*attempt
	out    *emitter
	wm     event.Time
	ended  bool
	rows   int64
	steps  []step
	keyBuf []byte
	dirty  []int32
	gone   [][]byte // encoded keys that snapshots hold and that are no more
	track  bool
	octx   *operators.Context
}

// NewMatcher makes the operator of one shard.
func (p *Program) NewMatcher(int) operators.Stateful {
	p = p.private()
	a := newArena()
	m := &Matcher{p: p, arena: a, keys: newKeyTable(a), wm: event.MinTime}
	m.timers.keys = m.keys
	m.view = view{p: p, arena: a}
	m.out = newEmitter(p)
	m.space = newWorkspace(p)
	m.replay.workspace = m.space
	if p.deterministic() {
		m.det = newAutomaton(p)
	}
	return m
}

// private is the same program with conditions of its own: compiled scalars
// have scratch memory and serve one goroutine.
func (p *Program) private() *Program {
	own, err := Compile(p.match, p.opts)
	if err != nil {
		panic(err) // it has compiled before
	}
	return own
}

// Size reports what the shard holds.
func (m *Matcher) Size() operators.Size {
	bytes := m.arena.used*8 + int64(len(m.keys.slots))*8 + int64(m.keys.count)*int64(keyStateBytes)
	return operators.Size{Keys: int64(m.keys.count), Rows: m.rows, Items: int64(m.keys.count), Bytes: bytes}
}

const keyStateBytes = 136

// Process takes sorted rows.
func (m *Matcher) Process(ctx *operators.Context, b *event.Batch, out operators.Collector) error {
	m.begin(ctx, out)
	symbols := b.Cols[0].I64
	if b.Sel == nil {
		for i := range b.N {
			if err := m.row(b, i, uint64(symbols[i])); err != nil {
				return err
			}
		}
		return m.out.flush()
	}
	for _, i := range b.Sel {
		if err := m.row(b, int(i), uint64(symbols[i])); err != nil {
			return err
		}
	}
	return m.out.flush()
}

func (m *Matcher) begin(ctx *operators.Context, out operators.Collector) {
	m.octx = ctx
	m.out.begin(ctx, out)
	m.view.ctx.Now = ctx.Now
}

// Advance fires the timers that wm has passed; MaxTime ends every partition.
func (m *Matcher) Advance(ctx *operators.Context, wm event.Time, out operators.Collector) error {
	m.begin(ctx, out)
	m.wm = max(m.wm, wm)
	if wm == event.MaxTime {
		if err := m.fire(event.MaxTime); err != nil {
			return err
		}
		if err := m.finish(); err != nil {
			return err
		}
	} else if err := m.fire(wm + 1); err != nil {
		// Rows up to wm are here, so a deadline of wm+1 has passed.
		return err
	}
	return m.out.flush()
}

// fire runs the attempts whose time is up at t.
func (m *Matcher) fire(t event.Time) error {
	for m.timers.due(t) {
		key := m.timers.items[0].key
		m.wm = max(m.wm, m.timers.items[0].deadline-1)
		m.timers.remove(key) // an attempt that waits for rows after it (NEXT) goes on when they come
		if err := m.run(key); err != nil {
			return err
		}
	}
	return nil
}

// finish ends every partition, in the order of the attempts' first rows.
func (m *Matcher) finish() error {
	m.ended = true
	type open struct {
		id  event.ID
		key int32
	}
	var list []open
	_ = m.keys.each(func(i int32, k *keyState) error {
		if k.n > k.start {
			list = append(list, open{m.rowID(k, int(k.start)), i})
		}
		return nil
	})
	slices.SortFunc(list, func(a, b open) int { return a.id.Compare(b.id) })
	for _, o := range list {
		if err := m.run(o.key); err != nil {
			return err
		}
	}
	return nil
}

func (m *Matcher) rowID(k *keyState, i int) event.ID {
	r := k.row(m.p, m.arena, i)
	return event.ID{Hi: r[wordHi], Lo: r[wordLo]}
}

func (m *Matcher) rowTime(k *keyState, i int) event.Time {
	return event.Time(k.row(m.p, m.arena, i)[wordTime])
}

// row takes one row.
func (m *Matcher) row(b *event.Batch, i int, symbol uint64) error {
	if t := b.Time[i]; m.timers.due(t) {
		if err := m.fire(t); err != nil {
			return err
		}
	}
	m.encodeKey(b, i)
	hash := hashKey(m.keyBuf)
	index := m.keys.find(hash, m.keyBuf)
	if index == 0 {
		if !m.p.anyStart && !m.p.maybeStart(symbol) {
			return nil
		}
		index = m.keys.add(hash, m.keyBuf)
	}
	if err := m.append(m.keys.at(index), b, i, symbol); err != nil {
		return err
	}
	return m.run(index)
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
	m.room(k)
	k.n++
	m.rows++
	m.p.layout.store(m.arena, k.row(m.p, m.arena, int(k.n)-1), b, i, symbol)
	return nil
}

// room makes place for one more row.
func (m *Matcher) room(k *keyState) {
	stride := m.p.layout.stride
	if k.rows != 0 && (int(k.head)+int(k.n)+1)*stride <= 1<<k.class {
		return
	}
	if k.rows != 0 && int(k.head) > int(k.n)/2 { // most of the block is free at its front
		w := m.arena.words(k.rows)
		copy(w, w[int(k.head)*stride:(int(k.head)+int(k.n))*stride])
		k.head = 0
		return
	}
	c := class((int(k.n) + 1) * stride)
	if k.n > 0 {
		c = max(c, int(k.class)+1)
	}
	block := m.arena.alloc(c)
	if k.rows != 0 {
		copy(m.arena.words(block), m.arena.words(k.rows)[int(k.head)*stride:(int(k.head)+int(k.n))*stride])
		m.arena.release(k.rows, int(k.class))
	}
	k.rows, k.head, k.class = block, 0, uint8(c)
}

// run follows the key's attempts as far as they can be decided now.
func (m *Matcher) run(index int32) error {
	k := m.keys.at(index)
	m.touch(index, k)
	for {
		if k.flags&keyActive == 0 {
			if k.start >= k.n {
				m.release(index, k)
				return nil
			}
			m.start(index, k)
		}
		decided, err := m.feed(k)
		if err != nil {
			if err = m.failed(k, err); err != nil {
				return err
			}
			decided = true
		}
		if !decided || !m.settled(k) {
			return nil
		}
		if err := m.conclude(index, k); err != nil {
			return err
		}
	}
}

// failed turns an error of a condition into a reject where the options say so;
// the attempt then fails.
func (m *Matcher) failed(k *keyState, err error) error {
	if _, ok := err.(*LimitError); ok || !m.p.opts.ContinueOnError {
		return err
	}
	m.reject(k, int(k.start), err)
	k.cand = -1
	return nil
}

func (m *Matcher) reject(k *keyState, row int, err error) {
	m.octx.Rejects = append(m.octx.Rejects, operators.Reject{
		Kind: operators.RejectError, ID: m.rowID(k, row), Time: m.rowTime(k, row), Reason: err.Error()})
}

// touch notes that the key has changed since the last snapshot.
func (m *Matcher) touch(index int32, k *keyState) {
	if m.track && k.flags&keyDirty == 0 {
		k.flags |= keyDirty
		m.dirty = append(m.dirty, index)
	}
}

// start begins an attempt at row k.start.
func (m *Matcher) start(index int32, k *keyState) {
	k.flags |= keyActive
	m.place(k)
	if w := m.p.match.Within; w > 0 {
		m.timers.set(timer{deadline: deadline(m.rowTime(k, int(k.start)), w), id: m.rowID(k, int(k.start)), key: index})
	}
}

func deadline(t, within event.Time) event.Time {
	if t > math.MaxInt64-within {
		return math.MaxInt64
	}
	return t + within
}

// place puts the attempt before its first row.
func (m *Matcher) place(k *keyState) {
	first := k.before+int64(k.start) == 0
	k.pos, k.cand = k.start, -1
	if m.det == nil {
		m.look(k)
		if k.at == nil {
			k.at = m.takeAttempt()
		}
		k.at.begin(&m.view, &m.p.define, first)
		if k.at.matched {
			k.cand = k.start
		}
		return
	}
	if len(m.det.states) > maxStates || len(m.det.symbols) > maxStates {
		m.det.drop()
	}
	k.epoch = m.det.epoch
	k.state = stateInside
	if first {
		k.state = stateStart
	}
	if m.det.states[k.state].accepts {
		k.cand = k.start
	}
}

func (m *Matcher) takeAttempt() *attempt {
	if len(m.idle) == 0 {
		m.moreAttempts()
	}
	a := m.idle[len(m.idle)-1]
	m.idle = m.idle[:len(m.idle)-1]
	return a
}

// moreAttempts makes attempts by the dozen, with room for what most need.
func (m *Matcher) moreAttempts() {
	const dozen, threads, rows = 64, 8, 16
	f := &m.p.define
	list := make([]attempt, dozen)
	ts, paths := make([]thread, dozen*threads), make([]pathNode, dozen*rows)
	ints, vals := make([]int64, dozen*threads*f.ints), make([]event.Value, dozen*threads*f.vals)
	for i := range list {
		a := &list[i]
		a.workspace = m.space
		a.cur.threads = slab(ts, i, threads)
		a.cur.ints, a.cur.vals = slab(ints, i, threads*f.ints), slab(vals, i, threads*f.vals)
		a.paths = slab(paths, i, rows)
		m.idle = append(m.idle, a)
	}
}

// slab is the i-th piece of n, empty.
func slab[T any](s []T, i, n int) []T { return s[i*n : i*n : (i+1)*n] }

// look points the view at the key's attempt.
func (m *Matcher) look(k *keyState) {
	m.view.k, m.view.start, m.view.number = k, int(k.start), k.matches+1
	m.view.classes, m.view.path = nil, nil
}

// feed gives the attempt the rows it has not seen. It says whether the attempt
// is decided: no thread is left, its time is up, or its partition has ended.
func (m *Matcher) feed(k *keyState) (bool, error) {
	m.look(k)
	if m.det != nil && k.epoch != m.det.epoch {
		m.place(k)
	}
	limit := deadline(m.rowTime(k, int(k.start)), m.p.match.Within)
	for {
		switch {
		case !m.alive(k):
			return true, nil
		case k.pos >= k.n:
			return m.ended || m.expired(limit), nil
		case m.p.match.Within > 0 && m.rowTime(k, int(k.pos)) >= limit:
			return true, nil
		case int(k.n)-int(k.pos) <= m.p.ahead && !m.ended:
			return m.expired(limit) && m.p.ahead == 0, nil
		}
		if err := m.feedRow(k); err != nil {
			return false, err
		}
	}
}

// expired says whether no row within the limit can come any more.
func (m *Matcher) expired(limit event.Time) bool {
	return m.p.match.Within > 0 && m.wm >= limit-1
}

func (m *Matcher) alive(k *keyState) bool {
	if m.det == nil {
		return k.at.alive()
	}
	if k.state > stateDead1 {
		return len(m.det.states[k.state].pcs) > 0
	}
	return false
}

func (m *Matcher) feedRow(k *keyState) error {
	symbol, err := m.symbol(k, int(k.pos))
	if err != nil {
		return err
	}
	var better bool
	if m.det != nil {
		k.state = m.det.step(k.state, symbol)
		better = m.det.states[k.state].accepts
	} else {
		if better, err = k.at.feed(&m.view, &m.p.define, int(k.pos-k.start), symbol); err != nil {
			return err
		}
		if n := len(k.at.cur.threads); n > m.p.opts.MaxThreads {
			return &LimitError{What: "partial matches", Limit: m.p.opts.MaxThreads, Setting: "state.max-partial-matches-per-key"}
		}
	}
	k.pos++
	if better {
		k.cand = k.pos
	}
	return nil
}

// symbol is the row's symbol with the contextual bits, which are computed when
// first asked for.
func (m *Matcher) symbol(k *keyState, i int) (uint64, error) {
	row := k.row(m.p, m.arena, i)
	s := row[wordSymbol]
	if len(m.p.context) > 0 && s&bitContext == 0 {
		var err error
		if s, err = m.contextual(k, i, s); err != nil {
			return 0, err
		}
		row[wordSymbol] = s
	}
	if m.ended && i == int(k.n)-1 {
		s |= bitEnd
	}
	return s, nil
}

func (m *Matcher) contextual(k *keyState, i int, symbol uint64) (uint64, error) {
	shift := len(m.p.local)
	for c := range m.p.context {
		cond := &m.p.context[c]
		if symbol&cond.needs != cond.needs {
			continue
		}
		ok, err := m.view.holds(&m.p.define, m.p.define.context, cond.eval, nil, nil, i-int(k.start), noVar)
		if err != nil {
			return 0, err
		}
		if ok {
			symbol |= 1 << (shift + c)
		}
	}
	return symbol | bitContext, nil
}

// settled says whether the rows after the match that measures read are there.
func (m *Matcher) settled(k *keyState) bool {
	return m.ended || m.p.after == 0 || k.cand <= k.start || int(k.n) >= int(k.cand)+m.p.after
}

// conclude reports the attempt's match, or its failure, and finds the next
// start.
func (m *Matcher) conclude(index int32, k *keyState) error {
	next := k.start + 1
	var err error
	switch {
	case k.cand < 0:
		if k.before+int64(k.start) >= k.covered && m.p.match.Rows == ast.AllRowsUnmatch {
			m.look(k)
			err = m.out.unmatched(&m.view)
		}
	case k.cand == k.start:
		m.look(k)
		k.matches++
		err = m.out.match(&m.view, nil)
	default:
		next, err = m.matched(k)
	}
	if err != nil {
		return err
	}
	k.flags &^= keyActive
	m.timers.remove(index)
	k.start = next
	m.trim(k)
	return nil
}

// matched reports a match of one or more rows and applies AFTER MATCH.
func (m *Matcher) matched(k *keyState) (int32, error) {
	if err := m.path(k); err != nil {
		return 0, err
	}
	m.look(k)
	k.matches++
	k.covered = max(k.covered, k.before+int64(k.cand))
	if err := m.out.match(&m.view, m.steps); err != nil {
		return 0, err
	}
	next, err := m.skip(k)
	if err != nil && m.p.opts.ContinueOnError {
		m.reject(k, int(k.start), err)
		return k.start + 1, nil
	}
	return next, err
}

// path finds the variables of the match's rows.
func (m *Matcher) path(k *keyState) error {
	a := k.at
	if m.det != nil {
		a = &m.replay
		m.look(k)
		a.begin(&m.view, &m.p.define, k.before+int64(k.start) == 0)
		for i := k.start; i < k.pos; i++ {
			symbol, err := m.symbol(k, int(i))
			if err != nil {
				return err
			}
			if _, err := a.feed(&m.view, &m.p.define, int(i-k.start), symbol); err != nil {
				return err
			}
		}
	}
	m.steps = a.steps(m.steps[:0])
	return nil
}

// skip is the row at which matching goes on.
func (m *Matcher) skip(k *keyState) (int32, error) {
	switch m.p.match.Skip {
	case ast.SkipToNext:
		return k.start + 1, nil
	case ast.SkipToFirst, ast.SkipToLast:
		return m.skipTo(k)
	}
	return k.cand, nil
}

func (m *Matcher) skipTo(k *keyState) (int32, error) {
	to := -1
	for i, s := range m.steps {
		if !m.p.match.SkipTo.Has(int(s.v)) {
			continue
		}
		to = i
		if m.p.match.Skip == ast.SkipToFirst {
			break
		}
	}
	switch to {
	case -1:
		return 0, &SkipError{"the variable has no row in the match"}
	case 0:
		return 0, &SkipError{"it leads to the first row of the match, which would match again for ever"}
	}
	return k.start + int32(to), nil
}

// trim drops the rows that neither the next start nor PREV needs.
func (m *Matcher) trim(k *keyState) {
	n := int(k.start) - m.p.history
	if n <= 0 {
		return
	}
	if len(m.p.layout.strings) > 0 {
		for i := range n {
			m.p.layout.drop(m.arena, k.row(m.p, m.arena, i))
		}
	}
	k.head += int32(n)
	k.n -= int32(n)
	k.start -= int32(n)
	k.pos -= int32(n)
	k.before += int64(n)
	m.rows -= int64(n)
}

// release lets go of what an idle key does not need; a key that nothing refers
// to any more is forgotten.
func (m *Matcher) release(index int32, k *keyState) {
	if k.at != nil {
		m.idle = append(m.idle, k.at)
		k.at = nil
	}
	if k.n == 0 && k.rows != 0 {
		m.arena.release(k.rows, int(k.class))
		k.rows, k.head = 0, 0
	}
	if m.p.retains || k.n > 0 || m.p.numbered && k.matches > 0 {
		return
	}
	if k.flags&keyStored != 0 {
		m.gone = append(m.gone, append([]byte(nil), k.keyBytes(m.arena)...))
	}
	m.keys.remove(index)
}
