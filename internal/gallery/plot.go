package gallery

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"

	"github.com/cepd/cepd/internal/scenario"
)

// pointsOfPlot is how many values a course has at least.
const pointsOfPlot = 3

// course is the field of the events whose course the scenario says can be drawn, with
// its values; NaN where an event has none. Where something else than this field and
// the time tells the events apart, values is nil.
func (l *lane) course() (field string, values []float64) {
	names := slices.DeleteFunc(l.telling(), func(name string) bool { return name == l.events[0].Fields[0].Name })
	if len(names) != 1 {
		return "", nil
	}
	if _, ok := l.plots[names[0]]; !ok {
		return "", nil
	}
	n := 0
	for i := range l.events {
		values = append(values, math.NaN())
		for k := range l.events[i].Fields {
			f := &l.events[i].Fields[k]
			if x, ok := f.Value.Number(); ok && f.Name == names[0] {
				values[i] = x
				n++
			}
		}
	}
	if n < pointsOfPlot {
		return "", nil
	}
	return names[0], values
}

// plot draws values over the time of the lane, with their scale and the threshold.
func (l *lane) plot(b *strings.Builder, y float64, class string, p scenario.Plot, values []float64) {
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if !math.IsNaN(v) {
			low, high = min(low, v), max(high, v)
		}
	}
	if p.Line != nil {
		low, high = min(low, *p.Line), max(high, *p.Line)
	}
	if high == low {
		high = low + 1
	}
	at := func(v float64) float64 { return y + curve - (v-low)/(high-low)*curve }
	scale := func(v float64) {
		fmt.Fprintf(b, "<text class=\"end faint\" x=\"%.0f\" y=\"%.1f\">%.4g %s</text>\n", width-side, at(v)+4, v, html.EscapeString(p.Unit))
	}
	fmt.Fprintf(b, "<line class=\"axis\" x1=\"%.0f\" y1=\"%.1f\" x2=\"%.0f\" y2=\"%.1f\"/>\n", side, y+curve, width-side-60, y+curve)
	scale(low)
	if at(low)-at(high) > 14 {
		scale(high)
	}
	if p.Line != nil {
		fmt.Fprintf(b, "<line class=\"limit\" x1=\"%.0f\" y1=\"%.1f\" x2=\"%.0f\" y2=\"%.1f\"/>\n", side, at(*p.Line), width-side-60, at(*p.Line))
		if at(*p.Line)-at(high) > 12 && at(low)-at(*p.Line) > 12 {
			scale(*p.Line)
		}
	}
	l.line(b, class, values, at)
	l.mark(b, y-12, y+curve)
}

// line joins the values, and marks each where there are few.
func (l *lane) line(b *strings.Builder, class string, values []float64, at func(float64) float64) {
	var points strings.Builder
	for i, v := range values {
		if math.IsNaN(v) {
			continue
		}
		x := l.x(l.events[i].Time)
		fmt.Fprintf(&points, "%.1f,%.1f ", x, at(v))
		if len(values) <= 40 {
			fmt.Fprintf(b, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"/>\n", class, x, at(v))
		}
	}
	fmt.Fprintf(b, "<polyline class=\"%s curve\" points=\"%s\"/>\n", class, strings.TrimSpace(points.String()))
}
