package pattern

import (
	"fmt"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
)

// LimitPolicy is what happens to a key that holds as many rows or partial
// matches as it may.
type LimitPolicy uint8

// The policies.
const (
	LimitFail       LimitPolicy = iota // the query fails
	LimitDropOldest                    // what began first is given up
	LimitRejectNew                     // further rows of the key are dropped
)

// LimitError says that a key outgrew a declared limit.
type LimitError struct {
	What    string
	Limit   int
	Setting string
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("one partition key holds more than %d %s for a match that is still open: add or shorten WITHIN, SET 'state.ttl', make the pattern's loops end, raise '%s', or choose a 'state.limit-policy'",
		e.Limit, e.What, e.Setting)
}

// lifetime sets how long a partial match may stay: as WITHIN says, or shorter,
// as 'state.ttl' does.
func (p *Program) lifetime() {
	p.within = p.match.Within
	if ttl := p.opts.TTL; ttl > 0 && (p.within == 0 || ttl < p.within) {
		p.within = ttl
	}
	// Where rows wait for rows after them, only the time to live ends the wait.
	p.drops = p.within != p.match.Within || p.opts.TTL > 0 && p.ahead > 0
}

// checkLimits refuses a quota that a key may exceed without any partial match.
func (p *Program) checkLimits() error {
	if least := p.history + p.ahead + p.after; p.opts.MaxRows <= least {
		return fmt.Errorf("'state.max-rows-per-key' must be more than %d: PREV and NEXT of this pattern read as many", least)
	}
	if p.opts.TTL > 0 && p.has(opStart) {
		return fmt.Errorf("^ is the first row of a key for all time, which 'state.ttl' would forget: leave one of them out")
	}
	return nil
}

// overdue says whether the time to live has ended the attempt of k, undecided.
func (m *Matcher) overdue(k *keyState) bool {
	return m.p.drops && m.wm < event.MaxTime && m.wm >= deadline(m.rowTime(k, int(k.start)), m.p.opts.TTL)-1 && m.alive(k)
}

const reasonTTL = "a partial match was given up: it is older than 'state.ttl'"

// drop notes that the partial match which began with row i was given up.
func (m *Matcher) drop(k *keyState, i int, reason string) {
	m.rejectLimit(m.rowID(k, i), m.rowTime(k, i), reason)
}

func (m *Matcher) rejectLimit(id event.ID, t event.Time, reason string) {
	m.octx.Rejects = append(m.octx.Rejects, operators.Reject{Kind: operators.RejectLimit, ID: id, Time: t, Reason: reason})
}

// full says whether the key must not take a further row as it is. Partial
// matches count only where rows are refused: else it is known behind a row how
// many there are.
func (m *Matcher) full(k *keyState) bool {
	return int(k.n) >= m.p.opts.MaxRows || m.p.opts.Policy == LimitRejectNew && m.partials(k) >= m.p.opts.MaxThreads
}

func (m *Matcher) partials(k *keyState) int {
	switch {
	case k.runs != nil:
		return k.runs.count + len(k.runs.held)
	case k.at != nil:
		return len(k.at.cur.threads)
	}
	return 0
}

// makeRoom applies the policy to a key that may be full. It says whether the
// row is taken.
func (m *Matcher) makeRoom(index int32, b *event.Batch, i int) (bool, error) {
	k := m.keys.at(index)
	switch m.p.opts.Policy {
	case LimitRejectNew:
		if m.full(k) {
			m.rejectLimit(b.ID[i], b.Time[i], "its key is full: "+m.quota(k))
			return false, nil
		}
	case LimitDropOldest:
		for m.full(k) {
			if err := m.dropOldest(index, k); err != nil {
				return false, err
			}
		}
	}
	return true, nil
}

// quota says which limit the key has reached.
func (m *Matcher) quota(k *keyState) string {
	if int(k.n) >= m.p.opts.MaxRows {
		return fmt.Sprintf("'state.max-rows-per-key' is %d", m.p.opts.MaxRows)
	}
	return fmt.Sprintf("'state.max-partial-matches-per-key' is %d", m.p.opts.MaxThreads)
}

// dropOldest gives up the partial matches that began in the older half of the
// key's rows: so rows that are fed again are fed a few times, not once for each
// new row.
func (m *Matcher) dropOldest(index int32, k *keyState) error {
	m.touch(index, k)
	last := k.before + int64(k.start) + max(1, int64(k.n-k.start)/2) - 1
	cut := m.edges == nil && m.tecs == nil && k.cand >= 0
	what := "partial matches were given up"
	if cut {
		what = "a match was cut short"
	}
	m.drop(k, int(k.start), what+": "+m.quota(k))
	switch {
	case m.tecs != nil:
		k.start = int32(last-k.before) + 1
		m.trim(k)
		return nil
	case m.edges != nil:
		return m.edges.dropThrough(index, k, last)
	case cut:
		if err := m.conclude(index, k); err != nil {
			return err
		}
	default:
		m.abandon(index, k, int32(last-k.before)+1)
	}
	return m.run(index)
}

// abandon ends the attempt without a result and goes on at row next.
func (m *Matcher) abandon(index int32, k *keyState, next int32) {
	k.flags &^= keyActive
	m.timers.remove(index)
	k.start = next
	m.trim(k)
}

// dropThrough drops the runs that began up to row last, and reports what had
// waited for them.
func (e *edges) dropThrough(index int32, k *keyState, last int64) error {
	e.endStarts(k.runs, last)
	if err := e.release(k); err != nil {
		return err
	}
	e.tidy(k)
	return e.m.run(index)
}

// overflow applies the policy to a key that has more partial matches than it
// may: whole starts go, the oldest first, so that the rows kept say what is
// left.
func (e *edges) overflow(k *keyState) error {
	r, most := k.runs, e.p.opts.MaxThreads
	switch e.p.opts.Policy {
	case LimitFail:
		return &LimitError{What: "partial matches", Limit: most, Setting: "state.max-partial-matches-per-key"}
	case LimitDropOldest:
		if r.first != none {
			e.m.drop(k, int(e.store.starts.at(r.first).number-k.before), "partial matches were given up: "+e.m.quota(k))
		}
		for r.count+len(r.held) > most && r.first != none {
			e.endStart(r, r.first)
		}
	}
	return nil
}

// giveUp notes that the time to live ends what began with a row.
func (e *edges) giveUp(k *keyState, s *startRow) {
	if !e.muted && e.m.wm < event.MaxTime {
		e.m.drop(k, int(s.number-k.before), reasonTTL)
	}
}

// retire sets the time at which an idle key is forgotten with what PREV and
// MATCH_NUMBER() keep of it.
func (m *Matcher) retire(index int32) {
	if ttl := m.p.opts.TTL; ttl > 0 {
		m.timers.set(timer{deadline: deadline(m.clock, ttl), key: index})
	}
}

// forgetKey drops all of an idle key.
func (m *Matcher) forgetKey(index int32, k *keyState) {
	m.timers.remove(index)
	k.start = k.n
	m.dropRows(k, int(k.n))
	m.releaseRows(k)
	if m.joint != nil {
		delete(m.joint.used, index)
	}
	if k.flags&keyStored != 0 {
		m.forgone(k.keyBytes(m.arena, nil))
	}
	m.keys.remove(index)
}
