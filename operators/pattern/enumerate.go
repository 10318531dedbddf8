package pattern

// reader reads partial matches off the graph. The last row comes first, so the
// steps are filled from the end: matches that share their last rows share the
// work.
type reader struct {
	steps   []step // the last len(steps)-from are read
	from    int
	id      uint64 // of the rows read: view.identity
	pending []branch
}

// branch is a list to come back to, and what was read before it.
type branch struct {
	list int32
	rows int
	id   uint64
}

// each calls report with every match of node n alone, not of its rest, that
// started at oldest or later.
func (r *reader) each(w *view, g *graph, n int32, oldest int64, report func(steps []step, id uint64) error) error {
	r.from, r.id, r.pending = len(r.steps), 0, r.pending[:0]
	return r.read(w, g, r.take(w, g.at(n)), oldest, report)
}

// list calls report with every partial match of a list.
func (r *reader) list(w *view, g *graph, n int32, oldest int64, report func(steps []step, id uint64) error) error {
	r.from, r.id, r.pending = len(r.steps), 0, r.pending[:0]
	return r.read(w, g, n, oldest, report)
}

func (r *reader) read(w *view, g *graph, at int32, oldest int64, report func(steps []step, id uint64) error) error {
	for {
		r.descend(w, g, at, oldest)
		if err := report(r.steps[r.from:], r.id); err != nil {
			return err
		}
		last := len(r.pending) - 1
		if last < 0 {
			return nil
		}
		b := r.pending[last]
		r.pending = r.pending[:last]
		at, r.from, r.id = b.list, len(r.steps)-b.rows, b.id
	}
}

// descend reads the first match of a list, and notes what else there is.
func (r *reader) descend(w *view, g *graph, at int32, oldest int64) {
	for at != none {
		x := g.at(at)
		if rest := x.youngRest(oldest); rest != none {
			r.pending = append(r.pending, branch{rest, len(r.steps) - r.from, r.id})
		}
		if x.join {
			at = x.left
		} else {
			at = r.take(w, x)
		}
	}
}

// take reads a row and gives the list that it extends.
func (r *reader) take(w *view, x *node) int32 {
	if r.from == 0 {
		more := len(r.steps) + 16
		r.steps, r.from = append(make([]step, more), r.steps...), more
	}
	r.from--
	r.steps[r.from] = step{v: x.v, excluded: x.excluded, row: x.row}
	r.id += rowIdentity(w.rowID(int(x.row)), x.v)
	return x.left
}
