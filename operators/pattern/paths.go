package pattern

import (
	"cmp"
	"slices"
)

// pathTree is the rows of partial matches: each names its last row, whose
// parent is the row before. A row that no partial match or match under way
// leads to is dropped at once.
type pathTree struct{ pool[pathRow] }

// pathRow is one row of a path.
type pathRow struct {
	row      int64 // its number in the partition
	parent   int32 // none: the first
	refs     int32 // partial matches, matches under way and rows after it
	depth    int32 // rows before it
	rank     int32 // of the partial match that took it: the lower is preferred
	same     int32 // the preferred of the paths over the same rows as the same variables
	v        int16
	excluded bool
	finished [2]uint32 // the last round in which it was a match, and a time-out
}

const pathRowBytes = 48

// add makes a row after parent, with one reference. same is the path that is
// preferred to it; none: it is the first of its kind.
func (t *pathTree) add(parent int32, in *instr, rank int32, row int64, same int32) int32 {
	i := t.take()
	n := t.at(i)
	*n = pathRow{row: row, parent: parent, refs: 1, rank: rank, same: i, v: in.v, excluded: in.excluded}
	if same != none {
		n.same = same
		t.hold(same)
	}
	if parent != none {
		p := t.at(parent)
		p.refs++
		n.depth = p.depth + 1
	}
	return i
}

// sameAs is the preferred of the paths like i.
func (t *pathTree) sameAs(i int32) int32 {
	if i == none {
		return none
	}
	return t.at(i).same
}

func (t *pathTree) hold(i int32) { t.at(i).refs++ }

// drop gives up a reference.
func (t *pathTree) drop(i int32) {
	for i != none {
		n := t.at(i)
		if n.refs--; n.refs > 0 {
			return
		}
		t.give(i)
		if n.same != i {
			t.drop(n.same)
		}
		i = n.parent
	}
}

// steps appends the rows of a path to dst.
func (t *pathTree) steps(dst []step, i int32) []step {
	from := len(dst)
	for ; i != none; i = t.at(i).parent {
		n := t.at(i)
		dst = append(dst, step{v: n.v, excluded: n.excluded, row: n.row})
	}
	slices.Reverse(dst[from:])
	return dst
}

// classOf is the variable of a row of the path that ends in i.
func (t *pathTree) classOf(i int32, row int) int16 {
	for ; i != none; i = t.at(i).parent {
		if n := t.at(i); n.row <= int64(row) {
			if n.row == int64(row) {
				return n.v
			}
			break
		}
	}
	return noVar
}

// compare orders two paths of one start by preference. Where they part, the
// preferred way through the pattern comes first, then the earlier row. rx and ry
// rank the partial matches that end there.
func (t *pathTree) compare(x, rx, y, ry int32) int {
	nx, ny := t.at(x), t.at(y)
	longer := int(nx.depth) - int(ny.depth)
	for nx.depth > ny.depth {
		x, rx = nx.parent, nx.rank
		nx = t.at(x)
	}
	for ny.depth > nx.depth {
		y, ry = ny.parent, ny.rank
		ny = t.at(y)
	}
	if x == y {
		return cmp.Or(cmp.Compare(rx, ry), -longer) // what goes on was there before what stays
	}
	for nx.parent != ny.parent {
		nx, ny = t.at(nx.parent), t.at(ny.parent)
	}
	return cmp.Or(cmp.Compare(nx.rank, ny.rank), cmp.Compare(nx.row, ny.row), cmp.Compare(nx.v, ny.v))
}
