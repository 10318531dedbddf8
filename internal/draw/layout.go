package draw

import (
	"cmp"
	"slices"
	"unicode/utf8"
)

// Sizes in px; text is set in a fixed-width font, so that its width is known.
const (
	charWidth  = 6.7
	lineHeight = 14.0
	radius     = 18.0
	padding    = 10.0
	layerGap   = 44.0 // beside the labels of edges
	nodeGap    = 34.0
)

// spot is a node of the layout: one of the graph, or a bend of an edge.
type spot struct {
	layer         int
	x, y          float64 // centre
	width, height float64
	before, after []int // neighbours in the layers beside
}

// route is an edge on its way through the layers.
type route struct {
	edge  Edge
	spots []int // from left to right, with the ends
	back  bool  // the edge leads from right to left
}

// layout is a graph with places.
type layout struct {
	graph  *Graph
	spots  []spot // those of the nodes first
	routes []route
	layers [][]int // from top to bottom
	loops  []Edge  // from a node to itself
	width  float64
	height float64
	top    float64 // highest point
}

func lay(g *Graph) *layout {
	l := &layout{graph: g}
	for i := range g.Nodes {
		w, h := nodeSize(&g.Nodes[i])
		l.spots = append(l.spots, spot{width: w, height: h})
	}
	l.layer()
	l.bends()
	l.arrange()
	l.place()
	return l
}

func nodeSize(n *Node) (w, h float64) {
	if n.Shape != Box {
		return 2 * radius, 2 * radius
	}
	return textWidth(n.Label) + 2*padding, float64(len(n.Label))*lineHeight + padding
}

func textWidth(lines []string) float64 {
	most := 0
	for _, l := range lines {
		most = max(most, utf8.RuneCountInString(l))
	}
	return float64(most) * charWidth
}

// layer puts every node right of those that lead to it, over the edges that do
// not close a cycle.
func (l *layout) layer() {
	n := len(l.graph.Nodes)
	out := make([][]int, n) // edges by their start
	for i, e := range l.graph.Edges {
		if e.From != e.To {
			out[e.From] = append(out[e.From], i)
		}
	}
	back := map[int]bool{}
	state := make([]int, n) // 1: being visited, 2: done
	var order []int         // in reverse
	var visit func(v int)
	visit = func(v int) {
		state[v] = 1
		for _, i := range out[v] {
			switch to := l.graph.Edges[i].To; state[to] {
			case 0:
				visit(to)
			case 1:
				back[i] = true
			}
		}
		state[v] = 2
		order = append(order, v)
	}
	for v := range n {
		if state[v] == 0 {
			visit(v)
		}
	}
	slices.Reverse(order)
	for _, v := range order {
		for _, i := range out[v] {
			if to := l.graph.Edges[i].To; !back[i] {
				l.spots[to].layer = max(l.spots[to].layer, l.spots[v].layer+1)
			}
		}
	}
	for i, e := range l.graph.Edges {
		if e.From == e.To {
			l.loops = append(l.loops, e)
		} else {
			l.routes = append(l.routes, route{edge: e, back: back[i]})
		}
	}
}

// bends gives edges a spot in every layer that they pass; an edge back to the
// layer beside gets none and is drawn as an arc.
func (l *layout) bends() {
	for r := range l.routes {
		e := l.routes[r].edge
		from, to := e.From, e.To
		if l.routes[r].back {
			from, to = to, from
		}
		path := []int{from}
		for layer := l.spots[from].layer + 1; layer < l.spots[to].layer; layer++ {
			l.spots = append(l.spots, spot{layer: layer, height: lineHeight * float64(max(1, len(e.Label)))})
			path = append(path, len(l.spots)-1)
		}
		path = append(path, to)
		for i := range path[1:] {
			l.spots[path[i]].after = append(l.spots[path[i]].after, path[i+1])
			l.spots[path[i+1]].before = append(l.spots[path[i+1]].before, path[i])
		}
		l.routes[r].spots = path
	}
	for i := range l.spots {
		for len(l.layers) <= l.spots[i].layer {
			l.layers = append(l.layers, nil)
		}
		l.layers[l.spots[i].layer] = append(l.layers[l.spots[i].layer], i)
	}
}

// sweeps is how often orders and heights are passed on, forth and back.
const sweeps = 12

