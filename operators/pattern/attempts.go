package pattern

import (
	"fmt"
	"math"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/query/ast"
)

// run follows the key's matches as far as they can be decided now.
func (m *Matcher) run(index int32) error {
	k := m.keys.at(index)
	m.touch(index, k)
	follow := m.attempts
	switch {
	case m.edges != nil:
		follow = m.runEdges
	case m.joint != nil:
		follow = m.joint.follow
	}
	err := follow(index, k)
	m.hold(index, k)
	return err
}

// attempts makes one attempt after the other.
func (m *Matcher) attempts(index int32, k *keyState) error {
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
	if limit, ok := err.(*LimitError); ok && m.p.opts.Policy == LimitDropOldest {
		m.drop(k, int(k.start), fmt.Sprintf("a partial match was given up: '%s' is %d", limit.Setting, limit.Limit))
		return nil
	}
	if err = m.tolerated(k, int(k.start), err); err == nil {
		k.cand = -1
	}
	return err
}

// tolerated turns an error in the match that begins at a row into a reject
// where the options say so.
func (m *Matcher) tolerated(k *keyState, row int, err error) error {
	if _, limit := err.(*LimitError); limit {
		return err
	}
	if !m.p.opts.ContinueOnError {
		return m.located(k, row, err)
	}
	if m.edges == nil || !m.edges.muted { // else it was told before the snapshot
		m.reject(k, row, err)
	}
	return nil
}

// located says in which match an error came up.
func (m *Matcher) located(k *keyState, row int, err error) error {
	id := m.rowID(k, row)
	if id.Detected() {
		return err
	}
	return fmt.Errorf("%w, in the match that begins in partition %d at offset %d (see 'scan.error-policy' to go on behind it)", err, uint32(id.Hi), id.Lo)
}

func (m *Matcher) reject(k *keyState, row int, err error) {
	m.octx.Rejects = append(m.octx.Rejects, operators.Reject{
		Kind: operators.RejectError, ID: m.rowID(k, row), Time: m.rowTime(k, row), Reason: err.Error()})
}

// start begins an attempt at row k.start.
func (m *Matcher) start(index int32, k *keyState) {
	k.flags |= keyActive
	m.place(k)
	if d := m.deadline(k); event.MinTime < d && d < event.MaxTime {
		m.timers.set(timer{deadline: d, id: m.rowID(k, int(k.start)), key: index})
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
		_ = m.keys.each(func(_ int32, k *keyState) error {
			k.state = stateUnknown
			return nil
		})
	}
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

// look points the view at the key's attempt; in a pattern with edges, where
// rows go by their number in the partition, at the partition.
func (m *Matcher) look(k *keyState) {
	m.view.k, m.view.start, m.view.number = k, int(k.start), k.matches+1
	if m.p.match.Edges {
		m.view.start = -int(k.before)
	}
	m.view.classes, m.view.paths = nil, nil
}

// feed gives the attempt the rows it has not seen. It says whether the attempt
// is decided: no thread is left, its time is up, or its partition has ended.
func (m *Matcher) feed(k *keyState) (bool, error) {
	m.look(k)
	if m.det != nil && k.state == stateUnknown {
		m.place(k)
	}
	limit, err := m.opening(k)
	if err != nil || limit == event.MinTime {
		k.cand = -1
		return true, err
	}
	for {
		switch {
		case !m.alive(k):
			return true, nil
		case k.pos >= k.n:
			return m.ended || m.expired(limit), nil
		case m.rowTime(k, int(k.pos)) >= limit:
			return true, nil
		case int(k.n)-int(k.pos) <= m.p.ahead && !m.ended:
			return m.expired(limit) && m.p.ahead == 0 || m.overdue(k), nil
		}
		if err := m.feedRow(k); err != nil {
			return false, err
		}
	}
}

// expired says whether no row within the limit can come any more.
func (m *Matcher) expired(limit event.Time) bool {
	return limit < event.MaxTime && m.wm >= limit-1
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
		if n := len(k.at.cur.threads); n > m.p.opts.MaxThreads && m.p.opts.Policy != LimitRejectNew {
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
	s := m.p.layout.symbolOf(row)
	if len(m.p.context) > 0 && s&bitContext == 0 {
		var err error
		if s, err = m.contextual(k, i, s); err != nil {
			return 0, err
		}
		m.p.layout.setSymbol(row, s)
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
		ok, err := m.view.holds(&m.p.define, m.p.define.context, cond.eval, nil, nil, i-m.view.start, noVar)
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
		if m.overdue(k) {
			m.drop(k, int(k.start), reasonTTL)
		}
		if k.before+int64(k.start) >= k.covered && m.p.match.Rows == ast.AllRowsUnmatch {
			m.look(k)
			err = m.out.unmatched(&m.view)
		}
	case k.cand == k.start:
		m.look(k)
		m.count(k)
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

// count numbers the match, and notes the rows that it covers.
func (m *Matcher) count(k *keyState) {
	if m.p.counts {
		k.matches++
		k.covered = max(k.covered, k.before+int64(k.cand))
	}
}

// matched reports a match of one or more rows and applies AFTER MATCH.
func (m *Matcher) matched(k *keyState) (int32, error) {
	if err := m.path(k); err != nil {
		return 0, err
	}
	m.look(k)
	m.count(k)
	if err := m.out.match(&m.view, m.steps); err != nil {
		return 0, err
	}
	next, err := m.skip(k)
	if err != nil {
		return k.start + 1, m.tolerated(k, int(k.start), err)
	}
	return next, nil
}

// path finds the variables of the match's rows.
func (m *Matcher) path(k *keyState) error {
	a, err := m.threads(k)
	if err != nil {
		return err
	}
	m.steps = a.steps(m.steps[:0])
	return nil
}

// threads is the attempt of k as threads; where the automaton decides, its rows
// are followed again.
func (m *Matcher) threads(k *keyState) (*attempt, error) {
	if m.det == nil {
		return k.at, nil
	}
	a := &m.replay
	m.look(k)
	a.begin(&m.view, &m.p.define, k.before+int64(k.start) == 0)
	for i := k.start; i < k.pos; i++ {
		symbol, err := m.symbol(k, int(i))
		if err != nil {
			return nil, err
		}
		if _, err := a.feed(&m.view, &m.p.define, int(i-k.start), symbol); err != nil {
			return nil, err
		}
	}
	return a, nil
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
	to, err := m.skipTarget(m.steps)
	return k.start + int32(to), err
}

// skipTarget is the step that SKIP TO FIRST or LAST names.
func (m *Matcher) skipTarget(steps []step) (int, error) {
	to := -1
	for i, s := range steps {
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
	return to, nil
}
