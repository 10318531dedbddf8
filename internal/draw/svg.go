package draw

import (
	"fmt"
	"html"
	"math"
	"strings"
)

const (
	margin   = 16.0
	loopRise = 22.0 // height of a loop over its node
	arcDepth = 46.0 // depth of an edge back to the layer before
	title    = 22.0 // height of a title
)

// SVG is the graphs as one picture, one below the other.
func SVG(graphs []Graph) string {
	var body strings.Builder
	width, y := 0.0, margin
	for i := range graphs {
		l := lay(&graphs[i])
		y += title
		fmt.Fprintf(&body, "<text class=\"title\" x=\"%s\" y=\"%s\">%s</text>\n", px(margin), px(y-8), html.EscapeString(graphs[i].Title))
		fmt.Fprintf(&body, "<g transform=\"translate(%s %s)\">\n", px(margin), px(y-l.top))
		l.draw(&body)
		body.WriteString("</g>\n")
		y += l.height + margin
		width = max(width, l.width, textWidth([]string{graphs[i].Title})*1.2)
		y, width = legend(&body, graphs[i].Legend, y, width)
	}
	width += 2 * margin
	return fmt.Sprintf("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%s\" height=\"%s\" viewBox=\"0 0 %s %s\">\n%s%s</svg>\n",
		px(width), px(y), px(width), px(y), style, body.String())
}

const style = `<style>
svg { background: white; font: 11px "DejaVu Sans Mono", Menlo, Consolas, monospace; }
text { fill: #222; paint-order: stroke; stroke: white; stroke-width: 3px; stroke-linejoin: round; } .title { font-size: 13px; font-weight: bold; } .name { font-weight: bold; }
.node { fill: #f6f8fa; stroke: #444; } .inner { fill: none; stroke: #444; }
.edge { fill: none; stroke: #777; } .dashed { stroke-dasharray: 4 3; } .head { fill: #777; }
.middle { text-anchor: middle; } .condition { fill: #666; }
</style>
<rect width="100%" height="100%" fill="white"/>
<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path class="head" d="M0 0 8 4 0 8z"/></marker></defs>
`

// px is a length with at most one digit after the point.
func px(x float64) string {
	s := fmt.Sprintf("%.1f", math.Round(x*10)/10+0) // +0: no negative zero
	return strings.TrimSuffix(s, ".0")
}

// legend writes the entries from y down.
func legend(b *strings.Builder, list []Entry, y, width float64) (newY, newWidth float64) {
	names := 0.0
	for _, e := range list {
		names = max(names, textWidth([]string{e.Name}))
	}
	for _, e := range list {
		y += lineHeight
		fmt.Fprintf(b, "<text x=\"%s\" y=\"%s\"><tspan class=\"name\">%s</tspan><tspan x=\"%s\" class=\"condition\">%s</tspan></text>\n",
			px(margin), px(y), html.EscapeString(e.Name), px(margin+names+padding), html.EscapeString(e.Text))
		width = max(width, names+padding+textWidth([]string{e.Text}))
	}
	if len(list) > 0 {
		y += margin
	}
	return y, width
}

func (l *layout) draw(b *strings.Builder) {
	for i := range l.routes {
		if r := &l.routes[i]; r.back && len(r.spots) == 2 {
			l.arc(b, r)
		} else {
			l.edge(b, r)
		}
	}
	for _, e := range l.loops {
		l.loop(b, e)
	}
	for i := range l.graph.Nodes {
		l.node(b, i)
	}
}

func (l *layout) node(b *strings.Builder, i int) {
	n, s := &l.graph.Nodes[i], &l.spots[i]
	if n.Shape == Box {
		fmt.Fprintf(b, "<rect class=\"node\" x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\" rx=\"4\"/>\n", px(s.x-s.width/2), px(s.y-s.height/2), px(s.width), px(s.height))
	} else {
		fmt.Fprintf(b, "<circle class=\"node\" cx=\"%s\" cy=\"%s\" r=\"%s\"/>\n", px(s.x), px(s.y), px(radius))
	}
	if n.Shape == DoubleCircle {
		fmt.Fprintf(b, "<circle class=\"inner\" cx=\"%s\" cy=\"%s\" r=\"%s\"/>\n", px(s.x), px(s.y), px(radius-3))
	}
	text(b, s.x, s.y-float64(len(n.Label)-1)*lineHeight/2+4, n.Label)
}

