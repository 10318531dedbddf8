package gallery

import (
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
	laneTotal = laneTitle + 22 + textRows*rowHeight + 14
	glyph     = 6.1 // width of a letter
	maxLabel  = 26  // letters
	maxDecoys = 4
)

// lane is one story along its time.
type lane struct {
	label  scenario.Label
	events []scenario.Event
	found  time.Time // zero: it was not
}

// Painter watches a play and draws, for each rule, the first story that it found,
// and the first of some kinds that only look like one.
type Painter struct {
	events map[int][]scenario.Event // by telling
	decoys []scenario.Label         // the first of each story
	found  map[string]lane          // by rule, the first
}

// NewPainter has seen nothing yet.
func NewPainter() *Painter {
	return &Painter{events: map[int][]scenario.Event{}, found: map[string]lane{}}
}

// Picture is what it has seen of an example, as SVG.
func (p *Painter) Picture(e Example) string { return draw(e.Title, p.lanes(e.Scenario)) }

// Told is for Options.Told.
func (p *Painter) Told(l scenario.Label) {
	same := func(o scenario.Label) bool { return o.Story == l.Story }
	if l.Rule == "" && len(p.decoys) < maxDecoys && !slices.ContainsFunc(p.decoys, same) {
		p.decoys = append(p.decoys, l)
	}
}

// Sent is for Options.Sent.
func (p *Painter) Sent(e *scenario.Event) { p.events[e.Telling] = append(p.events[e.Telling], *e) }

// Saw is for Options.Saw.
func (p *Painter) Saw(f Finding) {
	if _, ok := p.found[f.Rule]; !ok && f.Verdict == scenario.Found {
		p.found[f.Rule] = lane{label: *f.Label, found: f.Time}
	}
}

func (p *Painter) lanes(f *scenario.File) (list []lane) {
	for _, r := range f.Rules {
		if l, ok := p.found[r.Name]; ok {
			list = append(list, l)
		}
	}
	for _, l := range p.decoys {
		list = append(list, lane{label: l})
	}
	for i := range list {
		l := &list[i]
		l.events = p.events[l.label.Telling]
		slices.SortStableFunc(l.events, func(a, b scenario.Event) int { return a.Time.Compare(b.Time) })
	}
	return list
}

const pictureStyle = `<style>
svg { background: white; font: 10px "DejaVu Sans Mono", Menlo, Consolas, monospace; }
text { fill: #333; } .title { font-size: 13px; font-weight: bold; } .rule { font-weight: bold; font-size: 11px; }
.axis { stroke: #bbb; } .event { fill: #4a7ab5; } .decoy { fill: #aaa; } .found { stroke: #c62828; stroke-width: 2; } .hit { fill: #c62828; font-weight: bold; }
.end { text-anchor: end; } .middle { text-anchor: middle; } .faint { fill: #888; }
</style>
<rect width="100%" height="100%" fill="white"/>
`

func draw(title string, lanes []lane) string {
	var b strings.Builder
	height := 36 + float64(len(lanes))*laneTotal
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\">\n%s", width, height, width, height, pictureStyle)
	fmt.Fprintf(&b, "<text class=\"title\" x=\"%.0f\" y=\"24\">%s</text>\n", side, html.EscapeString(title))
	for i := range lanes {
		lanes[i].draw(&b, 36+float64(i)*laneTotal)
	}
	b.WriteString("</svg>\n")
	return b.String()
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

func (l *lane) draw(b *strings.Builder, y float64) {
	from, to := l.span()
	rule, class := l.label.Rule, "event"
	if rule == "" {
		rule, class = "found by none", "decoy"
	}
	axis := y + laneTitle + 14
	fmt.Fprintf(b, "<text x=\"%.0f\" y=\"%.0f\"><tspan class=\"rule\">%s</tspan>  %s <tspan class=\"faint\">%s</tspan></text>\n",
		side, y+16, html.EscapeString(rule), html.EscapeString(l.label.Story), html.EscapeString(l.label.KeyText()))
	fmt.Fprintf(b, "<text class=\"end faint\" x=\"%.0f\" y=\"%.0f\">%s, %s</text>\n", width-side, y+16, from.Format("Mon 15:04"), short(to.Sub(from)))
	fmt.Fprintf(b, "<line class=\"axis\" x1=\"%.0f\" y1=\"%.1f\" x2=\"%.0f\" y2=\"%.1f\"/>\n", side, axis, width-side, axis)
	if !l.found.IsZero() {
		x := l.x(l.found)
		fmt.Fprintf(b, "<line class=\"found\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n<text class=\"hit\" x=\"%.1f\" y=\"%.1f\">found</text>\n", x, axis-12, x, axis+12, x+5, axis-5)
	}
	for i := range l.events {
		fmt.Fprintf(b, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>\n", class, l.x(l.events[i].Time), axis)
	}
	l.texts(b, axis+22)
}

// texts writes what tells the events apart, in the first row with room; those
// without are left out.
func (l *lane) texts(b *strings.Builder, y float64) {
	var ends [textRows]float64
	names := l.telling()
	for i := range l.events {
		label := l.text(&l.events[i], names)
		x := min(l.x(l.events[i].Time)-4, width-side-float64(len(label))*glyph)
		for row := range ends {
			if label != "" && x > ends[row] {
				fmt.Fprintf(b, "<text x=\"%.1f\" y=\"%.1f\">%s</text>\n", x, y+float64(row)*rowHeight, html.EscapeString(label))
				ends[row] = x + float64(len(label)+1)*glyph
				break
			}
		}
	}
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
	if len(s) > maxLabel {
		s = s[:maxLabel-1] + "…"
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
