package backtest

import (
	"fmt"
	"html"
	"strings"
)

// The plot's measures, in its own units.
const (
	plotWidth  = 960
	plotHeight = 220
	plotLeft   = 56
	plotBottom = 26
	plotTop    = 8
	plotTicks  = 4
	plotLabels = 10
)

// plot draws the parts as columns, in SVG: the version before stands beside the
// query. Colours are the page's.
func plot(parts []Part, compared bool) string {
	if len(parts) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="plot" viewBox="0 0 %d %d" role="img" aria-label="Detections per day">`+"\n", plotWidth, plotHeight)
	top := niceTop(most(parts))
	for i := range plotTicks + 1 {
		n := top * i / plotTicks
		y := height(n, top)
		fmt.Fprintf(&b, `<path class="grid" d="M%d %.1fH%d"/><text x="%d" y="%.1f" class="y">%d</text>`+"\n", plotLeft, y, plotWidth, plotLeft-6, y+4, n)
	}
	slot := float64(plotWidth-plotLeft) / float64(len(parts))
	every := (len(parts) + plotLabels - 1) / plotLabels
	for i, p := range parts {
		x := plotLeft + float64(i)*slot
		width := slot * 0.8
		if compared {
			width /= 2
			column(&b, "before", x+slot*0.1+width, width, p.Before, top, p.Name+", before")
		}
		column(&b, "after", x+slot*0.1, width, p.After, top, p.Name)
		if i%every == 0 {
			fmt.Fprintf(&b, `<text x="%.1f" y="%d" class="x">%s</text>`+"\n", x+slot/2, plotHeight-8, html.EscapeString(p.Name))
		}
	}
	b.WriteString("</svg>")
	return b.String()
}

func height(n, top int) float64 {
	return plotTop + float64(plotHeight-plotBottom-plotTop)*(1-float64(n)/float64(top))
}

func column(b *strings.Builder, class string, x, width float64, n, top int, name string) {
	y := height(n, top)
	fmt.Fprintf(b, `<rect class="%s" x="%.1f" y="%.1f" width="%.2f" height="%.1f"><title>%s: %d</title></rect>`+"\n",
		class, x, y, width, plotHeight-plotBottom-y, html.EscapeString(name), n)
}

// niceTop is the end of the scale: a number that ticks divide, with a round step.
func niceTop(n int) int {
	step := 1
	for {
		for _, f := range []int{1, 2, 5} {
			if step*f*plotTicks >= n {
				return step * f * plotTicks
			}
		}
		step *= 10
	}
}