// arrange orders each layer by the average place of the neighbours.
func (l *layout) arrange() {
	for range sweeps {
		for k := 1; k < len(l.layers); k++ {
			l.byNeighbours(l.layers[k], l.layers[k-1], func(s *spot) []int { return s.before })
		}
		for k := len(l.layers) - 2; k >= 0; k-- {
			l.byNeighbours(l.layers[k], l.layers[k+1], func(s *spot) []int { return s.after })
		}
	}
}

func (l *layout) byNeighbours(layer, beside []int, of func(*spot) []int) {
	place := map[int]int{}
	for i, s := range beside {
		place[s] = i
	}
	weight := map[int]float64{}
	for i, s := range layer {
		list := of(&l.spots[s])
		if len(list) == 0 {
			weight[s] = float64(i)
			continue
		}
		sum := 0
		for _, t := range list {
			sum += place[t]
		}
		weight[s] = float64(sum) / float64(len(list))
	}
	slices.SortStableFunc(layer, func(a, b int) int { return cmp.Compare(weight[a], weight[b]) })
}

// place gives every spot its x by layer and its y near its neighbours.
func (l *layout) place() {
	x := 0.0
	for k, layer := range l.layers {
		widest := 0.0
		for _, s := range layer {
			widest = max(widest, l.spots[s].width)
		}
		for _, s := range layer {
			l.spots[s].x = x + widest/2
		}
		x += widest + layerGap + l.labelWidth(k)
		l.stack(layer)
	}
	for range sweeps {
		for k := range l.layers {
			l.settle(l.layers[k])
		}
		for k := len(l.layers) - 1; k >= 0; k-- {
			l.settle(l.layers[k])
		}
	}
	l.extent()
}

// labelWidth is the widest label between layer k and the next.
func (l *layout) labelWidth(k int) float64 {
	widest := 0.0
	for i := range l.routes {
		if r := &l.routes[i]; l.spots[r.spots[0]].layer == k {
			widest = max(widest, textWidth(r.edge.Label))
		}
	}
	for _, e := range l.loops {
		if l.spots[e.From].layer == k {
			widest = max(widest, textWidth(e.Label)/2)
		}
	}
	return widest
}

// stack puts the spots of a layer one below the other around the middle.
func (l *layout) stack(layer []int) {
	y := 0.0
	for i, s := range layer {
		if i > 0 {
			y += l.distance(layer[i-1], s)
		}
		l.spots[s].y = y
	}
	for _, s := range layer {
		l.spots[s].y -= y / 2
	}
}

// distance is how far the centres of two spots in a layer are apart at least.
func (l *layout) distance(above, below int) float64 {
	return (l.spots[above].height+l.spots[below].height)/2 + nodeGap + l.loopHeight(below)
}

// loopHeight is the room that loops and their labels take above a node.
func (l *layout) loopHeight(s int) float64 {
	h := 0.0
	for _, e := range l.loops {
		if e.From == s {
			h += loopRise + lineHeight*float64(len(e.Label))
		}
	}
	return h
}

// settle moves the spots of a layer to the average height of their neighbours,
// as far as those above and below let them.
func (l *layout) settle(layer []int) {
	for i, s := range layer {
		neighbours := append(slices.Clone(l.spots[s].before), l.spots[s].after...)
		if len(neighbours) == 0 {
			continue
		}
		y := 0.0
		for _, t := range neighbours {
			y += l.spots[t].y
		}
		y /= float64(len(neighbours))
		if i > 0 {
			y = max(y, l.spots[layer[i-1]].y+l.distance(layer[i-1], s))
		}
		if i+1 < len(layer) {
			y = min(y, l.spots[layer[i+1]].y-l.distance(s, layer[i+1]))
		}
		l.spots[s].y = y
	}
}

// extent finds the size of the picture.
func (l *layout) extent() {
	top, bottom := 0.0, 0.0
	for i := range l.spots {
		s := &l.spots[i]
		top = min(top, s.y-s.height/2-l.loopHeight(i)-lineHeight)
		bottom = max(bottom, s.y+s.height/2)
		l.width = max(l.width, s.x+s.width/2)
	}
	for i := range l.routes {
		r := &l.routes[i]
		if label := float64(len(r.edge.Label)) * lineHeight; r.back && len(r.spots) == 2 {
			bottom = max(bottom, max(l.spots[r.spots[0]].y, l.spots[r.spots[1]].y)+arcDepth+label)
		} else {
			top = min(top, l.spots[r.spots[0]].y-label-lineHeight)
		}
	}
	for _, e := range l.loops {
		l.width = max(l.width, l.spots[e.From].x+textWidth(e.Label)/2)
	}
	l.top, l.height = top, bottom-top
}
