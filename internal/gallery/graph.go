package gallery

import (
	"fmt"
	"html"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cepd/cepd/internal/scenario"
)

// The measures of a graph.
const (
	caption    = 16.0
	nodeMargin = 100.0 // from the side of the picture to the middle of a node
	nodeRow    = 64.0
	nodeHeight = 22.0
	others     = 74.0 // height of what is above nodes, and of what is below
	otherAway  = 36.0 // from the middle of a node
	otherApart = 50.0
	maxOthers  = 8
	maxPerSide = 2    // of a node
	noOthers   = 22.0 // height of where there are none
	maxNode    = 15   // letters
	maxOther   = 14
)

// network is a story as a graph: what its events lead from and to, by columns in
// the order in which they were reached.
//
//	           o  others
//	           |
//	[a] --> [ b ] --> [c]
//	              \-> [d]
type network struct {
	*lane
	nodes   []*node
	edges   []*edge
	columns int
	rows    int
}

type node struct {
	name        string
	column, row int
	x, y        float64
	in, out     []*scenario.Event // of other stories
}

type edge struct {
	from, to *node
	event    *scenario.Event // the first
	count    int
	class    string
}

// network is the lane as a graph, with the events of others about it.
func (l *lane) network() *network {
	n := &network{lane: l}
	for i := range l.events {
		e := &l.events[i]
		from, to := e.Text(l.graph.From), e.Text(l.graph.To)
		if from == "" || to == "" || from == to {
			continue
		}
		a := n.node(from, 0)
		n.connect(a, n.node(to, a.column+1), e, l.edgeClass(from, to))
	}
	n.takeOthers()
	return n
}

// node is the node of that name, in that column if it is new.
func (n *network) node(name string, column int) *node {
	if v := n.find(name); v != nil {
		return v
	}
	v := &node{name: name, column: column}
	for _, o := range n.nodes {
		if o.column == column {
			v.row++
		}
	}
	n.nodes = append(n.nodes, v)
	n.columns, n.rows = max(n.columns, column+1), max(n.rows, v.row+1)
	return v
}

func (n *network) find(name string) *node {
	if i := slices.IndexFunc(n.nodes, func(v *node) bool { return v.name == name }); i >= 0 {
		return n.nodes[i]
	}
	return nil
}

func (n *network) connect(from, to *node, e *scenario.Event, class string) {
	for _, d := range n.edges {
		if d.from == from && d.to == to && d.class == class {
			d.count++
			return
		}
	}
	n.edges = append(n.edges, &edge{from, to, e, 1, class})
}

// edgeClass tells the events between two that the detection names.
func (l *lane) edgeClass(from, to string) string {
	named := strings.FieldsFunc(string(l.row), func(r rune) bool { return strings.ContainsRune(`",: {}`, r) })
	switch {
	case slices.Contains(named, from) && slices.Contains(named, to):
		return "chain"
	case l.label.Rule == "":
		return "decoy"
	}
	return "event"
}

// takeOthers takes the events of other stories that have a node at one end, the nearest
// in time first.
func (n *network) takeOthers() {
	from, to := n.span()
	middle := from.Add(to.Sub(from) / 2)
	var near []*scenario.Event
	for _, telling := range slices.Sorted(maps.Keys(n.all)) {
		for i := range n.all[telling] {
			e := &n.all[telling][i]
			if telling != n.label.Telling && (n.find(e.Text(n.graph.From)) != nil) != (n.find(e.Text(n.graph.To)) != nil) {
				near = append(near, e)
			}
		}
	}
	slices.SortStableFunc(near, func(a, b *scenario.Event) int {
		return int(a.Time.Sub(middle).Abs() - b.Time.Sub(middle).Abs())
	})
	taken := 0
	for _, e := range near {
		if taken < maxOthers && n.takeOther(e) {
			taken++
		}
	}
}

// takeOther takes an event to be drawn beside its node, if there is room for what is at
// its other end: above the first node of a column, below the last.
func (n *network) takeOther(e *scenario.Event) bool {
	v, end := n.find(e.Text(n.graph.From)), n.graph.To
	room := v != nil && v.row == n.rowsOf(v.column)-1
	if v == nil {
		v, end = n.find(e.Text(n.graph.To)), n.graph.From
		room = v.row == 0
	}
	taken := &v.out
	if end == n.graph.From {
		taken = &v.in
	}
	same := func(o *scenario.Event) bool { return o.Text(end) == e.Text(end) }
	if !room || len(*taken) == maxPerSide || slices.ContainsFunc(*taken, same) {
		return false
	}
	*taken = append(*taken, e)
	return true
}

func (n *network) rowsOf(column int) (rows int) {
	for _, v := range n.nodes {
		if v.column == column {
			rows++
		}
	}
	return rows
}

