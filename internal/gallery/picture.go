package gallery

import (
	"encoding/json"
	"fmt"
	"html"
	"slices"
	"strings"
	"time"

	"github.com/cepd/cepd/internal/scenario"
)

// The measures of a picture.
const (
	width     = 860.0
	side      = 20.0
	laneTitle = 26.0
	textRows  = 3
	rowHeight = 13.0
	laneEnd   = 18.0
	curve     = 64.0 // height of a plot
	glyph     = 6.7  // width of a letter
	maxLabel  = 26   // letters
	maxHead   = 92   // of what is left of a lane's time
	maxDecoys = 4
)

// lane is one story along its time.
type lane struct {
	label  scenario.Label
	events []scenario.Event
	found  time.Time // zero: it was not
	plots  map[string]scenario.Plot
	graph  *scenario.Graph          // nil: its events are drawn along its time
	all    map[int][]scenario.Event // of all stories, for a graph
	row    json.RawMessage          // what was found; nil: nothing
}

// Painter watches a play and draws, for each rule, the first story that it found,
// and the first of some kinds that only look like one.
type Painter struct {
	file   *scenario.File
	events map[int][]scenario.Event // by telling
	decoys []scenario.Label         // the first of each story
	found  map[string]lane          // by rule, the first
	rows   map[string][]json.RawMessage
}

// NewPainter has seen nothing yet.
func NewPainter(f *scenario.File) *Painter {
	return &Painter{file: f, events: map[int][]scenario.Event{}, found: map[string]lane{}, rows: map[string][]json.RawMessage{}}
}

// Picture is what it has seen, as SVG.
func (p *Painter) Picture() string {
	var b strings.Builder
	lanes := p.lanes()
	y := head(&b, lanes)
	for i := range p.file.Funnels {
		n := &p.file.Funnels[i]
		y = drawFunnel(&b, y, n, p.rows[n.Rule])
	}
	for i := range lanes {
		y = lanes[i].draw(&b, y)
	}
	return sheet(p.file.Title, b.String(), y)
}

// Told is for Options.Told.
func (p *Painter) Told(l scenario.Label) {
	same := func(o scenario.Label) bool { return o.Story == l.Story }
	if l.Rule != "" || slices.ContainsFunc(p.decoys, same) {
		return
	}
	if len(p.decoys) < maxDecoys || p.graph(l.Story) != nil {
		p.decoys = append(p.decoys, l)
	}
}

// Sent is for Options.Sent.
func (p *Painter) Sent(e *scenario.Event) { p.events[e.Telling] = append(p.events[e.Telling], *e) }

// Saw is for Options.Saw.
func (p *Painter) Saw(f Finding) {
	if slices.ContainsFunc(p.file.Funnels, func(n scenario.Funnel) bool { return n.Rule == f.Rule }) {
		p.rows[f.Rule] = append(p.rows[f.Rule], f.Row)
	}
	if _, ok := p.found[f.Rule]; !ok && f.Verdict == scenario.Found {
		p.found[f.Rule] = lane{label: *f.Label, found: f.Time, row: f.Row}
	}
}

// graph is how a story is drawn as a graph; nil: it is not.
func (p *Painter) graph(story string) *scenario.Graph {
	i := slices.IndexFunc(p.file.Graphs, func(g scenario.Graph) bool { return slices.Contains(g.Stories, story) })
	if i < 0 {
		return nil
	}
	return &p.file.Graphs[i]
}

func (p *Painter) lanes() (list []lane) {
	for _, r := range p.file.Rules {
		if l, ok := p.found[r.Name]; ok {
			list = append(list, l)
		}
	}
	for _, l := range p.decoys {
		list = append(list, lane{label: l})
	}
	for i := range list {
		l := &list[i]
		l.plots, l.graph, l.all = p.file.Plots, p.graph(l.label.Story), p.events
		l.events = p.events[l.label.Telling]
		slices.SortStableFunc(l.events, func(a, b scenario.Event) int { return a.Time.Compare(b.Time) })
	}
	return list
}

