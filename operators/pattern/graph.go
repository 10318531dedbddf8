package pattern

import "math"

// graph is the partial matches of one key, as lists that share their parts:
//
//	place ──▶ node ──rest──▶ node ──rest──▶ …      what waits at one place
//	           │ row, v        │ row, v
//	          left            left                 the list that the row extends
//
// A node is its row as v, added to each partial match of the list left (none:
// the row starts them), followed by those of the list rest. Lists go from the
// latest start to the earliest. Max is the latest start of a node's own partial
// matches, so what is too old is a tail, and whole lists are passed over by
// their first.
//
// A join is two lists one after the other, where their order is not worked out.
//
// Nodes lie in epochs by max. When the last start of an epoch is too old, its
// blocks are free: nothing that is young enough leads there but a rest, whose
// max its node knows. So no node is ever searched for or moved.
type graph struct {
	heads  []int32 // per place: the list that waits there
	epochs []epoch // the oldest first
	begun  int64   // row with which the last epoch began
	pool   *nodePool
}

// node is one row of partial matches, or a join.
type node struct {
	row      int64 // its number
	max      int64 // number of the latest first row
	left     int32
	rest     int32
	restMax  uint32 // max minus that of rest; MaxUint32: more than anything that lasts
	v        int16
	excluded bool
	join     bool // left, then rest
}

const (
	none      = int32(-1)
	nodeBytes = 32
)

// epoch is the nodes whose max is until or less, and more than that of the epoch
// before.
type epoch struct {
	until       int64
	first, last int32 // blocks
	blocks      int
	used        int32 // nodes of the last block
}

// minEpoch is the least number of rows of an epoch.
const minEpoch = 64

func newGraph(pool *nodePool, places int) *graph {
	g := &graph{heads: make([]int32, places), pool: pool}
	for i := range g.heads {
		g.heads[i] = none
	}
	return g
}

func (g *graph) at(i int32) *node { return g.pool.at(i) }

// reset forgets everything.
func (g *graph) reset() {
	for i := range g.heads {
		g.heads[i] = none
	}
	for i := range g.epochs {
		g.pool.give(&g.epochs[i])
	}
	g.epochs = g.epochs[:0]
}

// empty says whether nothing waits.
func (g *graph) empty() bool {
	for _, h := range g.heads {
		if h != none {
			return false
		}
	}
	return true
}

// turn begins an epoch when the last one has an eighth of the rows that are
// young enough, and lets go of those in which nothing is.
func (g *graph) turn(number, oldest int64) {
	switch n := len(g.epochs); {
	case n == 0:
		g.open(number)
	case number-g.begun >= max(minEpoch, (number-oldest)/8):
		g.epochs[n-1].until = number - 1
		g.open(number)
	}
	gone := 0
	for gone < len(g.epochs) && g.epochs[gone].until < oldest {
		gone++
	}
	if gone == 0 {
		return
	}
	for i, h := range g.heads {
		if h != none && g.at(h).max < oldest {
			g.heads[i] = none
		}
	}
	for i := range g.epochs[:gone] {
		g.pool.give(&g.epochs[i])
	}
	g.epochs = g.epochs[:copy(g.epochs, g.epochs[gone:])]
}

func (g *graph) open(number int64) {
	g.begun = number
	g.epochs = append(g.epochs, epoch{until: math.MaxInt64, first: none, last: none, used: blockNodes})
}

// add makes a node in the epoch of its max.
func (g *graph) add(c node) int32 {
	n := len(g.epochs) - 1
	for n > 0 && c.max <= g.epochs[n-1].until {
		n--
	}
	e := &g.epochs[n]
	if e.used == blockNodes {
		b := g.pool.take()
		if e.first == none {
			e.first = b
		} else {
			g.pool.next[e.last] = b
		}
		e.last, e.used = b, 0
		e.blocks++
	}
	i := e.last*blockNodes + e.used
	e.used++
	*g.at(i) = c
	return i
}

// start makes a node for a row that starts partial matches.
func (g *graph) start(row int64, in *instr) int32 {
	return g.add(node{row: row, max: row, left: none, rest: none, v: in.v, excluded: in.excluded})
}

// extend adds a row to the partial matches of a list.
func (g *graph) extend(row int64, in *instr, left int32) int32 {
	return g.add(node{row: row, max: g.at(left).max, left: left, rest: none, v: in.v, excluded: in.excluded})
}

// put adds list n to those that wait at a place. Own says that n is a node that
// nobody else knows.
//
// The later start comes first and, of two with one start, the later row: the
// order in which matches are read off depends on those alone that are young
// enough, and so is the same after a restore.
func (g *graph) put(place, n int32, own bool, oldest int64) {
	h := g.heads[place]
	switch {
	case h == none || g.at(h).max < oldest:
		g.heads[place] = n
		return
	case !g.follows(n, h):
		n, h, own = h, n, false
	}
	x := *g.at(n)
	rest := h
	if r := x.youngRest(oldest); r != none {
		rest = g.joined(r, h)
	}
	x.setRest(rest, g.at(rest).max)
	if own {
		*g.at(n) = x
	} else {
		n = g.add(x)
	}
	g.heads[place] = n
}

// follows says whether list a starts later than b or, of one start, goes on
// later.
func (g *graph) follows(a, b int32) bool {
	x, y := g.at(a), g.at(b)
	if x.max != y.max {
		return x.max > y.max
	}
	return x.row > y.row
}

func (g *graph) joined(a, b int32) int32 {
	if g.at(a).max < g.at(b).max {
		a, b = b, a
	}
	c := node{max: g.at(a).max, left: a, join: true}
	c.setRest(b, g.at(b).max)
	return g.add(c)
}

func (c *node) setRest(rest int32, restMax int64) {
	c.rest, c.restMax = rest, uint32(min(c.max-restMax, math.MaxUint32))
}

// youngRest is rest, or none when all of it is too old.
func (c *node) youngRest(oldest int64) int32 {
	if c.rest == none || c.restMax == math.MaxUint32 || c.max-int64(c.restMax) < oldest {
		return none
	}
	return c.rest
}

// ---- nodes of all keys of a shard

const (
	blockNodes = 8
	nodePage   = 1 << 12
)

// nodePool hands out blocks of nodes, in pages that never move. Blocks that are
// given back are re-used.
type nodePool struct {
	pages [][]node
	next  []int32 // per block: the block after it, in an epoch or among the free
	free  int32
	used  int // blocks
}

func newNodePool() *nodePool { return &nodePool{free: none} }

func (p *nodePool) at(i int32) *node { return &p.pages[i/nodePage][i%nodePage] }

func (p *nodePool) take() int32 {
	p.used++
	if b := p.free; b != none {
		p.free, p.next[b] = p.next[b], none
		return b
	}
	b := int32(len(p.next))
	if int(b)*blockNodes == len(p.pages)*nodePage {
		p.pages = append(p.pages, make([]node, nodePage))
	}
	p.next = append(p.next, none)
	return b
}

// give takes back the blocks of an epoch.
func (p *nodePool) give(e *epoch) {
	if e.blocks > 0 {
		p.next[e.last], p.free = p.free, e.first
		p.used -= e.blocks
	}
}