// text writes lines centred on x, the first with its base line at y.
func text(b *strings.Builder, x, y float64, lines []string) {
	for i, t := range lines {
		fmt.Fprintf(b, "<text class=\"middle\" x=\"%s\" y=\"%s\">%s</text>\n", px(x), px(y+float64(i)*lineHeight), html.EscapeString(t))
	}
}

func (e Edge) class() string {
	if e.Dashed {
		return "edge dashed"
	}
	return "edge"
}

// side is where an edge meets a node: its left or right end.
func (l *layout) side(i int, right bool) (x, y float64) {
	s := &l.spots[i]
	if right {
		return s.x + s.width/2, s.y
	}
	return s.x - s.width/2, s.y
}

// edge draws curves from spot to spot.
func (l *layout) edge(b *strings.Builder, r *route) {
	var path strings.Builder
	x, y := l.side(r.spots[0], true)
	fmt.Fprintf(&path, "M%s %s", px(x), px(y))
	for i, s := range r.spots[1:] {
		toX, toY := l.side(s, false)
		middle := (x + toX) / 2
		fmt.Fprintf(&path, "C%s %s %s %s %s %s", px(middle), px(y), px(middle), px(toY), px(toX), px(toY))
		x, y = l.side(s, true)
		if i+2 < len(r.spots) {
			fmt.Fprintf(&path, "L%s %s", px(x), px(y))
		}
	}
	end := "marker-end"
	if r.back {
		end = "marker-start"
	}
	fmt.Fprintf(b, "<path class=\"%s\" d=\"%s\" %s=\"url(#head)\"/>\n", r.edge.class(), path.String(), end)
	x, y = l.labelPlace(r)
	text(b, x, y-5-float64(len(r.edge.Label)-1)*lineHeight, r.edge.Label)
}

// labelPlace is a point of the edge where its label is likely alone: at its
// first bend, or else away from the end at which it meets others.
func (l *layout) labelPlace(r *route) (x, y float64) {
	fromX, fromY := l.side(r.spots[0], true)
	toX, toY := l.side(r.spots[1], false)
	if len(r.spots) > 2 {
		return toX, toY
	}
	out, in := len(l.spots[r.spots[0]].after), len(l.spots[r.spots[1]].before)
	t := 0.5
	switch {
	case fromY == toY:
	case out > 1 && in > 1:
		t = 0.3
	case out > 1:
		t = 0.6
	case in > 1:
		t = 0.4
	}
	u := 1 - t
	middle := (fromX + toX) / 2
	return u*u*u*fromX + 3*u*t*middle + t*t*t*toX, (u*u*u+3*u*u*t)*fromY + (3*u*t*t+t*t*t)*toY
}

// arc draws an edge back to the layer before, below the edges that lead forth.
func (l *layout) arc(b *strings.Builder, r *route) {
	from, to := &l.spots[r.edge.From], &l.spots[r.edge.To]
	fromY, toY := from.y+from.height/2, to.y+to.height/2
	depth := max(fromY, toY) + arcDepth - radius
	fmt.Fprintf(b, "<path class=\"%s\" d=\"M%s %sC%s %s %s %s %s %s\" marker-end=\"url(#head)\"/>\n", r.edge.class(),
		px(from.x), px(fromY), px(from.x), px(depth), px(to.x), px(depth), px(to.x), px(toY))
	text(b, (from.x+to.x)/2, (fromY+toY)/8+depth*0.75+lineHeight, r.edge.Label)
}

// loop draws an edge from a node to itself, above it.
func (l *layout) loop(b *strings.Builder, e Edge) {
	s := &l.spots[e.From]
	y := s.y - s.height/2
	fmt.Fprintf(b, "<path class=\"%s\" d=\"M%s %sC%s %s %s %s %s %s\" marker-end=\"url(#head)\"/>\n", e.class(),
		px(s.x-7), px(y+2), px(s.x-22), px(y-loopRise), px(s.x+22), px(y-loopRise), px(s.x+7), px(y+2))
	text(b, s.x, y-loopRise+2-float64(len(e.Label)-1)*lineHeight, e.Label)
}
