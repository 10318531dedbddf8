package pattern

import (
	"cmp"
	"slices"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query/ast"
)

// finished is a match that is complete, or has run out of time. It holds its
// path.
type finished struct {
	path     int32
	rank     int32 // of the run
	start    int64
	at       event.Time
	timedOut bool
}

// complete notes what finish is to report.
func (e *edges) complete(f finished) {
	e.store.paths.hold(f.path)
	e.done = append(e.done, f)
}

// expire ends the runs whose time is up at t, moment by moment: a negation at
// the end has its match, others time out.
func (e *edges) expire(k *keyState, t event.Time) error {
	for k.runs.until <= t && k.runs.until < event.MaxTime {
		e.expireAt(k, k.runs.until)
		if err := e.finish(k); err != nil {
			return err
		}
	}
	return nil
}

func (e *edges) expireAt(k *keyState, t event.Time) {
	r := k.runs
	for w := e.p.within; w > 0 && r.first != none; {
		s := e.store.starts.at(r.first)
		if deadline(s.time, w) > t {
			break
		}
		if w != e.p.match.Within {
			e.giveUp(k, s)
		} else {
			for i := s.run; i != none; i = e.store.runs.at(i).next {
				e.lapse(i, t)
			}
		}
		e.endStart(r, r.first)
	}
	for len(r.late) > 0 && e.store.runs.at(r.late[0]).end <= t {
		i := r.late[0]
		e.lapse(i, t)
		e.end(r, i)
	}
}

// lapse notes what the end of a run's time completes.
func (e *edges) lapse(i int32, at event.Time) {
	x := e.store.runs.at(i)
	in := e.p.places.list[x.place].in
	absent := in.op == opAbsent && !in.once
	if absent || e.p.match.Timeouts {
		e.complete(finished{path: x.path, rank: x.rank, start: e.store.starts.at(x.start).number, at: at, timedOut: !absent})
	}
}

// endStart forgets the runs of a start, and so the start.
func (e *edges) endStart(r *runs, start int32) {
	for n := e.store.starts.at(start).count; n > 0; n-- {
		e.end(r, e.store.starts.at(start).run)
	}
}

// endStarts forgets the runs that started with rows up to last.
func (e *edges) endStarts(r *runs, last int64) {
	for r.first != none && e.store.starts.at(r.first).number <= last {
		e.endStart(r, r.first)
	}
}

// finish reports the matches and time-outs in done, which are all that one row
// or one moment completes, as AFTER MATCH says, and forgets what no run needs.
func (e *edges) finish(k *keyState) error {
	e.arrange()
	e.choose()
	complete := false
	for _, f := range e.done {
		complete = complete || !f.timedOut
		if f.timedOut || e.p.match.Skip == ast.NoSkip {
			if err := e.report(k, f); err != nil {
				return err
			}
			e.store.paths.drop(f.path)
			continue
		}
		e.hold(k.runs, f)
	}
	e.done = e.done[:0]
	if complete && e.p.consumes() {
		e.endStarts(k.runs, event.MaxTime)
		e.m.consumed = true
	}
	if err := e.release(k); err != nil {
		return err
	}
	e.tidy(k)
	return nil
}

// arrange puts done in order, by time, start and preference, and drops what is
// there twice: several runs of one path may be complete, or out of time.
func (e *edges) arrange() {
	if len(e.done) < 2 {
		return
	}
	slices.SortFunc(e.done, func(a, b finished) int {
		if c := cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.start, b.start)); c != 0 || a == b {
			return c
		}
		return e.store.paths.compare(a.path, a.rank, b.path, b.rank)
	})
	e.round++
	e.done = slices.DeleteFunc(e.done, func(f finished) bool {
		n := &e.store.paths.at(e.store.paths.sameAs(f.path)).finished[b2i(f.timedOut)]
		again := *n == e.round
		*n = e.round
		if again {
			e.store.paths.drop(f.path)
		}
		return again
	})
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// hold keeps a match until none that started earlier can come. Held matches are
// in the order of their starts, those of one start in the order they came.
func (e *edges) hold(r *runs, f finished) {
	if n := len(e.lists); r.held == nil && n > 0 {
		r.held, e.lists = e.lists[n-1], e.lists[:n-1]
	}
	at, _ := slices.BinarySearchFunc(r.held, f.start+1, func(h finished, start int64) int { return cmp.Compare(h.start, start) })
	r.held = slices.Insert(r.held, at, f)
}