const pictureStyle = `<style>
svg { --back: #ffffff; --text: #24292f; --faint: #57606a; --axis: #afb8c1; --event: #0b5cad; --decoy: #6e7781; --found: #b3261e;
  background: var(--back); font: 11px "DejaVu Sans Mono", Menlo, Consolas, monospace; }
@media (prefers-color-scheme: dark) {
  svg { --back: #0d1117; --text: #e6edf3; --faint: #9aa4af; --axis: #484f58; --event: #6cb0ff; --decoy: #8b949e; --found: #ff8a80; }
}
.back { fill: var(--back); } text { fill: var(--text); } .title { font-size: 14px; font-weight: bold; } .rule { font-weight: bold; }
.axis { stroke: var(--axis); } .event { fill: var(--event); } .decoy { fill: var(--decoy); } .found { stroke: var(--found); stroke-width: 2; }
.hit { fill: var(--found); font-weight: bold; } .end { text-anchor: end; } .faint { fill: var(--faint); }
.event.curve, .decoy.curve { fill: none; stroke-width: 2; } .event.curve { stroke: var(--event); } .decoy.curve { stroke: var(--decoy); }
.limit { stroke: var(--found); stroke-dasharray: 5 4; }
.middle { text-anchor: middle; } .room { fill: var(--axis); opacity: 0.3; } .halo { stroke: var(--back); stroke-width: 5; paint-order: stroke; }
.node { fill: var(--back); stroke-width: 1.5; } .node.event, .edge.event { stroke: var(--event); } .node.decoy, .edge.decoy { stroke: var(--decoy); }
.edge { stroke-width: 1.5; } .edge.axis { stroke-width: 1; } .head.axis { fill: var(--axis); stroke: none; }
.edge.chain, .node.chain { stroke: var(--found); stroke-width: 3; } .head.chain { fill: var(--found); }
</style>
<rect class="back" width="100%" height="100%"/>
`

// sheet is a drawing of that height under its title.
func sheet(title, drawing string, height float64) string {
	name := html.EscapeString(title)
	return fmt.Sprintf("<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\">\n<title>%s</title>\n%s<text class=\"title\" x=\"%.0f\" y=\"24\">%s</text>\n%s</svg>\n",
		width, height, width, height, name, pictureStyle, side, name, drawing)
}

// head writes what the marks mean, and says where the lanes begin.
func head(b *strings.Builder, lanes []lane) float64 {
	const y = 42.0
	mark := func(x float64, class, text string) {
		fmt.Fprintf(b, "<circle class=\"%s\" cx=\"%.0f\" cy=\"%.0f\" r=\"4\"/><text class=\"faint\" x=\"%.0f\" y=\"%.0f\">%s</text>\n", class, x, y-4, x+9, y, text)
	}
	mark(side+4, "event", "an event of a story that is to be found")
	fmt.Fprintf(b, "<line class=\"found\" x1=\"%.0f\" y1=\"%.0f\" x2=\"%.0f\" y2=\"%.0f\"/><text class=\"faint\" x=\"%.0f\" y=\"%.0f\">when it is found</text>\n",
		side+310, y-12, side+310, y+2, side+318, y)
	if slices.ContainsFunc(lanes, func(l lane) bool { return l.label.Rule == "" }) {
		mark(side+450, "decoy", "an event of a decoy, which no rule may find")
	}
	return y + 12
}

// span is the time that a lane shows.
func (l *lane) span() (from, to time.Time) {
	from, to = l.label.From, l.label.To
	if l.found.After(to) {
		to = l.found
	}
	if to.Sub(from) < time.Second {
		to = from.Add(time.Second)
	}
	return from, to
}

func (l *lane) x(t time.Time) float64 {
	from, to := l.span()
	share := float64(t.Sub(from)) / float64(to.Sub(from))
	return side + 10 + max(0, min(1, share))*(width-2*side-80)
}

