package pattern

// graph is the partial matches of one key.
type graph struct {
	heads     []int32 // per place: what waits there, none = -1
	nodes     []node
	compactAt int
}

// node is an extend (right = extendMark) or a union.
type node struct {
	max   int64 // number of the latest first row
	row   int64 // extend: the row's number
	left  int32 // -1: nothing before, the match starts here
	right int32
	v     int16
}

const nodeBytes = 32

const (
	none       = int32(-1)
	extendMark = int32(-2)
)

func (g *graph) start(row int64, v int16) int32 {
	g.nodes = append(g.nodes, node{max: row, row: row, v: v, left: none, right: extendMark})
	return int32(len(g.nodes) - 1)
}

func (g *graph) extend(row int64, v int16, left int32) int32 {
	g.nodes = append(g.nodes, node{max: g.nodes[left].max, row: row, v: v, left: left, right: extendMark})
	return int32(len(g.nodes) - 1)
}

// union keeps the later start on the left and, of two with one start, the later
// row; and on the left of a union a node that is none, where it can: then
// walking left meets a row in one step. The order in which matches are read off
// so depends on those alone that are not too old, and is the same after a
// restore.
func (g *graph) union(a, b int32) int32 {
	if a == none {
		return b
	}
	if g.follows(b, a) {
		a, b = b, a
	}
	if g.isUnion(a) {
		l, r := g.nodes[a].left, g.nodes[a].right
		if g.nodes[r].max < g.nodes[b].max {
			r, b = b, r
		}
		a, b = l, g.pair(r, b)
	}
	return g.pair(a, b)
}

// follows says whether a starts later than b or, of one start, goes on later.
func (g *graph) follows(a, b int32) bool {
	if x, y := g.nodes[a].max, g.nodes[b].max; x != y {
		return x > y
	}
	return g.nodes[g.first(a)].row > g.nodes[g.first(b)].row
}

// first is the row that walking left meets.
func (g *graph) first(n int32) int32 {
	for g.isUnion(n) {
		n = g.nodes[n].left
	}
	return n
}

func (g *graph) isUnion(n int32) bool { return g.nodes[n].right != extendMark }

func (g *graph) pair(a, b int32) int32 {
	g.nodes = append(g.nodes, node{max: g.nodes[a].max, left: a, right: b})
	return int32(len(g.nodes) - 1)
}

// compact drops the nodes that no place holds and those of matches that
// started too long ago, whenever their number has doubled. Children come
// before parents.
func (g *graph) compact(oldest int64) {
	if len(g.nodes) < g.compactAt {
		return
	}
	to := make([]int32, len(g.nodes)) // 0: drop; else 1 until moved, then the new index + 1
	for i, h := range g.heads {
		if h != none && g.nodes[h].max < oldest {
			g.heads[i] = none
		} else if h != none {
			to[h] = 1
		}
	}
	for i := len(g.nodes) - 1; i >= 0; i-- {
		if to[i] != 0 {
			g.mark(i, oldest, to)
		}
	}
	g.move(to)
	g.compactAt = max(1024, 2*len(g.nodes))
}

func (g *graph) mark(i int, oldest int64, to []int32) {
	x := &g.nodes[i]
	if x.left != none {
		to[x.left] = 1
	}
	if x.right >= 0 && g.nodes[x.right].max >= oldest {
		to[x.right] = 1
	}
}

func (g *graph) move(to []int32) {
	var n int32
	for i := range g.nodes {
		if to[i] == 0 {
			continue
		}
		x := g.nodes[i]
		if x.left != none {
			x.left = to[x.left] - 1
		}
		if x.right >= 0 {
			if to[x.right] == 0 { // one half is too old: the union is the other
				to[i] = x.left + 1
				continue
			}
			x.right = to[x.right] - 1
		}
		g.nodes[n] = x
		n++
		to[i] = n
	}
	g.nodes = g.nodes[:n]
	for i, h := range g.heads {
		if h != none {
			g.heads[i] = to[h] - 1
		}
	}
}