// draw draws the graph from y on, and says where it ends.
func (n *network) draw(b *strings.Builder, y float64) float64 {
	fmt.Fprintf(b, "<text class=\"faint\" x=\"%.0f\" y=\"%.0f\">%s</text>\n", side, y+laneTitle+6, n.caption())
	y += laneTitle + caption
	above, below := noOthers, noOthers
	for _, v := range n.nodes {
		if len(v.in) > 0 {
			above = others
		}
		if len(v.out) > 0 {
			below = others
		}
	}
	n.place(y + above)
	for _, v := range n.nodes {
		n.drawOthers(b, v, v.in, -1)
		n.drawOthers(b, v, v.out, 1)
	}
	for _, d := range n.edges {
		arrow(b, d.class, d.from.x, d.from.y, d.to.x, d.to.y, halfWidth(d.to), nodeHeight/2)
	}
	for _, d := range n.edges {
		middle(b, "halo", (d.from.x+d.to.x)/2, (d.from.y+d.to.y)/2-5, n.edgeText(d))
	}
	for _, v := range n.nodes {
		n.drawNode(b, v)
	}
	return y + above + below + float64(n.rows-1)*nodeRow + laneEnd
}

func (n *network) caption() string {
	const thin = "Thin: what else went to them (above), from them (below), the nearest in time."
	if n.row == nil {
		return thin
	}
	return "Thick: named by the detection. " + thin
}

// place gives the nodes their places; y is that of the first row.
func (n *network) place(y float64) {
	step := (width - 2*side - 2*nodeMargin) / float64(max(n.columns-1, 1))
	for _, v := range n.nodes {
		v.x = side + nodeMargin + float64(v.column)*step
		v.y = y + (float64(v.row)+float64(n.rows-n.rowsOf(v.column))/2)*nodeRow
	}
}

func halfWidth(v *node) float64 { return float64(len(clip(v.name, maxNode)))*glyph/2 + 8 }

func (n *network) drawNode(b *strings.Builder, v *node) {
	class := "event"
	if n.label.Rule == "" {
		class = "decoy"
	}
	for _, d := range n.edges {
		if d.class == "chain" && (d.from == v || d.to == v) {
			class = "chain"
		}
	}
	w := halfWidth(v)
	fmt.Fprintf(b, "<rect class=\"node %s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.0f\" rx=\"5\"/>\n", class, v.x-w, v.y-nodeHeight/2, 2*w, nodeHeight)
	middle(b, "rule", v.x, v.y+4, clip(v.name, maxNode))
}

// drawOthers draws events of other stories above a node (-1) or below it (1).
func (n *network) drawOthers(b *strings.Builder, v *node, events []*scenario.Event, down float64) {
	for i, e := range events {
		x := v.x + (float64(i)-float64(len(events)-1)/2)*2*otherApart
		y := v.y + down*otherAway
		name := e.Text(n.graph.To)
		if down < 0 {
			name = e.Text(n.graph.From)
			arrow(b, "axis", x, y, v.x, v.y, halfWidth(v), nodeHeight/2)
		} else {
			arrow(b, "axis", v.x, v.y, x, y, 4, 4)
		}
		fmt.Fprintf(b, "<circle class=\"decoy\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"/>\n", x, y)
		first := y + 14
		if down < 0 {
			first = y - 8 - rowHeight
		}
		middle(b, "faint", x, first, clip(name, maxOther))
		middle(b, "faint", x, first+rowHeight, clip(e.Text(n.graph.Text), maxOther))
	}
}

// edgeText is what is written beside an edge.
func (n *network) edgeText(d *edge) string {
	var parts []string
	if text := d.event.Text(n.graph.Text); text != "" {
		parts = append(parts, clip(text, maxNode))
	}
	if after := d.event.Time.Sub(n.label.From); after > time.Second {
		parts = append(parts, "+"+short(after))
	}
	if d.count > 1 {
		parts = append(parts, fmt.Sprintf("×%d", d.count))
	}
	return strings.Join(parts, " ")
}

func middle(b *strings.Builder, class string, x, y float64, text string) {
	fmt.Fprintf(b, "<text class=\"middle %s\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", class, x, y, html.EscapeString(text))
}

// arrow draws a line to a box of that half width and height, and its head.
func arrow(b *strings.Builder, class string, x1, y1, x2, y2, w, h float64) {
	dx, dy := x2-x1, y2-y1
	length := math.Hypot(dx, dy)
	if length == 0 {
		return
	}
	dx, dy = dx/length, dy/length
	back := min(w/math.Max(math.Abs(dx), 1e-9), h/math.Max(math.Abs(dy), 1e-9))
	x2, y2 = x2-dx*back, y2-dy*back
	const long, wide = 8.0, 3.5
	fmt.Fprintf(b, "<line class=\"edge %s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", class, x1, y1, x2-dx*long, y2-dy*long)
	fmt.Fprintf(b, "<polygon class=\"head %s\" points=\"%.1f,%.1f %.1f,%.1f %.1f,%.1f\"/>\n", class,
		x2, y2, x2-dx*long-dy*wide, y2-dy*long+dx*wide, x2-dx*long+dy*wide, y2-dy*long-dx*wide)
}
