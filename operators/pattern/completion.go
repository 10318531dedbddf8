package pattern

import (
	"encoding/binary"
	"slices"
	"sort"

	"github.com/zeebo/xxh3"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query/ast"
)

// deadline is when the run is out of time.
func (e *edges) deadline(x *run) event.Time {
	d := event.MaxTime
	if w := e.p.within; w > 0 {
		d = deadline(x.first, w)
	}
	if g := e.p.match.Gap; g > 0 {
		d = min(d, deadline(x.last, g))
	}
	return d
}

// expire ends the runs whose time is up at t: a negation at the end has its
// match, others time out.
func (e *edges) expire(k *keyState, t event.Time) error {
	r := k.runs
	if t < r.until {
		return nil
	}
	e.next.clear()
	e.done = e.done[:0]
	dropped := int32(-2)
	for i := range r.list {
		x := &r.list[i]
		d := e.deadline(x)
		switch {
		case d > t || d == event.MaxTime:
			e.next.push(*x, e.registers(r, i))
		case e.p.drops && d == deadline(x.first, e.p.within):
			if x.path != dropped && !e.muted && e.m.wm < event.MaxTime { // runs of one path differ only in what they wait for
				e.m.drop(k, int(x.start-k.before), reasonTTL)
			}
			dropped = x.path
		case e.p.code[x.pc].op == opAbsent && !e.p.code[x.pc].once:
			e.done = append(e.done, finished{path: x.path, start: x.start, at: d})
		case e.p.match.Timeouts:
			e.done = append(e.done, finished{path: x.path, start: x.start, at: d, timedOut: true})
		}
	}
	e.swap(r)
	sort.SliceStable(e.done, func(i, j int) bool { return e.done[i].at < e.done[j].at })
	return e.finish(k, e.done)
}

// finish reports what is complete, as AFTER MATCH says, and forgets what no
// run needs.
func (e *edges) finish(k *keyState, done []finished) error {
	r := k.runs
	reported := int32(-2)
	for _, f := range done {
		if f.timedOut {
			if f.path != reported { // runs of one path differ only in what they wait for
				if err := e.report(k, f); err != nil {
					return err
				}
			}
			reported = f.path
			continue
		}
		if e.p.match.Skip == ast.NoSkip {
			if err := e.report(k, f); err != nil {
				return err
			}
			continue
		}
		r.held = append(r.held, f)
	}
	if err := e.release(k); err != nil {
		return err
	}
	e.tidy(k)
	return nil
}

// release reports held matches as long as no partial match started earlier,
// and drops what each leaves no room for.
func (e *edges) release(k *keyState) error {
	r := k.runs
	sort.SliceStable(r.held, func(i, j int) bool { return r.held[i].start < r.held[j].start })
	for len(r.held) > 0 && (len(r.list) == 0 || r.held[0].start <= r.list[0].start) {
		f := r.held[0]
		r.held = slices.Delete(r.held, 0, 1)
		if err := e.report(k, f); err != nil {
			return err
		}
		if err := e.prune(k, f); err != nil {
			return err
		}
	}
	return nil
}

// prune applies AFTER MATCH to partial and complete matches.
func (e *edges) prune(k *keyState, f finished) error {
	r := k.runs
	e.m.steps = r.steps(e.m.steps[:0], f.path)
	last, ok, err := e.pruneTo(f)
	if err != nil {
		if !e.p.opts.ContinueOnError {
			return err
		}
		e.m.reject(k, int(f.start-k.before), err)
	}
	if !ok {
		return nil
	}
	r.held = slices.DeleteFunc(r.held, func(h finished) bool { return h.start <= last })
	e.keepRuns(r, func(x *run) bool { return x.start > last })
	return nil
}

// pruneTo is the last start that the match leaves no room for.
func (e *edges) pruneTo(f finished) (last int64, ok bool, err error) {
	steps := e.m.steps
	switch e.p.match.Skip {
	case ast.SkipToNext:
		return f.start, true, nil
	case ast.SkipPastLast:
		return steps[len(steps)-1].row, true, nil
	}
	to, err := e.m.skipTarget(steps)
	if err != nil {
		return 0, false, err
	}
	return steps[to].row - 1, true, nil
}

func (e *edges) keepRuns(r *runs, keep func(*run) bool) {
	e.next.clear()
	for i := range r.list {
		if keep(&r.list[i]) {
			e.next.push(r.list[i], e.registers(r, i))
		}
	}
	e.swap(r)
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
	e.m.steps = k.runs.steps(e.m.steps[:0], f.path)
	e.m.look(k)
	w.number, w.at, w.timedOut = k.matches, f.at, f.timedOut
	return e.m.out.match(w, e.m.steps)
}

// tidy finds the first deadline and the first row that is still needed, and
// drops path nodes that no run has.
func (e *edges) tidy(k *keyState) {
	r := k.runs
	first := k.before + int64(k.n)
	r.until = event.MaxTime
	for i := range r.list {
		first = min(first, r.list[i].start)
		r.until = min(r.until, e.deadline(&r.list[i]))
		if e.p.match.Gap == 0 {
			break // runs are in the order of their starts
		}
	}
	for i := range r.held {
		first = min(first, r.held[i].start)
	}
	k.start = int32(first - k.before)
	if len(r.list)+len(r.held) == 0 {
		r.paths = r.paths[:0]
	} else if len(r.paths) > 1024 && len(r.paths) > 8*len(r.list) {
		r.compact()
	}
}

// steps appends the rows of a path to dst.
func (r *runs) steps(dst []step, node int32) []step {
	from := len(dst)
	for ; node >= 0; node = r.paths[node].parent {
		dst = append(dst, r.paths[node].step)
	}
	slices.Reverse(dst[from:])
	return dst
}

func (r *runs) compact() {
	heads := make([]*int32, 0, len(r.list)+len(r.held))
	for i := range r.list {
		heads = append(heads, &r.list[i].path)
	}
	for i := range r.held {
		heads = append(heads, &r.held[i].path)
	}
	r.paths = compactPaths(r.paths, heads)
}

// identity is a hash of a match's rows and variables, for its ID: matches of
// one start may end at one row.
func (w *view) identity(steps []step) uint64 {
	h := xxh3.New()
	for _, s := range steps {
		row := w.row(int(s.row))
		var b [24]byte
		binary.LittleEndian.PutUint64(b[:], row[wordHi])
		binary.LittleEndian.PutUint64(b[8:], row[wordLo])
		binary.LittleEndian.PutUint64(b[16:], uint64(s.v))
		_, _ = h.Write(b[:])
	}
	return h.Sum64()
}