// draw draws the lane from y on, and says where it ends.
func (l *lane) draw(b *strings.Builder, y float64) float64 {
	from, to := l.span()
	rule, class := l.label.Rule, "event"
	if rule == "" {
		rule, class = "found by none", "decoy"
	}
	fmt.Fprintf(b, "<text x=\"%.0f\" y=\"%.0f\"><tspan class=\"rule\">%s</tspan>  %s <tspan class=\"faint\">%s</tspan></text>\n",
		side, y+16, html.EscapeString(rule), html.EscapeString(l.label.Story), html.EscapeString(clip(l.label.KeyText(), maxHead-len(rule)-len(l.label.Story))))
	fmt.Fprintf(b, "<text class=\"end faint\" x=\"%.0f\" y=\"%.0f\">%s, %s</text>\n", width-side, y+16, from.Format("Mon 15:04"), short(to.Sub(from)))
	if l.graph != nil {
		return l.network().draw(b, y)
	}
	if field, values := l.course(); values != nil {
		l.plot(b, y+laneTitle+8, class, l.plots[field], values)
		return y + laneTitle + 8 + curve + laneEnd
	}
	axis := y + laneTitle + 14
	fmt.Fprintf(b, "<line class=\"axis\" x1=\"%.0f\" y1=\"%.1f\" x2=\"%.0f\" y2=\"%.1f\"/>\n", side, axis, width-side, axis)
	l.mark(b, axis-12, axis+12)
	for i := range l.events {
		fmt.Fprintf(b, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>\n", class, l.x(l.events[i].Time), axis)
	}
	rows := l.texts(b, axis+22)
	return axis + 10 + float64(rows)*rowHeight + laneEnd
}

// mark shows when the story was found.
func (l *lane) mark(b *strings.Builder, top, bottom float64) {
	if l.found.IsZero() {
		return
	}
	x := l.x(l.found)
	fmt.Fprintf(b, "<line class=\"found\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n<text class=\"hit\" x=\"%.1f\" y=\"%.1f\">found</text>\n", x, top, x, bottom, x+5, top+7)
}

// texts writes what tells the events apart, in the first row with room; those
// without are left out. It says how many rows there are.
func (l *lane) texts(b *strings.Builder, y float64) (rows int) {
	var ends [textRows]float64
	names := l.telling()
	for i := range l.events {
		label := l.text(&l.events[i], names)
		x := min(l.x(l.events[i].Time)-4, width-side-float64(len(label))*glyph)
		for row := range ends {
			if label != "" && x > ends[row] {
				fmt.Fprintf(b, "<text x=\"%.1f\" y=\"%.1f\">%s</text>\n", x, y+float64(row)*rowHeight, html.EscapeString(label))
				ends[row], rows = x+float64(len(label)+1)*glyph, max(rows, row+1)
				break
			}
		}
	}
	return rows
}

// telling is the fields that differ between the events of the lane.
func (l *lane) telling() (names []string) {
	first := map[string]string{}
	for i := range l.events {
		e := &l.events[i]
		for k := range e.Fields {
			f := &e.Fields[k]
			v := string(f.Value.AppendText(nil))
			if before, ok := first[f.Name]; ok && before != v || !ok && i > 0 {
				if !slices.Contains(names, f.Name) {
					names = append(names, f.Name)
				}
			}
			if _, ok := first[f.Name]; !ok {
				first[f.Name] = v
			}
		}
	}
	return names
}

// text is an event's values of those fields, but for its time.
func (l *lane) text(e *scenario.Event, names []string) string {
	var parts []string
	for k := range e.Fields {
		if f := &e.Fields[k]; k > 0 && slices.Contains(names, f.Name) && !f.Value.Null() {
			parts = append(parts, shown(f))
		}
	}
	if e.Record != nil {
		parts = []string{*e.Record}
	}
	s := strings.Join(parts, " ")
	return clip(s, maxLabel)
}

// clip is a text of at most so many letters.
func clip(s string, letters int) string {
	if letters = max(letters, 1); len(s) > letters {
		return s[:letters-1] + "…"
	}
	return s
}

// shown is a value as it stands under its event; a flag is its name.
func shown(f *scenario.Field) string {
	switch v := string(f.Value.AppendText(nil)); v {
	case "true":
		return f.Name
	case "false":
		return "not " + f.Name
	default:
		return v
	}
}

// short is a duration in its two largest units.
func short(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d d", d/(24*time.Hour))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%d s", d/time.Second)
}
