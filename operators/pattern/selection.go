package pattern

import (
	"cmp"
	"slices"

	"github.com/cepd/cepd/query/plan"
)

// Selection works on the matches that one row of a key completes, or one moment
// at which time runs out. It compares them by their sets of rows (Grez, Riveros,
// Ugarte, "A Formal Framework for Complex Event Processing", ICDT 2019): of the
// rows that only one of two has, FIRST asks whose is the earliest, LAST whose is
// the latest.

// choice is a match to choose from.
type choice struct {
	steps []step
	done  finished // of a run
}

// prefers compares two matches: negative when a comes first.
func (p *Program) prefers(a, b []step) int {
	return cmp.Or(compareRows(a, b, p.match.Select == plan.SelectLast),
		slices.CompareFunc(a, b, func(x, y step) int { return cmp.Compare(x.v, y.v) }))
}

// compareRows compares from the first row on, the earlier first, or from the
// last row back, the later first. Where one set ends, the other has the row that
// only one has.
func compareRows(a, b []step, last bool) int {
	for i := range min(len(a), len(b)) {
		x, y := a[i].row, b[i].row
		if last {
			x, y = b[len(b)-1-i].row, a[len(a)-1-i].row
		}
		if x != y {
			return cmp.Compare(x, y)
		}
	}
	return cmp.Compare(len(b), len(a))
}

// choosy says whether not every match is reported.
func (p *Program) choosy() bool { return p.match.Select != plan.SelectAll || p.match.Limit > 0 }

// consumes says whether matches use up the rows of others.
func (p *Program) consumes() bool { return p.match.Consume != plan.ConsumeNone }

// most is how many matches are reported at most; 0: no limit.
func (p *Program) most() int {
	if s := p.match.Select; s == plan.SelectFirst || s == plan.SelectLast {
		return 1
	}
	return p.match.Limit
}

// choose puts the matches in order of preference and drops those that SELECT and
// LIMIT leave out.
func (p *Program) choose(list []choice) []choice {
	slices.SortStableFunc(list, func(a, b choice) int { return p.prefers(a.steps, b.steps) })
	if p.match.Select == plan.SelectMaximal {
		list = maximal(list)
	}
	if n := p.most(); n > 0 && n < len(list) {
		list = list[:n]
	}
	return list
}

// maximal drops the matches whose rows are part of another's.
func maximal(list []choice) []choice {
	var out []choice
	for i := range list {
		if !slices.ContainsFunc(list, func(o choice) bool { return within(list[i].steps, o.steps) }) {
			out = append(out, list[i])
		}
	}
	return out
}

// within says whether the rows of a are some, and not all, of those of b.
func within(a, b []step) bool {
	if len(a) >= len(b) {
		return false
	}
	i := 0
	for j := 0; i < len(a) && j < len(b); j++ {
		if a[i].row == b[j].row {
			i++
		}
	}
	return i == len(a)
}

// choose keeps of the matches in done, which one row or moment completes, those
// that SELECT and LIMIT say, in order of preference; time-outs stay before them.
func (e *edges) choose() {
	if !e.p.choosy() {
		return
	}
	if e.muted { // it has been chosen from all before
		for _, f := range e.done {
			e.store.paths.drop(f.path)
		}
		e.done = e.done[:0]
		return
	}
	e.choices = e.choices[:0]
	kept := e.done[:0]
	for _, f := range e.done {
		if f.timedOut {
			kept = append(kept, f)
		} else {
			e.choices = append(e.choices, choice{e.store.paths.steps(nil, f.path), f})
		}
	}
	for _, c := range e.p.choose(e.choices) {
		kept = append(kept, c.done)
		e.store.paths.hold(c.done.path)
	}
	for _, c := range e.choices {
		e.store.paths.drop(c.done.path)
	}
	e.done = kept
}

// ---- shared partial matches

// ranking finds the first matches in order of preference among those that end in
// a node of the graph. Both orders are kept when the same row is added to two
// sets, so that of each list only the first few partial matches count: the work
// is linear in the nodes, however many matches there are.
type ranking struct {
	p     *Program
	best  map[int32][]int32 // per list: the first of its partial matches
	todo  []int32
	cells []rankedRow
	a, b  []step
}

// rankedRow is the last row of a partial match, and the rest of it.
type rankedRow struct {
	step
	before int32 // -1: nothing
}

// first lists the first n matches that end in the roots and start at oldest or
// later.
func (r *ranking) first(g *graph, roots []int32, oldest int64, n int) []int32 {
	clear(r.best)
	if r.best == nil {
		r.best = map[int32][]int32{}
	}
	r.cells = r.cells[:0]
	var list []int32
	for _, root := range roots {
		x := g.at(root)
		r.rank(g, x.left, oldest, n)
		list = r.merge(nil, list, r.own(x), n)
	}
	return list
}

// rank lists the first n partial matches of a list, and so of those that it
// consists of.
func (r *ranking) rank(g *graph, list int32, oldest int64, n int) {
	r.todo = append(r.todo[:0], list)
	for len(r.todo) > 0 {
		i := r.todo[len(r.todo)-1]
		if i == none || r.best[i] != nil {
			r.todo = r.todo[:len(r.todo)-1]
			continue
		}
		x := g.at(i)
		rest := x.youngRest(oldest)
		switch {
		case x.left != none && r.best[x.left] == nil:
			r.todo = append(r.todo, x.left)
		case rest != none && r.best[rest] == nil:
			r.todo = append(r.todo, rest)
		case x.join:
			r.best[i] = r.merge(nil, r.best[x.left], r.best[rest], n)
		default:
			r.best[i] = r.merge(nil, r.own(x), r.best[rest], n)
		}
	}
}

// own is the partial matches of a node alone; left is ranked.
func (r *ranking) own(x *node) []int32 {
	if x.left == none {
		return []int32{r.cell(x, none)}
	}
	var list []int32
	for _, before := range r.best[x.left] {
		list = append(list, r.cell(x, before))
	}
	return list
}

func (r *ranking) cell(x *node, before int32) int32 {
	r.cells = append(r.cells, rankedRow{step{v: x.v, excluded: x.excluded, row: x.row}, before})
	return int32(len(r.cells) - 1)
}

// merge appends the first n of two ordered lists to dst.
func (r *ranking) merge(dst, x, y []int32, n int) []int32 {
	for len(dst) < n && len(x)+len(y) > 0 {
		if len(y) == 0 || len(x) > 0 && r.compare(x[0], y[0]) <= 0 {
			dst, x = append(dst, x[0]), x[1:]
		} else {
			dst, y = append(dst, y[0]), y[1:]
		}
	}
	return dst
}

func (r *ranking) compare(x, y int32) int {
	r.a, r.b = r.steps(r.a[:0], x), r.steps(r.b[:0], y)
	return r.p.prefers(r.a, r.b)
}

// steps appends the rows of a partial match to dst, the first first.
func (r *ranking) steps(dst []step, cell int32) []step {
	from := len(dst)
	for ; cell != none; cell = r.cells[cell].before {
		dst = append(dst, r.cells[cell].step)
	}
	slices.Reverse(dst[from:])
	return dst
}
