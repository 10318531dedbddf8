package pattern

import (
	"unsafe"

	"github.com/cepd/cepd/internal/event"
)

// edges steps the runs of one key at a time; one per shard.
//
//	row ──▶ places that its symbol concerns ──▶ there, all runs, or those that the
//	        index has for its values ──▶ each: taken (new runs), ended, or left alone
//	    ──▶ new starts ──▶ matches that are complete ──▶ skip ──▶ out
//
// Runs that a row does not concern are not touched.
type edges struct {
	m       *Matcher
	p       *Program
	store   *runStore
	acts    map[uint64]*action
	recent  [64]recentAct // of acts
	keys    []rowKey      // per variable: the values of the row at hand
	done    []finished
	choices []choice // of done, for SELECT
	visit   []int32
	muted   bool // restoring: what comes out came out before
	parts   int  // ints that time-limited parts take, before the registers
	loose   int  // runs in the index whose values are not known
	round   uint32
	at      []uint64 // per place: the path that last came to it, where paths merge
	serial  uint64   // of paths
	ranks   int32    // runs of the path made last
	made    int32    // the path made last, where paths merge

	scratch registers // of the partial match at hand, with the row applied
	spare   registers
	blank   registers // of one that begins
	first   registers // the same, with what it takes from its first row
	begun   []int64   // the same, of one way to begin
	taken   []int64   // registers of the partial match at hand, with the row, where loops count
	idle    []*runs
	lists   [][]finished // unused, for matches that are held
	active  int          // keys with runs

	key    int32 // at hand
	hash   uint64
	rows   uint64 // rows so far, the one at hand among them
	number int64  // of the row at hand
	symbol uint64
	time   event.Time
	last   bool   // the row at hand may only complete a match
	left   uint64 // possessive loops that the row at hand has ended
}

func newEdges(m *Matcher) *edges {
	p := m.p
	e := &edges{m: m, p: p, parts: len(p.limits), acts: map[uint64]*action{}, made: none,
		keys: make([]rowKey, len(p.vars)), at: make([]uint64, len(p.places.list))}
	size := registerSize{ints: e.parts + p.define.ints, vals: p.define.vals, links: p.places.watch}
	e.store = &runStore{size: size, index: newRunIndex()}
	e.scratch = registers{make([]int64, size.ints), make([]event.Value, size.vals)}
	e.spare = registers{make([]int64, size.ints), make([]event.Value, size.vals)}
	e.blank = registers{make([]int64, size.ints), make([]event.Value, size.vals)}
	p.define.init(e.blank.ints[e.parts:], e.blank.vals)
	e.first = registers{make([]int64, size.ints), make([]event.Value, size.vals)}
	e.begun, e.taken = make([]int64, size.ints), make([]int64, size.ints)
	m.view.tree = &e.store.paths
	return e
}

// keeps says whether a row is kept; one that does nothing to its key is not.
// index is 0 for a key without state.
func (e *edges) keeps(index int32, symbol uint64) bool {
	a := e.action(symbol)
	if a.keeps || index == 0 {
		return a.keeps
	}
	return e.waits(e.m.keys.at(index), symbol)
}

// waits says whether the key has runs that a symbol concerns.
func (e *edges) waits(k *keyState, symbol uint64) bool {
	a := e.action(symbol)
	if uint32(k.state)&a.places == 0 || k.runs == nil {
		return false
	}
	for i := range a.visits {
		if k.runs.heads[a.visits[i].place] != none {
			return true
		}
	}
	return false
}