// dropHeld forgets the first n held matches.
func (e *edges) dropHeld(r *runs, n int) {
	for _, f := range r.held[:n] {
		e.store.paths.drop(f.path)
	}
	r.held = slices.Delete(r.held, 0, n)
	if len(r.held) == 0 && r.held != nil {
		r.held, e.lists = nil, append(e.lists, r.held)
	}
}

// release reports held matches as long as no partial match started earlier,
// and drops what each leaves no room for.
func (e *edges) release(k *keyState) error {
	r := k.runs
	if e.muted && e.p.recalls() {
		return nil // who waits for whom is known when all rows have been fed again
	}
	for len(r.held) > 0 && (r.first == none || r.held[0].start <= e.store.starts.at(r.first).number) {
		f := r.held[0]
		if err := e.report(k, f); err != nil {
			return err
		}
		last, err := e.pruneTo(k, f)
		if err != nil {
			return err
		}
		n := 1
		for n < len(r.held) && r.held[n].start <= last {
			n++
		}
		e.dropHeld(r, n)
		e.endStarts(r, last)
	}
	return nil
}

// pruneTo is the last start that AFTER MATCH leaves no room for; -1: there is
// none.
func (e *edges) pruneTo(k *keyState, f finished) (int64, error) {
	e.m.steps = e.store.paths.steps(e.m.steps[:0], f.path)
	steps := e.m.steps
	switch e.p.match.Skip {
	case ast.SkipToNext:
		return f.start, nil
	case ast.SkipPastLast:
		return steps[len(steps)-1].row, nil
	}
	to, err := e.m.skipTarget(steps)
	if err != nil {
		return -1, e.m.tolerated(k, int(f.start-k.before), err)
	}
	return steps[to].row - 1, nil
}

// report emits a match or a time-out.
func (e *edges) report(k *keyState, f finished) error {
	w := &e.m.view
	if e.muted {
		return nil
	}
	if !f.timedOut {
		k.matches++
	}
	e.m.steps = e.store.paths.steps(e.m.steps[:0], f.path)
	e.m.look(k)
	w.number, w.at, w.timedOut, w.id = k.matches, f.at, f.timedOut, w.identity(e.m.steps)
	return e.m.out.match(w, e.m.steps)
}

// tidy finds the first end of a run and the first row that is still needed.
func (e *edges) tidy(k *keyState) {
	r := k.runs
	first := k.before + int64(k.n)
	r.until = event.MaxTime
	if r.first != none {
		s := e.store.starts.at(r.first)
		first = s.number
		if w := e.p.within; w > 0 {
			r.until = deadline(s.time, w)
		}
	}
	if len(r.late) > 0 {
		r.until = min(r.until, e.store.runs.at(r.late[0]).end)
	}
	if len(r.held) > 0 {
		first = min(first, r.held[0].start)
	}
	k.start = int32(first - k.before)
}

// identity tells a match from others by its rows and variables, for its ID:
// matches of one start may end at one row. It is a sum, so that matches that
// share rows share the work.
func (w *view) identity(steps []step) uint64 {
	var sum uint64
	for _, s := range steps {
		sum += rowIdentity(w.rowID(int(s.row)), s.v)
	}
	return sum
}

func rowIdentity(id event.ID, v int16) uint64 {
	return mix(id.Hi ^ mix(id.Lo^uint64(v)<<48))
}