// runEdges feeds the rows that may be fed, and ends what is out of time.
func (m *Matcher) runEdges(index int32, k *keyState) error {
	e := m.edges
	if k.runs == nil {
		k.runs = e.take()
	}
	e.key, e.hash = index, m.keys.hashOf(k)
	m.look(k)
	for k.pos < k.n && (m.ended || int(k.n)-int(k.pos) > m.p.ahead) {
		symbol, err := m.symbol(k, int(k.pos))
		if err != nil {
			return err
		}
		if err := e.row(k, k.before+int64(k.pos), symbol, m.rowTime(k, int(k.pos))); err != nil {
			return err
		}
		k.pos++
	}
	if err := e.expire(k, min(deadline(m.wm, 1), m.nextTime(k))); err != nil {
		return err
	}
	k.start, k.state = min(k.start, k.pos), int32(k.runs.places)
	m.trim(k)
	e.setTimer(index, k)
	if k.start >= k.n {
		m.release(index, k)
	}
	return nil
}

// nextTime is when the first row came that waits for rows after it (NEXT).
func (m *Matcher) nextTime(k *keyState) event.Time {
	if k.pos == k.n {
		return event.MaxTime
	}
	return m.rowTime(k, int(k.pos))
}

// setTimer sees to it that runs end in time, but not before rows that wait.
func (e *edges) setTimer(index int32, k *keyState) {
	timers, until := &e.m.timers, k.runs.until
	if until == event.MaxTime || until > e.m.nextTime(k) {
		timers.remove(index)
		return
	}
	t := timer{deadline: until, id: e.m.rowID(k, int(k.start)), key: index}
	if k.timer < 0 || timers.items[k.timer] != t {
		timers.set(t)
	}
}

// take finds room for the runs of a key.
func (e *edges) take() *runs {
	if len(e.idle) == 0 {
		e.moreRuns()
	}
	e.active++
	r := e.idle[len(e.idle)-1]
	e.idle = e.idle[:len(e.idle)-1]
	return r
}

// moreRuns makes room for the runs of several keys.
func (e *edges) moreRuns() {
	const several = 64
	places := len(e.p.places.list)
	list := make([]runs, several)
	for i := range list {
		r := &list[i]
		*r = runs{until: event.MaxTime, first: none, last: none}
		if r.heads = r.few[:min(places, fewPlaces)]; places > fewPlaces {
			r.heads = make([]int32, places)
		}
		for at := range r.heads {
			r.heads[at] = none
		}
		e.idle = append(e.idle, r)
	}
}

// give takes back the runs of a key, with what they hold.
func (e *edges) give(r *runs) {
	e.endStarts(r, event.MaxTime)
	e.dropHeld(r, len(r.held))
	r.until, r.places = event.MaxTime, 0
	e.active--
	e.idle = append(e.idle, r)
}

// bytes is what the runs of all keys take.
func (e *edges) bytes() int64 {
	return e.store.bytes() + int64(e.active)*int64(runsBytes+4*max(0, len(e.p.places.list)-fewPlaces))
}

const runsBytes = int(unsafe.Sizeof(runs{}))

// row feeds a row of the key.
func (e *edges) row(k *keyState, number int64, symbol uint64, t event.Time) error {
	if err := e.expire(k, t); err != nil {
		return err
	}
	r := k.runs
	e.number, e.symbol, e.time = number, symbol, t
	e.rows++
	a := e.action(symbol)
	e.visit = e.visit[:0]
	for i := range a.visits {
		e.gather(r, &a.visits[i])
	}
	if e.p.places.merges {
		e.sortVisit()
	}
	for _, i := range e.visit {
		if err := e.step(k, i); err != nil {
			return err
		}
	}
	if len(a.starts) > 0 {
		if err := e.begin(k, a.starts); err != nil {
			return err
		}
	}
	e.unmake()
	if r.count+len(r.held) > e.p.opts.MaxThreads {
		if err := e.overflow(k); err != nil {
			return err
		}
	}
	return e.finish(k)
}

// end forgets a run.
func (e *edges) end(r *runs, i int32) {
	e.loosen(i, -1)
	e.store.remove(r, i)
}

// move lets a run that passed over a row wait on elsewhere: what was said of the
// very next row is over.
func (e *edges) move(r *runs, i, to int32) {
	e.loosen(i, -1)
	e.store.unlink(i)
	e.store.part(r, i)
	e.store.runs.at(i).place = to
	e.store.wait(r, i)
	e.enlist(i)
}
